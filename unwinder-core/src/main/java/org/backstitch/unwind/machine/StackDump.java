package org.backstitch.unwind.machine;

import java.lang.foreign.MemorySegment;
import java.lang.invoke.MethodHandles;
import java.lang.invoke.VarHandle;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;

/**
 * A piece of stack as it was recorded: bytes that lie somewhere in a segment, and the address that they were copied from.
 *
 * <p>Mutable, so that one dump serves a walker for all its samples: {@link #set} points it at the next one. Nothing is copied.
 */
public final class StackDump implements Memory {
    /**
     * Reads a word as a {@code long}, given {@link #buffer} and the offset in it, an {@code int}: the shortest way to one that the first
     * compiler knows. To read it from the segment takes it six times as long.
     */
    public static final VarHandle WORDS = MethodHandles.byteBufferViewVarHandle(long[].class, ByteOrder.LITTLE_ENDIAN);

    /** How much of a segment a buffer shows, for a buffer cannot show all of a large one. */
    private static final long WINDOW = 1 << 30;

    /** Windows start at multiples of this, so that a dump which lies a little before the last one is in its window, too. */
    private static final long WINDOW_STEP = WINDOW / 2;

    private MemorySegment segment = MemorySegment.NULL;
    private ByteBuffer buffer = MemorySegment.NULL.asByteBuffer();
    private long bufferStart;
    private long offset;
    private long address;
    private long length;

    /** A dump without bytes. */
    public StackDump() {}

    /**
     * Points the dump at other bytes.
     *
     * @param segment holds the bytes
     * @param offset where in the segment they start
     * @param address the address of the first of them when they were recorded: the stack pointer, for perf
     * @param length how many bytes there are, up to half a gigabyte
     * @throws IndexOutOfBoundsException if the segment does not hold them, or they are more
     */
    @SuppressWarnings({"MemorySegmentReferenceEquality", "ReferenceEquality"
    }) // another segment of the same memory gets a buffer of its own
    public StackDump set(MemorySegment segment, long offset, long address, long length) {
        if (offset < 0 || length < 0 || length > WINDOW_STEP || offset > segment.byteSize() - length) {
            throw new IndexOutOfBoundsException(
                    "stack of " + length + " bytes at " + offset + " of " + segment.byteSize());
        }
        if (segment != this.segment || offset < bufferStart || offset + length > bufferStart + buffer.limit()) {
            bufferStart = offset - offset % WINDOW_STEP;
            buffer = segment.asSlice(bufferStart, Math.min(WINDOW, segment.byteSize() - bufferStart))
                    .asByteBuffer();
        }
        this.segment = segment;
        this.offset = offset;
        this.address = address;
        this.length = length;
        return this;
    }

    /** Makes the dump empty: nothing is known of the stack but where it is. */
    public StackDump clear(long stackPointer) {
        return set(MemorySegment.NULL, 0, stackPointer, 0);
    }

    /** The segment that holds the bytes. */
    public MemorySegment segment() {
        return segment;
    }

    /** Where in {@link #segment} the bytes start. */
    public long offset() {
        return offset;
    }

    /** A view of a part of the segment that holds all bytes; for hot loops that do their own checks. */
    public ByteBuffer buffer() {
        return buffer;
    }

    /** Where in {@link #buffer} the bytes start. */
    public int bufferOffset() {
        return (int) (offset - bufferStart);
    }

    /** The address of the first byte. */
    public long address() {
        return address;
    }

    /** How many bytes there are. */
    public long length() {
        return length;
    }

    @Override
    public boolean isReadable(long wanted, int size) {
        return length >= size && Long.compareUnsigned(wanted - address, length - size) <= 0;
    }

    @Override
    public long readLong(long wanted) {
        if (!isReadable(wanted, Long.BYTES)) {
            throw new IllegalArgumentException("0x%x is not in the dump".formatted(wanted));
        }
        return (long) WORDS.get(buffer, bufferOffset() + (int) (wanted - address));
    }

    /**
     * The {@code size} bytes at an address, zero-extended.
     *
     * @param size 1 to 8
     * @throws IllegalArgumentException if {@code isReadable(wanted, size)} does not hold
     */
    public long read(long wanted, int size) {
        if (!isReadable(wanted, size)) {
            throw new IllegalArgumentException("0x%x is not in the dump".formatted(wanted));
        }
        int start = bufferOffset() + (int) (wanted - address);
        long value = 0;
        for (int i = 0; i < size; i++) {
            value |= (buffer.get(start + i) & 0xffL) << i * Byte.SIZE;
        }
        return value;
    }

    @Override
    public Absence absence(long wanted) {
        return Absence.NOT_RECORDED;
    }
}
