package org.backstitch.bench;

import java.io.BufferedOutputStream;
import java.io.IOException;
import java.io.OutputStream;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.file.Files;
import java.nio.file.Path;
import org.backstitch.bytes.Bytes;
import org.backstitch.perf.PerfEventAttr;
import org.backstitch.perf.PerfFile;
import org.backstitch.perf.RecordCursor;
import org.backstitch.perf.RecordType;
import org.backstitch.perf.SampleType;

/**
 * Makes a large recording out of a small one: its records again and again, each time later by as long as the whole took.
 *
 * <p>For files of one event whose records all have a time (what {@code perf record} writes by default), not compressed.
 */
final class RepeatedRecording {
    private static final int DATA_SIZE_AT = 48; // in struct perf_file_header: attrs, then data's offset and size
    private static final int SECTION = 16;

    private RepeatedRecording() {}

    /** Usage: RECORDING COPIES OUT. */
    public static void main(String[] arguments) throws IOException {
        if (arguments.length != 3) {
            throw new IllegalArgumentException("usage: RECORDING COPIES OUT");
        }
        write(Path.of(arguments[0]), Integer.parseInt(arguments[1]), Path.of(arguments[2]));
    }

    static void write(Path recording, int copies, Path out) throws IOException {
        try (PerfFile file = PerfFile.open(recording);
                OutputStream stream = new BufferedOutputStream(Files.newOutputStream(out), 1 << 20)) {
            Bytes bytes = file.bytes();
            long start = file.recordsStart();
            long size = file.recordsEnd() - start;
            byte[] head = bytes.copy(0, Math.toIntExact(start));
            ByteBuffer.wrap(head).order(ByteOrder.LITTLE_ENDIAN).putLong(DATA_SIZE_AT, size * copies);
            stream.write(head);
            long span = span(file);
            for (int copy = 0; copy < copies; copy++) {
                writeRecords(file, copy * span, stream);
            }
            stream.write(features(bytes, file.recordsEnd(), size * (copies - 1)));
        }
    }

    private static long span(PerfFile file) {
        long first = Long.MAX_VALUE;
        long last = 0;
        RecordCursor records = file.records();
        while (records.next()) {
            long time = records.time();
            if (time > 0) {
                first = Math.min(first, time);
                last = Math.max(last, time);
            }
        }
        return last - first + 1;
    }

    private static void writeRecords(PerfFile file, long later, OutputStream stream) throws IOException {
        if (file.events().size() != 1 || file.isPipeMode() || file.isCompressed()) {
            throw new IllegalArgumentException(file.source() + ": not a plain file of one event");
        }
        PerfEventAttr attr = file.events().getFirst().attr();
        RecordCursor records = file.records();
        while (records.next()) {
            byte[] record = file.bytes().copy(records.offset(), records.size());
            int at = timeAt(attr.sampleType(), records.isSample(), record.length);
            if (records.type() < RecordType.USER_TYPE_START && records.time() > 0) {
                ByteBuffer fields = ByteBuffer.wrap(record).order(ByteOrder.LITTLE_ENDIAN);
                fields.putLong(at, fields.getLong(at) + later);
            }
            stream.write(record);
        }
    }

    /** Where a record has its time: behind its header in samples, at its end in others (perf_event.h). */
    private static int timeAt(long sampleType, boolean sample, int size) {
        long[] before = {SampleType.IDENTIFIER, SampleType.IP, SampleType.TID};
        long[] behind = {SampleType.ID, SampleType.STREAM_ID, SampleType.CPU, SampleType.IDENTIFIER};
        int at = sample ? Long.BYTES : size - Long.BYTES;
        for (long field : sample ? before : behind) {
            at += (sampleType & field) == 0 ? 0 : sample ? Long.BYTES : -Long.BYTES;
        }
        return at;
    }

    /** What follows the records: a table of sections, whose offsets move, and the sections. */
    private static byte[] features(Bytes bytes, long end, long moved) {
        byte[] rest = bytes.copy(end, Math.toIntExact(bytes.size() - end));
        ByteBuffer table = ByteBuffer.wrap(rest).order(ByteOrder.LITTLE_ENDIAN);
        long firstSection = rest.length;
        for (int at = 0; at + SECTION <= firstSection; at += SECTION) {
            long offset = table.getLong(at);
            firstSection = Math.min(firstSection, offset - end);
            table.putLong(at, offset + moved);
        }
        return rest;
    }
}
