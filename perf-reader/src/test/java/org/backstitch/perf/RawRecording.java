package org.backstitch.perf;

import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;

/** Builds perf.data files byte by byte, by the description of the format and not by the code under test. */
final class RawRecording {
    private final List<byte[]> attrs = new ArrayList<>();
    private final List<long[]> ids = new ArrayList<>();
    private final ByteArrayOutputStream records = new ByteArrayOutputStream();

    /** Little-endian bytes of values: Integer 4, Long 8, Short 2, Byte 1, byte[] as they are, String without its end. */
    static byte[] bytes(Object... values) {
        ByteBuffer buffer = ByteBuffer.allocate(1 << 17).order(ByteOrder.LITTLE_ENDIAN);
        for (Object value : values) {
            switch (value) {
                case Integer v -> buffer.putInt(v);
                case Long v -> buffer.putLong(v);
                case Short v -> buffer.putShort(v);
                case Byte v -> buffer.put(v);
                case byte[] v -> buffer.put(v);
                case String v -> buffer.put(v.getBytes(StandardCharsets.UTF_8));
                default -> throw new IllegalArgumentException(value.getClass().getName());
            }
        }
        byte[] result = new byte[buffer.position()];
        buffer.get(0, result);
        return result;
    }

    /** A software event of 128 bytes: cpu-clock with these fields, {@code sample_id_all} set. */
    static byte[] attr(long sampleType, long readFormat, long branchSampleType, long userRegisters, long registers) {
        ByteBuffer attr = ByteBuffer.wrap(new byte[128]).order(ByteOrder.LITTLE_ENDIAN);
        attr.putInt(0, 1)
                .putInt(4, 128)
                .putLong(16, 1000)
                .putLong(24, sampleType)
                .putLong(32, readFormat);
        attr.putLong(40, 1L << 18 | 1L << 20).putLong(72, branchSampleType).putLong(80, userRegisters);
        attr.putLong(96, registers);
        return attr.array();
    }

    RawRecording event(byte[] attr, long... eventIds) {
        attrs.add(attr);
        ids.add(eventIds);
        return this;
    }

    RawRecording event(long sampleType, long... eventIds) {
        return event(attr(sampleType, 0, 0, 0, 0), eventIds);
    }

    /** A record with its header. */
    static byte[] record(int type, int misc, Object... body) {
        byte[] content = bytes(body);
        return bytes(type, (short) misc, (short) (8 + content.length), content);
    }

    RawRecording add(int type, int misc, Object... body) {
        return addRaw(record(type, misc, body));
    }

    RawRecording addRaw(byte[] bytes) {
        records.writeBytes(bytes);
        return this;
    }

    private int idBytes() {
        return 8 * ids.stream().mapToInt(list -> list.length).sum();
    }

    private int attrBytes() {
        return attrs.stream().mapToInt(attr -> attr.length + 16).sum();
    }

    /** Where the records start in {@link #build}. */
    int dataStart() {
        return 104 + idBytes() + attrBytes();
    }

    /** The file, without features. */
    byte[] build() {
        ByteArrayOutputStream out = new ByteArrayOutputStream();
        long attrSize = attrs.isEmpty() ? 144 : attrs.getFirst().length + 16;
        out.writeBytes(bytes("PERFILE2", 104L, attrSize, 104L + idBytes(), (long) attrBytes()));
        out.writeBytes(bytes((long) dataStart(), (long) records.size(), 0L, 0L, 0L, 0L, 0L, 0L));
        for (long[] list : ids) {
            for (long id : list) {
                out.writeBytes(bytes(id));
            }
        }
        long at = 104;
        for (int i = 0; i < attrs.size(); i++) {
            out.writeBytes(attrs.get(i));
            out.writeBytes(bytes(at, 8L * ids.get(i).length));
            at += 8L * ids.get(i).length;
        }
        out.writeBytes(records.toByteArray());
        return out.toByteArray();
    }

    /** What a pipe would carry: attributes as records. */
    byte[] buildPipe() {
        ByteArrayOutputStream out = new ByteArrayOutputStream();
        out.writeBytes(bytes("PERFILE2", 16L));
        for (int i = 0; i < attrs.size(); i++) {
            ByteArrayOutputStream body = new ByteArrayOutputStream();
            body.writeBytes(attrs.get(i));
            for (long id : ids.get(i)) {
                body.writeBytes(bytes(id));
            }
            out.writeBytes(record(64, 0, body.toByteArray()));
        }
        out.writeBytes(records.toByteArray());
        return out.toByteArray();
    }

    PerfFile open(Path dir) throws IOException {
        return open(dir, build());
    }

    static PerfFile open(Path dir, byte[] content) throws IOException {
        return PerfFile.open(Files.write(dir.resolve("made.data"), content));
    }
}
