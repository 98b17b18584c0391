package org.backstitch.code.stack;

import java.util.Arrays;

/**
 * Where control goes when a call throws: the call sites of a module's exception tables, sorted by place.
 *
 * <p>At a landing pad RSP and the callee-saved registers are what they are behind the call, except that arguments which the call got on the
 * stack are gone if the unwind table tells their size (Itanium C++ ABI: Exception Handling, level I, "Phase 2";
 * {@code DW_CFA_GNU_args_size}). Immutable.
 */
public final class LandingPads {
    /** No call site has one. */
    public static final LandingPads NONE = new Builder().build();

    private final Spans sites;
    private final Spans arguments;

    private LandingPads(Spans sites, Spans arguments) {
        this.sites = sites;
        this.arguments = arguments;
    }

    /** Spans of places that do not overlap, sorted, with a number each. */
    private static final class Spans {
        private final long[] spans;
        private final int[] numbers;

        Spans(long[] spans, int[] numbers) {
            this.spans = spans;
            this.numbers = numbers;
        }

        int find(int place) {
            int at = Arrays.binarySearch(spans, (long) place << 32 | Integer.MAX_VALUE);
            at = at >= 0 ? at : -at - 2;
            return at >= 0 && place < (int) spans[at] ? at : -1;
        }
    }

    /** Collects spans in any order. */
    private static final class Collector {
        private long[] spans = new long[64];
        private int[] numbers = new int[64];
        private int count;

        void add(int start, int end, int number) {
            if (start < 0 || end <= start || number < 0) {
                return;
            }
            if (count == numbers.length) {
                spans = Arrays.copyOf(spans, 2 * count);
                numbers = Arrays.copyOf(numbers, 2 * count);
            }
            spans[count] = (long) start << 32 | end;
            numbers[count++] = number;
        }

        Spans build() {
            Integer[] order = new Integer[count];
            Arrays.setAll(order, i -> i);
            Arrays.sort(order, (x, y) -> Long.compare(spans[x], spans[y]));
            long[] sorted = new long[count];
            int[] sortedNumbers = new int[count];
            for (int i = 0; i < count; i++) {
                sorted[i] = spans[order[i]];
                sortedNumbers[i] = numbers[order[i]];
            }
            return new Spans(sorted, sortedNumbers);
        }
    }

    /** Collects call sites, in any order. */
    public static final class Builder {
        private final Collector sites = new Collector();
        private final Collector arguments = new Collector();

        /** An empty one. */
        public Builder() {}

        /** Adds the calls in [{@code start}, {@code end}), all places, which land at {@code pad} when they throw. */
        public void add(int start, int end, int pad) {
            sites.add(start, end, pad);
        }

        /** Says that calls in [{@code start}, {@code end}) have {@code size} bytes of arguments on the stack, which are removed. */
        public void addArguments(int start, int end, int size) {
            arguments.add(start, end, size);
        }

        /** All that was added. */
        public LandingPads build() {
            return new LandingPads(sites.build(), arguments.build());
        }
    }

    /** How many call sites have a landing pad. */
    int size() {
        return sites.numbers.length;
    }

    /** The place where call site {@code index} lands. */
    int pad(int index) {
        return sites.numbers[index];
    }

    /** The place where a call at {@code place} lands when it throws; -1 for nowhere. */
    int of(int place) {
        int at = sites.find(place);
        return at < 0 ? -1 : sites.numbers[at];
    }

    /** How many bytes of arguments an exception thrown by the call at {@code place} removes from the stack. */
    int arguments(int place) {
        int at = arguments.find(place);
        return at < 0 ? 0 : arguments.numbers[at];
    }
}
