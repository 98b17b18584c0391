package org.backstitch.bytes;

import java.lang.foreign.MemorySegment;
import java.lang.invoke.MethodHandles;
import java.lang.invoke.VarHandle;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;

/**
 * The little-endian numbers in a segment, for those who check offsets themselves; others read {@link Bytes}.
 *
 * <p>They are read through buffers, for which the first compiler makes a third of the code that it makes for segments. A buffer shows two
 * gigabytes at most, so there is one for each gigabyte, with the beginning of the next in it: a number that starts in it ends in it.
 *
 * <p>A read outside of the segment throws an {@link IndexOutOfBoundsException}. As thread-safe as the segment.
 */
public final class Words {
    private static final int WINDOW_BITS = 30;
    private static final int WINDOW = 1 << WINDOW_BITS;
    private static final int INDEX_MASK = WINDOW - 1;

    /** How many bytes of the next window one has: as many as a number can have there. */
    private static final int OVERLAP = Long.BYTES - 1;

    private static final VarHandle SHORTS = view(short[].class);
    private static final VarHandle INTS = view(int[].class);
    private static final VarHandle LONGS = view(long[].class);

    private final MemorySegment segment;
    private final ByteBuffer[] windows;

    private Words(MemorySegment segment) {
        this.segment = segment.asReadOnly();
        long size = segment.byteSize();
        windows = new ByteBuffer[(int) Math.max(1, (size + INDEX_MASK) >>> WINDOW_BITS)];
        for (int i = 0; i < windows.length; i++) {
            long start = (long) i << WINDOW_BITS;
            windows[i] = this.segment
                    .asSlice(start, Math.min(WINDOW + (long) OVERLAP, size - start))
                    .asByteBuffer();
        }
    }

    private static VarHandle view(Class<?> array) {
        return MethodHandles.byteBufferViewVarHandle(array, ByteOrder.LITTLE_ENDIAN);
    }

    /** The numbers in a segment. */
    public static Words of(MemorySegment segment) {
        return new Words(segment);
    }

    /** The segment, read-only. */
    public MemorySegment segment() {
        return segment;
    }

    private ByteBuffer window(long offset) {
        // The two highest bits fit no index: they make it one that no window has.
        return windows[(int) (offset >>> WINDOW_BITS) | (int) (offset >>> Long.SIZE - 2) << WINDOW_BITS];
    }

    /** The unsigned byte at {@code offset}: 0 to 255. */
    public int u8(long offset) {
        return window(offset).get((int) offset & INDEX_MASK) & 0xff;
    }

    /** The unsigned 16-bit number at {@code offset}: 0 to 65535. */
    public int u16(long offset) {
        return (short) SHORTS.get(window(offset), (int) offset & INDEX_MASK) & 0xffff;
    }

    /** The signed 32-bit number at {@code offset}. */
    public int i32(long offset) {
        return (int) INTS.get(window(offset), (int) offset & INDEX_MASK);
    }

    /** The unsigned 32-bit number at {@code offset}: 0 to 2<sup>32</sup> - 1. */
    public long u32(long offset) {
        return i32(offset) & 0xffff_ffffL;
    }

    /** The 64-bit number at {@code offset}; whether it is signed is the caller's business. */
    public long i64(long offset) {
        return (long) LONGS.get(window(offset), (int) offset & INDEX_MASK);
    }

    /** Copies the {@code length} bytes at {@code offset} to the beginning of an array. */
    public void copyTo(byte[] target, long offset, int length) {
        int done = 0;
        while (done < length) {
            int index = (int) (offset + done) & INDEX_MASK;
            int part = Math.min(length - done, WINDOW - index);
            window(offset + done).get(index, target, done, part);
            done += part;
        }
    }
}
