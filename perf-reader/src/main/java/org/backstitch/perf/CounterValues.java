package org.backstitch.perf;

import org.backstitch.bytes.Words;

/**
 * The counter values of a sample, where they lie: {@code struct read_format} of {@code perf_event_open(2)}, one counter's or a group's.
 *
 * <p>Mutable, so that one serves a cursor for all its samples.
 */
final class CounterValues {
    private static final long TIMES = ReadFormat.TOTAL_TIME_ENABLED | ReadFormat.TOTAL_TIME_RUNNING;

    /** What each counter of a group may have beside its value. */
    private static final long OF_EACH = ReadFormat.ID | ReadFormat.LOST;

    private final Words words;
    private long format;
    private long start;
    private long end;
    private int count;

    CounterValues(Words words) {
        this.words = words;
    }

    /**
     * Moves to the values at an offset.
     *
     * @param readFormat bits of {@link ReadFormat}
     * @param limit the offset behind what may be read
     * @return the offset behind the values; -1 if they do not fit
     */
    long moveTo(long readFormat, long at, long limit) {
        format = readFormat;
        start = at;
        long next = at;
        if (isGroup()) {
            if (limit - next < 8) {
                return -1;
            }
            long counters = words.i64(next);
            next += 8 + 8L * Long.bitCount(format & TIMES);
            if (next > limit || counters < 0 || counters > (limit - next) / memberSize()) {
                return -1;
            }
            count = (int) counters;
            next += counters * memberSize();
        } else {
            count = 1;
            next += 8L * (1 + Long.bitCount(format & (TIMES | OF_EACH)));
        }
        end = next;
        return next <= limit ? next : -1;
    }

    private boolean isGroup() {
        return (format & ReadFormat.GROUP) != 0;
    }

    private long memberSize() {
        return 8L * (1 + Long.bitCount(format & OF_EACH));
    }

    private long member(int index) {
        return start + 8 + 8L * Long.bitCount(format & TIMES) + index * memberSize();
    }

    /** How many counters there are. */
    int count() {
        return count;
    }

    /** The offset of the first byte. */
    long start() {
        return start;
    }

    /** The offset behind the last byte. */
    long end() {
        return end;
    }

    /** The value of a counter below {@link #count}. */
    long value(int index) {
        return words.i64(isGroup() ? member(index) : start);
    }

    /**
     * What a counter below {@link #count} has beside its value; -1 if it was not recorded.
     *
     * @param option {@link ReadFormat#ID} or {@link ReadFormat#LOST}
     */
    long option(int index, long option) {
        if ((format & option) == 0) {
            return -1;
        }
        long before = format & option - 1;
        return isGroup()
                ? words.i64(member(index) + 8 + 8L * Long.bitCount(before & OF_EACH))
                : words.i64(start + 8 + 8L * Long.bitCount(before));
    }

    /**
     * A time of all counters, in nanoseconds; -1 if it was not recorded.
     *
     * @param option {@link ReadFormat#TOTAL_TIME_ENABLED} or {@link ReadFormat#TOTAL_TIME_RUNNING}
     */
    long time(long option) {
        return (format & option) == 0 ? -1 : words.i64(start + 8 + 8L * Long.bitCount(format & option - 1));
    }
}
