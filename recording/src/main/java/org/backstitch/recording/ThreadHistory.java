package org.backstitch.recording;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;

/** What a thread was called, at any moment of the recording. */
final class ThreadHistory {
    private final String unnamed;
    private final List<String> names = new ArrayList<>(2);
    private long[] times = new long[2];
    private long[] offsets = new long[2];

    ThreadHistory(int tid) {
        unnamed = unnamed(tid);
    }

    /** What perf calls a thread that nothing has named. */
    static String unnamed(int tid) {
        return tid == 0 ? "swapper" : ":" + tid;
    }

    void name(long time, long offset, String comm) {
        int size = names.size();
        if (size == times.length) {
            times = Arrays.copyOf(times, size * 2);
            offsets = Arrays.copyOf(offsets, size * 2);
        }
        times[size] = time;
        offsets[size] = offset;
        names.add(comm);
    }

    /** The name at a record; as perf has it, {@code :TID} for a thread that was never named before it, {@code swapper} for thread 0. */
    String at(long time, long offset) {
        int found = names.size();
        while (found > 0
                && (Long.compareUnsigned(times[found - 1], time) > 0
                        || times[found - 1] == time && offsets[found - 1] >= offset)) {
            found--;
        }
        return found == 0 ? unnamed : names.get(found - 1);
    }

    /** The name that was given last. */
    String last() {
        return names.isEmpty() ? unnamed : names.getLast();
    }
}
