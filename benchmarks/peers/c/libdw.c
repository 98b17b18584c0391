// libdw over recorded stacks: one session for each address space of the input, kept for all of its samples.
//
//   libdw INPUT PASSES
#include <elfutils/libdwfl.h>
#include <stdlib.h>

#include "elf_files.h"
#include "measure.h"

// libdw takes threads from their number; every walk is one of the same.
static const pid_t THREAD = 1;

// What libdw's callbacks are about: there is one walk at a time.
static struct {
    const struct sample *sample;
    struct modules *modules;
    uint64_t *pcs;
    unsigned depth;
} current;

static struct modules *all_modules;
static Dwfl **sessions;

static pid_t next_thread(Dwfl *session, void *argument, void **thread) {
    (void)session;
    if (*thread) {
        return 0;
    }
    *thread = argument;
    return THREAD;
}

static bool get_thread(Dwfl *session, pid_t number, void *argument, void **thread) {
    (void)session, (void)number;
    *thread = argument;
    return true;
}

static bool memory_read(Dwfl *session, Dwarf_Addr address, Dwarf_Word *value, void *argument) {
    (void)session, (void)argument;
    return read_stack(current.sample, address, value) || read_file(current.modules, address, value);
}

static bool set_initial_registers(Dwfl_Thread *thread, void *argument) {
    (void)argument;
    return dwfl_thread_state_registers(thread, 0, REGISTERS, current.sample->registers);
}

static int add_frame(Dwfl_Frame *frame, void *argument) {
    (void)argument;
    Dwarf_Addr pc;
    if (!dwfl_frame_pc(frame, &pc, NULL)) {
        return DWARF_CB_ABORT;
    }
    current.pcs[current.depth++] = pc;
    return current.depth < MAX_FRAMES ? DWARF_CB_OK : DWARF_CB_ABORT;
}

static Dwfl *open_session(const struct modules *modules) {
    if (!modules->count) {
        return NULL; // a session takes the architecture from its files
    }
    static char *no_path;
    static const Dwfl_Callbacks callbacks = {
        .find_debuginfo = dwfl_standard_find_debuginfo,
        .debuginfo_path = &no_path,
        .section_address = dwfl_offline_section_address,
    };
    static const Dwfl_Thread_Callbacks thread_callbacks = {
        .next_thread = next_thread,
        .get_thread = get_thread,
        .memory_read = memory_read,
        .set_initial_registers = set_initial_registers,
    };
    Dwfl *session = dwfl_begin(&callbacks);
    for (unsigned i = 0; i < modules->count; i++) {
        const struct module *module = &modules->list[i];
        if (!is_repeated(modules, i)
            && !dwfl_report_elf(session, module->file->path, module->file->path, -1, module->bias, true)) {
            fail(dwfl_errmsg(-1));
        }
    }
    dwfl_report_end(session, NULL, NULL);
    if (!dwfl_attach_state(session, NULL, THREAD, &thread_callbacks, &current)) {
        fail(dwfl_errmsg(-1));
    }
    return session;
}

static unsigned walk(uint64_t index, const struct sample *sample, uint64_t *pcs) {
    (void)index;
    current.sample = sample;
    current.modules = &all_modules[sample->space];
    current.pcs = pcs;
    current.depth = 0;
    if (sessions[sample->space]) {
        dwfl_getthread_frames(sessions[sample->space], THREAD, add_frame, NULL);
    }
    if (!current.depth) {
        pcs[current.depth++] = sample->registers[RIP];
    }
    return current.depth;
}

int main(int count, char **arguments) {
    if (count != 3) {
        fail("usage: libdw INPUT PASSES");
    }
    struct input input = read_input(arguments[1]);
    uint64_t start = thread_time();
    all_modules = find_modules(&input);
    sessions = allocate(input.space_count, sizeof *sessions);
    for (uint64_t i = 0; i < input.space_count; i++) {
        sessions[i] = open_session(&all_modules[i]);
    }
    measure("libdw", VERSION, &input, thread_time() - start, (unsigned)atoi(arguments[2]), walk);
    return 0;
}
