package org.backstitch.recording;

import java.util.Arrays;

/**
 * Places in a recording, each with its time, that can be put into the order in which things happened: by time, and what happened at the
 * same time as it stands in the file.
 *
 * <p>Two parallel arrays, sorted by merging runs that are in order already: recordings consist of long such runs.
 */
final class Timeline {
    private long[] times;
    private long[] offsets;

    /** Of runs that are merged, a part of the first. */
    private long[] spareTimes = {};

    private long[] spareOffsets = {};
    private int[] runEnds = new int[16];
    private int size;

    /** How many places, from the first, are known to be in order. */
    private int sorted;

    Timeline() {
        times = new long[64];
        offsets = new long[64];
    }

    void add(long time, long offset) {
        if (size == times.length) {
            times = Arrays.copyOf(times, size * 2);
            offsets = Arrays.copyOf(offsets, size * 2);
        }
        times[size] = time;
        offsets[size] = offset;
        size++;
    }

    int size() {
        return size;
    }

    long time(int index) {
        return times[index];
    }

    long offset(int index) {
        return offsets[index];
    }

    long[] copyOfOffsets(int from, int to) {
        return Arrays.copyOfRange(offsets, from, to);
    }

    /** Forgets the first {@code count} places. */
    void removeFirst(int count) {
        System.arraycopy(times, count, times, 0, size - count);
        System.arraycopy(offsets, count, offsets, 0, size - count);
        size -= count;
        sorted = Math.max(0, sorted - count);
    }

    /** How many of the sorted places have a time of at most {@code time}. */
    int countUpTo(long time) {
        int low = 0;
        int high = size;
        while (low < high) {
            int middle = (low + high) >>> 1;
            if (Long.compareUnsigned(times[middle], time) <= 0) {
                low = middle + 1;
            } else {
                high = middle;
            }
        }
        return low;
    }

    /** Sorts: by time (unsigned), then by offset. */
    void sort() {
        if (sorted == size) {
            return;
        }
        int runs = findRuns();
        while (runs > 1) {
            int merged = 0;
            int begin = 0;
            for (int run = 0; run < runs; run += 2) {
                int middle = runEnds[run];
                int end = run + 1 < runs ? runEnds[run + 1] : middle;
                merge(begin, middle, end);
                runEnds[merged++] = end;
                begin = end;
            }
            runs = merged;
        }
        sorted = size;
    }

    /** Puts the ends of all runs into {@link #runEnds}; gives how many there are. */
    private int findRuns() {
        int runs = 0;
        for (int i = Math.max(1, sorted); i <= size; i++) {
            if (i == size || isAfter(i - 1, i)) {
                if (runs == runEnds.length) {
                    runEnds = Arrays.copyOf(runEnds, 2 * runs);
                }
                runEnds[runs++] = i;
            }
        }
        return runs;
    }

    /** Merges two neighbouring runs: only where they overlap anything has to move, and in recordings most overlap but a little. */
    private void merge(int begin, int middle, int end) {
        if (middle == end || !isAfter(middle - 1, middle)) {
            return;
        }
        int from = firstAfter(middle, begin, middle);
        int to = firstAfter(middle - 1, middle, end);
        int left = middle - from;
        if (spareTimes.length < left) {
            spareTimes = new long[Math.max(left, 2 * spareTimes.length)];
            spareOffsets = new long[spareTimes.length];
        }
        System.arraycopy(times, from, spareTimes, 0, left);
        System.arraycopy(offsets, from, spareOffsets, 0, left);
        int fromLeft = 0;
        int fromRight = middle;
        int target = from;
        while (fromLeft < left && fromRight < to) {
            boolean takeRight =
                    isAfter(spareTimes[fromLeft], spareOffsets[fromLeft], times[fromRight], offsets[fromRight]);
            times[target] = takeRight ? times[fromRight] : spareTimes[fromLeft];
            offsets[target] = takeRight ? offsets[fromRight] : spareOffsets[fromLeft];
            fromRight += takeRight ? 1 : 0;
            fromLeft += takeRight ? 0 : 1;
            target++;
        }
        System.arraycopy(spareTimes, fromLeft, times, target, left - fromLeft);
        System.arraycopy(spareOffsets, fromLeft, offsets, target, left - fromLeft);
    }

    /** The first place of a run that comes after the one given; the run's end if none does. */
    private int firstAfter(int place, int begin, int end) {
        int low = begin;
        int high = end;
        while (low < high) {
            int middle = (low + high) >>> 1;
            if (isAfter(middle, place)) {
                high = middle;
            } else {
                low = middle + 1;
            }
        }
        return low;
    }

    private boolean isAfter(int a, int b) {
        return isAfter(times[a], offsets[a], times[b], offsets[b]);
    }

    private static boolean isAfter(long time, long offset, long otherTime, long otherOffset) {
        int order = Long.compareUnsigned(time, otherTime);
        return order > 0 || order == 0 && Long.compareUnsigned(offset, otherOffset) > 0;
    }
}
