/* Integer layers with few inputs in a row of the window (the first layer of most networks): the sums of all
   combinations of up to NF_TABLE_BITS neighbouring inputs are tabulated, so that a window costs as many lookups as it
   has groups, however many spikes it holds. Sums stay within 16 bits: windows of up to 256 inputs. */
#define NF_TABLE_BITS 7

typedef struct {
    int32_t bits, groups; /* of a row of the window: inputs in a group, groups */
    int32_t stride;       /* of a group's sums: not a power of two, lest the first ones all fall into one cache set */
    nf_sums64 *sums;      /* [kernel_y][groups][stride] */
} nf_tables;

NF_INLINE nf_tables nf_tables_layout(const nf_layer *layer)
{
    const int32_t inputs = layer->kernel_x * layer->in.channels;
    const int32_t groups = (inputs + NF_TABLE_BITS - 1) / NF_TABLE_BITS;
    const int32_t bits = (inputs + groups - 1) / groups;
    const nf_tables tables = {bits, groups, (1 << bits) + 5, NULL};
    return tables;
}

/* Fills the tables of the block of outputs whose weights start at `weights`. */
NF_KERNEL void nf_fill_tables(const nf_layer *layer, const nf_tables *tables, const uint8_t *weights, size_t row_bytes)
{
    const int32_t inputs = layer->kernel_x * layer->in.channels;
    nf_sums64 *sums = tables->sums;
    for (int32_t ky = 0; ky < layer->kernel_y; ky++)
        for (int32_t group = 0; group < tables->groups; group++, sums += tables->stride) {
            const int32_t first = group * tables->bits, width = nf_least(tables->bits, inputs - first);
            sums[0] = nf_no_sums();
            for (int32_t i = 0; i < width; i++) {
                const nf_sums64 row = nf_row_sums(weights + (size_t)(ky * inputs + first + i) * row_bytes);
                for (int32_t low = 0; low < 1 << i; low++)
                    sums[low + (1 << i)] = nf_plus(sums[low], row);
            }
        }
}

/* The input with its zero border: rows of `words` words, `height` of them for each plane of each step. */
typedef struct {
    uint64_t *rows;
    int32_t words, height, terms;
} nf_padded;

NF_INLINE nf_padded nf_padded_layout(const nf_layer *layer, int32_t terms, uint64_t *rows)
{
    const int32_t width = (layer->out.width - 1) * layer->stride_x + layer->kernel_x;
    const int32_t height = (layer->out.height - 1) * layer->stride_y + (layer->kernel_y - 1) * layer->dilation_y + 1;
    const int32_t words = ((layer->pad_x + layer->in.width > width ? layer->pad_x + layer->in.width : width)
                           * layer->in.channels + 63) / 64;
    const nf_padded padded = {rows, words + 2, height, terms}; /* a peek reads and a shift writes behind the end */
    return padded;
}

/* Copies the rows that outputs from `first_row` on, before `end_row`, read. */
NF_KERNEL void nf_pad_rows(const nf_layer *layer, const nf_source *source, const nf_padded *padded, int32_t t,
                           int32_t term, int32_t first_row, int32_t end_row)
{
    const int32_t pad = layer->pad_x * layer->in.channels, shift = pad & 63;
    uint64_t *to = padded->rows + (t * padded->terms + term) * padded->height * padded->words;
    const int32_t top = first_row * layer->stride_y;
    const int32_t bottom = (end_row - 1) * layer->stride_y + (layer->kernel_y - 1) * layer->dilation_y + 1;
    for (int32_t at = top; at < bottom; at++) {
        const int32_t y = at - layer->pad_y;
        uint64_t *row = to + at * padded->words;
        memset(row, 0, (size_t)padded->words * sizeof *row);
        if (y < 0 || y >= layer->in.height)
            continue;
        const uint64_t *from = nf_row(source, term, t, y);
        row += pad >> 6;
        for (int32_t i = 0; i < layer->in.stride; i++) {
            row[i] |= from[i] << shift;
            row[i + 1] = shift ? from[i] >> (64 - shift) : 0;
        }
    }
}

NF_INLINE uint64_t nf_word_at(const uint8_t *bytes)
{
    uint64_t word;
    memcpy(&word, bytes, sizeof word);
    return word;
}

/* The sums of a window whose first row of bits starts at bit `first` of `row`. */
NF_INLINE nf_sums64 nf_window_tables(const nf_layer *layer, const nf_tables *tables, const uint64_t *row, int32_t words,
                                     int32_t first, int32_t groups)
{
    const int32_t bits = tables->bits, down = words * layer->dilation_y * 8, kernel_y = layer->kernel_y;
    const uint64_t mask = ((uint64_t)1 << layer->kernel_x * layer->in.channels) - 1;
    const uint64_t index = ((uint64_t)1 << bits) - 1;
    const nf_sums64 *table = tables->sums;
    const uint8_t *from = (const uint8_t *)row + (first >> 3);
    nf_sums64 sums = nf_no_sums(), others = sums; /* two chains of additions */
    for (int32_t ky = 0; ky < kernel_y; ky++, from += down) {
        uint64_t window = nf_word_at(from) >> (first & 7) & mask;
        sums = nf_plus(sums, table[window & index]);
        table += tables->stride;
        for (int32_t group = 1; group < groups; group++, table += tables->stride)
            others = nf_plus(others, table[(window >>= bits) & index]);
    }
    return nf_plus(sums, others);
}

/* One row of outputs of a block. */
NF_INLINE void nf_row_tables(const nf_job *job, const nf_tables *tables, const nf_neurons64 *neurons,
                             const nf_padded *padded, int32_t first, int32_t y, int32_t groups)
{
    const nf_layer *layer = job->layer;
    const int32_t step = layer->stride_x * layer->in.channels;
    for (int32_t x = 0; x < layer->out.width; x++) {
        nf_ints64 v = nf_load_membranes(job, neurons, first, y, x);
        const uint64_t *row = padded->rows + y * layer->stride_y * padded->words;
        for (int32_t t = 0; t < job->steps; t++) {
            nf_sums64 sums = nf_no_sums();
            for (int32_t term = 0; term < padded->terms; term++, row += padded->height * padded->words)
                sums = nf_plus(sums, nf_window_tables(layer, tables, row, padded->words, x * step, groups));
            const nf_ints64 drive = nf_plus_sums(nf_no_ints(), sums);
            nf_put_block(layer->out, job->out, t, y, x, first, nf_fire64(neurons, &drive, &v));
        }
        nf_save_membranes(job, &v, first, y, x);
    }
}

NF_INLINE int32_t nf_tables_words(const nf_layer *layer, const nf_source *source)
{
    const nf_tables tables = nf_tables_layout(layer);
    const nf_padded padded = nf_padded_layout(layer, source->terms, NULL);
    const int32_t sums = layer->kernel_y * tables.groups * tables.stride * (int32_t)(sizeof(nf_sums64) / sizeof(uint64_t));
    return sums + source->steps * source->terms * padded.height * padded.words;
}

NF_KERNEL void nf_layer_tables(const void *with, const nf_layer *layer, const nf_source *source, nf_part part,
                               uint64_t *scratch)
{
    const nf_job *job = (const nf_job *)with;
    nf_tables tables = nf_tables_layout(layer);
    tables.sums = (nf_sums64 *)scratch;
    uint64_t *rows = (uint64_t *)(tables.sums + layer->kernel_y * tables.groups * tables.stride);
    const nf_padded padded = nf_padded_layout(layer, source->terms, rows);
    for (int32_t t = 0; t < job->steps; t++)
        for (int32_t term = 0; term < source->terms; term++)
            nf_pad_rows(layer, source, &padded, t, term, part.first_row, part.end_row);
    for (int32_t first = part.first; first < part.end; first += 64) {
        const nf_neurons64 neurons = nf_load_neurons(job->neuron, first, nf_least(64, layer->out.channels - first));
        nf_fill_tables(layer, &tables, nf_block_weights(layer, first), (size_t)nf_block_lanes(layer, first));
        for (int32_t y = part.first_row; y < part.end_row; y++)
            if (tables.groups == 2) /* known to the compiler: no inner loop */
                nf_row_tables(job, &tables, &neurons, &padded, first, y, 2);
            else
                nf_row_tables(job, &tables, &neurons, &padded, first, y, tables.groups);
    }
}
