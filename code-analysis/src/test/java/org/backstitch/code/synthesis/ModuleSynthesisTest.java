package org.backstitch.code.synthesis;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertNotNull;
import static org.junit.jupiter.api.Assertions.assertThrows;

import java.io.IOException;
import java.lang.foreign.Arena;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import org.backstitch.code.capstone.Capstone;
import org.backstitch.code.stack.Assembled;
import org.backstitch.code.verify.Verdict;
import org.backstitch.elf.ElfFile;
import org.backstitch.elf.orc.OrcTable;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** Rows for kernel modules, which are relocatable, against rows derived by hand. */
class ModuleSynthesisTest {
    /** What tells a module of a kernel with ORC from other relocatable files. */
    private static final String KERNEL = ".section .orc_unwind,\"a\",@progbits\n.text\n";

    @TempDir
    Path directory;

    private List<String> orc(String source, boolean onlyProved) throws IOException, InterruptedException {
        try (Arena arena = Arena.ofShared();
                Capstone capstone = Capstone.open()) {
            ElfFile elf = Assembled.object(source, directory, arena);
            Synthesis made = Synthesizer.synthesize(elf, capstone, null, onlyProved);
            List<String> lines = new ArrayList<>();
            Map<String, Integer> refused = made.rows().orc((address, entry) -> {
                String section = elf.sections().get((int) (address >>> 32)).name();
                lines.add("%s+%x %s".formatted(section, address & 0xffff_ffffL, entry));
            });
            assertEquals(Map.of(), refused);
            assertThrows(IllegalStateException.class, made::elf);
            return lines;
        }
    }

    private static String call(String place, String sp) {
        return place + " type:call sp:" + sp + " bp:(und) signal:0";
    }

    private static String gap(String place) {
        return place + " type:(und) sp:(und) bp:(und) signal:0";
    }

    /** The call that traces a function returns, its return is a jump, and one way is only taken when the code is patched. */
    @Test
    void whatKernelsDo() throws IOException, InterruptedException {
        String source = KERNEL + """
                .type f,@function
                f:  call __fentry__
                    push %rbx
                .Lpatched:
                    .byte 0x0f,0x1f,0x44,0x00,0x00
                    pop %rbx
                    jmp __x86_return_thunk
                .Lslow:
                    call trace
                    pop %rbx
                    jmp __x86_return_thunk
                .size f,.-f
                .section __jump_table,"aw",@progbits
                    .long .Lpatched - ., .Lslow - .
                    .quad 0
                """;
        List<String> expected = List.of(
                call(".text+0", "sp+8"),
                call(".text+6", "sp+16"),
                call(".text+c", "sp+8"),
                call(".text+11", "sp+16"),
                call(".text+17", "sp+8"),
                gap(".text+1c"));
        assertEquals(expected, orc(source, false));
        assertEquals(expected, orc(source, true));
    }

    /** A part of a function ends with a call that may not return; behind it lies a part of another one, with another frame. */
    @Test
    void partsOfFunctionsAreKeptApart() throws IOException, InterruptedException {
        String source = KERNEL + """
                .type f,@function
                f:  push %rbx
                    test %edi, %edi
                    jne f.cold
                    pop %rbx
                    ret
                .size f,.-f
                .type g,@function
                g:  sub $24, %rsp
                    test %edi, %edi
                    jne g.cold
                .Lback:
                    add $24, %rsp
                    ret
                .size g,.-g
                .section .text.unlikely,"ax",@progbits
                .type f.cold,@function
                f.cold: call perhaps
                .size f.cold,.-f.cold
                .type g.cold,@function
                g.cold: call note
                    jmp .Lback
                .size g.cold,.-g.cold
                """;
        assertEquals(
                List.of(
                        call(".text+0", "sp+8"),
                        call(".text+1", "sp+16"),
                        call(".text+a", "sp+8"),
                        call(".text+f", "sp+32"),
                        call(".text+1b", "sp+8"),
                        gap(".text+1c"),
                        call(".text.unlikely+0", "sp+16"),
                        call(".text.unlikely+5", "sp+32"),
                        gap(".text.unlikely+f")),
                orc(source, true));
    }

    /** In the format of Linux 6.4: SP offset, BP offset, then SP's register (5 is SP), BP's, the type (2 is call), the signal bit. */
    @Test
    void comparesWithTheModulesOwn() throws IOException, InterruptedException {
        String source = """
                .macro orc sp_offset
                .Lip\\@:
                .pushsection .orc_unwind_ip,"a",@progbits
                .long .Lip\\@ - .
                .popsection
                .pushsection .orc_unwind,"a",@progbits
                .short \\sp_offset, 0, 5 | (2 << 8)
                .popsection
                .endm
                .section .orc_header,"a",@progbits
                .byte 0xfe,0x5d,0x32,0xbf,0x58,0x1b,0xd6,0x3b,0x2c,0xa9,0xa5,0xc6,0x5b,0xa5,0xa6,0x25,0xea,0xb3,0xfe,0x24
                .text
                .type f,@function
                f:  orc 8
                    push %rbx
                    orc 16
                    nop
                    pop %rbx
                    orc 16
                    ret
                .size f,.-f
                """;
        try (Arena arena = Arena.ofShared();
                Capstone capstone = Capstone.open()) {
            ElfFile elf = Assembled.object(source, directory, arena);
            OwnTable own = OwnTable.of(elf, OrcTable.of(elf, null));
            Comparison comparison =
                    Synthesizer.synthesize(elf, capstone, own, false).comparison();
            assertNotNull(comparison);
            assertEquals(3, comparison.equal());
            assertEquals(1, comparison.different());
            assertEquals(1, comparison.contradicted());
            Difference difference = comparison.differences().getFirst();
            assertEquals(3, difference.address() & 0xffff_ffffL);
            assertEquals(Verdict.CONTRADICTED, difference.verdict());
            assertEquals("call rsp+16 (verify: contradicted); made: rsp+8", difference.toString());
        }
    }
}
