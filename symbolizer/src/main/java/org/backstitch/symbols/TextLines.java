package org.backstitch.symbols;

import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import org.backstitch.bytes.Bytes;

/** Walks over the lines of a text, and over the words of a line, without an object a line. Not thread-safe. */
final class TextLines {
    private final Bytes text;
    private final MemorySegment segment;
    private final long size;
    private long nextLine;
    private long position;
    private long end;
    private long number;

    TextLines(Bytes text) {
        this.text = text;
        this.segment = text.segment();
        this.size = text.size();
    }

    /** Moves to the start of the next line; false behind the last one. */
    boolean next() {
        if (nextLine >= size) {
            return false;
        }
        position = nextLine;
        end = position;
        while (end < size && byteAt(end) != '\n') {
            end++;
        }
        nextLine = end + 1;
        if (end > position && byteAt(end - 1) == '\r') {
            end--;
        }
        return true;
    }

    private byte byteAt(long at) {
        return segment.get(ValueLayout.JAVA_BYTE, at);
    }

    /** Whether nothing but blanks is left in the line. */
    boolean isBlank() {
        for (long at = position; at < end; at++) {
            if (byteAt(at) != ' ' && byteAt(at) != '\t') {
                return false;
            }
        }
        return true;
    }

    /** Takes a hexadecimal number of at most 64 bits, with or without {@code 0x}; false if there is none. */
    boolean hex() {
        number = 0;
        if (end - position > 2 && byteAt(position) == '0' && (byteAt(position + 1) | 0x20) == 'x') {
            position += 2;
        }
        int digits = 0;
        while (position < end) {
            int digit = Character.digit(byteAt(position), 16);
            if (digit < 0) {
                break;
            }
            if (number >>> (Long.SIZE - 4) != 0) {
                return false;
            }
            number = number << 4 | digit;
            digits++;
            position++;
        }
        return digits > 0;
    }

    /** The number that {@link #hex} took. */
    long number() {
        return number;
    }

    /** Takes blanks; false if there are none. */
    boolean blanks() {
        long before = position;
        while (position < end && (byteAt(position) == ' ' || byteAt(position) == '\t')) {
            position++;
        }
        return position > before;
    }

    /** Takes a character; 0 at the end of the line. */
    int character() {
        return position < end ? byteAt(position++) & 0xff : 0;
    }

    /** Takes everything up to the next blank, and returns how long that is. */
    int word() {
        long before = position;
        while (position < end && byteAt(position) != ' ' && byteAt(position) != '\t') {
            position++;
        }
        return (int) Math.min(position - before, Integer.MAX_VALUE);
    }

    /** Where the next character stands in the text. */
    long position() {
        return position;
    }

    /** Number of bytes left in the line. */
    long remaining() {
        return end - position;
    }

    /** Takes what is left of the line. */
    String rest() {
        String rest = text.paddedString(position, end - position);
        position = end;
        return rest;
    }
}
