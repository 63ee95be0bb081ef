/* `count` bits (at most 64) of a row from bit `at` on. */
static inline uint64_t nf_get(const uint64_t *row, int32_t at, int32_t count)
{
    const int32_t shift = at & 63;
    uint64_t bits = row[at >> 6] >> shift;
    if (shift + count > 64)
        bits |= row[(at >> 6) + 1] << (64 - shift);
    return count < 64 ? bits & (((uint64_t)1 << count) - 1) : bits;
}
