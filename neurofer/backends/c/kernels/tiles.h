/* Tiles: some rows of outputs, or some samples of a layer of one pixel, with the lists of what they read: computed at once
   so that weights are read seldom. */

typedef struct {
    const nf_layer *layer;
    int32_t steps;
    nf_part part;            /* channels that are wanted */
    int32_t first_row, rows; /* of outputs */
    int32_t first_sample, samples;
    const uint32_t *starts;  /* of the columns of bands (row, step) or (sample, step) */
    const uint16_t *entries;
} nf_tile;

/* Columns of the image: from `low` on, before `high`. The row of weights 0 is that of column `from`; `base` is 8 times
   the number that row has in the lists, less the multiple of 2^16 below it. `direct`: no entry of these columns has passed
   the next multiple, nor, where it is used, that of the row of zeros behind them. */
typedef struct {
    int32_t from, low, high, base, direct;
} nf_columns;

NF_INLINE nf_columns nf_columns_from(const nf_layer *layer, int32_t from, int32_t low, int32_t high)
{
    const int32_t first = from * layer->kernel_y * layer->in.channels, row = first - (first < 0 ? 0 : first / 8192 * 8192);
    const nf_columns columns = {from, low, high, 8 * row, row + nf_window_rows(layer) < 8192};
    return columns;
}

/* What output column x reads. */
NF_INLINE nf_columns nf_window_columns(const nf_layer *layer, int32_t x)
{
    const int32_t from = x * layer->stride_x - layer->pad_x, end = nf_least(layer->in.width, from + layer->kernel_x);
    return nf_columns_from(layer, from, from < 0 ? 0 : from, end);
}

NF_INLINE const uint32_t *nf_band_starts(const nf_tile *tile, int32_t t, int32_t y)
{
    return tile->starts + ((y - tile->first_row) * tile->steps + t) * (tile->layer->in.width + 1);
}

/* The spikes of some columns of a band. */
NF_INLINE nf_events nf_find_events(const uint16_t *entries, const uint32_t *starts, nf_columns columns)
{
    const uint32_t first = starts[columns.low], end = columns.high > columns.low ? starts[columns.high] : first;
    const nf_events events = {entries + first, (int32_t)(end - first), columns.base};
    return events;
}

/* Columns of weights that entries reach. */
NF_INLINE int32_t nf_reach(const nf_layer *layer)
{
    return 8191 / (layer->kernel_y * layer->in.channels);
}

/* Windows that entries do not reach are summed column group by column group, this many steps at once, of all samples,
   while the group's weights are near. */
#define NF_STEPS 64        /* their sums: 16 KB */
#define NF_NEAR_ROWS 2048 /* of weights, 128 KB, unless one column has more */

/* The first group of columns of a window that are not before `columns->low`; moves `low` behind it. */
NF_INLINE nf_columns nf_next_group(const nf_layer *layer, nf_columns *columns)
{
    const int32_t fit = NF_NEAR_ROWS / (layer->kernel_y * layer->in.channels), low = columns->low;
    const int32_t high = nf_least(columns->high, low + (fit < 1 ? 1 : fit));
    nf_columns group = nf_columns_from(layer, low, low, high);
    group.direct = group.base / 8 + (high - low) * layer->kernel_y * layer->in.channels <= 8192;
    columns->low = high;
    return group;
}

/* A tile grows by rows of outputs until its lists have this many entries; by samples, where weights are used but once in
   a step, until it has more. */
#define NF_TILE_ENTRIES (96 * 1024)    /* 192 KB, beside a block of weights */
#define NF_SAMPLE_ENTRIES (256 * 1024) /* 512 KB */

/* Bands for which there is room: those of all rows, or of several samples. */
NF_INLINE int32_t nf_bands(const nf_layer *layer, int32_t steps)
{
    const int32_t bands = layer->out.height * steps;
    return nf_is_one_pixel(layer) && bands < NF_STEPS ? NF_STEPS : bands;
}

/* Entries for which there is room: the last row or sample may begin where the tile is all but full. */
NF_INLINE int32_t nf_tile_entries(const nf_layer *layer, const nf_source *source)
{
    const int32_t band = source->terms * layer->kernel_y * layer->in.channels * layer->in.width;
    const int32_t most = nf_is_one_pixel(layer) ? NF_SAMPLE_ENTRIES : NF_TILE_ENTRIES;
    const int64_t all = (int64_t)nf_bands(layer, source->steps) * band, full = most + (int64_t)source->steps * band;
    return (int32_t)(all < full ? all : full);
}

NF_INLINE int32_t nf_tile_words(const nf_layer *layer, const nf_source *source)
{
    const int32_t starts = nf_bands(layer, source->steps) * (layer->in.width + 1);
    return (starts + 1) / 2 + (nf_tile_entries(layer, source) + NF_DECODE_SLACK + NF_AHEAD + 3) / 4;
}

/* Calls `compute` for all tiles of a part, which have at most `most` rows. */
NF_INLINE void nf_run_tiles(const nf_layer *layer, const nf_source *source, nf_part part, int32_t most, uint64_t *scratch,
                            void (*compute)(const nf_tile *tile, const void *job), const void *job)
{
    const int32_t columns = layer->in.width + 1;
    uint32_t *starts = (uint32_t *)scratch;
    uint16_t *entries = (uint16_t *)(scratch + (nf_bands(layer, source->steps) * columns + 1) / 2);
    for (int32_t y = part.first_row; y < part.end_row;) {
        nf_tile tile = {layer, source->steps, part, y, 0, 0, 1, starts, entries};
        uint16_t *end = entries;
        for (; y < part.end_row && tile.rows < most && end - entries < NF_TILE_ENTRIES; y++, tile.rows++)
            for (int32_t t = 0; t < source->steps; t++)
                end = nf_list_band(layer, source, t, y, starts + (tile.rows * source->steps + t) * columns, entries, end);
        compute(&tile, job);
    }
}

/* The same for the samples of a layer of one pixel. */
NF_INLINE void nf_run_samples(const nf_layer *layer, const nf_source *source, nf_part part, uint64_t *scratch,
                              void (*compute)(const nf_tile *tile, const void *job), const void *job)
{
    const int32_t columns = layer->in.width + 1, steps = source->steps, bands = nf_bands(layer, steps);
    const int32_t samples = part.first_row < part.end_row ? source->samples : 0;
    uint32_t *starts = (uint32_t *)scratch;
    uint16_t *entries = (uint16_t *)(scratch + (bands * columns + 1) / 2);
    for (int32_t sample = 0; sample < samples;) {
        nf_tile tile = {layer, steps, part, 0, 1, sample, 0, starts, entries};
        uint16_t *end = entries;
        for (int32_t band = 0; sample < samples && band + steps <= bands && end - entries < NF_SAMPLE_ENTRIES; sample++) {
            const nf_source one = nf_sample(source, sample);
            for (int32_t t = 0; t < steps; t++, band++)
                end = nf_list_band(layer, &one, t, 0, starts + band * columns, entries, end);
            tile.samples++;
        }
        compute(&tile, job);
    }
}
