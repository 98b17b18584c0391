package org.backstitch.bytes;

/**
 * A position that moves over a {@link Bytes}: each read advances it by what was read.
 *
 * <p>Not thread-safe; make one for each walk. Reads beyond the end throw {@link MalformedInputException}, and leave the position
 * where it was.
 */
public final class Cursor {
    private final Bytes bytes;
    private long position;

    Cursor(Bytes bytes, long position) {
        this.bytes = bytes;
        this.position = position;
    }

    /** The view that is walked over. */
    public Bytes bytes() {
        return bytes;
    }

    /** Offset of the next byte in the view. */
    public long position() {
        return position;
    }

    /** Moves to {@code offset}, which may be the end of the view. */
    public void position(long offset) {
        bytes.check(offset, 0);
        position = offset;
    }

    /** Number of bytes between the position and the end of the view. */
    public long remaining() {
        return bytes.size() - position;
    }

    /** Whether any byte is left. */
    public boolean hasRemaining() {
        return position < bytes.size();
    }

    /** Moves {@code length} bytes forward. */
    public void skip(long length) {
        bytes.check(position, length);
        position += length;
    }

    public int u8() {
        int value = bytes.u8(position);
        position += 1;
        return value;
    }

    public int u16() {
        int value = bytes.u16(position);
        position += 2;
        return value;
    }

    public int i32() {
        int value = bytes.i32(position);
        position += 4;
        return value;
    }

    public long u32() {
        long value = bytes.u32(position);
        position += 4;
        return value;
    }

    public long i64() {
        long value = bytes.i64(position);
        position += 8;
        return value;
    }

    /** The next {@code length} bytes as a view of their own. */
    public Bytes slice(long length) {
        Bytes slice = bytes.slice(position, length);
        position += length;
        return slice;
    }

    /** The NUL-terminated string at the position. */
    public String cString() {
        String value = bytes.cString(position);
        // The length in bytes, not in characters: the terminator is searched again rather than counted through UTF-8.
        while (bytes.u8(position) != 0) {
            position++;
        }
        position++;
        return value;
    }

    /**
     * An unsigned LEB128 number (DWARF 5 §7.6). Padding is allowed; bits beyond the 64th must be zero.
     *
     * @throws MalformedInputException if the number does not fit 64 bits
     */
    public long uleb128() {
        long at = position;
        long result = 0;
        for (int shift = 0; ; shift += 7) {
            int b = bytes.u8(at++);
            long bits = b & 0x7f;
            boolean lost = shift >= 64 ? bits != 0 : shift == 63 && bits > 1;
            if (lost) {
                throw bytes.malformed(position, "an unsigned LEB128 number of more than 64 bits");
            }
            if (shift < 64) {
                result |= bits << shift;
            }
            if ((b & 0x80) == 0) {
                position = at;
                return result;
            }
        }
    }

    /**
     * A signed LEB128 number (DWARF 5 §7.6). Padding is allowed; bits beyond the 64th must repeat the sign.
     *
     * @throws MalformedInputException if the number does not fit 64 bits
     */
    public long sleb128() {
        long at = position;
        long result = 0;
        for (int shift = 0; ; shift += 7) {
            int b = bytes.u8(at++);
            long bits = b & 0x7f;
            boolean lost = shift == 63 ? bits != 0 && bits != 0x7f : shift > 63 && bits != (result < 0 ? 0x7f : 0);
            if (lost) {
                throw bytes.malformed(position, "a signed LEB128 number of more than 64 bits");
            }
            if (shift < 64) {
                result |= bits << shift;
            }
            if ((b & 0x80) == 0) {
                if (shift < 57 && (b & 0x40) != 0) {
                    result |= -1L << (shift + 7);
                }
                position = at;
                return result;
            }
        }
    }
}
