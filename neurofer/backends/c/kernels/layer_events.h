/* Integer layers from lists of spikes: block by block of 64 outputs, pixel by pixel, the steps innermost so that
   membranes stay in registers. */

/* What the pixels of a block have in common, in one sample. */
typedef struct {
    const nf_tile *tile;
    const nf_job *job;
    nf_block weights;
    nf_neurons64 neurons;
    int32_t first;
    int32_t band;  /* of the sample's first step */
    uint64_t *out; /* the sample's spikes */
} nf_event_block;

NF_INLINE void nf_start_sample(nf_event_block *block, int32_t sample)
{
    block->band = sample * block->job->steps;
    block->out = block->job->out + (block->tile->first_sample + sample) * block->job->hop;
}

/* How the rows of a window are summed. */
enum { NF_SUM_NARROW, NF_SUM_WHOLE, NF_SUM_DIRECT, NF_SUM_NONE };

/* All steps of a pixel. To the sums of its lists come those of `given`, one for each step; NULL for none. */
NF_INLINE void nf_pixel_steps(nf_event_block *block, int32_t y, int32_t x, nf_columns columns, int32_t how,
                              const nf_sums64 *given)
{
    const nf_job *job = block->job;
    const int32_t band = job->layer->in.width + 1, steps = job->steps;
    const uint16_t *entries = block->tile->entries;
    const uint32_t *starts = nf_band_starts(block->tile, block->band, y);
    nf_ints64 v = nf_load_membranes(job, &block->neurons, block->first, y, x);
    for (int32_t t = 0; t < steps; t++, starts += band) {
        const nf_events events = nf_find_events(entries, starts, columns);
        nf_ints64 drive = given ? nf_plus_sums(nf_no_ints(), given[t]) : nf_no_ints();
        if (how == NF_SUM_DIRECT)
            nf_sum_direct(&block->weights, events, &drive);
        else if (how == NF_SUM_WHOLE)
            nf_sum_whole(&block->weights, events, &drive);
        else if (how == NF_SUM_NARROW)
            nf_sum_narrow(&block->weights, events, &drive);
        nf_put_block(job->layer->out, block->out, t, y, x, block->first, nf_fire64(&block->neurons, &drive, &v));
    }
    nf_save_membranes(job, &v, block->first, y, x);
}

/* The loops that take most of the time, apart from the others: they would share their registers. */
NF_APART void nf_pixel_direct(nf_event_block *block, int32_t y, int32_t x, nf_columns columns)
{
    nf_pixel_steps(block, y, x, columns, NF_SUM_DIRECT, NULL);
}

NF_APART void nf_pixel_given(nf_event_block *block, int32_t y, int32_t x, nf_columns columns, const nf_sums64 *given)
{
    nf_pixel_steps(block, y, x, columns, NF_SUM_DIRECT, given);
}

NF_INLINE void nf_pixel_events(nf_event_block *block, int32_t y, int32_t x, int32_t whole)
{
    const nf_columns columns = nf_window_columns(block->job->layer, x);
    if (!whole)
        nf_pixel_steps(block, y, x, columns, NF_SUM_NARROW, NULL);
    else if (columns.direct)
        nf_pixel_direct(block, y, x, columns);
    else
        nf_pixel_steps(block, y, x, columns, NF_SUM_WHOLE, NULL);
}

/* One step of a sample: fires, and goes on to the next sample behind its last step. */
NF_INLINE void nf_fire_band(nf_event_block *block, int32_t band, int32_t y, int32_t x, const nf_ints64 *drive, nf_ints64 *v)
{
    const nf_job *job = block->job;
    const int32_t t = band % job->steps;
    if (t == 0) {
        nf_start_sample(block, band / job->steps);
        *v = nf_load_membranes(job, &block->neurons, block->first, y, x);
    }
    nf_put_block(job->layer->out, block->out, t, y, x, block->first, nf_fire64(&block->neurons, drive, v));
    if (t + 1 == job->steps)
        nf_save_membranes(job, v, block->first, y, x);
}

/* The same for windows of more rows than entries reach, of all samples. */
NF_KERNEL void nf_pixel_groups(nf_event_block *block, int32_t y, int32_t x)
{
    const nf_layer *layer = block->job->layer;
    const int32_t bands = block->tile->samples * block->job->steps;
    const int32_t column_bytes = layer->kernel_y * layer->in.channels * (int32_t)block->weights.scale * 8;
    const nf_columns window = nf_window_columns(layer, x);
    nf_ints64 v = block->neurons.start;
    for (int32_t first = 0; first < bands; first += NF_STEPS) {
        const int32_t count = nf_least(NF_STEPS, bands - first);
        nf_ints64 drive[NF_STEPS];
        memset(drive, 0, (size_t)count * sizeof drive[0]);
        for (nf_columns left = window; left.low < left.high;) {
            const nf_columns group = nf_next_group(layer, &left);
            nf_block weights = block->weights;
            weights.weights += (group.low - window.from) * column_bytes;
            for (int32_t i = 0; i < count; i++) {
                const uint32_t *starts = nf_band_starts(block->tile, first + i, y);
                const nf_events events = nf_find_events(block->tile->entries, starts, group);
                if (group.direct && weights.scale == 8)
                    nf_sum_far_direct(&weights, events, &drive[i]);
                else
                    nf_sum_far(&weights, events, &drive[i]);
            }
        }
        for (int32_t i = 0; i < count; i++)
            nf_fire_band(block, first + i, y, x, &drive[i], &v);
    }
}

/* What is fetched while a block is summed, half a cache line with every few rows: the next block, the first one for the
   next tile, or the next layer. */
NF_INLINE nf_block nf_start_block(const nf_tile *tile, int32_t first)
{
    const nf_layer *layer = tile->layer;
    const int32_t rows = nf_window_rows(layer), lanes = nf_block_lanes(layer, first);
    const int32_t is_last = first + 64 >= tile->part.end, next = is_last ? tile->part.first : first + 64;
    const char *ahead = (const char *)nf_block_weights(layer, next);
    int32_t bytes = nf_block_lanes(layer, next) * (rows + 1);
    if (is_last && tile->first_row + tile->rows == tile->part.end_row) {
        ahead = (const char *)layer->next;
        bytes = nf_least(layer->next_bytes, bytes);
    }
    const nf_block block = {nf_block_weights(layer, first), ahead, ahead + bytes, (size_t)lanes / 8, ahead ? 32 : 0,
                            (uint16_t)(8 * rows)};
    return block;
}

/* All pixels of a block: of one sample, or of all where its window is not near. */
NF_INLINE void nf_block_events(nf_event_block *block, int32_t near)
{
    const nf_tile *tile = block->tile;
    for (int32_t y = tile->first_row; y < tile->first_row + tile->rows; y++)
        for (int32_t x = 0; x < tile->layer->out.width; x++)
            if (!near)
                nf_pixel_groups(block, y, x);
            else if (block->weights.scale == 8)
                nf_pixel_events(block, y, x, 1);
            else
                nf_pixel_events(block, y, x, 0);
}

NF_KERNEL void nf_tile_events(const nf_tile *tile, const void *with)
{
    const nf_job *job = (const nf_job *)with;
    const nf_layer *layer = job->layer;
    for (int32_t first = tile->part.first; first < tile->part.end; first += 64) {
        const int32_t count = nf_least(64, layer->out.channels - first);
        nf_event_block block = {tile, job, nf_start_block(tile, first), nf_load_neurons(job->neuron, first, count), first,
                                0, NULL};
        const int32_t near = layer->kernel_x <= nf_reach(layer), apart = near ? tile->samples : 1;
        for (int32_t sample = 0; sample < apart; sample++) {
            nf_start_sample(&block, sample);
            nf_block_events(&block, near);
        }
    }
}

NF_KERNEL void nf_layer_events(const void *job, const nf_layer *layer, const nf_source *source, nf_part part,
                               uint64_t *scratch)
{
    if (source->samples > 1)
        nf_run_samples(layer, source, part, scratch, nf_tile_events, job);
    else
        nf_run_tiles(layer, source, part, layer->out.height, scratch, nf_tile_events, job);
}
