package org.backstitch.symbols;

import java.util.Arrays;

/**
 * Which of many ranges, that may overlap, nest and coincide, is the best at an address: flattened once into disjoint pieces, so that a
 * lookup is one binary search. Immutable.
 *
 * <p>What "best" means the maker says by an order. Ranges without a size (labels) count only where no other range does: such a one
 * reaches from its start to the next start of any range, or to its limit.
 */
final class RangeIndex {
    /** The ranges as the maker of an index describes them; each is a number from 0 to {@link #count} - 1. */
    interface Ranges {
        int count();

        /** First address, unsigned. */
        long start(int range);

        /** First address behind the range, unsigned; equal to the start for a label. */
        long end(int range);

        /** First address that a label cannot reach, unsigned. */
        long limit(int label);

        /** Whether {@code a} is better than {@code b} where both hold; a strict total order. */
        boolean isBetter(int a, int b);
    }

    private final long[] starts;
    private final int[] ranges;

    private RangeIndex(long[] starts, int[] ranges) {
        this.starts = starts;
        this.ranges = ranges;
    }

    static RangeIndex of(Ranges ranges) {
        return new Builder(ranges).build();
    }

    /** The best range at an address, or {@link SymbolIndex#NONE}. */
    int find(long address) {
        int low = 0;
        int high = starts.length;
        while (low < high) {
            int middle = (low + high) >>> 1;
            if (Long.compareUnsigned(starts[middle], address) <= 0) {
                low = middle + 1;
            } else {
                high = middle;
            }
        }
        return low == 0 ? SymbolIndex.NONE : ranges[low - 1];
    }

    /** Number of disjoint pieces. */
    int size() {
        return starts.length;
    }

    /** A sweep over all starts, ends and limits in order of address, with the ranges that hold there in a heap. */
    private static final class Builder {
        private final Ranges ranges;
        private final int[] byStart;
        private final int[] heap;
        private int heapSize;

        /** The first of {@link #byStart} that starts at no boundary so far. */
        private int next;

        private int label = SymbolIndex.NONE;
        private long[] starts;
        private int[] best;
        private int pieces;

        Builder(Ranges ranges) {
            this.ranges = ranges;
            int count = ranges.count();
            long[] keys = new long[count];
            for (int i = 0; i < count; i++) {
                keys[i] = ranges.start(i);
            }
            byStart = UnsignedSort.order(keys);
            heap = new int[count];
            starts = new long[count + 16];
            best = new int[count + 16];
        }

        RangeIndex build() {
            long[] boundaries = boundaries();
            for (long boundary : boundaries) {
                step(boundary);
            }
            return new RangeIndex(Arrays.copyOf(starts, pieces), Arrays.copyOf(best, pieces));
        }

        /** Goes on to an address where the answer may change. */
        private void step(long boundary) {
            int labelHere = SymbolIndex.NONE;
            while (next < byStart.length && ranges.start(byStart[next]) == boundary) {
                int range = byStart[next++];
                if (ranges.end(range) != boundary) {
                    push(range);
                } else if (labelHere == SymbolIndex.NONE || ranges.isBetter(range, labelHere)) {
                    labelHere = range;
                }
            }
            while (heapSize > 0 && Long.compareUnsigned(ranges.end(heap[0]), boundary) <= 0) {
                pop();
            }
            if (heapSize > 0) {
                // A label is cut off by the next range, and does not come back behind it.
                label = SymbolIndex.NONE;
                emit(boundary, heap[0]);
            } else {
                if (labelHere != SymbolIndex.NONE) {
                    label = labelHere;
                }
                if (label != SymbolIndex.NONE && Long.compareUnsigned(ranges.limit(label), boundary) <= 0) {
                    label = SymbolIndex.NONE;
                }
                emit(boundary, label);
            }
        }

        /** Every address where the answer may change, once, in order. */
        private long[] boundaries() {
            int count = ranges.count();
            long[] all = new long[2 * count];
            for (int i = 0; i < count; i++) {
                long start = ranges.start(i);
                long end = ranges.end(i);
                all[2 * i] = start;
                all[2 * i + 1] = end == start ? ranges.limit(i) : end;
            }
            return UnsignedSort.distinct(all);
        }

        private void emit(long start, int range) {
            boolean same = pieces == 0 ? range == SymbolIndex.NONE : best[pieces - 1] == range;
            if (same) {
                return;
            }
            if (pieces == starts.length) {
                starts = Arrays.copyOf(starts, pieces + pieces / 2);
                best = Arrays.copyOf(best, starts.length);
            }
            starts[pieces] = start;
            best[pieces++] = range;
        }

        private void push(int range) {
            int at = heapSize++;
            while (at > 0 && ranges.isBetter(range, heap[(at - 1) / 2])) {
                heap[at] = heap[(at - 1) / 2];
                at = (at - 1) / 2;
            }
            heap[at] = range;
        }

        private void pop() {
            int moved = heap[--heapSize];
            int at = 0;
            while (true) {
                int child = 2 * at + 1;
                if (child >= heapSize) {
                    break;
                }
                if (child + 1 < heapSize && ranges.isBetter(heap[child + 1], heap[child])) {
                    child++;
                }
                if (!ranges.isBetter(heap[child], moved)) {
                    break;
                }
                heap[at] = heap[child];
                at = child;
            }
            heap[at] = moved;
        }
    }
}
