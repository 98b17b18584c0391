package org.backstitch.cli;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import org.backstitch.fixtures.Fixtures;
import org.backstitch.fixtures.SyntheticElf;
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

    @Test
    void theRecordIsTheSame() {
        List<String> all = CommandRun.of("kernel", core, "--vmlinux", vmlinux, "--format=json")
                .out()
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
                CommandRun saved = CommandRun.of(
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
                assertEquals(ExitStatus.DONE, saved.status(), saved.err());
                assertTrue(saved.err().contains("the same chain from there"), saved.err());
                CommandRun shown = CommandRun.of("snapshot", copy, "--format", format);
                assertEquals(ExitStatus.DONE, shown.status(), shown.err());
                assertEquals(saved.out(), shown.out());
                if (format.equals("json")) {
                    assertEquals(record + "\n", saved.out());
                }
                kept++;
            }
        }
        assertTrue(kept >= 6, kept + " kept");
        String first = directory.resolve("first").toString();
        assertEquals(
                all.getFirst() + "\n",
                CommandRun.of("kernel", core, "--vmlinux", vmlinux, "--format=json", "--save-snapshot", first)
                        .out());
    }

    @Test
    void whatCannotBeKeptIsSaid() throws IOException {
        CommandRun none = CommandRun.of("kernel", core, "--vmlinux", vmlinux, "--task", "12345678");
        assertEquals(ExitStatus.UNUSABLE, none.status());
        assertEquals("backstitch: " + core + ": there is no task 12345678 in it\n", none.err());
        Path full = Files.createDirectory(directory.resolve("full"));
        Files.createFile(full.resolve("something"));
        CommandRun refused =
                CommandRun.of("kernel", core, "--vmlinux", vmlinux, "--task=1", "--save-snapshot", full.toString());
        assertEquals(ExitStatus.UNUSABLE, refused.status());
        assertEquals("backstitch: " + full + ": it exists already, and is not empty\n", refused.err());
        assertEquals("", refused.out(), "it is refused before anything is read");
        // A case of which a file is broken, or missing.
        Path copy = directory.resolve("copy");
        CommandRun.of("kernel", core, "--vmlinux", vmlinux, "--task=1", "--save-snapshot", copy.toString());
        Files.writeString(copy.resolve("orc.txt"), "nonsense\n");
        CommandRun broken = CommandRun.of("snapshot", copy.toString());
        assertEquals(ExitStatus.UNUSABLE, broken.status());
        assertEquals(1, broken.err().lines().count(), broken.err());
        Files.delete(copy.resolve("names.txt"));
        CommandRun missing = CommandRun.of("snapshot", copy.toString());
        assertEquals(ExitStatus.UNUSABLE, missing.status());
        assertEquals(1, missing.err().lines().count(), missing.err());
    }

    /** An ELF core of something else, such as a process: none of the kernel's memory is in it. */
    @Test
    void aCoreOfNoKernel() throws IOException {
        byte[] process =
                new SyntheticElf(4).segment(1, 4, 0x40_0000, new byte[64]).bytes();
        String other = Files.write(directory.resolve("other"), process).toString();
        CommandRun refused = CommandRun.of("kernel", other, "--vmlinux", vmlinux);
        assertEquals(ExitStatus.UNUSABLE, refused.status(), refused.err());
        assertEquals("", refused.out());
        assertEquals(
                "backstitch: " + other
                        + ": no task of the kernel is in it: not a dump of a kernel, or one without its memory\n",
                refused.err());
    }
}
