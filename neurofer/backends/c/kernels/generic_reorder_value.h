/* Values in another grid of as many neurons, both in the order [channels, height, width] of the program. */
static void nf_reorder_value_X(const nf_view *w, const X_T *values, int32_t steps, int32_t pixels, int32_t channels,
                               X_T *out)
{
    for (int32_t t = 0; t < steps; t++, out += (ptrdiff_t)pixels * channels) {
        int32_t flat = 0;
        for (int32_t c = 0; c < w->channels; c++)
            for (int32_t p = 0; p < w->height * w->width; p++, flat++)
                out[(ptrdiff_t)(flat % pixels) * channels + flat / pixels] =
                    values[(ptrdiff_t)t * w->hop + (ptrdiff_t)p * w->channels + c];
    }
}
