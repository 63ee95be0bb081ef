/* Values X_T[steps][channels][height][width] with the channels innermost. */
static void nf_interleave_X(const X_T *in, int32_t steps, int32_t channels, int32_t pixels, X_T *out)
{
    for (int32_t t = 0; t < steps; t++, out += (ptrdiff_t)pixels * channels)
        for (int32_t c = 0; c < channels; c++)
            for (int32_t p = 0; p < pixels; p++)
                out[(ptrdiff_t)p * channels + c] = *in++;
}
