package org.backstitch.code.synthesis;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertNotNull;
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
import org.backstitch.unwind.table.CfiUnwindInfo;
import org.backstitch.unwind.table.SavedRegisters;
import org.backstitch.unwind.table.UnwindRule;
import org.backstitch.unwind.table.UnwindTable;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** Rows made from code alone, held against those of the assembler, and against rows derived by hand. */
class SynthesizerTest {
    private static final String SOURCE = """
            extern void sink(void *, ...);
            extern int source(int);
            int grows(int n) { char *p = (char *) __builtin_alloca(n); sink(p); return p[0]; }
            int many(int a, int b, int c, int d, int e, int f, int g, int h) {
                for (int i = 0; i < a; i++) sink(&a, b, c, d, e, f, g, h, i, source(i));
                return a + b + c + d + e + f + g + h;
            }
            static __attribute__((noinline)) int hidden(int n) { return source(n) + source(n + 1); }
            int chooses(int n) {
                switch (n) {
                    case 0: return source(1);
                    case 1: sink(&n); return 2;
                    case 2: return hidden(n);
                    case 3: sink(&n, n); return source(4);
                    case 5: return 17;
                    default: return source(-n);
                }
            }
            """;

    @TempDir
    Path directory;

    @ParameterizedTest
    @ValueSource(strings = {"-O0", "-O1", "-O2", "-O3", "-Os"})
    void agreesWithTheCompiler(String level) throws Exception {
        Path library = build("c", SOURCE, "gcc", level);
        Comparison comparison = compare(library);
        assertEquals(List.of(), comparison.differences());
        assertEquals(0, comparison.missing());
        assertTrue(comparison.equal() > 100, comparison.toString());
    }

    @Test
    void rowsByHand() throws Exception {
        Path library = build("s", """
                .text
                .globl f
                .type f, @function
                f:  push %rbp
                    mov %rsp, %rbp
                    push %rbx
                    sub $24, %rsp
                    xor %ebx, %ebx
                    call g
                    add $24, %rsp
                    pop %rbx
                    pop %rbp
                    ret
                .size f, .-f
                g:  push %r12
                    xor %r12d, %r12d
                    pop %r12
                    ret
                .globl pops
                .type pops, @function
                pops: add $16, %rsp
                    jmp *%r11
                .size pops, .-pops
                """, "gcc", "-O0");
        try (Arena arena = Arena.ofShared();
                Capstone capstone = Capstone.open()) {
            ElfFile elf = ElfFile.map(library, arena);
            Synthesis made = Synthesizer.synthesize(elf, capstone, null, false);
            UnwindTable table = CfiUnwindInfo.of(made.elf()).compile();
            long f = symbol(elf, "f");
            long g = f + 0x17;
            assertRule(table, f, "call rsp+8");
            assertRule(table, f + 1, "call rsp+16 rbp=c-16"); // RBP is pushed, and not yet changed
            assertRule(table, f + 4, "call rbp+16 rbp=c-16");
            assertRule(table, f + 0xb, "call rbp+16 rbp=c-16");
            assertRule(table, f + 0x15, "call rbp+16 rbp=c-16");
            assertRule(table, f + 0x16, "call rsp+8");
            assertRule(table, g, "call rsp+8");
            assertRule(table, g + 2, "call rsp+16");
            assertEquals(UnwindRule.NONE, table.rule(symbol(elf, "pops")), "pops what its caller pushed");
        }
    }

    /**
     * Hand-written helpers ({@code h}, {@code r}) that change callee-saved registers, since whoever calls them has saved those ({@code f}).
     * One that relies on them all the same ({@code g}, {@code u} through {@code t}) does not preserve them either: behind its call there are no
     * rows where RBP is among them, and rows that say undefined of the others ({@code q}).
     */
    @Test
    void helpersThatChangeCalleeSavedRegisters() throws Exception {
        Path library = build("s", """
                .text
                .globl f
                .type f, @function
                f:  push %rbp
                    push %rbx
                    call h
                    pop %rbx
                    pop %rbp
                    ret
                .size f, .-f
                .globl g
                .type g, @function
                g:  sub $8, %rsp
                    call h
                    add $8, %rsp
                    ret
                .size g, .-g
                .globl u
                .type u, @function
                u:  sub $8, %rsp
                    call t
                    add $8, %rsp
                    ret
                .size u, .-u
                .globl q
                .type q, @function
                q:  sub $8, %rsp
                    call r
                    add $8, %rsp
                    ret
                .size q, .-q
                .type t, @function
                t:  nop
                    jmp h
                .size t, .-t
                .type h, @function
                h:  mov %rsi, %rbp
                    xor %ebx, %ebx
                    ret
                .size h, .-h
                .type r, @function
                r:  xor %ebx, %ebx
                    ret
                .size r, .-r
                """, "gcc", "-O0");
        try (Arena arena = Arena.ofShared();
                Capstone capstone = Capstone.open()) {
            ElfFile elf = ElfFile.map(library, arena);
            long f = symbol(elf, "f");
            List<String> expected = List.of(
                    "0 call rsp+8",
                    "1 call rsp+16 rbp=c-16",
                    "2 call rsp+24 rbp=c-16 rbx=c-24",
                    "8 call rsp+16 rbp=c-16",
                    "9 call rsp+8", // and the first instruction of g
                    "e call rsp+16", // in front of g's call
                    "none",
                    "18 call rsp+8", // u
                    "1c call rsp+16",
                    "none",
                    "26 call rsp+8", // q
                    "2a call rsp+16",
                    "2f call rsp+16 rbx=u",
                    "33 call rsp+8 rbx=u",
                    "34 call rsp+8", // t
                    "none", // for h
                    "3d call rsp+8", // r
                    "3f call rsp+8 rbx=u");
            assertEquals(expected, rows(elf, capstone, false, f));
            // No way out takes down q's frame with RBX as it was, which would confirm that r returns.
            List<String> proved = new ArrayList<>(expected);
            proved.set(12, "none");
            proved.remove(13);
            assertEquals(proved, rows(elf, capstone, true, f));
        }
    }

    /** All made rows, with their addresses counted from {@code base}; {@code none} where there is a gap between them. */
    private static List<String> rows(ElfFile elf, Capstone capstone, boolean onlyProved, long base) {
        List<String> rows = new ArrayList<>();
        ElfFile made = Synthesizer.synthesize(elf, capstone, null, onlyProved).elf();
        long[] covered = {base};
        CfiUnwindInfo.of(made).compile().forEachRow((start, end, rule, saved, _) -> {
            if (start != covered[0]) {
                rows.add("none");
            }
            covered[0] = end;
            String registers = saved == SavedRegisters.SAME ? "" : " " + SavedRegisters.toString(saved);
            rows.add("%x %s%s".formatted(start - base, UnwindRule.toString(rule), registers));
        });
        return rows;
    }

    /** As glibc's __clone: the child finds its function and argument on a stack of its own, which ends there. */
    @Test
    void aNewTaskHasNoCaller() throws Exception {
        Path library = build("s", """
                .text
                .globl begin
                .type begin, @function
                begin:
                    mov $56, %eax
                    syscall
                    test %rax, %rax
                    je 1f
                    ret
                1:  xor %ebp, %ebp
                    pop %rax
                    pop %rdi
                    call *%rax
                    mov %rax, %rdi
                    mov $60, %eax
                    syscall
                .size begin, .-begin
                .globl data
                .type data, @function
                data: xor %ebp, %ebp
                    call *%rax
                    ud2
                .size data, .-data
                """, "gcc", "-O0");
        try (Arena arena = Arena.ofShared();
                Capstone capstone = Capstone.open()) {
            ElfFile elf = ElfFile.map(library, arena);
            UnwindTable table = CfiUnwindInfo.of(
                            Synthesizer.synthesize(elf, capstone, null, false).elf())
                    .compile();
            long begin = symbol(elf, "begin");
            assertRule(table, begin + 7, "call rsp+8");
            assertRule(table, begin + 0xc, "call rsp+8"); // ret
            assertRule(table, begin + 0xf, "end"); // pop, with RBP cleared
            assertRule(table, begin + 0x13, "end"); // behind the call
            assertEquals(UnwindRule.NONE, table.rule(symbol(elf, "data") + 2), "it may merely need the register");
        }
    }

    /** Helpers that change RBP, since their callers know of it: what those say of RBP holds in front of the call, or is in a slot. */
    @Test
    void helpersThatChangeTheFramePointer() throws Exception {
        Path library = build("s", """
                .text
                helper:
                    xor %ebp, %ebp
                    ret
                sometimes:
                    test %edi, %edi
                    je 1f
                    mov %rdi, %rbp
                1:  ret
                jumps:
                    nop
                    jmp helper
                behind:
                    sub $8, %rsp
                    call outside@plt
                    add $8, %rsp
                    xor %ebp, %ebp
                    ret
                .globl keeps
                .type keeps, @function
                keeps:
                    push %rbp
                    mov %rsp, %rbp
                    call helper
                    nop
                    pop %rbp
                    ret
                .size keeps, .-keeps
                .globl direct
                .type direct, @function
                direct:
                    nop
                    call sometimes
                    nop
                    ret
                .size direct, .-direct
                .globl tail
                .type tail, @function
                tail:
                    nop
                    call jumps
                    nop
                    ret
                .size tail, .-tail
                .globl outer
                .type outer, @function
                outer:
                    nop
                    call tail
                    nop
                    ret
                .size outer, .-outer
                .globl late
                .type late, @function
                late:
                    nop
                    call behind
                    nop
                    ret
                .size late, .-late
                """, "gcc", "-O0");
        try (Arena arena = Arena.ofShared();
                Capstone capstone = Capstone.open()) {
            ElfFile elf = ElfFile.map(library, arena);
            for (boolean onlyProved : new boolean[] {false, true}) {
                UnwindTable table = CfiUnwindInfo.of(Synthesizer.synthesize(elf, capstone, null, onlyProved)
                                .elf())
                        .compile();
                long keeps = symbol(elf, "keeps");
                assertRule(table, keeps + 4, "call rbp+16 rbp=c-16");
                assertRule(table, keeps + 9, "call rsp+16 rbp=c-16"); // behind the call RBP is no frame pointer
                assertRule(table, keeps + 0xa, "call rsp+16 rbp=c-16");
                assertRule(table, keeps + 0xb, "call rsp+8");
                for (String name : List.of("direct", "tail", "outer", "late")) {
                    long call = symbol(elf, name) + 1;
                    assertRule(table, call, "call rsp+8");
                    assertEquals(UnwindRule.NONE, table.rule(call + 5), name);
                    assertEquals(UnwindRule.NONE, table.rule(call + 6), name);
                }
            }
        }
    }

    @Test
    void agreesWithSystemLibrary() throws IOException {
        Comparison comparison = compare(Path.of("/lib/x86_64-linux-gnu/libc.so.6"));
        assertTrue(comparison.share() > 0.97, comparison.toString());
        assertTrue(comparison.equal() + comparison.equivalent() > 250_000, comparison.toString());
        // Hand-written rows that are wrong (__mpn_mul_1 and its like) or describe another context (longjmp,
        // setcontext).
        assertTrue(comparison.different() < 150, comparison.toString());
        assertEquals(
                comparison.different(), comparison.contradicted(), "rows that are proved differ from wrong ones only");
    }

    /** A function of the library itself is called through its linkage table, and never returns: another function lies behind the call. */
    @Test
    void nothingIsFollowedBehindCallsThatDoNotReturn() throws Exception {
        Path library = build("s", """
                .text
                .globl dies
                .type dies, @function
                dies: ud2
                .size dies, .-dies
                .globl f
                .type f, @function
                f:  push %rbx
                    sub $16, %rsp
                    call dies@plt
                .size f, .-f
                g:  push %rbp
                    pop %rbp
                    ret
                .globl h
                .type h, @function
                h:  call g
                    ret
                .size h, .-h
                """, "gcc", "-O0");
        try (Arena arena = Arena.ofShared();
                Capstone capstone = Capstone.open()) {
            ElfFile elf = ElfFile.map(library, arena);
            UnwindTable table = CfiUnwindInfo.of(
                            Synthesizer.synthesize(elf, capstone, null, true).elf())
                    .compile();
            long g = symbol(elf, "g");
            assertRule(table, symbol(elf, "f") + 5, "call rsp+32");
            assertRule(table, g, "call rsp+8");
            assertRule(table, g + 1, "call rsp+16 rbp=c-16");
        }
    }

    /** Behind an import that may or may not return, rows are offered; they are proved if the frame is taken down behind them. */
    @Test
    void whatHangsOnACallIsNotProvedUnlessTheWayOutConfirmsIt() throws Exception {
        Path library = build("s", """
                .text
                .globl f
                .type f, @function
                f:  sub $8, %rsp
                    call outside@plt
                    add $8, %rsp
                    ret
                .size f, .-f
                .globl g
                .type g, @function
                g:  sub $24, %rsp
                    call other@plt
                    xor %eax, %eax
                    ud2
                .size g, .-g
                """, "gcc", "-O0");
        try (Arena arena = Arena.ofShared();
                Capstone capstone = Capstone.open()) {
            ElfFile elf = ElfFile.map(library, arena);
            UnwindTable proved = CfiUnwindInfo.of(
                            Synthesizer.synthesize(elf, capstone, null, true).elf())
                    .compile();
            UnwindTable offered = CfiUnwindInfo.of(
                            Synthesizer.synthesize(elf, capstone, null, false).elf())
                    .compile();
            long f = symbol(elf, "f");
            long g = symbol(elf, "g");
            assertRule(proved, f + 9, "call rsp+16");
            assertRule(proved, f + 13, "call rsp+8");
            assertRule(proved, g + 4, "call rsp+32");
            assertEquals(UnwindRule.NONE, proved.rule(g + 9));
            assertRule(offered, g + 9, "call rsp+32");
        }
    }

    /** A number in the data of a program for fixed addresses is that of the middle of an instruction, which could be a function. */
    @Test
    void aNumberIsNoPointerIntoAnInstruction() throws Exception {
        Path program = build("s", """
                .text
                .globl _start
                .type _start, @function
                _start: call f
                    ud2
                .p2align 4
                f:  push %rbx
                    lea 0x12345678(%rax), %rbx
                    sub $0x12, %rbx
                    inc %ebx
                    mov $0xc3c3c3c3, %eax
                    pop %rbx
                    ret
                .data
                .p2align 3
                .quad f + 16
                """, "gcc", "-no-pie");
        try (Arena arena = Arena.ofShared();
                Capstone capstone = Capstone.open()) {
            ElfFile elf = ElfFile.map(program, arena);
            UnwindTable table = CfiUnwindInfo.of(
                            Synthesizer.synthesize(elf, capstone, null, false).elf())
                    .compile();
            long f = symbol(elf, "_start") + 16;
            assertRule(table, f + 1, "call rsp+16");
            assertRule(table, f + 14, "call rsp+16"); // mov, with what would be returns in it
            assertRule(table, f + 16, "call rsp+16");
            assertRule(table, f + 19, "call rsp+16");
            assertRule(table, f + 20, "call rsp+8");
        }
    }

    /** Frames that are realigned have their CFA in memory (GCC's DRAP). */
    @Test
    void realignedFrames() throws Exception {
        Path library = build("c", """
                typedef float vector __attribute__((vector_size(32)));
                extern void sink(vector *, int, int, int, int, int, int, int, int, int);
                void f(int a, int b, int c, int d, int e, int f, int g, int h, int i) {
                    vector v = {0};
                    for (int n = 0; n < a; n++) sink(&v, a, b, c, d, e, f, g, h, i);
                }
                """, "gcc", "-O2");
        Comparison comparison = compare(library);
        // GCC's rows go on to look for RBP where RBP points to behind pop %rbp, in front of lea -8(%r10), %rsp and ret.
        assertEquals(2, comparison.differences().size(), comparison.toString());
        comparison
                .differences()
                .forEach(difference -> assertTrue(
                        difference.toString().contains("rbp=*(rbp+0) +side; made: r"), difference.toString()));
        assertEquals(0, comparison.missing());
        assertTrue(comparison.equal() + comparison.equivalent() > 20, comparison.toString());
    }

    private static Comparison compare(Path library) throws IOException {
        try (Arena arena = Arena.ofShared();
                Capstone capstone = Capstone.open()) {
            ElfFile elf = ElfFile.map(library, arena);
            OwnTable own = OwnTable.of(elf, CallFrameInfo.of(elf).orElseThrow());
            Comparison comparison =
                    Synthesizer.synthesize(elf, capstone, own, false).comparison();
            assertNotNull(comparison);
            return comparison;
        }
    }

    private static void assertRule(UnwindTable table, long address, String expected) {
        assertEquals(expected, UnwindRule.toString(table.rule(address)), () -> Long.toHexString(address));
    }

    private static long symbol(ElfFile elf, String name) {
        for (var symbol : elf.symbols().orElseThrow()) {
            if (symbol.name().equals(name)) {
                return symbol.value();
            }
        }
        throw new AssertionError("no symbol " + name);
    }

    private Path build(String suffix, String source, String compiler, String level) throws Exception {
        Path input = directory.resolve("code." + suffix);
        Files.writeString(input, source, StandardCharsets.UTF_8);
        Path output = directory.resolve("code.so");
        List<String> kind = level.equals("-no-pie") ? List.of("-static", level) : List.of(level, "-fPIC", "-shared");
        List<String> command = new ArrayList<>(List.of(compiler, "-nostdlib", "-o", output.toString()));
        command.addAll(kind);
        command.add(input.toString());
        Process process = new ProcessBuilder(command).redirectErrorStream(true).start();
        String said = new String(process.getInputStream().readAllBytes(), StandardCharsets.UTF_8);
        assertEquals(0, process.waitFor(), said);
        return output;
    }
}
