package org.backstitch.code.verify;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.lang.foreign.Arena;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import org.backstitch.code.capstone.Capstone;
import org.backstitch.elf.ElfFile;
import org.backstitch.elf.dwarf.CallFrameInfo;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** What GCC makes of the frames that are hard to follow: its rows are right, and every instruction is decided without an assumption. */
class CompiledCasesTest {
    private static final String SOURCE = """
            #include <alloca.h>
            #include <stdlib.h>
            #include <string.h>
            struct Guard { int *p; Guard(int *q) : p(q) {} ~Guard() { ++*p; } };
            extern void sink(void *, ...);
            extern int source(int);
            int throws(int n) {
                Guard guard(&n);
                try {
                    if (n > 3) throw n;
                    sink(&n);
                } catch (int e) {
                    sink(&e);
                    return e;
                }
                return n;
            }
            int grows(int n) { char *p = (char *) alloca(n); sink(p); return p[0]; }
            int aligns(int n) { alignas(64) char p[256]; sink(p, p + n); return source(p[n]); }
            int large(int n) { char p[70000]; sink(p); return p[n]; }
            int many(int a, int b, int c, int d, int e, int f, int g, int h) {
                for (int i = 0; i < a; i++) sink(&a, b, c, d, e, f, g, h, i, source(i));
                return a + b + c + d + e + f + g + h;
            }
            int chooses(int n) {
                switch (n) {
                    case 0: return source(1);
                    case 1: sink(&n); return 2;
                    case 2: return source(n) + source(n + 1);
                    case 3: sink(&n, n); return source(4);
                    case 4: abort();
                    case 5: return 17;
                    default: return source(-n);
                }
            }
            int leaves(int n) { if (__builtin_expect(n < 0, 0)) { sink(&n); exit(n); } return source(n) * 2; }
            """;

    @TempDir
    Path directory;

    @ParameterizedTest
    @ValueSource(
            strings = {
                "-O0",
                "-O1",
                "-O2",
                "-O3",
                "-Os",
                "-O2 -fno-omit-frame-pointer",
                "-O2 -fcf-protection=full -fno-plt",
                "-O2 -fstack-clash-protection -fstack-protector-all",
                "-O2 -mavx2 -mstackrealign",
                "-O1 -maccumulate-outgoing-args"
            })
    void isProved(String options) throws IOException, InterruptedException {
        try (Arena arena = Arena.ofConfined();
                Capstone capstone = Capstone.open()) {
            ElfFile elf = ElfFile.map(compile(options), arena);
            Verification result = CfiVerifier.verify(elf, CallFrameInfo.of(elf).orElseThrow(), capstone);
            assertEquals(List.of(), result.findings());
            assertEquals(0, result.assumedInstructions());
            assertEquals(0, result.unresolvedJumps());
            assertTrue(result.instructions().proved() > 150, result.toString());
        }
    }

    private Path compile(String options) throws IOException, InterruptedException {
        Path source = directory.resolve("case.cc");
        Path library = directory.resolve("case.so");
        Files.writeString(source, SOURCE);
        List<String> command = new ArrayList<>(List.of("g++", "-shared", "-fPIC", "-nostartfiles"));
        command.addAll(List.of(options.split(" ")));
        command.addAll(List.of("-o", library.toString(), source.toString()));
        Process process = new ProcessBuilder(command).redirectErrorStream(true).start();
        String output = new String(process.getInputStream().readAllBytes(), StandardCharsets.UTF_8);
        assertEquals(0, process.waitFor(), output);
        return library;
    }
}
