/* How a layer is shared out to threads: by rows of outputs, or by blocks of channels where rows cannot be shared out
   evenly (within a tenth); then threads write to the same cache lines. */
#ifdef _OPENMP
#include <omp.h>
#endif

/* What one thread computes: rows of outputs, and channels (whole blocks) from `first` on, before `end`. */
typedef struct {
    int32_t first_row, end_row, first, end;
} nf_part;

NF_INLINE nf_part nf_share(nf_shape shape, int32_t thread, int32_t threads)
{
    const int32_t blocks = shape.channels / 64, most = (shape.height + threads - 1) / threads;
    nf_part part = {0, shape.height, 0, shape.channels};
    if (shape.channels % 64 == 0 && blocks % threads == 0 && 10 * most * threads > 11 * shape.height) {
        part.first = blocks / threads * thread * 64; /* no two threads write to one word */
        part.end = part.first + blocks / threads * 64;
    } else {
        part.first_row = shape.height * thread / threads;
        part.end_row = shape.height * (thread + 1) / threads;
    }
    return part;
}

/* Computes a part of a layer; `job` is what the kernel makes of it. */
typedef void nf_kernel(const void *job, const nf_layer *layer, const nf_source *source, nf_part part, uint64_t *scratch);

/* Synapses from which on a layer is worth more than one thread. */
#ifndef NF_SHARED
#define NF_SHARED 1000000
#endif

/* Calls a kernel that needs `words` of scratch, in each thread for its part. One thread takes `scratch`; several lay
   theirs on their own stacks, about a megabyte each. */
NF_INLINE void nf_share_out(nf_kernel *kernel, const void *job, const nf_layer *layer, const nf_source *source, int32_t words,
                      uint64_t *scratch)
{
#ifdef _OPENMP
    const nf_shape shape = layer->out;
    const int64_t outputs = (int64_t)shape.height * shape.width * shape.channels;
    if (omp_get_max_threads() > 1 && outputs * source->steps * source->samples * nf_window_rows(layer) >= NF_SHARED) {
#pragma omp parallel
        {
            uint64_t room[words + 7];
            uint64_t *own = room + (64 - (uintptr_t)room % 64) % 64 / 8;
            kernel(job, layer, source, nf_share(shape, omp_get_thread_num(), omp_get_num_threads()), own);
        }
        return;
    }
#endif
    (void)words;
    kernel(job, layer, source, nf_share(layer->out, 0, 1), scratch);
}

/* Writes the spikes of a block; the plane is clear where channels do not fill its words. */
NF_INLINE void nf_put_block(nf_shape shape, uint64_t *out, int32_t t, int32_t y, int32_t x, int32_t first, uint64_t spikes)
{
    uint64_t *row = out + (t * shape.height + y) * shape.stride;
    const int32_t at = x * shape.channels + first, shift = at & 63, count = nf_least(64, shape.channels - first);
    if (shape.channels % 64 == 0) {
        row[at >> 6] = spikes;
        return;
    }
    spikes &= ~(uint64_t)0 >> (64 - count);
    row[at >> 6] |= spikes << shift;
    if (shift + count > 64)
        row[(at >> 6) + 1] |= spikes >> (64 - shift);
}
