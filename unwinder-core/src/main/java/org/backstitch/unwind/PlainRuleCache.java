package org.backstitch.unwind;

import org.backstitch.unwind.table.UnwindRule;

/**
 * A cache from where a frame executes to its rule, for the rules that the hot loop knows.
 *
 * <p>Where a frame executes is its key: the vaddr in the file, and the file's number above it, so that all processes that map a file
 * share its entries. Eight bytes of code share an entry and lie beside the next eight, so that the call sites of a function share lines
 * of the processor's cache; every file is moved a little, or all would start in the same place. A key has two entries to choose from,
 * which lie side by side.
 *
 * <p>An entry is one {@code long}: a plain rule in the upper half, what remains of the key in the lower.
 *
 * <pre>
 *    key = vaddr + number * (2^35 + 8,208)
 *     46                       19 18              3 2    0
 *    +---------------------------+-----------------+------+
 *    |                           |   which entry   |      |      lower half of an entry: key ^ key >>> 15, 32 bits of it
 *    +---------------------------+-----------------+------+
 *
 *         63       62       43 42  40 39            33     32
 *     +------------+------------+----+----------------+-----------+
 *     | base is RBP|  CFA offset / 8 | RBP distance/8 | RBP saved |
 *     +------------+------------+----+----------------+-----------+
 *                   three zeros below: the offset in bytes
 * </pre>
 *
 * <p>Nothing is ever mistaken for something else. Of two keys with the same entry bits 4 to 18 are the same; if their checks are the
 * same too, so are bits 0 to 3 and, one after the other upwards, all from 19 on. No key is 0, which an empty entry stands for. Files
 * linked near 32 GiB or above, and all files after the first 4,095, are not cached; nor are rules of other shapes, which
 * {@link RuleNumberCache} is for.
 *
 * <p>Any number of threads may read and write one cache without a lock: an entry says by itself what it is for, and a 64-bit virtual
 * machine reads and writes it at once. What two write in one place at the same time one of them has to look up again, no more.
 *
 * <p>Where frame pointers do not lead, a walk cannot know a frame before it has the rule of the one before, so what lies between a return
 * address and the next decides how fast it is: a subtraction, a shift and a mask to the entry, three operations more to the CFA. What
 * checks that it is the right entry is computed beside.
 */
final class PlainRuleCache {
    /** The rule of an entry that holds none, or none that is plain. */
    static final int NOT_PLAIN = 0;

    /** In place of a rule: the frame is the outermost. Its CFA is RSP itself, so that it never looks like progress. */
    static final int OUTERMOST = 1;

    /** A key that no entry is for. */
    static final long NO_KEY = 0;

    private static final int MAX_FILE = 0xfff;
    private static final long FILE = (1L << 35) + 1026 * 8;

    /** Vaddrs from here on are not cached. */
    private static final long VADDR_END = (1L << 35) - MAX_FILE * 1026L * 8;

    private static final int BITS = 16;
    private static final int MASK = (1 << BITS) - 1;
    private static final int CFA_SHIFT = 8;
    private static final int RBP_SHIFT = 1;
    private static final int RBP_MASK = 0x7f;
    private static final long MAX_CFA_OFFSET = (1L << 23) - 8;
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

    /** The rule of a frame that has pushed RBP and made it its frame pointer. */
    static final int FRAME_POINTER = plainly(true, 2 * Long.BYTES, true, Long.BYTES);

    private final long[] entries = new long[1 << BITS];

    long[] entries() {
        return entries;
    }

    /** Whether the rules of a file can be cached. */
    static boolean canHold(int file, long highestVaddr) {
        return file > 0 && file <= MAX_FILE && Long.compareUnsigned(highestVaddr, VADDR_END) < 0;
    }

    /** What to subtract from a vaddr of a file for its key. */
    static long keyBias(int file) {
        return -file * FILE;
    }

    /** The first of the two entries of a key; the other is {@code slot ^ 1}. */
    static int slot(long key) {
        return (int) (key >>> 3) & MASK;
    }

    /** What an entry holds of its key. */
    static int check(long key) {
        return (int) (key ^ key >>> 15);
    }

    /** A rule word as it stands in an entry's upper half; {@link #NOT_PLAIN} if it is none that fits. */
    static int plain(long rule) {
        if (UnwindRule.kind(rule) == UnwindRule.END) {
            return OUTERMOST;
        }
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
        return plainly((rule & WORD_BASE_IS_RSP) == 0, (int) cfaOffset, rbpSaved, (int) rbpDistance);
    }

    private static int plainly(boolean baseIsRbp, int cfaOffset, boolean rbpSaved, int rbpDistance) {
        return (baseIsRbp ? 1 << 31 : 0) | cfaOffset << CFA_SHIFT | rbpDistance >> 3 << RBP_SHIFT | (rbpSaved ? 1 : 0);
    }

    /** An entry. */
    static long entry(long key, int plain) {
        return (long) plain << 32 | Integer.toUnsignedLong(check(key));
    }

    /** The rule of an entry. */
    static int rule(long entry) {
        return (int) (entry >>> 32);
    }

    /** The CFA of a frame with this RSP and RBP, by an entry's rule. */
    static long cfa(long entry, long sp, long bp) {
        long cfa = sp + (entry << 1 >>> 32 + CFA_SHIFT + 1);
        return entry < 0 ? cfa + bp - sp : cfa;
    }

    /** Whether a rule leads to a caller. */
    static boolean isStep(int plain) {
        return plain != NOT_PLAIN && plain != OUTERMOST;
    }

    /** Whether a rule's CFA is based on RBP. */
    static boolean isBasedOnRbp(int plain) {
        return plain < 0;
    }

    /** Whether a rule says that RBP was saved. */
    static boolean isRbpSaved(int plain) {
        return (plain & 1) != 0;
    }

    /** All ones if a rule says that RBP was saved, else zero. */
    static long rbpMask(int plain) {
        return -((long) plain & 1);
    }

    /** How far below the return address a rule says that RBP was saved, in bytes; 0 if it was not. */
    static long rbpDistance(int plain) {
        return (long) (plain & RBP_MASK << RBP_SHIFT) << 3 - RBP_SHIFT;
    }

    /** The entry for a key; 0 if there is none. */
    long find(long key) {
        int slot = slot(key);
        int check = check(key);
        long entry = entries[slot]; // read once: another thread may put another one there
        if ((int) entry == check) {
            return entry;
        }
        entry = entries[slot ^ 1];
        return (int) entry == check ? entry : 0;
    }

    /**
     * Puts an entry for a key where there is room, or else in the place of another. Calls that are met again and again get the first slot
     * of their key; what stands there moves to the second, where addresses of first frames go at once.
     */
    void put(long key, long entry, boolean isCall) {
        int slot = slot(key);
        if (entries[slot] == 0) {
            entries[slot] = entry;
        } else if (isCall) {
            entries[slot ^ 1] = entries[slot];
            entries[slot] = entry;
        } else {
            entries[slot ^ 1] = entry;
        }
    }
}
