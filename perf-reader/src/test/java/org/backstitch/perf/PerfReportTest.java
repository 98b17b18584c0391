package org.backstitch.perf;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Collection;
import java.util.List;
import java.util.SortedMap;
import java.util.TreeMap;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

/** Every record and every field of the bundled recordings, against {@code perf report -D}. */
class PerfReportTest {
    static Stream<String> recordings() {
        return RecordingFixtures.ALL.stream();
    }

    @ParameterizedTest
    @MethodSource("recordings")
    void readsWhatPerfReads(String name, @TempDir Path dir) throws Exception {
        try (PerfFile file = PerfFile.open(RecordingFixtures.file(name, dir))) {
            compare(file, RecordingFixtures.report(name));
        }
    }

    @ParameterizedTest
    @MethodSource("recordings")
    void readsTheSameFromAStream(String name, @TempDir Path dir) throws Exception {
        try (var in = Files.newInputStream(RecordingFixtures.file(name, dir));
                PerfFile file = PerfFile.open(in, "standard input")) {
            assertTrue(file.source().startsWith("standard input"));
            compare(file, RecordingFixtures.report(name));
        }
    }

    private static void compare(PerfFile file, List<String> report) {
        SortedMap<Long, String> read = PerfReport.render(file);
        assertTrue(file.anomalies().isEmpty(), () -> file.anomalies().toString());
        if (file.isCompressed()) {
            // perf numbers what it unpacks in another way: only the records can be compared.
            assertEquals(sorted(PerfReport.parseAll(report)), sorted(read.values()));
            return;
        }
        SortedMap<Long, String> expected = new TreeMap<>();
        long base = file.isPipeMode() ? FileHeader.PIPE_SIZE : 0;
        PerfReport.parse(report).forEach((offset, text) -> expected.put(offset + base, text));
        assertEquals(expected, read);
    }

    private static List<String> sorted(Collection<String> texts) {
        List<String> sorted = new ArrayList<>(texts);
        sorted.sort(null);
        return sorted;
    }

    @Test
    void joinsTheFilesOfSeveralThreads(@TempDir Path dir) throws Exception {
        try (PerfFile file = PerfFile.open(RecordingFixtures.directory(dir))) {
            List<String> lines = new ArrayList<>(PerfReport.render(file).values());
            // As in perf report -D: eight records of the file data, fifteen of data.0, two of data.1.
            assertEquals(25, lines.size());
            assertEquals("0x8 FINISHED_INIT", lines.get(7));
            assertEquals("3912516137671 0x28 COMM exec: forker:8275/8275", lines.get(8));
            assertEquals("3912535391895 0x30 EXIT(8278:8278):(8275:8275)", lines.get(22));
            assertEquals(
                    "3912525541985 0x28 SAMPLE(IP, 0x2): 8275/8275: 0x55b3189d7196 period: 2004008 addr: 0",
                    lines.get(23));
            assertEquals("3912536450855 0x30 EXIT(8275:8275):(8274:8274)", lines.get(24));
        }
    }
}
