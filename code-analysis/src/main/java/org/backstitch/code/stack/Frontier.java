package org.backstitch.code.stack;

import java.util.Arrays;

/**
 * The instructions of one analysis where paths can meet, with what is known in front of each, and those of them that still have to be
 * followed. What may lie behind a call that does not return waits until nothing else is left.
 */
final class Frontier {
    final StatePool pool = new StatePool();

    /** For each instruction the number of its record in the pool; 0 for none. */
    private final int[] records;

    private int[] leaders = new int[64];
    private int leaderCount;
    private final InstructionQueue strong;
    private final InstructionQueue weak;

    /** A frontier for instructions below {@code count}. */
    Frontier(int count) {
        records = new int[count + 1];
        strong = new InstructionQueue(count);
        weak = new InstructionQueue(count);
    }

    void clear() {
        for (int i = 0; i < leaderCount; i++) {
            records[leaders[i]] = 0;
        }
        leaderCount = 0;
        pool.clear();
        strong.clear();
        weak.clear();
    }

    /** The record of an instruction; 0 for none. */
    int record(int instruction) {
        return records[instruction];
    }

    /** Adds an instruction that has no record yet, to be followed; {@code behind} is the call that it lies behind, or -1. */
    void add(int instruction, StackState state, boolean assumed, int behind) {
        if (leaderCount == leaders.length) {
            leaders = Arrays.copyOf(leaders, 2 * leaderCount);
        }
        leaders[leaderCount++] = instruction;
        records[instruction] = pool.add(state, assumed, behind);
        (behind >= 0 ? weak : strong).add(instruction);
    }

    /** Says that an instruction has to be followed again. */
    void again(int instruction) {
        strong.add(instruction);
    }

    /** The next instruction to follow; -1 if there is none. */
    int next() {
        if (!strong.isEmpty()) {
            return strong.remove();
        }
        return weak.isEmpty() ? -1 : weak.remove();
    }

    /** All instructions with a record, in order. */
    int[] leaders() {
        int[] sorted = Arrays.copyOf(leaders, leaderCount);
        Arrays.sort(sorted);
        return sorted;
    }
}
