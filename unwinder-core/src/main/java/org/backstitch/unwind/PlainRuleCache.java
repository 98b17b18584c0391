package org.backstitch.unwind;

import org.backstitch.unwind.table.UnwindRule;

/**
 * A cache from where a frame executes to its rule, for the rules that the hot loop knows: one for each walker.
 *
 * <p>An entry is one {@code long}: which place it is for in the upper half, a plain rule in the lower. Places are a vaddr in a file
 * and the file's number, so that all processes that map a file share its entries. Code lies in the cache as it lies in the file, eight
 * bytes to an entry, so that the call sites of a function share lines of the processor's cache; the file's number moves it elsewhere. A
 * place has two entries to choose from, which lie side by side.
 *
 * <pre>
 *    vaddr    34            19 18               3 2    0          place (upper half of an entry)
 *            +----------------+------------------+------+        31     20 19           4 3        0
 *            |    checked     |  which entry     |check.|       +---------+--------------+----------+
 *            +----------------+------------------+------+       |  file   | vaddr 34..19 | vaddr 3..0 |
 *                                                               +---------+--------------+----------+
 *    rule (lower half)
 *      31         12 11               2      1            0
 *     +-------------+------------------+------------+------------+
 *     | CFA offset/8|  RBP distance/8  | RBP saved  | base is RSP|
 *     +-------------+------------------+------------+------------+
 * </pre>
 *
 * <p>All bits of a place are either checked or say which entry it is, so nothing is ever mistaken for something else. Files linked above
 * 32 GiB, and all files after the first 4,095, are not cached; nor are rules of other shapes, which {@link RuleCache} holds.
 */
final class PlainRuleCache {
    /** The lower half of an entry that holds no plain rule. */
    static final int NOT_PLAIN = 0;

    /** Vaddrs from here on are not cached. */
    static final long VADDR_END = 1L << 35;

    private static final int BITS = 16;
    private static final int MASK = (1 << BITS) - 1;
    private static final int MAX_FILE = 0xfff;
    private static final int CFA_SHIFT = 12;
    private static final int RBP_SHIFT = 2;
    private static final int RBP_MASK = 0x3ff;
    private static final long MAX_CFA_OFFSET = 0xf_ffffL << 3;
    private static final long MAX_RBP_DISTANCE = (long) RBP_MASK << 3;

    /**
     * What a rule word must look like to be plain: a call, CFA on RSP or RBP, nothing dereferenced, RBP the same or at the CFA, and the
     * caller calling. Whether there is more to know of other registers does not matter.
     */
    private static final long SHAPE_MASK = 0xfL // kind
            | 0x1eL << 4 // base, but for its lowest bit: 6 is RBP, 7 is RSP
            | UnwindRule.DEREF
            | UnwindRule.DEREF_BASE
            | UnwindRule.EXACT_CALLER
            | 6L << 12; // RBP's mode, but for its lowest bit: 0 is the same, 1 at the CFA

    private static final long SHAPE = UnwindRule.CALL | 6 << 4;
    private static final long WORD_BASE_IS_RSP = 1L << 4;

    private final long[] entries = new long[1 << BITS];

    long[] entries() {
        return entries;
    }

    /** A file's number as it stands in places; 0, which no entry has, for files that are not cached. */
    static int fileBits(int file, long highestVaddr) {
        boolean cached = file <= MAX_FILE && Long.compareUnsigned(highestVaddr, VADDR_END) < 0;
        return cached ? file << 20 : 0;
    }

    /** The place of a vaddr in the file that {@code fileBits} stands for. */
    static int place(long vaddr, int fileBits) {
        return (int) (vaddr >>> 15) & 0xf_fff0 | (int) vaddr & 0xf | fileBits;
    }

    /** The first of the two entries of a place; the other is {@code slot ^ 1}. */
    static int slot(long vaddr, int fileBits) {
        // The number times 1,026 entries: an even number, so that the two entries of a place stay side by side.
        return ((int) (vaddr >>> 3) ^ (fileBits >>> 10) + (fileBits >>> 19)) & MASK;
    }

    /** A rule word as the lower half of an entry; {@link #NOT_PLAIN} if it is none that fits. */
    static int plain(long rule) {
        long cfaOffset = UnwindRule.cfaOffset(rule);
        boolean rbpSaved = UnwindRule.rbpMode(rule) == UnwindRule.RBP_AT_CFA;
        long rbpDistance = rbpSaved ? -Long.BYTES - UnwindRule.rbpOffset(rule) : 0;
        boolean fits = (rule & SHAPE_MASK) == SHAPE
                && (cfaOffset & 7) == 0
                && cfaOffset > 0
                && cfaOffset <= MAX_CFA_OFFSET
                && (rbpDistance & 7) == 0
                && rbpDistance >= 0
                && rbpDistance <= MAX_RBP_DISTANCE;
        if (!fits) {
            return NOT_PLAIN;
        }
        return (int) (cfaOffset >> 3) << CFA_SHIFT
                | (int) (rbpDistance >> 3) << RBP_SHIFT
                | (rbpSaved ? 2 : 0)
                | ((rule & WORD_BASE_IS_RSP) != 0 ? 1 : 0);
    }

    /** All ones if the CFA is based on RSP, else zero. */
    static long rspMask(int plain) {
        return -((long) plain & 1);
    }

    /** All ones if RBP was saved, else zero. */
    static long rbpMask(int plain) {
        return -((long) plain >> 1 & 1);
    }

    /** The CFA's offset from its base, in bytes. */
    static long cfaOffset(int plain) {
        return (long) (plain >>> CFA_SHIFT) << 3;
    }

    /** How far below the return address the saved RBP lies, in bytes; 0 if it was not saved. */
    static long rbpDistance(int plain) {
        return (long) (plain >>> RBP_SHIFT & RBP_MASK) << 3;
    }

    /** Puts a plain rule in the first entry of its place, and what was there in the second. */
    void put(int slot, int place, int plain) {
        entries[slot ^ 1] = entries[slot];
        entries[slot] = (long) place << 32 | Integer.toUnsignedLong(plain);
    }
}
