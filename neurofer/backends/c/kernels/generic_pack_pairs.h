/* Eight bits with a gap behind each. */
NF_INLINE uint32_t nf_apart(uint32_t bits)
{
    bits = (bits | bits << 4) & 0x0f0fu;
    bits = (bits | bits << 2) & 0x3333u;
    return (bits | bits << 1) & 0x5555u;
}

/* Events of two polarities, uint8_t[steps][2][height][width], any value but 0, as a plane[steps][height][row]. */
static void nf_pack_pairs(const uint8_t *in, int32_t steps, int32_t height, int32_t width, int32_t row, uint64_t *out)
{
    const ptrdiff_t other = (ptrdiff_t)height * width;
    for (int32_t t = 0; t < steps; t++, in += other)
        for (int32_t y = 0; y < height; y++, in += width, out += row)
            for (int32_t k = 0; k < row; k++) {
                uint64_t word = 0;
                for (int32_t x = 32 * k; x < nf_least(32 * k + 32, width); x += 8) {
                    const uint32_t first = nf_apart(nf_spikes8(in + x, width - x));
                    const uint32_t second = nf_apart(nf_spikes8(in + other + x, width - x));
                    word |= (uint64_t)(first | second << 1) << (2 * x & 63);
                }
                out[k] = word;
            }
}
