package org.backstitch.cli.flame;

import static org.junit.jupiter.api.Assertions.assertEquals;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Random;
import org.junit.jupiter.api.Test;

class StackTreeTest {
    /** Each stack of a tree with its count, as the plain sum of what was added. */
    private static Map<List<Integer>, Long> stacks(StackTree tree) {
        Map<List<Integer>, Long> stacks = new HashMap<>();
        for (int node = 0; node < tree.size(); node++) {
            if (tree.count(node) > 0) {
                List<Integer> stack = new ArrayList<>();
                for (int at = node; at != StackTree.ROOT; at = tree.parent(at)) {
                    stack.addFirst(tree.frame(at));
                }
                assertEquals(null, stacks.put(stack, tree.count(node)), "one node a stack");
            }
        }
        return stacks;
    }

    @Test
    void sharedOuterFramesAreOneNodeEach() {
        StackTree tree = new StackTree();
        tree.add(new int[] {7, 8, 9}, 3, 1);
        tree.add(new int[] {7, 8}, 2, 5);
        tree.add(new int[] {7, 8, 10, 99}, 3, 2);
        tree.add(new int[] {8}, 1, 1);
        // root; 7; 7 8; 7 8 9; 7 8 10; 8
        assertEquals(6, tree.size());
        assertEquals(
                Map.of(List.of(7, 8, 9), 1L, List.of(7, 8), 5L, List.of(7, 8, 10), 2L, List.of(8), 1L), stacks(tree));
        assertEquals(9, tree.totals()[StackTree.ROOT]);
    }

    @Test
    void stackWithoutFramesEndsInTheRoot() {
        StackTree tree = new StackTree();
        tree.add(new int[0], 0, 3);
        assertEquals(1, tree.size());
        assertEquals(3, tree.count(StackTree.ROOT));
    }

    @Test
    void sameAsAMapOfWholeStacks() {
        Random random = new Random(2);
        for (int round = 0; round < 20; round++) {
            StackTree tree = new StackTree();
            Map<List<Integer>, Long> expected = new HashMap<>();
            int[] stack = new int[200];
            int alphabet = 1 + random.nextInt(6);
            for (int sample = 0; sample < 2_000; sample++) {
                // Half of the samples share their outer frames with the one before, as real ones do.
                int kept = random.nextBoolean() ? random.nextInt(20) : 0;
                int length = kept + random.nextInt(round == 0 ? 180 : 12);
                for (int i = kept; i < length; i++) {
                    stack[i] = random.nextInt(alphabet);
                }
                int count = 1 + random.nextInt(3);
                tree.add(stack, length, count);
                expected.merge(Arrays.stream(stack, 0, length).boxed().toList(), (long) count, Long::sum);
            }
            assertEquals(expected, stacks(tree));
            checkTotals(tree);
        }
    }

    private static void checkTotals(StackTree tree) {
        long[] totals = tree.totals();
        long[] children = new long[tree.size()];
        for (int node = 1; node < tree.size(); node++) {
            children[tree.parent(node)] += totals[node];
        }
        for (int node = 0; node < tree.size(); node++) {
            assertEquals(tree.count(node) + children[node], totals[node]);
        }
    }

    @Test
    void treesOfThreadsAddUpWhateverTheirNumbering() {
        StackTree one = new StackTree();
        one.add(new int[] {0, 1, 2}, 3, 1);
        one.add(new int[] {0}, 1, 4);
        StackTree other = new StackTree();
        other.add(new int[] {2, 0, 1}, 3, 10);
        other.add(new int[] {1, 1}, 2, 1);
        one.addAll(other, frame -> (frame + 1) % 3);
        assertEquals(Map.of(List.of(0, 1, 2), 11L, List.of(0), 4L, List.of(2, 2), 1L), stacks(one));
    }

    @Test
    void framesThatBecomeOneMergeTheirBranches() {
        StackTree tree = new StackTree();
        tree.add(new int[] {0, 2}, 2, 1);
        tree.add(new int[] {1, 2}, 2, 2);
        StackTree merged = new StackTree();
        merged.addAll(tree, frame -> frame == 1 ? 0 : frame);
        assertEquals(Map.of(List.of(0, 2), 3L), stacks(merged));
    }
}
