/* Which of 8 bytes are not 0, as 8 bits. */
NF_INLINE uint32_t nf_not_zero(uint64_t bytes)
{
    const uint64_t low = UINT64_C(0x7f7f7f7f7f7f7f7f), high = (((bytes & low) + low) | bytes) & ~low;
    return (uint32_t)(((high >> 7) * UINT64_C(0x0102040810204080)) >> 56);
}

/* The first 32 (or fewer, if `count`, at least 1, says so) of some bytes that are not 0, as bits. */
NF_INLINE uint32_t nf_spikes32(const uint8_t *bytes, int32_t count)
{
#if NF_BYTES == 64
    const __m256i read = _mm256_maskz_loadu_epi8(nf_low_mask(nf_least(32, count)), bytes);
    return _mm256_test_epi8_mask(read, read);
#else
    uint32_t bits = 0;
    for (int32_t i = 0; i < nf_least(32, count); i += 8) {
        uint64_t word = 0;
        if (count - i >= 8)
            memcpy(&word, bytes + i, 8);
        else
            memcpy(&word, bytes + i, (size_t)(count - i));
        bits |= nf_not_zero(word) << i;
    }
    return bits;
#endif
}
