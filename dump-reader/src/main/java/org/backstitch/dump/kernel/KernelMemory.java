package org.backstitch.dump.kernel;

import java.nio.charset.StandardCharsets;
import org.backstitch.bytes.Bytes;
import org.backstitch.bytes.MalformedInputException;
import org.backstitch.dump.Extent;
import org.backstitch.dump.ExtentMap;
import org.backstitch.unwind.machine.Memory;
import org.jspecify.annotations.Nullable;

/**
 * A crashed kernel's virtual memory: what its page tables map, and what the dump itself describes by virtual address.
 *
 * <p>The page tables come first; where they are missing or say nothing, the dump's virtual segments are asked. An address that
 * neither knows is {@linkplain Memory.Absence#NOT_MAPPED not mapped} if complete page tables say so, else not recorded. A page that
 * the dump holds in a broken form (a compressed page that cannot be unpacked) counts as not recorded, and
 * {@link #brokenPages()} counts it.
 *
 * <p>Not thread-safe: it remembers what it translated last, like a processor's TLB. {@link VmCore#memory} makes as many as there are
 * threads.
 */
public final class KernelMemory implements Memory {
    private static final int PAGE_SHIFT = 12;
    private static final int CACHED_PAGES = 1024;

    /**
     * Largest part of memory that is copied into one piece, in bytes. No table of a kernel comes near; page tables that map the same page
     * over and over could otherwise make a small dump look large.
     */
    private static final int MAX_COPY = 1 << 28;

    private final PhysicalMemory physical;
    private final @Nullable PageTables pageTables;
    private final ExtentMap virtual;

    /** For each slot the extent that held an address of the page last cached there; extents say themselves what they cover. */
    private final @Nullable Extent[] cache = new Extent[CACHED_PAGES];

    private long brokenPages;

    KernelMemory(PhysicalMemory physical, @Nullable PageTables pageTables, ExtentMap virtual) {
        this.physical = physical;
        this.pageTables = pageTables;
        this.virtual = virtual;
    }

    @Override
    public boolean isReadable(long address, int length) {
        Extent extent = cached(address);
        if (extent != null && extent.contains(address, length)) {
            return true;
        }
        long at = address;
        long left = length;
        while (left > 0) {
            Extent part = extent(at);
            if (part == null) {
                return false;
            }
            long here = part.address() + part.size() - at;
            at += here;
            left -= here;
        }
        return true;
    }

    @Override
    public long readLong(long address) {
        Extent extent = cached(address);
        if (extent != null && extent.contains(address, Long.BYTES)) {
            return extent.bytes().i64(address - extent.address());
        }
        return read(address, Long.BYTES);
    }

    @Override
    public Absence absence(long address) {
        for (int i = 0; i < Long.BYTES; i++) {
            if (extent(address + i) == null) {
                return pageTables != null && pageTables.translate(address + i) instanceof PageTables.NotMapped
                        ? Absence.NOT_MAPPED
                        : Absence.NOT_RECORDED;
            }
        }
        throw new IllegalArgumentException("0x" + Long.toHexString(address) + " can be read");
    }

    /** The unsigned byte at {@code address}; {@code isReadable(address, 1)} must hold. */
    public int readByte(long address) {
        return (int) read(address, 1);
    }

    /** The signed 32-bit number at {@code address}; {@code isReadable(address, 4)} must hold. */
    public int readInt(long address) {
        return (int) read(address, Integer.BYTES);
    }

    /**
     * The unsigned little-endian number of {@code size} bytes at {@code address}.
     *
     * @param size 1 to 8
     * @throws IllegalArgumentException if {@code isReadable(address, size)} does not hold
     */
    public long read(long address, int size) {
        long value = 0;
        for (int i = 0; i < size; i++) {
            Extent extent = extent(address + i);
            if (extent == null) {
                throw new IllegalArgumentException("0x" + Long.toHexString(address) + " cannot be read");
            }
            value |= (long) extent.bytes().u8(address + i - extent.address()) << (8 * i);
        }
        return value;
    }

    /**
     * The string at {@code address}: up to a NUL, {@code limit} bytes, or the end of what can be read.
     *
     * @param limit in bytes
     */
    public String readString(long address, int limit) {
        byte[] buffer = new byte[limit];
        int length = 0;
        while (length < limit) {
            Extent extent = extent(address + length);
            int b = extent == null ? 0 : extent.bytes().u8(address + length - extent.address());
            if (b == 0) {
                break;
            }
            buffer[length++] = (byte) b;
        }
        return new String(buffer, 0, length, StandardCharsets.UTF_8);
    }

    /**
     * The {@code length} bytes from {@code address} on as a view: of the dump itself if they lie there in one piece, else of a copy.
     *
     * @param name what they are, for error messages
     * @return null if not all of them can be read, or they are more than 256 MiB in pieces; nothing is allocated before that is known
     */
    public @Nullable Bytes bytes(long address, long length, String name) {
        Extent first = extent(address);
        if (first != null && first.contains(address, length)) {
            return first.part(address, length).bytes().named(name);
        }
        if (length < 0 || length > MAX_COPY || !isReadable(address, (int) length)) {
            return null;
        }
        byte[] copy = new byte[(int) length];
        int done = 0;
        while (done < copy.length) {
            Extent part = extent(address + done);
            if (part == null) {
                return null;
            }
            Extent here = part.part(address + done, copy.length - done);
            byte[] bytes = here.bytes().copy(0, (int) here.size());
            System.arraycopy(bytes, 0, copy, done, bytes.length);
            done += bytes.length;
        }
        return Bytes.of(copy, name);
    }

    /** How many pages the dump claims to hold, but holds in a form that cannot be read. A page may count more than once. */
    public long brokenPages() {
        return brokenPages;
    }

    private @Nullable Extent cached(long address) {
        return cache[(int) (address >>> PAGE_SHIFT) & (CACHED_PAGES - 1)];
    }

    /** The extent that holds the byte at {@code address}, or null. */
    private @Nullable Extent extent(long address) {
        Extent cached = cached(address);
        if (cached != null && cached.contains(address, 1)) {
            return cached;
        }
        Extent found = find(address);
        if (found != null) {
            cache[(int) (address >>> PAGE_SHIFT) & (CACHED_PAGES - 1)] = found;
        }
        return found;
    }

    private @Nullable Extent find(long address) {
        if (pageTables != null) {
            try {
                if (pageTables.translate(address) instanceof PageTables.Page page) {
                    Extent mapped = mapped(page, address);
                    if (mapped != null) {
                        return mapped;
                    }
                }
            } catch (MalformedInputException e) {
                brokenPages++;
            }
        }
        return virtual.at(address);
    }

    /** What the dump holds of {@code page} around {@code address}, by virtual address; null if that byte is missing. */
    private @Nullable Extent mapped(PageTables.Page page, long address) {
        long paddr = page.paddr() + (address - page.address());
        Extent found = physical.at(paddr);
        if (found == null) {
            return null;
        }
        // The part of the extent that lies in the page: both ends are cut to it.
        long before = Math.min(address - page.address(), paddr - found.address());
        long after = Math.min(page.address() + page.size() - address, found.address() + found.size() - paddr);
        return new Extent(
                address - before, found.part(paddr - before, before + after).bytes());
    }
}
