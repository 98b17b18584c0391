package org.backstitch.recording;

import java.io.IOException;
import java.nio.file.DirectoryIteratorException;
import java.nio.file.DirectoryStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.HashMap;
import java.util.Map;
import java.util.Optional;
import java.util.concurrent.TimeUnit;
import java.util.function.LongSupplier;
import org.backstitch.elf.image.FileTree;

/**
 * Which processes have left names of code that they made ({@code /tmp/perf-PID.map}). The directory is read once for all of them, since
 * a recording may know of a hundred thousand, and again after a while, since one that is being recorded may leave its names any time.
 * Thread-safe.
 */
final class PerfMapFiles {
    private static final String DIRECTORY = "/tmp";
    private static final String PATTERN = "perf-*.map";

    /** How long a list is good for, in nanoseconds. */
    private static final long GOOD = TimeUnit.SECONDS.toNanos(1);

    private final Optional<Path> directory;
    private final LongSupplier clock;
    private Map<String, Path> files = Map.of();
    private boolean listed;
    private long listedAt;

    /**
     * @param system whose files they are
     * @param clock in nanoseconds
     */
    PerfMapFiles(FileTree system, LongSupplier clock) {
        this.directory = system.findDirectory(DIRECTORY);
        this.clock = clock;
    }

    /** The file of a process; empty if it has left none. */
    synchronized Optional<Path> of(int pid) {
        String name = "perf-" + pid + ".map";
        Path known = files.get(name);
        if (known == null && directory.isPresent() && (!listed || clock.getAsLong() - listedAt >= GOOD)) {
            files = list(directory.get());
            listed = true;
            listedAt = clock.getAsLong();
            known = files.get(name);
        }
        return Optional.ofNullable(known).filter(Files::isRegularFile);
    }

    private static Map<String, Path> list(Path directory) {
        Map<String, Path> found = new HashMap<>();
        try (DirectoryStream<Path> paths = Files.newDirectoryStream(directory, PATTERN)) {
            for (Path path : paths) {
                found.put(String.valueOf(path.getFileName()), path);
            }
        } catch (IOException | DirectoryIteratorException e) {
            return found; // it cannot be read, or not on: names are a courtesy
        }
        return found;
    }
}
