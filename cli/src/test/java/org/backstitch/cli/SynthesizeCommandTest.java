package org.backstitch.cli;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import org.backstitch.bytes.MalformedInputException;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** The synthesize command on a function of four instructions, with and without rows of its own. */
class SynthesizeCommandTest {
    private static final String SOURCE = """
            .globl save
            .type save,@function
            save:
            pushq %rbx
            movq %rdi, %rbx
            popq %rbx
            ret
            .size save,.-save
            .section .note.GNU-stack,"",@progbits
            """;

    private static final String CFI = """
            FDE 1000 1006
            1000 rsp+8 ra=c-8
            1001 rsp+16 rbx=c-16 ra=c-8
            1005 rsp+8 ra=c-8
            """;

    private static final String ORC = """
            1000 type:call sp:sp+8 bp:(und) signal:0
            1001 type:call sp:sp+16 bp:(und) signal:0
            1005 type:call sp:sp+8 bp:(und) signal:0
            1006 type:(und) sp:(und) bp:(und) signal:0
            """;

    private static final String DONE =
            "3 rows for 4 of 4 instructions reached (100.00 %, proved for 100.00 %), 4 in all; 1 functions, 0 not understood\n";

    private record Run(ExitStatus status, String out, String err) {}

    @TempDir
    private Path directory = Path.of("");

    private String assemble(String source) throws IOException, InterruptedException {
        Path input = directory.resolve("save.s");
        Path library = directory.resolve("save.so");
        Files.writeString(input, source);
        Process gcc = new ProcessBuilder(
                        "gcc", "-shared", "-nostdlib", "-Wl,-Ttext=0x1000", "-o", library.toString(), input.toString())
                .redirectErrorStream(true)
                .start();
        String output = new String(gcc.getInputStream().readAllBytes(), StandardCharsets.UTF_8);
        assertEquals(0, gcc.waitFor(), output);
        return library.toString();
    }

    private static Run run(Subcommand command, String... words) throws IOException {
        ByteArrayOutputStream out = new ByteArrayOutputStream();
        ByteArrayOutputStream err = new ByteArrayOutputStream();
        Session session = Session.of(out, err);
        ExitStatus status = command.run(command.syntax().parse(words), session);
        session.out().flush();
        return new Run(status, out.toString(StandardCharsets.UTF_8), err.toString(StandardCharsets.UTF_8));
    }

    private static Run synthesize(String... words) throws IOException {
        return run(new SynthesizeCommand(), words);
    }

    @Test
    void forms() throws IOException, InterruptedException {
        String library = assemble(SOURCE);
        assertEquals(new Run(ExitStatus.DONE, CFI, DONE), synthesize("--cfi", library));
        assertEquals(new Run(ExitStatus.DONE, CFI, DONE), synthesize("--cfi", "--proved", library));
        Run orc = synthesize("--orc", library);
        assertEquals(ORC, orc.out);
        assertEquals("3 rows, 0 that no ORC entry can say\n" + DONE, orc.err);
        assertEquals("""
                1000 1001 call rsp+8
                1001 1005 call rsp+16 rbx=c-16
                1005 1006 call rsp+8
                """, synthesize(library).out);
    }

    @Test
    void files() throws IOException, InterruptedException {
        String library = assemble(SOURCE);
        Path table = directory.resolve("table");
        Path elf = directory.resolve("rows.debug");
        Run written = synthesize("--cfi", "-o", table.toString(), "--elf", elf.toString(), library);
        assertEquals(new Run(ExitStatus.DONE, "", "wrote " + elf + "\n" + DONE + "wrote " + table + "\n"), written);
        assertEquals(CFI, Files.readString(table));
        assertEquals(CFI, run(new TablesCommand(), "--cfi", elf.toString()).out);
    }

    @Test
    void fromAndAgainstRowsThatAreThere() throws IOException, InterruptedException {
        String library = assemble(SOURCE.replace("save:\n", "save:\n.cfi_startproc\n")
                .replace("pushq %rbx\n", "pushq %rbx\n.cfi_def_cfa_offset 16\n.cfi_offset %rbx, -16\n")
                .replace("popq %rbx\n", "popq %rbx\n.cfi_def_cfa_offset 24\n") // wrong
                .replace("ret\n", "ret\n.cfi_endproc\n"));
        assertEquals(
                ORC.replace("1005 type:call sp:sp+8", "1005 type:call sp:sp+24"),
                synthesize("--from-cfi", library).out);
        Run compared = synthesize("--compare", library);
        assertEquals("1005 call rsp+24 (verify: contradicted); made: rsp+8\n", compared.out);
        assertTrue(compared.err.contains("3 equal, 0 of the same meaning, 1 different where proved"), compared.err);
        assertTrue(compared.err.contains("(verify contradicts the own row of 1)"), compared.err);
    }

    private static String summary(String file, String more) {
        return """
                {"summary":"%s","functions":1,"guessed":0,"not_understood":0,"rows":3,\
                "instructions":{"all":4,"reached":4,"covered":4,"proved":4}%s}
                """.formatted(file, more);
    }

    @Test
    void formsAsJson() throws IOException, InterruptedException {
        String library = assemble(SOURCE);
        assertEquals("""
                {"function":"1000","function_end":"1006","row":"1000","row_end":"1001","rule":"rsp+8 ra=c-8"}
                {"function":"1000","function_end":"1006","row":"1001","row_end":"1005","rule":"rsp+16 rbx=c-16 ra=c-8"}
                {"function":"1000","function_end":"1006","row":"1005","row_end":"1006","rule":"rsp+8 ra=c-8"}
                """ + summary(library, ""), synthesize("--cfi", "--format", "json", library).out);
        Run compiled = synthesize("--format", "json", library);
        assertEquals("""
                {"row":"1000","row_end":"1001","rule":"call rsp+8"}
                {"row":"1001","row_end":"1005","rule":"call rsp+16 rbx=c-16"}
                {"row":"1005","row_end":"1006","rule":"call rsp+8"}
                """ + summary(library, ""), compiled.out);
        assertEquals(DONE, compiled.err);
        assertEquals("""
                {"row":"1000","rule":"type:call sp:sp+8 bp:(und) signal:0"}
                {"row":"1001","rule":"type:call sp:sp+16 bp:(und) signal:0"}
                {"row":"1005","rule":"type:call sp:sp+8 bp:(und) signal:0"}
                {"row":"1006","rule":"type:(und) sp:(und) bp:(und) signal:0"}
                """ + summary(library, ",\"refused\":{}"), synthesize("--orc", "--format", "json", library).out);
    }

    @Test
    void filesAsJson() throws IOException, InterruptedException {
        String library = assemble(SOURCE);
        Path table = directory.resolve("table");
        Path elf = directory.resolve("rows.debug");
        Run written = synthesize("--cfi", "--format", "json", "-o", table.toString(), "--elf", elf.toString(), library);
        assertEquals("", written.out);
        String lines = Files.readString(table);
        assertTrue(lines.endsWith("\n" + summary(library, ",\"elf\":\"" + elf + "\"")), lines);
        assertEquals(CFI, run(new TablesCommand(), "--cfi", elf.toString()).out);
    }

    /** The source with rows of its own, of which that behind the push says what is given. */
    private static String withRows(String directive) {
        return SOURCE.replace("save:\n", "save:\n.cfi_startproc\n")
                .replace("pushq %rbx\n", "pushq %rbx\n" + directive + "\n")
                .replace("popq %rbx\n", "popq %rbx\n.cfi_def_cfa %rsp, 8\n")
                .replace("ret\n", "ret\n.cfi_endproc\n");
    }

    private static String compared(int different, int contradicted, int foreign) {
        return """
                ,"compared":{"equal":2,"equivalent":0,"different":%d,"contradicted":%d,"different_unproved":0,\
                "foreign":%d,"missing":0,"unreached":0}""".formatted(different, contradicted, foreign);
    }

    @Test
    void comparedAsJson() throws IOException, InterruptedException {
        String wrong = assemble(withRows(".cfi_def_cfa %rsp, 24"));
        assertEquals("""
                {"ip":"1001","rule":"call rsp+24","verdict":"contradicted","made":"rsp+16 rbx=c-16","proved":true,"foreign":false}
                {"ip":"1004","rule":"call rsp+24","verdict":"contradicted","made":"rsp+16 rbx=c-16","proved":true,"foreign":false}
                """ + summary(wrong, compared(2, 2, 0)), synthesize("--compare", "--format", "json", wrong).out);
        // From another register than those that made rows are by: nothing to compare.
        String foreign = assemble(withRows(".cfi_def_cfa %r12, 16"));
        assertEquals(
                """
                {"ip":"1001","rule":"call r12+16","verdict":null,"made":"rsp+16 rbx=c-16","proved":true,"foreign":true}
                {"ip":"1004","rule":"call r12+16","verdict":null,"made":"rsp+16 rbx=c-16","proved":true,"foreign":true}
                """ + summary(foreign, compared(0, 0, 2)), synthesize("--compare", "--format", "json", foreign).out);
    }

    @Test
    void convertedAsJson() throws IOException, InterruptedException {
        String library = assemble(withRows(".cfi_def_cfa %r12, 16")); // no ORC entry can say this
        assertEquals("""
                {"row":"1000","rule":"type:call sp:sp+8 bp:(und) signal:0"}
                {"row":"1001","rule":"type:(und) sp:(und) bp:(und) signal:0"}
                {"row":"1005","rule":"type:call sp:sp+8 bp:(und) signal:0"}
                {"row":"1006","rule":"type:(und) sp:(und) bp:(und) signal:0"}
                {"summary":"%s","rows":3,"refused":{"CFA from another register than RSP and RBP":1}}
                """.formatted(library), synthesize("--from-cfi", "--format", "json", library).out);
    }

    /** The code of an object has no addresses: its rows are ORC entries, by section. */
    @Test
    void relocatable() throws IOException, InterruptedException {
        Path input = directory.resolve("save.s");
        Path object = directory.resolve("save.o");
        Files.writeString(input, SOURCE);
        Process as = new ProcessBuilder("as", "-o", object.toString(), input.toString()).start();
        assertEquals(0, as.waitFor());
        Run made = synthesize(object.toString());
        assertEquals(ORC.replace("100", ".text+"), made.out);
        assertEquals(made.out, synthesize("--orc", object.toString()).out);
        assertEquals(
                """
                {"section":".text","row":"0","rule":"type:call sp:sp+8 bp:(und) signal:0"}
                {"section":".text","row":"1","rule":"type:call sp:sp+16 bp:(und) signal:0"}
                {"section":".text","row":"5","rule":"type:call sp:sp+8 bp:(und) signal:0"}
                {"section":".text","row":"6","rule":"type:(und) sp:(und) bp:(und) signal:0"}
                """ + summary(object.toString(), ",\"refused\":{}"),
                synthesize("--format", "json", object.toString()).out);
        for (String form : new String[] {"--cfi", "--compiled"}) {
            assertThrows(UnusableInputException.class, () -> synthesize(form, object.toString()));
        }
        assertThrows(UnusableInputException.class, () -> synthesize("--elf", "x", object.toString()));
    }

    @Test
    void wrongUsageAndUnusableFiles() throws IOException, InterruptedException {
        String library = assemble(SOURCE);
        assertThrows(UsageException.class, () -> synthesize("--cfi", "--orc", library));
        assertThrows(UsageException.class, () -> synthesize("--from-cfi", "--elf", "x", library));
        assertThrows(UsageException.class, () -> synthesize("--format", "xml", library));
        assertThrows(UnusableInputException.class, () -> synthesize("--from-cfi", library));
        assertThrows(
                MalformedInputException.class,
                () -> synthesize(directory.resolve("save.s").toString()));
    }
}
