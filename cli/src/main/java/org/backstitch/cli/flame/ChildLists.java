package org.backstitch.cli.flame;

import java.util.Arrays;

/** The children of each node of a {@link StackTree}, in an order that does not depend on when they were met. */
final class ChildLists {
    /** No further child. */
    static final int NONE = -1;

    private final int[] first;
    private final int[] next;

    /**
     * Lists the children of every node by the rank of their frames.
     *
     * @param rank for each frame of the tree a number of its own, from zero up to less than the number of frames
     */
    ChildLists(StackTree tree, int[] rank) {
        int size = tree.size();
        first = new int[size];
        next = new int[size];
        Arrays.fill(first, NONE);
        Arrays.fill(next, NONE);
        // A counting sort by rank; then, from the last rank to the first, each node is put before its siblings.
        int[] start = new int[rank.length + 1];
        for (int node = 1; node < size; node++) {
            start[rank[tree.frame(node)] + 1]++;
        }
        for (int i = 1; i < start.length; i++) {
            start[i] += start[i - 1];
        }
        int[] sorted = new int[size - 1];
        for (int node = 1; node < size; node++) {
            sorted[start[rank[tree.frame(node)]]++] = node;
        }
        for (int i = sorted.length - 1; i >= 0; i--) {
            int node = sorted[i];
            next[node] = first[tree.parent(node)];
            first[tree.parent(node)] = node;
        }
    }

    /** The first child of a node, or {@link #NONE}. */
    int first(int node) {
        return first[node];
    }

    /** The child after {@code node} of the same parent, or {@link #NONE}. */
    int next(int node) {
        return next[node];
    }
}
