/* A plane in another grid of as many neurons, both in the order [channels, height, width] of the program. */
static void nf_reorder_plane(const nf_view *w, const uint64_t *plane, int32_t steps, int32_t height, int32_t width,
                             int32_t channels, int32_t row, uint64_t *out)
{
    memset(out, 0, (size_t)steps * (size_t)height * (size_t)row * sizeof *out);
    for (int32_t t = 0; t < steps; t++, out += (ptrdiff_t)height * row) {
        int32_t flat = 0;
        for (int32_t c = 0; c < w->channels; c++)
            for (int32_t y = 0; y < w->height; y++)
                for (int32_t x = 0; x < w->width; x++, flat++) {
                    const uint64_t *line = plane + (ptrdiff_t)t * w->hop + (ptrdiff_t)y * w->row;
                    const int32_t place = flat % (height * width);
                    nf_or_bits(out + (ptrdiff_t)(place / width) * row, place % width * channels + flat / (height * width), 1,
                               nf_bits(line, x * w->channels + c, 1));
                }
    }
}
