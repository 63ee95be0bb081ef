/* Max pooling of spikes: the OR of a window. */

/* Each output pixel is the OR of the input pixels (kernel_y by kernel_x, no dilation) that its window covers; what
   lies outside counts as no spike. Several input planes are pooled as their OR. */
NF_KERNEL void nf_pool_or(const nf_source *source, nf_shape shape, int32_t kernel_y, int32_t kernel_x, int32_t stride_y,
                       int32_t stride_x, int32_t pad_y, int32_t pad_x, uint64_t *out)
{
    const nf_shape in = source->shape;
    nf_clear(shape, source->steps, out);
    for (int32_t t = 0; t < source->steps; t++)
        for (int32_t y = 0; y < shape.height; y++)
            for (int32_t x = 0; x < shape.width; x++)
                for (int32_t k = 0; k < kernel_y * kernel_x * source->terms; k++) {
                    const int32_t term = k % source->terms, window = k / source->terms;
                    const int32_t from_y = y * stride_y - pad_y + window / kernel_x;
                    const int32_t from_x = x * stride_x - pad_x + window % kernel_x;
                    if (from_y < 0 || from_y >= in.height || from_x < 0 || from_x >= in.width)
                        continue;
                    for (int32_t c = 0; c < in.channels; c += 32) {
                        const int32_t count = nf_least(32, in.channels - c);
                        const uint32_t bits = nf_bits(nf_row(source, term, t, from_y), from_x * in.channels + c, count);
                        uint64_t *to = out + (t * shape.height + y) * shape.stride;
                        nf_or_bits(to, x * in.channels + c, count, bits);
                    }
                }
}
