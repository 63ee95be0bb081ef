/* A layer on bytes, as those of an image, and the integer neurons behind it. Every value is multiplied, so windows should
   be small. Where all steps have the same values, the sums are computed once and stay in registers. The rows of weights
   are ordered (ky, kx, c), and there are no gaps between columns. */

/* Bytes [step][y][x][c]; `hop`: those of a step, 0 where all steps have the same. */
typedef struct {
    const uint8_t *bytes;
    int32_t steps, hop;
} nf_values;

/* Values that a row of the window covers, all of them neighbours. */
NF_INLINE int32_t nf_values_run(const nf_layer *layer)
{
    return layer->kernel_x * layer->in.channels;
}

#if NF_BYTES
typedef struct {
    nf_job job;
    nf_values values;
} nf_values_job;

NF_INLINE int32_t nf_values_groups(const nf_layer *layer)
{
    return (nf_values_run(layer) + NF_VALUE_GROUP - 1) / NF_VALUE_GROUP;
}

/* Values of a row with its borders, and behind it what completes the last group. */
NF_INLINE int32_t nf_values_row(const nf_layer *layer)
{
    return (layer->out.width - 1) * layer->stride_x * layer->in.channels + nf_values_run(layer) + NF_VALUE_GROUP - 1;
}

/* Values that a row of outputs reads in a step. */
NF_INLINE int32_t nf_values_step(const nf_layer *layer)
{
    return layer->kernel_y * nf_values_row(layer);
}

NF_INLINE int32_t nf_values_words(const nf_layer *layer, const nf_values *values)
{
    const int32_t steps = values->hop ? values->steps : 1, bytes = steps * nf_values_step(layer) * (int32_t)sizeof(nf_value);
    return layer->kernel_y * nf_values_groups(layer) * 32 + (bytes + 7) / 8;
}

/* Writes the weights of a block as [ky][group][lane][NF_VALUE_GROUP], the last group of a row with zeros. */
NF_KERNEL void nf_group_weights(const nf_layer *layer, int32_t first, nf_weight *to)
{
    const int32_t lanes = nf_block_lanes(layer, first), run = nf_values_run(layer);
    const int32_t hop = nf_values_groups(layer) * 64 * NF_VALUE_GROUP;
    const uint8_t *row = nf_block_weights(layer, first);
    memset(to, 0, (size_t)(layer->kernel_y * hop) * sizeof *to);
    for (int32_t ky = 0; ky < layer->kernel_y; ky++, to += hop)
        for (int32_t i = 0; i < run; i++, row += lanes)
            for (int32_t o = 0; o < lanes; o++)
                to[(i / NF_VALUE_GROUP * 64 + nf_place(o)) * NF_VALUE_GROUP + i % NF_VALUE_GROUP] = (nf_weight)(row[o] - 128);
}

/* Writes what output row y reads, with zero borders: [step][ky][row], one step where all are the same. */
NF_KERNEL void nf_widen_rows(const nf_layer *layer, const nf_values *values, int32_t y, nf_value *to)
{
    const int32_t row = nf_values_row(layer), line = layer->in.width * layer->in.channels;
    const int32_t left = nf_least(layer->pad_x * layer->in.channels, row), count = nf_least(row - left, line);
    for (int32_t t = 0; t < (values->hop ? values->steps : 1); t++)
        for (int32_t ky = 0; ky < layer->kernel_y; ky++, to += row) {
            const int32_t from_y = y * layer->stride_y - layer->pad_y + ky * layer->dilation_y;
            memset(to, 0, (size_t)row * sizeof *to);
            if (from_y < 0 || from_y >= layer->in.height)
                continue;
            const uint8_t *from = values->bytes + t * values->hop + from_y * line;
            for (int32_t i = 0; i < count; i++)
                to[left + i] = from[i];
        }
}

/* The sums of a block of outputs whose window begins at `window`. */
NF_INLINE nf_ints64 nf_values_sums(const nf_layer *layer, const nf_value *window, const nf_weight *weights)
{
    const int32_t row = nf_values_row(layer), run = nf_values_run(layer);
    nf_ints64 sums = nf_no_ints();
    for (int32_t ky = 0; ky < layer->kernel_y; ky++, window += row)
        for (int32_t i = 0; i < run; i += NF_VALUE_GROUP, weights += 64 * NF_VALUE_GROUP) {
            int32_t group;
            memcpy(&group, window + i, sizeof group);
            sums = nf_plus_products(sums, group, weights);
        }
    return sums;
}

/* The neurons for inputs that nf_input64 has made. */
NF_INLINE nf_neurons64 nf_without_input(nf_neurons64 neurons)
{
    neurons.bias = nf_no_ints();
    neurons.in_shift = 0;
    neurons.plain = !neurons.soft && neurons.leak_mul == 1 && !neurons.leak_shift;
    return neurons;
}

/* The outputs of row y in a block. `step`: from the values of a step to those of the next, 0 where all are the same. */
NF_INLINE void nf_row_of_values(const nf_job *job, const nf_neurons64 *neurons, const nf_value *rows,
                                const nf_weight *weights, int32_t step, int32_t first, int32_t y)
{
    const nf_layer layer = *job->layer;
    const nf_neurons64 fed = nf_without_input(*neurons);
    for (int32_t x = 0; x < layer.out.width; x++) {
        const nf_value *window = rows + x * layer.stride_x * layer.in.channels;
        nf_ints64 input = nf_input64(neurons, nf_values_sums(&layer, window, weights));
        nf_ints64 v = nf_load_membranes(job, neurons, first, y, x);
        for (int32_t t = 0; t < job->steps; t++) {
            if (t && step)
                input = nf_input64(neurons, nf_values_sums(&layer, window + t * step, weights));
            nf_put_block(layer.out, job->out, t, y, x, first, nf_fire64(&fed, &input, &v));
        }
        nf_save_membranes(job, &v, first, y, x);
    }
}

NF_KERNEL void nf_fire_values(const void *with, const nf_layer *layer, const nf_source *source, nf_part part,
                              uint64_t *scratch)
{
    const nf_values_job *job = (const nf_values_job *)with;
    nf_weight *weights = (nf_weight *)scratch;
    nf_value *rows = (nf_value *)(scratch + layer->kernel_y * nf_values_groups(layer) * 32);
    (void)source;
    for (int32_t first = part.first; first < part.end; first += 64) {
        const int32_t count = nf_least(64, layer->out.channels - first);
        const nf_neurons64 neurons = nf_load_neurons(job->job.neuron, first, count);
        nf_group_weights(layer, first, weights);
        for (int32_t y = part.first_row; y < part.end_row; y++) {
            nf_widen_rows(layer, &job->values, y, rows);
            if (job->values.hop)
                nf_row_of_values(&job->job, &neurons, rows, weights, nf_values_step(layer), first, y);
            else
                nf_row_of_values(&job->job, &neurons, rows, weights, 0, first, y);
        }
    }
}
#else
/* drive[0..63] = the sums of the block of outputs from channel `first` on, at one pixel and step. */
NF_KERNEL void nf_pixel_values(const nf_layer *layer, const uint8_t *values, int32_t pixel, int32_t first, int32_t *drive)
{
    const int32_t y = pixel / layer->out.width * layer->stride_y - layer->pad_y;
    const int32_t x = pixel % layer->out.width * layer->stride_x - layer->pad_x;
    const int32_t lanes = nf_block_lanes(layer, first), channels = layer->in.channels;
    const uint8_t *row = (const uint8_t *)layer->rows + (nf_window_rows(layer) + 1) * first;
    memset(drive, 0, 64 * sizeof *drive);
    for (int32_t ky = 0; ky < layer->kernel_y; ky++)
        for (int32_t i = 0; i < nf_values_run(layer); i++, row += lanes) {
            const int32_t from_y = y + ky * layer->dilation_y, from_x = x + i / channels;
            if (from_y < 0 || from_y >= layer->in.height || from_x < 0 || from_x >= layer->in.width)
                continue;
            const int32_t value = values[(from_y * layer->in.width + from_x) * channels + i % channels];
            for (int32_t o = 0; o < lanes; o++)
                drive[o] += value * (row[o] - 128);
        }
}

NF_KERNEL void nf_plain_values(const nf_layer *layer, const nf_neuron_i32 *neuron, const nf_values *values,
                               int32_t *state, uint64_t *out)
{
    const nf_shape shape = layer->out;
    for (int32_t pixel = 0; pixel < shape.height * shape.width; pixel++)
        for (int32_t c = 0; c < shape.channels; c += 64) {
            const int32_t count = nf_least(64, shape.channels - c);
            int32_t drive[64], fresh[64], *v = state ? state + pixel * shape.channels + c : fresh;
            if (!state)
                nf_start_ints(neuron, pixel, c, count, v);
            for (int32_t t = 0; t < values->steps; t++) {
                if (!t || values->hop)
                    nf_pixel_values(layer, values->bytes + t * values->hop, pixel, c, drive);
                nf_fire_block(neuron, shape, t, pixel, c, drive, v, out);
            }
        }
}
#endif

/* `state` keeps the membranes [y][x][c] between calls; NULL starts them anew. Neurons differ by channel at most. */
NF_KERNEL void nf_layer_values(const nf_layer *layer, const nf_neuron_i32 *neuron, const nf_values *values,
                               int32_t *state, uint64_t *out, uint64_t *scratch)
{
    if (!NF_BYTES || layer->out.channels % 64)
        nf_clear(layer->out, values->steps, out);
#if NF_BYTES
    const nf_source source = {layer->in, 0, values->steps, 1, 0, {NULL}};
    const nf_values_job job = {{layer, neuron, values->steps, 0, state, out}, *values};
    nf_share_out(nf_fire_values, &job, layer, &source, nf_values_words(layer, values), scratch);
#else
    (void)scratch;
    nf_plain_values(layer, neuron, values, state, out);
#endif
}
