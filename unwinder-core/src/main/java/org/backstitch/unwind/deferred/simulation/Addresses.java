package org.backstitch.unwind.deferred.simulation;

import java.util.Arrays;

/** An immutable list of addresses, compared by its contents: a callchain, innermost first. */
public final class Addresses {
    /** No address. */
    public static final Addresses NONE = new Addresses(new long[0]);

    private final long[] values;

    private Addresses(long[] values) {
        this.values = values;
    }

    /** These addresses. */
    public static Addresses of(long... values) {
        return new Addresses(values.clone());
    }

    /** The first {@code count} of these addresses. */
    public static Addresses copyOf(long[] values, int count) {
        return new Addresses(Arrays.copyOf(values, count));
    }

    /** How many there are. */
    public int size() {
        return values.length;
    }

    /** One of them, from 0 on. */
    public long get(int index) {
        return values[index];
    }

    /** A copy of all. */
    public long[] toArray() {
        return values.clone();
    }

    /** Whether these are the first of those. */
    public boolean isPrefixOf(Addresses longer) {
        return values.length <= longer.values.length
                && Arrays.equals(values, 0, values.length, longer.values, 0, values.length);
    }

    /** The first {@code count} of them, or all if they are fewer. */
    public Addresses first(int count) {
        return count >= values.length ? this : copyOf(values, count);
    }

    @Override
    public boolean equals(Object other) {
        return other instanceof Addresses that && Arrays.equals(values, that.values);
    }

    @Override
    public int hashCode() {
        return Arrays.hashCode(values);
    }

    @Override
    public String toString() {
        StringBuilder text = new StringBuilder();
        for (long value : values) {
            text.append(text.isEmpty() ? "" : " ").append(Long.toHexString(value));
        }
        return text.toString();
    }
}
