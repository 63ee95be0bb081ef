/* Adds to drive[steps][channels] `unit` for every spike in the window of one output pixel. */
static void nf_pool_plane_S(const nf_view *w, S_T unit, const uint64_t *plane, int32_t steps, int32_t y, int32_t x,
                            S_T *drive)
{
    const int32_t left = x * w->stride_x - w->pad_x, right = left + w->kernel_x;
    const int32_t first = left < 0 ? 0 : left, end = right > w->width ? w->width : right;
    for (int32_t ky = 0; ky < w->kernel_y; ky++) {
        const int32_t iy = y * w->stride_y + ky - w->pad_y;
        if (iy < 0 || iy >= w->height)
            continue;
        for (int32_t t = 0; t < steps; t++) {
            const uint64_t *row = plane + (ptrdiff_t)t * w->hop + (ptrdiff_t)iy * w->row;
            S_T *sum = drive + (ptrdiff_t)t * w->channels;
            for (int32_t ix = first; ix < end; ix++)
                for (int32_t c = 0; c < w->channels; c += 32) {
                    const int32_t count = nf_least(32, w->channels - c);
                    uint32_t bits = nf_bits(row, ix * w->channels + c, count);
#if NF_BYTES
                    for (int32_t i = 0; bits && i < count; i++) /* compilers make vectors of it */
                        sum[c + i] += unit * (S_T)(bits >> i & 1);
#else
                    for (; bits != 0; bits &= bits - 1)
                        sum[c + nf_lowest(bits)] += unit;
#endif
                }
        }
    }
}
