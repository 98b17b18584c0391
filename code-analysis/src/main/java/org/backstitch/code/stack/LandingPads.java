package org.backstitch.code.stack;

import java.util.Arrays;

/**
 * Where control goes when a call throws: the call sites of a module's exception tables, sorted by place.
 *
 * <p>At a landing pad RSP and the callee-saved registers are what they are behind the call (Itanium C++ ABI: Exception Handling, level I,
 * "Phase 2"). Immutable.
 */
public final class LandingPads {
    /** No call site has one. */
    public static final LandingPads NONE = new Builder().build();

    private final long[] sites;
    private final int[] pads;

    private LandingPads(long[] sites, int[] pads) {
        this.sites = sites;
        this.pads = pads;
    }

    /** Collects call sites, in any order. */
    public static final class Builder {
        private long[] sites = new long[64];
        private int[] pads = new int[64];
        private int count;

        /** An empty one. */
        public Builder() {}

        /** Adds the calls in [{@code start}, {@code end}), all places, which land at {@code pad} when they throw. */
        public void add(int start, int end, int pad) {
            if (start < 0 || end <= start || pad < 0) {
                return;
            }
            if (count == pads.length) {
                sites = Arrays.copyOf(sites, 2 * count);
                pads = Arrays.copyOf(pads, 2 * count);
            }
            sites[count] = (long) start << 32 | end;
            pads[count++] = pad;
        }

        /** All that was added. */
        public LandingPads build() {
            Integer[] order = new Integer[count];
            Arrays.setAll(order, i -> i);
            Arrays.sort(order, (x, y) -> Long.compare(sites[x], sites[y]));
            long[] sortedSites = new long[count];
            int[] sortedPads = new int[count];
            for (int i = 0; i < count; i++) {
                sortedSites[i] = sites[order[i]];
                sortedPads[i] = pads[order[i]];
            }
            return new LandingPads(sortedSites, sortedPads);
        }
    }

    /** How many call sites have a landing pad. */
    int size() {
        return pads.length;
    }

    /** The place where call site {@code index} lands. */
    int pad(int index) {
        return pads[index];
    }

    /** The place where a call at {@code place} lands when it throws; -1 for nowhere. */
    int of(int place) {
        int at = Arrays.binarySearch(sites, (long) place << 32 | Integer.MAX_VALUE);
        at = at >= 0 ? at : -at - 2;
        return at >= 0 && place < (int) sites[at] ? pads[at] : -1;
    }
}
