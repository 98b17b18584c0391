package org.backstitch.perf;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertNotNull;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Random;
import org.backstitch.bytes.MalformedInputException;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;
import org.junit.jupiter.params.provider.ValueSource;

/** Truncated, flipped and unfinished recordings: what is readable is read, and what is not is counted. */
class DamageTest {
    @TempDir
    Path dir;

    /** Walks over everything that a reader would touch; returns where the records start, behind the start of the first. */
    private static List<Long> readAll(PerfFile file) {
        List<Long> offsets = new ArrayList<>();
        SampleCursor sample = file.samples();
        Anomalies anomalies = file.anomalies();
        RecordCursor record = file.records();
        long before = file.recordsStart() - 1;
        while (record.next()) {
            assertTrue(record.offset() > before, "no progress");
            assertTrue(record.nextOffset() <= file.recordsEnd());
            before = record.offset();
            offsets.add(before - file.recordsStart());
            record.time();
            record.pid();
            if (!RecordType.isKnown(record.type())) {
                continue;
            }
            if (!record.isSample()) {
                try {
                    assertNotNull(file.record(before));
                } catch (MalformedInputException e) {
                    anomalies.add(Anomalies.Kind.BAD_RECORD, e.offset(), e.reason());
                }
            } else if (sample.moveTo(before)) {
                long end = before + sample.size();
                assertTrue(sample.contentEnd() <= end);
                for (int i = 0; i < sample.callchainLength(); i++) {
                    sample.callchain(i);
                }
                for (int i = 0; i < sample.readCount(); i++) {
                    sample.readValue(i);
                    sample.readLost(i);
                }
                for (int i = 0; i < 64; i++) {
                    if (sample.hasUserRegister(i)) {
                        sample.userRegister(i);
                    }
                }
                assertTrue(sample.stackSize() <= sample.stackDumpSize());
                assertTrue(sample.stackDumpSize() == 0 || sample.stackOffset() + sample.stackDumpSize() <= end);
                assertTrue(sample.rawSize() == 0 || sample.rawOffset() + sample.rawSize() <= end);
            } else {
                sample.countFault(anomalies);
            }
        }
        return offsets;
    }

    private List<Long> read(byte[] content) throws IOException {
        try (PerfFile file = RawRecording.open(dir, content)) {
            return readAll(file);
        }
    }

    @ParameterizedTest
    @ValueSource(strings = {"group", "tracepoint", "tppipe", "zstd", "zpipe", "intr"})
    void readsAPrefixOfATruncatedFile(String name) throws Exception {
        byte[] whole = RecordingFixtures.bytes(name);
        List<Long> all = read(whole);
        int previous = 0;
        for (int size = 0; size < whole.length; size += 13) {
            List<Long> some;
            try (PerfFile file = RawRecording.open(dir, Arrays.copyOf(whole, size))) {
                some = readAll(file);
                assertTrue(some.size() <= all.size());
                assertEquals(all.subList(0, some.size()), some, "cut at " + size);
                if (!file.isPipeMode() && some.size() < all.size()) {
                    assertEquals(
                            1,
                            file.anomalies().count(Anomalies.Kind.TRUNCATED) > 0 ? 1 : 0,
                            () -> "nothing said: " + file.anomalies());
                }
            } catch (MalformedInputException e) {
                assertEquals(0, previous, "refused although shorter prefixes were read: " + e.getMessage());
                continue;
            }
            assertTrue(some.size() >= previous, "less than from a shorter prefix");
            previous = some.size();
        }
        assertTrue(previous >= all.size() - 3);
    }

    static List<String> recordings() {
        return RecordingFixtures.ALL;
    }

    /** Nothing but a refusal may come of it: no other exception, no endless walk. */
    @ParameterizedTest
    @MethodSource("recordings")
    void survivesFlippedBits(String name) throws Exception {
        byte[] whole = RecordingFixtures.bytes(name);
        Random random = new Random(name.hashCode());
        for (int round = 0; round < 150; round++) {
            byte[] flipped = whole.clone();
            int flips = 1 + random.nextInt(8);
            for (int i = 0; i < flips; i++) {
                // Half of them in the header and the attributes, which decide how everything else is read.
                int at = random.nextInt(random.nextBoolean() ? Math.min(400, flipped.length) : flipped.length);
                flipped[at] ^= (byte) (1 << random.nextInt(8));
            }
            try (PerfFile file = RawRecording.open(dir, flipped)) {
                readAll(file);
            } catch (MalformedInputException e) {
                assertFalse(e.reason().isEmpty());
            }
        }
    }

    @Test
    void readsARecordingThatWasKilled() throws Exception {
        byte[] whole = RecordingFixtures.bytes("dwarf3");
        List<Long> all = read(whole);
        int dataEnd;
        try (PerfFile file = RawRecording.open(dir, whole)) {
            dataEnd = (int) file.recordsEnd();
        }
        // perf record writes the size of the data and the features when it ends.
        byte[] killed = Arrays.copyOf(whole, dataEnd);
        Arrays.fill(killed, 48, 56, (byte) 0);
        Arrays.fill(killed, 72, 104, (byte) 0);
        try (PerfFile file = RawRecording.open(dir, killed)) {
            assertEquals(all, readAll(file));
            assertEquals(1, file.anomalies().count(Anomalies.Kind.NOT_FINISHED));
            assertEquals("cpu-clock", file.events().getFirst().name());
        }
    }

    private static RawRecording comms(int count) {
        RawRecording recording = new RawRecording().event(SampleType.TID | SampleType.TIME);
        for (int i = 0; i < count; i++) {
            recording.add(RecordType.COMM, 0, i, i, "name\0\0\0\0", i, i, (long) i);
        }
        return recording;
    }

    private static final int COMM_SIZE = 40;

    /** The size of the fifth of ten records is damaged: the other nine are read. */
    @ParameterizedTest
    @ValueSource(ints = {0, 4, 7, 0xffff, 0x8000, 800})
    void goesOnBehindABadSize(int size) throws Exception {
        RawRecording recording = comms(10);
        byte[] content = recording.build();
        int at = recording.dataStart() + 4 * COMM_SIZE;
        content[at + 6] = (byte) size;
        content[at + 7] = (byte) (size >> 8);
        try (PerfFile file = RawRecording.open(dir, content)) {
            List<Long> offsets = readAll(file);
            assertEquals(9, offsets.size());
            assertEquals(5 * COMM_SIZE, offsets.get(4));
            Anomalies.Entry entry = file.anomalies().entry(Anomalies.Kind.BAD_RECORD_HEADER);
            assertNotNull(entry);
            assertEquals(1, entry.count());
            assertEquals(at, entry.firstOffset());
            assertEquals(
                    "a record of type 3 and " + size + " bytes where 240 are left; 40 bytes were skipped",
                    entry.firstReason());
        }
    }

    @Test
    void goesOnBehindABadType() throws Exception {
        RawRecording recording = comms(10);
        byte[] content = recording.build();
        int at = recording.dataStart() + 4 * COMM_SIZE;
        content[at + 3] = 1;
        try (PerfFile file = RawRecording.open(dir, content)) {
            assertEquals(9, readAll(file).size());
            assertEquals(1, file.anomalies().count(Anomalies.Kind.BAD_RECORD_HEADER));
        }
    }

    /** The last record has the wrong size, and nothing follows it. */
    @Test
    void endsWithABadRecord() throws Exception {
        RawRecording recording = comms(10);
        byte[] content = recording.build();
        content[recording.dataStart() + 9 * COMM_SIZE + 6] = 41;
        try (PerfFile file = RawRecording.open(dir, content)) {
            assertEquals(9, readAll(file).size());
            Anomalies.Entry entry = file.anomalies().entry(Anomalies.Kind.TRUNCATED);
            assertNotNull(entry);
            assertEquals(
                    "a record of type 3 and 41 bytes where 40 are left; 40 bytes were skipped", entry.firstReason());
        }
    }

    /** Types that nobody knows are no damage, as long as their records follow each other. */
    @Test
    void stepsOverUnknownTypes() throws Exception {
        byte[] content = comms(2).add(40, 0, 1L)
                .add(200, 0, 2L)
                .addRaw(RawRecording.record(RecordType.COMM, 0, 9, 9, "name\0\0\0\0", 9, 9, 9L))
                .build();
        try (PerfFile file = RawRecording.open(dir, content)) {
            RecordCursor record = file.records();
            List<String> types = new ArrayList<>();
            while (record.next()) {
                types.add(RecordType.name(record.type()));
            }
            assertEquals(List.of("COMM", "COMM", "TYPE_40", "TYPE_200", "COMM"), types);
            assertTrue(file.anomalies().isEmpty());
            assertTrue(file.record(file.recordsStart() + 2 * COMM_SIZE) instanceof PerfRecord.Undecoded);
        }
    }

    /** Data behind a trace record are no records, and their length is not to be believed. */
    @Test
    void stepsOverTraces() throws Exception {
        byte[] trace = new byte[48];
        Arrays.fill(trace, (byte) 3);
        byte[] auxtrace = RawRecording.record(RecordType.AUXTRACE, 0, 48L, 0L, 0L, 0, 0, 0, 0);
        byte[] huge = RawRecording.record(RecordType.AUXTRACE, 0, Long.MAX_VALUE, 0L, 0L, 0, 0, 0, 0);
        byte[] comm = RawRecording.record(RecordType.COMM, 0, 9, 9, "name\0\0\0\0", 9, 9, 9L);
        byte[] content = comms(1).addRaw(auxtrace)
                .addRaw(trace)
                .addRaw(comm)
                .addRaw(huge)
                .addRaw(trace)
                .build();
        try (PerfFile file = RawRecording.open(dir, content)) {
            List<Integer> types = new ArrayList<>();
            RecordCursor record = file.records();
            while (record.next()) {
                types.add(record.type());
            }
            assertEquals(List.of(RecordType.COMM, RecordType.AUXTRACE, RecordType.COMM, RecordType.AUXTRACE), types);
            assertEquals(1, file.anomalies().count(Anomalies.Kind.BAD_RECORD));
        }
    }

    /** Bad headers everywhere, each followed by just what is taken for a restart: still a single walk. */
    @Test
    void resynchronisingIsLinear() throws Exception {
        RawRecording recording = comms(0);
        byte[] comm = RawRecording.record(RecordType.COMM, 0, 9, 9, "name\0\0\0\0", 9, 9, 9L);
        int rounds = 20_000;
        for (int i = 0; i < rounds; i++) {
            recording.addRaw(new byte[9]).addRaw(comm).addRaw(comm).addRaw(comm).addRaw(comm);
        }
        assertEquals(4 * rounds, read(recording.build()).size());
    }

    @Test
    void damagedFeaturesAreLeftOut() throws Exception {
        byte[] content = RecordingFixtures.bytes("group");
        int table;
        try (PerfFile file = RawRecording.open(dir, content)) {
            assertNotNull(file.features().hostName());
            table = (int) file.recordsEnd();
        }
        // Its first sections are BUILD_ID and HOSTNAME; the second is sent out of the file, the first cut to 20 bytes.
        content[table + 8] = 20;
        content[table + 9] = 0;
        content[table + 16 + 6] = 1;
        try (PerfFile file = RawRecording.open(dir, content)) {
            assertEquals(2, file.anomalies().count(Anomalies.Kind.BAD_FEATURE));
            assertEquals(List.of(), file.features().buildIds());
            assertEquals("x86_64", file.features().architecture());
            assertEquals(null, file.features().hostName());
        }
    }
}
