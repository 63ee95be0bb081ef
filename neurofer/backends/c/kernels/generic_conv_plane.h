/* Adds to drive[steps][outputs] what the spikes of a plane cause at one output pixel: one row of weights per spike.
   weight[group][kernel_y][kernel_x][channels / groups][outputs / groups]; terms in the order of these indexes. */
static void nf_conv_plane_W_S(const nf_view *w, const W_T *weight, const uint64_t *plane, int32_t steps, int32_t y,
                              int32_t x, S_T *drive)
{
    const int32_t inputs = w->channels / w->groups, outputs = w->outputs / w->groups;
    for (int32_t ky = 0; ky < w->kernel_y; ky++) {
        const int32_t iy = y * w->stride_y + ky * w->dilation_y - w->pad_y;
        if (iy < 0 || iy >= w->height)
            continue;
        for (int32_t kx = 0; kx < w->kernel_x; kx++) {
            const int32_t ix = x * w->stride_x + kx * w->dilation_x - w->pad_x;
            if (ix < 0 || ix >= w->width)
                continue;
            for (int32_t t = 0; t < steps; t++) {
                const uint64_t *row = plane + (ptrdiff_t)t * w->hop + (ptrdiff_t)iy * w->row;
                for (int32_t g = 0; g < w->groups; g++) {
                    const W_T *block =
                        weight + (ptrdiff_t)((g * w->kernel_y + ky) * w->kernel_x + kx) * inputs * outputs;
                    const int32_t first = ix * w->channels + g * inputs;
                    S_T *sum = drive + (ptrdiff_t)t * w->outputs + (ptrdiff_t)g * outputs;
                    for (int32_t c = 0; c < inputs; c += 32) {
                        uint32_t bits = nf_bits(row, first + c, nf_least(32, inputs - c));
                        for (; bits != 0; bits &= bits - 1) {
                            const W_T *line = block + (ptrdiff_t)(c + nf_lowest(bits)) * outputs;
                            for (int32_t o = 0; o < outputs; o++)
                                sum[o] += (S_T)line[o];
                        }
                    }
                }
            }
        }
    }
}
