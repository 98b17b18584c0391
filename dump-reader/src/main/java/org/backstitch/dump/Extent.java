package org.backstitch.dump;

import org.backstitch.bytes.Bytes;

/**
 * Consecutive addresses and the bytes that a dump holds for them.
 *
 * @param address of the first byte, physical or virtual; unsigned
 * @param bytes what lies there
 */
public record Extent(long address, Bytes bytes) {
    /** Number of bytes. */
    public long size() {
        return bytes.size();
    }

    /** Whether the {@code length} bytes (0 or more) from {@code wanted} on lie in this extent. */
    public boolean contains(long wanted, long length) {
        // The offset of an address below the extent wraps around to a huge unsigned one, which a long shows as
        // negative.
        return bytes.contains(wanted - address, length);
    }

    /** The part of this extent from {@code from} on, at most {@code length} bytes; {@code from} must lie in the extent. */
    public Extent part(long from, long length) {
        long offset = from - address;
        return new Extent(from, bytes.slice(offset, Math.min(length, bytes.size() - offset)));
    }
}
