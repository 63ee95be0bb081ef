/* Integer layers for cores of 32 bits without vectors: 16 outputs at a time, whose sums stay in registers, two of 16 bits
   in each; planes are read 32 bits at a time, and only spikes cost. Weight rows in the order (ky, kx, c), no dilation
   along x. */

/* Sums of 4 outputs over rows of 4 bytes: `all` adds up whole words, `odd` bytes 1 and 3. Of at most 256 rows, what is
   left of `all` are bytes 0 and 2: 256 * 255 < 2^16. */
#if defined(__GNUC__) && defined(__ARM_FEATURE_SIMD32)
#define NF_ADD_ODD(odd, word) __asm("uxtab16 %0, %0, %1, ror #8" : "+r"(odd) : "r"(word))
#define NF_ONCE(pointer) __asm("" : "+r"(pointer)) /* computed once, not once for each word behind it */
#else
#define NF_ADD_ODD(odd, word) ((odd) += ((word) >> 8) & 0x00ff00ffu)
#define NF_ONCE(pointer)
#endif
#define NF_ADD_WORD(sum, i, word)      \
    do {                               \
        (sum)->all[i] += (word);       \
        NF_ADD_ODD((sum)->odd[i], word); \
    } while (0)

#if defined(__GNUC__) && __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__
typedef uint32_t __attribute__((may_alias)) nf_word;
#define NF_WORD(row, i) (((const nf_word *)(row))[i])
#else
#define NF_WORD(row, i) ((uint32_t)((row)[(i) >> 1] >> (((i) & 1) * 32)))
#endif

/* What an output pixel reads, the same in every step: words of some rows. */
typedef struct {
    int32_t y, rows;      /* the first row, their number */
    int32_t word, words;  /* of each row: the first word of 32 bits, their number */
    uint32_t first, last; /* bits of the first and of the last word */
    int32_t weights;      /* weight row of bit 0 of the first word, were it in the window */
} nf_reach;

/* The taps of a kernel that lie inside: the first, and how many. */
NF_INLINE int32_t nf_taps_inside(int32_t from, int32_t dilation, int32_t kernel, int32_t size, int32_t *first)
{
    int32_t end = kernel;
    for (*first = 0; *first < kernel && from + *first * dilation < 0;)
        ++*first;
    while (end > *first && from + (end - 1) * dilation >= size)
        --end;
    return end - *first;
}

NF_INLINE nf_reach nf_reach_of(const nf_layer *layer, int32_t y, int32_t x)
{
    const int32_t from_y = y * layer->stride_y - layer->pad_y, from_x = x * layer->stride_x - layer->pad_x;
    const int32_t channels = layer->in.channels;
    int32_t ky, kx, bit, end;
    nf_reach reach;
    reach.rows = nf_taps_inside(from_y, layer->dilation_y, layer->kernel_y, layer->in.height, &ky);
    end = channels * nf_taps_inside(from_x, 1, layer->kernel_x, layer->in.width, &kx);
    bit = (from_x + kx) * channels;
    end += bit;
    reach.y = from_y + ky * layer->dilation_y;
    reach.word = bit >> 5;
    reach.words = end > bit ? ((end - 1) >> 5) - reach.word + 1 : 0;
    reach.first = ~(uint32_t)0 << (bit & 31);
    reach.last = ~(uint32_t)0 >> (-end & 31);
    reach.weights = (ky * layer->kernel_x + kx) * channels - (bit & 31);
    if (reach.words == 1)
        reach.first &= reach.last;
    return reach;
}

/* Sums of 16 outputs; no address of them is taken, so that they stay in registers. */
typedef struct {
    uint32_t all[4], odd[4];
    int32_t rows; /* that they hold */
} nf_strip;

NF_INLINE void nf_add_strip(nf_strip *sum, const uint64_t *row, int32_t wide)
{
    NF_ONCE(row);
    NF_ADD_WORD(sum, 0, (uint32_t)row[0]);
    NF_ADD_WORD(sum, 1, (uint32_t)(row[0] >> 32));
    if (wide) {
        NF_ADD_WORD(sum, 2, (uint32_t)row[1]);
        NF_ADD_WORD(sum, 3, (uint32_t)(row[1] >> 32));
    }
    sum->rows++;
}

/* Moves sums out of 16 bits. */
static void nf_widen_strip(nf_strip sum, int32_t *to)
{
    for (int32_t i = 0; i < 4; i++) {
        const uint32_t even = sum.all[i] - (sum.odd[i] << 8);
        to[4 * i] += (int32_t)(even & 0xffffu) - 128 * sum.rows;
        to[4 * i + 1] += (int32_t)(sum.odd[i] & 0xffffu) - 128 * sum.rows;
        to[4 * i + 2] += (int32_t)(even >> 16) - 128 * sum.rows;
        to[4 * i + 3] += (int32_t)(sum.odd[i] >> 16) - 128 * sum.rows;
    }
}

/* 8 or (wide) 16 outputs of a layer. `row`: 64-bit words of a weight row. */
typedef struct {
    const nf_layer *layer;
    const uint64_t *weights;
    int32_t row, wide, many; /* many: windows may hold more than 256 spikes */
    int32_t plain, rests;
} nf_outputs;

/* Adds the weight rows of the spikes in a word; `from` is that of bit 0. */
NF_INLINE void nf_add_bits(const nf_outputs *outputs, uint32_t bits, const uint64_t *from, nf_strip *sum)
{
    for (; bits; bits &= bits - 1)
        nf_add_strip(sum, from + nf_lowest(bits) * outputs->row, outputs->wide);
}

/* Adds what an output pixel reads at step t; returns whether `to` took sums that grew too large. */
NF_INLINE int32_t nf_add_reach(const nf_outputs *outputs, const nf_source *source, const nf_reach *reach, int32_t t,
                               nf_strip *sum, int32_t *to)
{
    const nf_layer *layer = outputs->layer;
    const int32_t below = layer->dilation_y * source->shape.stride;
    const int32_t further = layer->kernel_x * layer->in.channels * outputs->row;
    int32_t widened = 0;
    for (int32_t term = 0; term < source->terms; term++) {
        const uint64_t *row = nf_row(source, term, t, reach->y) + (reach->word >> 1);
        const uint64_t *weights = outputs->weights + reach->weights * outputs->row;
        if (reach->words == 1 && !outputs->many) {
            for (int32_t k = reach->rows; k > 0; k--, row += below, weights += further)
                nf_add_bits(outputs, NF_WORD(row, reach->word & 1) & reach->first, weights, sum);
            continue;
        }
        for (int32_t k = reach->rows; k > 0; k--, row += below, weights += further) {
            const uint64_t *from = weights;
            uint32_t mask = reach->first;
            for (int32_t i = 0; i < reach->words; i++, from += 32 * outputs->row) {
                nf_add_bits(outputs, NF_WORD(row, (reach->word & 1) + i) & mask, from, sum);
                mask = i + 2 < reach->words ? ~(uint32_t)0 : reach->last;
                if (outputs->many && sum->rows > 224) { /* a word more may be 32 rows more */
                    const nf_strip none = {{0}, {0}, 0};
                    nf_widen_strip(*sum, to);
                    *sum = none;
                    widened = 1;
                }
            }
        }
    }
    return widened;
}

/* Neurons of up to 16 outputs: what is the same for all pixels. */
typedef struct {
    int32_t bias[16], theta[16], reset[16], start[16];
} nf_neurons16;

static nf_neurons16 nf_load16(const nf_neuron_i32 *neuron, int32_t first, int32_t count)
{
    nf_neurons16 found;
    memset(&found, 0, sizeof found);
    for (int32_t i = 0; i < count; i++) {
        found.bias[i] = nf_int(neuron->bias, 0, first + i);
        found.theta[i] = nf_int(neuron->theta, 0, first + i);
        found.reset[i] = nf_int(neuron->reset, 0, first + i);
        found.start[i] = nf_int(neuron->start, 0, first + i);
    }
    return found;
}

/* Whether neurons are IF with hard reset, one threshold and one reset value for all. */
NF_INLINE int32_t nf_is_plain(const nf_neuron_i32 *neuron)
{
    return !neuron->soft && !neuron->leak_shift && neuron->leak_mul == 1 && !neuron->in_shift
           && !neuron->theta.per_channel && !neuron->reset.per_channel;
}

/* Whether plain neurons without input keep their membranes and do not fire. */
NF_INLINE int32_t nf_rests(const nf_neuron_i32 *neuron)
{
    const int32_t theta = neuron->theta.values[0];
    return !neuron->bias.per_channel && !neuron->start.per_channel && !neuron->bias.values[0]
           && neuron->start.values[0] < theta && neuron->reset.values[0] < theta;
}

#define NF_FIRE(i, value)                                                  \
    do {                                                                   \
        int32_t u = v[i] + (int32_t)(value) + base + (rests ? 0 : bias[i]); \
        if (u >= theta) {                                                  \
            u = reset;                                                     \
            spikes |= 1u << (i);                                           \
        }                                                                  \
        v[i] = u;                                                          \
    } while (0)

#define NF_FIRE4(i)                                            \
    do {                                                       \
        const uint32_t even = sum->all[i] - (sum->odd[i] << 8); \
        NF_FIRE(4 * (i), even & 0xffffu);                      \
        NF_FIRE(4 * (i) + 1, sum->odd[i] & 0xffffu);           \
        NF_FIRE(4 * (i) + 2, even >> 16);                      \
        NF_FIRE(4 * (i) + 3, sum->odd[i] >> 16);               \
    } while (0)

/* A step of plain neurons. */
NF_INLINE uint32_t nf_fire_strip(const nf_strip *sum, const nf_neurons16 *neurons, int32_t rests, int32_t wide, int32_t *v)
{
    const int32_t base = -128 * sum->rows, theta = neurons->theta[0], reset = neurons->reset[0], *bias = neurons->bias;
    uint32_t spikes = 0;
    NF_FIRE4(0);
    NF_FIRE4(1);
    if (wide) {
        NF_FIRE4(2);
        NF_FIRE4(3);
    }
    return spikes;
}

/* A step of any neurons. */
static uint32_t nf_fire16(const nf_neuron_i32 *neuron, const nf_neurons16 *neurons, const int32_t *drive, int32_t *v)
{
    uint32_t spikes = 0;
    for (int32_t i = 0; i < 16; i++) {
        const int32_t u = (v[i] >> neuron->leak_shift) * neuron->leak_mul + drive[i] * (1 << neuron->in_shift)
                          + neurons->bias[i];
        const int32_t spike = u >= neurons->theta[i];
        spikes |= (uint32_t)spike << i;
        v[i] = !spike ? u : neuron->soft ? u - neurons->reset[i] : neurons->reset[i];
    }
    return spikes;
}

/* All steps of the outputs `first` to `first + count` of one pixel, from membranes `v` on. */
NF_INLINE void nf_pixel_small(const nf_outputs *outputs, const nf_neuron_i32 *neuron, const nf_neurons16 *neurons,
                              const nf_source *source, int32_t first, int32_t count, int32_t y, int32_t x, int32_t *v,
                              uint64_t *out)
{
    const nf_shape shape = outputs->layer->out;
    const nf_reach reach = nf_reach_of(outputs->layer, y, x);
    uint64_t *row = out + y * shape.stride;
    int32_t drive[16] = {0};
    for (int32_t t = 0; t < source->steps; t++, row += shape.height * shape.stride) {
        nf_strip sum = {{0}, {0}, 0};
        uint32_t spikes;
        const int32_t widened = nf_add_reach(outputs, source, &reach, t, &sum, drive);
        if (outputs->plain && !widened) {
            if (outputs->rests && !sum.rows)
                continue;
            spikes = nf_fire_strip(&sum, neurons, outputs->rests, outputs->wide, v);
        } else {
            nf_widen_strip(sum, drive);
            spikes = nf_fire16(neuron, neurons, drive, v);
            memset(drive, 0, sizeof drive);
        }
        if (spikes)
            nf_or_bits(row, x * shape.channels + first, count, spikes & nf_low_mask(count));
    }
}

NF_INLINE void nf_part_small(const nf_outputs *outputs, const nf_neuron_i32 *neuron, const nf_source *source, int32_t first,
                             int32_t *state, uint64_t *out)
{
    const nf_shape shape = outputs->layer->out;
    const int32_t count = nf_least(outputs->wide ? 16 : 8, shape.channels - first);
    const nf_neurons16 neurons = nf_load16(neuron, first, count);
    for (int32_t y = 0; y < shape.height; y++)
        for (int32_t x = 0; x < shape.width; x++) {
            int32_t v[16], *kept = state ? state + (y * shape.width + x) * shape.channels + first : NULL;
            memcpy(v, neurons.start, sizeof v);
            for (int32_t i = 0; kept && i < count; i++)
                v[i] = kept[i];
            nf_pixel_small(outputs, neuron, &neurons, source, first, count, y, x, v, out);
            for (int32_t i = 0; kept && i < count; i++)
                kept[i] = v[i];
        }
}

/* A layer and the neurons behind it. `state` keeps the membranes [y][x][c] between calls; NULL starts them anew. */
NF_INLINE void nf_layer_small(const nf_layer *layer, const nf_neuron_i32 *neuron, const nf_source *source, int32_t *state,
                              uint64_t *out)
{
    const int32_t plain = nf_is_plain(neuron), rests = plain && nf_rests(neuron);
    const int32_t many = nf_window_rows(layer) * source->terms > 256;
    for (int32_t first = 0; first < layer->out.channels; first += 16) {
        const int32_t block = first & ~63, row = nf_block_lanes(layer, block) / 8, place = (first - block) / 8;
        const uint64_t *weights = layer->rows + (nf_window_rows(layer) + 1) * (block / 8) + place;
        const nf_outputs wide = {layer, weights, row, 1, many, plain, rests}, narrow = {layer, weights, row, 0, many, plain, rests};
        if (place + 1 < row)
            nf_part_small(&wide, neuron, source, first, state, out);
        else
            nf_part_small(&narrow, neuron, source, first, state, out);
    }
}
