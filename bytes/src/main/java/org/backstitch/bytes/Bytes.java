package org.backstitch.bytes;

import java.io.IOException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.nio.channels.FileChannel;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;

/**
 * An immutable, bounds-checked, little-endian view of bytes that knows where they came from.
 *
 * <p>Offsets are in bytes from the start of the view. Every read outside of the view throws a {@link MalformedInputException} that
 * names the source and the offset in it: data from files is hostile, and a wrong offset in it is the file's fault, not the
 * program's. A view is as thread-safe as the memory under it; views of mapped files may be read by any number of threads.
 *
 * <p>A file that is truncated while it is mapped makes reads throw {@link InternalError}; {@link #isMappingFault} recognises it.
 */
public final class Bytes {
    private final Words words;
    private final long start;
    private final long size;
    private final String source;
    private final long origin;

    private Bytes(Words words, long start, long size, String source, long origin) {
        this.words = words;
        this.start = start;
        this.size = size;
        this.source = source;
        this.origin = origin;
    }

    /**
     * Maps a whole file, of any size, for reading.
     *
     * @param arena owns the mapping; closing it makes the view unusable
     * @throws IOException if the file cannot be opened or mapped
     */
    public static Bytes map(Path file, Arena arena) throws IOException {
        try (FileChannel channel = FileChannel.open(file, StandardOpenOption.READ)) {
            return of(channel.map(FileChannel.MapMode.READ_ONLY, 0, channel.size(), arena), file.toString());
        }
    }

    /** A view of a segment; {@code source} names it in error messages. */
    public static Bytes of(MemorySegment segment, String source) {
        return of(Words.of(segment), source);
    }

    /** A view of a segment's numbers; {@code source} names it in error messages. */
    public static Bytes of(Words words, String source) {
        return new Bytes(words, 0, words.segment().byteSize(), source, 0);
    }

    /** A view of an array, which must not change any more; {@code source} names it in error messages. */
    public static Bytes of(byte[] array, String source) {
        return of(array, source, 0);
    }

    /**
     * A view of an array, which must not change any more, that was copied out of a source.
     *
     * @param origin where in the source it was copied from, in bytes
     */
    public static Bytes of(byte[] array, String source, long origin) {
        return new Bytes(Words.of(MemorySegment.ofArray(array)), 0, array.length, source, origin);
    }

    /** Whether {@code error} says that a mapped file has shrunk under its mapping (or its device failed). */
    public static boolean isMappingFault(InternalError error) {
        String message = error.getMessage();
        return message != null && message.contains("fault occurred");
    }

    /** The number of bytes in the view. */
    public long size() {
        return size;
    }

    /** What the bytes came from, as error messages name it. */
    public String source() {
        return source;
    }

    /** Where the view starts in its source, in bytes. */
    public long origin() {
        return origin;
    }

    /** The memory under the view, read-only. */
    public MemorySegment segment() {
        return words.segment().asSlice(start, size);
    }

    /**
     * The numbers under a view that shows all of a segment, by the same offsets; for hot loops that do their own checks.
     *
     * @throws IllegalStateException if the view is a slice
     */
    public Words words() {
        if (start != 0 || size != words.segment().byteSize()) {
            throw new IllegalStateException("a slice");
        }
        return words;
    }

    /** The unsigned byte at {@code offset}: 0 to 255. */
    public int u8(long offset) {
        check(offset, 1);
        return words.u8(start + offset);
    }

    /** The unsigned 16-bit number at {@code offset}: 0 to 65535. */
    public int u16(long offset) {
        check(offset, 2);
        return words.u16(start + offset);
    }

    /** The signed 32-bit number at {@code offset}. */
    public int i32(long offset) {
        check(offset, 4);
        return words.i32(start + offset);
    }

    /** The unsigned 32-bit number at {@code offset}: 0 to 2<sup>32</sup> - 1. */
    public long u32(long offset) {
        return i32(offset) & 0xffff_ffffL;
    }

    /** The 64-bit number at {@code offset}; whether it is signed is the caller's business. */
    public long i64(long offset) {
        check(offset, 8);
        return words.i64(start + offset);
    }

    /** The {@code length} bytes at {@code offset} as a view of their own, of the same source. */
    public Bytes slice(long offset, long length) {
        check(offset, length);
        return new Bytes(words, start + offset, length, source, origin + offset);
    }

    /** Everything from {@code offset} on. */
    public Bytes from(long offset) {
        check(offset, 0);
        return slice(offset, size - offset);
    }

    /** The same bytes under the name of a part: {@code SOURCE(PART)}, offsets counted from the part's start. */
    public Bytes named(String part) {
        return new Bytes(words, start, size, source + "(" + part + ")", 0);
    }

    /**
     * Copies the {@code length} bytes at {@code offset} to the beginning of an array.
     *
     * @throws MalformedInputException if they lie outside of the view
     * @throws IndexOutOfBoundsException if the array is shorter
     */
    public void copyTo(byte[] target, long offset, int length) {
        check(offset, length);
        words.copyTo(target, start + offset, length);
    }

    /** A copy of {@code length} bytes at {@code offset}. The length must have been bounded by the caller or by this view's size. */
    public byte[] copy(long offset, int length) {
        check(offset, length);
        byte[] copy = new byte[length];
        words.copyTo(copy, start + offset, length);
        return copy;
    }

    /**
     * The NUL-terminated string at {@code offset}, in UTF-8 (malformed sequences replaced).
     *
     * @throws MalformedInputException if the view ends before a NUL
     */
    public String cString(long offset) {
        check(offset, 0);
        long end = nul(offset, size);
        if (end == size) {
            throw malformed(offset, "a string without its terminating NUL");
        }
        return utf8(offset, end);
    }

    /** The string in a fixed field of {@code length} bytes at {@code offset}: up to the first NUL, or all of it. */
    public String paddedString(long offset, long length) {
        check(offset, length);
        return utf8(offset, nul(offset, offset + length));
    }

    private String utf8(long offset, long end) {
        return new String(copy(offset, Math.toIntExact(end - offset)), StandardCharsets.UTF_8);
    }

    /** Where the first NUL is between two offsets; the second of them if there is none. */
    private long nul(long from, long end) {
        long at = from;
        for (; at <= end - Long.BYTES; at += Long.BYTES) {
            long eight = words.i64(start + at);
            // The lowest of the bits that this leaves is that of the first byte from which one cannot be subtracted.
            long zeros = eight - 0x0101_0101_0101_0101L & ~eight & 0x8080_8080_8080_8080L;
            if (zeros != 0) {
                return at + Long.numberOfTrailingZeros(zeros) / Byte.SIZE;
            }
        }
        while (at < end && words.u8(start + at) != 0) {
            at++;
        }
        return at;
    }

    /** Whether {@code length} bytes at {@code offset} lie inside of the view. Both are taken as unsigned. */
    public boolean contains(long offset, long length) {
        return length >= 0 && offset >= 0 && offset <= size - length;
    }

    /** A cursor that starts at {@code offset}. */
    public Cursor cursor(long offset) {
        check(offset, 0);
        return new Cursor(this, offset);
    }

    /** The exception for a fault at {@code offset} of this view. */
    public MalformedInputException malformed(long offset, String reason) {
        return new MalformedInputException(source, origin + offset, reason);
    }

    /**
     * Checks that {@code length} bytes at {@code offset} lie inside of the view.
     *
     * @throws MalformedInputException if they do not
     */
    public void check(long offset, long length) {
        if (!contains(offset, length)) {
            throw outside(offset, length);
        }
    }

    private MalformedInputException outside(long offset, long length) {
        String wanted = length == 1 ? "a byte" : Long.toUnsignedString(length) + " bytes";
        return malformed(offset, "expected " + wanted + ", but the data ends at 0x" + Long.toHexString(origin + size));
    }

    @Override
    public String toString() {
        return source + "[0x" + Long.toHexString(origin) + ", " + size + " bytes]";
    }
}
