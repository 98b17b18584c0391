package org.backstitch.code.stack;

import java.util.Arrays;
import java.util.List;
import org.backstitch.bytes.Bytes;

/**
 * Reads the tables that indirect jumps take their targets from.
 *
 * <p>A table's length is nowhere written. It ends at the bound that the index was compared with, where the comparison is found; before the
 * next place that the code takes the address of; before the first entry that does not lead to an instruction; and, where the bound is not
 * found, before several that lead out of the function.
 */
final class JumpTables {
    /** How far back from a jump its comparison is looked for, in words. */
    private static final int LOOK_BACK = 32;

    /** So many entries in a row that lead to other functions end a table. */
    private static final int MOST_STRANGERS = 16;

    private static final int MOST_ENTRIES = 1 << 14;

    private final DecodedCode code;

    JumpTables(DecodedCode code) {
        this.code = code;
    }

    /**
     * What was read of a table.
     *
     * @param targets instructions, each once, in the order of the entries
     * @param isBounded whether the number of entries is known
     */
    record Table(List<Integer> targets, boolean isBounded) {
        /** Copies the list. */
        Table {
            targets = List.copyOf(targets);
        }

        int size() {
            return targets.size();
        }

        int target(int index) {
            return targets.get(index);
        }

        /** The table without what turned out to be no entry. */
        Table without(int target) {
            return new Table(targets.stream().filter(other -> other != target).toList(), isBounded);
        }
    }

    /**
     * The instructions that a jump can go to by a table; none where it cannot be read.
     *
     * @param jump the instruction
     * @param kind {@link Value#TABLE_TARGET} or {@link Value#TABLE_POINTER}
     * @param table the table's place
     */
    Table read(int jump, int kind, int table) {
        int entrySize = kind == Value.TABLE_TARGET ? 4 : 8;
        int limit = limit(table, entrySize);
        int bound = bound(jump);
        limit = bound > 0 ? Math.min(limit, bound) : limit;
        int[] targets = new int[Math.min(limit, 256)];
        int count = 0;
        int strangers = 0;
        Bytes bytes = kind == Value.TABLE_TARGET ? code.module().bytesFrom(table) : null;
        for (int entry = 0; entry < limit; entry++) {
            int at = table + entry * entrySize;
            int place;
            if (kind == Value.TABLE_POINTER) {
                place = code.module().pointerAt(at);
            } else if (bytes != null && bytes.contains(4L * entry, 4)) {
                place = table + bytes.i32(4L * entry);
            } else {
                place = ModuleCode.NOWHERE;
            }
            int target = code.find(place);
            if (target < 0) {
                break;
            }
            // An entry may also lead to a part of the function that was put behind another one; but where the end is
            // not known, that
            // is more likely another function's table.
            if (bound <= 0 && !belongs(jump, target)) {
                if (++strangers == MOST_STRANGERS) {
                    break;
                }
                continue;
            }
            strangers = 0;
            if (count == targets.length) {
                targets = Arrays.copyOf(targets, 2 * count);
            }
            targets[count++] = target;
        }
        return new Table(Arrays.stream(targets, 0, count).distinct().boxed().toList(), bound > 0 && bound == limit);
    }

    private int limit(int table, int entrySize) {
        int[] all = code.index().tableStarts();
        int at = Arrays.binarySearch(all, table);
        at = at >= 0 ? at : -at - 1;
        while (at < all.length && all[at] <= table) {
            at++;
        }
        long room = at < all.length ? (long) all[at] - table : Integer.MAX_VALUE;
        return (int) Math.min(room / entrySize, MOST_ENTRIES);
    }

    private boolean belongs(int jump, int target) {
        int region = code.regionOf(target);
        return region == code.regionOf(jump) || !code.regions().isFunction(region);
    }

    /** How many entries the comparison before a jump lets through; 0 where none is found. */
    private int bound(int jump) {
        int first = Math.max(code.first(code.regionOf(jump)), jump - LOOK_BACK);
        int index = -1;
        for (int i = jump; i >= first; i--) {
            long word = code.word(i);
            switch (Effect.operation(word)) {
                case Effect.LOAD_TABLE_32, Effect.LOAD_TABLE_64, Effect.JUMP_TABLE -> {
                    if (index < 0) {
                        index = Effect.width(word);
                    }
                }
                case Effect.MOVE -> {
                    if (Effect.a(word) == index) {
                        index = Effect.b(word);
                    }
                }
                case Effect.SET -> {
                    if (index >= 0 && Effect.n(word) == 1 << index && Effect.b(word) != Effect.NO_REGISTER) {
                        index = Effect.b(word);
                    }
                }
                case Effect.COMPARE_CONSTANT -> {
                    if (Effect.a(word) == index && isRangeCheck(i + 1)) {
                        return Effect.n(word) >= 0 ? Effect.n(word) + 1 : 0;
                    }
                }
                case Effect.CALL, Effect.CALL_INDIRECT, Effect.RETURN -> {
                    return 0;
                }
                default -> {
                    // What lies between is passed over.
                }
            }
        }
        return 0;
    }

    private boolean isRangeCheck(int index) {
        return index < code.size()
                && Effect.operation(code.word(index)) == Effect.BRANCH
                && Effect.width(code.word(index)) == 0;
    }
}
