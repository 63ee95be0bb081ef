/* The rival of the suite `embedded`: its network as a dense int8 network in plain C, every synapse in every step.
   Bytes with channels innermost, sums of 32 bits, an inner loop over what lies one behind the other in both the window
   and the weights [out][ky][kx][in]; with BLOCK 4, four outputs at a time, so that an input is loaded once for them. */
#include "model.h"

#include <string.h>

typedef struct {
    int32_t read, size, inputs, outputs, kernel, pad, theta; /* read, size: height and width of input and output */
    const int8_t *weights;
} layer;

static void add_row(const uint8_t *x, int32_t count, const int8_t *weights, int32_t apart, int32_t *sums)
{
#if BLOCK == 4
    const int8_t *b = weights + apart, *c = b + apart, *d = c + apart;
    int32_t s0 = sums[0], s1 = sums[1], s2 = sums[2], s3 = sums[3];
    for (int32_t i = 0; i < count; i++) {
        const int32_t value = x[i];
        s0 += value * weights[i];
        s1 += value * b[i];
        s2 += value * c[i];
        s3 += value * d[i];
    }
    sums[0] = s0, sums[1] = s1, sums[2] = s2, sums[3] = s3;
#else
    int32_t sum = sums[0];
    (void)apart;
    for (int32_t i = 0; i < count; i++)
        sum += x[i] * weights[i];
    sums[0] = sum;
#endif
}

/* A layer on one step, and its IF neurons with hard reset to 0. */
static void run_layer(const layer *l, const uint8_t *in, int32_t *v, uint8_t *out)
{
    const int32_t taps = l->kernel * l->kernel * l->inputs;
    for (int32_t y = 0; y < l->size; y++)
        for (int32_t x = 0; x < l->size; x++) {
            const int32_t left = x < l->pad ? l->pad - x : 0, over = x - l->pad + l->kernel - l->read;
            const int32_t right = over > 0 ? l->kernel - over : l->kernel;
            for (int32_t o = 0; o < l->outputs; o += BLOCK) {
                int32_t sums[BLOCK] = {0};
                for (int32_t ky = 0; ky < l->kernel; ky++) {
                    const int32_t from = y + ky - l->pad;
                    if (from < 0 || from >= l->read)
                        continue;
                    add_row(in + (from * l->read + x - l->pad + left) * l->inputs, (right - left) * l->inputs,
                            l->weights + o * taps + (ky * l->kernel + left) * l->inputs, taps, sums);
                }
                for (int32_t i = 0; i < BLOCK && o + i < l->outputs; i++) {
                    int32_t *membrane = v + (y * l->size + x) * l->outputs + o + i;
                    const int32_t u = *membrane + sums[i], spike = u >= l->theta;
                    *membrane = spike ? 0 : u;
                    out[(y * l->size + x) * l->outputs + o + i] = (uint8_t)spike;
                }
            }
        }
}

/* Sums over 2 x 2 windows. */
static void pool(const uint8_t *in, int32_t size, int32_t channels, uint8_t *out)
{
    for (int32_t y = 0; y < size; y += 2)
        for (int32_t x = 0; x < size; x += 2) {
            const uint8_t *a = in + (y * size + x) * channels, *b = a + size * channels;
            for (int32_t c = 0; c < channels; c++)
                *out++ = (uint8_t)(a[c] + a[c + channels] + b[c] + b[c + channels]);
        }
}

#include "weights.h" /* LAYERS, SIZE, CHANNELS and the arrays of the network */

void model_init(model_state *state, const void *weights)
{
    (void)weights;
    memset(state, 0, sizeof *state);
}

#ifdef MODEL_RECORD
const char *model_describe(void)
{
    return "";
}
#endif

void model_sequence(model_state *state, const uint8_t *input_in, uint8_t *output_out)
{
    static uint8_t a[LARGEST], b[LARGEST];
    for (int32_t t = 0; t < STEPS; t++) {
        int32_t *v = (int32_t *)(void *)state->words;
        for (int32_t c = 0; c < CHANNELS; c++)
            for (int32_t k = 0; k < SIZE * SIZE; k++)
                a[k * CHANNELS + c] = *input_in++;
        for (int32_t k = 0; k < LAYERS; k++) {
            run_layer(layers + k, a, v, b);
            v += layers[k].size * layers[k].size * layers[k].outputs;
            if (k + 1 < LAYERS)
                pool(b, layers[k].size, layers[k].outputs, a);
        }
        memcpy(output_out, b, OUTPUTS);
        output_out += OUTPUTS;
    }
}
