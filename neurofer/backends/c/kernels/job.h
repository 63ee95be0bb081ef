/* What the integer layers of the vector builds share. */

/* to += the rows that the events name. */
NF_INLINE void nf_sum_direct(nf_block *block, nf_events events, nf_ints64 *to)
{
    nf_sum_scaled(block, events, 8, NF_DIRECT, *to, to); /* rows of 64 bytes: a scale that addresses have */
}

/* The same, in rarer cases: not inlined. */
NF_APART void nf_sum_whole(nf_block *block, nf_events events, nf_ints64 *to)
{
    nf_sum_scaled(block, events, 8, NF_NEAR, *to, to);
}

NF_APART void nf_sum_narrow(nf_block *block, nf_events events, nf_ints64 *to)
{
    nf_sum_scaled(block, events, block->scale, NF_NEAR, *to, to);
}

/* The same where the row of zeros may be out of reach. */
NF_APART void nf_sum_far(nf_block *block, nf_events events, nf_ints64 *to)
{
    nf_sum_scaled(block, events, block->scale, NF_FAR, *to, to);
}

NF_APART void nf_sum_far_direct(nf_block *block, nf_events events, nf_ints64 *to)
{
    nf_sum_scaled(block, events, 8, NF_FAR | NF_DIRECT, *to, to);
}

/* A layer, its neurons, and where their membranes and spikes go. */
typedef struct {
    const nf_layer *layer;
    const nf_neuron_i32 *neuron;
    int32_t steps;
    ptrdiff_t hop; /* see nf_source */
    int32_t *state;
    uint64_t *out;
} nf_job;

NF_INLINE const uint8_t *nf_block_weights(const nf_layer *layer, int32_t first)
{
    return (const uint8_t *)layer->rows + (size_t)(nf_window_rows(layer) + 1) * (size_t)first;
}

/* Values of `count` (at most 64) channels from `first` on, in the order of the lanes. */
NF_INLINE nf_ints64 nf_spread(nf_ints of, int32_t first, int32_t count)
{
    int32_t values[64] = {0};
    nf_ints64 spread;
    for (int32_t i = 0; i < count; i++)
        values[nf_place(i)] = nf_int(of, 0, first + i);
    memcpy(&spread, values, sizeof spread);
    return spread;
}

NF_INLINE nf_neurons64 nf_load_neurons(const nf_neuron_i32 *neuron, int32_t first, int32_t count)
{
    const int32_t plain = !neuron->soft && neuron->leak_mul == 1 && !neuron->leak_shift && !neuron->in_shift;
    const nf_neurons64 loaded = {nf_spread(neuron->bias, first, count),
                                 nf_spread(neuron->theta, first, count),
                                 nf_spread(neuron->reset, first, count),
                                 nf_spread(neuron->start, first, count),
                                 neuron->leak_mul,
                                 neuron->leak_shift,
                                 neuron->in_shift,
                                 neuron->soft,
                                 plain};
    return loaded;
}

/* Even outputs before odd ones; done twice, the order of the lanes. In a form that compilers find vectors for. */
NF_INLINE void nf_part_pairs(const int32_t *from, int32_t *to)
{
    for (int32_t i = 0; i < 32; i++) {
        to[i] = from[2 * i];
        to[32 + i] = from[2 * i + 1];
    }
}

/* The inverse. */
NF_INLINE void nf_join_pairs(const int32_t *from, int32_t *to)
{
    for (int32_t i = 0; i < 32; i++) {
        to[2 * i] = from[i];
        to[2 * i + 1] = from[32 + i];
    }
}

/* Whether 16 bits hold all values. */
NF_INLINE int32_t nf_is_narrow(const nf_ints64 *values)
{
    const nf_ints64 widened = nf_plus_sums(nf_no_ints(), nf_narrowed(values));
    return !memcmp(&widened, values, sizeof widened);
}

NF_INLINE nf_narrow64 nf_narrow_neurons(const nf_neurons64 *neurons)
{
    const nf_narrow64 narrow = {nf_narrowed(&neurons->bias), nf_narrowed(&neurons->theta), nf_narrowed(&neurons->reset),
                                nf_narrowed(&neurons->start)};
    return narrow;
}

NF_INLINE nf_ints64 nf_load_membranes(const nf_job *job, const nf_neurons64 *neurons, int32_t first, int32_t y, int32_t x)
{
    const nf_shape shape = job->layer->out;
    if (!job->state)
        return neurons->start;
    const int32_t *from = job->state + (y * shape.width + x) * shape.channels + first;
    if (shape.channels - first < 64) {
        const nf_ints membranes = {from, 1, 0};
        return nf_spread(membranes, 0, shape.channels - first);
    }
    int32_t parted[64], values[64];
    nf_ints64 v;
    nf_part_pairs(from, parted);
    nf_part_pairs(parted, values);
    memcpy(&v, values, sizeof v);
    return v;
}

NF_INLINE void nf_save_membranes(const nf_job *job, const nf_ints64 *v, int32_t first, int32_t y, int32_t x)
{
    const nf_shape shape = job->layer->out;
    if (!job->state)
        return;
    int32_t values[64], joined[64], *to = job->state + (y * shape.width + x) * shape.channels + first;
    memcpy(values, v, sizeof values);
    if (shape.channels - first >= 64) {
        nf_join_pairs(values, joined);
        nf_join_pairs(joined, to);
        return;
    }
    for (int32_t i = 0; i < shape.channels - first; i++)
        to[i] = values[nf_place(i)];
}
