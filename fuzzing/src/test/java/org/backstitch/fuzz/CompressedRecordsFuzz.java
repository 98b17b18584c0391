package org.backstitch.fuzz;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.code_intelligence.jazzer.junit.FuzzTest;
import com.github.luben.zstd.Zstd;
import java.io.ByteArrayInputStream;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.util.Arrays;
import org.backstitch.bytes.MalformedInputException;
import org.backstitch.perf.Anomalies;
import org.backstitch.perf.PerfFile;
import org.backstitch.perf.RecordCursor;

/**
 * Records that come packed: the input is cut into pieces, each compressed as {@code perf record -z} does it, so that what a fuzzer
 * changes are the records inside.
 */
class CompressedRecordsFuzz {
    private static final int PERF_RECORD_COMPRESSED = 81;
    private static final int PERF_RECORD_COMPRESSED2 = 83;
    private static final int HEADER_ATTR = 64;

    @FuzzTest
    void compressedRecords(byte[] data) throws IOException {
        run(data);
    }

    /** The first byte says how long pieces are, the second how they are packed and whether the packing is damaged. */
    static void run(byte[] data) throws IOException {
        if (data.length < 2) {
            return;
        }
        byte[] recording = pipe(data);
        int first = count(recording);
        assertEquals(first, count(recording));
    }

    private static int count(byte[] recording) throws IOException {
        try (PerfFile file = PerfFile.open(new ByteArrayInputStream(recording), "input")) {
            RecordCursor records = file.records(new Anomalies());
            int count = 0;
            while (records.next()) {
                count++;
                assertTrue(records.nextOffset() <= file.recordsEnd());
                try {
                    if (!records.isSample()) {
                        file.record(records.offset());
                    }
                } catch (MalformedInputException e) {
                    assertTrue(e.reason().length() > 5);
                }
            }
            return count;
        } catch (MalformedInputException e) {
            assertTrue(e.reason().length() > 5);
            return -1;
        }
    }

    /** A recording in pipe mode: one event, then the packed pieces. */
    private static byte[] pipe(byte[] data) {
        ByteArrayOutputStream out = new ByteArrayOutputStream();
        out.writeBytes("PERFILE2".getBytes(java.nio.charset.StandardCharsets.US_ASCII));
        out.writeBytes(new byte[] {16, 0, 0, 0, 0, 0, 0, 0});
        byte[] event = new byte[8 + 136 + 8];
        ByteBuffer attr = ByteBuffer.wrap(event).order(ByteOrder.LITTLE_ENDIAN);
        attr.putInt(HEADER_ATTR).putShort((short) 0).putShort((short) event.length);
        attr.putInt(1).putInt(136).putLong(0).putLong(4000); // a software event
        attr.putLong(0x2 | 0x4 | 0x20).putLong(0).putLong(1 << 18); // TID, TIME, CALLCHAIN; sample_id_all
        attr.putLong(event.length - 8, 7);
        out.writeBytes(event);
        int step = 1 + (data[0] & 0xff) * 16;
        int how = data[1];
        for (int at = 2; at < data.length; at += step) {
            byte[] packed = Zstd.compress(Arrays.copyOfRange(data, at, Math.min(data.length, at + step)));
            if ((how & 2) != 0) {
                packed[packed.length / 2] ^= (byte) (how >>> 2);
            }
            boolean padded = (how & 1) != 0;
            int size = padded ? 16 + (packed.length + 7 & -8) : 8 + packed.length;
            byte[] bytes = new byte[size];
            ByteBuffer record = ByteBuffer.wrap(bytes).order(ByteOrder.LITTLE_ENDIAN);
            record.putInt(padded ? PERF_RECORD_COMPRESSED2 : PERF_RECORD_COMPRESSED);
            record.putShort((short) 0).putShort((short) size);
            if (padded) {
                record.putLong(packed.length);
            }
            record.put(packed);
            out.writeBytes(bytes);
        }
        return out.toByteArray();
    }
}
