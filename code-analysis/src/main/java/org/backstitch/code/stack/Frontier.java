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

    /** Ways of control from leader to leader, as {@link #edges} gives them. */
    private long[] edges = new long[64];

    private int edgeCount;
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
        edgeCount = 0;
        pool.clear();
        strong.clear();
        weak.clear();
    }

    /** The record of an instruction; 0 for none. */
    int record(int instruction) {
        return records[instruction];
    }

    /**
     * Adds an instruction that has no record yet, to be followed.
     *
     * @param behind the call that it lies behind, or -1
     * @param doubt the last call before it that may not return, or -1
     */
    void add(int instruction, StackState state, boolean assumed, int behind, int doubt) {
        if (leaderCount == leaders.length) {
            leaders = Arrays.copyOf(leaders, 2 * leaderCount);
        }
        leaders[leaderCount++] = instruction;
        records[instruction] = pool.add(state, assumed, behind, doubt);
        (behind >= 0 ? weak : strong).add(instruction);
    }

    /** Says that control goes from one leader to another, perhaps by the return of a call that may not return. */
    void connect(int from, int to, boolean doubtful) {
        if (edgeCount == edges.length) {
            edges = Arrays.copyOf(edges, 2 * edgeCount);
        }
        edges[edgeCount++] = (long) from << 32 | (long) to << 1 | (doubtful ? 1 : 0);
    }

    /**
     * All ways between leaders, without repetition: the leader that control comes from in the upper half, in the lower one twice the one
     * that it gets to, plus 1 if a call has to return for that.
     */
    long[] edges() {
        Arrays.sort(edges, 0, edgeCount);
        int kept = 0;
        for (int i = 0; i < edgeCount; i++) {
            if (kept == 0 || edges[kept - 1] != edges[i]) {
                edges[kept++] = edges[i];
            }
        }
        edgeCount = kept;
        return Arrays.copyOf(edges, kept);
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
