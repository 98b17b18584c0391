package org.backstitch.cli;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** The verify command on a function whose rows are right, and on one whose second row is missing. */
class VerifyCommandTest {
    private static final String SOURCE = """
            .globl save
            .type save,@function
            save:
            .cfi_startproc
            pushq %rbx
            DIRECTIVES
            movq %rdi, %rbx
            popq %rbx
            .cfi_def_cfa_offset 8
            .cfi_restore %rbx
            ret
            .cfi_endproc
            .size save,.-save
            .section .note.GNU-stack,"",@progbits
            """;

    private static final String RIGHT = ".cfi_def_cfa_offset 16\n.cfi_offset %rbx, -16";

    private record Run(ExitStatus status, String out, String err) {}

    @TempDir
    private Path directory = Path.of("");

    private Path assemble(String directives) throws IOException, InterruptedException {
        Path source = directory.resolve("save.s");
        Path library = directory.resolve("save.so");
        Files.writeString(source, SOURCE.replace("DIRECTIVES", directives));
        Process gcc = new ProcessBuilder(
                        "gcc", "-shared", "-nostdlib", "-Wl,-Ttext=0x1000", "-o", library.toString(), source.toString())
                .redirectErrorStream(true)
                .start();
        String output = new String(gcc.getInputStream().readAllBytes(), StandardCharsets.UTF_8);
        assertEquals(0, gcc.waitFor(), output);
        return library;
    }

    private static Run verify(String... words) throws IOException {
        ByteArrayOutputStream out = new ByteArrayOutputStream();
        ByteArrayOutputStream err = new ByteArrayOutputStream();
        VerifyCommand command = new VerifyCommand();
        Session session = Session.of(out, err);
        ExitStatus status = command.run(command.syntax().parse(words), session);
        session.out().flush();
        return new Run(status, out.toString(StandardCharsets.UTF_8), err.toString(StandardCharsets.UTF_8));
    }

    @Test
    void rightRows() throws IOException, InterruptedException {
        Run run = verify(assemble(RIGHT).toString());
        assertEquals(ExitStatus.DONE, run.status);
        assertEquals("", run.out);
        assertEquals("3 rows: 3 proved, 0 contradicted, 0 undecided; 100.000 % of 4 instructions decided\n", run.err);
    }

    @Test
    void missingRow() throws IOException, InterruptedException {
        Run run = verify(assemble("").toString());
        assertEquals(ExitStatus.CONTRADICTION, run.status);
        assertEquals("""
                contradicted at 1001 <save+0x1>
                  row    1000..1005  rsp+8 ra=c-8  (function 1000..1006)
                  claim  CFA = rsp+8, which is CFA-8
                  state  rsp=CFA-16 [CFA-8]=return-address [CFA-16]=initial-rbx
                  code   1000  push rbx
                  code > 1001  mov rbx, rdi
                """, run.out);
    }

    @Test
    void asJson() throws IOException, InterruptedException {
        Path library = assemble("");
        Run run = verify("--format", "json", library.toString());
        assertEquals(ExitStatus.CONTRADICTION, run.status);
        assertEquals("""
                {"verdict":"contradicted","ip":"1001","sym":"save","off":1,"function":"1000","function_end":"1006",\
                "row":"1000","row_end":"1005","rule":"rsp+8 ra=c-8","subject":"CFA","claim":"rsp+8","found":"CFA-8",\
                "state":"rsp=CFA-16 [CFA-8]=return-address [CFA-16]=initial-rbx","assumed":false,\
                "code":[{"ip":"1000","text":"push rbx"},{"ip":"1001","text":"mov rbx, rdi"}]}
                {"summary":"%s","table":".eh_frame","functions":1,\
                "rows":{"proved":1,"contradicted":1,"undecided":0,"unreached":0},\
                "instructions":{"proved":2,"contradicted":2,"undecided":0,"unreached":0},\
                "padding":0,"assumed_entries":0,"assumed_instructions":0,"unknown_instructions":0,\
                "unresolved_jumps":0,"malformed_entries":0}
                """.formatted(library), run.out);
    }

    @Test
    void nothingToVerify() throws IOException, InterruptedException {
        Path library = assemble(RIGHT);
        assertTrue(assertThrows(
                        UnusableInputException.class, () -> verify("--section", ".debug_frame", library.toString()))
                .toString()
                .contains("no section .debug_frame"));
        assertThrows(UsageException.class, () -> verify("--kernel-release", "x", library.toString()));
    }
}
