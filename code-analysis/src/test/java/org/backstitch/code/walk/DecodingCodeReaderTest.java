package org.backstitch.code.walk;

import static org.junit.jupiter.api.Assertions.assertEquals;

import java.lang.foreign.Arena;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import org.backstitch.elf.ElfFile;
import org.backstitch.elf.image.SlimElf;
import org.backstitch.unwind.CodeReader;
import org.backstitch.unwind.table.UnwindRule;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** A function with a call, and with an immediate operand whose last bytes look like one. */
class DecodingCodeReaderTest {
    /** At 0x1000: push %rbx; call 0x100e; mov $0xd0ff..., %eax (ending in ff d0, call *%rax); pop %rbx; ret; 0x100e: ret. */
    private static final String SOURCE = """
            .globl f
            .type f,@function
            f:
            CFI .cfi_startproc
            pushq %rbx
            call g
            movl $0xd0ff0000, %eax
            popq %rbx
            ret
            CFI .cfi_endproc
            .size f,.-f
            nop
            g: ret
            .section .note.GNU-stack,"",@progbits
            """;

    @TempDir
    Path directory;

    private CodeReader.Answer followsCall(String source, long vaddr) throws Exception {
        try (Arena arena = Arena.ofShared();
                DecodingCodeReader reader = new DecodingCodeReader(false)) {
            return reader.followsCall(ElfFile.map(assemble(source), arena), vaddr);
        }
    }

    private Path assemble(String source) throws Exception {
        Path input = directory.resolve("f.s");
        Path library = directory.resolve("f.so");
        Files.writeString(input, source);
        Process gcc = new ProcessBuilder(
                        "gcc", "-shared", "-nostdlib", "-Wl,-Ttext=0x1000", "-o", library.toString(), input.toString())
                .redirectErrorStream(true)
                .start();
        String output = new String(gcc.getInputStream().readAllBytes(), StandardCharsets.UTF_8);
        assertEquals(0, gcc.waitFor(), output);
        return library;
    }

    @Test
    void aTableTellsWhereInstructionsBegin() throws Exception {
        String source = SOURCE.replace("CFI ", "");
        assertEquals(CodeReader.Answer.YES, followsCall(source, 0x1006));
        assertEquals(CodeReader.Answer.NO, followsCall(source, 0x100b)); // the operand ends in ff d0
        assertEquals(CodeReader.Answer.NO, followsCall(source, 0x1001));
    }

    @Test
    void withoutOneAnyCallThatEndsThereCounts() throws Exception {
        String source = SOURCE.replaceAll("CFI .*\n", "");
        assertEquals(CodeReader.Answer.YES, followsCall(source, 0x1006));
        assertEquals(CodeReader.Answer.YES, followsCall(source, 0x100b));
        assertEquals(CodeReader.Answer.NO, followsCall(source, 0x100c));
        assertEquals(CodeReader.Answer.UNKNOWN, followsCall(source, 0x900000));
    }

    /** A slim copy has its sections, with holes in the place of code. */
    @Test
    void copiesWithoutCodeGetNoRulesAndNoAnswer() throws Exception {
        Path whole =
                assemble(SOURCE.replace("CFI ", "").replace("nop\n", ".rept 200\nlea 0x11111111(%rax), %rbx\n.endr\n"));
        Path slim = directory.resolve("slim.so");
        try (Arena arena = Arena.ofShared();
                DecodingCodeReader reader = new DecodingCodeReader(true)) {
            SlimElf.write(ElfFile.map(whole, arena), false, slim);
            ElfFile elf = ElfFile.map(slim, arena);
            assertEquals(UnwindRule.NONE, reader.makeRules(elf).rule(0x1006));
            assertEquals(
                    List.of(slim + ": a copy without its code: zeros are in the place of instructions (at offset 0x0)"),
                    reader.refusals());
            assertEquals(CodeReader.Answer.UNKNOWN, reader.followsCall(elf, 0x1030));
            assertEquals(CodeReader.Answer.YES, reader.followsCall(ElfFile.map(whole, arena), 0x1006));
        }
    }

    /** Where only pieces of a function are there, decoding from its start may miss where an instruction begins. */
    @Test
    void aCallBehindAHoleIsFoundByItself() throws Exception {
        String source = """
                .globl f
                .type f,@function
                f:
                .cfi_startproc
                ret
                .zero 100
                call g
                nop
                .cfi_endproc
                .size f,.-f
                g: ret
                .section .note.GNU-stack,"",@progbits
                """;
        // 1 + 100 bytes: zeros in pairs leave one over, which takes the call's e8 for its operand (add al, ch).
        assertEquals(CodeReader.Answer.YES, followsCall(source.replace("100", "101"), 0x1000 + 1 + 101 + 5));
        assertEquals(CodeReader.Answer.YES, followsCall(source, 0x1000 + 1 + 100 + 5));
    }

    @Test
    void rulesAreMadeIfTheyAreWanted() throws Exception {
        try (Arena arena = Arena.ofShared();
                DecodingCodeReader making = new DecodingCodeReader(true);
                DecodingCodeReader reading = new DecodingCodeReader(false)) {
            ElfFile elf = ElfFile.map(assemble(SOURCE.replaceAll("CFI .*\n", "")), arena);
            assertEquals(
                    "call rsp+16", UnwindRule.toString(making.makeRules(elf).rule(0x1006)));
            assertEquals(UnwindRule.NONE, reading.makeRules(elf).rule(0x1006));
        }
    }
}
