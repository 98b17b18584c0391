#include "input.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

void fail(const char *what) {
    fprintf(stderr, "%s\n", what);
    exit(1);
}

void *allocate(size_t count, size_t size) {
    void *memory = calloc(count ? count : 1, size);
    if (!memory) {
        fail("out of memory");
    }
    return memory;
}

static uint8_t *read_all(const char *path, size_t *size) {
    FILE *file = fopen(path, "rb");
    if (!file || fseek(file, 0, SEEK_END)) {
        perror(path);
        exit(1);
    }
    *size = (size_t)ftell(file);
    rewind(file);
    uint8_t *bytes = allocate(*size, 1);
    if (fread(bytes, 1, *size, file) != *size) {
        fail("read too little");
    }
    fclose(file);
    return bytes;
}

// The next bytes of the file, which are checked to be there.
struct cursor {
    const uint8_t *next, *end;
};

static const void *take(struct cursor *in, uint64_t count, uint64_t size) {
    uint64_t left = (uint64_t)(in->end - in->next);
    if (count > left / size) {
        fail("the input is cut short");
    }
    const void *taken = in->next;
    uint64_t padded = (count * size + 7) & ~7ull;
    in->next += padded < left ? padded : left;
    return taken;
}

static uint64_t take_word(struct cursor *in) {
    return *(const uint64_t *)take(in, 1, 8);
}

struct input read_input(const char *path) {
    size_t size;
    uint8_t *bytes = read_all(path, &size);
    struct cursor in = {bytes, bytes + size};
    if (memcmp(take(&in, 8, 1), "BSPEERS1", 8)) {
        fail("not written by PeerInput");
    }
    struct input input;
    input.file_count = take_word(&in);
    input.space_count = take_word(&in);
    input.sample_count = take_word(&in);
    input.files = allocate(input.file_count, sizeof *input.files);
    input.spaces = allocate(input.space_count, sizeof *input.spaces);
    input.samples = allocate(input.sample_count, sizeof *input.samples);
    for (uint64_t i = 0; i < input.file_count; i++) {
        uint64_t length = take_word(&in);
        const void *name = take(&in, length, 1);
        input.files[i] = allocate(length + 1, 1);
        memcpy(input.files[i], name, length);
    }
    for (uint64_t i = 0; i < input.space_count; i++) {
        input.spaces[i].count = take_word(&in);
        input.spaces[i].mappings = take(&in, input.spaces[i].count, sizeof(struct mapping));
    }
    for (uint64_t i = 0; i < input.sample_count; i++) {
        const struct sample *sample = take(&in, 1, sizeof *sample);
        take(&in, sample->length, 1);
        input.samples[i] = sample;
    }
    return input;
}
