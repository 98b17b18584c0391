package org.backstitch.cli.output;

/**
 * Text that may come from a stranger's file, made safe for a line of text.
 *
 * <p>A symbol, a comm or a path can hold any bytes: a newline would make a second record, an escape sequence would talk to the
 * terminal.
 */
public final class PlainText {
    private PlainText() {}

    /** The text with its control characters (C0, DEL, C1, and the line separators of Unicode) written as {@code \x0a} or \u005cu2028. */
    public static String oneLine(String text) {
        int i = 0;
        while (i < text.length() && !isControl(text.charAt(i))) {
            i++;
        }
        if (i == text.length()) {
            return text;
        }
        StringBuilder plain = new StringBuilder(text.length() + 16).append(text, 0, i);
        for (; i < text.length(); i++) {
            char c = text.charAt(i);
            if (!isControl(c)) {
                plain.append(c);
            } else if (c < 0x100) {
                plain.append("\\x").append(hexDigit(c >> 4)).append(hexDigit(c));
            } else {
                plain.append("\\u");
                for (int shift = 12; shift >= 0; shift -= 4) {
                    plain.append(hexDigit(c >> shift));
                }
            }
        }
        return plain.toString();
    }

    private static char hexDigit(int nibble) {
        return Character.forDigit(nibble & 15, 16);
    }

    private static boolean isControl(char c) {
        // The bidirectional marks are here too: they can make a line read otherwise than it is.
        return c < 0x20
                || (c >= 0x7f && c < 0xa0)
                || (c >= 0x2028 && c <= 0x202e)
                || (c >= 0x2066 && c <= 0x2069)
                || c == 0x200e
                || c == 0x200f;
    }
}
