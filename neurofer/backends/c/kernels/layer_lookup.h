/* Integer layers one of whose planes holds many spikes, with AVX-512 (VBMI). The sums of all combinations of 6 inputs fit
   two registers, in which they are looked up for 32 places at once: a place is a pixel at a step. That takes as long
   however many spikes there are. Those of the other planes are added from lists. A plane's sums have to fit 16 bits. */

#define NF_LOOKUP_GROUPS 11 /* of the 64 inputs of a word: 10 of 6, and one of 4 */
#define NF_LOOKUP_CODES 64  /* combinations of a group's inputs */
#define NF_PLACES 384       /* looked up at once, for 2 outputs: 12 registers of 32 */

/* Most bytes of tables, and of a tile's codes: what stays near. */
#define NF_LOOKUP_TABLES (1 << 20)
#define NF_CODE_BYTES (1 << 17)

/* The combination of every group of inputs, its code, at the places of a tile: [phase][word][group][place]. Pixel (y, x)
   of the padded input belongs to phase (y % stride_y, x % stride_x), where its first place is that of
   (y / stride_y, x / stride_x): neighbouring outputs read neighbouring places, whatever the stride. */
typedef struct {
    uint16_t *codes;
    uint64_t *words;           /* one row of a phase */
    int32_t *taps, *taps_end;  /* where the codes lie that the output at place 0 reads: for each (ky, kx) */
    int32_t width, rows;       /* of a phase: columns; rows of outputs in a tile, none if they do not fit */
    int32_t groups, places;    /* of a pixel; of a group, with those behind the last that are read but not used */
} nf_codes;

/* What the tiles of a block share. */
typedef struct {
    const nf_job *job;
    const nf_source *plane; /* the one with many spikes */
    nf_codes codes;
    int16_t *tables;   /* [2 outputs of the block][group of the window][output][code] */
    int16_t *sums;     /* [16 outputs][place] */
    nf_sums64 *turned; /* [place] */
    int32_t listed;    /* whether there are other planes */
    int32_t first;     /* of the block's outputs */
} nf_lookup_job;

NF_INLINE nf_codes nf_codes_layout(const nf_layer *layer, int32_t steps)
{
    const int32_t reach_y = (layer->kernel_y - 1) * layer->dilation_y / layer->stride_y;
    const int32_t reach_x = (layer->kernel_x - 1) * layer->dilation_x / layer->stride_x;
    const int32_t groups = layer->in.channels / 64 * NF_LOOKUP_GROUPS;
    nf_codes codes = {NULL, NULL, NULL, NULL, layer->out.width + reach_x, 0, groups, 0};
    const int32_t row = codes.width * steps, bytes = 2 * groups * layer->stride_y * layer->stride_x * row;
    codes.rows = nf_least(layer->out.height, NF_CODE_BYTES / bytes - reach_y);
    /* An odd number of cache lines, lest all groups fall into one cache set. */
    codes.places = (((codes.rows + reach_y + 1) * row + NF_PLACES + 31) / 32 | 1) * 32;
    return codes;
}

/* Groups of the window. */
NF_INLINE int32_t nf_lookup_groups(const nf_layer *layer)
{
    return nf_window_rows(layer) / 64 * NF_LOOKUP_GROUPS;
}

/* Words of scratch: of the codes, of a row of words, and of the taps. */
NF_INLINE int32_t nf_codes_words(const nf_layer *layer, const nf_codes *codes)
{
    return codes->groups * layer->stride_y * layer->stride_x * codes->places / 4;
}

NF_INLINE int32_t nf_encoded_words(const nf_codes *codes, int32_t steps)
{
    return (codes->width * steps + 7) / 8 * 8;
}

NF_INLINE int32_t nf_taps_words(const nf_layer *layer)
{
    return (layer->kernel_y * layer->kernel_x + 15) / 16 * 8;
}

/* Tells where the codes of the taps lie. */
NF_INLINE void nf_find_taps(const nf_layer *layer, nf_codes *codes, int32_t steps)
{
    codes->taps_end = codes->taps;
    for (int32_t ky = 0; ky < layer->kernel_y; ky++)
        for (int32_t kx = 0; kx < layer->kernel_x; kx++) {
            const int32_t y = ky * layer->dilation_y, x = kx * layer->dilation_x;
            const int32_t phase = y % layer->stride_y * layer->stride_x + x % layer->stride_x;
            const int32_t pixel = y / layer->stride_y * codes->width + x / layer->stride_x;
            *codes->taps_end++ = phase * codes->groups * codes->places + pixel * steps;
        }
}

NF_INLINE int32_t nf_lookup_words(const nf_layer *layer, const nf_source *source)
{
    const nf_codes codes = nf_codes_layout(layer, source->steps);
    const int32_t sums = NF_PLACES * (16 + 64) / 4, tables = nf_lookup_groups(layer) * 64 * NF_LOOKUP_CODES / 4;
    const int32_t coded = nf_codes_words(layer, &codes) + nf_encoded_words(&codes, source->steps) + nf_taps_words(layer);
    return tables + sums + coded + nf_tile_words(layer, source);
}

/* Writes the codes of 8 words, which lie behind each other in every group. */
NF_INLINE void nf_encode_eight(const uint64_t *words, int32_t places, uint16_t *to)
{
    static const uint8_t turn[64] = {0, 8,  16, 24, 32, 40, 48, 56, 1, 9,  17, 25, 33, 41, 49, 57,
                                     2, 10, 18, 26, 34, 42, 50, 58, 3, 11, 19, 27, 35, 43, 51, 59,
                                     4, 12, 20, 28, 36, 44, 52, 60, 5, 13, 21, 29, 37, 45, 53, 61,
                                     6, 14, 22, 30, 38, 46, 54, 62, 7, 15, 23, 31, 39, 47, 55, 63};
    const __m512i eight = _mm512_loadu_si512(words), by_group = _mm512_loadu_si512(turn);
    const __m512i first = _mm512_set1_epi64(0x2a241e18120c0600), rest = _mm512_set1_epi64(0x3c3630); /* 6 bits on */
    __m512i codes[2] = {_mm512_multishift_epi64_epi8(first, eight), _mm512_multishift_epi64_epi8(rest, eight)};
    codes[0] = _mm512_and_si512(codes[0], _mm512_set1_epi8(63));
    codes[1] = _mm512_and_si512(codes[1], _mm512_set1_epi64(0x0f3f3f));
    for (int32_t group = 0; group < NF_LOOKUP_GROUPS; group += 4) {
        const __m512i turned = _mm512_permutexvar_epi8(by_group, codes[group / 8]);
        const __m256i half = group % 8 ? _mm512_extracti64x4_epi64(turned, 1) : _mm512_castsi512_si256(turned);
        const __m512i four = _mm512_cvtepu8_epi16(half);
        uint16_t *place = to + (ptrdiff_t)group * places;
        _mm_storeu_si128((__m128i *)(void *)place, _mm512_castsi512_si128(four));
        _mm_storeu_si128((__m128i *)(void *)(place + places), _mm512_extracti32x4_epi32(four, 1));
        _mm_storeu_si128((__m128i *)(void *)(place + 2 * places), _mm512_extracti32x4_epi32(four, 2));
        if (group + 3 < NF_LOOKUP_GROUPS)
            _mm_storeu_si128((__m128i *)(void *)(place + 3 * places), _mm512_extracti32x4_epi32(four, 3));
    }
}

/* Writes the codes of one row of a phase, of the inputs in word `word` of each pixel; `y` is outside of the image where
   it is padded. */
NF_INLINE void nf_encode_row(const nf_layer *layer, const nf_source *plane, const nf_codes *codes, int32_t word, int32_t y,
                             int32_t phase_x, uint16_t *to)
{
    const int32_t words = layer->in.channels / 64, steps = plane->steps, count = codes->width * steps;
    const int32_t hop = layer->in.height * layer->in.stride; /* from step to step */
    for (int32_t i = 0, x = phase_x - layer->pad_x; i < count; i += steps, x += layer->stride_x) {
        const int32_t inside = y >= 0 && y < layer->in.height && x >= 0 && x < layer->in.width;
        const uint64_t *from = inside ? nf_row(plane, 0, 0, y) + x * words + word : NULL;
        for (int32_t t = 0; t < steps; t++)
            codes->words[i + t] = inside ? from[t * hop] : 0;
    }
    for (int32_t i = 0; i < count; i += 8) /* what is written behind the row, the next one overwrites */
        nf_encode_eight(codes->words + i, codes->places, to + i);
}

/* Whether an output reads a phase of rows or columns. */
NF_INLINE int32_t nf_reads_phase(int32_t phase, int32_t kernel, int32_t dilation, int32_t stride)
{
    for (int32_t k = 0; k < kernel; k++)
        if (k * dilation % stride == phase)
            return 1;
    return 0;
}

NF_KERNEL void nf_encode(const nf_layer *layer, const nf_source *plane, const nf_codes *codes, int32_t first_row,
                         int32_t rows)
{
    const int32_t words = layer->in.channels / 64, row = codes->width * plane->steps;
    const int32_t height = (rows - 1) * layer->stride_y + (layer->kernel_y - 1) * layer->dilation_y + 1;
    for (int32_t from = 0; from < height; from++) {
        const int32_t phase_y = from % layer->stride_y, y = first_row * layer->stride_y - layer->pad_y + from;
        if (!nf_reads_phase(phase_y, layer->kernel_y, layer->dilation_y, layer->stride_y))
            continue;
        for (int32_t phase_x = 0; phase_x < layer->stride_x; phase_x++) {
            if (!nf_reads_phase(phase_x, layer->kernel_x, layer->dilation_x, layer->stride_x))
                continue;
            for (int32_t word = 0; word < words; word++) {
                const int32_t group = ((phase_y * layer->stride_x + phase_x) * words + word) * NF_LOOKUP_GROUPS;
                uint16_t *to = codes->codes + (ptrdiff_t)group * codes->places + from / layer->stride_y * row;
                nf_encode_row(layer, plane, codes, word, y, phase_x, to);
            }
        }
    }
}

/* The first 32 weights of two rows as pairs of bytes with sign. */
NF_INLINE __m512i nf_pairs_of(const uint8_t *row0, const uint8_t *row1)
{
    const __m256i sign = _mm256_set1_epi8(-128);
    const __m256i low = _mm256_xor_si256(_mm256_loadu_si256((const __m256i *)(const void *)row0), sign);
    const __m256i high = _mm256_xor_si256(_mm256_loadu_si256((const __m256i *)(const void *)row1), sign);
    return _mm512_or_si512(_mm512_cvtepu8_epi16(low), _mm512_slli_epi16(_mm512_cvtepu8_epi16(high), 8));
}

/* The sums of one group: `rows` are its rows of weights, `stride` leads to the next 2 outputs. */
NF_INLINE void nf_fill_group(const uint8_t *const *rows, ptrdiff_t stride, int16_t *tables)
{
    uint16_t bits[2][32], pairs[3][64]; /* of inputs 0 and 1, 2 and 3, 4 and 5 */
    for (uint32_t code = 0; code < 32; code++) {
        bits[0][code] = (uint16_t)((code & 1) | (code & 2) << 7);
        bits[1][code] = (uint16_t)((code >> 2 & 1) | (code & 8) << 5);
    }
    for (int32_t half = 0; half < 64; half += 32)
        for (int32_t pair = 0; pair < 3; pair++)
            _mm512_storeu_si512(pairs[pair] + half, nf_pairs_of(rows[2 * pair] + half, rows[2 * pair + 1] + half));
    const __m512i bits01 = _mm512_loadu_si512(bits[0]), bits23 = _mm512_loadu_si512(bits[1]);
    const __m512i bit4 = _mm512_maskz_set1_epi16(0xffff0000u, 1);
    for (int32_t i = 0; i < 64; i++) {
        const __m512i sum01 = _mm512_maddubs_epi16(bits01, _mm512_set1_epi16((int16_t)pairs[0][i]));
        const __m512i sum23 = _mm512_maddubs_epi16(bits23, _mm512_set1_epi16((int16_t)pairs[1][i]));
        const __m512i sum4 = _mm512_maddubs_epi16(bit4, _mm512_set1_epi16((int16_t)pairs[2][i]));
        const __m512i without5 = _mm512_add_epi16(_mm512_add_epi16(sum01, sum23), sum4);
        int16_t *table = tables + (i >> 1) * stride + (i & 1) * NF_LOOKUP_CODES;
        _mm512_store_si512(table, without5);
        _mm512_store_si512(table + 32, _mm512_add_epi16(without5, _mm512_set1_epi16((int16_t)((int16_t)pairs[2][i] >> 8))));
    }
}

/* The tables of the block of outputs whose weights start at `weights`. */
NF_KERNEL void nf_fill_lookups(const nf_layer *layer, const uint8_t *weights, int16_t *tables)
{
    const ptrdiff_t stride = (ptrdiff_t)nf_lookup_groups(layer) * 2 * NF_LOOKUP_CODES;
    const uint8_t *zeros = weights + (ptrdiff_t)nf_window_rows(layer) * 64;
    for (int32_t ky = 0; ky < layer->kernel_y; ky++)
        for (int32_t kx = 0; kx < layer->kernel_x; kx++)
            for (int32_t c = 0; c < layer->in.channels; c += 64)
                for (int32_t group = 0; group < NF_LOOKUP_GROUPS; group++, tables += 2 * NF_LOOKUP_CODES) {
                    const int32_t first = (kx * layer->kernel_y + ky) * layer->in.channels + c + 6 * group;
                    const uint8_t *rows[6];
                    for (int32_t i = 0; i < 6; i++)
                        rows[i] = 6 * group + i < 64 ? weights + (ptrdiff_t)(first + i) * 64 : zeros;
                    nf_fill_group(rows, stride, tables);
                }
}

/* In assembly, for compilers read the codes again for every table. */
#define NF_LOOK_UP_AT(n)                                                                               \
    do {                                                                                               \
        __m512i codes##n = _mm512_loadu_si512(from + 32 * (n)), other;                                 \
        __asm__("vmovdqa64 %[codes], %[other]\n\t"                                                     \
                "vpermi2w %[high0], %[low0], %[other]\n\t"                                             \
                "vpermi2w %[high1], %[low1], %[codes]\n\t"                                             \
                "vpaddw %[other], %[a], %[a]\n\t"                                                      \
                "vpaddw %[codes], %[b], %[b]"                                                          \
                : [a] "+v"(a##n), [b] "+v"(b##n), [codes] "+v"(codes##n), [other] "=&v"(other)         \
                : [low0] "v"(low0), [high0] "v"(high0), [low1] "v"(low1), [high1] "v"(high1));         \
    } while (0)
#define NF_ZEROS_AT(n) __m512i a##n = _mm512_setzero_si512(), b##n = a##n
#define NF_PUT_AT(n)                                                   \
    do {                                                               \
        _mm512_store_si512(sums + 32 * (n), a##n);                     \
        _mm512_store_si512(sums + 8 * NF_PLACES + 32 * (n), b##n);     \
    } while (0)
#define NF_FOR_ALL_PLACES(DO) \
    DO(0);                    \
    DO(1);                    \
    DO(2);                    \
    DO(3);                    \
    DO(4);                    \
    DO(5);                    \
    DO(6);                    \
    DO(7);                    \
    DO(8);                    \
    DO(9);                    \
    DO(10);                   \
    DO(11)

/* The sums of 2 outputs at NF_PLACES places; those of the odd one lie 8 rows behind. */
NF_APART void nf_look_up_two(const nf_codes *codes, int32_t place, const int16_t *tables, int16_t *sums)
{
    NF_FOR_ALL_PLACES(NF_ZEROS_AT);
    for (const int32_t *tap = codes->taps; tap < codes->taps_end; tap++) {
        const uint16_t *from = codes->codes + *tap + place;
        for (int32_t group = 0; group < codes->groups; group++, from += codes->places, tables += 2 * NF_LOOKUP_CODES) {
            const __m512i low0 = _mm512_load_si512(tables), high0 = _mm512_load_si512(tables + 32);
            const __m512i low1 = _mm512_load_si512(tables + 64), high1 = _mm512_load_si512(tables + 96);
            NF_FOR_ALL_PLACES(NF_LOOK_UP_AT);
        }
    }
    NF_FOR_ALL_PLACES(NF_PUT_AT);
}

/* Turns sums[8][NF_PLACES] into 8 neighbouring sums of each place, `to` being those of the first. */
NF_INLINE void nf_turn_eight(const int16_t *sums, int16_t *to)
{
    for (int32_t place = 0; place < NF_PLACES; place += 32) {
        __m512i row[8], pair[8], four[8];
        for (int32_t i = 0; i < 8; i++)
            row[i] = _mm512_load_si512(sums + i * NF_PLACES + place);
        for (int32_t i = 0; i < 4; i++) { /* pair[i]: of rows 2 i and 2 i + 1, places 0 to 3 of every 8; pair[4 + i]: 4 to 7 */
            pair[i] = _mm512_unpacklo_epi16(row[2 * i], row[2 * i + 1]);
            pair[4 + i] = _mm512_unpackhi_epi16(row[2 * i], row[2 * i + 1]);
        }
        for (int32_t i = 0; i < 8; i += 4)
            for (int32_t j = 0; j < 2; j++) { /* rows 0 to 3 (j = 0) or 4 to 7, places i, i + 1 and i + 2, i + 3 */
                four[i + j] = _mm512_unpacklo_epi32(pair[i + 2 * j], pair[i + 2 * j + 1]);
                four[i + 2 + j] = _mm512_unpackhi_epi32(pair[i + 2 * j], pair[i + 2 * j + 1]);
            }
        for (int32_t i = 0; i < 8; i++) {
            const __m512i low = four[i & ~1], high = four[i | 1];
            const __m512i eight = i & 1 ? _mm512_unpackhi_epi64(low, high) : _mm512_unpacklo_epi64(low, high);
            int16_t *at = to + (ptrdiff_t)(place + i) * 64; /* and 8 places on */
            _mm_store_si128((__m128i *)(void *)at, _mm512_castsi512_si128(eight));
            _mm_store_si128((__m128i *)(void *)(at + 8 * 64), _mm512_extracti32x4_epi32(eight, 1));
            _mm_store_si128((__m128i *)(void *)(at + 16 * 64), _mm512_extracti32x4_epi32(eight, 2));
            _mm_store_si128((__m128i *)(void *)(at + 24 * 64), _mm512_extracti32x4_epi32(eight, 3));
        }
    }
}

/* The sums of all outputs of a block at NF_PLACES places. */
NF_INLINE void nf_look_up_block(const nf_lookup_job *with, int32_t place)
{
    const nf_layer *layer = with->job->layer;
    const ptrdiff_t two = (ptrdiff_t)nf_lookup_groups(layer) * 2 * NF_LOOKUP_CODES;
    int16_t *turned = (int16_t *)(void *)with->turned;
    for (int32_t first = 0; first < 64; first += 16) {
        for (int32_t i = 0; i < 16; i += 2)
            nf_look_up_two(&with->codes, place, with->tables + (first + i) / 2 * two, with->sums + i / 2 * NF_PLACES);
        nf_turn_eight(with->sums, turned + first / 2);
        nf_turn_eight(with->sums + 8 * NF_PLACES, turned + 32 + first / 2);
    }
}

NF_INLINE void nf_pixel_lookups(const nf_lookup_job *with, nf_event_block *block, int32_t y, int32_t x, const nf_sums64 *sums)
{
    const nf_columns columns = nf_window_columns(with->job->layer, x);
    if (!with->listed)
        nf_pixel_steps(block, y, x, columns, NF_SUM_NONE, sums);
    else if (columns.direct)
        nf_pixel_given(block, y, x, columns, sums);
    else
        nf_pixel_steps(block, y, x, columns, NF_SUM_WHOLE, sums);
}

NF_KERNEL void nf_tile_lookups(const nf_tile *tile, const void *with_job)
{
    const nf_lookup_job *with = (const nf_lookup_job *)with_job;
    const nf_job *job = with->job;
    const int32_t first = with->first, width = with->codes.width, at_once = NF_PLACES / job->steps;
    nf_event_block block = {tile, job, nf_start_block(tile, first), nf_load_neurons(job->neuron, first, 64), first,
                            0, job->out};
    nf_encode(job->layer, with->plane, &with->codes, tile->first_row, tile->rows);
    for (int32_t pixel = 0; pixel < tile->rows * width; pixel += at_once) {
        nf_look_up_block(with, pixel * job->steps);
        const int32_t end = nf_least(pixel + at_once, tile->rows * width);
        for (int32_t i = pixel; i < end; i++)
            if (i % width < job->layer->out.width)
                nf_pixel_lookups(with, &block, tile->first_row + i / width, i % width, with->turned + (i - pixel) * job->steps);
    }
}

/* A layer, and which of the planes that it reads holds many spikes. */
typedef struct {
    nf_job job;
    int32_t term;
} nf_chosen_plane;

NF_KERNEL void nf_layer_lookups(const void *with, const nf_layer *layer, const nf_source *source, nf_part part,
                                uint64_t *scratch)
{
    const nf_chosen_plane *chosen = (const nf_chosen_plane *)with;
    nf_source plane = *source, others = *source;
    plane.terms = 1;
    plane.planes[0] = source->planes[chosen->term];
    others.planes[chosen->term] = source->planes[--others.terms];
    nf_lookup_job job = {&chosen->job, &plane, nf_codes_layout(layer, source->steps), NULL, NULL, NULL, others.terms > 0, 0};
    job.tables = (int16_t *)(void *)scratch;
    scratch += nf_lookup_groups(layer) * 64 * NF_LOOKUP_CODES / 4;
    job.turned = (nf_sums64 *)(void *)scratch;
    scratch += NF_PLACES * 64 / 4;
    job.sums = (int16_t *)(void *)scratch;
    scratch += NF_PLACES * 16 / 4;
    job.codes.words = scratch;
    scratch += nf_encoded_words(&job.codes, source->steps);
    job.codes.taps = (int32_t *)(void *)scratch;
    scratch += nf_taps_words(layer);
    job.codes.codes = (uint16_t *)(void *)scratch;
    scratch += nf_codes_words(layer, &job.codes);
    nf_find_taps(layer, &job.codes, source->steps);
    for (job.first = part.first; job.first < part.end; job.first += 64) { /* tables take longer to make than lists */
        nf_fill_lookups(layer, nf_block_weights(layer, job.first), job.tables);
        nf_run_tiles(layer, &others, part, job.codes.rows, scratch, nf_tile_lookups, &job);
    }
}

/* Spikes for each 100 inputs of a plane from which on this is faster than lists, and those of all other planes up to
   which it is faster than products. Filling the tables takes as long as looking up NF_LOOKUP_FILL places. */
#define NF_LOOKUP_SHARE 28
#define NF_LOOKUP_OTHERS 12
#define NF_LOOKUP_FILL 200

/* Whether the spikes of a plane pay the tables. */
NF_INLINE int32_t nf_pays_lookups(const nf_layer *layer, int32_t steps, int64_t spikes, int64_t inputs)
{
    const int64_t places = (int64_t)layer->out.height * layer->out.width * steps;
    return spikes * 100 * places > NF_LOOKUP_SHARE * inputs * (places + NF_LOOKUP_FILL);
}

/* Whether tables may be had, and paid if every input spikes. */
NF_INLINE int32_t nf_has_lookups(const nf_layer *layer, const nf_source *source)
{
    return layer->in.channels % 64 == 0 && layer->out.channels % 64 == 0 && layer->kernel_x <= nf_reach(layer)
           && layer->largest < 1 << 15 && source->steps <= NF_PLACES && nf_pays_lookups(layer, source->steps, 1, 1)
           && nf_lookup_groups(layer) * 64 * NF_LOOKUP_CODES * 2 <= NF_LOOKUP_TABLES
           && nf_codes_layout(layer, source->steps).rows > 0;
}

/* Which plane is to be looked up: the only one with many spikes. -1 where there is none. */
NF_INLINE int32_t nf_dense_term(const nf_layer *layer, const nf_source *source, const nf_spike_counts *counts)
{
    const int64_t inputs = 64 * counts->words, others = counts->all - counts->most;
    return nf_has_lookups(layer, source) && nf_pays_lookups(layer, source->steps, counts->most, inputs)
                   && others * 100 <= NF_LOOKUP_OTHERS * inputs
               ? counts->term
               : -1;
}
