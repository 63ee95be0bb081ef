/* Layers in plain C99: an output pixel at a time, walking the bits of its window. For cores of 32 bits without
   vector instructions, and the measure of all other builds. */

/* Part of a window: the spikes of at most 32 inputs, the first of which has weight row `row`. */
typedef struct {
    uint32_t bits;
    int32_t row;
} nf_run;

/* Sums of 64 outputs as pairs of 16 bits: at most 256 rows of bytes fit, 256 * 255 < 2^16. */
typedef struct {
    uint32_t even[16], odd[16];
} nf_pairs;

/* Adds one row of `words` words (8 outputs each) to the pairs: outputs 0, 2 and 1, 3 of every 4. */
NF_INLINE void nf_add_row(nf_pairs *pairs, const uint64_t *row, int32_t words)
{
    for (int32_t i = 0; i < words; i++) {
        const uint32_t low = (uint32_t)row[i], high = (uint32_t)(row[i] >> 32);
        pairs->even[2 * i] += low & 0x00ff00ffu;
        pairs->odd[2 * i] += (low >> 8) & 0x00ff00ffu;
        pairs->even[2 * i + 1] += high & 0x00ff00ffu;
        pairs->odd[2 * i + 1] += (high >> 8) & 0x00ff00ffu;
    }
}

/* Moves the sums of `rows` rows from the pairs to `drive`, less the 128 in each byte. */
NF_INLINE void nf_widen(nf_pairs *pairs, int32_t rows, int32_t words, int32_t *drive)
{
    for (int32_t i = 0; i < 2 * words; i++) {
        drive[4 * i] += (int32_t)(pairs->even[i] & 0xffffu) - 128 * rows;
        drive[4 * i + 1] += (int32_t)(pairs->odd[i] & 0xffffu) - 128 * rows;
        drive[4 * i + 2] += (int32_t)(pairs->even[i] >> 16) - 128 * rows;
        drive[4 * i + 3] += (int32_t)(pairs->odd[i] >> 16) - 128 * rows;
        pairs->even[i] = pairs->odd[i] = 0;
    }
}

/* What a sum over a window needs to know of its block of outputs; `rows` counts what `pairs` hold. */
typedef struct {
    const uint64_t *weights;
    nf_pairs pairs;
    int32_t words, rows, *drive;
} nf_sum_i8;

NF_INLINE void nf_add_i8(nf_sum_i8 *sum, nf_run run)
{
    for (uint32_t bits = run.bits; bits; bits &= bits - 1) {
        nf_add_row(&sum->pairs, sum->weights + (run.row + nf_lowest(bits)) * sum->words, sum->words);
        if (++sum->rows == 256) {
            nf_widen(&sum->pairs, sum->rows, sum->words, sum->drive);
            sum->rows = 0;
        }
    }
}

typedef struct {
    const float *weights;
    int32_t lanes;
    float *drive;
} nf_sum_f32;

NF_INLINE void nf_add_f32(nf_sum_f32 *sum, nf_run run)
{
    for (uint32_t bits = run.bits; bits; bits &= bits - 1) {
        const float *row = sum->weights + (run.row + nf_lowest(bits)) * sum->lanes;
        for (int32_t i = 0; i < sum->lanes; i++)
            sum->drive[i] += row[i];
    }
}

/* Visits the window of output pixel (y, x) at step t in the order of the weight rows, the planes of one position one
   behind the other. Exactly one of the two sums is given. */
NF_INLINE void nf_window(const nf_layer *layer, const nf_source *source, int32_t t, int32_t y, int32_t x,
                             nf_sum_i8 *ints, nf_sum_f32 *floats)
{
    const int32_t channels = layer->in.channels, kernel = layer->kernel_y * layer->kernel_x;
    for (int32_t k = 0; k < kernel; k++) {
        const int32_t ky = layer->by_column ? k % layer->kernel_y : k / layer->kernel_x;
        const int32_t kx = layer->by_column ? k / layer->kernel_y : k % layer->kernel_x;
        const int32_t from_y = y * layer->stride_y - layer->pad_y + ky * layer->dilation_y;
        const int32_t from_x = x * layer->stride_x - layer->pad_x + kx * layer->dilation_x;
        if (from_y < 0 || from_y >= layer->in.height || from_x < 0 || from_x >= layer->in.width)
            continue;
        for (int32_t term = 0; term < source->terms; term++) {
            const uint64_t *bits = nf_row(source, term, t, from_y);
            for (int32_t c = 0; c < channels; c += 32) {
                const int32_t count = nf_least(32, channels - c);
                const nf_run run = {nf_bits(bits, from_x * channels + c, count), k * channels + c};
                if (ints)
                    nf_add_i8(ints, run);
                else
                    nf_add_f32(floats, run);
            }
        }
    }
}

NF_INLINE int32_t nf_window_rows(const nf_layer *layer)
{
    return layer->kernel_y * layer->kernel_x * layer->in.channels;
}

NF_INLINE int32_t nf_is_one_pixel(const nf_layer *layer)
{
    return layer->out.height * layer->out.width == 1;
}

/* Lanes of the block of outputs that starts at channel `first`: 64, or fewer in the last. */
NF_INLINE int32_t nf_block_lanes(const nf_layer *layer, int32_t first)
{
    return first + 64 >= layer->out.channels ? layer->last : 64;
}

/* drive[0..63] += the sums of the block of outputs from channel `first` on, at one pixel and step. */
NF_KERNEL void nf_pixel_i8(const nf_layer *layer, const nf_source *source, int32_t t, int32_t pixel, int32_t first,
                        int32_t *drive)
{
    const int32_t words = nf_block_lanes(layer, first) / 8;
    nf_sum_i8 sum = {layer->rows + (nf_window_rows(layer) + 1) * (first / 8), {{0}, {0}}, words, 0, drive};
    nf_window(layer, source, t, pixel / layer->out.width, pixel % layer->out.width, &sum, NULL);
    nf_widen(&sum.pairs, sum.rows, words, drive);
}

NF_KERNEL void nf_pixel_f32(const nf_layer *layer, const nf_source *source, int32_t t, int32_t pixel, int32_t first,
                         float *drive)
{
    const int32_t lanes = nf_block_lanes(layer, first);
    nf_sum_f32 sum = {layer->float_rows + nf_window_rows(layer) * first, lanes, drive};
    nf_window(layer, source, t, pixel / layer->out.width, pixel % layer->out.width, NULL, &sum);
    if (layer->bias)
        for (int32_t i = 0; i < nf_least(lanes, layer->out.channels - first); i++)
            drive[i] += layer->bias[first + i];
}

/* One step of the neurons of a block: their spikes go into the plane, which is clear. */
NF_INLINE void nf_fire_block(const nf_neuron_i32 *neuron, nf_shape shape, int32_t t, int32_t pixel, int32_t first,
                             const int32_t *drive, int32_t *v, uint64_t *out)
{
    const int32_t count = nf_least(64, shape.channels - first), at = pixel % shape.width * shape.channels + first;
    uint64_t *row = out + (t * shape.height + pixel / shape.width) * shape.stride;
    for (int32_t i = 0; i < count; i += 32) {
        const int32_t part = nf_least(32, count - i);
        nf_or_bits(row, at + i, part, nf_fire_ints(neuron, pixel, first + i, part, drive + i, v + i));
    }
}

/* A layer and the neurons behind it. `state` keeps the membranes [y][x][c] between calls; NULL starts them anew. The
   plane is clear. */
NF_KERNEL void nf_layer_plain(const nf_layer *layer, const nf_neuron_i32 *neuron, const nf_source *source, int32_t *state,
                              uint64_t *out)
{
    const nf_shape shape = layer->out;
    for (int32_t pixel = 0; pixel < shape.height * shape.width; pixel++)
        for (int32_t c = 0; c < shape.channels; c += 64) {
            const int32_t count = nf_least(64, shape.channels - c);
            int32_t fresh[64], *v = state ? state + pixel * shape.channels + c : fresh;
            if (!state)
                nf_start_ints(neuron, pixel, c, count, v);
            for (int32_t t = 0; t < source->steps; t++) {
                int32_t drive[64] = {0};
                nf_pixel_i8(layer, source, t, pixel, c, drive);
                nf_fire_block(neuron, shape, t, pixel, c, drive, v, out);
            }
        }
}

NF_KERNEL void nf_layer_plain_f32(const nf_layer *layer, const nf_neuron_f32 *neuron, const nf_source *source,
                                  float *state, uint64_t *out)
{
    const nf_shape shape = layer->out;
    for (int32_t pixel = 0; pixel < shape.height * shape.width; pixel++)
        for (int32_t c = 0; c < shape.channels; c += 64) {
            const int32_t count = nf_least(64, shape.channels - c);
            float fresh[64], *v = state ? state + pixel * shape.channels + c : fresh;
            if (!state)
                nf_start_floats(neuron, pixel, c, count, v);
            for (int32_t t = 0; t < source->steps; t++) {
                float drive[64] = {0};
                uint64_t *row = out + (t * shape.height + pixel / shape.width) * shape.stride;
                nf_pixel_f32(layer, source, t, pixel, c, drive);
                for (int32_t i = 0; i < count; i += 32) {
                    const int32_t part = nf_least(32, count - i), at = pixel % shape.width * shape.channels + c + i;
                    nf_or_bits(row, at, part, nf_fire_floats(neuron, pixel, c + i, part, drive + i, v + i));
                }
            }
        }
}
