/* Max pooling of spikes: the OR of a window. */

typedef struct {
    int32_t kernel_y, kernel_x, stride_y, stride_x, pad_y, pad_x;
} nf_pool;

/* Input columns that output column x covers: from `low` on, before `high`. */
typedef struct {
    int32_t low, high;
} nf_span;

NF_INLINE nf_span nf_pool_span(const nf_pool *pool, int32_t width, int32_t x)
{
    const int32_t left = x * pool->stride_x - pool->pad_x;
    const nf_span span = {left < 0 ? 0 : left, nf_least(left + pool->kernel_x, width)};
    return span;
}

/* ORs `columns` neighbouring pixels of `words` words to each of the output pixels from `x` on, before `end`. */
NF_INLINE void nf_pool_columns(const uint64_t *from, int32_t words, int32_t columns, int32_t step, int32_t x, int32_t end,
                               uint64_t *to)
{
    for (; x < end; x++, from += step * words)
        for (int32_t i = 0; i < words; i++) {
            uint64_t bits = to[x * words + i];
            for (int32_t column = 0; column < columns; column++)
                bits |= from[column * words + i];
            to[x * words + i] = bits;
        }
}

/* Pixels of whole words. */
NF_INLINE void nf_pool_words(const uint64_t *from, nf_shape in, nf_shape shape, const nf_pool *pool, uint64_t *to)
{
    const int32_t words = in.channels / 64, step = pool->stride_x;
    for (int32_t x = 0; x < shape.width;) {
        const nf_span span = nf_pool_span(pool, in.width, x);
        const uint64_t *first = from + span.low * words;
        /* Pixels whose windows lie within the row are computed together. */
        const int32_t whole = span.high - span.low == pool->kernel_x, room = whole ? (in.width - span.high) / step : 0;
        const int32_t end = nf_least(x + 1 + room, shape.width);
        if (whole && pool->kernel_x == 2 && words == 1) /* known to the compiler: no inner loops */
            nf_pool_columns(first, 1, 2, step, x, end, to);
        else if (whole && pool->kernel_x == 3 && words == 1)
            nf_pool_columns(first, 1, 3, step, x, end, to);
        else
            nf_pool_columns(first, words, span.high - span.low, step, x, end, to);
        x = end;
    }
}

NF_INLINE void nf_pool_bits(const uint64_t *from, nf_shape in, nf_shape shape, const nf_pool *pool, uint64_t *to)
{
    for (int32_t x = 0; x < shape.width; x++) {
        const nf_span span = nf_pool_span(pool, in.width, x);
        for (int32_t from_x = span.low; from_x < span.high; from_x++)
            for (int32_t c = 0; c < in.channels; c += 32) {
                const int32_t count = nf_least(32, in.channels - c);
                nf_or_bits(to, x * in.channels + c, count, nf_bits(from, from_x * in.channels + c, count));
            }
    }
}

/* One row of the output: ORs of the columns of each input row of the window. */
NF_KERNEL void nf_pool_row(const nf_source *source, nf_shape shape, const nf_pool *pool, int32_t t, int32_t y, uint64_t *to)
{
    const nf_shape in = source->shape;
    for (int32_t k = 0; k < pool->kernel_y * source->terms; k++) {
        const int32_t from_y = y * pool->stride_y - pool->pad_y + k / source->terms;
        if (from_y < 0 || from_y >= in.height)
            continue;
        if (in.channels % 64 == 0)
            nf_pool_words(nf_row(source, k % source->terms, t, from_y), in, shape, pool, to);
        else
            nf_pool_bits(nf_row(source, k % source->terms, t, from_y), in, shape, pool, to);
    }
}

/* Each output pixel is the OR of the input pixels (kernel_y by kernel_x, no dilation) that its window covers; what
   lies outside counts as no spike. Several input planes are pooled as their OR. */
NF_KERNEL void nf_pool_or(const nf_source *source, nf_shape shape, int32_t kernel_y, int32_t kernel_x, int32_t stride_y,
                          int32_t stride_x, int32_t pad_y, int32_t pad_x, uint64_t *out)
{
    const nf_pool pool = {kernel_y, kernel_x, stride_y, stride_x, pad_y, pad_x};
    nf_clear(shape, source->steps, out);
#ifdef _OPENMP
#pragma omp parallel for /* over rows, as layers are: what a thread wrote is near to it */
#endif
    for (int32_t y = 0; y < shape.height; y++)
        for (int32_t t = 0; t < source->steps; t++)
            nf_pool_row(source, shape, &pool, t, y, out + (t * shape.height + y) * shape.stride);
}
