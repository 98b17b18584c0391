package org.backstitch.cli;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import org.backstitch.fixtures.Fixtures;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** A task of a dump, kept and printed again: the same record, byte for byte. */
class SaveKernelSnapshotTest {
    @TempDir
    private Path directory;

    private String core = "";
    private String vmlinux = "";

    @BeforeEach
    void unpack() throws IOException {
        core = Files.write(directory.resolve("core"), Fixtures.bytes("dump/v612-nmi.core.xz"))
                .toString();
        vmlinux = Files.write(directory.resolve("vmlinux"), Fixtures.bytes("dump/vmlinux-6.12.xz"))
                .toString();
    }

    private record Result(ExitStatus status, String out, String err) {}

    private static Result run(String... arguments) {
        ByteArrayOutputStream out = new ByteArrayOutputStream();
        ByteArrayOutputStream err = new ByteArrayOutputStream();
        ExitStatus status = new CommandRunner(Subcommands.all(), Session.of(out, err)).run(arguments);
        return new Result(status, out.toString(StandardCharsets.UTF_8), err.toString(StandardCharsets.UTF_8));
    }

    @Test
    void theRecordIsTheSame() {
        List<String> all = run("kernel", core, "--vmlinux", vmlinux, "--format=json")
                .out
                .lines()
                .toList();
        assertTrue(all.size() > 50);
        int kept = 0;
        for (String pid : List.of("0", "1", "2", "100")) {
            String record = all.stream()
                    .filter(line -> line.startsWith("{\"pid\":" + pid + ","))
                    .findFirst()
                    .orElse("");
            if (record.isEmpty()) {
                continue;
            }
            for (String format : List.of("json", "text")) {
                String copy = directory.resolve(format + pid).toString();
                Result saved = run(
                        "kernel",
                        core,
                        "--vmlinux",
                        vmlinux,
                        "--format",
                        format,
                        "--task",
                        pid,
                        "--save-snapshot",
                        copy);
                assertEquals(ExitStatus.DONE, saved.status, saved.err);
                assertTrue(saved.err.contains("the same chain from there"), saved.err);
                Result shown = run("snapshot", copy, "--format", format);
                assertEquals(ExitStatus.DONE, shown.status, shown.err);
                assertEquals(saved.out, shown.out);
                if (format.equals("json")) {
                    assertEquals(record + "\n", saved.out);
                }
                kept++;
            }
        }
        assertTrue(kept >= 6, kept + " kept");
        String first = directory.resolve("first").toString();
        assertEquals(
                all.getFirst() + "\n",
                run("kernel", core, "--vmlinux", vmlinux, "--format=json", "--save-snapshot", first).out);
    }

    @Test
    void whatCannotBeKeptIsSaid() throws IOException {
        Result none = run("kernel", core, "--vmlinux", vmlinux, "--task", "12345678");
        assertEquals(ExitStatus.UNUSABLE, none.status);
        assertEquals("backstitch: task 12345678: there is no such task in it\n", none.err);
        Path full = Files.createDirectory(directory.resolve("full"));
        Files.createFile(full.resolve("something"));
        Result refused = run("kernel", core, "--vmlinux", vmlinux, "--task=1", "--save-snapshot", full.toString());
        assertEquals(ExitStatus.UNUSABLE, refused.status);
        assertEquals(1, refused.err.lines().count(), refused.err);
        // A case of which a file is broken, or missing.
        Path copy = directory.resolve("copy");
        run("kernel", core, "--vmlinux", vmlinux, "--task=1", "--save-snapshot", copy.toString());
        Files.writeString(copy.resolve("orc.txt"), "nonsense\n");
        Result broken = run("snapshot", copy.toString());
        assertEquals(ExitStatus.UNUSABLE, broken.status);
        assertEquals(1, broken.err.lines().count(), broken.err);
        Files.delete(copy.resolve("names.txt"));
        Result missing = run("snapshot", copy.toString());
        assertEquals(ExitStatus.UNUSABLE, missing.status);
        assertEquals(1, missing.err.lines().count(), missing.err);
    }
}
