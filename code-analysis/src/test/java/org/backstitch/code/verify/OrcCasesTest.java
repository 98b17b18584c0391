package org.backstitch.code.verify;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;

import java.io.IOException;
import java.lang.foreign.Arena;
import java.nio.file.Path;
import java.util.List;
import org.backstitch.code.capstone.Capstone;
import org.backstitch.code.stack.Assembled;
import org.backstitch.elf.ElfFile;
import org.backstitch.elf.orc.OrcTable;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/**
 * Kernel code with ORC entries written by hand, in the format of Linux 6.4 ({@code asm/orc_types.h}): an entry is 16 bits of SP offset,
 * 16 of BP offset, then four bits each for their registers (undefined 0, previous SP 1, BP 4, SP 5, BP indirect 8, SP indirect 9), three
 * for the type (undefined 0, end 1, call 2, registers 3, interrupt frame 4), and the signal bit.
 */
class OrcCasesTest {
    private static final String FORMAT = """
            .macro orc sp_reg, sp_offset, bp_reg=0, bp_offset=0, type=2, signal=0
            .Lip\\@:
            .pushsection .orc_unwind_ip,"a",@progbits
            .long .Lip\\@ - .
            .popsection
            .pushsection .orc_unwind,"a",@progbits
            .short \\sp_offset, \\bp_offset
            .short \\sp_reg | (\\bp_reg << 4) | (\\type << 8) | (\\signal << 11)
            .popsection
            .endm
            .macro save_rest
            .irp register, rdx, rcx, rax, r8, r9, r10, r11, rbx, rbp, r12, r13, r14, r15
            pushq %\\register
            .endr
            .endm
            .section .orc_header,"a",@progbits
            .byte 0xfe,0x5d,0x32,0xbf,0x58,0x1b,0xd6,0x3b,0x2c,0xa9,0xa5,0xc6,0x5b,0xa5,0xa6,0x25,0xea,0xb3,0xfe,0x24
            .text
            """;

    @TempDir
    Path directory;

    private Verification verify(String body) throws IOException, InterruptedException {
        String source = FORMAT + ".globl f\n.type f,@function\nf:\n" + body + "\n.size f,.-f\norc 0, 0, type=0\n";
        try (Arena arena = Arena.ofConfined();
                Capstone capstone = Capstone.open()) {
            ElfFile elf = Assembled.object(source, directory, arena);
            return OrcVerifier.verify(elf, OrcTable.of(elf, null), capstone);
        }
    }

    private void assertProved(String body, int instructions, int assumed) throws IOException, InterruptedException {
        Verification result = verify(body);
        assertEquals(List.of(), result.findings());
        assertEquals(new Counts(instructions, 0, 0, 0), result.instructions());
        assertEquals(assumed, result.assumedInstructions());
    }

    private static final String PUSHES = """
            orc 5, 8
            pushq %%rbp
            orc 5, 16, bp_reg=1, bp_offset=-16
            movq %%rsp, %%rbp
            orc 4, %d, bp_reg=1, bp_offset=%d
            pushq %%rbx
            call printk
            popq %%rbx
            popq %%rbp
            orc 5, 8
            ret""";

    @Test
    void framePointer() throws IOException, InterruptedException {
        assertProved(PUSHES.formatted(16, -16), 7, 0);
    }

    @Test
    void wrongStackPointer() throws IOException, InterruptedException {
        Finding finding = verify(PUSHES.formatted(24, -16)).findings().getFirst();
        assertEquals(Verdict.CONTRADICTED, finding.verdict());
        assertEquals("SP", finding.subject());
        assertEquals("bp+24", finding.claim());
        assertEquals("CFA+8", finding.found());
        assertEquals("type:call sp:bp+24 bp:prevsp-16 signal:0", finding.rule());
        assertEquals(
                List.of("push rbp", "mov rbp, rsp", "push rbx"),
                finding.code().stream().map(Finding.Line::text).toList());
    }

    @Test
    void wrongFramePointer() throws IOException, InterruptedException {
        Finding finding = verify(PUSHES.formatted(16, -24)).findings().getFirst();
        assertEquals(Verdict.CONTRADICTED, finding.verdict());
        assertEquals("BP", finding.subject());
        assertEquals("prevsp-24", finding.claim());
    }

    /** A warning's trap returns and a bug's does not; what lies behind either belongs to whoever its entry fits. */
    @Test
    void traps() throws IOException, InterruptedException {
        assertProved("""
                orc 5, 8
                testl %edi, %edi
                je .Lbug
                pushq %rbx
                orc 5, 16
                testl %esi, %esi
                jne .Lwarn
                .Lback:
                popq %rbx
                orc 5, 8
                ret
                .Lbug:
                ud2
                .Lwarn:
                orc 5, 16
                ud2
                jmp .Lback""", 10, 0);
    }

    /** An interrupt's entry: the hardware's frame at RSP, then complete registers. The first entry is believed, the rest follows. */
    @Test
    void interruptEntry() throws IOException, InterruptedException {
        String entry = """
                orc 5, 0, type=4, signal=1
                pushq $-1
                orc 5, 8, type=4, signal=1
                pushq %%rdi
                orc 5, 16, type=4, signal=1
                pushq %%rsi
                save_rest
                orc 5, %d, type=3, signal=1
                xorl %%ebp, %%ebp
                call do_interrupt
                nop""";
        // The pushes in between move the frame under an entry that stays: those, and only those, are wrong.
        Verification right = verify(entry.formatted(0));
        assertEquals(13, right.instructions().contradicted());
        assertEquals(6, right.instructions().proved());
        assertEquals(19, right.assumedInstructions());
        Verification wrong = verify(entry.formatted(8));
        assertEquals(16, wrong.instructions().contradicted());
    }

    /**
     * A helper that saves all registers where its return address was and returns on top of them: behind its call the frame is another, and
     * the entry there is believed.
     */
    @Test
    void registerSaver() throws IOException, InterruptedException {
        String source = """
                orc 5, 0, type=4, signal=1
                pushq $-1
                orc 5, 8, type=4, signal=1
                call save
                orc 5, 0, type=3, signal=1
                movq %%rsp, %%rdi
                call handle
                nop
                .type save,@function
                save:
                orc 5, 8
                pushq %%rsi
                orc 0, 0, type=0
                movq 8(%%rsp), %%rsi
                movq %%rdi, 8(%%rsp)
                save_rest
                pushq %%rsi
                orc 5, %d, type=3, signal=1
                ret
                .size save,.-save""";
        Verification right = verify(source.formatted(8));
        assertEquals(0, right.instructions().contradicted());
        assertEquals(1, right.instructions().undecided()); // the helper's return
        assertEquals(6, right.instructions().proved());
        // Where no return address lies on top of the registers, it is no such helper.
        assertEquals(3, verify(source.formatted(0)).instructions().contradicted());
    }

    /** As for interrupts that may nest (NMI): the hardware's frame is copied further down, and the entry means the copy. */
    @Test
    void copiedFrame() throws IOException, InterruptedException {
        String source = """
                orc 5, 0, type=4, signal=1
                subq $40, %%rsp
                orc 0, 0, type=0
                pushq 72(%%rsp)
                pushq 72(%%rsp)
                pushq 72(%%rsp)
                pushq 72(%%rsp)
                pushq 72(%%rsp)
                orc 5, %d, type=4, signal=1
                nop""";
        assertEquals(new Counts(1, 0, 1, 0), verify(source.formatted(0)).instructions());
        assertEquals(new Counts(1, 1, 0, 0), verify(source.formatted(16)).instructions());
        assertEquals(new Counts(2, 0, 0, 0), verify(source.formatted(80)).instructions());
    }

    /** A switch to the interrupt stack: the old RSP is the first word of the new one, which cannot be followed. */
    @Test
    void stackSwitch() throws IOException, InterruptedException {
        Verification result = verify("""
                orc 5, 8
                movq %rsp, (%rdi)
                movq %rdi, %rsp
                orc 9, 8
                nop
                ret""");
        assertFalse(result.isContradicted());
        assertEquals(new Counts(2, 0, 2, 0), result.instructions());
    }

    /** A realigned function: BP - 16 holds the previous SP, BP the caller's BP. */
    @Test
    void realignedStack() throws IOException, InterruptedException {
        assertProved(
                """
                orc 5, 8
                leaq 8(%rsp), %r10
                andq $-32, %rsp
                pushq -8(%r10)
                pushq %rbp
                movq %rsp, %rbp
                pushq %r12
                pushq %r10
                orc 8, -16, bp_reg=4, bp_offset=0
                nop
                ret""".replace("andq $-32, %rsp\n", "orc 6, 0\nandq $-32, %rsp\n")
                        .replace("pushq %r12\n", "orc 6, 0, bp_reg=4, bp_offset=0\npushq %r12\n"),
                9,
                0);
    }

    /**
     * A linked kernel without symbols, where a region is what lies between two targets of calls: {@code die}, which does not return, is
     * followed by a function that nothing calls, whose return instruction lies in the same region. It says nothing of {@code die}: behind a
     * call of that lies another cold part, of another depth or of another function. Nothing behind a call is aligned, which would make it a
     * function.
     */
    @Test
    void returnOfTheNextFunction() throws IOException, InterruptedException {
        String source = FORMAT + """
                orc 5, 8
                call trace
                call one
                call two
                xorl %eax, %eax
                ret
                one: call trace
                testl %edi, %edi
                je .Lcold_of_one
                ret
                two: call trace
                testl %edi, %edi
                je .Lshallow_of_two
                pushq %rbx
                orc 5, 16
                testl %esi, %esi
                je .Ldeep_of_two
                .Lback:
                popq %rbx
                orc 5, 8
                ret
                .Lcold_of_one:
                call die
                .Lshallow_of_two:
                call die
                .Ldeep_of_two:
                orc 5, 16
                call log
                jmp .Lback
                die: orc 5, 8
                call trace
                pushq %rdi
                orc 5, 16
                call log
                ud2
                next: orc 5, 8
                ret
                log: ret
                trace: ret
                orc 0, 0, type=0
                """;
        try (Arena arena = Arena.ofConfined();
                Capstone capstone = Capstone.open()) {
            ElfFile elf = Assembled.shared(source, directory, arena);
            Verification result = OrcVerifier.verify(elf, OrcTable.of(elf, null), capstone);
            assertEquals(List.of(), result.findings());
            assertEquals(new Counts(28, 0, 0, 0), result.instructions());
        }
    }
}
