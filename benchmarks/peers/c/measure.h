// What every peer in C does around its walk: several passes over all samples, timed by the thread's own clock.
#ifndef MEASURE_H
#define MEASURE_H

#include "input.h"

enum { MAX_FRAMES = 1024 };

// Walks one stack: writes its pcs, at most MAX_FRAMES, and gives their number.
typedef unsigned walk_function(uint64_t index, const struct sample *sample, uint64_t *pcs);

// The processor time of this thread, in nanoseconds.
uint64_t thread_time(void);

// Walks everything once cold and `passes` times warm, and prints a line of JSON.
void measure(const char *peer, const char *version, const struct input *input, uint64_t setup, unsigned passes,
             walk_function *walk);

#endif
