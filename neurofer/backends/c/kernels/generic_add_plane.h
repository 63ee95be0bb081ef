/* Adds to drive[steps][channels] `unit` for every spike of one pixel. */
static void nf_add_plane_S(const nf_view *w, S_T unit, const uint64_t *plane, int32_t steps, int32_t y, int32_t x,
                           S_T *drive)
{
    const int32_t base = x * w->channels, stop = base + w->channels;
    for (int32_t t = 0; t < steps; t++) {
        const uint64_t *row = plane + (ptrdiff_t)t * w->hop + (ptrdiff_t)y * w->row;
        for (int32_t k = nf_next(row, base, stop); k < stop; k = nf_next(row, k + 1, stop))
            drive[(ptrdiff_t)t * w->channels + (k - base)] += unit;
    }
}
