package org.backstitch.recording;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertNotEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import org.backstitch.fixtures.Fixtures;
import org.backstitch.perf.PerfEventAttr;
import org.backstitch.perf.PerfFile;
import org.backstitch.perf.RecordCursor;
import org.backstitch.perf.RecordType;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** A pass over a recording finds the same however many threads make it, and wherever these begin. */
class RecordScanTest {
    private static final long CHUNK = 4096;

    @TempDir
    private Path directory;

    private record Place(long time, long offset) {}

    private static List<Place> places(Timeline timeline) {
        List<Place> places = new ArrayList<>();
        for (int i = 0; i < timeline.size(); i++) {
            places.add(new Place(timeline.time(i), timeline.offset(i)));
        }
        return places;
    }

    private static RecordScan whole(PerfFile file, boolean timed) {
        RecordScan scan = new RecordScan(file, timed, CHUNK);
        scan.pass(file.recordsStart(), file.recordsEnd());
        assertEquals(file.recordsEnd(), scan.reached());
        return scan;
    }

    private static void assertSame(PerfFile file, RecordScan expected, RecordScan actual) {
        assertEquals(expected.samples(), actual.samples());
        assertEquals(places(expected.sideBand()), places(actual.sideBand()));
        assertEquals(expected.reached(), actual.reached());
        assertEquals(expected.anomalies().entries(), actual.anomalies().entries());
        assertEquals(earliest(file, expected.chunks()), earliest(file, actual.chunks()));
        long before = -1;
        for (Place chunk : places(actual.chunks())) {
            assertTrue(chunk.offset > before, "chunks are in order");
            before = chunk.offset;
        }
    }

    private static long earliest(PerfFile file, Timeline chunks) {
        assertEquals(file.recordsStart(), chunks.offset(0));
        return places(chunks).stream()
                .map(Place::time)
                .min(Long::compareUnsigned)
                .orElseThrow();
    }

    private Path fixture(String name) throws IOException {
        return Files.write(directory.resolve(name + ".data"), Fixtures.bytes("perf/" + name + ".data.xz"));
    }

    @ParameterizedTest
    @ValueSource(
            strings = {"dwarf3", "group", "switch", "tracepoint", "linux72-sysw", "linux72-multi", "linux72-dataaddr"})
    void partsAreJoinedWhereverTheyBegin(String name) throws IOException {
        assertPartsAreJoined(fixture(name));
    }

    /** Without {@code sample_id_all} only samples have times: what is no sample takes that of the sample before it, in whichever part. */
    @Test
    void recordsWithoutTimesTakeThatOfTheSampleBefore() throws IOException {
        Path path = fixture("dwarf3");
        byte[] bytes = Files.readAllBytes(path);
        ByteBuffer file = ByteBuffer.wrap(bytes).order(ByteOrder.LITTLE_ENDIAN);
        int attributes = (int) file.getLong(24);
        for (int at = attributes; at < attributes + file.getLong(32); at += (int) file.getLong(16)) {
            file.putLong(at + 40, file.getLong(at + 40) & ~PerfEventAttr.FLAG_SAMPLE_ID_ALL);
        }
        Files.write(path, bytes);
        try (PerfFile recording = PerfFile.open(path)) {
            long distinct = places(whole(recording, true).sideBand()).stream()
                    .map(Place::time)
                    .distinct()
                    .count();
            assertTrue(distinct > 3, distinct + " different times");
        }
        assertPartsAreJoined(path);
    }

    private static void assertPartsAreJoined(Path path) throws IOException {
        try (PerfFile file = PerfFile.open(path)) {
            for (boolean timed : new boolean[] {true, false}) {
                RecordScan expected = whole(file, timed);
                List<Long> starts = new ArrayList<>();
                RecordCursor records = file.records();
                while (records.next()) {
                    starts.add(records.offset());
                }
                for (int i = 1; i < starts.size(); i += Math.max(1, starts.size() / 100)) {
                    RecordScan first = new RecordScan(file, timed, CHUNK);
                    first.pass(file.recordsStart(), starts.get(i));
                    assertEquals(starts.get(i), first.reached());
                    RecordScan second = new RecordScan(file, timed, CHUNK);
                    second.pass(starts.get(i), file.recordsEnd());
                    first.append(second);
                    assertSame(file, expected, first);
                }
                for (int parts = 1; parts <= 7; parts++) {
                    assertSame(file, expected, RecordScan.inParts(file, timed, CHUNK, parts));
                }
            }
        }
    }

    /** Damage on a border between parts: what is skipped there is skipped once, wherever the part behind thought to begin. */
    @Test
    void damageIsCountedOnce() throws IOException {
        Path path = fixture("linux72-sysw");
        byte[] whole = Files.readAllBytes(path);
        long middle;
        long records;
        try (PerfFile file = PerfFile.open(path)) {
            middle = file.likelyRecord((file.recordsStart() + file.recordsEnd()) / 2);
            records = file.recordsEnd();
        }
        for (long at = middle - 600; at < Math.min(middle + 600, records); at += 8) {
            byte[] damaged = whole.clone();
            ByteBuffer.wrap(damaged).order(ByteOrder.LITTLE_ENDIAN).putLong((int) at, 0x0003_0000_0000_0009L);
            Path copy = Files.write(directory.resolve("damaged"), damaged);
            try (PerfFile file = PerfFile.open(copy)) {
                assertSame(file, whole(file, true), RecordScan.inParts(file, true, CHUNK, 2));
            }
        }
    }

    /** A stack dump that holds what looks like records: the guess is wrong, and the pass goes on from where it is. */
    @Test
    void aWrongGuessIsNotFollowed() throws IOException {
        Path path = fixture("dwarf3");
        byte[] bytes = Files.readAllBytes(path);
        try (PerfFile file = PerfFile.open(path)) {
            long middle = (file.recordsStart() + file.recordsEnd()) / 2;
            RecordCursor cursor = file.records();
            do {
                assertTrue(cursor.next());
            } while (cursor.nextOffset() < middle + 300);
            assertTrue(cursor.isSample() && cursor.offset() < middle, "the middle is in a stack dump");
            Arrays.fill(bytes, (int) middle + 3, (int) middle + 3 + 4 * 64, (byte) 0);
            ByteBuffer dump = ByteBuffer.wrap(bytes).order(ByteOrder.LITTLE_ENDIAN);
            for (int i = 0; i < 4; i++) {
                dump.putLong((int) middle + 3 + 64 * i, 64L << 48 | RecordType.COMM);
            }
        }
        Files.write(path, bytes);
        try (PerfFile file = PerfFile.open(path)) {
            long middle = (file.recordsStart() + file.recordsEnd()) / 2;
            long guess = file.likelyRecord(middle);
            RecordCursor cursor = file.records();
            long start = file.recordsStart();
            while (start < guess && cursor.next()) {
                start = cursor.offset();
            }
            assertNotEquals(start, guess, "no record starts there");
            assertSame(file, whole(file, true), RecordScan.inParts(file, true, CHUNK, 2));
        }
    }
}
