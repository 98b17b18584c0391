package org.backstitch.cli.flame;

import java.util.Arrays;
import java.util.function.IntUnaryOperator;

/**
 * Stacks summed up as a tree: each node is a frame below the frames that called it, and counts the samples that ended there.
 *
 * <p>Node 0 is the root, above the outermost frames; a node's number is greater than its parent's. Frames are numbers that the
 * caller gives a meaning, from zero up. A node costs 16 bytes and its share of a hash table, 16 to 32; a sample costs nothing but the
 * nodes that it is the first to reach. Not thread-safe: give each thread a tree and {@linkplain #addAll add them up}.
 *
 * <p>A node is found by a hash of all frames from the outermost to it, not of its parent's number and its frame: so the hashes of a
 * whole stack are known before any node is, and the processor can look for all of them at once, where it would have to wait for each
 * node to learn where the next is looked for.
 */
public final class StackTree {
    /** The node above all outermost frames. */
    public static final int ROOT = 0;

    private static final long ROOT_HASH = 1;

    private int[] parents = new int[1 << 10];
    private int[] frames = new int[1 << 10];
    private long[] counts = new long[1 << 10];
    private int size = 1;

    /**
     * An open-addressed set of nodes: the lower half of a node's hash in the upper half of a slot, the node in the lower. 0 is an
     * empty slot, since the root is no one's child.
     */
    private long[] slots = new long[1 << 11];

    /** The stack that was added last, its nodes and their hashes: neighbours in time share most of their outer frames. */
    private int[] lastFrames = new int[64];

    private int[] lastNodes = new int[64];
    private long[] lastHashes = new long[64];
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
            lastHashes = Arrays.copyOf(lastHashes, lastFrames.length);
        }
        int shared = Math.min(length, lastLength);
        int same = Arrays.mismatch(stack, 0, shared, lastFrames, 0, shared);
        int depth = same < 0 ? shared : same;
        int node = depth == 0 ? ROOT : lastNodes[depth - 1];
        long hash = depth == 0 ? ROOT_HASH : lastHashes[depth - 1];
        for (; depth < length; depth++) {
            int frame = stack[depth];
            hash = hash(hash, frame);
            node = child(node, frame, hash);
            lastFrames[depth] = frame;
            lastNodes[depth] = node;
            lastHashes[depth] = hash;
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
        long[] hashes = new long[other.size];
        hashes[ROOT] = ROOT_HASH;
        counts[ROOT] += other.counts[ROOT];
        for (int node = 1; node < other.size; node++) {
            int parent = other.parents[node];
            int frame = translation.applyAsInt(other.frames[node]);
            hashes[node] = hash(hashes[parent], frame);
            here[node] = child(here[parent], frame, hashes[node]);
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

    /** The child of a node; made if there was none. */
    private int child(int parent, int frame, long hash) {
        int mask = slots.length - 1;
        int slot = first(hash) & mask;
        int check = (int) hash;
        for (long here; (here = slots[slot]) != 0; slot = (slot + 1) & mask) {
            int node = (int) here;
            if ((int) (here >>> 32) == check && parents[node] == parent && frames[node] == frame) {
                return node;
            }
        }
        if (size == parents.length) {
            grow();
            return child(parent, frame, hash);
        }
        int node = size++;
        parents[node] = parent;
        frames[node] = frame;
        slots[slot] = slot(hash, node);
        return node;
    }

    /** Doubles the room for nodes; the table of slots stays twice as large, so at most half of it is in use. */
    private void grow() {
        int capacity = Math.multiplyExact(2, parents.length);
        parents = Arrays.copyOf(parents, capacity);
        frames = Arrays.copyOf(frames, capacity);
        counts = Arrays.copyOf(counts, capacity);
        slots = new long[Math.multiplyExact(2, capacity)];
        int mask = slots.length - 1;
        long[] hashes = new long[size];
        hashes[ROOT] = ROOT_HASH;
        for (int node = 1; node < size; node++) {
            long hash = hash(hashes[parents[node]], frames[node]);
            hashes[node] = hash;
            int slot = first(hash) & mask;
            while (slots[slot] != 0) {
                slot = (slot + 1) & mask;
            }
            slots[slot] = slot(hash, node);
        }
    }

    /** The hash of the frames up to a node and of one more. */
    private static long hash(long callers, int frame) {
        // Fibonacci hashing; the high bits are the good ones, so they are brought down.
        long mixed = (callers ^ frame) * 0x9e37_79b9_7f4a_7c15L;
        return mixed ^ mixed >>> 32;
    }

    private static int first(long hash) {
        return (int) (hash >>> 32);
    }

    private static long slot(long hash, int node) {
        return hash << 32 | node;
    }
}
