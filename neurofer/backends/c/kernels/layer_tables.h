/* Integer layers with few inputs in a row of the window (the first layer of most networks): the sums of all
   combinations of up to NF_TABLE_BITS neighbouring inputs are tabulated, so that a window costs as many sizes as it
   has groups, however many spikes it holds. Sums stay within 16 bits: windows of up to 256 inputs. */
#define NF_TABLE_BITS 7

typedef struct {
    int32_t bits, groups; /* of a row of the window: inputs in a group, groups */
    int32_t stride;       /* of a group's sums */
    nf_sums64 *sums;      /* [kernel_y][groups][stride] */
} nf_tables;

/* Not a power of two, lest the first sums of all groups fall into one cache set. */
NF_INLINE int32_t nf_tables_stride(int32_t bits)
{
    return (1 << bits) + 5;
}

NF_INLINE nf_tables nf_tables_layout(const nf_layer *layer)
{
    const int32_t inputs = layer->kernel_x * layer->in.channels;
    const int32_t groups = (inputs + NF_TABLE_BITS - 1) / NF_TABLE_BITS;
    const int32_t bits = (inputs + groups - 1) / groups;
    const nf_tables tables = {bits, groups, nf_tables_stride(bits), NULL};
    return tables;
}

/* Fills the tables of the block of outputs whose weights start at `weights`. */
NF_KERNEL void nf_fill_tables(const nf_layer *layer, const nf_tables *tables, const uint8_t *weights, size_t row_bytes)
{
    const int32_t inputs = layer->kernel_x * layer->in.channels;
    nf_sums64 *sums = tables->sums;
    for (int32_t ky = 0; ky < layer->kernel_y; ky++)
        for (int32_t group = 0; group < tables->groups; group++, sums += tables->stride) {
            sums[0] = nf_no_sums();
            for (int32_t i = 0; i < tables->bits; i++) {
                const int32_t input = group * tables->bits + i; /* behind the row of the window: adds nothing */
                const uint8_t *weight = weights + (size_t)(ky * inputs + input) * row_bytes;
                const nf_sums64 row = input < inputs ? nf_row_sums(weight) : nf_no_sums();
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

/* The sizes on which the work of a window depends; where they are known to the compiler, it is without loops. */
typedef struct {
    int32_t kernel_y, groups, bits, terms;
} nf_table_sizes;

/* The sums of a window whose first row of bits starts at bit `shift` of `from`; the next row is `down` bytes behind. */
NF_INLINE nf_sums64 nf_window_tables(const nf_tables *tables, nf_table_sizes sizes, const uint8_t *from, int32_t down,
                                     int32_t shift)
{
    const int32_t stride = nf_tables_stride(sizes.bits);
    const size_t index = ((size_t)1 << sizes.bits) - 1;
    const nf_sums64 *table = tables->sums;
    nf_sums64 sums = nf_no_sums(), others = sums; /* two chains of additions */
    for (int32_t ky = 0; ky < sizes.kernel_y; ky++, from += down) {
        const uint64_t window = nf_word_at(from) >> shift;
        sums = nf_plus(sums, table[window & index]);
        table += stride;
        for (int32_t group = 1; group < sizes.groups; group++, table += stride)
            others = nf_plus(others, table[window >> group * sizes.bits & index]);
    }
    return nf_plus(sums, others);
}

/* One row of outputs of a block. `narrow`: of neurons that can do with 16 bits (nf_are_narrow). */
NF_INLINE void nf_row_tables(const nf_job *job, const nf_tables *tables, const nf_neurons64 *neurons,
                             const nf_padded *padded, int32_t first, int32_t y, nf_table_sizes sizes, int32_t narrow)
{
    const nf_layer *layer = job->layer;
    const int32_t step = layer->stride_x * layer->in.channels, down = padded->words * layer->dilation_y * 8;
    const ptrdiff_t plane = (ptrdiff_t)padded->height * padded->words * 8;
    const uint8_t *rows = (const uint8_t *)(padded->rows + y * layer->stride_y * padded->words);
    const nf_narrow64 low = nf_narrow_neurons(neurons);
    for (int32_t x = 0; x < layer->out.width; x++) {
        nf_sums64 low_v = low.start;
        nf_ints64 v = nf_load_membranes(job, neurons, first, y, x);
        const uint8_t *row = rows + (x * step >> 3);
        for (int32_t t = 0; t < job->steps; t++) {
            nf_sums64 sums = narrow ? low.bias : nf_no_sums();
            for (int32_t term = 0; term < sizes.terms; term++, row += plane)
                sums = nf_plus(sums, nf_window_tables(tables, sizes, row, down, x * step & 7));
            const nf_ints64 drive = nf_plus_sums(nf_no_ints(), sums);
            const uint64_t spikes = narrow ? nf_fire_narrow(&low, sums, &low_v) : nf_fire64(neurons, &drive, &v);
            nf_put_block(layer->out, job->out, t, y, x, first, spikes);
        }
        if (!narrow)
            nf_save_membranes(job, &v, first, y, x);
    }
}

NF_INLINE void nf_row_either(const nf_job *job, const nf_tables *tables, const nf_neurons64 *neurons,
                             const nf_padded *padded, int32_t first, int32_t y, nf_table_sizes sizes, int32_t narrow)
{
    if (narrow)
        nf_row_tables(job, tables, neurons, padded, first, y, sizes, 1);
    else
        nf_row_tables(job, tables, neurons, padded, first, y, sizes, 0);
}

/* 7x7 windows of events of two polarities: the sizes are known to the compiler. */
NF_APART void nf_row_tables7(const nf_job *job, const nf_tables *tables, const nf_neurons64 *neurons,
                             const nf_padded *padded, int32_t first, int32_t y, int32_t narrow)
{
    const nf_table_sizes sizes = {7, 2, 7, 1};
    nf_row_either(job, tables, neurons, padded, first, y, sizes, narrow);
}

NF_APART void nf_row_tables_any(const nf_job *job, const nf_tables *tables, const nf_neurons64 *neurons,
                                const nf_padded *padded, int32_t first, int32_t y, int32_t narrow)
{
    const nf_table_sizes sizes = {job->layer->kernel_y, tables->groups, tables->bits, padded->terms};
    nf_row_either(job, tables, neurons, padded, first, y, sizes, narrow);
}

/* Whether neurons can do with 16 bits: no membrane needs more, and none is kept. */
NF_INLINE int32_t nf_are_narrow(const nf_job *job, const nf_neurons64 *neurons)
{
    return !job->state && neurons->plain && job->neuron->bits <= 16 && nf_is_narrow(&neurons->theta)
           && nf_is_narrow(&neurons->bias) && nf_is_narrow(&neurons->reset) && nf_is_narrow(&neurons->start);
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
        const int32_t seven = layer->kernel_y == 7 && layer->kernel_x * layer->in.channels == 14 && source->terms == 1;
        const int32_t narrow = nf_are_narrow(job, &neurons);
        for (int32_t y = part.first_row; y < part.end_row; y++)
            if (seven)
                nf_row_tables7(job, &tables, &neurons, &padded, first, y, narrow);
            else
                nf_row_tables_any(job, &tables, &neurons, &padded, first, y, narrow);
    }
}
