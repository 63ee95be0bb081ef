/* The bit of lag[...] steps ago, 0 before the first step. `past` holds `slots` planes, that of step s at s % slots. */
static void nf_delay_plane(const nf_view *w, const int32_t *lag, const uint64_t *past, int32_t slots, int32_t start,
                           int32_t steps, uint64_t *out)
{
    memset(out, 0, (size_t)steps * (size_t)w->height * (size_t)w->row * sizeof *out);
    for (int32_t s = start; s < start + steps; s++) {
        const int32_t *late = lag;
        for (int32_t y = 0; y < w->height; y++, out += w->row)
            for (int32_t k = 0; k < w->width * w->channels; k++, late++)
                if (*late <= s)
                    nf_or_bits(out, k, 1, nf_bits(past + ((ptrdiff_t)((s - *late) % slots) * w->height + y) * w->row, k, 1));
    }
}
