package org.backstitch.symbols;

import java.util.Arrays;

/** Sorts unsigned 64-bit numbers, without an object a number. */
final class UnsignedSort {
    private static final int RADIX_BITS = 8;
    private static final int RADIX = 1 << RADIX_BITS;

    /**
     * How many numbers the inner loops take at once. A virtual machine that has just started compiles what is called some hundred times long
     * before it compiles a loop that is never left.
     */
    private static final int BLOCK = 64;

    private UnsignedSort() {}

    /** The indices of {@code keys} in ascending order of the keys; equal ones stay in their order. */
    static int[] order(long[] keys) {
        int[] order = new int[keys.length];
        long differing = 0;
        boolean sorted = true;
        for (int i = 0; i < keys.length; i++) {
            order[i] = i;
            differing |= keys[i] ^ keys[0];
            sorted &= i == 0 || Long.compareUnsigned(keys[i - 1], keys[i]) <= 0;
        }
        if (sorted) {
            return order;
        }
        // Least significant digit first; digits in which all keys agree (most of an address) need no pass.
        int[] target = new int[keys.length];
        for (int shift = 0; shift < Long.SIZE; shift += RADIX_BITS) {
            if ((differing >>> shift & (RADIX - 1)) == 0) {
                continue;
            }
            int[] position = new int[RADIX + 1];
            for (int from = 0; from < keys.length; from += BLOCK) {
                count(keys, from, Math.min(from + BLOCK, keys.length), shift, position);
            }
            for (int digit = 0; digit < RADIX; digit++) {
                position[digit + 1] += position[digit];
            }
            for (int from = 0; from < keys.length; from += BLOCK) {
                distribute(keys, order, from, Math.min(from + BLOCK, keys.length), shift, position, target);
            }
            int[] swap = order;
            order = target;
            target = swap;
        }
        return order;
    }

    private static void count(long[] keys, int from, int to, int shift, int[] position) {
        for (int i = from; i < to; i++) {
            position[(int) (keys[i] >>> shift & (RADIX - 1)) + 1]++;
        }
    }

    private static void distribute(
            long[] keys, int[] order, int from, int to, int shift, int[] position, int[] target) {
        for (int i = from; i < to; i++) {
            int index = order[i];
            target[position[(int) (keys[index] >>> shift & (RADIX - 1))]++] = index;
        }
    }

    /** The numbers in ascending order, each once. */
    static long[] distinct(long[] numbers) {
        int[] order = order(numbers);
        long[] result = new long[numbers.length];
        int kept = 0;
        for (int from = 0; from < numbers.length; from += BLOCK) {
            kept = keep(numbers, order, from, Math.min(from + BLOCK, numbers.length), result, kept);
        }
        return Arrays.copyOf(result, kept);
    }

    private static int keep(long[] numbers, int[] order, int from, int to, long[] target, int before) {
        int kept = before;
        for (int i = from; i < to; i++) {
            long number = numbers[order[i]];
            if (kept == 0 || target[kept - 1] != number) {
                target[kept++] = number;
            }
        }
        return kept;
    }
}
