/* How a layer is shared out to threads: by rows of outputs, or by blocks of channels where there are few rows. */
#ifdef _OPENMP
#include <omp.h>
#endif

/* What one thread computes: rows of outputs, and channels (whole blocks) from `first` on, before `end`. */
typedef struct {
    int32_t first_row, end_row, first, end;
} nf_part;

NF_INLINE nf_part nf_share(nf_shape shape, int32_t thread, int32_t threads)
{
    const int32_t blocks = shape.channels / 64;
    nf_part part = {0, shape.height, 0, shape.channels};
    if (shape.channels % 64 == 0 && blocks % threads == 0 && shape.height < 8 * threads) {
        part.first = blocks / threads * thread * 64; /* no two threads write to one word */
        part.end = part.first + blocks / threads * 64;
    } else {
        part.first_row = shape.height * thread / threads;
        part.end_row = shape.height * (thread + 1) / threads;
    }
    return part;
}
