package org.backstitch.symbols;

import java.util.ArrayList;
import java.util.List;
import org.backstitch.bytes.Bytes;

/**
 * Names that a JIT compiler left for perf in {@code /tmp/perf-PID.map} (Linux, {@code tools/perf/Documentation/jit-interface.txt}): a
 * line {@code START SIZE NAME} a function, numbers in hexadecimal, the name to the end of the line. Addresses are absolute.
 *
 * <p>Where functions overlap, memory was used again: the later line wins. Immutable and thread-safe.
 */
public final class PerfMap implements SymbolIndex {
    private final long[] starts;
    private final String[] names;
    private final RangeIndex index;
    private final int malformedLines;

    private PerfMap(long[] starts, long[] ends, String[] names, int malformedLines) {
        this.starts = starts;
        this.names = names;
        this.malformedLines = malformedLines;
        this.index = RangeIndex.of(new RangeIndex.Ranges() {
            @Override
            public int count() {
                return starts.length;
            }

            @Override
            public long start(int range) {
                return starts[range];
            }

            @Override
            public long end(int range) {
                return ends[range];
            }

            @Override
            public long limit(int label) {
                return starts[label];
            }

            @Override
            public boolean isBetter(int a, int b) {
                return a > b;
            }
        });
    }

    /** Reads a map. Lines that are none are skipped and counted: the process may have been killed in the middle of one. */
    public static PerfMap of(Bytes text) {
        List<String> names = new ArrayList<>();
        long[] starts = new long[256];
        long[] ends = new long[256];
        int malformed = 0;
        TextLines lines = new TextLines(text);
        while (lines.next()) {
            if (lines.isBlank()) {
                continue;
            }
            boolean good = lines.hex();
            long start = lines.number();
            good = good && lines.blanks() && lines.hex();
            long size = lines.number();
            good = good && lines.blanks() && lines.remaining() > 0;
            if (!good || size == 0 || Long.compareUnsigned(start + size, start) < 0) {
                malformed++;
                continue;
            }
            if (names.size() == starts.length) {
                starts = java.util.Arrays.copyOf(starts, starts.length * 2);
                ends = java.util.Arrays.copyOf(ends, starts.length);
            }
            starts[names.size()] = start;
            ends[names.size()] = start + size;
            names.add(lines.rest());
        }
        int count = names.size();
        return new PerfMap(
                java.util.Arrays.copyOf(starts, count),
                java.util.Arrays.copyOf(ends, count),
                names.toArray(String[]::new),
                malformed);
    }

    /** Number of functions. */
    public int count() {
        return starts.length;
    }

    /** Number of lines that could not be read. */
    public int malformedLines() {
        return malformedLines;
    }

    /**
     * The function at an address.
     *
     * @param address in the process
     */
    @Override
    public int find(long address) {
        return index.find(address);
    }

    @Override
    public String name(int symbol) {
        return names[symbol];
    }

    @Override
    public long start(int symbol) {
        return starts[symbol];
    }
}
