package org.backstitch.symbols;

import java.util.Map;
import java.util.Optional;

/**
 * Rust's first mangling (rustc, {@code symbol_mangling/legacy.rs}): {@code _ZN}, the elements of the path each with its length, the
 * last one a hash {@code h} and 16 hexadecimal digits, {@code E}. Characters that an assembler would not take are written as
 * {@code $LT$} and the like. It looks like C++; only the hash tells it apart.
 */
final class RustLegacyDemangler {
    private static final String PREFIX = "_ZN";
    private static final int HASH_LENGTH = 17;
    private static final Map<String, String> ESCAPES =
            Map.of("SP", "@", "BP", "*", "RF", "&", "LT", "<", "GT", ">", "LP", "(", "RP", ")", "C", ",");

    private RustLegacyDemangler() {}

    /** The path without its hash; empty if the name is none of Rust's. */
    static Optional<String> demangle(String name) {
        if (!name.startsWith(PREFIX)) {
            return Optional.empty();
        }
        StringBuilder out = new StringBuilder(name.length());
        int at = PREFIX.length();
        String element = "";
        boolean hashed = false;
        while (at < name.length() && name.charAt(at) != 'E') {
            if (!element.isEmpty()) {
                out.append(out.isEmpty() ? "" : "::");
                unescape(element, out);
            }
            int digits = at;
            int length = 0;
            while (at < name.length() && isDigit(name.charAt(at)) && length <= name.length()) {
                length = length * 10 + (name.charAt(at++) - '0');
            }
            if (at == digits || length == 0 || length > name.length() - at) {
                return Optional.empty();
            }
            element = name.substring(at, at + length);
            hashed = isHash(element);
            at += length;
        }
        if (!hashed || out.isEmpty() || at == name.length()) {
            return Optional.empty();
        }
        return Demangler.rustSuffix(name.substring(at + 1)).map(suffix -> out + suffix);
    }

    private static boolean isDigit(char c) {
        return c >= '0' && c <= '9';
    }

    private static boolean isLowerHex(char c) {
        return isDigit(c) || (c >= 'a' && c <= 'f');
    }

    private static boolean isHash(String element) {
        if (element.length() != HASH_LENGTH || element.charAt(0) != 'h') {
            return false;
        }
        for (int i = 1; i < element.length(); i++) {
            if (!isLowerHex(element.charAt(i))) {
                return false;
            }
        }
        return true;
    }

    private static void unescape(String element, StringBuilder out) {
        // An identifier cannot start with '$': an underscore stands before it.
        int at = element.startsWith("_$") ? 1 : 0;
        while (at < element.length()) {
            char c = element.charAt(at);
            if (element.startsWith("..", at)) {
                out.append("::");
                at += 2;
            } else if (c == '$') {
                int end = element.indexOf('$', at + 1);
                Optional<String> character = end < 0 ? Optional.empty() : escape(element.substring(at + 1, end));
                if (character.isEmpty()) {
                    out.append(element, at, element.length());
                    return;
                }
                out.append(character.get());
                at = end + 1;
            } else {
                out.append(c);
                at++;
            }
        }
    }

    private static Optional<String> escape(String escape) {
        String known = ESCAPES.get(escape);
        if (known != null) {
            return Optional.of(known);
        }
        // $u7e$: a character by its number.
        if (escape.length() < 2 || escape.length() > 7 || escape.charAt(0) != 'u') {
            return Optional.empty();
        }
        int value = 0;
        for (int i = 1; i < escape.length(); i++) {
            if (!isLowerHex(escape.charAt(i))) {
                return Optional.empty();
            }
            value = value << 4 | Character.digit(escape.charAt(i), 16);
        }
        boolean isCharacter = value <= Character.MAX_CODE_POINT && (value < 0xd800 || value > 0xdfff);
        return isCharacter && !Character.isISOControl(value)
                ? Optional.of(Character.toString(value))
                : Optional.empty();
    }
}
