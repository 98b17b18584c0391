package org.backstitch.unwind;

/**
 * A stack that the kernel may run on.
 *
 * @param name what it is for: {@code task}, {@code irq}, {@code entry}, {@code nmi}…
 * @param start its lowest address
 * @param end the address behind it; unsigned, not below the start
 */
public record KernelStack(String name, long start, long end) {
    /**
     * Checks the range.
     *
     * @throws IllegalArgumentException if the end lies below the start
     */
    public KernelStack {
        if (Long.compareUnsigned(start, end) > 0) {
            throw new IllegalArgumentException("stack %s from 0x%x to 0x%x".formatted(name, start, end));
        }
    }

    /** Whether {@code length} bytes at {@code address} lie on this stack ({@code on_stack}). */
    public boolean contains(long address, long length) {
        long offset = address - start;
        long size = end - start;
        return Long.compareUnsigned(length, size) <= 0 && Long.compareUnsigned(offset, size - length) <= 0;
    }
}
