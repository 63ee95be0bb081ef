/* Writes `unit` or 0 for every bit of a plane to a larger grid: pixel (0, 0), channel 0 comes to (y0, x0), channel c0. */
static void nf_place_bits_S(const nf_view *w, S_T unit, const uint64_t *plane, int32_t steps, int32_t y0, int32_t x0,
                            int32_t c0, int32_t height, int32_t width, int32_t channels, S_T *out)
{
    for (int32_t t = 0; t < steps; t++)
        for (int32_t y = 0; y < w->height; y++) {
            const uint64_t *line = plane + (ptrdiff_t)t * w->hop + (ptrdiff_t)y * w->row;
            for (int32_t x = 0; x < w->width; x++) {
                S_T *place = out + (((ptrdiff_t)t * height + y0 + y) * width + x0 + x) * channels + c0;
                for (int32_t c = 0; c < w->channels; c++)
                    place[c] = nf_bits(line, x * w->channels + c, 1) != 0 ? unit : (S_T)0;
            }
        }
}
