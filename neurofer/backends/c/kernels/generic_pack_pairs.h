/* Eight bits with a gap behind each. */
NF_INLINE uint32_t nf_apart(uint32_t bits)
{
    bits = (bits | bits << 4) & 0x0f0fu;
    bits = (bits | bits << 2) & 0x3333u;
    return (bits | bits << 1) & 0x5555u;
}

/* The bits of two words in turns, from the lowest of `first` up. */
NF_INLINE uint64_t nf_in_turns(uint32_t first, uint32_t second)
{
#if NF_BYTES == 64
    return _pdep_u64(first, 0x5555555555555555u) | _pdep_u64(second, 0xaaaaaaaaaaaaaaaau);
#else
    uint64_t word = 0;
    for (int32_t i = 0; i < 4; i++)
        word |= (uint64_t)(nf_apart(first >> 8 * i & 255) | nf_apart(second >> 8 * i & 255) << 1) << 16 * i;
    return word;
#endif
}

/* Events of two polarities, uint8_t[steps][2][height][width], any value but 0, as a plane[steps][height][row]. */
static void nf_pack_pairs(const uint8_t *in, int32_t steps, int32_t height, int32_t width, int32_t row, uint64_t *out)
{
    const ptrdiff_t other = (ptrdiff_t)height * width;
    for (int32_t t = 0; t < steps; t++, in += other)
        for (int32_t y = 0; y < height; y++, in += width)
            for (int32_t x = 0; x < width; x += 32)
                out[((ptrdiff_t)t * height + y) * row + x / 32]
                    = nf_in_turns(nf_spikes32(in + x, width - x), nf_spikes32(in + other + x, width - x));
}
