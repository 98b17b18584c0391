package org.backstitch.dump.user;

import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import org.backstitch.bytes.Bytes;
import org.backstitch.bytes.MalformedInputException;
import org.backstitch.dump.PrStatus;
import org.backstitch.elf.ElfConstants;
import org.backstitch.elf.ElfFile;
import org.backstitch.elf.ElfNote;
import org.backstitch.unwind.machine.Registers;
import org.backstitch.unwind.machine.X86_64;
import org.jspecify.annotations.Nullable;

/**
 * What the notes of a core file say (core(5); the kernel's {@code fs/binfmt_elf.c}, {@code fill_note_info}): threads and their
 * registers, the process, the files that it had mapped, its auxiliary vector.
 *
 * <p>The kernel writes the thread that crashed first, gdb's {@code gcore} writes them by number; both write a thread's other notes
 * behind its registers. A note that is broken costs what it would have said, and is among the {@link #faults}.
 */
final class CoreNotes {
    private static final String CORE = "CORE";

    // struct elf_prpsinfo of x86-64 (include/linux/elfcore.h).
    private static final int PR_PID = 24;
    private static final int PR_FNAME = 40;
    private static final int PR_FNAME_SIZE = 16;

    // NT_FILE (fs/binfmt_elf.c, fill_files_note): two words, three words a file, then the names.
    private static final int FILE_HEADER = 16;
    private static final int FILE_ENTRY = 24;

    private final List<ThreadState> threads = new ArrayList<>();
    private final List<MappedFile> files = new ArrayList<>();
    private final List<MalformedInputException> faults = new ArrayList<>();
    private AuxiliaryVector auxiliaryVector = new AuxiliaryVector();
    private @Nullable Integer pid;
    private @Nullable String comm;

    CoreNotes(ElfFile core) {
        for (ElfNote note : core.notes()) {
            if (note.name().equals(CORE)) {
                try {
                    read(note);
                } catch (MalformedInputException e) {
                    faults.add(e);
                }
            }
        }
        threads.replaceAll(thread -> new ThreadState(thread.tid(), comm, thread.registers(), thread.signal()));
        if (pid == null && !threads.isEmpty()) {
            pid = threads.getFirst().tid();
        }
    }

    private void read(ElfNote note) {
        Bytes desc = note.desc();
        switch (note.type()) {
            case ElfConstants.NT_PRSTATUS -> readStatus(new PrStatus(desc));
            case ElfConstants.NT_PRPSINFO -> {
                pid = desc.i32(PR_PID);
                comm = desc.paddedString(PR_FNAME, PR_FNAME_SIZE);
            }
            case ElfConstants.NT_SIGINFO -> {
                SignalInfo signal = SignalInfo.read(desc);
                if (!threads.isEmpty() && signal.number() > 0) {
                    ThreadState last = threads.removeLast();
                    threads.add(new ThreadState(last.tid(), null, last.registers(), Optional.of(signal)));
                }
            }
            case ElfConstants.NT_AUXV -> auxiliaryVector = new AuxiliaryVector(desc);
            case ElfConstants.NT_FILE -> readFiles(desc);
            default -> {
                // Floating point registers and what else there may be: nothing that unwinding needs.
            }
        }
    }

    private void readStatus(PrStatus status) {
        Registers registers = new Registers();
        for (int register = 0; register < X86_64.COUNT; register++) {
            registers.set(register, status.register(register));
        }
        threads.add(new ThreadState(status.pid(), null, registers, Optional.empty()));
    }

    /** The kernel counts offsets in pages and says how large they are; {@code gcore} says that they are of one byte. */
    private void readFiles(Bytes desc) {
        long count = desc.i64(0);
        long pageSize = desc.i64(8);
        long room = (desc.size() - FILE_HEADER) / FILE_ENTRY;
        if (Long.compareUnsigned(count, room) > 0) {
            throw desc.malformed(
                    0, "expected " + Long.toUnsignedString(count) + " mapped files, but there is room for " + room);
        }
        long name = FILE_HEADER + count * FILE_ENTRY;
        for (long i = 0; i < count; i++) {
            long at = FILE_HEADER + i * FILE_ENTRY;
            String path = desc.cString(name);
            name = endOfString(desc, name) + 1;
            long start = desc.i64(at);
            long end = desc.i64(at + 8);
            if (Long.compareUnsigned(start, end) >= 0) {
                faults.add(desc.malformed(at, "a file mapped from 0x%x to 0x%x".formatted(start, end)));
            } else {
                files.add(new MappedFile(start, end, desc.i64(at + 16) * pageSize, path));
            }
        }
    }

    private static long endOfString(Bytes bytes, long from) {
        long at = from;
        while (bytes.u8(at) != 0) {
            at++;
        }
        return at;
    }

    /** The threads in the order of their notes. */
    List<ThreadState> threads() {
        return List.copyOf(threads);
    }

    /** The process; without a note that says so, the first thread; null without threads. */
    @Nullable
    Integer pid() {
        return pid;
    }

    /** What the files said to be mapped were; empty where there is no such note. */
    List<MappedFile> files() {
        return List.copyOf(files);
    }

    AuxiliaryVector auxiliaryVector() {
        return auxiliaryVector;
    }

    /** The notes that could not be read. */
    List<MalformedInputException> faults() {
        return List.copyOf(faults);
    }
}
