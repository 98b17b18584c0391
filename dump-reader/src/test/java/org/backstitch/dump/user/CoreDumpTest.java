package org.backstitch.dump.user;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertNotEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.channels.FileChannel;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Set;
import org.backstitch.bytes.MalformedInputException;
import org.backstitch.unwind.Callchain;
import org.backstitch.unwind.StopReason;
import org.backstitch.unwind.UserUnwinder;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/**
 * A core that gdb writes ({@code generate-core-file}) and reads, here and as it looks when things have gone wrong: cut off, without
 * the note that names files, with extended numbering, larger than 2 GiB, with other files than those that were mapped.
 */
class CoreDumpTest {
    /** A crash in a handler on an alternate stack, above qsort and a realigned frame; another thread waits. */
    private static final String PROGRAM = """
            #include <pthread.h>
            #include <signal.h>
            #include <stdlib.h>
            #include <unistd.h>
            static volatile int sink;
            static void handler(int signal) { *(volatile int *)16 = signal; }
            static int compare(const void *a, const void *b) { raise(SIGUSR1); return 0; }
            __attribute__((noinline)) static int aligned(int n) {
                int block[8] __attribute__((aligned(128)));
                char *more = __builtin_alloca(n * 8 + 16);
                block[n] = n;
                more[0] = n;
                qsort(block, 8, sizeof(int), compare);
                sink = block[n] + more[0];
                return sink;
            }
            static void *other(void *unused) { sleep(1000); return 0; }
            int main(void) {
                pthread_t thread;
                stack_t stack = {.ss_sp = malloc(1 << 16), .ss_size = 1 << 16};
                struct sigaction action = {.sa_handler = handler, .sa_flags = SA_ONSTACK};
                pthread_create(&thread, 0, other, 0);
                usleep(100000);
                sigaltstack(&stack, 0);
                sigaction(SIGUSR1, &action, 0);
                return aligned(3);
            }
            """;

    private static final int PROGRAM_HEADER = 56;
    private static final int PT_LOAD = 1;
    private static final int PT_NOTE = 4;
    private static final int NT_PRSTATUS = 1;
    private static final int NT_FILE = 0x46494c45;

    @TempDir
    private static Path directory;

    private static Path program;
    private static Path core;
    private static List<String> golden;

    @BeforeAll
    static void makeCore() throws IOException, InterruptedException {
        program = directory.resolve("program");
        core = directory.resolve("core");
        Path source = directory.resolve("program.c");
        Files.writeString(source, PROGRAM);
        run("gcc", "-w", "-O1", "-pthread", "-Wl,--build-id", "-o", program.toString(), source.toString());
        run(
                "gdb",
                "-nx",
                "-batch",
                "-ex",
                "handle SIGUSR1 nostop noprint pass",
                "-ex",
                "run",
                "-ex",
                "generate-core-file " + core,
                program.toString());
        run(
                "gdb",
                "-nx",
                "-batch",
                "-ex",
                "source ../fixtures/src/main/scripts/gdb-frames.py",
                program.toString(),
                core.toString());
        golden = Files.readAllLines(directory.resolve("frames.tsv"));
        assertTrue(golden.size() > 15, Files.readString(directory.resolve("log")));
    }

    private static void run(String... command) throws IOException, InterruptedException {
        ProcessBuilder process = new ProcessBuilder(command);
        process.environment().put("OUT", directory.resolve("frames.tsv").toString());
        Path log = directory.resolve("log");
        process.redirectErrorStream(true).redirectOutput(ProcessBuilder.Redirect.appendTo(log.toFile()));
        assertEquals(0, process.start().waitFor(), () -> "see " + log);
    }

    private static List<String> frames(CoreDump dump) {
        List<String> lines = new ArrayList<>();
        Callchain chain = new Callchain().recordRegisters(true);
        for (ThreadState thread : dump.process().threads()) {
            dump.process().unwind(thread, new UserUnwinder(), chain);
            assertEquals(StopReason.END_OF_STACK, chain.stop(), chain.toString());
            GdbFrames.of(chain).forEach(line -> lines.add(thread.tid() + "\t" + line));
        }
        return lines.stream().sorted().toList();
    }

    private static void assertSameAsGdb(Path file) throws IOException {
        try (CoreDump dump = CoreDump.open(file, CoreOptions.defaults())) {
            assertEquals(golden.stream().sorted().toList(), frames(dump));
            assertEquals(List.of(), dump.faults());
            assertEquals(0, dump.missingBytes());
        }
    }

    @Test
    void everyFrameAndRegisterIsGdbs() throws IOException {
        assertSameAsGdb(core);
        try (CoreDump dump = CoreDump.open(core, CoreOptions.defaults())) {
            assertEquals("program", dump.process().threads().getFirst().comm());
            assertEquals(2, dump.process().threads().size());
        }
    }

    /** A copy of the core to change: its headers are small, the rest stays as it is. */
    private static ByteBuffer bytes() throws IOException {
        return ByteBuffer.wrap(Files.readAllBytes(core)).order(ByteOrder.LITTLE_ENDIAN);
    }

    private static Path write(ByteBuffer bytes, String name) throws IOException {
        Path file = directory.resolve(name);
        try (FileChannel channel = FileChannel.open(file, StandardOpenOption.CREATE_NEW, StandardOpenOption.WRITE)) {
            channel.write(bytes.slice(0, bytes.capacity()));
        }
        return file;
    }

    @Test
    void withoutTheNoteOfFilesTheDynamicLinkerSaysWhatWasMapped() throws IOException {
        ByteBuffer bytes = bytes();
        int changed = 0;
        for (int i = 0; i < bytes.getShort(56); i++) {
            int header = (int) bytes.getLong(32) + i * PROGRAM_HEADER;
            if (bytes.getInt(header) != PT_NOTE) {
                continue;
            }
            int at = (int) bytes.getLong(header + 8);
            int end = at + (int) bytes.getLong(header + 32);
            while (at < end) {
                if (bytes.getInt(at + 8) == NT_FILE) {
                    bytes.putInt(at + 8, 0x1234);
                    changed++;
                }
                at += 12 + (bytes.getInt(at) + 3 & -4) + (bytes.getInt(at + 4) + 3 & -4);
            }
        }
        assertEquals(1, changed);
        assertSameAsGdb(write(bytes, "core.nofile"));
    }

    @Test
    void moreProgramHeadersThanTheElfHeaderCanSay() throws IOException {
        ByteBuffer old = bytes();
        ByteBuffer bytes = ByteBuffer.allocate(old.capacity() + 64).order(ByteOrder.LITTLE_ENDIAN);
        bytes.put(0, old, 0, old.capacity());
        bytes.putLong(
                40, old.capacity()); // e_shoff: one section header, whose sh_info is the number (gABI, "ELF Header")
        bytes.putInt(old.capacity() + 44, old.getShort(56));
        bytes.putShort(56, (short) 0xffff)
                .putShort(58, (short) 64)
                .putShort(60, (short) 1)
                .putShort(62, (short) 0);
        assertSameAsGdb(write(bytes, "core.xnum"));
    }

    /**
     * Writes the core as the kernel lays it out: notes in front of the memory. gdb has them behind it.
     *
     * @param shift how far the memory is moved away from the notes, in bytes
     */
    private static Path writeNotesFirst(String name, long shift) throws IOException {
        ByteBuffer bytes = bytes();
        int headersEnd = (int) bytes.getLong(32) + bytes.getShort(56) * PROGRAM_HEADER;
        Path file = directory.resolve(name);
        try (FileChannel channel = FileChannel.open(
                file, StandardOpenOption.CREATE_NEW, StandardOpenOption.WRITE, StandardOpenOption.SPARSE)) {
            long at = headersEnd;
            for (int type : new int[] {PT_NOTE, PT_LOAD}) {
                for (int header = (int) bytes.getLong(32); header < headersEnd; header += PROGRAM_HEADER) {
                    if (bytes.getInt(header) == type) {
                        int offset = (int) bytes.getLong(header + 8);
                        int size = (int) bytes.getLong(header + 32);
                        channel.write(bytes.slice(offset, size), at);
                        bytes.putLong(header + 8, at);
                        at += size;
                    }
                }
                at += shift;
            }
            bytes.putLong(40, 0).putShort(60, (short) 0).putShort(62, (short) 0); // the kernel writes no sections
            channel.write(bytes.slice(0, headersEnd), 0);
        }
        return file;
    }

    @Test
    void largerThanTwoGigabytes() throws IOException {
        Path file = writeNotesFirst("core.large", 3L << 30);
        assertTrue(Files.size(file) > 3L << 30);
        assertSameAsGdb(file);
    }

    @Test
    void whatIsLeftOfACutCoreIsTrue() throws IOException {
        byte[] all = Files.readAllBytes(writeNotesFirst("core.whole", 0));
        int cutChains = 0;
        for (int tenth = 1; tenth < 10; tenth++) {
            Path file = directory.resolve("core.cut");
            Files.write(file, Arrays.copyOf(all, (int) ((long) all.length * tenth / 10)));
            Callchain chain = new Callchain();
            try (CoreDump dump = CoreDump.open(file, CoreOptions.defaults())) {
                assertNotEquals(0, dump.missingBytes());
                for (ThreadState thread : dump.process().threads()) {
                    dump.process().unwind(thread, new UserUnwinder(), chain);
                    List<String> whole = golden.stream()
                            .filter(line -> line.startsWith(thread.tid() + "\t"))
                            .map(line -> line.split("\t", -1)[1].substring("rip=".length()))
                            .toList();
                    for (int i = 0; i < chain.size(); i++) {
                        assertEquals(whole.get(i), Long.toHexString(chain.pc(i)));
                    }
                    boolean cut = chain.size() < whole.size();
                    assertEquals(cut ? StopReason.DUMP_EXHAUSTED : StopReason.END_OF_STACK, chain.stop());
                    cutChains += cut ? 1 : 0;
                }
            }
        }
        assertTrue(cutChains > 3);
    }

    /** The kernel writes 12 KB of notes a thread, and a limit on the size of cores may end among them. */
    @Test
    void ofNotesThatWereCutOffTheFirstOnesAreUsed() throws IOException {
        Path whole = writeNotesFirst("core.notes", 0);
        ByteBuffer bytes = ByteBuffer.wrap(Files.readAllBytes(whole)).order(ByteOrder.LITTLE_ENDIAN);
        int notes = (int) bytes.getLong(32) + bytes.getShort(56) * PROGRAM_HEADER;
        List<Integer> statusEnds = new ArrayList<>();
        int end = notes;
        while (statusEnds.size() < 2) {
            boolean isStatus = bytes.getInt(end + 8) == NT_PRSTATUS && bytes.get(end + 12) == 'C'; // of CORE
            end += 12 + (bytes.getInt(end) + 3 & ~3) + (bytes.getInt(end + 4) + 3 & ~3);
            if (isStatus) {
                statusEnds.add(end);
            }
        }
        Path file = directory.resolve("core.cutnotes");
        for (int size = notes + 1; size < end + 100; size += 61) {
            Files.write(file, Arrays.copyOf(bytes.array(), size));
            int length = size;
            long threads = statusEnds.stream().filter(last -> last <= length).count();
            if (threads == 0) {
                assertThrows(MalformedInputException.class, () -> CoreDump.open(file, CoreOptions.defaults()));
                continue;
            }
            try (CoreDump dump = CoreDump.open(file, CoreOptions.defaults())) {
                assertEquals(threads, dump.process().threads().size());
                assertEquals(1, dump.faults().size(), dump.faults().toString());
                for (ThreadState thread : dump.process().threads()) {
                    Callchain chain = new Callchain();
                    dump.process().unwind(thread, new UserUnwinder(), chain);
                    String pc = "rip=" + Long.toHexString(chain.pc(0)) + "\t";
                    assertTrue(golden.stream().anyMatch(line -> line.startsWith(thread.tid() + "\t" + pc)), pc);
                    assertNotEquals(StopReason.END_OF_STACK, chain.stop());
                }
            }
        }
    }

    @Test
    void withASysrootNothingOfThisSystemIsUsed() throws IOException {
        Path empty = Files.createDirectory(directory.resolve("empty"));
        try (CoreDump dump = CoreDump.open(core, CoreOptions.defaults().withSysroot(empty))) {
            assertTrue(dump.missingFiles().contains(program.toString()) || hasAllOf(dump, program), "it is said");
            assertEquals(Set.of(), dump.unusableFiles().keySet());
        }
        Path there = directory.resolve("sysroot" + program);
        Files.createDirectories(there.getParent());
        Files.copy(Path.of("/bin/true"), there);
        try (CoreDump dump = CoreDump.open(core, CoreOptions.defaults().withSysroot(directory.resolve("sysroot")))) {
            assertTrue(
                    String.valueOf(dump.unusableFiles().get(there.toString())).contains("build id"),
                    dump.unusableFiles().toString());
        }
        try (CoreDump dump = CoreDump.open(
                core,
                CoreOptions.defaults().withSysroot(directory.resolve("sysroot")).withExe(program))) {
            assertTrue(dump.unusableFiles().isEmpty());
        }
    }

    /** gdb keeps the pages of binaries too, so that they can be had from the core. */
    private static boolean hasAllOf(CoreDump dump, Path path) {
        return dump.process().addressSpace().mappings().stream()
                .anyMatch(mapping -> mapping.path().equals(path.toString()) && mapping.module() != null);
    }

    @Test
    void otherFilesAreNoCores() throws IOException {
        MalformedInputException e =
                assertThrows(MalformedInputException.class, () -> CoreDump.open(program, CoreOptions.defaults()));
        assertTrue(String.valueOf(e.getMessage()).contains("not a core file"), e.getMessage());
        Path withoutNotes = directory.resolve("core.half");
        byte[] all = Files.readAllBytes(core);
        Files.write(withoutNotes, Arrays.copyOf(all, all.length / 2));
        MalformedInputException cut =
                assertThrows(MalformedInputException.class, () -> CoreDump.open(withoutNotes, CoreOptions.defaults()));
        assertTrue(String.valueOf(cut.getMessage()).contains("in front of its notes"), cut.getMessage());
        Path short_ = directory.resolve("core.short");
        Files.write(short_, Arrays.copyOf(Files.readAllBytes(core), 200));
        assertThrows(MalformedInputException.class, () -> CoreDump.open(short_, CoreOptions.defaults()));
    }
}
