package org.backstitch.perf;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertNotNull;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.github.luben.zstd.EndDirective;
import com.github.luben.zstd.ZstdCompressCtx;
import java.io.ByteArrayOutputStream;
import java.nio.ByteBuffer;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Random;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** Compressed records as {@code perf record -z} writes them: one zstd stream, flushed after each buffer. */
class UnpackerTest {
    @TempDir
    Path dir;

    private static final int MAX_PIECE = 65519;

    /** The pieces of one stream. */
    private static final class Packer implements AutoCloseable {
        private final ZstdCompressCtx zstd = new ZstdCompressCtx();

        /** What the stream grows by when {@code content} is written to it and flushed. */
        byte[] pack(byte[] content) {
            ByteBuffer in =
                    ByteBuffer.allocateDirect(content.length).put(content).flip();
            ByteBuffer out = ByteBuffer.allocateDirect(content.length * 2 + 4096);
            assertTrue(zstd.compressDirectByteBufferStream(out, in, EndDirective.FLUSH));
            byte[] packed = new byte[out.flip().remaining()];
            out.get(packed);
            return packed;
        }

        @Override
        public void close() {
            zstd.close();
        }
    }

    private static byte[] comm(int number) {
        return RawRecording.record(RecordType.COMM, 0, number, number, "name\0\0\0\0", number, number, (long) number);
    }

    private static byte[] comms(int from, int to) {
        ByteArrayOutputStream out = new ByteArrayOutputStream();
        for (int i = from; i < to; i++) {
            out.writeBytes(comm(i));
        }
        return out.toByteArray();
    }

    private static RawRecording recording() {
        return new RawRecording().event(SampleType.TID | SampleType.TIME);
    }

    /** The pids of the COMM records, and the names of other types. */
    private static List<Object> read(PerfFile file) {
        List<Object> read = new ArrayList<>();
        RecordCursor record = file.records();
        while (record.next()) {
            read.add(
                    record.type() == RecordType.COMM
                            ? ((PerfRecord.Comm) file.record(record.offset())).pid()
                            : (Object) RecordType.name(record.type()));
        }
        return read;
    }

    @Test
    void joinsRecordsThatWereCut() throws Exception {
        byte[] all = comms(0, 10);
        RawRecording recording = recording().addRaw(comm(100));
        try (Packer packer = new Packer()) {
            // 90 bytes: two records and a quarter of the third; then a record of the tool; then the rest, by 1 and 309
            // bytes.
            recording.add(RecordType.COMPRESSED, 0, packer.pack(Arrays.copyOf(all, 90)));
            recording.add(RecordType.FINISHED_ROUND, 0);
            recording.add(RecordType.COMPRESSED, 0, packer.pack(Arrays.copyOfRange(all, 90, 91)));
            recording.add(RecordType.COMPRESSED, 0, packer.pack(Arrays.copyOfRange(all, 91, 400)));
        }
        try (PerfFile file = recording.addRaw(comm(200)).open(dir)) {
            assertTrue(file.isCompressed());
            assertEquals(List.of(100, 0, 1, "FINISHED_ROUND", 2, 3, 4, 5, 6, 7, 8, 9, 200), read(file));
            assertTrue(file.anomalies().isEmpty());
            assertEquals(0, file.recordsStart());
            assertEquals(file.bytes().size(), file.recordsEnd());
        }
    }

    @Test
    void unpacksPaddedRecords() throws Exception {
        RawRecording recording = recording();
        try (Packer packer = new Packer()) {
            for (int i = 0; i < 4; i++) {
                byte[] packed = packer.pack(comms(10 * i, 10 * i + 10));
                recording.add(
                        RecordType.COMPRESSED2, 0, (long) packed.length, packed, new byte[(8 - packed.length % 8) % 8]);
            }
        }
        try (PerfFile file = recording.open(dir)) {
            assertEquals(40, read(file).size());
            assertTrue(file.anomalies().isEmpty());
        }
    }

    /** RAW samples of random bytes, which do not get smaller: what one buffer held takes more than one record can hold. */
    private static byte[] incompressible(int samples, Random random) {
        ByteArrayOutputStream out = new ByteArrayOutputStream();
        for (int i = 0; i < samples; i++) {
            byte[] raw = new byte[1000 - 4];
            random.nextBytes(raw);
            out.writeBytes(RawRecording.record(RecordType.SAMPLE, 2, i, i, (long) i, raw.length, raw));
        }
        return out.toByteArray();
    }

    /**
     * From Linux 6.16 on perf writes what a buffer held as one COMPRESSED2 record, cut into pieces of at most 65519 bytes with headers
     * of their own, and stores the lower 16 bits of the size in the first ({@code record__pushfn}, {@code zstd_compress_stream_to_records}).
     */
    @Test
    void unpacksRecordsWhoseSizeDoesNotFit() throws Exception {
        for (int samples : new int[] {64, 65, 66, 100, 200}) {
            Random random = new Random(samples);
            RawRecording recording = new RawRecording().event(SampleType.TID | SampleType.TIME | SampleType.RAW);
            recording.add(RecordType.FINISHED_INIT, 0);
            int whole;
            try (Packer packer = new Packer()) {
                byte[] packed = packer.pack(incompressible(samples, random));
                ByteArrayOutputStream body = new ByteArrayOutputStream();
                for (int at = 0; at < packed.length; at += MAX_PIECE) {
                    int piece = Math.min(MAX_PIECE, packed.length - at);
                    if (at > 0) {
                        body.writeBytes(RawRecording.bytes(
                                RecordType.COMPRESSED2, (short) 0, (short) (piece + 16), 0x5555_5555_5555_5555L));
                    }
                    body.write(packed, at, piece);
                }
                whole = body.size();
                int padded = (whole + 16 + 7) / 8 * 8;
                recording.addRaw(RawRecording.bytes(RecordType.COMPRESSED2, (short) 0, (short) padded, (long) whole));
                recording.addRaw(body.toByteArray());
                if (padded <= 0xffff) {
                    recording.addRaw(new byte[padded - 16 - whole]);
                }
                byte[] next = packer.pack(incompressible(3, random));
                recording.add(RecordType.COMPRESSED2, 0, (long) next.length, next, new byte[(8 - next.length % 8) % 8]);
            }
            recording.add(RecordType.FINISHED_ROUND, 0);
            try (PerfFile file = recording.open(dir)) {
                assertTrue(file.anomalies().isEmpty(), () -> samples + ": " + file.anomalies());
                List<Object> read = read(file);
                assertEquals(samples + 5, read.size(), whole + " bytes");
                assertEquals("FINISHED_ROUND", read.getLast());
                SampleCursor sample = file.samples();
                RecordCursor record = file.records();
                while (record.next()) {
                    assertTrue(!record.isSample() || sample.moveTo(record.offset()));
                }
            }
        }
    }

    @Test
    void goesOnBehindDamagedPieces() throws Exception {
        RawRecording recording = recording();
        try (Packer first = new Packer();
                Packer second = new Packer()) {
            recording.add(RecordType.COMPRESSED, 0, first.pack(comms(0, 5)));
            byte[] damaged = first.pack(comms(5, 10));
            Arrays.fill(damaged, 0, 3, (byte) 0xff); // A block of the reserved type.
            recording.add(RecordType.COMPRESSED, 0, damaged);
            recording.add(RecordType.COMPRESSED, 0, first.pack(comms(10, 15)));
            recording.addRaw(comm(100));
            // Another stream, as where recordings were joined.
            recording.add(RecordType.COMPRESSED, 0, second.pack(comms(20, 22)));
        }
        try (PerfFile file = recording.open(dir)) {
            assertEquals(List.of(0, 1, 2, 3, 4, 100, 20, 21), read(file));
            assertEquals(2, file.anomalies().count(Anomalies.Kind.BAD_COMPRESSION));
        }
    }

    @Test
    void unpacksWhatIsLeftOfACutPiece() throws Exception {
        RawRecording recording = recording();
        try (Packer packer = new Packer()) {
            recording.add(RecordType.COMPRESSED, 0, packer.pack(comms(0, 3)));
            // Two flushed blocks in one record, of which the file holds only the first.
            byte[] one = packer.pack(comms(3, 6));
            byte[] two = packer.pack(comms(6, 9));
            recording.add(RecordType.COMPRESSED, 0, one, two);
            byte[] whole = recording.build();
            byte[] cut = Arrays.copyOf(whole, whole.length - two.length);
            try (PerfFile file = RawRecording.open(dir, cut)) {
                assertEquals(List.of(0, 1, 2, 3, 4, 5), read(file));
                Anomalies.Entry entry = file.anomalies().entry(Anomalies.Kind.TRUNCATED);
                assertNotNull(entry);
            }
        }
    }

    /** 4 GiB of zeros in a few hundred kilobytes: unpacking stops long before. */
    @Test
    void stopsAtABomb() throws Exception {
        RawRecording recording = recording();
        try (Packer packer = new Packer()) {
            byte[] zeros = new byte[64 << 20];
            zeros[6] = 16; // The first record is a good one.
            zeros[0] = 68;
            for (int i = 0; i < 8; i++) {
                byte[] packed = packer.pack(zeros);
                assertTrue(packed.length < 65000, "a piece of " + packed.length);
                recording.add(RecordType.COMPRESSED, 0, packed);
            }
        }
        try (PerfFile file = recording.open(dir)) {
            Anomalies.Entry entry = file.anomalies().entry(Anomalies.Kind.BAD_COMPRESSION);
            assertNotNull(entry);
            assertEquals("records that unpack to more than 4096 times their size", entry.firstReason());
            assertTrue(file.bytes().size() < 200 << 20, () -> file.bytes().size() + " bytes");
        }
    }
}
