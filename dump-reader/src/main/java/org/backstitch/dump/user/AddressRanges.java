package org.backstitch.dump.user;

import java.util.ArrayList;
import java.util.List;

/** A set of addresses, as ranges. Immutable. */
final class AddressRanges {
    private final long[] starts;
    private final long[] ends;

    private AddressRanges(long[] starts, long[] ends) {
        this.starts = starts;
        this.ends = ends;
    }

    boolean contains(long address) {
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
        return low > 0 && Long.compareUnsigned(address, ends[low - 1]) < 0;
    }

    /** Collects ranges, which may overlap. */
    static final class Builder {
        private record Range(long start, long end) {}

        private final List<Range> ranges = new ArrayList<>();

        /** Adds the addresses from {@code start} to before {@code end}; nothing if that is not above it. */
        Builder add(long start, long end) {
            if (Long.compareUnsigned(start, end) < 0) {
                ranges.add(new Range(start, end));
            }
            return this;
        }

        AddressRanges build() {
            ranges.sort((a, b) -> Long.compareUnsigned(a.start, b.start));
            long[] starts = new long[ranges.size()];
            long[] ends = new long[ranges.size()];
            int count = 0;
            for (Range range : ranges) {
                if (count > 0 && Long.compareUnsigned(range.start, ends[count - 1]) <= 0) {
                    if (Long.compareUnsigned(range.end, ends[count - 1]) > 0) {
                        ends[count - 1] = range.end;
                    }
                } else {
                    starts[count] = range.start;
                    ends[count++] = range.end;
                }
            }
            return new AddressRanges(java.util.Arrays.copyOf(starts, count), java.util.Arrays.copyOf(ends, count));
        }
    }
}
