package org.backstitch.unwind.table;

import java.util.Arrays;
import java.util.Objects;
import org.backstitch.elf.dwarf.UnwindRow;
import org.jspecify.annotations.Nullable;

/**
 * The distinct rules of a table, each with its number: libraries have ten thousands of rows and some hundred different rules.
 *
 * <p>Number 0 is {@link UnwindRule#NONE}. Rules are only ever added, so a number once given is good for ever; adding locks, reading
 * does not.
 */
public final class RuleDictionary {
    /** What readers see: replaced as a whole when it grows. */
    private static final class Entries {
        final long[] rules;
        final long[] saved;
        final @Nullable UnwindRow[] sides;

        Entries(long[] rules, long[] saved, @Nullable UnwindRow[] sides) {
            this.rules = rules;
            this.saved = saved;
            this.sides = sides;
        }

        Entries grown() {
            int size = rules.length * 2;
            return new Entries(Arrays.copyOf(rules, size), Arrays.copyOf(saved, size), Arrays.copyOf(sides, size));
        }
    }

    private volatile Entries entries = new Entries(new long[64], new long[64], new @Nullable UnwindRow[64]);
    private int count = 1;
    /** Open addressing by hash; holds numbers, 0 is free. At most half full. */
    private int[] slots = new int[128];

    /** An empty dictionary. */
    public RuleDictionary() {}

    /** The number of a rule, which is added if it is new. */
    public synchronized int intern(long rule, long saved, @Nullable UnwindRow side) {
        if (rule == UnwindRule.NONE) {
            return 0;
        }
        int mask = slots.length - 1;
        int slot = hash(rule, saved, side) & mask;
        Entries current = entries;
        for (; slots[slot] != 0; slot = slot + 1 & mask) {
            int number = slots[slot];
            if (current.rules[number] == rule
                    && current.saved[number] == saved
                    && Objects.equals(current.sides[number], side)) {
                return number;
            }
        }
        if (count == current.rules.length) {
            current = current.grown();
        }
        int number = count++;
        current.rules[number] = rule;
        current.saved[number] = saved;
        current.sides[number] = side;
        entries = current; // the volatile write that publishes the three writes above
        slots[slot] = number;
        if (count * 2 > slots.length) {
            rehash();
        }
        return number;
    }

    private void rehash() {
        Entries current = entries;
        int[] larger = new int[slots.length * 2];
        int mask = larger.length - 1;
        for (int number = 1; number < count; number++) {
            int slot = hash(current.rules[number], current.saved[number], current.sides[number]) & mask;
            while (larger[slot] != 0) {
                slot = slot + 1 & mask;
            }
            larger[slot] = number;
        }
        slots = larger;
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
