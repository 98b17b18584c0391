// The stacks of a recording, as org.backstitch.bench.PeerInput writes them: read into memory, and found again.
#ifndef INPUT_H
#define INPUT_H

#include <stddef.h>
#include <stdint.h>

enum { RBP = 6, RSP = 7, RIP = 16, REGISTERS = 17 }; // DWARF's numbers

struct mapping {
    uint64_t file, start, end, file_offset;
};

struct space {
    uint64_t count;
    const struct mapping *mappings; // by ascending address
};

struct sample {
    uint64_t space;
    uint64_t registers[REGISTERS];
    uint64_t address; // of the first byte of the stack
    uint64_t length;
    uint8_t stack[];
};

struct input {
    uint64_t file_count, space_count, sample_count;
    char **files;
    struct space *spaces;
    const struct sample **samples;
};

// Reads a file; ends the program with a message if it cannot.
struct input read_input(const char *path);

// Memory filled with zeros; ends the program where there is none.
void *allocate(size_t count, size_t size);

// Ends the program with a message.
_Noreturn void fail(const char *what);

// Reads a word from a stack, if it is there.
static inline int read_stack(const struct sample *sample, uint64_t address, uint64_t *value) {
    uint64_t offset = address - sample->address;
    if (sample->length < 8 || offset > sample->length - 8) {
        return 0;
    }
    __builtin_memcpy(value, sample->stack + offset, 8);
    return 1;
}

#endif
