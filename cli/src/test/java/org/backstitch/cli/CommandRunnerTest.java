package org.backstitch.cli;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.OutputStream;
import java.nio.charset.StandardCharsets;
import java.nio.file.AccessDeniedException;
import java.nio.file.NoSuchFileException;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.function.Supplier;
import org.backstitch.bytes.MalformedInputException;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** Exit statuses and the one line on standard error, for whatever a command may do. */
class CommandRunnerTest {
    /** A command that does what the test says. */
    private record Walk(Body body) implements Subcommand {
        @Override
        public Syntax syntax() {
            return Syntax.of("Walks a file.")
                    .operand("FILE", "What to walk.")
                    .option("--max-stack", "N", "At most 100 % of N.")
                    .example("backstitch walk core", "walks it");
        }

        @Override
        public ExitStatus run(Arguments arguments, Session session) throws IOException {
            int maxStack = arguments.number("--max-stack", 0, 0, 9);
            session.out()
                    .append(arguments.all("FILE").getFirst())
                    .append(' ')
                    .decimal(maxStack)
                    .newline();
            return body.run(session);
        }
    }

    private interface Body {
        ExitStatus run(Session session) throws IOException;
    }

    private final ByteArrayOutputStream out = new ByteArrayOutputStream();
    private final ByteArrayOutputStream err = new ByteArrayOutputStream();

    private ExitStatus run(Body body, String... arguments) {
        return run(body, out, arguments);
    }

    private ExitStatus run(Body body, OutputStream stdout, String... arguments) {
        Map<String, Supplier<Subcommand>> commands = new LinkedHashMap<>();
        commands.put("walk", () -> new Walk(body));
        return new CommandRunner(commands, Session.of(stdout, err)).run(arguments);
    }

    private String out() {
        return out.toString(StandardCharsets.UTF_8);
    }

    private String err() {
        return err.toString(StandardCharsets.UTF_8);
    }

    private static ExitStatus done(Session session) {
        return ExitStatus.DONE;
    }

    @Test
    void commandGetsItsOptionsInAnyOrder() {
        assertEquals(ExitStatus.DONE, run(CommandRunnerTest::done, "walk", "--max-stack=5", "a.core"));
        assertEquals(ExitStatus.DONE, run(CommandRunnerTest::done, "walk", "b.core", "--max-stack", "6"));
        assertEquals("a.core 5\nb.core 6\n", out());
        assertEquals("", err());
    }

    @Test
    void fileNameThatBeginsWithAtIsAFileName() {
        assertEquals(ExitStatus.DONE, run(CommandRunnerTest::done, "walk", "@file"));
        assertEquals("@file 0\n", out());
    }

    @Test
    void contradictionIsTheCommandsOwnStatus() {
        assertEquals(
                3, run(_ -> ExitStatus.CONTRADICTION, "walk", "x").code(), "the status of verify, as CONTRADICTION");
    }

    @ParameterizedTest
    @CsvSource(
            delimiter = '|',
            value = {
                "walk                   | missing FILE (see backstitch walk --help)",
                "walk --bogus x         | unknown option '--bogus' (see backstitch walk --help)",
                "walk x y               | one argument too many: 'y' (see backstitch walk --help)",
                "walk --max-stack many x| option '--max-stack' needs a whole number, from 0 to 9: not 'many' (see backstitch walk --help)",
                "wlak x                 | no such command: 'wlak'; did you mean 'walk'? (see backstitch --help)",
                "fly x                  | no such command: 'fly' (see backstitch --help)",
                "--walk x               | unknown option '--walk' (see backstitch --help)",
                "help fly               | no such command: 'fly' (see backstitch --help)",
            })
    void wrongUsageIsOneLineAndAPointerToHelp(String commandLine, String complaint) {
        ExitStatus status = run(CommandRunnerTest::done, commandLine.split(" "));
        assertEquals("backstitch: " + complaint + "\n", err());
        assertEquals(2, status.code());
        assertEquals("", out());
    }

    @Test
    void noCommandAtAllIsWrongUsage() {
        assertEquals(2, run(CommandRunnerTest::done).code());
        assertEquals("backstitch: which command? (see backstitch --help)\n", err());
    }

    @Test
    void helpOfOneCommand() {
        assertEquals(ExitStatus.DONE, run(CommandRunnerTest::done, "walk", "--help"));
        String once = out();
        assertEquals("""
                Walks a file.
                Usage: backstitch walk [-h] [--max-stack=N] FILE

                      FILE            What to walk.
                      --max-stack=N   At most 100 % of N.
                  -h, --help          Show this help.

                Examples:
                  backstitch walk core
                      walks it
                """, once);
        out.reset();
        assertEquals(ExitStatus.DONE, run(CommandRunnerTest::done, "help", "walk"));
        assertEquals(once, out());
    }

    @Test
    void helpListsEveryCommand() {
        assertEquals(ExitStatus.DONE, run(CommandRunnerTest::done, "--help"));
        assertTrue(out().contains("  walk  Walks a file.\n"), out());
    }

    @Test
    void versionNamesTheReleaseOfTheBuild() {
        assertEquals(ExitStatus.DONE, run(CommandRunnerTest::done, "--version"));
        assertTrue(out().matches("backstitch \\d+\\.\\d+\\.\\d+\\S* \\(Java \\d+\\S*\\)\n"), out());
    }

    /** What a command throws, and the line that says so. */
    private void assertUnusable(String line, Body body) {
        ExitStatus status = run(body, "walk", "x");
        assertEquals("backstitch: " + line + "\n", err());
        assertEquals(1, status.code());
        assertEquals("x 0\n", out(), "what was found before the fault");
        err.reset();
        out.reset();
    }

    @Test
    void malformedInputNamesFileAndOffset() {
        assertUnusable("a.out: no ELF magic (at offset 0x1f)", _ -> {
            throw new MalformedInputException("a.out", 0x1f, "no ELF magic");
        });
    }

    @Test
    void hostileFileNameStaysOnTheLine() {
        assertUnusable("a\\x0ab\\x1b[31m: bad (at offset 0x0)", _ -> {
            throw new MalformedInputException("a\nb\u001b[31m", 0, "bad");
        });
    }

    @Test
    void filesThatCannotBeRead() {
        assertUnusable("a: no such file or directory", _ -> {
            throw new NoSuchFileException("a");
        });
        assertUnusable("a: permission denied", _ -> {
            throw new AccessDeniedException("a");
        });
        assertUnusable("a: is a directory", _ -> {
            throw new UnusableInputException("a", "is a directory");
        });
        assertUnusable("input/output error", _ -> {
            throw new IOException("Input/output error");
        });
    }

    @Test
    void faultsOfTheMachine() {
        assertUnusable("an input file was truncated while it was read", _ -> {
            throw new InternalError("a fault occurred in an unsafe memory access operation");
        });
        assertUnusable("not enough memory for this input; give more with BACKSTITCH_JAVA_OPTIONS=-Xmx4g", _ -> {
            throw new OutOfMemoryError("Java heap space");
        });
    }

    @Test
    void aDefectIsOneLineThatSaysWhere() {
        assertEquals(
                1,
                run(
                                _ -> {
                                    throw new IllegalStateException("oops\nand more");
                                },
                                "walk",
                                "x")
                        .code());
        assertTrue(
                err().matches("backstitch: a fault in backstitch itself \\(defect\\), please report it: "
                        + "IllegalStateException: oops\\\\x0aand more at .*CommandRunnerTest.*\n"),
                err());
    }

    /** A stream that refuses everything. */
    private static OutputStream refusing(String message) {
        return new OutputStream() {
            @Override
            public void write(int b) throws IOException {
                throw new IOException(message);
            }
        };
    }

    @Test
    void readerThatHasSeenEnoughEndsTheRunQuietly() {
        assertEquals(ExitStatus.DONE, run(CommandRunnerTest::done, refusing("Broken pipe"), "walk", "x"));
        assertEquals("", err());
    }

    @Test
    void fullDiskIsSaid() {
        assertEquals(
                ExitStatus.UNUSABLE, run(CommandRunnerTest::done, refusing("No space left on device"), "walk", "x"));
        assertEquals("backstitch: standard output: no space left on device\n", err());
    }
}
