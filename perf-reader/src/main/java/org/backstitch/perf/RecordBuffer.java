package org.backstitch.perf;

import java.io.IOException;
import java.lang.foreign.MemorySegment;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.channels.WritableByteChannel;

/**
 * Records on their way into a channel: built in place, one at a time, their sizes filled in when they are complete.
 *
 * <p>A record that is begun and not ended, because something about it was refused, leaves nothing behind.
 */
final class RecordBuffer {
    private static final int SIZE = 1 << 20;

    private final WritableByteChannel channel;
    private final ByteBuffer buffer = ByteBuffer.allocateDirect(SIZE).order(ByteOrder.LITTLE_ENDIAN);
    private final MemorySegment segment = MemorySegment.ofBuffer(buffer);
    private long flushed;

    /** Where the record that is being written starts in the buffer. */
    private int recordStart;

    /** Where what is complete ends in the buffer. */
    private int complete;

    RecordBuffer(WritableByteChannel channel) {
        this.channel = channel;
    }

    /** How many bytes were written, those in the buffer included. */
    long position() {
        return flushed + complete;
    }

    /** Starts a record, for which there is room then, however large; whatever was begun before it and not ended is gone. */
    ByteBuffer begin(int type, int misc) throws IOException {
        buffer.position(complete);
        ensure(2 * PerfWriter.MAX_RECORD_SIZE);
        recordStart = buffer.position();
        return buffer.putInt(type).putShort((short) misc).putShort((short) 0);
    }

    /** How many bytes the record has so far. */
    int recordSize() {
        return buffer.position() - recordStart;
    }

    /** Pads the record to eight bytes. */
    void pad() {
        while (recordSize() % 8 != 0) {
            buffer.put((byte) 0);
        }
    }

    /** Pads the record, and fills its size in. */
    void end() {
        pad();
        int size = recordSize();
        if (size > PerfWriter.MAX_RECORD_SIZE) {
            throw new IllegalArgumentException("a record of " + size + " bytes");
        }
        buffer.putShort(recordStart + 6, (short) size);
        complete = buffer.position();
    }

    /** Copies bytes, which may be more than the buffer holds, behind what is complete. */
    void putAll(MemorySegment from, long start, long end) throws IOException {
        buffer.position(complete);
        for (long at = start; at < end; ) {
            ensure(1);
            int length = (int) Math.min(end - at, buffer.remaining());
            put(from, at, length);
            complete = buffer.position();
            at += length;
        }
    }

    /** Adds bytes to the record. */
    void put(MemorySegment from, long start, int length) {
        MemorySegment.copy(from, start, segment, buffer.position(), length);
        buffer.position(buffer.position() + length);
    }

    /** Adds words to what is complete. */
    void putWords(long... words) throws IOException {
        buffer.position(complete);
        for (long word : words) {
            ensure(8);
            buffer.putLong(word);
            complete = buffer.position();
        }
    }

    /** Adds bytes to what is complete. */
    void putBytes(byte[] bytes) throws IOException {
        putAll(MemorySegment.ofArray(bytes), 0, bytes.length);
    }

    private void ensure(int size) throws IOException {
        if (buffer.remaining() < size) {
            flush();
        }
    }

    /** Writes what is complete. */
    void flush() throws IOException {
        buffer.limit(complete).position(0);
        while (buffer.hasRemaining()) {
            channel.write(buffer);
        }
        flushed += complete;
        complete = 0;
        buffer.clear();
    }
}
