package org.backstitch.elf.internal;

import java.io.IOException;
import java.io.InputStream;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.ArrayList;
import java.util.List;

/**
 * Collects bytes of an unknown number outside of the heap.
 *
 * <p>Memory is taken as bytes really arrive, never because a header claims that they will; a limit ends the growth. Not
 * thread-safe; close it when the bytes are no longer needed.
 */
public final class GrowingBuffer implements AutoCloseable {
    private static final int FIRST_CHUNK = 1 << 16;
    private static final long LARGEST_CHUNK = 1L << 28;

    /** Thrown when more bytes arrive than the limit allows. */
    public static final class LimitExceededException extends IOException {
        private static final long serialVersionUID = 1L;

        LimitExceededException(long limit) {
            super("more than " + limit + " bytes");
        }
    }

    private final Arena arena = Arena.ofConfined();
    private final List<MemorySegment> chunks = new ArrayList<>();
    private final byte[] transfer = new byte[FIRST_CHUNK];
    private final long limit;
    private MemorySegment chunk;
    private long used;
    private long size;

    /** @param limit the largest number of bytes that may arrive */
    public GrowingBuffer(long limit) {
        this.limit = limit;
        this.chunk = arena.allocate(FIRST_CHUNK);
        chunks.add(chunk);
    }

    /** The number of bytes that have arrived. */
    public long size() {
        return size;
    }

    /**
     * Takes everything that {@code in} holds.
     *
     * @throws LimitExceededException if the limit is exceeded; what arrived until then stays
     */
    public void readAll(InputStream in) throws IOException {
        for (int n = in.read(transfer); n >= 0; n = in.read(transfer)) {
            append(transfer, n);
        }
    }

    /**
     * Takes an array.
     *
     * @throws LimitExceededException if the limit is exceeded
     */
    public void append(byte[] source) throws LimitExceededException {
        append(source, source.length);
    }

    private void append(byte[] source, int length) throws LimitExceededException {
        if (length > limit - size) {
            throw new LimitExceededException(limit);
        }
        int done = 0;
        while (done < length) {
            if (used == chunk.byteSize()) {
                chunk = arena.allocate(Math.min(LARGEST_CHUNK, chunk.byteSize() * 2));
                chunks.add(chunk);
                used = 0;
            }
            int n = (int) Math.min(length - done, chunk.byteSize() - used);
            MemorySegment.copy(source, done, chunk, ValueLayout.JAVA_BYTE, used, n);
            used += n;
            done += n;
        }
        size += length;
    }

    /** The bytes in one piece, allocated in {@code target}. */
    public MemorySegment toSegment(Arena target) {
        MemorySegment whole = target.allocate(size);
        long at = 0;
        for (MemorySegment each : chunks) {
            long n = Math.min(each.byteSize(), size - at);
            MemorySegment.copy(each, 0, whole, at, n);
            at += n;
        }
        return whole;
    }

    @Override
    public void close() {
        arena.close();
    }
}
