/* Bits of planes. */

/* Number of the lowest bit that is set; bits must not be 0. */
NF_INLINE int32_t nf_lowest(uint32_t bits)
{
#if defined(__GNUC__) && (!defined(__riscv) || defined(__riscv_zbb))
    return (int32_t)__builtin_ctz(bits);
#else
    /* A de Bruijn product: cores without the instruction need no call and no loop. */
    static const uint8_t place[32] = {0,  1,  28, 2,  29, 14, 24, 3, 30, 22, 20, 15, 25, 17, 4,  8,
                                      31, 27, 13, 23, 21, 19, 16, 7, 26, 12, 18, 6,  11, 5,  10, 9};
    return place[((bits & (0u - bits)) * 0x077CB531u) >> 27];
#endif
}

NF_INLINE uint32_t nf_low_mask(int32_t count) /* 1 to 32 ones */
{
    return 0xffffffffu >> (32 - count);
}

/* `count` (1 to 32) bits of a row from bit `first` on. */
NF_INLINE uint32_t nf_bits(const uint64_t *row, int32_t first, int32_t count)
{
    const uint64_t *word = row + (first >> 6);
    const int32_t shift = first & 63;
    uint32_t bits;
    if (shift + count > 64)
        bits = (uint32_t)(word[0] >> shift) | (uint32_t)(word[1] << (64 - shift));
    else if (shift >= 32)
        bits = (uint32_t)(word[0] >> 32) >> (shift - 32);
    else if (shift + count <= 32)
        bits = (uint32_t)word[0] >> shift;
    else
        bits = (uint32_t)(word[0] >> shift);
    return bits & nf_low_mask(count);
}

/* Sets those of `count` (1 to 32) bits from bit `first` on that are set in `bits`. */
NF_INLINE void nf_or_bits(uint64_t *row, int32_t first, int32_t count, uint32_t bits)
{
    uint64_t *word = row + (first >> 6);
    const int32_t shift = first & 63;
    word[0] |= (uint64_t)bits << shift;
    if (shift + count > 64)
        word[1] |= (uint64_t)bits >> (64 - shift);
}

NF_INLINE void nf_clear(nf_shape shape, int32_t steps, uint64_t *plane)
{
    memset(plane, 0, (size_t)(steps * shape.height * shape.stride) * sizeof *plane);
}

NF_INLINE const uint64_t *nf_row(const nf_source *source, int32_t term, int32_t t, int32_t y)
{
    return source->planes[term] + (t * source->shape.height + y) * source->shape.stride;
}

/* Spikes in the planes of a source: of all, of the plane with most, which plane that is; and the words of a plane. */
typedef struct {
    int64_t all, most, words;
    int32_t term;
} nf_spike_counts;

#if NF_BYTES == 64
NF_INLINE nf_spike_counts nf_count_spikes(const nf_source *source)
{
    nf_spike_counts counts = {0, -1, (int64_t)source->steps * source->shape.height * source->shape.stride, 0};
    for (int32_t term = 0; term < source->terms; term++) {
        int64_t spikes = 0;
        for (int64_t i = 0; i < counts.words; i++)
            spikes += _mm_popcnt_u64(source->planes[term][i]);
        counts.all += spikes;
        if (spikes > counts.most) {
            counts.most = spikes;
            counts.term = term;
        }
    }
    return counts;
}
#endif

/* Names the planes that layers read. */
NF_INLINE nf_source nf_gather(nf_shape shape, const uint64_t *const *planes, int32_t terms, int32_t steps,
                              int32_t samples, ptrdiff_t hop)
{
    nf_source source = {shape, terms, steps, samples, hop, {NULL}};
    for (int32_t term = 0; term < terms; term++)
        source.planes[term] = planes[term];
    return source;
}

/* The planes of one sample. */
NF_INLINE nf_source nf_sample(const nf_source *source, int32_t sample)
{
    nf_source one = *source;
    one.samples = 1;
    for (int32_t term = 0; term < source->terms; term++)
        one.planes[term] += sample * source->hop;
    return one;
}

NF_INLINE int32_t nf_int(nf_ints of, int32_t pixel, int32_t channel)
{
    return of.values[pixel * of.per_pixel + channel * of.per_channel];
}

NF_INLINE float nf_float(nf_floats of, int32_t pixel, int32_t channel)
{
    return of.values[pixel * of.per_pixel + channel * of.per_channel];
}

NF_INLINE int32_t nf_least(int32_t a, int32_t b)
{
    return a < b ? a : b;
}
