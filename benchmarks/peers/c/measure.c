#include "measure.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

// Where a pass writes: the frames of all samples one behind the other, and how many each has.
struct chains {
    uint64_t *pcs, capacity, frames;
    unsigned *depths;
};

uint64_t thread_time(void) {
    struct timespec time;
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &time);
    return (uint64_t)time.tv_sec * 1000000000 + (uint64_t)time.tv_nsec;
}

static uint64_t pass(const struct input *input, walk_function *walk, struct chains *chains) {
    uint64_t start = thread_time(), frames = 0;
    for (uint64_t i = 0; i < input->sample_count; i++) {
        if (frames + MAX_FRAMES > chains->capacity) {
            fail("more frames than there is room for");
        }
        chains->depths[i] = walk(i, input->samples[i], chains->pcs + frames);
        frames += chains->depths[i];
    }
    chains->frames = frames;
    return thread_time() - start;
}

// FNV-1a over words: of each sample the number of its frames, and the frames.
static uint64_t hash_word(uint64_t hash, uint64_t word) {
    return (hash ^ word) * 0x100000001b3u;
}

static uint64_t hash_of(const struct chains *chains, uint64_t samples) {
    uint64_t hash = 0xcbf29ce484222325u;
    const uint64_t *pc = chains->pcs;
    for (uint64_t i = 0; i < samples; i++) {
        hash = hash_word(hash, chains->depths[i]);
        for (unsigned j = 0; j < chains->depths[i]; j++) {
            hash = hash_word(hash, *pc++);
        }
    }
    return hash;
}

void measure(const char *peer, const char *version, const struct input *input, uint64_t setup, unsigned passes,
             walk_function *walk) {
    struct chains chains = {.capacity = input->sample_count * 400 + 100000};
    chains.pcs = allocate(chains.capacity, sizeof *chains.pcs);
    memset(chains.pcs, 1, chains.capacity * sizeof *chains.pcs); // page faults are no part of a walk
    chains.depths = allocate(input->sample_count, sizeof *chains.depths);
    uint64_t cold = pass(input, walk, &chains), best = UINT64_MAX;
    for (unsigned i = 0; i < passes; i++) {
        uint64_t time = pass(input, walk, &chains);
        best = time < best ? time : best;
    }
    double frames = (double)chains.frames;
    printf("{\"peer\":\"%s\",\"version\":\"%s\",\"unit\":\"frame\",\"count\":%" PRIu64
           ",\"setup\":%" PRIu64 ",\"cold\":%.2f,\"warm\":%.2f,\"hash\":\"%016" PRIx64 "\"}\n",
           peer, version, chains.frames, setup, (double)cold / frames, (double)best / frames,
           hash_of(&chains, input->sample_count));
}
