package org.backstitch.cli.flame;

import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.util.Arrays;
import org.backstitch.cli.output.Output;
import org.backstitch.cli.output.PlainText;

/**
 * Folded stacks: a line {@code comm;outermost;…;innermost COUNT} for each different stack, the input of many flame graph programs.
 *
 * <p>A function without a name is the name of its file in brackets; the names of kernel functions end in {@code _[k]}. What would
 * break the format is replaced: semicolons in names by colons, control characters by {@code \x0a} and the like. Stacks that then
 * read the same are one line. Lines are sorted by their frames, so that equal samples give equal output.
 */
public final class FoldedStacks {
    private final StackTree tree;

    /** What each frame of the tree is called. */
    private final byte[][] labels;

    private final ChildLists children;
    private final Output output;

    private FoldedStacks(StackTree tree, byte[][] labels, int[] rank, Output output) {
        this.tree = tree;
        this.labels = labels;
        this.children = new ChildLists(tree, rank);
        this.output = output;
    }

    /** Writes a line for each stack of {@code tree}. A stack without any frame has nothing to say and is left out. */
    public static void write(StackTree tree, FrameTable frames, Output output) throws IOException {
        String[] names = new String[frames.size()];
        Arrays.setAll(names, frame -> label(frames.frame(frame)));
        String[] sorted = names.clone();
        Arrays.sort(sorted);
        int[] rank = new int[names.length];
        byte[][] labels = new byte[names.length][];
        // Frames that are called the same have one rank. Where there are such, stacks that read the same must become
        // one.
        byte[][] ranked = new byte[names.length][];
        boolean isMerged = false;
        for (int frame = 0; frame < names.length; frame++) {
            rank[frame] = Arrays.binarySearch(sorted, names[frame]);
            isMerged |= ranked[rank[frame]] != null;
            labels[frame] = names[frame].getBytes(StandardCharsets.UTF_8);
            ranked[rank[frame]] = labels[frame];
        }
        if (isMerged) {
            StackTree merged = new StackTree();
            merged.addAll(tree, frame -> rank[frame]);
            int[] identity = new int[names.length];
            Arrays.setAll(identity, frame -> frame);
            new FoldedStacks(merged, ranked, identity, output).write();
        } else {
            new FoldedStacks(tree, labels, rank, output).write();
        }
    }

    private static String label(StackFrame frame) {
        String label = PlainText.oneLine(frame.label()).replace(';', ':');
        return frame.kind() == StackFrame.Kind.KERNEL ? label + "_[k]" : label;
    }

    private void write() throws IOException {
        // The path to the node, without a separator at its end, and where in it each of its frames ends.
        byte[] path = new byte[1 << 12];
        int[] ends = new int[64];
        int depth = 0;
        int node = children.first(StackTree.ROOT);
        while (node != ChildLists.NONE) {
            byte[] label = labels[tree.frame(node)];
            int start = depth == 0 ? 0 : ends[depth - 1] + 1;
            int end = start + label.length;
            if (end > path.length) {
                path = Arrays.copyOf(path, Math.max(end, 2 * path.length));
            }
            if (depth == ends.length) {
                ends = Arrays.copyOf(ends, 2 * depth);
            }
            if (start > 0) {
                path[start - 1] = ';';
            }
            System.arraycopy(label, 0, path, start, label.length);
            ends[depth] = end;
            if (tree.count(node) > 0) {
                output.append(path, 0, end)
                        .append(' ')
                        .decimal(tree.count(node))
                        .newline();
            }
            int next = children.first(node);
            if (next != ChildLists.NONE) {
                depth++;
            } else {
                next = children.next(node);
                while (next == ChildLists.NONE && depth > 0) {
                    node = tree.parent(node);
                    depth--;
                    next = children.next(node);
                }
            }
            node = next;
        }
    }
}
