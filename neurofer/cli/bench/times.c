/* What generated code compiled with -DMODEL_TIMES calls after every stage: adds up how long each took. */
#define _POSIX_C_SOURCE 199309L
#include <time.h>

#define MOST 1024

void model_times(int stage);
double neurofer_spent(int stage);

static double last, spent[MOST];

static double now(void)
{
    struct timespec time;
    clock_gettime(CLOCK_MONOTONIC, &time);
    return (double)time.tv_sec + 1e-9 * (double)time.tv_nsec;
}

void model_times(int stage)
{
    if (stage > 0 && stage < MOST)
        spent[stage] += now() - last;
    last = now();
}

/* Seconds since it was last asked. */
double neurofer_spent(int stage)
{
    const double found = spent[stage];
    spent[stage] = 0;
    return found;
}
