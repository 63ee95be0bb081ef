/* An integer layer and the neurons behind it: which kernel takes it. Only the speed depends on that, no bit. */

NF_INLINE int32_t nf_is_per_channel(const nf_neuron_i32 *neuron)
{
    return !(neuron->bias.per_pixel | neuron->theta.per_pixel | neuron->reset.per_pixel | neuron->start.per_pixel);
}

#if NF_BYTES
/* Whether the entries of lists reach all rows of a window. */
NF_INLINE int32_t nf_has_lists(const nf_layer *layer, const nf_source *source)
{
    return layer->by_column && layer->dilation_x == 1 && nf_window_rows(layer) < 8192
           && layer->kernel_y * source->terms <= NF_BAND_ROWS;
}

/* Whether the sums of a window fit 16 bits. */
NF_INLINE int32_t nf_has_tables(const nf_layer *layer, const nf_source *source)
{
    return !layer->by_column && layer->dilation_x == 1 && nf_window_rows(layer) * source->terms <= 256;
}

NF_INLINE void nf_run_part(const nf_job *job, const nf_source *source, nf_part part, uint64_t *scratch)
{
    if (job->layer->by_column)
        nf_layer_events(job, source, part, scratch);
    else
        nf_layer_tables(job, source, part, scratch);
}

#ifdef _OPENMP
/* Synapses from which on a layer is worth more than one thread. */
#ifndef NF_SHARED
#define NF_SHARED 1000000
#endif

/* Every thread lays its lists or tables on its own stack: less than a megabyte. */
NF_KERNEL void nf_run_threads(const nf_job *job, const nf_source *source)
{
    const nf_shape shape = job->layer->out;
    const int64_t synapses = (int64_t)shape.height * shape.width * shape.channels * nf_window_rows(job->layer);
    const int32_t words = job->layer->by_column ? nf_events_words(job->layer, source)
                                                : nf_tables_words(job->layer, source);
#pragma omp parallel if (synapses * job->steps >= NF_SHARED)
    {
        uint64_t room[words + 7];
        uint64_t *scratch = room + (64 - (uintptr_t)room % 64) % 64 / 8;
        nf_run_part(job, source, nf_share(shape, omp_get_thread_num(), omp_get_num_threads()), scratch);
    }
}
#endif
#endif

/* `state` keeps the membranes [y][x][c] between calls; NULL starts them anew. */
#if NF_BYTES
NF_KERNEL
#else
NF_INLINE /* into every stage, whose sizes are constants */
#endif
void nf_layer_i8(const nf_layer *layer, const nf_neuron_i32 *neuron, const nf_source *source, int32_t *state,
                           uint64_t *out, uint64_t *scratch)
{
    (void)scratch;
#if NF_BYTES
    const nf_job job = {layer, neuron, source->steps, state, out};
    if (layer->out.channels % 64)
        nf_clear(layer->out, source->steps, out);
    if (nf_is_per_channel(neuron) && (nf_has_lists(layer, source) || nf_has_tables(layer, source))) {
#ifdef _OPENMP
        nf_run_threads(&job, source);
#else
        nf_run_part(&job, source, nf_share(layer->out, 0, 1), scratch);
#endif
        return;
    }
#endif
    nf_clear(layer->out, source->steps, out);
#if !NF_BYTES && !defined(NEUROFER_DENSE)
    if (!layer->by_column && layer->dilation_x == 1 && nf_is_per_channel(neuron)) {
        nf_layer_small(layer, neuron, source, state, out);
        return;
    }
#endif
    nf_layer_plain(layer, neuron, source, state, out);
}
