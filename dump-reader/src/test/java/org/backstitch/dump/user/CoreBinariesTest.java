package org.backstitch.dump.user;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertNotNull;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Set;
import java.util.stream.IntStream;
import org.backstitch.unwind.Callchain;
import org.backstitch.unwind.Mapping;
import org.backstitch.unwind.StopReason;
import org.backstitch.unwind.UserUnwinder;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/**
 * Which files a core is read with, when the program has no build id: the kernel's cores have a binary's headers and not its code, and
 * these headers tell whether a file is the one that was mapped.
 */
class CoreBinariesTest {
    private static final String PROGRAM = """
            #include <stdlib.h>
            __attribute__((noinline)) static int inner(int n) { if (n == 0) abort(); return inner(n - 1) + 1; }
            int main(int argc, char **argv) { return inner(argc + 3); }
            """;

    /** The same functions, and another one in front, so that every address of the first program means something else. */
    private static final String OTHER = """
            int first(int n) { int sum = 0; for (int i = 0; i < n; i++) sum += i * i ^ sum; return sum; }
            int second[100] = {1};
            """ + PROGRAM;

    private static final int PT_LOAD = 1;
    private static final int PT_NOTE = 4;
    private static final int NT_AUXV = 6;
    private static final int PROGRAM_HEADER = 56;
    private static final int PAGE = 4096;
    private static final int ELF_MAGIC = 0x464c457f;

    @TempDir
    private Path directory;

    private Path program;
    private Path core;

    @BeforeEach
    void makeCore() throws IOException, InterruptedException {
        program = compile(PROGRAM, "program");
        Path whole = directory.resolve("whole");
        run("gdb", "-nx", "-batch", "-ex", "run", "-ex", "generate-core-file " + whole, program.toString());
        core = directory.resolve("core");
        Files.write(core, asTheKernelWritesIt(Files.readAllBytes(whole)));
    }

    private Path compile(String text, String name) throws IOException, InterruptedException {
        Path source = directory.resolve(name + ".c");
        Path binary = directory.resolve(name);
        Files.writeString(source, text);
        run("gcc", "-w", "-O1", "-Wl,--build-id=none", "-o", binary.toString(), source.toString());
        return binary;
    }

    private void run(String... command) throws IOException, InterruptedException {
        Path log = directory.resolve("log");
        Process process = new ProcessBuilder(command)
                .redirectErrorStream(true)
                .redirectOutput(ProcessBuilder.Redirect.appendTo(log.toFile()))
                .start();
        assertEquals(0, process.waitFor(), () -> "see " + log);
    }

    /** Leaves out what files have, but for the page with their headers (core(5), coredump_filter). gdb keeps more. */
    private static byte[] asTheKernelWritesIt(byte[] whole) {
        ByteBuffer bytes = ByteBuffer.wrap(whole).order(ByteOrder.LITTLE_ENDIAN);
        int cut = 0;
        for (int i = 0; i < bytes.getShort(56); i++) {
            int header = (int) bytes.getLong(32) + i * PROGRAM_HEADER;
            boolean writable = (bytes.getInt(header + 4) & 2) != 0;
            long size = bytes.getLong(header + 32);
            if (bytes.getInt(header) == PT_LOAD && !writable && size > 0) {
                boolean elf = bytes.getInt((int) bytes.getLong(header + 8)) == ELF_MAGIC;
                boolean executable = (bytes.getInt(header + 4) & 1) != 0; // the vDSO, if it begins with its headers
                if (!(elf && executable)) {
                    bytes.putLong(header + 32, elf ? PAGE : 0);
                    cut++;
                }
            }
        }
        assertTrue(cut > 3);
        return whole;
    }

    private record Seen(List<String> places, StopReason stop, Set<String> missing, Map<String, String> unusable) {}

    private Seen read() throws IOException {
        try (CoreDump dump = CoreDump.open(core, CoreOptions.defaults())) {
            Callchain chain = new Callchain();
            ProcessImage process = dump.process();
            process.unwind(process.threads().getFirst(), new UserUnwinder(), chain);
            List<String> places = IntStream.range(0, chain.size())
                    .mapToObj(i -> process.place(chain.lookupPc(i)))
                    .map(place -> place.symbol() + " " + place.dso())
                    .toList();
            return new Seen(places, chain.stop(), Set.copyOf(dump.missingFiles()), Map.copyOf(dump.unusableFiles()));
        }
    }

    private void assertCutAtTheProgram(Seen seen) {
        assertEquals(StopReason.NO_UNWIND_INFO, seen.stop);
        assertEquals("null " + program, seen.places.getLast(), "named all the same");
        assertEquals(
                1,
                seen.places.stream()
                        .filter(place -> place.endsWith(program.toString()))
                        .count());
    }

    @Test
    void theFileThatWasMappedIsUsed() throws IOException, InterruptedException {
        Seen seen = read();
        assertEquals(StopReason.END_OF_STACK, seen.stop);
        assertTrue(seen.places.contains("main " + program), seen.places.toString());
        assertEquals(Map.of(), seen.unusable);
        // Without its symbols it is the same file still.
        run("strip", program.toString());
        Seen stripped = read();
        assertEquals(StopReason.END_OF_STACK, stripped.stop);
        assertEquals(seen.places.size(), stripped.places.size());
        assertEquals(Map.of(), stripped.unusable);
    }

    @Test
    void anotherProgramInItsPlaceIsNot() throws IOException, InterruptedException {
        Files.move(compile(OTHER, "other"), program, StandardCopyOption.REPLACE_EXISTING);
        Seen seen = read();
        assertEquals(Map.of(program.toString(), "its segments are not those that the process has"), seen.unusable);
        assertCutAtTheProgram(seen);
    }

    @Test
    void aFileThatIsGoneIsNamedInItsFrames() throws IOException {
        Files.delete(program);
        Seen seen = read();
        assertEquals(Set.of(program.toString()), seen.missing);
        assertCutAtTheProgram(seen);
    }

    @Test
    void theVdsoIsFoundWithoutTheVectorThatSaysWhereItIs() throws IOException {
        byte[] all = Files.readAllBytes(core);
        assertNotNull(vdso());
        ByteBuffer bytes = ByteBuffer.wrap(all).order(ByteOrder.LITTLE_ENDIAN);
        int changed = 0;
        for (int i = 0; i < bytes.getShort(56); i++) {
            int header = (int) bytes.getLong(32) + i * PROGRAM_HEADER;
            int at = (int) bytes.getLong(header + 8);
            int end = at + (bytes.getInt(header) == PT_NOTE ? (int) bytes.getLong(header + 32) : 0);
            while (at < end) {
                if (bytes.getInt(at + 8) == NT_AUXV) {
                    bytes.putInt(at + 8, 0x1234);
                    changed++;
                }
                at += 12 + (bytes.getInt(at) + 3 & -4) + (bytes.getInt(at + 4) + 3 & -4);
            }
        }
        assertEquals(1, changed);
        Mapping before = Objects.requireNonNull(vdso());
        Files.write(core, all);
        Mapping after = Objects.requireNonNull(vdso());
        assertEquals(before.start(), after.start());
        assertNotNull(after.module());
    }

    private @Nullable Mapping vdso() throws IOException {
        try (CoreDump dump = CoreDump.open(core, CoreOptions.defaults())) {
            return dump.process().addressSpace().mappings().stream()
                    .filter(mapping -> mapping.path().equals("[vdso]"))
                    .findFirst()
                    .orElse(null);
        }
    }
}
