/* Max pooling of a plane: a spike wherever the window holds one. out[steps][height][row]. */
static void nf_or(const nf_window *w, const uint64_t *plane, int32_t steps, int32_t height, int32_t width, int32_t row,
                  uint64_t *out)
{
    memset(out, 0, (size_t)steps * (size_t)height * (size_t)row * sizeof *out);
    for (int32_t t = 0; t < steps; t++)
        for (int32_t y = 0; y < height; y++, out += row)
            for (int32_t ky = 0; ky < w->kernel_y; ky++) {
                const int32_t iy = y * w->stride_y + ky - w->pad_y;
                if (iy < 0 || iy >= w->height)
                    continue;
                const uint64_t *line = plane + (ptrdiff_t)t * w->hop + (ptrdiff_t)iy * w->row;
                for (int32_t x = 0; x < width; x++)
                    for (int32_t kx = 0; kx < w->kernel_x; kx++) {
                        const int32_t ix = x * w->stride_x + kx - w->pad_x;
                        if (ix < 0 || ix >= w->width)
                            continue;
                        for (int32_t c = 0; c < w->channels; c += 64) {
                            const int32_t count = w->channels - c < 64 ? w->channels - c : 64;
                            nf_put(out, x * w->channels + c, nf_get(line, ix * w->channels + c, count));
                        }
                    }
            }
}
