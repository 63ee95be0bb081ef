/* Sets bits of a row from bit `at` on; nothing beyond the highest set one is touched. */
static inline void nf_put(uint64_t *row, int32_t at, uint64_t bits)
{
    const int32_t shift = at & 63;
    row[at >> 6] |= bits << shift;
    if (shift != 0 && bits >> (64 - shift) != 0)
        row[(at >> 6) + 1] |= bits >> (64 - shift);
}
