package org.backstitch.unwind.table;

import java.lang.invoke.VarHandle;
import java.util.Arrays;
import java.util.Objects;
import org.backstitch.elf.dwarf.UnwindRow;
import org.jspecify.annotations.Nullable;

/**
 * The distinct rules of a table, each with its number: libraries have ten thousands of rows and some hundred different rules.
 *
 * <p>Number 0 is {@link UnwindRule#NONE}. Rules are only ever added, so a number once given is good for ever. Thread-safe: adding locks;
 * reading does not, nor does asking for the number of a rule that is there.
 */
public final class RuleDictionary {
    /** What readers see: replaced as a whole when it grows. */
    private static final class Entries {
        final long[] rules;
        final long[] saved;
        final @Nullable UnwindRow[] sides;

        /** Open addressing by hash; holds numbers, 0 is free. At most half full. A number is written behind what it stands for. */
        final int[] slots;

        Entries(long[] rules, long[] saved, @Nullable UnwindRow[] sides) {
            this.rules = rules;
            this.saved = saved;
            this.sides = sides;
            this.slots = new int[2 * rules.length];
        }

        /** The number of a rule, or the complement of the slot where it belongs. */
        int find(long rule, long word, @Nullable UnwindRow side) {
            int mask = slots.length - 1;
            int slot = hash(rule, word, side) & mask;
            for (int number; (number = slots[slot]) != 0; slot = slot + 1 & mask) {
                VarHandle.acquireFence();
                if (rules[number] == rule && saved[number] == word && Objects.equals(sides[number], side)) {
                    return number;
                }
            }
            return ~slot;
        }

        /** Writes an entry, then lets those see it who look for it. */
        void put(int number, long rule, long word, @Nullable UnwindRow side, int slot) {
            rules[number] = rule;
            saved[number] = word;
            sides[number] = side;
            VarHandle.releaseFence();
            slots[slot] = number;
        }

        /** The same entries, the first {@code count}, with room for twice as many. */
        Entries grown(int count) {
            int size = rules.length * 2;
            Entries grown =
                    new Entries(Arrays.copyOf(rules, size), Arrays.copyOf(saved, size), Arrays.copyOf(sides, size));
            for (int number = 1; number < count; number++) {
                int free = ~grown.find(rules[number], saved[number], sides[number]);
                grown.slots[free] = number;
            }
            return grown;
        }
    }

    private volatile Entries entries = new Entries(new long[64], new long[64], new @Nullable UnwindRow[64]);
    private int count = 1;

    /** An empty dictionary. */
    public RuleDictionary() {}

    /** The number of a rule, which is added if it is new. */
    public int intern(long rule, long saved, @Nullable UnwindRow side) {
        if (rule == UnwindRule.NONE) {
            return 0;
        }
        int known = entries.find(rule, saved, side);
        return known > 0 ? known : add(rule, saved, side);
    }

    private synchronized int add(long rule, long saved, @Nullable UnwindRow side) {
        if (count == entries.rules.length) {
            entries = entries.grown(count);
        }
        Entries current = entries;
        int known = current.find(rule, saved, side);
        if (known > 0) {
            return known;
        }
        int number = count++;
        current.put(number, rule, saved, side, ~known);
        return number;
    }

    private static int hash(long rule, long saved, @Nullable UnwindRow side) {
        // The low bits of what is returned depend on all bits of both words.
        long mixed = (Long.rotateLeft(rule * 0x9e37_79b9_7f4a_7c15L, 32) ^ saved) * 0xbf58_476d_1ce4_e5b9L;
        return (int) (mixed >>> 32) ^ (int) (mixed >>> 47) ^ Objects.hashCode(side);
    }

    /** How many numbers have been given, 0 among them. */
    public synchronized int size() {
        return count;
    }

    /** The {@link UnwindRule} word of a number. */
    public long rule(int number) {
        return entries.rules[number];
    }

    /** The {@link SavedRegisters} word of a number. */
    public long saved(int number) {
        return entries.saved[number];
    }

    /** The complete row of a number, or null where the words say all ({@link UnwindRule#hasSide} tells). */
    public @Nullable UnwindRow side(int number) {
        return entries.sides[number];
    }

    /** What the dictionary takes in memory, in bytes: its words, and an estimate of {@value #SIDE_BYTES} for each complete row. */
    public synchronized long sizeInBytes() {
        long bytes = count * 2L * Long.BYTES;
        for (int number = 0; number < count; number++) {
            bytes += entries.sides[number] == null ? 0 : SIDE_BYTES;
        }
        return bytes;
    }

    private static final long SIDE_BYTES = 512;
}
