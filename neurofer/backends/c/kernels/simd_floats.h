/* 64 outputs at a time in float32, in their own order; the rows of a sum are added one after the other. */

typedef float nf_f32s __attribute__((vector_size(NF_BYTES)));
typedef int32_t nf_compared __attribute__((vector_size(NF_BYTES)));
#define NF_FLOATS (256 / NF_BYTES) /* vectors that hold 64 floats */

typedef struct {
    nf_f32s lane[NF_FLOATS];
} nf_floats64;

NF_INLINE nf_f32s nf_load_floats(const float *from)
{
    nf_f32s floats;
    memcpy(&floats, from, sizeof floats);
    return floats;
}

/* to += the rows of `lanes` floats that the events name. */
NF_APART void nf_sum_floats(const float *weights, int32_t lanes, nf_events events, nf_floats64 *to)
{
    nf_floats64 sum = *to;
    for (int32_t i = 0; i < events.count; i++) {
        const float *row = weights + (size_t)((uint16_t)(events.entries[i] - events.base) >> 3) * (size_t)lanes;
        for (int32_t k = 0; k < NF_FLOATS; k++)
            sum.lane[k] += nf_load_floats(row + k * NF_BYTES / 4);
    }
    *to = sum;
}

/* The sign bits of the lanes. */
NF_INLINE uint64_t nf_signs(nf_compared compared)
{
#if NF_BYTES == 64
    return _mm512_movepi32_mask((__m512i)compared);
#elif NF_BYTES == 32
    return (uint64_t)(uint32_t)__builtin_ia32_movmskps256((nf_f32s)compared);
#elif defined(__SSE2__)
    return (uint64_t)(uint32_t)__builtin_ia32_movmskps((nf_f32s)compared);
#else
    uint64_t signs = 0;
    for (int32_t i = 0; i < NF_BYTES / 4; i++)
        signs |= (uint64_t)(compared[i] & 1) << i;
    return signs;
#endif
}

typedef struct {
    nf_floats64 alpha, gain, offset, theta, reset, start;
    int32_t soft;
} nf_float_neurons64;

/* One step of 64 neurons: v = the next membranes; returns the spikes. */
NF_INLINE uint64_t nf_fire_floats64(const nf_float_neurons64 *neurons, const nf_floats64 *drive, nf_floats64 *v)
{
    uint64_t spikes = 0;
    for (int32_t i = 0; i < NF_FLOATS; i++) {
        const nf_f32s decayed = neurons->alpha.lane[i] * v->lane[i], input = neurons->gain.lane[i] * drive->lane[i];
        const nf_f32s sum = decayed + input, u = sum + neurons->offset.lane[i];
        const nf_f32s after = neurons->soft ? u - neurons->reset.lane[i] : neurons->reset.lane[i];
        const nf_compared fired = u >= neurons->theta.lane[i];
        v->lane[i] = (nf_f32s)(((nf_compared)after & fired) | ((nf_compared)u & ~fired));
        spikes |= nf_signs(fired) << i * NF_BYTES / 4;
    }
    return spikes;
}
