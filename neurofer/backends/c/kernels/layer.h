/* An integer layer and the neurons behind it: which kernel takes it. Only the speed depends on that, no bit. */

NF_INLINE int32_t nf_is_per_channel(const nf_neuron_i32 *neuron)
{
    return !(neuron->bias.per_pixel | neuron->theta.per_pixel | neuron->reset.per_pixel | neuron->start.per_pixel);
}

#if NF_BYTES
/* Whether entries of lists reach the rows of weights, at least column by column. */
NF_INLINE int32_t nf_has_lists(const nf_layer *layer, const nf_source *source)
{
    return layer->by_column && layer->dilation_x == 1 && nf_reach(layer) > 0
           && layer->kernel_y * source->terms <= NF_BAND_ROWS;
}

/* Whether the sums of a window fit 16 bits. */
NF_INLINE int32_t nf_has_tables(const nf_layer *layer, const nf_source *source)
{
    return !layer->by_column && layer->dilation_x == 1 && nf_window_rows(layer) * source->terms <= 256;
}

#if NF_BYTES == 64
/* Computes layers of many spikes, which have kernels of their own; returns whether this is one. */
NF_INLINE int32_t nf_layer_busy(const nf_job *job, const nf_layer *layer, const nf_source *source, uint64_t *scratch)
{
    const nf_spike_counts counts = nf_count_spikes(source);
    const nf_chosen_plane chosen = {*job, nf_has_lists(layer, source) ? nf_dense_term(layer, source, &counts) : -1};
    if (chosen.term >= 0)
        nf_share_out(nf_layer_lookups, &chosen, layer, source, nf_lookup_words(layer, source), scratch);
    else if (nf_is_dense(layer, source, &counts))
        nf_share_out(nf_layer_dense, job, layer, source, nf_dense_words(layer, source), scratch);
    else
        return 0;
    return 1;
}
#endif

/* Computes a layer whose neurons differ by channel at most with vectors; returns whether there is a kernel for it. */
NF_INLINE int32_t nf_layer_vectors(const nf_job *job, const nf_layer *layer, const nf_source *source, uint64_t *scratch)
{
    if (layer->out.channels % 64)
        nf_clear(layer->out, source->steps, job->out);
#if NF_BYTES == 64
    if (nf_layer_busy(job, layer, source, scratch))
        return 1;
#endif
    if (nf_has_lists(layer, source))
        nf_share_out(nf_layer_events, job, layer, source, nf_tile_words(layer, source), scratch);
    else if (nf_has_tables(layer, source))
        nf_share_out(nf_layer_tables, job, layer, source, nf_tables_words(layer, source), scratch);
    else
        return 0;
    return 1;
}

/* Computes several samples from lists, unless the first one has so many spikes that each is better off alone; returns
   whether it did. */
NF_INLINE int32_t nf_layer_samples(const nf_job *job, const nf_layer *layer, const nf_source *source, uint64_t *scratch)
{
    if (!nf_has_lists(layer, source))
        return 0;
#if NF_BYTES == 64
    const nf_source one = nf_sample(source, 0);
    const nf_spike_counts counts = nf_count_spikes(&one);
    if (nf_is_dense(layer, &one, &counts))
        return 0;
#endif
    for (int32_t i = 0; layer->out.channels % 64 && i < source->samples; i++)
        nf_clear(layer->out, source->steps, job->out + i * source->hop);
    nf_share_out(nf_layer_events, job, layer, source, nf_tile_words(layer, source), scratch);
    return 1;
}
#endif

#if NF_BYTES
NF_KERNEL
#else
NF_INLINE /* into every stage, whose sizes are constants */
#endif
void nf_one_i8(const nf_layer *layer, const nf_neuron_i32 *neuron, const nf_source *source, int32_t *state,
               uint64_t *out, uint64_t *scratch)
{
    (void)scratch;
#if NF_BYTES
    const nf_job job = {layer, neuron, source->steps, 0, state, out};
    if (nf_is_per_channel(neuron) && nf_layer_vectors(&job, layer, source, scratch))
        return;
#endif
    nf_clear(layer->out, source->steps, out);
#if !NF_BYTES
    if (!layer->by_column && layer->dilation_x == 1 && nf_is_per_channel(neuron)) {
        nf_layer_small(layer, neuron, source, state, out);
        return;
    }
#endif
    nf_layer_plain(layer, neuron, source, state, out);
}

/* `state` keeps the membranes [y][x][c] of a single sample between calls; NULL starts them anew. Inlined, for most layers
   have a single sample. */
NF_INLINE void nf_layer_i8(const nf_layer *layer, const nf_neuron_i32 *neuron, const nf_source *source, int32_t *state,
                           uint64_t *out, uint64_t *scratch)
{
    if (source->samples == 1) {
        nf_one_i8(layer, neuron, source, state, out, scratch);
        return;
    }
#if NF_BYTES
    const nf_job job = {layer, neuron, source->steps, source->hop, state, out};
    if (nf_is_per_channel(neuron) && nf_layer_samples(&job, layer, source, scratch))
        return;
#endif
    for (int32_t i = 0; i < source->samples; i++) {
        const nf_source one = nf_sample(source, i);
        nf_one_i8(layer, neuron, &one, state, out + i * source->hop, scratch);
    }
}

/* A layer in float32; see above. */
NF_KERNEL void nf_layer_f32(const nf_layer *layer, const nf_neuron_f32 *neuron, const nf_source *source, float *state,
                            uint64_t *out, uint64_t *scratch)
{
    const int32_t per_pixel = neuron->alpha.per_pixel | neuron->gain.per_pixel | neuron->offset.per_pixel
                              | neuron->theta.per_pixel | neuron->reset.per_pixel | neuron->start.per_pixel;
    (void)scratch;
    (void)per_pixel;
#if NF_BYTES
    const nf_float_job job = {layer, neuron, source->steps, source->hop, state, out};
    if (!per_pixel && nf_has_lists(layer, source)) {
        for (int32_t i = 0; layer->out.channels % 64 && i < source->samples; i++)
            nf_clear(layer->out, source->steps, out + i * source->hop);
        nf_share_out(nf_layer_floats, &job, layer, source, nf_tile_words(layer, source), scratch);
        return;
    }
#endif
    for (int32_t i = 0; i < source->samples; i++) {
        const nf_source one = nf_sample(source, i);
        nf_clear(layer->out, source->steps, out + i * source->hop);
        nf_layer_plain_f32(layer, neuron, &one, state, out + i * source->hop);
    }
}
