/* Spikes uint8_t[steps][channels][height][width], any value but 0, as a plane[steps][height][row]. */
static void nf_pack(const uint8_t *in, int32_t steps, int32_t channels, int32_t height, int32_t width, int32_t row,
                    uint64_t *out)
{
    memset(out, 0, (size_t)steps * (size_t)height * (size_t)row * sizeof *out);
    for (int32_t t = 0; t < steps; t++)
        for (int32_t c = 0; c < channels; c++)
            for (int32_t y = 0; y < height; y++, in += width) {
                uint64_t *line = out + ((ptrdiff_t)t * height + y) * row;
                for (int32_t x = 0; x < width; x += 32)
                    for (uint32_t bits = nf_spikes32(in + x, width - x); bits != 0; bits &= bits - 1) {
                        const int32_t k = (x + nf_lowest(bits)) * channels + c;
                        line[k >> 6] |= (uint64_t)1 << (k & 63);
                    }
            }
}
