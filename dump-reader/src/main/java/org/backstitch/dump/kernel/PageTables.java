package org.backstitch.dump.kernel;

import org.backstitch.dump.Extent;
import org.jspecify.annotations.Nullable;

/**
 * The page tables of x86-64 in a dump's physical memory (Intel SDM volume 3, chapter 4.5, "4-Level Paging and 5-Level Paging").
 *
 * <p>A walk reads one entry a level and is therefore bounded whatever the tables say, even if they point to themselves. Not
 * thread-safe: it keeps the table pages that it met last.
 */
final class PageTables {
    /** Size of the smallest page and of a table, in bytes. */
    static final int PAGE_SIZE = 4096;

    private static final int PAGE_SHIFT = 12;
    private static final int INDEX_BITS = 9;
    private static final long PRESENT = 1;
    private static final long HUGE = 1L << 7;
    /** Bits 12 to 51 of an entry are the physical address; above are protection keys and the no-execute bit. */
    private static final long ADDRESS_MASK = 0x000f_ffff_ffff_f000L;

    private static final int CACHED_TABLES = 64;

    /** What came out of a walk. */
    sealed interface Translation {}

    /**
     * A page of 4 KiB, 2 MiB or 1 GiB.
     *
     * @param address where it is mapped
     * @param paddr where it lies
     * @param size in bytes
     */
    record Page(long address, long paddr, long size) implements Translation {}

    /** The tables say that nothing is mapped there. */
    record NotMapped() implements Translation {}

    /** A table of the walk is not in the dump. */
    record TableMissing() implements Translation {}

    private static final NotMapped NOT_MAPPED = new NotMapped();
    private static final TableMissing TABLE_MISSING = new TableMissing();

    private final PhysicalMemory memory;
    private final long root;
    private final int levels;
    /** Memory encryption marks encrypted pages with a bit in their physical addresses; the dump does not have it. */
    private final long addressMask;

    private final long[] cachedFrames = new long[CACHED_TABLES];
    private final @Nullable Extent[] cachedTables = new Extent[CACHED_TABLES];

    /**
     * @param root physical address of the top table; its low 12 bits are ignored, so that CR3 can be given
     * @param levels 4 or 5
     * @param encryptionMask the bits of an entry's address that mark encrypted memory (VMCOREINFO's {@code sme_mask}); 0 for none
     */
    PageTables(PhysicalMemory memory, long root, int levels, long encryptionMask) {
        if (levels != 4 && levels != 5) {
            throw new IllegalArgumentException("page tables of " + levels + " levels");
        }
        this.memory = memory;
        this.addressMask = ADDRESS_MASK & ~encryptionMask;
        this.root = root & addressMask;
        this.levels = levels;
    }

    /** Whether the dump holds the top table. */
    boolean isReadable() {
        return table(root) != null;
    }

    /** How many entries of the top table are present for the upper half of the address space; the top table must be readable. */
    int kernelEntries() {
        Extent table = table(root);
        int present = 0;
        for (int index = 256; table != null && index < 512; index++) {
            present += (int) (table.bytes().i64(root - table.address() + 8L * index) & PRESENT);
        }
        return present;
    }

    /** Where the byte at {@code address} lies. */
    Translation translate(long address) {
        int bits = PAGE_SHIFT + INDEX_BITS * levels;
        if (address << (Long.SIZE - bits) >> (Long.SIZE - bits) != address) {
            return NOT_MAPPED; // not canonical
        }
        long frame = root;
        for (int level = levels; ; level--) {
            Extent table = table(frame);
            if (table == null) {
                return TABLE_MISSING;
            }
            int shift = PAGE_SHIFT + INDEX_BITS * (level - 1);
            long index = (address >>> shift) & ((1 << INDEX_BITS) - 1);
            long entry = table.bytes().i64(frame - table.address() + 8 * index);
            if ((entry & PRESENT) == 0) {
                return NOT_MAPPED;
            }
            if (level == 1 || level <= 3 && (entry & HUGE) != 0) {
                long size = 1L << shift;
                // The bits below a huge page's address hold its memory type.
                return new Page(address & -size, entry & addressMask & -size, size);
            }
            frame = entry & addressMask;
        }
    }

    /** The extent that holds the whole table at {@code frame}, or null. */
    private @Nullable Extent table(long frame) {
        int slot = (int) (frame >>> PAGE_SHIFT) & (CACHED_TABLES - 1);
        Extent cached = cachedTables[slot];
        if (cached != null && cachedFrames[slot] == frame) {
            return cached;
        }
        Extent found = memory.at(frame);
        if (found == null || !found.contains(frame, PAGE_SIZE)) {
            return null;
        }
        cachedFrames[slot] = frame;
        cachedTables[slot] = found;
        return found;
    }
}
