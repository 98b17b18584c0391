package org.backstitch.code.verify;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.lang.foreign.Arena;
import java.nio.file.Path;
import java.util.List;
import org.backstitch.code.capstone.Capstone;
import org.backstitch.code.stack.Assembled;
import org.backstitch.elf.ElfFile;
import org.backstitch.elf.dwarf.CallFrameInfo;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/**
 * Small functions whose rows are derived by hand from their instructions. Each is written once with its right directives, all of whose
 * rows must be proved, and with wrong ones, which must be found where they are wrong.
 */
class HandWrittenCasesTest {
    @TempDir
    Path directory;

    private Verification verify(String source) throws IOException, InterruptedException {
        try (Arena arena = Arena.ofConfined();
                Capstone capstone = Capstone.open()) {
            ElfFile elf = Assembled.shared(source, directory, arena);
            return CfiVerifier.verify(elf, CallFrameInfo.of(elf).orElseThrow(), capstone);
        }
    }

    private static String function(String body) {
        return ".globl f\n.type f,@function\nf:\n.cfi_startproc\n" + body + "\n.cfi_endproc\n";
    }

    private void assertProved(String body, int instructions) throws IOException, InterruptedException {
        Verification result = verify(function(body));
        assertEquals(List.of(), result.findings(), "nothing to report");
        assertEquals(new Counts(instructions, 0, 0, 0), result.instructions());
        assertEquals(0, result.assumedInstructions());
    }

    /** Verifies; the only finding must be a contradiction, whose code ends with {@code instruction}. */
    private Finding assertContradicted(String body, String instruction, String subject, String found)
            throws IOException, InterruptedException {
        Verification result = verify(function(body));
        assertTrue(result.isContradicted());
        Finding finding = result.findings().getFirst();
        assertEquals(Verdict.CONTRADICTED, finding.verdict());
        assertEquals(instruction, finding.code().getLast().text());
        assertEquals(subject, finding.subject());
        assertEquals(found, finding.found());
        return finding;
    }

    /** The frame of the psABI's figure 3.3: RBP chain, saves by push, leave. */
    @Test
    void framePointer() throws IOException, InterruptedException {
        assertProved("""
                endbr64
                pushq %rbp
                .cfi_def_cfa_offset 16
                .cfi_offset %rbp, -16
                movq %rsp, %rbp
                .cfi_def_cfa_register %rbp
                pushq %rbx
                .cfi_offset %rbx, -24
                subq $24, %rsp
                movq %rdi, %rbx
                movq -8(%rbp), %rbx
                .cfi_restore %rbx
                leave
                .cfi_def_cfa %rsp, 8
                .cfi_restore %rbp
                ret""", 9);
    }

    @Test
    void missingAdvanceBehindPush() throws IOException, InterruptedException {
        Finding finding = assertContradicted("""
                pushq %rbx
                movq %rdi, %rbx
                .cfi_def_cfa_offset 16
                .cfi_offset %rbx, -16
                popq %rbx
                .cfi_def_cfa_offset 8
                .cfi_restore %rbx
                ret""", "mov rbx, rdi", "CFA", "CFA-8");
        assertEquals("rsp+8", finding.claim());
        assertEquals("rsp+8 ra=c-8", finding.rule());
        assertEquals(
                List.of("push rbx", "mov rbx, rdi"),
                finding.code().stream().map(Finding.Line::text).toList());
        assertTrue(finding.state().contains("rsp=CFA-16"), finding.state());
    }

    @Test
    void wrongSlot() throws IOException, InterruptedException {
        assertContradicted("""
                pushq %rbp
                .cfi_def_cfa_offset 16
                .cfi_offset %rbp, -16
                pushq %rbx
                .cfi_def_cfa_offset 24
                .cfi_offset %rbx, -16
                xorl %ebx, %ebx
                popq %rbx
                .cfi_def_cfa_offset 16
                .cfi_restore %rbx
                popq %rbp
                .cfi_def_cfa_offset 8
                .cfi_restore %rbp
                ret""", "xor ebx, ebx", "rbx", "initial rbp");
    }

    /**
     * A word or a vector that an unrolled loop would write over a saved register, if the array below it were larger than it is: no
     * contradiction, for that turn is never taken.
     */
    @Test
    void savedRegisterOverwritten() throws IOException, InterruptedException {
        String body = """
                pushq %rbx
                .cfi_def_cfa_offset 16
                .cfi_offset %rbx, -16
                movl %edi, %ebx
                subq $16, %rsp
                .cfi_def_cfa_offset 32
                cmpl $32, %ebx
                je .Lshort
                STORE
                nop
                .Lshort:
                addq $16, %rsp
                .cfi_def_cfa_offset 16
                popq %rbx
                .cfi_def_cfa_offset 8
                .cfi_restore %rbx
                ret""";
        for (String store : List.of("movaps %xmm0, 8(%rsp)", "movl $0, 16(%rsp)", "movb $0, 20(%rsp)")) {
            // From the nop on; where the ways meet the register may be lost.
            assertEquals(
                    new Counts(6, 0, 4, 0),
                    verify(function(body.replace("STORE", store))).instructions(),
                    store);
        }
    }

    /** Once the register is restored its slot is free, and the row must not say any more that it is there. */
    @Test
    void slotUsedAgain() throws IOException, InterruptedException {
        assertContradicted("""
                pushq %rbx
                .cfi_def_cfa_offset 16
                .cfi_offset %rbx, -16
                movl %edi, %ebx
                movq (%rsp), %rbx
                movl $0, (%rsp)
                nop
                addq $8, %rsp
                .cfi_def_cfa_offset 8
                .cfi_restore %rbx
                ret""", "nop", "rbx", "other");
    }

    /** A register that the function destroys without having saved it, as helpers of hand-written assembly do. */
    @Test
    void registerDestroyed() throws IOException, InterruptedException {
        assertContradicted("movl $1, %r12d\nnop\nret", "nop", "r12", "1");
    }

    /** The red zone (psABI §3.2.2): a leaf saves below RSP without moving it. */
    @Test
    void redZone() throws IOException, InterruptedException {
        assertProved("""
                movq %rbx, -8(%rsp)
                .cfi_offset %rbx, -16
                movq %rdi, %rbx
                movq -8(%rsp), %rbx
                .cfi_restore %rbx
                ret""", 4);
    }

    /** A callee owns what lies below RSP, so what was saved there is gone behind a call. */
    @Test
    void redZoneBehindCall() throws IOException, InterruptedException {
        assertContradicted("""
                movq %rbx, -16(%rsp)
                .cfi_offset %rbx, -24
                movq %rdi, %rbx
                call *%rsi
                nop
                movq %rbx, %rax
                ret""", "nop", "rbx", "other");
    }

    /** What GCC emits for over-aligned variables: the CFA is saved, and found again by an expression (RBP - 8, dereferenced). */
    @Test
    void realignedStack() throws IOException, InterruptedException {
        assertProved("""
                leaq 8(%rsp), %r10
                .cfi_def_cfa %r10, 0
                andq $-32, %rsp
                pushq -8(%r10)
                pushq %rbp
                movq %rsp, %rbp
                .cfi_escape 0x10,0x6,0x2,0x76,0
                pushq %r10
                .cfi_escape 0xf,0x3,0x76,0x78,0x6
                subq $40, %rsp
                call *%rdi
                addq $40, %rsp
                popq %r10
                .cfi_def_cfa %r10, 0
                popq %rbp
                .cfi_restore %rbp
                leaq -8(%r10), %rsp
                .cfi_def_cfa %rsp, 8
                ret""", 13);
    }

    @Test
    void realignedStackWithWrongSlot() throws IOException, InterruptedException {
        assertContradicted("""
                leaq 8(%rsp), %r10
                .cfi_def_cfa %r10, 0
                andq $-32, %rsp
                pushq -8(%r10)
                pushq %rbp
                movq %rsp, %rbp
                .cfi_escape 0x10,0x6,0x2,0x76,0
                pushq %r10
                .cfi_escape 0xf,0x3,0x76,0x70,0x6
                nop
                popq %r10
                .cfi_def_cfa %r10, 0
                popq %rbp
                .cfi_restore %rbp
                leaq -8(%r10), %rsp
                .cfi_def_cfa %rsp, 8
                ret""", "nop", "CFA", "other");
    }

    /** A large frame is probed page by page; RSP is known again when it has met R11. */
    @Test
    void stackProbeLoop() throws IOException, InterruptedException {
        assertProved("""
                leaq -0x8000(%rsp), %r11
                .cfi_def_cfa %r11, 0x8008
                .Lprobe:
                subq $0x1000, %rsp
                orq $0, (%rsp)
                cmpq %r11, %rsp
                jne .Lprobe
                .cfi_def_cfa_register %rsp
                subq $16, %rsp
                .cfi_def_cfa_offset 0x8018
                addq $0x8010, %rsp
                .cfi_def_cfa_offset 8
                ret""", 8);
    }

    /** enter and xchg, which compilers do not use any more. */
    @Test
    void enterAndExchange() throws IOException, InterruptedException {
        assertProved("""
                enter $16, $0
                .cfi_def_cfa %rbp, 16
                .cfi_offset %rbp, -16
                xchgq %rsp, %rax
                xchgq %rax, %rsp
                leave
                .cfi_def_cfa %rsp, 8
                .cfi_restore %rbp
                ret""", 5);
    }

    /** Paths that meet with different frames: no row can be right, and it is not said which path is wrong. */
    @Test
    void pathsDisagree() throws IOException, InterruptedException {
        Verification result = verify(function("""
                testl %edi, %edi
                je .Lshort
                pushq %rbx
                .cfi_def_cfa_offset 16
                .Lshort:
                nop
                ret"""));
        assertFalse(result.isContradicted());
        assertEquals(new Counts(3, 0, 2, 0), result.instructions());
        assertEquals("unknown", result.findings().getFirst().found());
    }

    /** A table of 32-bit distances, as GCC and Clang make for a switch in position-independent code; one case needs its own frame. */
    @Test
    void jumpTable() throws IOException, InterruptedException {
        assertProved("""
                cmpl $2, %edi
                ja .Lother
                movl %edi, %edi
                leaq .Ltable(%rip), %rdx
                movslq (%rdx,%rdi,4), %rax
                addq %rdx, %rax
                jmp *%rax
                .Lone: pushq %rbx
                .cfi_def_cfa_offset 16
                .cfi_offset %rbx, -16
                popq %rbx
                .cfi_def_cfa_offset 8
                .cfi_restore %rbx
                ret
                .Ltwo: movl $2, %eax
                ret
                .Lother: xorl %eax, %eax
                ret
                .section .rodata
                .align 4
                .Ltable: .long .Lother-.Ltable, .Lone-.Ltable, .Ltwo-.Ltable
                .long 0x12345678
                .text""", 14);
    }

    /** Behind a call that ends the process lies another path's code. */
    @Test
    void callThatDoesNotReturn() throws IOException, InterruptedException {
        assertProved("""
                testl %edi, %edi
                je .Lfine
                subq $8, %rsp
                .cfi_def_cfa_offset 16
                call .Ldie
                .Lfine:
                .cfi_def_cfa_offset 8
                ret
                .cfi_endproc
                .Ldie:
                .cfi_startproc
                movl $231, %eax
                movl $1, %edi
                syscall
                hlt""", 8);
    }

    /** A cold part is entered in the middle of its function: its state comes from the jump. */
    @Test
    void coldPart() throws IOException, InterruptedException {
        String body = """
                pushq %%rbx
                .cfi_def_cfa_offset 16
                .cfi_offset %%rbx, -16
                testl %%edi, %%edi
                js .Lcold
                popq %%rbx
                .cfi_def_cfa_offset 8
                .cfi_restore %%rbx
                ret
                .cfi_endproc
                .section .text.unlikely,"ax",@progbits
                .cfi_startproc
                .cfi_def_cfa_offset %d
                .cfi_offset %%rbx, -16
                .Lcold:
                nop
                ud2""";
        assertProved(body.formatted(16), 7);
        assertContradicted(body.formatted(24), "nop", "CFA", "CFA+8");
    }

    /** Rows behind a change of the stack describe another one: neither proved nor contradicted. */
    @Test
    void anotherStack() throws IOException, InterruptedException {
        Verification result = verify(function("movq (%rdi), %rsp\nnop\nret"));
        assertEquals(new Counts(1, 0, 2, 0), result.instructions());
    }

    /** {@code .cfi_undefined %rip} says that nobody called; nothing else is claimed then. */
    @Test
    void outermost() throws IOException, InterruptedException {
        assertProved(".cfi_undefined %rip\nxorl %ebp, %ebp\nandq $-16, %rsp\nhlt", 3);
    }
}
