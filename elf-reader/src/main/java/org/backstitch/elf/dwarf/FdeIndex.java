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
        Collector collector = new Collector();
        collector.collect(info);
        malformed = collector.malformed;
        firstMalformed = collector.firstMalformed;
        int count = collector.count;
        int @Nullable [] order = collector.ordered ? null : order(collector.starts, count);
        starts = new long[count];
        offsets = new long[count];
        ends = new long[count];
        highestEnds = new long[count];
        long highest = 0;
        for (int i = 0; i < count; i++) {
            int from = order == null ? i : order[i];
            starts[i] = collector.starts[from];
            offsets[i] = collector.offsets[from];
            long end = collector.ends[from];
            ends[i] = end;
            highest = Long.compareUnsigned(end, highest) > 0 ? end : highest;
            highestEnds[i] = highest;
        }
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
        private long[] starts = new long[256];
        private long[] offsets = new long[256];
        private long[] ends = new long[256];
        private int count;
        private boolean ordered = true;
        private int malformed;
        private @Nullable MalformedInputException firstMalformed;

        private void collect(CallFrameInfo info) {
            CallFrameInfo.EntryCursor entries = info.entries();
            for (boolean more = true; more; ) {
                try {
                    more = entries.next();
                    if (more && !entries.isCie()) {
                        add(entries.parseFde());
                    }
                } catch (MalformedInputException e) {
                    malformed++;
                    firstMalformed = firstMalformed == null ? e : firstMalformed;
                }
            }
        }

        private void add(FrameDescriptionEntry fde) {
            if (fde.start() == 0 || fde.length() == 0 || fde.wraps()) {
                return;
            }
            if (count == starts.length) {
                int larger = count * 2;
                starts = Arrays.copyOf(starts, larger);
                offsets = Arrays.copyOf(offsets, larger);
                ends = Arrays.copyOf(ends, larger);
            }
            starts[count] = fde.start();
            offsets[count] = fde.offset();
            ends[count] = fde.end();
            ordered &= count == 0 || Long.compareUnsigned(starts[count - 1], fde.start()) < 0;
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
