package org.backstitch.unwind.machine;

import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.lang.invoke.VarHandle;
import java.nio.ByteOrder;

/**
 * A piece of stack as it was recorded: bytes that lie somewhere in a segment, and the address that they were copied from.
 *
 * <p>Mutable, so that one dump serves a walker for all its samples: {@link #set} points it at the next one. Nothing is copied.
 */
public final class StackDump implements Memory {
    /** How words are read. */
    public static final ValueLayout.OfLong WORD = ValueLayout.JAVA_LONG_UNALIGNED.withOrder(ByteOrder.LITTLE_ENDIAN);

    /** Reads a word, given the segment and the offset in it: the shortest way to one that the first compiler knows. */
    public static final VarHandle WORDS = WORD.varHandle();

    private MemorySegment segment = MemorySegment.NULL;
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
     * @param length how many bytes there are
     * @throws IndexOutOfBoundsException if the segment does not hold them
     */
    public StackDump set(MemorySegment segment, long offset, long address, long length) {
        if (offset < 0 || length < 0 || offset > segment.byteSize() - length) {
            throw new IndexOutOfBoundsException(
                    "stack of " + length + " bytes at " + offset + " of " + segment.byteSize());
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
        return segment.get(WORD, offset + (wanted - address));
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
        long value = 0;
        for (int i = 0; i < size; i++) {
            value |= (segment.get(ValueLayout.JAVA_BYTE, offset + (wanted - address) + i) & 0xffL) << i * Byte.SIZE;
        }
        return value;
    }

    @Override
    public Absence absence(long wanted) {
        return Absence.NOT_RECORDED;
    }
}
