/* Which of 8 bytes are not 0, as 8 bits. */
NF_INLINE uint32_t nf_not_zero(uint64_t bytes)
{
    const uint64_t low = UINT64_C(0x7f7f7f7f7f7f7f7f), high = (((bytes & low) + low) | bytes) & ~low;
    return (uint32_t)(((high >> 7) * UINT64_C(0x0102040810204080)) >> 56);
}

/* The first `count` (1 to 8) of some bytes that are not 0, as bits. */
NF_INLINE uint32_t nf_spikes8(const uint8_t *bytes, int32_t count)
{
    uint64_t word = 0;
    if (count >= 8)
        memcpy(&word, bytes, 8);
    else
        memcpy(&word, bytes, (size_t)count);
    return nf_not_zero(word);
}
