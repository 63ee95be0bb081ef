/* The first set bit of a row from `at` on and before `end`; `end` if there is none. */
NF_INLINE int32_t nf_next(const uint64_t *row, int32_t at, int32_t end)
{
    while (at < end) {
        const uint64_t word = row[at >> 6];
        const uint32_t rest = ((at & 32) != 0 ? (uint32_t)(word >> 32) : (uint32_t)word) >> (at & 31);
        if (rest != 0) {
            at += nf_lowest(rest);
            return at < end ? at : end;
        }
        at = (at | 31) + 1;
    }
    return end;
}
