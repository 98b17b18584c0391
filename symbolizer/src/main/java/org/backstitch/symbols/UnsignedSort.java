package org.backstitch.symbols;

import java.util.Arrays;

/** Sorts unsigned 64-bit numbers, without an object a number. */
final class UnsignedSort {
    private static final int RADIX_BITS = 8;
    private static final int RADIX = 1 << RADIX_BITS;

    private UnsignedSort() {}

    /** The indices of {@code keys} in ascending order of the keys; equal ones stay in their order. */
    static int[] order(long[] keys) {
        int[] order = new int[keys.length];
        Arrays.setAll(order, i -> i);
        long differing = 0;
        boolean sorted = true;
        for (int i = 1; i < keys.length; i++) {
            differing |= keys[i] ^ keys[0];
            sorted &= Long.compareUnsigned(keys[i - 1], keys[i]) <= 0;
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
            for (long key : keys) {
                position[(int) (key >>> shift & (RADIX - 1)) + 1]++;
            }
            for (int digit = 0; digit < RADIX; digit++) {
                position[digit + 1] += position[digit];
            }
            for (int index : order) {
                target[position[(int) (keys[index] >>> shift & (RADIX - 1))]++] = index;
            }
            int[] swap = order;
            order = target;
            target = swap;
        }
        return order;
    }

    /** The numbers in ascending order, each once. The array is used up. */
    static long[] distinct(long[] numbers) {
        for (int i = 0; i < numbers.length; i++) {
            numbers[i] ^= Long.MIN_VALUE;
        }
        Arrays.sort(numbers);
        int kept = 0;
        for (int i = 0; i < numbers.length; i++) {
            if (i == 0 || numbers[i] != numbers[i - 1]) {
                numbers[kept++] = numbers[i];
            }
        }
        long[] result = Arrays.copyOf(numbers, kept);
        for (int i = 0; i < kept; i++) {
            result[i] ^= Long.MIN_VALUE;
        }
        return result;
    }
}
