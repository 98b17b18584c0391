package org.backstitch.unwind;

import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;
import org.backstitch.unwind.machine.X86_64;
import org.backstitch.unwind.table.UnwindInfo;
import org.backstitch.unwind.table.UnwindRule;

/**
 * What is known of a kernel's text: which tables describe its image and its modules, and what the code is that was generated at run
 * time, for which there are no tables ({@code orc_find}).
 *
 * <p>Immutable; safe for any number of threads.
 */
public final class KernelText implements KernelRules {
    /**
     * The rule of code that keeps a frame pointer ({@code orc_fp_entry}).
     *
     * <p>It holds only while RBP is set up: behind {@code push %rbp; mov %rsp,%rbp} and before {@code leave}, hence for all callers.
     */
    static final long FRAME_POINTER_RULE =
            UnwindRule.of(UnwindRule.CALL, X86_64.RBP, 16, UnwindRule.RBP_AT_CFA, -16, 0, 0);

    private final long[] starts;
    private final long[] ends;
    private final Source[] sources;

    /** Where the rules of a range are. */
    private sealed interface Source {
        /** Tables whose addresses are lower than the mapped ones by the bias. */
        record Tables(UnwindInfo info, long bias) implements Source {}

        /** The same code stands, with tables, at an address that is lower by the distance. */
        record Copy(long distance) implements Source {}

        /** One rule for all. */
        record Same(long rule) implements Source {}
    }

    private record Range(long start, long end, Source source) {}

    private KernelText(List<Range> ranges) {
        starts = new long[ranges.size()];
        ends = new long[ranges.size()];
        sources = new Source[ranges.size()];
        for (int i = 0; i < sources.length; i++) {
            Range range = ranges.get(i);
            starts[i] = range.start();
            ends[i] = range.end();
            sources[i] = range.source();
        }
    }

    /** Begins to describe a kernel's text. */
    public static Builder builder() {
        return new Builder();
    }

    /** Collects ranges of text. They should not overlap; where they do, the one that starts last counts, and behind it none. */
    public static final class Builder {
        private final List<Range> ranges = new ArrayList<>();

        private Builder() {}

        /**
         * Text that tables describe: the image, or one of the areas of a module.
         *
         * @param start the first address as mapped
         * @param end the address behind it
         * @param info the tables
         * @param bias address as mapped minus address in the tables: KASLR's offset for the image, 0 for tables out of a dump
         */
        public Builder tables(long start, long end, UnwindInfo info, long bias) {
            return add(start, end, new Source.Tables(info, bias));
        }

        /**
         * A trampoline that was copied from text for which there are tables: ftrace copies {@code ftrace_caller} or
         * {@code ftrace_regs_caller} for each of its users ({@code orc_ftrace_find}).
         *
         * @param start the first address of the copy
         * @param end the address behind it
         * @param original the address of what was copied
         */
        public Builder copy(long start, long end, long original) {
            return add(start, end, new Source.Copy(start - original));
        }

        /**
         * Code that has its frame pointer set up throughout: the body of a program that the BPF compiler has translated
         * ({@code orc_bpf_find}).
         */
        public Builder framePointerCode(long start, long end) {
            return add(start, end, new Source.Same(FRAME_POINTER_RULE));
        }

        private Builder add(long start, long end, Source source) {
            if (Long.compareUnsigned(start, end) < 0) {
                ranges.add(new Range(start, end, source));
            }
            return this;
        }

        /** The description of all ranges added. Empty ones have been left out. */
        public KernelText build() {
            ranges.sort(Comparator.comparing(Range::start, Long::compareUnsigned));
            return new KernelText(ranges);
        }
    }

    @Override
    public long rule(long pc) {
        int range = find(pc);
        if (range < 0) {
            return UnwindRule.NONE;
        }
        return switch (sources[range]) {
            case Source.Tables tables -> tables.info().rule(pc - tables.bias());
            case Source.Copy copy -> original(pc - copy.distance());
            case Source.Same same -> same.rule();
        };
    }

    /** A copy's original has tables, or nothing is known: a copy of a copy is none. */
    private long original(long pc) {
        int range = find(pc);
        return range >= 0 && sources[range] instanceof Source.Tables tables
                ? tables.info().rule(pc - tables.bias())
                : UnwindRule.NONE;
    }

    private int find(long pc) {
        int low = 0;
        int high = starts.length - 1;
        while (low <= high) {
            int middle = (low + high) >>> 1;
            if (Long.compareUnsigned(starts[middle], pc) <= 0) {
                low = middle + 1;
            } else {
                high = middle - 1;
            }
        }
        return high >= 0 && Long.compareUnsigned(pc, ends[high]) < 0 ? high : -1;
    }
}
