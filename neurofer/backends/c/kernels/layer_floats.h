/* Float32 layers from the same lists: their order is that of the promised sums. */

typedef struct {
    const nf_layer *layer;
    const nf_neuron_f32 *neuron;
    int32_t steps;
    ptrdiff_t hop; /* see nf_source */
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

/* One step of a sample: fires; `band` is its number among those of all samples of the tile. */
NF_INLINE void nf_fire_floats_band(const nf_float_block *block, int32_t band, int32_t y, int32_t x,
                                   const nf_floats64 *drive, nf_floats64 *v)
{
    const nf_float_job *job = block->job;
    const nf_shape shape = job->layer->out;
    const int32_t t = band % job->steps, sample = block->tile->first_sample + band / job->steps;
    float *state = job->state ? job->state + (y * shape.width + x) * shape.channels + block->first : NULL;
    if (t == 0) {
        *v = block->neurons.start;
        if (state)
            memcpy(v, state, (size_t)block->count * sizeof *state);
    }
    nf_put_block(shape, job->out + sample * job->hop, t, y, x, block->first, nf_fire_floats64(&block->neurons, drive, v));
    if (state && t + 1 == job->steps)
        memcpy(state, v, (size_t)block->count * sizeof *state);
}

NF_INLINE void nf_pixel_floats(const nf_float_block *block, int32_t y, int32_t x)
{
    const nf_float_job *job = block->job;
    const int32_t bands = block->tile->samples * job->steps;
    const nf_columns window = nf_window_columns(job->layer, x);
    nf_floats64 v = block->neurons.start;
    for (int32_t first = 0; first < bands; first += NF_STEPS) {
        const int32_t count = nf_least(NF_STEPS, bands - first);
        nf_floats64 drive[NF_STEPS];
        memset(drive, 0, (size_t)count * sizeof drive[0]);
        for (nf_columns left = window; left.low < left.high;) {
            nf_columns group = nf_next_group(job->layer, &left);
            for (int32_t i = 0; i < count; i++)
                nf_add_floats(block, first + i, y, group, window.from, &drive[i]);
        }
        for (int32_t band = 0; band < count; band++) {
            for (int32_t i = 0; job->layer->bias && i < NF_FLOATS; i++)
                drive[band].lane[i] += block->bias.lane[i];
            nf_fire_floats_band(block, first + band, y, x, &drive[band], &v);
        }
    }
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
    if (source->samples > 1)
        nf_run_samples(layer, source, part, scratch, nf_tile_floats, job);
    else
        nf_run_tiles(layer, source, part, layer->out.height, scratch, nf_tile_floats, job);
}
