/* Writes to drive[steps][channels] the largest value in the window of one output pixel; padding never wins. */
static void nf_max_value_X_S(const nf_view *w, const X_T *values, int32_t steps, int32_t y, int32_t x, S_T *drive)
{
    for (int32_t t = 0; t < steps; t++) {
        S_T *best = drive + (ptrdiff_t)t * w->channels;
        int first = 1;
        for (int32_t ky = 0; ky < w->kernel_y; ky++) {
            const int32_t iy = y * w->stride_y + ky - w->pad_y;
            if (iy < 0 || iy >= w->height)
                continue;
            for (int32_t kx = 0; kx < w->kernel_x; kx++) {
                const int32_t ix = x * w->stride_x + kx - w->pad_x;
                if (ix < 0 || ix >= w->width)
                    continue;
                const X_T *pixel = values + (ptrdiff_t)t * w->hop + (ptrdiff_t)iy * w->row + (ptrdiff_t)ix * w->channels;
                for (int32_t c = 0; c < w->channels; c++)
                    if (first || (S_T)pixel[c] > best[c])
                        best[c] = (S_T)pixel[c];
                first = 0;
            }
        }
    }
}
