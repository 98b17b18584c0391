package org.backstitch.cli.output;

import java.io.IOException;
import java.io.OutputStream;
import java.nio.charset.StandardCharsets;
import java.util.Arrays;
import org.jspecify.annotations.Nullable;

/**
 * A buffer of UTF-8 text that either drains into a stream when it is full, or grows in memory.
 *
 * <p>The first kind is what a command writes to; the second lets workers format their share, which is then
 * {@linkplain #append(Output) appended} in order. Numbers are written in place, without a string on the way. Not thread-safe.
 *
 * <p>A write that the stream refuses throws {@link OutputException}, so that it is never taken for a fault of the input.
 */
public final class Output extends OutputStream implements Appendable {
    private static final int CAPACITY = 1 << 16;
    private static final byte[] HEX = "0123456789abcdef".getBytes(StandardCharsets.US_ASCII);

    private final @Nullable OutputStream target;
    private final String name;
    private byte[] buffer;
    private int size;

    private Output(@Nullable OutputStream target, String name, int capacity) {
        this.target = target;
        this.name = name;
        this.buffer = new byte[capacity];
    }

    /** Text for a stream; {@code name} is what an {@link OutputException} calls it. */
    public static Output to(OutputStream target, String name) {
        return new Output(target, name, CAPACITY);
    }

    /** Text that stays in memory until it is {@linkplain #append(Output) appended} to another. */
    public static Output inMemory() {
        return new Output(null, "memory", 1 << 12);
    }

    /** Bytes that wait in the buffer; in memory, all of them. */
    public int size() {
        return size;
    }

    /** What waits in the buffer, as text; in memory, all that was appended. */
    public String text() {
        return new String(buffer, 0, size, StandardCharsets.UTF_8);
    }

    /** Forgets what waits in the buffer. */
    public void clear() {
        size = 0;
    }

    /** Appends what {@code other} holds in memory. */
    public Output append(Output other) throws OutputException {
        return append(other.buffer, 0, other.size);
    }

    /** Appends bytes that are UTF-8 already. */
    public Output append(byte[] utf8) throws OutputException {
        return append(utf8, 0, utf8.length);
    }

    /** Appends {@code length} bytes at {@code offset} that are UTF-8 already. */
    public Output append(byte[] utf8, int offset, int length) throws OutputException {
        if (length > CAPACITY && target != null) {
            drain();
            try {
                target.write(utf8, offset, length);
            } catch (IOException e) {
                throw new OutputException(name, e);
            }
            return this;
        }
        reserve(length);
        System.arraycopy(utf8, offset, buffer, size, length);
        size += length;
        return this;
    }

    /** Appends text. Unpaired surrogates become question marks. */
    public Output append(String text) throws OutputException {
        int length = text.length();
        if (length > CAPACITY) {
            return append(text.getBytes(StandardCharsets.UTF_8));
        }
        reserve(length);
        int at = size;
        byte[] bytes = buffer;
        for (int i = 0; i < length; i++) {
            char c = text.charAt(i);
            if (c >= 0x80) {
                return append(text.getBytes(StandardCharsets.UTF_8));
            }
            bytes[at + i] = (byte) c;
        }
        size = at + length;
        return this;
    }

    @Override
    public Output append(CharSequence text) throws OutputException {
        return append(text.toString());
    }

    @Override
    public Output append(CharSequence text, int start, int end) throws OutputException {
        return append(text.subSequence(start, end).toString());
    }

    /** Appends one character that is not half of a surrogate pair. */
    @Override
    public Output append(char c) throws OutputException {
        if (c >= 0x80) {
            return append(String.valueOf(c));
        }
        reserve(1);
        buffer[size++] = (byte) c;
        return this;
    }

    /** Appends a number in decimal digits, with a minus sign if it is negative. */
    public Output decimal(long value) throws OutputException {
        if (value < 0) {
            if (value == Long.MIN_VALUE) {
                return append("-9223372036854775808");
            }
            append('-');
            return decimal(-value);
        }
        int digits = 1;
        for (long bound = 10; digits < 19 && value >= bound; bound *= 10) {
            digits++;
        }
        reserve(digits);
        int end = size + digits;
        long rest = value;
        for (int at = end; at > size; rest /= 10) {
            buffer[--at] = (byte) ('0' + rest % 10);
        }
        size = end;
        return this;
    }

    /** Appends an address as scripts expect it: lower-case hexadecimal digits of the unsigned value, no prefix, no leading zeros. */
    public Output hex(long value) throws OutputException {
        int digits = Math.max(1, (67 - Long.numberOfLeadingZeros(value)) >>> 2);
        reserve(digits);
        long rest = value;
        for (int at = size + digits; at > size; rest >>>= 4) {
            buffer[--at] = HEX[(int) rest & 15];
        }
        size += digits;
        return this;
    }

    /** Ends a line. */
    public Output newline() throws OutputException {
        return append('\n');
    }

    @Override
    public void write(int b) throws OutputException {
        reserve(1);
        buffer[size++] = (byte) b;
    }

    @Override
    public void write(byte[] bytes, int offset, int length) throws OutputException {
        append(bytes, offset, length);
    }

    /** Hands everything that waits to the stream; in memory, does nothing. */
    @Override
    public void flush() throws OutputException {
        if (target == null) {
            return;
        }
        drain();
        try {
            target.flush();
        } catch (IOException e) {
            throw new OutputException(name, e);
        }
    }

    /** Flushes, and closes the stream. */
    @Override
    public void close() throws OutputException {
        if (target == null) {
            return;
        }
        try {
            drain();
        } finally {
            closeTarget(target);
        }
    }

    private void closeTarget(OutputStream stream) throws OutputException {
        try {
            stream.close();
        } catch (IOException e) {
            throw new OutputException(name, e);
        }
    }

    private void reserve(int length) throws OutputException {
        if (buffer.length - size >= length) {
            return;
        }
        if (target != null) {
            drain();
        } else {
            buffer = Arrays.copyOf(buffer, Math.max(Math.addExact(size, length), size + (size >> 1)));
        }
    }

    private void drain() throws OutputException {
        if (target == null || size == 0) {
            return;
        }
        int length = size;
        // Forgotten even if the stream refuses: nothing is gained by offering the same bytes to it again.
        size = 0;
        try {
            target.write(buffer, 0, length);
        } catch (IOException e) {
            throw new OutputException(name, e);
        }
    }
}
