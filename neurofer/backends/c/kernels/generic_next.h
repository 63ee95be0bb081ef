/* The number of the lowest set bit. */
static inline int32_t nf_lowest(uint64_t word)
{
#ifdef __GNUC__
    return (int32_t)__builtin_ctzll(word);
#else
    int32_t k = 0;
    for (; (word & 1u) == 0; word >>= 1)
        k++;
    return k;
#endif
}

/* The first set bit of a row from `at` on and before `end`; `end` if there is none. */
static inline int32_t nf_next(const uint64_t *row, int32_t at, int32_t end)
{
    while (at < end) {
        const uint64_t rest = row[at >> 6] >> (at & 63);
        if (rest != 0) {
            at += nf_lowest(rest);
            return at < end ? at : end;
        }
        at = (at | 63) + 1;
    }
    return end;
}
