package org.backstitch.unwind.table;

import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.TreeMap;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.concurrent.atomic.AtomicReference;
import org.backstitch.bytes.MalformedInputException;
import org.backstitch.elf.ElfFile;
import org.backstitch.elf.dwarf.CallFrameInterpreter;
import org.backstitch.elf.dwarf.FdeFinder;
import org.backstitch.elf.dwarf.FdeIndex;
import org.backstitch.elf.dwarf.FrameDescriptionEntry;
import org.backstitch.elf.dwarf.UnwindRow;
import org.jspecify.annotations.Nullable;

/**
 * The unwind rules of an ELF file with call frame information.
 *
 * <p>It starts lazy: a look-up finds the one entry that covers the address and executes it. When so many addresses have been asked
 * for that compiling all would have been cheaper, the whole file is compiled into an {@link UnwindTable}, once. Both ways give the same
 * rules.
 */
public final class CfiUnwindInfo implements UnwindInfo {
    /**
     * How many bytes of call frame information weigh as much as one interpreted look-up: a byte costs some 5 ns to compile, a look-up
     * some 300 ns.
     */
    private static final int BYTES_PER_LOOKUP = 64;

    private final FdeFinder finder;
    private final RuleDictionary dictionary = new RuleDictionary();
    private final AtomicInteger lookupsLeft;
    private final AtomicReference<@Nullable Interpreter> idle = new AtomicReference<>();
    private volatile @Nullable UnwindTable compiled;
    private volatile boolean compilable = true;

    private static final class Interpreter {
        final CallFrameInterpreter rows = new CallFrameInterpreter();
        final CfiRuleEncoder encoder = new CfiRuleEncoder();
    }

    private CfiUnwindInfo(FdeFinder finder) {
        this.finder = finder;
        long lookups = finder.sizeInBytes() / BYTES_PER_LOOKUP;
        this.lookupsLeft = new AtomicInteger((int) Math.min(lookups, Integer.MAX_VALUE));
    }

    /** The rules of a file, which must stay mapped. */
    public static CfiUnwindInfo of(ElfFile elf) {
        return new CfiUnwindInfo(FdeFinder.of(elf));
    }

    /**
     * The rules of a file whose {@code .debug_frame} may have been split off; both files must stay mapped.
     *
     * @param debug the separate debug file, proved to belong to the file
     */
    public static CfiUnwindInfo of(ElfFile elf, Optional<ElfFile> debug) {
        return new CfiUnwindInfo(FdeFinder.of(elf, debug));
    }

    /** The entries behind the rules. */
    public FdeFinder finder() {
        return finder;
    }

    @Override
    public RuleDictionary dictionary() {
        return dictionary;
    }

    @Override
    public int find(long vaddr) {
        UnwindTable table = compiled;
        if (table != null) {
            return table.find(vaddr);
        }
        if (compilable && lookupsLeft.getAndDecrement() <= 0) {
            try {
                return compile().find(vaddr);
            } catch (MalformedInputException e) {
                compilable = false; // entries too far apart for a table: one by one they can still be used
            }
        }
        FrameDescriptionEntry fde = finder.find(vaddr);
        return fde == null ? 0 : interpret(fde, vaddr);
    }

    private int interpret(FrameDescriptionEntry fde, long vaddr) {
        Interpreter interpreter = idle.getAndSet(null);
        if (interpreter == null) {
            interpreter = new Interpreter();
        }
        try {
            CallFrameInterpreter rows = interpreter.rows;
            rows.start(fde);
            while (rows.nextRow()) {
                if (Long.compareUnsigned(vaddr, rows.rowEnd()) < 0) {
                    CfiRuleEncoder encoder = interpreter.encoder;
                    encoder.encode(rows);
                    return dictionary.intern(encoder.rule(), encoder.saved(), encoder.side());
                }
            }
            return 0;
        } catch (MalformedInputException e) {
            return dictionary.intern(UnwindRule.of(UnwindRule.MALFORMED), SavedRegisters.SAME, null);
        } finally {
            idle.set(interpreter);
        }
    }

    /**
     * The table of all rows, compiled now if it was not yet.
     *
     * @throws MalformedInputException if the file's entries are more than {@link UnwindTableBuilder#MAX_SPAN} apart
     */
    public UnwindTable compile() {
        UnwindTable table = compiled;
        if (table == null) {
            synchronized (this) {
                table = compiled;
                if (table == null) {
                    table = compileAll();
                    compiled = table;
                }
            }
        }
        return table;
    }

    private UnwindTable compileAll() {
        List<FdeIndex> indexes =
                finder.indexes().stream().filter(index -> index.size() > 0).toList();
        if (indexes.isEmpty()) {
            return new UnwindTableBuilder(dictionary).build();
        }
        checkSpan(indexes);
        FdeIndex first = indexes.getFirst();
        boolean overlaps = indexes.size() > 1;
        for (int i = 0; !overlaps && i < first.size(); i++) {
            overlaps = first.overlaps(i);
        }
        UnwindTableBuilder builder = new UnwindTableBuilder(dictionary);
        if (overlaps) {
            RowPainter painter = new RowPainter();
            // What is painted last shows: within an index that is the order of precedence.
            for (FdeIndex index : indexes.reversed()) {
                compileEntries(index, painter);
            }
            painter.addTo(builder);
        } else {
            compileEntries(first, new InOrder(builder));
        }
        return builder.build();
    }

    private static void checkSpan(List<FdeIndex> indexes) {
        long lowest = -1;
        long highest = 0;
        for (FdeIndex index : indexes) {
            lowest = Long.compareUnsigned(index.start(0), lowest) < 0 ? index.start(0) : lowest;
            highest = Long.compareUnsigned(index.highestEnd(), highest) > 0 ? index.highestEnd() : highest;
        }
        if (Long.compareUnsigned(highest - lowest, UnwindTableBuilder.MAX_SPAN) > 0) {
            throw indexes.getFirst()
                    .info()
                    .section()
                    .malformed(0, "entries from 0x%x to 0x%x, more than 4 GiB apart".formatted(lowest, highest));
        }
    }

    /** Where the rows of one entry after the other go. */
    private interface RowSink {
        void row(long start, long rule, long saved, @Nullable UnwindRow side);

        void end(long end);
    }

    /** Rows of entries that do not overlap. */
    private record InOrder(UnwindTableBuilder builder) implements RowSink {
        @Override
        public void row(long start, long rule, long saved, @Nullable UnwindRow side) {
            builder.addRow(start, rule, saved, side);
        }

        @Override
        public void end(long end) {
            builder.addGap(end);
        }
    }

    private static void compileEntries(FdeIndex index, RowSink sink) {
        Interpreter interpreter = new Interpreter();
        for (int i = 0; i < index.size(); i++) {
            compileEntry(index.fde(i), interpreter, sink);
        }
    }

    private static void compileEntry(FrameDescriptionEntry fde, Interpreter interpreter, RowSink sink) {
        CallFrameInterpreter rows = interpreter.rows;
        CfiRuleEncoder encoder = interpreter.encoder;
        long end = fde.end();
        rows.start(fde);
        try {
            while (rows.nextRow() && Long.compareUnsigned(rows.rowStart(), end) < 0) {
                if (rows.rowStart() != rows.rowEnd()) {
                    encoder.encode(rows);
                    sink.row(rows.rowStart(), encoder.rule(), encoder.saved(), encoder.side());
                }
            }
        } catch (MalformedInputException e) {
            // From here to the end of the entry nothing is known, and the table says so.
            if (Long.compareUnsigned(rows.rowStart(), end) < 0) {
                sink.row(rows.rowStart(), UnwindRule.of(UnwindRule.MALFORMED), SavedRegisters.SAME, null);
            }
        }
        sink.end(end);
    }

    /** Rows of entries that overlap: what is painted later covers what was painted before. */
    private static final class RowPainter implements RowSink {
        private record Paint(
                long rule, long saved, @Nullable UnwindRow side) {}

        private static final Paint BARE = new Paint(UnwindRule.NONE, SavedRegisters.SAME, null);

        /** What shows from each address on; keys are shifted so that they order as unsigned addresses do. */
        private final TreeMap<Long, Paint> surface = new TreeMap<>();

        private long start;
        private @Nullable Paint paint;

        @Override
        public void row(long rowStart, long rule, long saved, @Nullable UnwindRow side) {
            end(rowStart);
            start = rowStart;
            paint = new Paint(rule, saved, side);
        }

        @Override
        public void end(long end) {
            if (paint != null && start != end) {
                long from = start + Long.MIN_VALUE;
                long to = end + Long.MIN_VALUE;
                Map.Entry<Long, Paint> under = surface.floorEntry(to);
                surface.subMap(from, true, to, true).clear();
                surface.put(from, paint);
                surface.put(to, under == null ? BARE : under.getValue());
            }
            paint = null;
        }

        void addTo(UnwindTableBuilder builder) {
            surface.forEach((key, top) -> {
                long vaddr = key - Long.MIN_VALUE;
                if (top.rule == UnwindRule.NONE) {
                    builder.addGap(vaddr);
                } else {
                    builder.addRow(vaddr, top.rule, top.saved, top.side);
                }
            });
        }
    }
}
