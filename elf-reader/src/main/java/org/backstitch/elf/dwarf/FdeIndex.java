package org.backstitch.elf.dwarf;

import java.util.Arrays;
import java.util.stream.IntStream;
import org.backstitch.bytes.MalformedInputException;
import org.jspecify.annotations.Nullable;

/**
 * Finds the frame description entry for an address in a section, whatever its order, its overlaps and its damage.
 *
 * <p>Where several entries cover an address, the one that starts last decides, and among those that start together the first of the
 * section. Entries that are for no code at all (length 0) and those that start at address 0, as linkers leave them for functions that
 * they discarded, are for nothing. Malformed entries are counted and left out.
 *
 * <p>Immutable.
 */
public final class FdeIndex {
    /** About how many bytes an entry has. */
    private static final int USUAL_SIZE = 48;

    private static final int MAX_EXPECTED = 1 << 17;

    private final CallFrameInfo info;
    private final long[] starts;
    private final long[] offsets;
    private final long[] ends;
    /** The highest end of this entry and of all before it: how far back a search may have to look. */
    private final long[] highestEnds;

    private final int malformed;
    private final @Nullable MalformedInputException firstMalformed;

    /** Reads the whole section once. */
    public FdeIndex(CallFrameInfo info) {
        this.info = info;
        long expected = info.section().size() / USUAL_SIZE + 1;
        Collector collector = new Collector((int) Math.min(expected, MAX_EXPECTED));
        collector.collect(info);
        malformed = collector.malformed;
        firstMalformed = collector.firstMalformed;
        int count = collector.count;
        if (collector.ordered) {
            starts = Arrays.copyOf(collector.starts, count);
            offsets = Arrays.copyOf(collector.offsets, count);
            ends = Arrays.copyOf(collector.ends, count);
        } else {
            int[] order = order(collector.starts, count);
            starts = ordered(collector.starts, order);
            offsets = ordered(collector.offsets, order);
            ends = ordered(collector.ends, order);
        }
        highestEnds = highest(ends);
    }

    private static long[] ordered(long[] values, int[] order) {
        long[] ordered = new long[order.length];
        for (int i = 0; i < order.length; i++) {
            ordered[i] = values[order[i]];
        }
        return ordered;
    }

    /** The highest of all up to each; the array itself, if they ascend. */
    private static long[] highest(long[] ends) {
        int i = 1;
        while (i < ends.length && Long.compareUnsigned(ends[i - 1], ends[i]) <= 0) {
            i++;
        }
        if (i >= ends.length) {
            return ends;
        }
        long[] highest = ends.clone();
        for (; i < ends.length; i++) {
            if (Long.compareUnsigned(highest[i - 1], highest[i]) > 0) {
                highest[i] = highest[i - 1];
            }
        }
        return highest;
    }

    /** The places of the entries by ascending start; of those that start together the last of the section comes first. */
    private static int[] order(long[] starts, int count) {
        long lowest = -1;
        long highest = 0;
        for (int i = 0; i < count; i++) {
            lowest = Long.compareUnsigned(starts[i], lowest) < 0 ? starts[i] : lowest;
            highest = Long.compareUnsigned(starts[i], highest) > 0 ? starts[i] : highest;
        }
        if (Long.compareUnsigned(highest - lowest, Integer.MAX_VALUE) > 0) {
            return IntStream.range(0, count)
                    .boxed()
                    .sorted((a, b) -> {
                        int byStart = Long.compareUnsigned(starts[a], starts[b]);
                        return byStart != 0 ? byStart : Integer.compare(b, a);
                    })
                    .mapToInt(Integer::intValue)
                    .toArray();
        }
        long[] keys = new long[count];
        for (int i = 0; i < count; i++) {
            keys[i] = (starts[i] - lowest) << Integer.SIZE | count - i;
        }
        Arrays.sort(keys);
        int[] order = new int[count];
        Arrays.setAll(order, i -> count - (int) keys[i]);
        return order;
    }

    private static final class Collector {
        private long[] starts;
        private long[] offsets;
        private long[] ends;
        private int count;
        private boolean ordered = true;
        private int malformed;
        private @Nullable MalformedInputException firstMalformed;

        private Collector(int expected) {
            starts = new long[expected];
            offsets = new long[expected];
            ends = new long[expected];
        }

        private void collect(CallFrameInfo info) {
            CallFrameInfo.EntryCursor entries = info.entries();
            for (boolean more = true; more; ) {
                try {
                    more = entries.next();
                    if (more && !entries.isCie()) {
                        entries.readFde();
                        add(entries.offset(), entries.start(), entries.length());
                    }
                } catch (MalformedInputException e) {
                    malformed++;
                    firstMalformed = firstMalformed == null ? e : firstMalformed;
                }
            }
        }

        private void add(long offset, long start, long length) {
            long end = start + length;
            boolean wraps = Long.compareUnsigned(end, start) < 0;
            if (start == 0 || length == 0 || wraps) {
                return;
            }
            if (count == starts.length) {
                int larger = count * 2;
                starts = Arrays.copyOf(starts, larger);
                offsets = Arrays.copyOf(offsets, larger);
                ends = Arrays.copyOf(ends, larger);
            }
            starts[count] = start;
            offsets[count] = offset;
            ends[count] = end;
            ordered &= count == 0 || Long.compareUnsigned(starts[count - 1], start) < 0;
            count++;
        }
    }

    /** The section that is indexed. */
    public CallFrameInfo info() {
        return info;
    }

    /** How many entries are indexed. */
    public int size() {
        return starts.length;
    }

    /** The first address of entry {@code index}; they ascend. */
    public long start(int index) {
        return starts[index];
    }

    /** The entry {@code index}, 0 to {@link #size} - 1. */
    public FrameDescriptionEntry fde(int index) {
        return info.fdeAt(offsets[index]);
    }

    /** Whether an entry before {@code index} covers its start, or one starts at the same address. */
    public boolean overlaps(int index) {
        return index > 0 && Long.compareUnsigned(highestEnds[index - 1], starts[index]) > 0;
    }

    /** The highest end of all entries; 0 if there are none. */
    public long highestEnd() {
        return highestEnds.length == 0 ? 0 : highestEnds[highestEnds.length - 1];
    }

    /** How many entries are malformed. */
    public int malformed() {
        return malformed;
    }

    /** What is wrong with the first malformed entry. */
    public @Nullable MalformedInputException firstMalformed() {
        return firstMalformed;
    }

    /** The entry that decides for {@code vaddr}, or null. */
    public @Nullable FrameDescriptionEntry find(long vaddr) {
        int low = 0;
        int high = starts.length;
        while (low < high) {
            int middle = (low + high) >>> 1;
            if (Long.compareUnsigned(starts[middle], vaddr) <= 0) {
                low = middle + 1;
            } else {
                high = middle;
            }
        }
        for (int i = low - 1; i >= 0 && Long.compareUnsigned(highestEnds[i], vaddr) > 0; i--) {
            if (Long.compareUnsigned(ends[i], vaddr) > 0) {
                return fde(i);
            }
        }
        return null;
    }
}
