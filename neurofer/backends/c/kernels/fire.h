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
