package org.backstitch.cli.flame;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.function.IntUnaryOperator;

/**
 * Stacks summed up as a tree: each node is a frame below the frames that called it, and counts the samples that ended there.
 *
 * <p>Node 0 is the root, above the outermost frames; a node's number is greater than its parent's. Frames are numbers that the
 * caller gives a meaning, from zero up. A node costs 8 bytes and its share of a hash table, 16 to 32, and 8 for the count of each
 * thread; a sample costs nothing but the nodes that it is the first to reach.
 *
 * <p>Any number of threads add to one tree, each through an {@link Adder} of its own: threads that sum up the same program meet the same
 * stacks. What was summed up is asked for when all have ended.
 *
 * <p>A node is found by a hash of all frames from the outermost to it, not of its parent's number and its frame: so the hashes of a
 * whole stack are known before any node is, and the processor can look for all of them at once, where it would have to wait for each
 * node to learn where the next is looked for.
 */
public final class StackTree {
    /** The node above all outermost frames. */
    public static final int ROOT = 0;

    private static final long ROOT_HASH = 1;

    /** A table that is at most half full is one of these; a larger one takes its place. */
    private volatile Nodes nodes = new Nodes(1 << 10);

    /** The number of nodes; whoever changes it, or adds a node, holds this tree's lock. */
    private int size = 1;

    private final List<Adder> adders = new ArrayList<>();

    /**
     * The nodes, read without a lock while another thread adds some. What a reader has not seen yet it misses, and looks for again with the
     * lock. It takes nothing for what it is not: a node's key is one word, which was written or is zero, and no node has that.
     */
    private static final class Nodes {
        /** Of each node its parent in the upper half, in the lower one more than its frame; of the root 0. */
        final long[] keys;

        /**
         * An open-addressed set of nodes: the lower half of a node's hash in the upper half of a slot, the node in the lower. 0 is an
         * empty slot, since the root is no one's child.
         */
        final long[] slots;

        Nodes(int capacity) {
            keys = new long[capacity];
            slots = new long[Math.multiplyExact(2, capacity)];
        }

        /** The child of a node, or {@link #ROOT} if it was not seen. */
        int find(int parent, int frame, long hash) {
            int mask = slots.length - 1;
            int check = (int) hash;
            long key = key(parent, frame);
            int slot = first(hash) & mask;
            for (long here; (here = slots[slot]) != 0; slot = (slot + 1) & mask) {
                int node = (int) here;
                if ((int) (here >>> 32) == check && keys[node] == key) {
                    return node;
                }
            }
            return ROOT;
        }

        /** Adds a node. */
        void put(int node, int parent, int frame, long hash) {
            keys[node] = key(parent, frame);
            int mask = slots.length - 1;
            int slot = first(hash) & mask;
            while (slots[slot] != 0) {
                slot = (slot + 1) & mask;
            }
            slots[slot] = hash << 32 | node;
        }

        /** The same nodes, the first {@code size}, with room for twice as many. */
        Nodes grown(int size) {
            Nodes grown = new Nodes(Math.multiplyExact(2, keys.length));
            long[] hashes = new long[size];
            hashes[ROOT] = ROOT_HASH;
            for (int node = 1; node < size; node++) {
                hashes[node] = hash(hashes[parent(node)], frame(node));
                grown.put(node, parent(node), frame(node), hashes[node]);
            }
            return grown;
        }

        int parent(int node) {
            return (int) (keys[node] >>> 32);
        }

        int frame(int node) {
            return (int) keys[node] - 1;
        }

        private static long key(int parent, int frame) {
            return (long) parent << 32 | frame + 1 & 0xffff_ffffL;
        }

        private static int first(long hash) {
            return (int) (hash >>> 32);
        }
    }

    /** Adds samples to the tree; for one thread. */
    public final class Adder {
        private long[] counts = new long[1 << 10];

        /** The stack that was added last, its nodes and their hashes: neighbours in time share most of their outer frames. */
        private int[] lastFrames = new int[64];

        private int[] lastNodes = new int[64];
        private long[] lastHashes = new long[64];
        private int lastLength;

        private Adder() {}

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
            Nodes seen = nodes;
            for (; depth < length; depth++) {
                int frame = stack[depth];
                hash = hash(hash, frame);
                int child = seen.find(node, frame, hash);
                node = child == ROOT ? child(node, frame, hash) : child;
                lastFrames[depth] = frame;
                lastNodes[depth] = node;
                lastHashes[depth] = hash;
            }
            lastLength = length;
            count(node, count);
        }

        private void count(int node, long count) {
            if (node >= counts.length) {
                counts = Arrays.copyOf(counts, Math.max(node + 1, 2 * counts.length));
            }
            counts[node] += count;
        }
    }

    /** Something that adds samples to this tree. */
    public synchronized Adder adder() {
        Adder adder = new Adder();
        adders.add(adder);
        return adder;
    }

    /**
     * Adds the samples of another tree.
     *
     * @param other the tree, which stays as it is
     * @param translation from its frames' numbers to this tree's; where two become one, their nodes do too
     */
    public void addAll(StackTree other, IntUnaryOperator translation) {
        Adder adder = adder();
        int[] here = new int[other.size()];
        long[] hashes = new long[here.length];
        hashes[ROOT] = ROOT_HASH;
        adder.count(ROOT, other.count(ROOT));
        for (int node = 1; node < here.length; node++) {
            int parent = other.parent(node);
            int frame = translation.applyAsInt(other.frame(node));
            hashes[node] = hash(hashes[parent], frame);
            here[node] = child(here[parent], frame, hashes[node]);
            adder.count(here[node], other.count(node));
        }
    }

    /** The number of nodes, the root included. */
    public synchronized int size() {
        return size;
    }

    /** The node of the caller; the root is its own. */
    public int parent(int node) {
        return nodes.parent(node);
    }

    /** The frame of a node; -1 for the root. */
    public int frame(int node) {
        return nodes.frame(node);
    }

    /** The samples that ended in a node, without those that went on below it. */
    public long count(int node) {
        long count = 0;
        for (Adder adder : adders) {
            count += node < adder.counts.length ? adder.counts[node] : 0;
        }
        return count;
    }

    /** For each node the samples that ended in it or below it. */
    public long[] totals() {
        long[] totals = new long[size()];
        Arrays.setAll(totals, this::count);
        for (int node = totals.length - 1; node > ROOT; node--) {
            totals[parent(node)] += totals[node];
        }
        return totals;
    }

    /** The child of a node; made if there was none. */
    private synchronized int child(int parent, int frame, long hash) {
        int known = nodes.find(parent, frame, hash);
        if (known != ROOT) {
            return known;
        }
        if (size == nodes.keys.length) {
            nodes = nodes.grown(size);
        }
        int node = size++;
        nodes.put(node, parent, frame, hash);
        return node;
    }

    /** The hash of the frames up to a node and of one more. */
    private static long hash(long callers, int frame) {
        // Fibonacci hashing; the high bits are the good ones, so they are brought down.
        long mixed = (callers ^ frame) * 0x9e37_79b9_7f4a_7c15L;
        return mixed ^ mixed >>> 32;
    }
}
