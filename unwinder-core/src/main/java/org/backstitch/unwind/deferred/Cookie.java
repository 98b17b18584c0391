package org.backstitch.unwind.deferred;

/**
 * The name of an entry to the kernel, as Linux 6.19 and later make it: {@code counter << 32 | cpu + 1}, with an odd counter of the CPU
 * on which the entry's first request was made ({@code kernel/unwind/deferred.c}, {@code get_cookie}). It is never zero.
 */
public final class Cookie {
    /** How many entries of a CPU have different cookies. */
    public static final long PERIOD = 1L << 31;

    private Cookie() {}

    /**
     * The cookie of the {@code number}th entry that is named on a CPU.
     *
     * @param number counts from zero; what exceeds 31 bits is cut off, as the kernel's counter wraps
     * @param cpu at least 0
     */
    public static long of(long number, int cpu) {
        return (number << 1 | 1) << Integer.SIZE | (cpu + 1L & 0xffff_ffffL);
    }

    /** The CPU on which the entry was named. */
    public static int cpu(long cookie) {
        return (int) cookie - 1;
    }
}
