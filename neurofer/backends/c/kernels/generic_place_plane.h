/* Copies a plane into a larger, cleared one: pixel (0, 0), channel 0 comes to (y0, x0), channel c0. */
static void nf_place_plane(const nf_view *w, const uint64_t *plane, int32_t steps, int32_t y0, int32_t x0, int32_t c0,
                           int32_t height, int32_t channels, int32_t row, uint64_t *out)
{
    for (int32_t t = 0; t < steps; t++)
        for (int32_t y = 0; y < w->height; y++) {
            const uint64_t *line = plane + (ptrdiff_t)t * w->hop + (ptrdiff_t)y * w->row;
            uint64_t *place = out + ((ptrdiff_t)t * height + y0 + y) * row;
            for (int32_t x = 0; x < w->width; x++)
                for (int32_t c = 0; c < w->channels; c += 32) {
                    const int32_t count = nf_least(32, w->channels - c);
                    nf_or_bits(place, (x0 + x) * channels + c0 + c, count, nf_bits(line, x * w->channels + c, count));
                }
        }
}
