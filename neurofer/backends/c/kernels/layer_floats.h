/* Float32 layers from the same lists: their order is that of the promised sums. */

typedef struct {
    const nf_layer *layer;
    const nf_neuron_f32 *neuron;
    int32_t steps;
    float *state;
    uint64_t *out;
} nf_float_job;

/* Values of `count` (at most 64) channels from `first` on. */
NF_INLINE nf_floats64 nf_spread_floats(nf_floats of, int32_t first, int32_t count)
{
    float values[64] = {0};
    nf_floats64 spread;
    for (int32_t i = 0; i < count; i++)
        values[i] = nf_float(of, 0, first + i);
    memcpy(&spread, values, sizeof spread);
    return spread;
}

NF_INLINE nf_float_neurons64 nf_load_float_neurons(const nf_neuron_f32 *neuron, int32_t first, int32_t count)
{
    const nf_float_neurons64 loaded = {nf_spread_floats(neuron->alpha, first, count),
                                       nf_spread_floats(neuron->gain, first, count),
                                       nf_spread_floats(neuron->offset, first, count),
                                       nf_spread_floats(neuron->theta, first, count),
                                       nf_spread_floats(neuron->reset, first, count),
                                       nf_spread_floats(neuron->start, first, count),
                                       neuron->soft};
    return loaded;
}

/* What the pixels of a block have in common. */
typedef struct {
    const nf_tile *tile;
    const nf_float_job *job;
    const float *weights;
    int32_t lanes, first, count;
    nf_floats64 bias;
    nf_float_neurons64 neurons;
} nf_float_block;

/* to += the rows of the spikes of some columns of the window that begins at column `from`. */
NF_INLINE void nf_add_floats(const nf_float_block *block, int32_t t, int32_t y, nf_columns group, int32_t from,
                             nf_floats64 *to)
{
    const nf_layer *layer = block->job->layer;
    const int32_t rows = (group.from - from) * layer->kernel_y * layer->in.channels;
    const uint32_t *starts = nf_band_starts(block->tile, t, y);
    nf_sum_floats(block->weights + rows * block->lanes, block->lanes,
                  nf_find_events(block->tile->entries, starts, group), to);
}

NF_INLINE void nf_pixel_floats(const nf_float_block *block, int32_t y, int32_t x)
{
    const nf_float_job *job = block->job;
    const nf_shape shape = job->layer->out;
    const nf_columns window = nf_window_columns(job->layer, x);
    float *state = job->state ? job->state + (y * shape.width + x) * shape.channels + block->first : NULL;
    const size_t bytes = (size_t)block->count * sizeof *state;
    nf_floats64 v = block->neurons.start;
    if (state)
        memcpy(&v, state, bytes);
    for (int32_t first = 0; first < job->steps; first += NF_STEPS) {
        const int32_t steps = nf_least(NF_STEPS, job->steps - first);
        nf_floats64 drive[NF_STEPS];
        memset(drive, 0, (size_t)steps * sizeof drive[0]);
        for (nf_columns left = window; left.low < left.high;) {
            nf_columns group = nf_next_group(job->layer, &left);
            for (int32_t t = 0; t < steps; t++)
                nf_add_floats(block, first + t, y, group, window.from, &drive[t]);
        }
        for (int32_t t = 0; t < steps; t++) {
            for (int32_t i = 0; job->layer->bias && i < NF_FLOATS; i++)
                drive[t].lane[i] += block->bias.lane[i];
            const uint64_t spikes = nf_fire_floats64(&block->neurons, &drive[t], &v);
            nf_put_block(shape, job->out, first + t, y, x, block->first, spikes);
        }
    }
    if (state)
        memcpy(state, &v, bytes);
}

NF_KERNEL void nf_tile_floats(const nf_tile *tile, const void *with)
{
    const nf_float_job *job = (const nf_float_job *)with;
    const nf_layer *layer = job->layer;
    const nf_floats bias = {layer->bias, 1, 0};
    for (int32_t first = tile->part.first; first < tile->part.end; first += 64) {
        const int32_t count = nf_least(64, layer->out.channels - first);
        nf_float_block block = {tile, job, layer->float_rows + (ptrdiff_t)nf_window_rows(layer) * first,
                                nf_block_lanes(layer, first), first, count, {{{0}}},
                                nf_load_float_neurons(job->neuron, first, count)};
        if (layer->bias)
            block.bias = nf_spread_floats(bias, first, count);
        for (int32_t y = tile->first_row; y < tile->first_row + tile->rows; y++)
            for (int32_t x = 0; x < layer->out.width; x++)
                nf_pixel_floats(&block, y, x);
    }
}

NF_KERNEL void nf_layer_floats(const void *job, const nf_layer *layer, const nf_source *source, nf_part part,
                               uint64_t *scratch)
{
    nf_run_tiles(layer, source, part, layer->out.height, scratch, nf_tile_floats, job);
}
