/* Lists of the weight rows that spikes call for. */

/* A band is what one row of outputs reads at one step: kernel_y rows of the input. Its list holds the spikes column by
   column, within a column by (ky, plane, c), so that the window of every output is one piece of it, whatever the
   stride. An entry is 8 * ((x * kernel_y + ky) * channels + c) mod 2^16: less 8 * (the window's first column), it is
   the row of weights in the order (kx, ky, c). Windows of up to 8191 rows fit. */

NF_INLINE uint64_t nf_bits64(const uint64_t *row, int32_t first, int32_t count) /* count: 1 to 64 */
{
    const uint64_t *word = row + (first >> 6);
    const int32_t shift = first & 63;
    uint64_t bits = word[0] >> shift;
    if (shift + count > 64)
        bits |= word[1] << (64 - shift);
    return bits & (~(uint64_t)0 >> (64 - count));
}

/* A row of spikes that a band holds, and the entry of its channel 0 in column 0. */
#define NF_BAND_ROWS 128
typedef struct {
    const uint64_t *bits;
    uint32_t base;
} nf_band_row;

/* The rows of the band of output row y at step t, those outside of the image left out; returns how many. */
NF_KERNEL int32_t nf_band_rows(const nf_layer *layer, const nf_source *source, int32_t t, int32_t y, nf_band_row *rows)
{
    int32_t count = 0;
    for (int32_t ky = 0; ky < layer->kernel_y; ky++) {
        const int32_t from = y * layer->stride_y - layer->pad_y + ky * layer->dilation_y;
        for (int32_t term = 0; from >= 0 && from < layer->in.height && term < source->terms; term++) {
            const nf_band_row row = {nf_row(source, term, t, from), (uint32_t)(8 * ky * layer->in.channels)};
            rows[count++] = row;
        }
    }
    return count;
}

/* Writes the list of a band; returns the end of its entries. */
NF_INLINE uint16_t *nf_list_columns(const nf_layer *layer, const nf_band_row *rows, int32_t count, int32_t words,
                                    uint32_t *starts, const uint16_t *first, uint16_t *to)
{
    const int32_t channels = layer->in.channels;
    const uint32_t column = 8 * (uint32_t)(layer->kernel_y * channels);
    int32_t phase = layer->pad_x % layer->stride_x; /* of x in its window: columns that no output reads stay empty */
    uint32_t base = 0;
    for (int32_t x = 0; x < layer->in.width; x++, base += column) {
        starts[x] = (uint32_t)(to - first);
        for (const nf_band_row *row = rows; phase < layer->kernel_x && row < rows + count; row++)
            if (words == 1)
                to = nf_decode(row->bits[x], base + row->base, to);
            else if (words)
                for (int32_t i = 0; i < words; i++)
                    to = nf_decode(row->bits[x * words + i], base + row->base + 512 * (uint32_t)i, to);
            else
                for (int32_t c = 0; c < channels; c += 64) {
                    const uint64_t bits = nf_bits64(row->bits, x * channels + c, nf_least(64, channels - c));
                    to = nf_decode(bits, base + row->base + 8 * (uint32_t)c, to);
                }
        phase = phase + 1 == layer->stride_x ? 0 : phase + 1;
    }
    starts[layer->in.width] = (uint32_t)(to - first);
    return to;
}

/* The same where a column fits a word: its rows are put together and decoded at once. */
NF_INLINE uint16_t *nf_list_words(const nf_layer *layer, const nf_band_row *rows, int32_t count, uint32_t *starts,
                                  const uint16_t *first, uint16_t *to)
{
    const int32_t channels = layer->in.channels;
    for (int32_t x = 0; x < layer->in.width; x++) {
        uint64_t column = 0;
        starts[x] = (uint32_t)(to - first);
        for (const nf_band_row *row = rows; row < rows + count; row++)
            column |= nf_bits64(row->bits, x * channels, channels) << row->base / 8;
        to = nf_decode(column, 8 * (uint32_t)(x * layer->kernel_y * channels), to);
    }
    starts[layer->in.width] = (uint32_t)(to - first);
    return to;
}

NF_KERNEL uint16_t *nf_list_band(const nf_layer *layer, const nf_source *source, int32_t t, int32_t y, uint32_t *starts,
                                 const uint16_t *first, uint16_t *to)
{
    nf_band_row rows[NF_BAND_ROWS];
    const int32_t count = nf_band_rows(layer, source, t, y, rows), channels = layer->in.channels;
    if (layer->kernel_y * channels <= 64 && source->terms == 1)
        return nf_list_words(layer, rows, count, starts, first, to);
    if (channels == 64) /* one word of a pixel and row: no loop over words */
        return nf_list_columns(layer, rows, count, 1, starts, first, to);
    return nf_list_columns(layer, rows, count, channels % 64 ? 0 : channels / 64, starts, first, to);
}
