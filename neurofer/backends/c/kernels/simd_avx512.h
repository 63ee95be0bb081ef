/* 64 outputs at a time with AVX-512 (VBMI2). */

typedef struct {
    __m512i lane[4];
} nf_ints64;

/* 64 sums of 16 bits: of the even outputs, and of the odd ones. */
typedef struct {
    __m512i even, odd;
} nf_sums64;

/* Appends the positions of the bits of `word` to `to`, as base + 8 * position; returns the end. Writes up to
   NF_DECODE_SLACK entries behind the end. */
NF_INLINE uint16_t *nf_decode(uint64_t word, uint32_t base, uint16_t *to)
{
    static const uint8_t positions[64] = {0,  1,  2,  3,  4,  5,  6,  7,  8,  9,  10, 11, 12, 13, 14, 15,
                                          16, 17, 18, 19, 20, 21, 22, 23, 24, 25, 26, 27, 28, 29, 30, 31,
                                          32, 33, 34, 35, 36, 37, 38, 39, 40, 41, 42, 43, 44, 45, 46, 47,
                                          48, 49, 50, 51, 52, 53, 54, 55, 56, 57, 58, 59, 60, 61, 62, 63};
    const __m512i found = _mm512_maskz_compress_epi8(word, _mm512_loadu_si512(positions));
    const __m512i offset = _mm512_set1_epi16((int16_t)(uint16_t)base);
    const int32_t count = (int32_t)_mm_popcnt_u64(word);
    const __m512i low = _mm512_slli_epi16(_mm512_cvtepu8_epi16(_mm512_castsi512_si256(found)), 3);
    _mm512_storeu_si512(to, _mm512_add_epi16(low, offset));
    if (count > 32) {
        const __m512i high = _mm512_slli_epi16(_mm512_cvtepu8_epi16(_mm512_extracti64x4_epi64(found, 1)), 3);
        _mm512_storeu_si512(to + 32, _mm512_add_epi16(high, offset));
    }
    return to + count;
}

NF_INLINE nf_sums64 nf_no_sums(void)
{
    const nf_sums64 sums = {_mm512_setzero_si512(), _mm512_setzero_si512()};
    return sums;
}

NF_INLINE nf_sums64 nf_plus(nf_sums64 a, nf_sums64 b)
{
    nf_sums64 sums = {_mm512_add_epi16(a.even, b.even), _mm512_add_epi16(a.odd, b.odd)};
    /* Keeps the compiler from making one chain of several, and from doing all even outputs first. */
    __asm__("" : "+v"(sums.even), "+v"(sums.odd));
    return sums;
}

/* A row of weights as sums. */
NF_INLINE nf_sums64 nf_row_sums(const uint8_t *row)
{
    const __m512i bytes = _mm512_loadu_si512(row), bias = _mm512_set1_epi16(128);
    const nf_sums64 sums = {_mm512_sub_epi16(_mm512_and_si512(bytes, _mm512_set1_epi16(255)), bias),
                            _mm512_sub_epi16(_mm512_srli_epi16(bytes, 8), bias)};
    return sums;
}

/* to + sums */
NF_INLINE nf_ints64 nf_plus_sums(nf_ints64 to, nf_sums64 sums)
{
    to.lane[0] = _mm512_add_epi32(to.lane[0], _mm512_srai_epi32(_mm512_slli_epi32(sums.even, 16), 16));
    to.lane[1] = _mm512_add_epi32(to.lane[1], _mm512_srai_epi32(_mm512_slli_epi32(sums.odd, 16), 16));
    to.lane[2] = _mm512_add_epi32(to.lane[2], _mm512_srai_epi32(sums.even, 16));
    to.lane[3] = _mm512_add_epi32(to.lane[3], _mm512_srai_epi32(sums.odd, 16));
    return to;
}

NF_INLINE nf_ints64 nf_no_ints(void)
{
    const nf_ints64 none = {{_mm512_setzero_si512(), _mm512_setzero_si512(), _mm512_setzero_si512(), _mm512_setzero_si512()}};
    return none;
}

/* Sums of bytes by pairs, modulo 2^16: of the words (byte 0 + 256 * byte 1), and of their high bytes. */
typedef struct {
    __m512i words, highs;
} nf_pair_sum;

NF_INLINE nf_pair_sum nf_add_bytes(nf_pair_sum sum, const uint8_t *row)
{
    const __m512i bytes = _mm512_loadu_si512(row);
    sum.words = _mm512_add_epi16(sum.words, bytes);
    sum.highs = _mm512_add_epi16(sum.highs, _mm512_srli_epi16(bytes, 8));
    /* Keeps the compiler from adding rows to each other first, which costs it its registers. */
    __asm__("" : "+v"(sum.words), "+v"(sum.highs));
    return sum;
}

/* Rows go to four sums by turns: additions take two cycles. */
typedef struct {
    nf_pair_sum part[4];
} nf_pair_sums;

NF_INLINE nf_pair_sum nf_whole_sum(const nf_pair_sums *sums)
{
    const nf_pair_sum *part = sums->part;
    const nf_pair_sum sum = {
        _mm512_add_epi16(_mm512_add_epi16(part[0].words, part[1].words), _mm512_add_epi16(part[2].words, part[3].words)),
        _mm512_add_epi16(_mm512_add_epi16(part[0].highs, part[1].highs), _mm512_add_epi16(part[2].highs, part[3].highs))};
    return sum;
}

/* The sums of `rows` rows: the odd outputs are the high bytes, the even ones the words less 256 times those, each less
   128 a row. Exact for up to 256 rows of weights from -128 to 127, whatever the words do in between: 256 * -128 =
   -2^15 and 256 * 127 < 2^15. */
NF_INLINE nf_sums64 nf_unpaired(nf_pair_sum sum, int32_t rows)
{
    const __m512i bias = _mm512_set1_epi16((int16_t)(128 * rows));
    const nf_sums64 sums = {_mm512_sub_epi16(_mm512_sub_epi16(sum.words, _mm512_slli_epi16(sum.highs, 8)), bias),
                            _mm512_sub_epi16(sum.highs, bias)};
    return sums;
}

/* Adds the rows that 4 entries name. */
NF_INLINE void nf_add_four(nf_pair_sums *sums, const uint8_t *weights, uint64_t entries, size_t scale)
{
    sums->part[0] = nf_add_bytes(sums->part[0], weights + (entries & 0xffff) * scale);
    sums->part[1] = nf_add_bytes(sums->part[1], weights + (entries >> 16 & 0xffff) * scale);
    sums->part[2] = nf_add_bytes(sums->part[2], weights + (entries >> 32 & 0xffff) * scale);
    sums->part[3] = nf_add_bytes(sums->part[3], weights + (entries >> 48) * scale);
}

NF_INLINE void nf_add_eight(nf_pair_sums *sums, const uint8_t *weights, __m128i entries, size_t scale)
{
    nf_add_four(sums, weights, (uint64_t)_mm_cvtsi128_si64(entries), scale);
    nf_add_four(sums, weights, (uint64_t)_mm_extract_epi64(entries, 1), scale);
}

NF_INLINE __m128i nf_eight_entries(const uint16_t *entries)
{
    return _mm_loadu_si128((const __m128i *)(const void *)entries);
}

/* The sums of at most 256 rows. */
NF_INLINE nf_sums64 nf_sum_some(nf_block *block, const uint16_t *entries, int32_t count, int32_t first, size_t scale,
                                int32_t how)
{
    const uint8_t *weights = block->weights;
    if (how == NF_DIRECT) /* perhaps no address of an object, until an entry is added */
        weights = (const uint8_t *)((uintptr_t)weights - (uintptr_t)((intptr_t)first * (intptr_t)scale));
    const __m128i base = _mm_set1_epi16((int16_t)(how == NF_DIRECT ? 0 : first));
    const uint16_t *end = entries + (count & ~7);
    const char *ahead = block->ahead;
    const ptrdiff_t step = block->ahead_step;
    const nf_pair_sum none = {_mm512_setzero_si512(), _mm512_setzero_si512()};
    nf_pair_sums sums = {{none, none, none, none}};
    for (; entries < end; entries += 8, ahead += step) {
        if (how == NF_DIRECT) {
            uint64_t fours[2];
            memcpy(fours, entries, sizeof fours);
            nf_add_four(&sums, weights, fours[0], scale);
            nf_add_four(&sums, weights, fours[1], scale);
        } else {
            nf_add_eight(&sums, weights, _mm_sub_epi16(nf_eight_entries(entries), base), scale);
        }
        _mm_prefetch(ahead, _MM_HINT_T1);
        for (int32_t i = 0; how == NF_FAR && i < 8; i++)
            _mm_prefetch((const char *)weights + (uint16_t)(entries[NF_AHEAD + i] - first) * scale, _MM_HINT_T1);
    }
    block->ahead = ahead;
    if (how != NF_FAR && (count & 7)) {
        const int32_t zeros = block->zero_row + (how == NF_DIRECT ? first : 0);
        const __mmask8 used = (__mmask8)((1u << (count & 7)) - 1);
        const __m128i pad = _mm_set1_epi16((int16_t)zeros), last = nf_eight_entries(entries);
        nf_add_eight(&sums, weights, _mm_mask_sub_epi16(pad, used, last, base), scale);
        count = (count + 7) & ~7;
    } else {
        for (int32_t i = 0; i < (count & 7); i++)
            sums.part[0] = nf_add_bytes(sums.part[0], weights + (uint16_t)(entries[i] - first) * scale);
    }
    return nf_unpaired(nf_whole_sum(&sums), count);
}

/* to = drive + the rows that the events name. */
NF_INLINE void nf_sum_scaled(nf_block *block, nf_events events, size_t scale, int32_t how, nf_ints64 drive, nf_ints64 *to)
{
    for (; events.count > 256; events.entries += 256, events.count -= 256)
        drive = nf_plus_sums(drive, nf_sum_some(block, events.entries, 256, events.base, scale, how));
    *to = nf_plus_sums(drive, nf_sum_some(block, events.entries, events.count, events.base, scale, how));
    if (block->ahead >= block->ahead_end)
        block->ahead_step = 0;
}

/* Neurons of a block, with their parameters in the order of the lanes. */
typedef struct {
    nf_ints64 bias, theta, reset, start;
    int32_t leak_mul, leak_shift, in_shift, soft;
    int32_t plain; /* hard reset, no leak, no shift */
} nf_neurons64;

/* One step of 64 neurons: v = the next membranes; returns the spikes. */
NF_INLINE uint64_t nf_fire64(const nf_neurons64 *neurons, const nf_ints64 *drive, nf_ints64 *v)
{
    static const uint64_t every_fourth = 0x1111111111111111u;
    uint64_t spikes = 0;
    for (int32_t i = 0; i < 4; i++) {
        __m512i x = drive->lane[i], u = v->lane[i];
        if (!neurons->plain) {
            x = _mm512_sllv_epi32(x, _mm512_set1_epi32(neurons->in_shift));
            u = _mm512_mullo_epi32(_mm512_srav_epi32(u, _mm512_set1_epi32(neurons->leak_shift)),
                                   _mm512_set1_epi32(neurons->leak_mul));
        }
        u = _mm512_add_epi32(_mm512_add_epi32(u, x), neurons->bias.lane[i]);
        const __mmask16 fired = _mm512_cmpge_epi32_mask(u, neurons->theta.lane[i]);
        if (neurons->plain || !neurons->soft)
            v->lane[i] = _mm512_mask_mov_epi32(u, fired, neurons->reset.lane[i]);
        else
            v->lane[i] = _mm512_mask_sub_epi32(u, fired, u, neurons->reset.lane[i]);
        uint32_t bits; /* a copy: else compilers move the mask out and in again, on the way to the next step */
        __asm__("kmovw %1, %0" : "=r"(bits) : "k"(fired));
        spikes |= _pdep_u64(bits, every_fourth << i);
    }
    return spikes;
}
