/* 64 outputs at a time with the compiler's vectors of NF_BYTES bytes (AVX2, SSE2, NEON, ...). */

#define NF_VECTORS (64 / NF_BYTES) /* that hold 64 bytes */
typedef uint16_t nf_u16s __attribute__((vector_size(NF_BYTES)));
typedef int16_t nf_i16s __attribute__((vector_size(NF_BYTES)));
typedef uint32_t nf_u32s __attribute__((vector_size(NF_BYTES)));
typedef int32_t nf_i32s __attribute__((vector_size(NF_BYTES)));
typedef uint64_t nf_u64s __attribute__((vector_size(NF_BYTES)));

typedef struct {
    nf_i32s lane[4 * NF_VECTORS];
} nf_ints64;

/* 64 sums of 16 bits: of the even outputs, and of the odd ones. */
typedef struct {
    nf_u16s even[NF_VECTORS], odd[NF_VECTORS];
} nf_sums64;

typedef uint16_t nf_entries8 __attribute__((vector_size(16)));

/* Appends the positions of the bits of `word` to `to`, as base + 8 * position; returns the end. Writes up to
   NF_DECODE_SLACK entries behind the end. Byte by byte, from a table: a branch for each spike would be mispredicted. */
NF_INLINE uint16_t *nf_decode(uint64_t word, uint32_t base, uint16_t *to)
{
    uint64_t counts = word - (word >> 1 & 0x5555555555555555u);
    counts = (counts & 0x3333333333333333u) + (counts >> 2 & 0x3333333333333333u);
    counts = ((counts + (counts >> 4)) & 0x0f0f0f0f0f0f0f0fu) * 0x0101010101010101u; /* of this byte and those below */
    for (int32_t i = 0; i < 8; i++) {
        nf_entries8 entries;
        memcpy(&entries, nf_positions[word >> 8 * i & 255], sizeof entries);
        entries += (uint16_t)(base + 64 * (uint32_t)i);
        memcpy(to + (counts << 8 >> 8 * i & 255), &entries, sizeof entries);
    }
    return to + (counts >> 56);
}

NF_INLINE nf_sums64 nf_no_sums(void)
{
    nf_sums64 sums;
    memset(&sums, 0, sizeof sums);
    return sums;
}

NF_INLINE nf_sums64 nf_plus(nf_sums64 a, nf_sums64 b)
{
    for (int32_t i = 0; i < NF_VECTORS; i++) {
        a.even[i] += b.even[i];
        a.odd[i] += b.odd[i];
    }
    return a;
}

NF_INLINE nf_u16s nf_load_bytes(const uint8_t *from)
{
    nf_u16s bytes;
    memcpy(&bytes, from, sizeof bytes);
    return bytes;
}

/* A row of weights as sums. */
NF_INLINE nf_sums64 nf_row_sums(const uint8_t *row)
{
    nf_sums64 sums;
    for (int32_t i = 0; i < NF_VECTORS; i++) {
        const nf_u16s bytes = nf_load_bytes(row + i * NF_BYTES);
        sums.even[i] = (bytes & 255) - 128;
        sums.odd[i] = (bytes >> 8) - 128;
    }
    return sums;
}

/* to + sums */
NF_INLINE nf_ints64 nf_plus_sums(nf_ints64 to, nf_sums64 sums)
{
    for (int32_t i = 0; i < NF_VECTORS; i++) {
        const nf_i32s even = (nf_i32s)sums.even[i], odd = (nf_i32s)sums.odd[i];
        to.lane[i] += (nf_i32s)((nf_u32s)even << 16) >> 16;
        to.lane[NF_VECTORS + i] += (nf_i32s)((nf_u32s)odd << 16) >> 16;
        to.lane[2 * NF_VECTORS + i] += even >> 16;
        to.lane[3 * NF_VECTORS + i] += odd >> 16;
    }
    return to;
}

NF_INLINE nf_ints64 nf_no_ints(void)
{
    nf_ints64 none;
    memset(&none, 0, sizeof none);
    return none;
}

/* The sums of the products of neighbouring numbers of 16 bits. */
NF_INLINE nf_i32s nf_products(nf_i32s a, nf_i32s b)
{
#if NF_BYTES == 32
    return (nf_i32s)_mm256_madd_epi16((__m256i)a, (__m256i)b);
#elif defined(__SSE2__)
    return (nf_i32s)_mm_madd_epi16((__m128i)a, (__m128i)b);
#else
    return ((nf_i32s)((nf_u32s)a << 16) >> 16) * ((nf_i32s)((nf_u32s)b << 16) >> 16) + (a >> 16) * (b >> 16);
#endif
}

/* to + the products of a group of values and the weights of each output for it. */
NF_INLINE nf_ints64 nf_plus_products(nf_ints64 to, int32_t group, const nf_weight *weights)
{
    const nf_i32s none = {0};
    for (int32_t i = 0; i < 4 * NF_VECTORS; i++) {
        nf_i32s these;
        memcpy(&these, weights + NF_BYTES / 2 * i, sizeof these);
        to.lane[i] += nf_products(none + group, these);
    }
    return to;
}

/* Sums of bytes by pairs, modulo 2^16: of the words (byte 0 + 256 * byte 1), and of their high bytes. */
typedef struct {
    nf_u16s words[NF_VECTORS], highs[NF_VECTORS];
} nf_pair_sum;

NF_INLINE nf_pair_sum nf_add_bytes(nf_pair_sum sum, const uint8_t *row)
{
    for (int32_t i = 0; i < NF_VECTORS; i++) {
        const nf_u16s bytes = nf_load_bytes(row + i * NF_BYTES);
        sum.words[i] += bytes;
        sum.highs[i] += bytes >> 8;
    }
    return sum;
}

/* The sums of `rows` rows: the odd outputs are the high bytes, the even ones the words less 256 times those, each less
   128 a row. Exact for up to 256 rows of weights from -128 to 127, whatever the words do in between: 256 * -128 =
   -2^15 and 256 * 127 < 2^15. */
NF_INLINE nf_sums64 nf_unpaired(nf_pair_sum sum, int32_t rows)
{
    const uint16_t bias = (uint16_t)(128 * rows);
    nf_sums64 sums;
    for (int32_t i = 0; i < NF_VECTORS; i++) {
        sums.even[i] = sum.words[i] - (sum.highs[i] << 8) - bias;
        sums.odd[i] = sum.highs[i] - bias;
    }
    return sums;
}

/* to = drive + the rows that the events name. */
NF_INLINE void nf_sum_scaled(nf_block *block, nf_events events, size_t scale, int32_t how, nf_ints64 drive, nf_ints64 *to)
{
    const uint8_t *weights = block->weights;
    const uint16_t *entries = events.entries;
    const int32_t base = how & NF_DIRECT ? 0 : events.base;
    if (how & NF_DIRECT) /* perhaps no address of an object, until an entry is added */
        weights = (const uint8_t *)((uintptr_t)weights - (uintptr_t)((intptr_t)events.base * (intptr_t)scale));
    const char *ahead = block->ahead;
    for (int32_t count = events.count; count > 0; count -= 256) {
        const int32_t part = nf_least(count, 256);
        const uint16_t *end = entries + (part & ~3);
        nf_pair_sum sum;
        memset(&sum, 0, sizeof sum);
        for (; entries < end; entries += 4) {
            for (int32_t i = 0; i < 4; i++)
                sum = nf_add_bytes(sum, weights + (uint16_t)(entries[i] - base) * scale);
            if (!(how & NF_FAR))
                __builtin_prefetch(ahead, 0, 2);
            for (int32_t i = 0; how & NF_FAR && i < 4; i++)
                __builtin_prefetch(weights + (uint16_t)(entries[NF_AHEAD + i] - base) * scale, 0, 2);
            ahead += block->ahead_step;
        }
        for (end += part & 3; entries < end; entries++)
            sum = nf_add_bytes(sum, weights + (uint16_t)(*entries - base) * scale);
        drive = nf_plus_sums(drive, nf_unpaired(sum, part));
    }
    block->ahead = ahead;
    if (ahead >= block->ahead_end)
        block->ahead_step = 0;
    *to = drive;
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
    nf_sums64 narrowed;
    for (int32_t i = 0; i < NF_VECTORS; i++) {
        const nf_i32s *even = from->lane + i, *odd = even + NF_VECTORS;
        narrowed.even[i] = (nf_u16s)((even[0] & 0xffff) | even[2 * NF_VECTORS] << 16);
        narrowed.odd[i] = (nf_u16s)((odd[0] & 0xffff) | odd[2 * NF_VECTORS] << 16);
    }
    return narrowed;
}

/* One step of them, whose drive holds the bias. */
NF_INLINE uint64_t nf_fire_narrow(const nf_narrow64 *neurons, nf_sums64 drive, nf_sums64 *v)
{
    uint64_t spikes = 0;
    *v = nf_plus(*v, drive);
    for (int32_t i = 0; i < NF_VECTORS; i++) {
        const nf_u16s even = (nf_u16s)((nf_i16s)v->even[i] >= (nf_i16s)neurons->theta.even[i]);
        const nf_u16s odd = (nf_u16s)((nf_i16s)v->odd[i] >= (nf_i16s)neurons->theta.odd[i]);
        v->even[i] = (v->even[i] & ~even) | (neurons->reset.even[i] & even);
        v->odd[i] = (v->odd[i] & ~odd) | (neurons->reset.odd[i] & odd);
        /* Two bits in each lane, four lanes to a byte at the bottom of 64 bits, then the bytes behind each other. */
        const nf_u64s pairs = (nf_u64s)((even & 1) | (odd & 2));
        const nf_u64s bytes = (pairs | pairs >> 14 | pairs >> 28 | pairs >> 42) & 255;
        for (int32_t j = 0; j < NF_BYTES / 8; j++)
            spikes |= bytes[j] << 8 * (i * NF_BYTES / 8 + j);
    }
    return spikes;
}

/* What a step adds to the membranes. */
NF_INLINE nf_ints64 nf_input64(const nf_neurons64 *neurons, nf_ints64 drive)
{
    for (int32_t i = 0; i < 4 * NF_VECTORS; i++)
        drive.lane[i] = (drive.lane[i] << neurons->in_shift) + neurons->bias.lane[i];
    return drive;
}

/* One step of 64 neurons: v = the next membranes; returns the spikes. */
NF_INLINE uint64_t nf_fire64(const nf_neurons64 *neurons, const nf_ints64 *drive, nf_ints64 *v)
{
    nf_i32s fours[NF_VECTORS]; /* spikes of 4 neighbouring outputs in each lane */
    memset(fours, 0, sizeof fours);
    for (int32_t i = 0; i < 4 * NF_VECTORS; i++) {
        nf_i32s x = drive->lane[i], u = v->lane[i];
        if (!neurons->plain) {
            x = x << neurons->in_shift;
            u = (u >> neurons->leak_shift) * neurons->leak_mul;
        }
        u = u + x + neurons->bias.lane[i];
        const nf_i32s fired = u >= neurons->theta.lane[i], reset = neurons->reset.lane[i];
        v->lane[i] = neurons->plain || !neurons->soft ? (u & ~fired) | (reset & fired) : u - (reset & fired);
        const int32_t bit = 1 << i / NF_VECTORS;
        fours[i % NF_VECTORS] |= fired & bit;
    }
    /* Two lanes to a byte at the bottom of 64 bits, then the bytes behind each other. */
    nf_u64s places, all = {0};
    for (int32_t j = 0; j < NF_BYTES / 8; j++)
        places[j] = 8 * (uint64_t)j;
    for (int32_t i = 0; i < NF_VECTORS; i++, places += NF_BYTES) {
        const nf_u64s pairs = (nf_u64s)fours[i];
        all |= ((pairs | pairs >> 28) & 255) << places;
    }
    uint64_t spikes = 0;
    for (int32_t j = 0; j < NF_BYTES / 8; j++)
        spikes |= all[j];
    return spikes;
}
