package org.backstitch.symbols;

import java.util.Optional;

/** Bootstring with the parameters of Punycode (RFC 3492), decoding only. */
final class Punycode {
    private static final int BASE = 36;
    private static final int T_MIN = 1;
    private static final int T_MAX = 26;
    private static final int SKEW = 38;
    private static final int DAMP = 700;
    private static final int INITIAL_BIAS = 72;
    private static final int INITIAL_N = 0x80;
    /** Identifiers are short; a hostile one must not cost the square of its length. */
    private static final int MAX_LENGTH = 4096;

    private Punycode() {}

    /**
     * Puts characters into a text.
     *
     * @param basic the ASCII characters, in order
     * @param deltas where to put which others; lower-case letters and digits
     * @return empty if the deltas are none
     */
    static Optional<String> decode(String basic, String deltas) {
        if (deltas.isEmpty() || basic.length() + deltas.length() > MAX_LENGTH) {
            return Optional.empty();
        }
        int[] output = new int[basic.length() + deltas.length()];
        int length = 0;
        for (; length < basic.length(); length++) {
            output[length] = basic.charAt(length);
        }
        int n = INITIAL_N;
        long i = 0;
        int bias = INITIAL_BIAS;
        boolean first = true;
        int at = 0;
        while (at < deltas.length()) {
            long before = i;
            long weight = 1;
            for (int k = BASE; ; k += BASE) {
                int digit = at < deltas.length() ? digit(deltas.charAt(at++)) : -1;
                if (digit < 0) {
                    return Optional.empty();
                }
                i += digit * weight;
                if (i > Integer.MAX_VALUE) {
                    return Optional.empty();
                }
                int t = Math.clamp(k - bias, T_MIN, T_MAX);
                if (digit < t) {
                    break;
                }
                weight *= BASE - t;
                if (weight > Integer.MAX_VALUE) {
                    return Optional.empty();
                }
            }
            bias = adapt((int) (i - before), length + 1, first);
            first = false;
            n += (int) (i / (length + 1));
            i %= length + 1;
            if (n < 0 || n > Character.MAX_CODE_POINT || (n >= 0xd800 && n <= 0xdfff)) {
                return Optional.empty();
            }
            System.arraycopy(output, (int) i, output, (int) i + 1, length - (int) i);
            output[(int) i] = n;
            length++;
            i++;
        }
        return Optional.of(new String(output, 0, length));
    }

    private static int digit(char c) {
        if (c >= 'a' && c <= 'z') {
            return c - 'a';
        }
        return c >= '0' && c <= '9' ? 26 + c - '0' : -1;
    }

    /** RFC 3492 §6.1. */
    private static int adapt(int delta, int points, boolean first) {
        int d = first ? delta / DAMP : delta / 2;
        d += d / points;
        int k = 0;
        while (d > (BASE - T_MIN) * T_MAX / 2) {
            d /= BASE - T_MIN;
            k += BASE;
        }
        return k + (BASE - T_MIN + 1) * d / (d + SKEW);
    }
}
