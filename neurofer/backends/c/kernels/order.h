/* What the vector builds have in common: 64 outputs at a time, in an order that bytes widen to without shuffles. */

/* 64 values of 32 bits: outputs 0 4 8 .. 60, then 1 5 .. 61, 2 6 .. 62, 3 7 .. 63. */
NF_INLINE int32_t nf_place(int32_t output)
{
    return output % 4 * 16 + output / 4;
}

/* What is summed for a block of outputs. `scale`: an eighth of a row's bytes; `zero_row`: the entry (8 * row) of the
   row of zero weights; `ahead`: weights that will be needed soon, fetched a line with every few rows
   (those that are NF_FAR are fetched themselves). */
typedef struct {
    const uint8_t *weights;
    const char *ahead, *ahead_end;
    size_t scale;
    int32_t ahead_step;
    uint16_t zero_row;
} nf_block;

/* Entries name the rows of weights base / 8 and those behind it, 8192 of them at most. Less `base`, modulo 2^16, they are
   8 times a row of the window. */
typedef struct {
    const uint16_t *entries;
    int32_t count, base;
} nf_events;

/* How rows are added up: */
enum {
    NF_NEAR = 0,   /* rows of zeros complete groups of rows */
    NF_DIRECT = 1, /* no entry has passed 2^16: `base` can be subtracted from the address of the weights */
    NF_FAR = 2     /* the row of zeros may be out of reach, and rows out of the caches */
};

/* Entries that are written behind the end of a list; and how many entries ahead rows are fetched. */
#define NF_DECODE_SLACK 64
#define NF_AHEAD 256

/* Values that are multiplied at once, and weights: 32 bits for an output. */
#if NF_BYTES == 64
#define NF_VALUE_GROUP 4
typedef uint8_t nf_value;
typedef int8_t nf_weight;
#else
#define NF_VALUE_GROUP 2
typedef int16_t nf_value, nf_weight;
#endif
