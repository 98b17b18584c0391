package org.backstitch.unwind;

import org.backstitch.unwind.machine.X86_64;
import org.backstitch.unwind.table.SavedRegisters;
import org.backstitch.unwind.table.UnwindRule;

/**
 * The cache of walks that recover all registers: an entry of {@link PlainRuleCache}, and beside it where the callee-saved registers lie
 * that the frame has saved.
 *
 * <pre>
 *    63       48 47     40 39   32 31   24 23   16 15    8 7     0
 *   +-----------+---------+-------+-------+-------+-------+-------+
 *   | registers | deepest |  R15  |  R14  |  R13  |  R12  |  RBX  |
 *   +-----------+---------+-------+-------+-------+-------+-------+
 * </pre>
 *
 * <p>How many words below the return address each was saved, 0 if it was not; the largest of these numbers, RBP's among them; and a bit
 * for each register that was saved, by its DWARF number. Rules that cannot be said so are not held.
 */
final class FullRuleCache {
    private static final int BITS = 16;
    private static final int MASK = (1 << BITS) - 1;
    private static final int FIELD_BITS = 8;
    private static final int FIELD_MASK = (1 << FIELD_BITS) - 1;
    private static final int DEEPEST_SHIFT = SavedRegisters.COUNT * FIELD_BITS;
    private static final int REGISTERS_SHIFT = 48;

    /** What does not fit. */
    private static final long UNSAYABLE = -1;

    /** How many longs an entry has. */
    static final int ENTRY = 2;

    /** Where in an entry the saved registers are. */
    static final int SAVED = 1;

    /** In place of a slot: there is none. */
    static final int NOWHERE = -1;

    private final long[] entries = new long[ENTRY << BITS];

    long[] entries() {
        return entries;
    }

    /** Where the first of the two entries of a key lies; the other is at {@code slot ^ ENTRY}. */
    static int slot(long key) {
        return (PlainRuleCache.slot(key) & MASK) * ENTRY;
    }

    /** Whether a rule can be held, by its plain form and the word of what it saves. */
    static boolean canHold(long rule, long saved) {
        int plain = PlainRuleCache.plain(rule);
        return plain != PlainRuleCache.NOT_PLAIN && !UnwindRule.hasSide(rule) && saved(plain, saved) != UNSAYABLE;
    }

    /** The second long of an entry. */
    static long saved(int plain, long word) {
        long result = 0;
        long deepest = PlainRuleCache.rbpDistance(plain) >> 3;
        long registers = PlainRuleCache.isRbpSaved(plain) ? 1L << X86_64.RBP : 0;
        for (int index = 0; index < SavedRegisters.COUNT; index++) {
            if (SavedRegisters.isSame(word, index)) {
                continue;
            }
            long words = -1 - (SavedRegisters.cfaOffset(word, index) >> 3);
            if (SavedRegisters.isUndefined(word, index) || words <= 0 || words > FIELD_MASK) {
                return UNSAYABLE;
            }
            result |= words << index * FIELD_BITS;
            deepest = Math.max(deepest, words);
            registers |= 1L << SavedRegisters.register(index);
        }
        return result | deepest << DEEPEST_SHIFT | registers << REGISTERS_SHIFT;
    }

    /** How far below the return address the deepest saved register lies, in bytes. */
    static long deepest(long saved) {
        return (saved >>> DEEPEST_SHIFT & FIELD_MASK) << 3;
    }

    /** How far below the return address a register lies, in bytes; 0 if it was not saved. The index is {@link SavedRegisters}'. */
    static long distance(long saved, int index) {
        return (saved >>> index * FIELD_BITS & FIELD_MASK) << 3;
    }

    /** The registers that were saved: bit n for DWARF number n. */
    static int registers(long saved) {
        return (int) (saved >>> REGISTERS_SHIFT);
    }

    /** Where the entry for a key lies; {@link #NOWHERE} if there is none. */
    int find(long key) {
        int slot = slot(key);
        int check = PlainRuleCache.check(key);
        if ((int) entries[slot] == check) {
            return slot;
        }
        slot ^= ENTRY;
        return (int) entries[slot] == check ? slot : NOWHERE;
    }

    /** Puts an entry, as {@link PlainRuleCache#put} does. */
    void put(long key, long entry, long saved, boolean isCall) {
        int slot = slot(key);
        int other = slot ^ ENTRY;
        if (entries[slot] != 0) {
            if (isCall) {
                entries[other] = entries[slot];
                entries[other + SAVED] = entries[slot + SAVED];
            } else {
                slot = other;
            }
        }
        entries[slot] = entry;
        entries[slot + SAVED] = saved;
    }
}
