/* Integer layers from lists of spikes: lists of a tile of output rows, then block by block of 64 outputs, pixel by
   pixel, the steps innermost so that membranes stay in registers. */

/* Some rows of outputs, and the lists of their bands (row, step). */
typedef struct {
    const nf_job *job;
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
    const int32_t is_last = first + 64 >= layer->out.channels;
    const uint8_t *weights = nf_block_weights(layer, first);
    const char *ahead = (const char *)(is_last ? (const uint8_t *)layer->rows : weights + (rows + 1) * lanes);
    int32_t bytes = 64 * (rows + 1);
    if (is_last && tile->first_row + tile->rows == layer->out.height) {
        ahead = (const char *)layer->next;
        bytes = nf_least(layer->next_bytes, bytes);
    }
    const nf_block block = {weights, ahead, ahead + bytes, (size_t)lanes / 8, ahead ? 64 : 0, (uint16_t)(8 * rows)};
    return block;
}

NF_KERNEL void nf_tile_events(const nf_tile *tile)
{
    const int32_t outputs = tile->job->layer->out.channels;
    for (int32_t first = 0; first < outputs; first += 64) {
        nf_block block = nf_start_block(tile, first);
        nf_neurons64 neurons = nf_load_neurons(tile->job->neuron, first, nf_least(64, outputs - first));
        if (neurons.plain && block.scale == 8) {
            neurons.plain = 1; /* known to the compiler */
            nf_block_events(tile, &block, &neurons, first, 1);
        } else if (block.scale == 8) {
            nf_block_events(tile, &block, &neurons, first, 1);
        } else {
            nf_block_events(tile, &block, &neurons, first, 0);
        }
    }
}

/* A tile grows by rows of outputs until its lists have this many entries. */
#define NF_TILE_ENTRIES (96 * 1024)

NF_KERNEL void nf_layer_events(const nf_job *job, const nf_source *source, uint64_t *scratch)
{
    const nf_layer *layer = job->layer;
    const int32_t columns = layer->in.width + 1, height = layer->out.height;
    uint32_t *starts = (uint32_t *)scratch;
    uint16_t *entries = (uint16_t *)(starts + height * job->steps * columns);
    for (int32_t y = 0; y < height;) {
        nf_tile tile = {job, y, 0, starts, entries};
        uint16_t *end = entries;
        for (; y < height && end - entries < NF_TILE_ENTRIES; y++, tile.rows++)
            for (int32_t t = 0; t < job->steps; t++)
                end = nf_list_band(layer, source, t, y, starts + (tile.rows * job->steps + t) * columns, entries, end);
        nf_tile_events(&tile);
    }
}
