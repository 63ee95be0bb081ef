/* Spikes uint8_t[steps][channels][height][width] as a plane[steps][height][row]. */
static void nf_pack(const uint8_t *in, int32_t steps, int32_t channels, int32_t height, int32_t width, int32_t row,
                    uint64_t *out)
{
    memset(out, 0, (size_t)steps * (size_t)height * (size_t)row * sizeof *out);
    for (int32_t t = 0; t < steps; t++)
        for (int32_t c = 0; c < channels; c++)
            for (int32_t y = 0; y < height; y++) {
                uint64_t *line = out + ((ptrdiff_t)t * height + y) * row;
                for (int32_t x = 0, k = c; x < width; x++, k += channels)
                    line[k >> 6] |= (uint64_t)(*in++ != 0) << (k & 63);
            }
}
