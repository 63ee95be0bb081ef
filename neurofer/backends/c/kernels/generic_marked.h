/* 32 bytes of 0 or 1 as bits: compilers make vectors of loops that store bytes, and none of loops that gather bits. */
NF_INLINE uint32_t nf_marked(const uint8_t *marks)
{
    uint32_t bits = 0;
    for (int32_t k = 0; k < 4; k++) {
        uint64_t eight;
        memcpy(&eight, marks + 8 * k, 8);
        bits |= (uint32_t)((eight * UINT64_C(0x0102040810204080)) >> 56) << 8 * k;
    }
    return bits;
}
