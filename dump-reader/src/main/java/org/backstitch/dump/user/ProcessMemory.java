package org.backstitch.dump.user;

import java.nio.charset.StandardCharsets;
import java.util.Arrays;
import java.util.Optional;
import java.util.OptionalLong;
import org.backstitch.bytes.Bytes;
import org.backstitch.dump.Extent;
import org.backstitch.dump.ExtentMap;
import org.backstitch.unwind.machine.Memory;
import org.jspecify.annotations.Nullable;

/**
 * The memory of a process as far as it was kept: extents of bytes, and the ranges that were mapped, whether kept or not.
 *
 * <p>Immutable and thread-safe.
 */
final class ProcessMemory implements Memory {
    /** Nothing is mapped below, with the {@code vm.mmap_min_addr} of every distribution. */
    private static final long LOWEST_ADDRESS = 0x1_0000;

    /** The end of the lower canonical half with five-level page tables. */
    private static final long USER_END = 1L << 56;

    private final ExtentMap extents;
    private final AddressRanges mapped;
    private final boolean complete;

    /**
     * @param extents the bytes that were kept
     * @param mapped what the process could read
     * @param complete whether {@code mapped} is all of it, rather than as much as the remains of the dump tell
     */
    ProcessMemory(ExtentMap extents, AddressRanges mapped, boolean complete) {
        this.extents = extents;
        this.mapped = mapped;
        this.complete = complete;
    }

    @Override
    public boolean isReadable(long address, int length) {
        Extent extent = extents.at(address);
        if (extent == null) {
            return false;
        }
        return extent.contains(address, length) || gather(address, length) != null;
    }

    @Override
    public long readLong(long address) {
        Extent extent = extents.at(address);
        if (extent != null && extent.contains(address, Long.BYTES)) {
            return extent.bytes().i64(address - extent.address());
        }
        byte[] bytes = gather(address, Long.BYTES);
        if (bytes == null) {
            throw new IllegalArgumentException("0x%x is not in the dump".formatted(address));
        }
        return Bytes.of(bytes, "memory").i64(0);
    }

    /** Bytes that lie across the border of two extents; null if some are missing. */
    private byte @Nullable [] gather(long address, int length) {
        byte[] bytes = new byte[length];
        for (int i = 0; i < length; i++) {
            Extent extent = extents.at(address + i);
            if (extent == null) {
                return null;
            }
            bytes[i] = (byte) extent.bytes().u8(address + i - extent.address());
        }
        return bytes;
    }

    @Override
    public Absence absence(long address) {
        if (mapped.contains(address)) {
            return Absence.NOT_RECORDED;
        }
        return complete || !isPossible(address) ? Absence.NOT_MAPPED : Absence.NOT_RECORDED;
    }

    /** Whether a process can have anything mapped at an address. */
    static boolean isPossible(long address) {
        return Long.compareUnsigned(address, LOWEST_ADDRESS) >= 0 && Long.compareUnsigned(address, USER_END) < 0;
    }

    /** The word at an address, where it was kept. */
    OptionalLong word(long address) {
        return isReadable(address, Long.BYTES) ? OptionalLong.of(readLong(address)) : OptionalLong.empty();
    }

    /** The bytes at an address, where all of them were kept next to each other. */
    Optional<Bytes> bytesAt(long address, long length) {
        Extent extent = extents.at(address);
        return extent != null && extent.contains(address, length)
                ? Optional.of(extent.bytes().slice(address - extent.address(), length))
                : Optional.empty();
    }

    /** All bytes from an address on that were kept next to each other. */
    Optional<Bytes> bytesFrom(long address) {
        Extent extent = extents.at(address);
        return extent == null ? Optional.empty() : Optional.of(extent.bytes().from(address - extent.address()));
    }

    /** The NUL-terminated string at an address, if it was kept and has at most {@code limit} bytes. */
    Optional<String> string(long address, int limit) {
        byte[] text = new byte[Math.min(limit, 256)];
        for (int length = 0; length < limit; length++) {
            Extent extent = extents.at(address + length);
            if (extent == null) {
                return Optional.empty();
            }
            int c = extent.bytes().u8(address + length - extent.address());
            if (c == 0) {
                return Optional.of(new String(text, 0, length, StandardCharsets.UTF_8));
            }
            if (length == text.length) {
                text = Arrays.copyOf(text, length * 2);
            }
            text[length] = (byte) c;
        }
        return Optional.empty();
    }

    /** The bytes that were kept. */
    ExtentMap extents() {
        return extents;
    }
}
