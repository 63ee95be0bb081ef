/* Max pooling of spikes: the OR of a window. */

/* ORs `channels` bits from bit `at` of row `from` into those from bit `first` of row `to`. */
NF_INLINE void nf_or_pixel(const uint64_t *from, int32_t at, uint64_t *to, int32_t first, int32_t channels)
{
    if (channels % 64 == 0) {
        for (int32_t i = 0; i < channels / 64; i++)
            to[first / 64 + i] |= from[at / 64 + i];
        return;
    }
    for (int32_t c = 0; c < channels; c += 32) {
        const int32_t count = nf_least(32, channels - c);
        nf_or_bits(to, first + c, count, nf_bits(from, at + c, count));
    }
}

typedef struct {
    int32_t kernel_y, kernel_x, stride_y, stride_x, pad_y, pad_x;
} nf_pool;

/* One row of the output: ORs of the columns of each input row of the window. */
NF_KERNEL void nf_pool_row(const nf_source *source, nf_shape shape, const nf_pool *pool, int32_t t, int32_t y, uint64_t *to)
{
    const nf_shape in = source->shape;
    for (int32_t k = 0; k < pool->kernel_y * source->terms; k++) {
        const int32_t from_y = y * pool->stride_y - pool->pad_y + k / source->terms;
        if (from_y < 0 || from_y >= in.height)
            continue;
        const uint64_t *from = nf_row(source, k % source->terms, t, from_y);
        for (int32_t x = 0; x < shape.width; x++) {
            const int32_t left = x * pool->stride_x - pool->pad_x, right = nf_least(left + pool->kernel_x, in.width);
            for (int32_t from_x = left < 0 ? 0 : left; from_x < right; from_x++)
                nf_or_pixel(from, from_x * in.channels, to, x * in.channels, in.channels);
        }
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
#pragma omp parallel for
#endif
    for (int32_t row = 0; row < source->steps * shape.height; row++)
        nf_pool_row(source, shape, &pool, row / shape.height, row % shape.height, out + row * shape.stride);
}
