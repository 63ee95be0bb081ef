/* Integer layers for cores of 32 bits without vectors: 16 outputs at a time, whose sums stay in registers, two of 16
   bits in each; planes are read 32 bits at a time, and only spikes cost. Weight rows lie in the order (ky, kx, c), and
   there is no dilation along x. */

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
    if (!reach.words) /* the window lies beside the input */
        reach.rows = 0;
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

/* Where sums go that grew too large for 16 bits. */
typedef struct {
    int32_t any, *sums;
} nf_whole;

/* 8 or (wide) 16 outputs of a layer. `row`: 64-bit words of a weight row. */
typedef struct {
    const nf_layer *layer;
    const uint64_t *weights;
    int32_t row, wide, many;      /* many: windows may hold more than 256 spikes */
    int32_t plain, biased, rests; /* see `nf_is_plain`, `nf_is_biased`, `nf_rests` */
} nf_outputs;

/* Adds the weight rows of the spikes in a word; `from` is that of bit 0. */
NF_INLINE void nf_add_bits(const nf_outputs *outputs, uint32_t bits, const uint64_t *from, nf_strip *sum)
{
    if (!bits)
        return;
    do {
        nf_add_strip(sum, from + nf_lowest(bits) * outputs->row, outputs->wide);
        bits &= bits - 1;
    } while (bits);
}

/* Makes room for 64 rows in sums of 16 bits. */
NF_INLINE void nf_make_room(const nf_outputs *outputs, nf_strip *sum, nf_whole *whole)
{
    if (outputs->many && sum->rows > 192) {
        const nf_strip none = {{0}, {0}, 0};
        nf_widen_strip(*sum, whole->sums);
        whole->any = 1;
        *sum = none;
    }
}

/* Adds what an output pixel reads of one plane, `words` words of each row. */
NF_INLINE void nf_add_rows(const nf_outputs *outputs, const nf_reach *reach, int32_t words, const uint64_t *row,
                           int32_t below, nf_strip *sum, nf_whole *whole)
{
    const int32_t further = outputs->layer->kernel_x * outputs->layer->in.channels * outputs->row;
    const int32_t first = reach->word & 1, last = words - 1;
    const uint64_t *weights = outputs->weights + reach->weights * outputs->row;
    row += reach->word >> 1;
    for (int32_t k = reach->rows; k > 0; k--, row += below, weights += further) {
        nf_add_bits(outputs, NF_WORD(row, first) & reach->first, weights, sum);
        for (int32_t i = 1; i < last; i++) {
            nf_make_room(outputs, sum, whole);
            nf_add_bits(outputs, NF_WORD(row, first + i), weights + 32 * i * outputs->row, sum);
        }
        if (last > 0)
            nf_add_bits(outputs, NF_WORD(row, first + last) & reach->last, weights + 32 * last * outputs->row, sum);
        nf_make_room(outputs, sum, whole);
    }
}

/* Adds what an output pixel reads at step t. Most windows are narrow: one word or two need no loop. */
NF_INLINE void nf_add_reach(const nf_outputs *outputs, const nf_source *source, const nf_reach *reach, int32_t t,
                            nf_strip *sum, nf_whole *whole)
{
    const int32_t below = outputs->layer->dilation_y * source->shape.stride;
    for (int32_t term = 0; term < source->terms; term++) {
        const uint64_t *row = nf_row(source, term, t, reach->y);
        if (reach->words == 1)
            nf_add_rows(outputs, reach, 1, row, below, sum, whole);
        else if (reach->words == 2)
            nf_add_rows(outputs, reach, 2, row, below, sum, whole);
        else
            nf_add_rows(outputs, reach, reach->words, row, below, sum, whole);
    }
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

/* Values that a drift cannot carry out of 32 bits. */
NF_INLINE int32_t nf_is_modest(nf_ints value)
{
    return !value.per_channel && value.values[0] > -(1 << 29) && value.values[0] < 1 << 29;
}

/* Whether neurons are IF with hard reset and the same values for all, and run no longer than their drift allows. */
NF_INLINE int32_t nf_is_plain(const nf_neuron_i32 *neuron, int32_t inputs, int32_t steps)
{
    return !neuron->soft && !neuron->leak_shift && neuron->leak_mul == 1 && !neuron->in_shift
           && nf_is_modest(neuron->theta) && nf_is_modest(neuron->reset) && nf_is_modest(neuron->start)
           && steps < 1 << 13 && inputs < (1 << 22) / steps;
}

/* Whether constants are added to each neuron, and not to all of them at once. */
NF_INLINE int32_t nf_is_biased(const nf_neuron_i32 *neuron)
{
    return neuron->bias.per_channel || neuron->bias.values[0] < -(1 << 15) || neuron->bias.values[0] > 1 << 15;
}

/* Whether plain neurons without input keep their membranes and do not fire. */
NF_INLINE int32_t nf_rests(const nf_neuron_i32 *neuron)
{
    const int32_t theta = neuron->theta.values[0];
    return !nf_is_biased(neuron) && !neuron->bias.values[0] && neuron->start.values[0] < theta
           && neuron->reset.values[0] < theta;
}

#define NF_FIRE(i, value)                                             \
    do {                                                              \
        int32_t u = v[i] + (int32_t)(value) + (biased ? bias[i] : 0); \
        if (u >= theta) {                                             \
            u = reset;                                                \
            spikes |= 1u << (i);                                      \
        }                                                             \
        v[i] = u;                                                     \
    } while (0)

#define NF_FIRE4(i)                                             \
    do {                                                        \
        const uint32_t even = sum->all[i] - (sum->odd[i] << 8); \
        NF_FIRE(4 * (i), even & 0xffffu);                       \
        NF_FIRE(4 * (i) + 1, sum->odd[i] & 0xffffu);            \
        NF_FIRE(4 * (i) + 2, even >> 16);                       \
        NF_FIRE(4 * (i) + 3, sum->odd[i] >> 16);                \
    } while (0)

/* A step of plain neurons, whose membranes are v + drift: what all of them get in a step moves the threshold and the
   reset value instead. */
NF_INLINE uint32_t nf_fire_strip(const nf_outputs *outputs, const nf_strip *sum, const nf_neurons16 *neurons,
                                 int32_t drift, int32_t *v)
{
    const int32_t theta = neurons->theta[0] - drift, reset = neurons->reset[0] - drift;
    const int32_t *bias = neurons->bias, biased = outputs->biased;
    uint32_t spikes = 0;
    NF_FIRE4(0);
    NF_FIRE4(1);
    if (outputs->wide) {
        NF_FIRE4(2);
        NF_FIRE4(3);
    }
    return spikes;
}

NF_INLINE void nf_shift16(int32_t *v, int32_t drift)
{
    for (int32_t i = 0; i < 16; i++)
        v[i] += drift;
}

/* A step of any neurons. */
static uint32_t nf_fire16(const nf_neuron_i32 *neuron, const nf_neurons16 *neurons, int32_t count,
                          const int32_t *drive, int32_t *v)
{
    uint32_t spikes = 0;
    for (int32_t i = 0; i < count; i++) {
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
    const int32_t given = outputs->biased ? 0 : neurons->bias[0];
    int32_t drift = 0, sums[16] = {0};
    nf_whole whole = {0, sums};
    for (int32_t t = 0; t < source->steps; t++, row += shape.height * shape.stride) {
        nf_strip sum = {{0}, {0}, 0};
        uint32_t spikes;
        nf_add_reach(outputs, source, &reach, t, &sum, &whole);
        if (outputs->plain && !whole.any) {
            if (outputs->rests && !sum.rows)
                continue;
            drift += given - 128 * sum.rows;
            spikes = nf_fire_strip(outputs, &sum, neurons, drift, v);
        } else {
            nf_shift16(v, drift);
            drift = 0;
            nf_widen_strip(sum, sums);
            spikes = nf_fire16(neuron, neurons, count, sums, v);
            memset(sums, 0, sizeof sums);
            whole.any = 0;
        }
        if (spikes)
            nf_or_bits(row, x * shape.channels + first, count, spikes & nf_low_mask(count));
    }
    nf_shift16(v, drift);
}

NF_INLINE void nf_outputs_small(const nf_outputs *outputs, const nf_neuron_i32 *neuron, const nf_source *source,
                                int32_t first, int32_t *state, uint64_t *out)
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
NF_INLINE void nf_layer_small(const nf_layer *layer, const nf_neuron_i32 *neuron, const nf_source *source,
                              int32_t *state, uint64_t *out)
{
    const int32_t inputs = nf_window_rows(layer) * source->terms, plain = nf_is_plain(neuron, inputs, source->steps);
    const int32_t many = inputs > 256, biased = nf_is_biased(neuron), rests = nf_rests(neuron);
    for (int32_t first = 0; first < layer->out.channels; first += 16) {
        const int32_t block = first & ~63, row = nf_block_lanes(layer, block) / 8, place = (first - block) / 8;
        const uint64_t *weights = layer->rows + (nf_window_rows(layer) + 1) * (block / 8) + place;
        const nf_outputs wide = {layer, weights, row, 1, many, plain, biased, rests};
        const nf_outputs narrow = {layer, weights, row, 0, many, plain, biased, rests};
        if (place + 1 < row)
            nf_outputs_small(&wide, neuron, source, first, state, out);
        else
            nf_outputs_small(&narrow, neuron, source, first, state, out);
    }
}
