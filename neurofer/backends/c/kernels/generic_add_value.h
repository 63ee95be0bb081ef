/* Adds to drive[steps][channels] `unit` times the values of one pixel. */
static void nf_add_value_X_S(const nf_view *w, S_T unit, const X_T *values, int32_t steps, int32_t y, int32_t x,
                             S_T *drive)
{
    for (int32_t t = 0; t < steps; t++) {
        const X_T *pixel = values + (ptrdiff_t)t * w->hop + (ptrdiff_t)y * w->row + (ptrdiff_t)x * w->channels;
        for (int32_t c = 0; c < w->channels; c++)
            drive[(ptrdiff_t)t * w->channels + c] += unit * (S_T)pixel[c];
    }
}
