package org.backstitch.cli.flame;

import java.util.Arrays;
import java.util.function.IntUnaryOperator;

/**
 * Stacks summed up as a tree: each node is a frame below the frames that called it, and counts the samples that ended there.
 *
 * <p>Node 0 is the root, above the outermost frames; a node's number is greater than its parent's. Frames are numbers that the
 * caller gives a meaning, from zero up. A node costs 28 bytes and its share of a hash table; a sample costs nothing but the nodes
 * that it is the first to reach. Not thread-safe: give each thread a tree and {@linkplain #addAll add them up}.
 */
public final class StackTree {
    /** The node above all outermost frames. */
    public static final int ROOT = 0;

    private int[] parents = new int[1 << 10];
    private int[] frames = new int[1 << 10];
    private long[] counts = new long[1 << 10];
    private int size = 1;

    /** An open-addressed set of nodes, found by (parent, frame); 0 is an empty slot, since the root is no one's child. */
    private int[] slots = new int[1 << 11];

    /** The stack that was added last and its nodes: neighbours in time share most of their outer frames. */
    private int[] lastFrames = new int[64];

    private int[] lastNodes = new int[64];
    private int lastLength;

    /** An empty tree. */
    public StackTree() {
        frames[ROOT] = -1;
    }

    /**
     * Adds samples of one stack.
     *
     * @param stack frames from the outermost to the innermost
     * @param length how many of them there are, from index 0 on
     * @param count how many samples, or whatever they are weighted by; positive
     */
    public void add(int[] stack, int length, long count) {
        if (length > lastFrames.length) {
            lastFrames = Arrays.copyOf(lastFrames, Math.max(length, 2 * lastFrames.length));
            lastNodes = Arrays.copyOf(lastNodes, lastFrames.length);
        }
        int shared = Math.min(length, lastLength);
        int same = Arrays.mismatch(stack, 0, shared, lastFrames, 0, shared);
        int depth = same < 0 ? shared : same;
        int node = depth == 0 ? ROOT : lastNodes[depth - 1];
        for (; depth < length; depth++) {
            node = child(node, stack[depth]);
            lastFrames[depth] = stack[depth];
            lastNodes[depth] = node;
        }
        lastLength = length;
        counts[node] += count;
    }

    /**
     * Adds the samples of another tree.
     *
     * @param other the tree, which stays as it is
     * @param translation from its frames' numbers to this tree's; where two become one, their nodes do too
     */
    public void addAll(StackTree other, IntUnaryOperator translation) {
        int[] here = new int[other.size];
        counts[ROOT] += other.counts[ROOT];
        for (int node = 1; node < other.size; node++) {
            here[node] = child(here[other.parents[node]], translation.applyAsInt(other.frames[node]));
            counts[here[node]] += other.counts[node];
        }
    }

    /** The number of nodes, the root included. */
    public int size() {
        return size;
    }

    /** The node of the caller; the root is its own. */
    public int parent(int node) {
        return parents[node];
    }

    /** The frame of a node; -1 for the root. */
    public int frame(int node) {
        return frames[node];
    }

    /** The samples that ended in a node, without those that went on below it. */
    public long count(int node) {
        return counts[node];
    }

    /** For each node the samples that ended in it or below it. */
    public long[] totals() {
        long[] totals = Arrays.copyOf(counts, size);
        for (int node = size - 1; node > ROOT; node--) {
            totals[parents[node]] += totals[node];
        }
        return totals;
    }

    private int child(int parent, int frame) {
        int mask = slots.length - 1;
        int slot = hash(parent, frame) & mask;
        for (int node; (node = slots[slot]) != 0; slot = (slot + 1) & mask) {
            if (parents[node] == parent && frames[node] == frame) {
                return node;
            }
        }
        if (size == parents.length) {
            grow();
            return child(parent, frame);
        }
        int node = size++;
        parents[node] = parent;
        frames[node] = frame;
        slots[slot] = node;
        return node;
    }

    /** Doubles the room for nodes; the table of slots stays twice as large, so at most half of it is in use. */
    private void grow() {
        int capacity = Math.multiplyExact(2, parents.length);
        parents = Arrays.copyOf(parents, capacity);
        frames = Arrays.copyOf(frames, capacity);
        counts = Arrays.copyOf(counts, capacity);
        slots = new int[Math.multiplyExact(2, capacity)];
        int mask = slots.length - 1;
        for (int node = 1; node < size; node++) {
            int slot = hash(parents[node], frames[node]) & mask;
            while (slots[slot] != 0) {
                slot = (slot + 1) & mask;
            }
            slots[slot] = node;
        }
    }

    private static int hash(int parent, int frame) {
        // Fibonacci hashing of the pair; the high bits are the good ones.
        long mixed = (((long) parent << 32) | (frame & 0xffff_ffffL)) * 0x9e37_79b9_7f4a_7c15L;
        return (int) (mixed >>> 32) ^ (int) (mixed >>> 47);
    }
}
