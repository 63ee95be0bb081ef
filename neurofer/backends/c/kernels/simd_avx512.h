/* 64 outputs at a time with AVX-512 (VBMI2, VBMI, VNNI). */

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
    const __m512i low = _mm512_set1_epi32(1), high = _mm512_set1_epi32(1 << 16); /* one of each pair, times 1 */
    to.lane[0] = _mm512_dpwssd_epi32(to.lane[0], sums.even, low);
    to.lane[1] = _mm512_dpwssd_epi32(to.lane[1], sums.odd, low);
    to.lane[2] = _mm512_dpwssd_epi32(to.lane[2], sums.even, high);
    to.lane[3] = _mm512_dpwssd_epi32(to.lane[3], sums.odd, high);
    return to;
}

NF_INLINE nf_ints64 nf_no_ints(void)
{
    const nf_ints64 none = {{_mm512_setzero_si512(), _mm512_setzero_si512(), _mm512_setzero_si512(), _mm512_setzero_si512()}};
    return none;
}

/* to + the products of a group of values and the weights of each output for it. */
NF_INLINE nf_ints64 nf_plus_products(nf_ints64 to, int32_t group, const nf_weight *weights)
{
    const __m512i values = _mm512_set1_epi32(group);
    for (int32_t i = 0; i < 4; i++) {
        const __m512i these = _mm512_load_si512(weights + 16 * NF_VALUE_GROUP * i);
        to.lane[i] = _mm512_dpbusd_epi32(to.lane[i], values, these);
    }
    return to;
}

/* Rows are summed twice: byte by byte modulo 256, and as means of eight, rounded up, which fit a byte and so are widened
   once for eight rows. A mean of two exceeds the true one by at most a half, that of eight by at most three halves; over
   NF_ROWS rows the sum is then less than 256 too large, and the sum modulo 256 tells by how much. Nothing overflows:
   NF_ROWS * 255 < 2^16, and without the 128 of each byte all sums lie from -2^15 to 2^15 - 1. */
#define NF_ROWS 168
typedef struct {
    __m512i bytes[2];     /* by turns */
    __m512i words, highs; /* of the means: of byte 0 + 256 * byte 1, modulo 2^16; of byte 1 */
} nf_byte_sums;

/* The rounded mean of two rows, whose bytes are added up. */
NF_INLINE __m512i nf_mean_of_two(nf_byte_sums *sums, const uint8_t *row0, const uint8_t *row1)
{
    const __m512i bytes0 = _mm512_loadu_si512(row0), bytes1 = _mm512_loadu_si512(row1);
    sums->bytes[0] = _mm512_add_epi8(sums->bytes[0], bytes0);
    sums->bytes[1] = _mm512_add_epi8(sums->bytes[1], bytes1);
    /* Keeps the compiler from adding rows to each other first, which costs it its registers. */
    __asm__("" : "+v"(sums->bytes[0]), "+v"(sums->bytes[1]));
    return _mm512_avg_epu8(bytes0, bytes1);
}

NF_INLINE void nf_add_eight(nf_byte_sums *sums, const uint8_t *const *rows)
{
    const __m512i mean01 = nf_mean_of_two(sums, rows[0], rows[1]), mean23 = nf_mean_of_two(sums, rows[2], rows[3]);
    const __m512i mean03 = _mm512_avg_epu8(mean01, mean23);
    const __m512i mean45 = nf_mean_of_two(sums, rows[4], rows[5]), mean67 = nf_mean_of_two(sums, rows[6], rows[7]);
    const __m512i mean07 = _mm512_avg_epu8(mean03, _mm512_avg_epu8(mean45, mean67));
    sums->words = _mm512_add_epi16(sums->words, mean07);
    sums->highs = _mm512_add_epi16(sums->highs, _mm512_srli_epi16(mean07, 8));
    __asm__("" : "+v"(sums->words), "+v"(sums->highs));
}

/* The sums of `rows` rows, less the 128 of each byte. */
NF_INLINE nf_sums64 nf_summed(const nf_byte_sums *sums, int32_t rows)
{
    const __m512i bias = _mm512_set1_epi16((int16_t)(128 * rows)), byte = _mm512_set1_epi16(255);
    const __m512i exact = _mm512_add_epi8(sums->bytes[0], sums->bytes[1]);
    const __m512i even = _mm512_slli_epi16(_mm512_sub_epi16(sums->words, _mm512_slli_epi16(sums->highs, 8)), 3);
    const __m512i odd = _mm512_slli_epi16(sums->highs, 3);
    const __m512i even_excess = _mm512_and_si512(_mm512_sub_epi16(even, exact), byte);
    const __m512i odd_excess = _mm512_and_si512(_mm512_sub_epi16(odd, _mm512_srli_epi16(exact, 8)), byte);
    const nf_sums64 summed = {_mm512_sub_epi16(_mm512_sub_epi16(even, even_excess), bias),
                              _mm512_sub_epi16(_mm512_sub_epi16(odd, odd_excess), bias)};
    return summed;
}

/* Adds the rows that 8 entries name: 4 of them in each word. */
NF_INLINE void nf_add_entries(nf_byte_sums *sums, const uint8_t *weights, uint64_t low, uint64_t high, size_t scale)
{
    const uint8_t *const rows[8] = {
        weights + (low & 0xffff) * scale,        weights + (low >> 16 & 0xffff) * scale,
        weights + (low >> 32 & 0xffff) * scale,  weights + (low >> 48) * scale,
        weights + (high & 0xffff) * scale,       weights + (high >> 16 & 0xffff) * scale,
        weights + (high >> 32 & 0xffff) * scale, weights + (high >> 48) * scale,
    };
    nf_add_eight(sums, rows);
}

NF_INLINE void nf_add_vector(nf_byte_sums *sums, const uint8_t *weights, __m128i entries, size_t scale)
{
    nf_add_entries(sums, weights, (uint64_t)_mm_cvtsi128_si64(entries), (uint64_t)_mm_extract_epi64(entries, 1), scale);
}

NF_INLINE __m128i nf_eight_entries(const uint16_t *entries)
{
    return _mm_loadu_si128((const __m128i *)(const void *)entries);
}

/* Adds `count` (1 to 7) rows where that of zeros may be out of reach. */
NF_INLINE void nf_add_last(nf_byte_sums *sums, const uint8_t *weights, const uint16_t *entries, int32_t count,
                           int32_t first, size_t scale)
{
    const __m512i zeros = _mm512_set1_epi8(-128);
    const uint8_t *rows[8];
    for (int32_t i = 0; i < 8; i++)
        rows[i] = i < count ? weights + (uint16_t)(entries[i] - first) * scale : (const uint8_t *)&zeros;
    nf_add_eight(sums, rows);
}

/* The sums of at most NF_ROWS rows. */
NF_INLINE nf_sums64 nf_sum_some(nf_block *block, const uint16_t *entries, int32_t count, int32_t first, size_t scale,
                                int32_t how)
{
    const uint8_t *weights = block->weights;
    if (how & NF_DIRECT) /* perhaps no address of an object, until an entry is added */
        weights = (const uint8_t *)((uintptr_t)weights - (uintptr_t)((intptr_t)first * (intptr_t)scale));
    const int32_t from = how & NF_DIRECT ? 0 : first;
    const __m128i base = _mm_set1_epi16((int16_t)from);
    const uint16_t *end = entries + (count & ~7);
    const char *ahead = block->ahead;
    const ptrdiff_t step = block->ahead_step;
    const __m512i none = _mm512_setzero_si512();
    nf_byte_sums sums = {{none, none}, none, none};
    for (; entries < end; entries += 8, ahead += step) {
        if (how & NF_DIRECT) {
            uint64_t fours[2];
            memcpy(fours, entries, sizeof fours);
            nf_add_entries(&sums, weights, fours[0], fours[1], scale);
        } else {
            nf_add_vector(&sums, weights, _mm_sub_epi16(nf_eight_entries(entries), base), scale);
        }
        if (!(how & NF_FAR))
            _mm_prefetch(ahead, _MM_HINT_T1);
        for (int32_t i = 0; how & NF_FAR && i < 8; i++)
            _mm_prefetch(weights + (uint16_t)(entries[NF_AHEAD + i] - from) * scale, _MM_HINT_T1);
    }
    block->ahead = ahead;
    if (count & 7) {
        const __mmask8 used = (__mmask8)((1u << (count & 7)) - 1);
        const int32_t zeros = block->zero_row + (how & NF_DIRECT ? first : 0);
        const __m128i pad = _mm_set1_epi16((int16_t)zeros);
        if (how & NF_FAR)
            nf_add_last(&sums, weights, entries, count & 7, from, scale);
        else
            nf_add_vector(&sums, weights, _mm_mask_sub_epi16(pad, used, nf_eight_entries(entries), base), scale);
    }
    return nf_summed(&sums, (count + 7) & ~7);
}

/* to = drive + the rows that the events name. */
NF_INLINE void nf_sum_scaled(nf_block *block, nf_events events, size_t scale, int32_t how, nf_ints64 drive, nf_ints64 *to)
{
    for (; events.count > NF_ROWS; events.entries += NF_ROWS, events.count -= NF_ROWS)
        drive = nf_plus_sums(drive, nf_sum_some(block, events.entries, NF_ROWS, events.base, scale, how));
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

/* Plain neurons whose membranes fit 16 bits. */
typedef struct {
    nf_sums64 bias, theta, reset, start;
} nf_narrow64;

/* The low 16 bits of each. */
NF_INLINE nf_sums64 nf_narrowed(const nf_ints64 *from)
{
    const __mmask32 low = 0x55555555u;
    const nf_sums64 narrowed = {_mm512_mask_mov_epi16(_mm512_slli_epi32(from->lane[2], 16), low, from->lane[0]),
                                _mm512_mask_mov_epi16(_mm512_slli_epi32(from->lane[3], 16), low, from->lane[1])};
    return narrowed;
}

/* One step of them, whose drive holds the bias. */
NF_INLINE uint64_t nf_fire_narrow(const nf_narrow64 *neurons, nf_sums64 drive, nf_sums64 *v)
{
    static const uint64_t every_second = 0x5555555555555555u;
    const __m512i even = _mm512_add_epi16(v->even, drive.even), odd = _mm512_add_epi16(v->odd, drive.odd);
    const __mmask32 fired_even = _mm512_cmpge_epi16_mask(even, neurons->theta.even);
    const __mmask32 fired_odd = _mm512_cmpge_epi16_mask(odd, neurons->theta.odd);
    v->even = _mm512_mask_mov_epi16(even, fired_even, neurons->reset.even);
    v->odd = _mm512_mask_mov_epi16(odd, fired_odd, neurons->reset.odd);
    uint32_t bits_even, bits_odd; /* copies: see nf_fire64 */
    __asm__("kmovd %1, %0" : "=r"(bits_even) : "k"(fired_even));
    __asm__("kmovd %1, %0" : "=r"(bits_odd) : "k"(fired_odd));
    return _pdep_u64(bits_even, every_second) | _pdep_u64(bits_odd, every_second << 1);
}

/* What a step adds to the membranes. */
NF_INLINE nf_ints64 nf_input64(const nf_neurons64 *neurons, nf_ints64 drive)
{
    const __m512i shift = _mm512_set1_epi32(neurons->in_shift);
    for (int32_t i = 0; i < 4; i++)
        drive.lane[i] = _mm512_add_epi32(_mm512_sllv_epi32(drive.lane[i], shift), neurons->bias.lane[i]);
    return drive;
}

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
