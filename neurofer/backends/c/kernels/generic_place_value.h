/* Writes `unit` times the values to a larger grid: pixel (0, 0), channel 0 comes to (y0, x0), channel c0. */
static void nf_place_value_X_S(const nf_view *w, S_T unit, const X_T *values, int32_t steps, int32_t y0, int32_t x0,
                               int32_t c0, int32_t height, int32_t width, int32_t channels, S_T *out)
{
    for (int32_t t = 0; t < steps; t++)
        for (int32_t y = 0; y < w->height; y++)
            for (int32_t x = 0; x < w->width; x++) {
                const X_T *pixel = values + (ptrdiff_t)t * w->hop + (ptrdiff_t)y * w->row + (ptrdiff_t)x * w->channels;
                S_T *place = out + (((ptrdiff_t)t * height + y0 + y) * width + x0 + x) * channels + c0;
                for (int32_t c = 0; c < w->channels; c++)
                    place[c] = unit * (S_T)pixel[c];
            }
}
