/* The value of lag[...] steps ago, 0 before the first step. `past` holds `slots` steps, step s at s % slots. */
static void nf_delay_value_X(const int32_t *lag, const X_T *past, int32_t size, int32_t slots, int32_t start,
                             int32_t steps, X_T *out)
{
    for (int32_t s = start; s < start + steps; s++, out += size)
        for (int32_t k = 0; k < size; k++)
            out[k] = lag[k] <= s ? past[(ptrdiff_t)((s - lag[k]) % slots) * size + k] : (X_T)0;
}
