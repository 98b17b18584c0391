package org.backstitch.unwind.machine;

/**
 * Memory of a simulated or recorded process (or kernel), by virtual address.
 *
 * <p>Implementations never throw for an address that they do not hold; a caller asks {@link #isReadable} first. Addresses are
 * unsigned.
 */
public interface Memory {
    /** Why bytes are not there. */
    enum Absence {
        /** The address was (or may have been) mapped, but its bytes were not recorded. */
        NOT_RECORDED,
        /** Nothing was mapped there. */
        NOT_MAPPED
    }

    /** Whether the {@code length} bytes from {@code address} on can be read. */
    boolean isReadable(long address, int length);

    /**
     * The eight bytes at {@code address}, little-endian.
     *
     * @throws IllegalArgumentException if {@code isReadable(address, 8)} does not hold
     */
    long readLong(long address);

    /** Why the eight bytes at {@code address} cannot be read; asked only where {@link #isReadable} does not hold. */
    Absence absence(long address);
}
