/* Integer layers from lists of spikes: lists of a tile of output rows, then block by block of 64 outputs, pixel by
   pixel, the steps innermost so that membranes stay in registers. */

/* Some rows of outputs, the lists of their bands (row, step), and which channels are wanted of them. */
typedef struct {
    const nf_job *job;
    nf_part part;
    int32_t first_row, rows;
    const uint32_t *starts;
    const uint16_t *entries;
} nf_tile;

NF_INLINE void nf_pixel_events(const nf_tile *tile, nf_block *block, const nf_neurons64 *neurons, int32_t first, int32_t y,
                               int32_t x, int32_t whole)
{
    const nf_job *job = tile->job;
    const nf_layer *layer = job->layer;
    const int32_t from = x * layer->stride_x - layer->pad_x, width = layer->in.width;
    const int32_t low = from < 0 ? 0 : from, high = nf_least(width, from + layer->kernel_x);
    const uint16_t base = (uint16_t)(8 * from * layer->kernel_y * layer->in.channels);
    const uint32_t *starts = tile->starts + (y - tile->first_row) * job->steps * (width + 1);
    nf_ints64 v = nf_load_membranes(job, neurons, first, y, x);
    for (int32_t t = 0; t < job->steps; t++, starts += width + 1) {
        const uint16_t *entries = tile->entries + starts[low];
        const int32_t count = (int32_t)(starts[high] - starts[low]);
        nf_ints64 drive;
        if (whole)
            nf_sum_whole(block, entries, count, base, &drive);
        else
            nf_sum_narrow(block, entries, count, base, &drive);
        nf_put_block(job, t, y, x, first, nf_fire64(neurons, &drive, &v));
    }
    nf_save_membranes(job, &v, first, y, x);
}

NF_INLINE void nf_block_events(const nf_tile *tile, nf_block *block, const nf_neurons64 *neurons, int32_t first, int32_t whole)
{
    for (int32_t y = tile->first_row; y < tile->first_row + tile->rows; y++)
        for (int32_t x = 0; x < tile->job->layer->out.width; x++)
            nf_pixel_events(tile, block, neurons, first, y, x, whole);
}

/* What is fetched while a block is summed: the next block, the first one for the next tile, or the next layer. */
NF_INLINE nf_block nf_start_block(const nf_tile *tile, int32_t first)
{
    const nf_layer *layer = tile->job->layer;
    const int32_t rows = nf_window_rows(layer), lanes = nf_block_lanes(layer, first);
    const int32_t is_last = first + 64 >= tile->part.end, next = is_last ? tile->part.first : first + 64;
    const char *ahead = (const char *)nf_block_weights(layer, next);
    int32_t bytes = nf_block_lanes(layer, next) * (rows + 1);
    if (is_last && tile->first_row + tile->rows == tile->part.end_row) {
        ahead = (const char *)layer->next;
        bytes = nf_least(layer->next_bytes, bytes);
    }
    const nf_block block = {nf_block_weights(layer, first), ahead, ahead + bytes, (size_t)lanes / 8, ahead ? 64 : 0,
                            (uint16_t)(8 * rows)};
    return block;
}

NF_KERNEL void nf_tile_events(const nf_tile *tile)
{
    for (int32_t first = tile->part.first; first < tile->part.end; first += 64) {
        nf_block block = nf_start_block(tile, first);
        const int32_t count = nf_least(64, tile->job->layer->out.channels - first);
        const nf_neurons64 neurons = nf_load_neurons(tile->job->neuron, first, count);
        if (block.scale == 8)
            nf_block_events(tile, &block, &neurons, first, 1);
        else
            nf_block_events(tile, &block, &neurons, first, 0);
    }
}

/* A tile grows by rows of outputs until its lists have this many entries. */
#define NF_TILE_ENTRIES (96 * 1024)

NF_INLINE int32_t nf_events_words(const nf_layer *layer, const nf_source *source)
{
    const int32_t starts = layer->out.height * source->steps * (layer->in.width + 1);
    const int32_t row = source->steps * source->terms * layer->kernel_y * layer->in.channels * layer->in.width;
    return (starts + 1) / 2 + (NF_TILE_ENTRIES + row + 2 * NF_DECODE_SLACK) / 4;
}

NF_KERNEL void nf_layer_events(const nf_job *job, const nf_source *source, nf_part part, uint64_t *scratch)
{
    const nf_layer *layer = job->layer;
    const int32_t columns = layer->in.width + 1, bands = layer->out.height * job->steps;
    uint32_t *starts = (uint32_t *)scratch;
    uint16_t *entries = (uint16_t *)(scratch + (bands * columns + 1) / 2);
    for (int32_t y = part.first_row; y < part.end_row;) {
        nf_tile tile = {job, part, y, 0, starts, entries};
        uint16_t *end = entries;
        for (; y < part.end_row && end - entries < NF_TILE_ENTRIES; y++, tile.rows++)
            for (int32_t t = 0; t < job->steps; t++)
                end = nf_list_band(layer, source, t, y, starts + (tile.rows * job->steps + t) * columns, entries, end);
        nf_tile_events(&tile);
    }
}
