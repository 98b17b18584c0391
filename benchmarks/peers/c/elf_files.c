#include "elf_files.h"

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

static const uint64_t PAGE = 4096;

static struct elf_file open_elf(const char *path) {
    struct elf_file file = {.path = path};
    struct stat state;
    int descriptor = open(path, O_RDONLY);
    if (descriptor < 0 || fstat(descriptor, &state) || state.st_size < (off_t)sizeof(Elf64_Ehdr)) {
        fail(path);
    }
    uint8_t *bytes = mmap(NULL, (size_t)state.st_size, PROT_READ, MAP_PRIVATE, descriptor, 0);
    close(descriptor);
    if (bytes == MAP_FAILED || memcmp(bytes, ELFMAG, SELFMAG)) {
        fail(path);
    }
    const Elf64_Ehdr *header = (const Elf64_Ehdr *)bytes;
    file.bytes = bytes;
    file.size = (uint64_t)state.st_size;
    file.segments = (const Elf64_Phdr *)(bytes + header->e_phoff);
    file.segment_count = header->e_phnum;
    for (unsigned i = 0; i < file.segment_count; i++) {
        if (file.segments[i].p_type == PT_GNU_EH_FRAME) {
            file.eh_frame_hdr = &file.segments[i];
        }
    }
    return file;
}

// How far from the addresses in the file it was mapped: code is mapped from the start of a page.
static uint64_t bias_of(const struct elf_file *file, const struct mapping *mapping) {
    for (unsigned i = 0; i < file->segment_count; i++) {
        const Elf64_Phdr *segment = &file->segments[i];
        uint64_t offset = segment->p_offset & -PAGE;
        if (segment->p_type == PT_LOAD && segment->p_flags & PF_X && mapping->file_offset >= offset
            && mapping->file_offset < segment->p_offset + segment->p_filesz) {
            return mapping->start - (mapping->file_offset - offset) - (segment->p_vaddr & -PAGE);
        }
    }
    return mapping->start - mapping->file_offset;
}

int is_repeated(const struct modules *modules, unsigned index) {
    const struct module *module = &modules->list[index];
    for (unsigned i = 0; i < index; i++) {
        if (modules->list[i].file == module->file && modules->list[i].bias == module->bias) {
            return 1;
        }
    }
    return 0;
}

static int by_start(const void *left, const void *right) {
    const struct range *a = left, *b = right;
    return a->start < b->start ? -1 : a->start > b->start;
}

static void add_ranges(struct modules *modules, const struct module *module) {
    const struct elf_file *file = module->file;
    for (unsigned i = 0; i < file->segment_count; i++) {
        const Elf64_Phdr *segment = &file->segments[i];
        uint64_t offset = segment->p_offset & -PAGE;
        if (segment->p_type != PT_LOAD || offset >= file->size) {
            continue;
        }
        uint64_t length = segment->p_offset + segment->p_filesz - offset;
        length = length < file->size - offset ? length : file->size - offset;
        uint64_t start = module->bias + (segment->p_vaddr & -PAGE);
        modules->ranges[modules->range_count++] = (struct range){start, start + length, file->bytes + offset};
    }
}

static struct modules modules_of(const struct space *space, const struct elf_file *files) {
    struct modules modules = {.list = allocate(space->count, sizeof(struct module))};
    unsigned segments = 0;
    for (uint64_t i = 0; i < space->count; i++) {
        const struct mapping *mapping = &space->mappings[i];
        const struct elf_file *file = &files[mapping->file];
        modules.list[modules.count++] =
            (struct module){mapping->start, mapping->end, bias_of(file, mapping), file};
        segments += file->segment_count;
    }
    modules.ranges = allocate(segments, sizeof(struct range));
    for (unsigned i = 0; i < modules.count; i++) {
        if (!is_repeated(&modules, i)) {
            add_ranges(&modules, &modules.list[i]);
        }
    }
    qsort(modules.ranges, modules.range_count, sizeof(struct range), by_start);
    return modules;
}

struct modules *find_modules(const struct input *input) {
    struct elf_file *files = allocate(input->file_count, sizeof *files);
    struct modules *all = allocate(input->space_count, sizeof *all);
    for (uint64_t i = 0; i < input->file_count; i++) {
        files[i] = open_elf(input->files[i]);
    }
    for (uint64_t i = 0; i < input->space_count; i++) {
        all[i] = modules_of(&input->spaces[i], files);
    }
    return all;
}

const struct module *module_at(const struct modules *modules, uint64_t address) {
    unsigned low = 0, high = modules->count;
    while (low < high) {
        unsigned middle = (low + high) / 2;
        if (modules->list[middle].end <= address) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    return low < modules->count && modules->list[low].start <= address ? &modules->list[low] : NULL;
}

static int is_in(const struct range *range, uint64_t address) {
    return address >= range->start && address < range->end && range->end - address >= 8;
}

int read_file(struct modules *modules, uint64_t address, uint64_t *value) {
    if (!modules->range_count) {
        return 0;
    }
    if (!is_in(&modules->ranges[modules->last_range], address)) {
        unsigned low = 0, high = modules->range_count;
        while (low < high) {
            unsigned middle = (low + high) / 2;
            if (modules->ranges[middle].start <= address) {
                low = middle + 1;
            } else {
                high = middle;
            }
        }
        if (!low || !is_in(&modules->ranges[low - 1], address)) {
            return 0;
        }
        modules->last_range = low - 1;
    }
    const struct range *range = &modules->ranges[modules->last_range];
    __builtin_memcpy(value, range->bytes + (address - range->start), 8);
    return 1;
}
