/* How fast rows of 64 int8 weights can be summed up, taken at random from a block of them: what bounds an event-driven
   layer, whose every input spike adds a row to 64 membranes.

   A row is read as 32 words of 16 bits. The words are added as they are and shifted down by a byte, which keeps the
   sums of both bytes apart: one load, one shift and two additions for 64 synaptic operations. */
#include <stdint.h>
#include <string.h>

typedef uint16_t lanes __attribute__((vector_size(64)));
typedef int16_t signed_lanes __attribute__((vector_size(64)));

void neurofer_sum_rows(const unsigned char *rows, const uint16_t *order, int32_t count, int32_t repeats,
                       unsigned char *out);

/* `count` is a multiple of 8; `out` takes 256 bytes. */
void neurofer_sum_rows(const unsigned char *rows, const uint16_t *order, int32_t count, int32_t repeats,
                       unsigned char *out)
{
    lanes low[2] = {{0}, {0}};
    signed_lanes high[2] = {{0}, {0}};
    for (int32_t repeat = 0; repeat < repeats; repeat++) {
        for (int32_t k = 0; k < count; k += 8) {
            uint64_t four[2];
            memcpy(four, order + k, sizeof four);
            for (int32_t j = 0; j < 8; j++) {
                lanes words;
                memcpy(&words, rows + (four[j >> 2] >> 16 * (j & 3) & 0xffff) * 64, sizeof words);
                low[j & 1] += words;
                high[j & 1] += (signed_lanes)words >> 8;
            }
        }
    }
    memcpy(out, low, sizeof low);
    memcpy(out + sizeof low, high, sizeof high);
}
