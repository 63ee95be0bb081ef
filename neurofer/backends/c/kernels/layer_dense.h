/* Integer layers of many spikes, with AVX-512 VNNI: every input is multiplied, 4 of them for 16 outputs at a time, and
   weights are read once for several steps. Spikes become bytes, which also count those of several planes. */

#define NF_DENSE_STEPS 6         /* whose sums stay in registers */
#define NF_DENSE_BYTES (1 << 18) /* of a tile's inputs, unless one row needs more */

/* Steps whose sums are computed at once. */
NF_INLINE int32_t nf_dense_steps(int32_t steps)
{
    return steps % 4 == 0 && steps % 6 ? 4 : NF_DENSE_STEPS;
}

/* Steps that are computed: those behind the last are not used. */
NF_INLINE int32_t nf_dense_computed(int32_t steps)
{
    const int32_t at_once = nf_dense_steps(steps);
    return (steps + at_once - 1) / at_once * at_once;
}

/* The inputs of a tile, with their zero border: bytes [step][height][width][channels]. */
typedef struct {
    uint8_t *bytes;
    int32_t height, width, row, step; /* row, step: bytes */
} nf_inputs;

NF_INLINE nf_inputs nf_dense_inputs(const nf_layer *layer, int32_t steps, uint64_t *scratch)
{
    nf_inputs inputs = {(uint8_t *)scratch, 0, 0, 0, 0};
    inputs.width = (layer->out.width - 1) * layer->stride_x + (layer->kernel_x - 1) * layer->dilation_x + 1;
    inputs.row = inputs.width * layer->in.channels;
    const int32_t reach = (layer->kernel_y - 1) * layer->dilation_y + 1, fit = NF_DENSE_BYTES / (inputs.row * steps);
    const int32_t whole = (layer->out.height - 1) * layer->stride_y + reach;
    inputs.height = fit < reach ? reach : nf_least(fit, whole);
    inputs.step = inputs.height * inputs.row;
    return inputs;
}

NF_INLINE int32_t nf_dense_words(const nf_layer *layer, const nf_source *source)
{
    const int32_t inputs = nf_dense_inputs(layer, source->steps, NULL).step * nf_dense_computed(source->steps);
    return inputs / 8 + nf_window_rows(layer) * 8;
}

/* Writes 64 bytes for each of `words` words: how many of the `terms` rows have the bit. */
NF_INLINE void nf_expand_words(const uint64_t *const *rows, int32_t terms, int32_t words, uint8_t *to)
{
    for (int32_t i = 0; i < words; i++, to += 64) {
        __m512i sum = _mm512_setzero_si512();
        for (int32_t term = 0; term < terms; term++)
            sum = _mm512_sub_epi8(sum, _mm512_movm_epi8(rows[term][i]));
        _mm512_store_si512(to, sum);
    }
}

/* Writes the inputs of the rows of outputs from `first_row` on. */
NF_KERNEL void nf_expand(const nf_layer *layer, const nf_source *source, const nf_inputs *inputs, int32_t first_row)
{
    const int32_t border = nf_least(layer->pad_x, inputs->width), channels = layer->in.channels;
    const int32_t used = nf_least(inputs->width - border, layer->in.width); /* columns of the image */
    const int32_t left = border * channels, right = inputs->row - left - used * channels;
    for (int32_t row = 0; row < source->steps * inputs->height; row++) {
        const int32_t t = row / inputs->height, y = first_row * layer->stride_y - layer->pad_y + row % inputs->height;
        uint8_t *to = inputs->bytes + row * inputs->row;
        const uint64_t *rows[NF_TERMS];
        if (y < 0 || y >= layer->in.height) {
            memset(to, 0, (size_t)inputs->row);
            continue;
        }
        for (int32_t term = 0; term < source->terms; term++)
            rows[term] = nf_row(source, term, t, y);
        memset(to, 0, (size_t)left);
        memset(to + inputs->row - right, 0, (size_t)right);
        const int32_t words = used * channels / 64;
        switch (source->terms) { /* known to the compiler: no inner loop */
        case 1:
            nf_expand_words(rows, 1, words, to + left);
            break;
        case 2:
            nf_expand_words(rows, 2, words, to + left);
            break;
        case 3:
            nf_expand_words(rows, 3, words, to + left);
            break;
        default:
            nf_expand_words(rows, source->terms, words, to + left);
        }
    }
}

/* Writes the weights of a block as the products need them: for each (ky, kx) 4 neighbouring inputs of 64 outputs. */
NF_KERNEL void nf_quadruple(const nf_layer *layer, const uint8_t *weights, int32_t lanes, uint8_t *to)
{
    const __m512i sign = _mm512_set1_epi8(-128);
    for (int32_t ky = 0; ky < layer->kernel_y; ky++)
        for (int32_t kx = 0; kx < layer->kernel_x; kx++)
            for (int32_t c = 0; c < layer->in.channels; c += 4, to += 256) {
                __m512i row[4];
                for (int32_t i = 0; i < 4; i++) {
                    const int32_t at = (kx * layer->kernel_y + ky) * layer->in.channels + c + i;
                    row[i] = _mm512_xor_si512(_mm512_loadu_si512(weights + (ptrdiff_t)at * lanes), sign);
                }
                const __m512i low01 = _mm512_unpacklo_epi8(row[0], row[1]), high01 = _mm512_unpackhi_epi8(row[0], row[1]);
                const __m512i low23 = _mm512_unpacklo_epi8(row[2], row[3]), high23 = _mm512_unpackhi_epi8(row[2], row[3]);
                _mm512_store_si512(to, _mm512_unpacklo_epi16(low01, low23));
                _mm512_store_si512(to + 64, _mm512_unpackhi_epi16(low01, low23));
                _mm512_store_si512(to + 128, _mm512_unpacklo_epi16(high01, high23));
                _mm512_store_si512(to + 192, _mm512_unpackhi_epi16(high01, high23));
            }
}

/* In assembly, for compilers read the weights again for every step, and so run out of registers. */
#define NF_DOT(sum, inputs, weights) __asm__("vpdpbusd %2, %1, %0" : "+v"(sum) : "v"(inputs), "v"(weights))
#define NF_SUMS_OF(t) __m512i t##0 = _mm512_setzero_si512(), t##1 = t##0, t##2 = t##0, t##3 = t##0
#define NF_STEP(t, n)                                                                                       \
    do {                                                                                                    \
        int32_t four;                                                                                       \
        memcpy(&four, from + (n) * inputs->step, sizeof four);                                              \
        const __m512i spikes = _mm512_set1_epi32(four);                                                     \
        NF_DOT(t##0, spikes, weights0);                                                                     \
        NF_DOT(t##1, spikes, weights1);                                                                     \
        NF_DOT(t##2, spikes, weights2);                                                                     \
        NF_DOT(t##3, spikes, weights3);                                                                     \
    } while (0)

/* A transposition puts the outputs in the order of lanes. */
#define NF_TURN(t, to)                                                                                      \
    do {                                                                                                    \
        const __m512i low01 = _mm512_unpacklo_epi32(t##0, t##1), high01 = _mm512_unpackhi_epi32(t##0, t##1); \
        const __m512i low23 = _mm512_unpacklo_epi32(t##2, t##3), high23 = _mm512_unpackhi_epi32(t##2, t##3); \
        (to).lane[0] = _mm512_unpacklo_epi64(low01, low23);                                                 \
        (to).lane[1] = _mm512_unpackhi_epi64(low01, low23);                                                 \
        (to).lane[2] = _mm512_unpacklo_epi64(high01, high23);                                               \
        (to).lane[3] = _mm512_unpackhi_epi64(high01, high23);                                               \
    } while (0)

/* The sums of NF_DENSE_STEPS steps (the last two left out of `four`) of the window whose first input is `window`. */
NF_INLINE void nf_dot(const nf_layer *layer, const nf_inputs *inputs, const uint8_t *window, const uint8_t *weights,
                      int32_t four, nf_ints64 *drive)
{
    const int32_t channels = layer->in.channels;
    NF_SUMS_OF(a);
    NF_SUMS_OF(b);
    NF_SUMS_OF(c);
    NF_SUMS_OF(d);
    NF_SUMS_OF(e);
    NF_SUMS_OF(f);
    for (int32_t ky = 0; ky < layer->kernel_y; ky++)
        for (int32_t kx = 0; kx < layer->kernel_x; kx++) {
            const uint8_t *from = window + ky * layer->dilation_y * inputs->row + kx * layer->dilation_x * channels;
            for (const uint8_t *end = from + channels; from < end; from += 4, weights += 256) {
                const __m512i weights0 = _mm512_load_si512(weights), weights1 = _mm512_load_si512(weights + 64);
                const __m512i weights2 = _mm512_load_si512(weights + 128), weights3 = _mm512_load_si512(weights + 192);
                NF_STEP(a, 0);
                NF_STEP(b, 1);
                NF_STEP(c, 2);
                NF_STEP(d, 3);
                if (four)
                    continue;
                NF_STEP(e, 4);
                NF_STEP(f, 5);
            }
        }
    NF_TURN(a, drive[0]);
    NF_TURN(b, drive[1]);
    NF_TURN(c, drive[2]);
    NF_TURN(d, drive[3]);
    NF_TURN(e, drive[4]);
    NF_TURN(f, drive[5]);
}

NF_APART void nf_dot_six(const nf_layer *layer, const nf_inputs *inputs, const uint8_t *window, const uint8_t *weights,
                         nf_ints64 *drive)
{
    nf_dot(layer, inputs, window, weights, 0, drive);
}

NF_APART void nf_dot_four(const nf_layer *layer, const nf_inputs *inputs, const uint8_t *window, const uint8_t *weights,
                          nf_ints64 *drive)
{
    nf_dot(layer, inputs, window, weights, 1, drive);
}

/* The outputs of a pixel; `window` is its first input, `weights` those of nf_quadruple. */
NF_INLINE void nf_pixel_dense(const nf_job *job, const nf_inputs *inputs, const nf_neurons64 *neurons,
                              const uint8_t *window, const uint8_t *weights, int32_t first, int32_t y, int32_t x)
{
    const int32_t at_once = nf_dense_steps(job->steps);
    nf_ints64 drive[NF_DENSE_STEPS], v = nf_load_membranes(job, neurons, first, y, x);
    for (int32_t t = 0; t < job->steps; t += at_once, window += at_once * inputs->step) {
        if (at_once == 4)
            nf_dot_four(job->layer, inputs, window, weights, drive);
        else
            nf_dot_six(job->layer, inputs, window, weights, drive);
        for (int32_t i = 0; i < nf_least(at_once, job->steps - t); i++)
            nf_put_block(job->layer->out, job->out, t + i, y, x, first, nf_fire64(neurons, &drive[i], &v));
    }
    nf_save_membranes(job, &v, first, y, x);
}

NF_KERNEL void nf_layer_dense(const void *with, const nf_layer *layer, const nf_source *source, nf_part part,
                              uint64_t *scratch)
{
    const nf_job *job = (const nf_job *)with;
    uint8_t *weights = (uint8_t *)scratch;
    const nf_inputs inputs = nf_dense_inputs(layer, source->steps, scratch + nf_window_rows(layer) * 8);
    const int32_t reach = (layer->kernel_y - 1) * layer->dilation_y + 1;
    const int32_t rows = (inputs.height - reach) / layer->stride_y + 1;
    for (int32_t top = part.first_row; top < part.end_row; top += rows) {
        nf_expand(layer, source, &inputs, top);
        for (int32_t first = part.first; first < part.end; first += 64) {
            const nf_neurons64 neurons = nf_load_neurons(job->neuron, first, nf_least(64, layer->out.channels - first));
            nf_quadruple(layer, nf_block_weights(layer, first), nf_block_lanes(layer, first), weights);
            for (int32_t y = top; y < nf_least(top + rows, part.end_row); y++)
                for (int32_t x = 0; x < layer->out.width; x++) {
                    const uint8_t *window = inputs.bytes + (y - top) * layer->stride_y * inputs.row
                                            + x * layer->stride_x * layer->in.channels;
                    nf_pixel_dense(job, &inputs, &neurons, window, weights, first, y, x);
                }
        }
    }
}

/* Spikes for each 100 inputs from which on this is faster than lists (measured on 64 to 512 channels: about 40). */
#ifndef NF_DENSE_SHARE
#define NF_DENSE_SHARE 38
#endif

NF_INLINE int32_t nf_is_dense(const nf_layer *layer, const nf_source *source, const nf_spike_counts *counts)
{
    return layer->by_column && layer->in.channels % 64 == 0 && source->steps >= 3
           && counts->all * 100 * source->steps > NF_DENSE_SHARE * 64 * counts->words * nf_dense_computed(source->steps);
}
