package org.backstitch.code.stack;

import java.util.Arrays;
import java.util.function.IntConsumer;

/**
 * The pieces of code that are analysed as one each, sorted by place and free of overlaps: those of frame description entries, or from
 * symbol to symbol.
 *
 * <p>A region that is a <em>function</em> is entered by calls; others, such as the cold parts of functions, only by jumps.
 */
public final class Regions {
    private final int[] starts;
    private final int[] ends;
    private final boolean[] functions;

    private Regions(int[] starts, int[] ends, boolean[] functions) {
        this.starts = starts;
        this.ends = ends;
        this.functions = functions;
    }

    /** Collects regions, in any order. */
    public static final class Builder {
        private long[] spans = new long[256];
        private boolean[] functions = new boolean[256];
        private int count;

        /** An empty one. */
        public Builder() {}

        /**
         * Adds a region of the places [{@code start}, {@code end}); empty ones are left out. Of regions that overlap, the one that starts
         * later ends the one before; of those that start together the first that was added counts.
         */
        public void add(int start, int end, boolean function) {
            if (start < 0 || end <= start) {
                return;
            }
            if (count == spans.length) {
                spans = Arrays.copyOf(spans, 2 * count);
                functions = Arrays.copyOf(functions, 2 * count);
            }
            spans[count] = (long) start << 32 | end;
            functions[count++] = function;
        }

        /** All that was added. */
        public Regions build() {
            long[] order = new long[count];
            for (int i = 0; i < count; i++) {
                order[i] = spans[i] & 0xffff_ffff_0000_0000L | i;
            }
            Arrays.sort(order);
            int[] starts = new int[count];
            int[] ends = new int[count];
            boolean[] functional = new boolean[count];
            int kept = 0;
            for (long ordered : order) {
                int from = (int) ordered;
                int start = (int) (spans[from] >> 32);
                if (kept > 0 && starts[kept - 1] == start) {
                    continue;
                }
                if (kept > 0) {
                    ends[kept - 1] = Math.min(ends[kept - 1], start);
                }
                starts[kept] = start;
                ends[kept] = (int) spans[from];
                functional[kept++] = functions[from];
            }
            return new Regions(Arrays.copyOf(starts, kept), Arrays.copyOf(ends, kept), Arrays.copyOf(functional, kept));
        }
    }

    /**
     * Gives the number of every region: the functions, then the others, which are entered by jumps of functions and want to know the
     * state there.
     */
    public void forEachFunctionsFirst(IntConsumer consumer) {
        forEachFunction(consumer);
        for (int region = 0; region < size(); region++) {
            if (!functions[region]) {
                consumer.accept(region);
            }
        }
    }

    /** Gives the number of every function. */
    public void forEachFunction(IntConsumer consumer) {
        for (int region = 0; region < size(); region++) {
            if (functions[region]) {
                consumer.accept(region);
            }
        }
    }

    /** Whether a region is a function here and in {@code others}, from the same place to the same place. */
    public boolean isSameFunction(int region, Regions others) {
        int at = Arrays.binarySearch(others.starts, starts[region]);
        return functions[region] && at >= 0 && others.functions[at] && others.ends[at] == ends[region];
    }

    /** How many there are. */
    public int size() {
        return starts.length;
    }

    /** The first place of a region. */
    public int start(int region) {
        return starts[region];
    }

    /** The place behind a region. */
    public int end(int region) {
        return ends[region];
    }

    /** Whether a region is entered by calls. */
    public boolean isFunction(int region) {
        return functions[region];
    }

    void setFunction(int region, boolean function) {
        functions[region] = function;
    }

    /** The region that a place is in, or -1. */
    public int find(int place) {
        int at = Arrays.binarySearch(starts, place);
        at = at >= 0 ? at : -at - 2;
        return at >= 0 && place < ends[at] ? at : -1;
    }
}
