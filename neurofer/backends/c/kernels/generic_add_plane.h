/* Adds to drive[steps][channels] `unit` for every spike of one pixel. */
static void nf_add_plane_S(const nf_view *w, S_T unit, const uint64_t *plane, int32_t steps, int32_t y, int32_t x,
                           S_T *drive)
{
    for (int32_t t = 0; t < steps; t++) {
        const uint64_t *row = plane + (ptrdiff_t)t * w->hop + (ptrdiff_t)y * w->row;
        for (int32_t c = 0; c < w->channels; c += 32) {
            uint32_t bits = nf_bits(row, x * w->channels + c, nf_least(32, w->channels - c));
            for (; bits != 0; bits &= bits - 1)
                drive[(ptrdiff_t)t * w->channels + c + nf_lowest(bits)] += unit;
        }
    }
}
