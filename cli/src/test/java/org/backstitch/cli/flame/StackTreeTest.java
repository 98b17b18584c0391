package org.backstitch.cli.flame;

import static org.junit.jupiter.api.Assertions.assertEquals;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Random;
import java.util.concurrent.CyclicBarrier;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
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
        StackTree.Adder adder = tree.adder();
        adder.add(new int[] {7, 8, 9}, 3, 1);
        adder.add(new int[] {7, 8}, 2, 5);
        adder.add(new int[] {7, 8, 10, 99}, 3, 2);
        adder.add(new int[] {8}, 1, 1);
        // root; 7; 7 8; 7 8 9; 7 8 10; 8
        assertEquals(6, tree.size());
        assertEquals(
                Map.of(List.of(7, 8, 9), 1L, List.of(7, 8), 5L, List.of(7, 8, 10), 2L, List.of(8), 1L), stacks(tree));
        assertEquals(9, tree.totals()[StackTree.ROOT]);
    }

    @Test
    void stackWithoutFramesEndsInTheRoot() {
        StackTree tree = new StackTree();
        StackTree.Adder adder = tree.adder();
        adder.add(new int[0], 0, 3);
        assertEquals(1, tree.size());
        assertEquals(3, tree.count(StackTree.ROOT));
    }

    @Test
    void sameAsAMapOfWholeStacks() {
        Random random = new Random(2);
        for (int round = 0; round < 20; round++) {
            StackTree tree = new StackTree();
            StackTree.Adder adder = tree.adder();
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
                adder.add(stack, length, count);
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
    void anotherTreeIsAddedWhateverItsNumbering() {
        StackTree one = new StackTree();
        StackTree.Adder toOne = one.adder();
        toOne.add(new int[] {0, 1, 2}, 3, 1);
        toOne.add(new int[] {0}, 1, 4);
        StackTree other = new StackTree();
        StackTree.Adder toOther = other.adder();
        toOther.add(new int[] {2, 0, 1}, 3, 10);
        toOther.add(new int[] {1, 1}, 2, 1);
        one.addAll(other, frame -> (frame + 1) % 3);
        assertEquals(Map.of(List.of(0, 1, 2), 11L, List.of(0), 4L, List.of(2, 2), 1L), stacks(one));
    }

    /** Threads that meet the same stacks at the same time make each of them once, and count all. */
    @Test
    void manyThreadsAddToOneTree() throws Exception {
        int threads = 4;
        for (int round = 0; round < 10; round++) {
            StackTree tree = new StackTree();
            Map<List<Integer>, Long> expected = new HashMap<>();
            List<List<int[]>> work = new ArrayList<>();
            Random random = new Random(round);
            for (int thread = 0; thread < threads; thread++) {
                List<int[]> stacks = new ArrayList<>();
                for (int sample = 0; sample < 5_000; sample++) {
                    int[] stack = random.ints(random.nextInt(10), 0, 4).toArray();
                    stacks.add(stack);
                    expected.merge(Arrays.stream(stack).boxed().toList(), 1L, Long::sum);
                }
                work.add(stacks);
            }
            CyclicBarrier together = new CyclicBarrier(threads);
            try (ExecutorService pool = Executors.newFixedThreadPool(threads)) {
                List<Future<?>> done = new ArrayList<>();
                for (List<int[]> stacks : work) {
                    StackTree.Adder adder = tree.adder();
                    done.add(pool.submit(() -> {
                        together.await();
                        stacks.forEach(stack -> adder.add(stack, stack.length, 1));
                        return null;
                    }));
                }
                for (Future<?> each : done) {
                    each.get();
                }
            }
            assertEquals(expected, stacks(tree));
            checkTotals(tree);
        }
    }

    @Test
    void framesThatBecomeOneMergeTheirBranches() {
        StackTree tree = new StackTree();
        StackTree.Adder adder = tree.adder();
        adder.add(new int[] {0, 2}, 2, 1);
        adder.add(new int[] {1, 2}, 2, 2);
        StackTree merged = new StackTree();
        merged.addAll(tree, frame -> frame == 1 ? 0 : frame);
        assertEquals(Map.of(List.of(0, 2), 3L), stacks(merged));
    }
}
