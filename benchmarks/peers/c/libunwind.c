// libunwind over recorded stacks: one address space with a global cache for each of the input's, and accessors that read the stack
// and the files, as perf has them.
//
//   libunwind INPUT PASSES
#include <libunwind.h>
#include <stdlib.h>
#include <string.h>

#include "elf_files.h"
#include "measure.h"

// Exported for perf and its like, and in no header.
extern int UNW_OBJ(dwarf_search_unwind_table)(unw_addr_space_t, unw_word_t, unw_dyn_info_t *, unw_proc_info_t *, int, void *);

struct context {
    const struct sample *sample;
    struct modules *modules;
};

static struct modules *all_modules;
static unw_addr_space_t *spaces;

// The only form of the binary search table that linkers write: version 1, a 4-byte count, entries relative to the section.
static int is_usual_table(const uint8_t *header) {
    return header[0] == 1 && header[2] == 0x03 && header[3] == 0x3b;
}

static int find_proc_info(unw_addr_space_t space, unw_word_t ip, unw_proc_info_t *info, int need_info, void *argument) {
    struct context *context = argument;
    const struct module *module = module_at(context->modules, ip);
    if (!module || !module->file->eh_frame_hdr) {
        return -UNW_ENOINFO;
    }
    const uint8_t *header = module->file->bytes + module->file->eh_frame_hdr->p_offset;
    if (!is_usual_table(header)) {
        return -UNW_EINVAL;
    }
    uint32_t entries;
    memcpy(&entries, header + 8, sizeof entries);
    unw_dyn_info_t table = {.start_ip = module->start, .end_ip = module->end, .format = UNW_INFO_FORMAT_REMOTE_TABLE};
    table.u.rti.segbase = module->bias + module->file->eh_frame_hdr->p_vaddr;
    table.u.rti.table_data = table.u.rti.segbase + 12;
    table.u.rti.table_len = entries * (2 * sizeof(int32_t)) / sizeof(unw_word_t); // in words
    return UNW_OBJ(dwarf_search_unwind_table)(space, ip, &table, info, need_info, argument);
}

static void put_unwind_info(unw_addr_space_t space, unw_proc_info_t *info, void *argument) {
    (void)space, (void)info, (void)argument;
}

static int get_dyn_info_list_addr(unw_addr_space_t space, unw_word_t *list, void *argument) {
    (void)space, (void)list, (void)argument;
    return -UNW_ENOINFO;
}

static int access_mem(unw_addr_space_t space, unw_word_t address, unw_word_t *value, int write, void *argument) {
    (void)space;
    struct context *context = argument;
    if (write) {
        return -UNW_EINVAL;
    }
    return read_stack(context->sample, address, value) || read_file(context->modules, address, value) ? 0 : -UNW_EINVAL;
}

static int access_reg(unw_addr_space_t space, unw_regnum_t number, unw_word_t *value, int write, void *argument) {
    (void)space;
    struct context *context = argument;
    if (write || number < 0 || number >= REGISTERS) {
        return -UNW_EBADREG;
    }
    *value = context->sample->registers[number]; // libunwind has DWARF's numbers
    return 0;
}

static int access_fpreg(unw_addr_space_t space, unw_regnum_t number, unw_fpreg_t *value, int write, void *argument) {
    (void)space, (void)number, (void)value, (void)write, (void)argument;
    return -UNW_EINVAL;
}

static int resume(unw_addr_space_t space, unw_cursor_t *cursor, void *argument) {
    (void)space, (void)cursor, (void)argument;
    return -UNW_EINVAL;
}

static int get_proc_name(unw_addr_space_t space, unw_word_t address, char *name, size_t size, unw_word_t *offset, void *argument) {
    (void)space, (void)address, (void)name, (void)size, (void)offset, (void)argument;
    return -UNW_EINVAL;
}

static unw_accessors_t accessors = {
    .find_proc_info = find_proc_info,
    .put_unwind_info = put_unwind_info,
    .get_dyn_info_list_addr = get_dyn_info_list_addr,
    .access_mem = access_mem,
    .access_reg = access_reg,
    .access_fpreg = access_fpreg,
    .resume = resume,
    .get_proc_name = get_proc_name,
};

static unsigned walk(uint64_t index, const struct sample *sample, uint64_t *pcs) {
    (void)index;
    struct context context = {sample, &all_modules[sample->space]};
    unsigned depth = 0;
    pcs[depth++] = sample->registers[RIP];
    unw_cursor_t cursor;
    if (unw_init_remote(&cursor, spaces[sample->space], &context)) {
        return depth;
    }
    while (depth < MAX_FRAMES && unw_step(&cursor) > 0) {
        unw_word_t pc;
        unw_get_reg(&cursor, UNW_REG_IP, &pc);
        pcs[depth++] = pc;
    }
    return depth;
}

int main(int count, char **arguments) {
    if (count != 3) {
        fail("usage: libunwind INPUT PASSES");
    }
    struct input input = read_input(arguments[1]);
    uint64_t start = thread_time();
    all_modules = find_modules(&input);
    spaces = allocate(input.space_count, sizeof *spaces);
    for (uint64_t i = 0; i < input.space_count; i++) {
        spaces[i] = unw_create_addr_space(&accessors, 0);
        unw_set_caching_policy(spaces[i], UNW_CACHE_GLOBAL);
    }
    measure("libunwind", VERSION, &input, thread_time() - start, (unsigned)atoi(arguments[2]), walk);
    return 0;
}
