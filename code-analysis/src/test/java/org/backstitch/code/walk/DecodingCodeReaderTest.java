package org.backstitch.code.walk;

import static org.junit.jupiter.api.Assertions.assertEquals;

import java.lang.foreign.Arena;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import org.backstitch.elf.ElfFile;
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
