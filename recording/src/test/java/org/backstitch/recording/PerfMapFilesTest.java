package org.backstitch.recording;

import static org.junit.jupiter.api.Assertions.assertEquals;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Optional;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicLong;
import org.backstitch.elf.image.FileTree;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class PerfMapFilesTest {
    @TempDir
    private Path root;

    @Test
    void theDirectoryIsReadForAllProcessesAndAfterAWhileAgain() throws IOException {
        Path directory = Files.createDirectories(root.resolve("tmp"));
        Path one = Files.createFile(directory.resolve("perf-1.map"));
        Files.createFile(directory.resolve("perf-1.map.old"));
        Files.createDirectory(directory.resolve("perf-5.map"));
        AtomicLong now = new AtomicLong(-7);
        PerfMapFiles files = new PerfMapFiles(FileTree.under(root), now::get);
        assertEquals(Optional.of(one), files.of(1));
        Path two = Files.createFile(directory.resolve("perf-2.map"));
        assertEquals(Optional.empty(), files.of(2), "the list is still good");
        assertEquals(Optional.empty(), files.of(5), "a directory");
        now.addAndGet(TimeUnit.SECONDS.toNanos(1));
        assertEquals(Optional.of(two), files.of(2));
        assertEquals(Optional.of(one), files.of(1));
        Files.delete(one);
        assertEquals(Optional.empty(), files.of(1), "gone meanwhile");
    }

    @Test
    void aSystemWithoutThatDirectory() {
        assertEquals(Optional.empty(), new PerfMapFiles(FileTree.under(root), System::nanoTime).of(1));
    }

    /** A link of the other system leads to a place in it, not here. */
    @Test
    void theDirectoryMayBeALink() throws IOException {
        Path directory = Files.createDirectories(root.resolve("var/tmp"));
        Files.createSymbolicLink(root.resolve("tmp"), Path.of("/var/tmp"));
        Files.createFile(directory.resolve("perf-3.map"));
        assertEquals(
                Optional.of(directory.resolve("perf-3.map")).map(Path::getFileName),
                new PerfMapFiles(FileTree.under(root), System::nanoTime).of(3).map(Path::getFileName));
    }
}
