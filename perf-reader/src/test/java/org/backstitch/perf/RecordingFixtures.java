package org.backstitch.perf;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import org.backstitch.fixtures.Fixtures;

/** The bundled recordings, as files. */
final class RecordingFixtures {
    /** Each with a golden beside it; see their README. */
    static final List<String> ALL = List.of(
            "dwarf3",
            "group",
            "inherit",
            "switch",
            "intr",
            "zpipe",
            "zstd",
            "tracepoint",
            "tppipe",
            "breakpoint",
            "linux72-zstd",
            "linux72-pipe",
            "linux72-dataaddr",
            "linux72-regs",
            "linux72-perthread",
            "linux72-multi",
            "linux72-sysw");

    private RecordingFixtures() {}

    /** The bytes of a recording. */
    static byte[] bytes(String name) {
        return Fixtures.bytes("perf/" + name + ".data.xz");
    }

    /** A recording as a file in {@code dir}. */
    static Path file(String name, Path dir) throws IOException {
        return Files.write(dir.resolve(name + ".data"), bytes(name));
    }

    /** What {@code perf report -D} says about it. */
    static List<String> report(String name) {
        return Fixtures.lines("perf/" + name + ".report.xz");
    }

    /** The recording of several threads of perf: a directory. */
    static Path directory(Path dir) throws IOException {
        Path recording = Files.createDirectory(dir.resolve("threads.data"));
        Files.write(recording.resolve("data"), Fixtures.bytes("perf/threads.data.xz"));
        Files.write(recording.resolve("data.0"), Fixtures.bytes("perf/threads.data.0.xz"));
        Files.write(recording.resolve("data.1"), Fixtures.bytes("perf/threads.data.1.xz"));
        return recording;
    }
}
