package org.backstitch.dump.text;

import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.List;
import org.backstitch.bytes.Bytes;

/**
 * A line of a text file.
 *
 * @param offset where in the file it begins, in bytes
 * @param text the line without its end
 */
public record TextLine(long offset, String text) {
    /** No process has a million mappings; what is larger is no such file. */
    private static final int LARGEST = 64 << 20;

    /** All lines of a file. */
    public static List<TextLine> split(Bytes file) {
        List<TextLine> lines = new ArrayList<>();
        if (file.size() > LARGEST) {
            throw file.malformed(LARGEST, "a text of more than 64 MiB");
        }
        byte[] bytes = file.copy(0, (int) file.size());
        int begin = 0;
        for (int i = 0; i <= bytes.length; i++) {
            if (i == bytes.length || bytes[i] == '\n') {
                lines.add(new TextLine(begin, new String(bytes, begin, i - begin, StandardCharsets.UTF_8)));
                begin = i + 1;
            }
        }
        return lines;
    }

    /** A number of at most sixteen hexadecimal digits, with or without {@code 0x}. */
    public long hexadecimal(String digits, Bytes source) {
        String plain = digits.startsWith("0x") || digits.startsWith("0X") ? digits.substring(2) : digits;
        if (!plain.matches("[0-9a-fA-F]{1,16}")) {
            throw source.malformed(offset, "expected a hexadecimal number: not '" + digits + "'");
        }
        return Long.parseUnsignedLong(plain, 16);
    }
}
