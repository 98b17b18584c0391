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

    /** What runs are merged into, in turns with the above; as long, or too short to be used. */
    private long[] spareTimes = {};

    private long[] spareOffsets = {};
    private int size;
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
        while (endOfRun(0) < size) {
            mergeRuns();
        }
        sorted = size;
    }

    /** Merges every two neighbouring runs. */
    private void mergeRuns() {
        if (spareTimes.length < times.length) {
            spareTimes = new long[times.length];
            spareOffsets = new long[times.length];
        }
        int begin = 0;
        while (begin < size) {
            int middle = endOfRun(begin);
            int end = middle == size ? size : endOfRun(middle);
            int left = begin;
            int right = middle;
            for (int to = begin; to < end; to++) {
                boolean takeLeft = right == end || left < middle && !isAfter(left, right);
                int from = takeLeft ? left++ : right++;
                spareTimes[to] = times[from];
                spareOffsets[to] = offsets[from];
            }
            begin = end;
        }
        long[] swapped = times;
        times = spareTimes;
        spareTimes = swapped;
        swapped = offsets;
        offsets = spareOffsets;
        spareOffsets = swapped;
    }

    private int endOfRun(int begin) {
        int end = begin + 1;
        while (end < size && !isAfter(end - 1, end)) {
            end++;
        }
        return Math.min(end, size);
    }

    private boolean isAfter(int a, int b) {
        int order = Long.compareUnsigned(times[a], times[b]);
        return order > 0 || order == 0 && Long.compareUnsigned(offsets[a], offsets[b]) > 0;
    }
}
