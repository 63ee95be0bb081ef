/* Neurons: membrane, threshold, reset. */

/* One step of `count` (at most 32) neurons of one pixel: the inputs `drive`, membranes `v`, the spikes as bits. */
NF_INLINE uint32_t nf_fire_ints(const nf_neuron_i32 *neuron, int32_t pixel, int32_t channel, int32_t count,
                                    const int32_t *drive, int32_t *v)
{
    uint32_t spikes = 0;
    for (int32_t i = 0; i < count; i++) {
        const int32_t c = channel + i;
        const int32_t u = (v[i] >> neuron->leak_shift) * neuron->leak_mul + drive[i] * (1 << neuron->in_shift)
                          + nf_int(neuron->bias, pixel, c);
        const int32_t spike = u >= nf_int(neuron->theta, pixel, c);
        const int32_t reset = nf_int(neuron->reset, pixel, c);
        spikes |= (uint32_t)spike << i;
        v[i] = !spike ? u : neuron->soft ? u - reset : reset;
    }
    return spikes;
}

NF_INLINE uint32_t nf_fire_floats(const nf_neuron_f32 *neuron, int32_t pixel, int32_t channel, int32_t count,
                                      const float *drive, float *v)
{
    uint32_t spikes = 0;
    for (int32_t i = 0; i < count; i++) {
        const int32_t c = channel + i;
        const float decayed = nf_float(neuron->alpha, pixel, c) * v[i];
        const float input = nf_float(neuron->gain, pixel, c) * drive[i];
        const float sum = decayed + input;
        const float u = sum + nf_float(neuron->offset, pixel, c);
        const int32_t spike = u >= nf_float(neuron->theta, pixel, c);
        const float reset = nf_float(neuron->reset, pixel, c);
        spikes |= (uint32_t)spike << i;
        v[i] = !spike ? u : neuron->soft ? u - reset : reset;
    }
    return spikes;
}

NF_INLINE void nf_start_ints(const nf_neuron_i32 *neuron, int32_t pixel, int32_t channel, int32_t count, int32_t *v)
{
    for (int32_t i = 0; i < count; i++)
        v[i] = nf_int(neuron->start, pixel, channel + i);
}

NF_INLINE void nf_start_floats(const nf_neuron_f32 *neuron, int32_t pixel, int32_t channel, int32_t count, float *v)
{
    for (int32_t i = 0; i < count; i++)
        v[i] = nf_float(neuron->start, pixel, channel + i);
}

/* Spikes of neurons whose inputs are summed already: drive[t][y][x][c], or [y][x][c], the same in each step
   (constant). `state` keeps the membranes [y][x][c] between calls; NULL starts them anew. */
NF_KERNEL void nf_fire_i32(const nf_neuron_i32 *neuron, nf_shape shape, const int32_t *drive, int32_t constant,
                        int32_t steps, int32_t *state, uint64_t *out)
{
    const int32_t pixels = shape.height * shape.width;
    nf_clear(shape, steps, out);
    for (int32_t pixel = 0; pixel < pixels; pixel++) {
        const int32_t y = pixel / shape.width, x = pixel % shape.width;
        for (int32_t c = 0; c < shape.channels; c += 32) {
            const int32_t count = nf_least(32, shape.channels - c), at = pixel * shape.channels + c;
            int32_t fresh[32], *v = state ? state + at : fresh;
            if (!state)
                nf_start_ints(neuron, pixel, c, count, v);
            for (int32_t t = 0; t < steps; t++) {
                const int32_t *input = drive + at + (constant ? 0 : t * pixels * shape.channels);
                const uint32_t spikes = nf_fire_ints(neuron, pixel, c, count, input, v);
                nf_or_bits(out + (t * shape.height + y) * shape.stride, x * shape.channels + c, count, spikes);
            }
        }
    }
}

NF_KERNEL void nf_fire_f32(const nf_neuron_f32 *neuron, nf_shape shape, const float *drive, int32_t constant,
                        int32_t steps, float *state, uint64_t *out)
{
    const int32_t pixels = shape.height * shape.width;
    nf_clear(shape, steps, out);
    for (int32_t pixel = 0; pixel < pixels; pixel++) {
        const int32_t y = pixel / shape.width, x = pixel % shape.width;
        for (int32_t c = 0; c < shape.channels; c += 32) {
            const int32_t count = nf_least(32, shape.channels - c), at = pixel * shape.channels + c;
            float fresh[32], *v = state ? state + at : fresh;
            if (!state)
                nf_start_floats(neuron, pixel, c, count, v);
            for (int32_t t = 0; t < steps; t++) {
                const float *input = drive + at + (constant ? 0 : t * pixels * shape.channels);
                const uint32_t spikes = nf_fire_floats(neuron, pixel, c, count, input, v);
                nf_or_bits(out + (t * shape.height + y) * shape.stride, x * shape.channels + c, count, spikes);
            }
        }
    }
}
