/* What the kernels are told: shapes, layers and neurons. Needs <stdint.h>, <stddef.h> and <string.h>. */

/* The build: NF_BYTES is the width of the vectors, 0 for plain C. */
#if defined(NEUROFER_PLAIN) || !defined(__GNUC__)
#define NF_BYTES 0
#elif defined(__AVX512VBMI2__) && defined(__AVX512VBMI__) && defined(__AVX512VNNI__) && defined(__AVX512BW__) \
    && defined(__AVX512VL__) && defined(__BMI2__)
#define NF_BYTES 64
#elif defined(__AVX2__)
#define NF_BYTES 32
#elif defined(__SSE2__) || defined(__ARM_NEON)
#define NF_BYTES 16
#else
#define NF_BYTES 0
#endif
#if NF_BYTES && defined(__SSE2__)
#include <immintrin.h>
#endif
/* A program seldom needs every kernel. */
#if defined(__GNUC__)
#define NF_KERNEL static __attribute__((unused))
#define NF_APART static __attribute__((unused, noinline))
#define NF_INLINE static inline __attribute__((always_inline, unused))
#else
#define NF_KERNEL static
#define NF_INLINE static inline
#endif

/* Spikes of a node over some steps: row (t, y) starts at word (t * height + y) * stride, bit x * channels + c. */
typedef struct {
    int32_t height, width, channels, stride; /* stride: words of a row, ceil(width * channels / 64) */
} nf_shape;

/* A value of each neuron: values[pixel * per_pixel + channel * per_channel]. A scalar has both strides 0. */
typedef struct {
    const int32_t *values;
    int32_t per_channel, per_pixel;
} nf_ints;

typedef struct {
    const float *values;
    int32_t per_channel, per_pixel;
} nf_floats;

/* u = leak(v) + (x << in_shift) + bias;  spike where u >= theta;  then v = reset (hard) or u - reset (soft).
   leak(v) = (v >> leak_shift) * leak_mul with odd leak_mul: on the lattice of an exact leak no bit is lost. */
typedef struct {
    int32_t leak_mul, leak_shift, in_shift, soft;
    nf_ints bias, theta, reset, start; /* start: v before the first step */
    int32_t bits; /* of a signed integer that holds whatever is added up, and the membranes */
} nf_neuron_i32;

/* u = alpha * v + gain * x + offset, rounded after every operation;  spike where u >= theta;  reset as above. */
typedef struct {
    int32_t soft;
    nf_floats alpha, gain, offset, theta, reset, start;
} nf_neuron_f32;

/* What one or several layers read: the sum of `terms` binary planes of one shape, of one or several samples. */
#define NF_TERMS 8
typedef struct {
    nf_shape shape;
    int32_t terms, steps, samples; /* samples: 1 unless the layer has a single output pixel */
    ptrdiff_t hop;                 /* words from one sample's planes, read or written, to the next's */
    const uint64_t *planes[NF_TERMS];
} nf_source;

/* A Conv2d; a Conv1d has height 1, a Linear height, width and kernel 1 with the inputs as channels.
   Outputs come in blocks of 64, the last of `last` (a multiple of 8, with zero weights behind the channels).
   A block holds one row of weights per input (kx, ky, c), c fastest (by_column), or (ky, kx, c).
   Integer rows: bytes of weight + 128, in uint64_t words from the low byte up, and a row of zero weights (128) at
   the end of each block. Float rows: floats. */
typedef struct {
    nf_shape in, out;
    int32_t kernel_y, kernel_x, stride_y, stride_x, pad_y, pad_x, dilation_y, dilation_x;
    int32_t by_column, last;
    const uint64_t *rows;    /* integers */
    const float *float_rows; /* float32 */
    const float *bias;       /* float32, per output channel, added behind the sum; NULL without */
    const void *next;        /* weights of the layer that runs next, to be fetched ahead; NULL without */
    int32_t next_bytes;
    int32_t largest; /* magnitude that no sum over one plane exceeds; of integers */
} nf_layer;
