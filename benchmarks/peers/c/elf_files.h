// The files that are mapped in the spaces of the input.
#ifndef ELF_FILES_H
#define ELF_FILES_H

#include <elf.h>

#include "input.h"

struct elf_file {
    const char *path;
    const uint8_t *bytes; // NULL if it is no ELF file
    uint64_t size;
    const Elf64_Phdr *segments;
    unsigned segment_count;
    const Elf64_Phdr *eh_frame_hdr; // NULL if there is none
};

// Bytes of a file that lie at addresses of a space.
struct range {
    uint64_t start, end;
    const uint8_t *bytes;
};

struct module {
    uint64_t start, end;
    uint64_t bias; // added to an address that the file speaks of
    const struct elf_file *file;
};

struct modules {
    unsigned count;
    struct module *list; // by ascending address
    unsigned range_count, last_range;
    struct range *ranges; // by ascending address
};

// The modules of all spaces.
struct modules *find_modules(const struct input *input);

// The module whose code is at an address, or NULL.
const struct module *module_at(const struct modules *modules, uint64_t address);

// Reads a word from a file that is mapped.
int read_file(struct modules *modules, uint64_t address, uint64_t *value);

// Whether a module before this one is the same file in the same place: a file's code can be mapped in pieces.
int is_repeated(const struct modules *modules, unsigned index);

#endif
