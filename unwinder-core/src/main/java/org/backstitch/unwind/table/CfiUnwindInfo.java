package org.backstitch.unwind.table;

import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.TreeMap;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.concurrent.atomic.AtomicReference;
import org.backstitch.bytes.MalformedInputException;
import org.backstitch.elf.ElfFile;
import org.backstitch.elf.dwarf.FdeFinder;
import org.backstitch.elf.dwarf.FdeIndex;
import org.backstitch.elf.dwarf.FrameDescriptionEntry;
import org.backstitch.elf.dwarf.LinkedEntries;
import org.jspecify.annotations.Nullable;

/**
 * The unwind rules of an ELF file with call frame information.
 *
 * <p>It starts lazy: a look-up finds the one entry that covers the address and executes it; what was found holds for the whole row, and the
 * row that was met last in an entry is kept. When so many addresses have been asked
 * for that compiling all would have been cheaper, the whole file is compiled into an {@link UnwindTable}, once. Both ways give the same
 * rules.
 */
public final class CfiUnwindInfo implements UnwindInfo {
    /**
     * How many bytes of call frame information weigh as much as one interpreted look-up: a byte costs some 5 ns to compile, a look-up
     * some 300 ns.
     */
    private static final int BYTES_PER_LOOKUP = 64;

    /** So many look-ups cost less than loading the compiler of tables, and warming it up, in a virtual machine that has just started. */
    private static final int FREE_LOOKUPS = 4096;

    /** About how many bytes of call frame information there are for a row. */
    private static final int BYTES_PER_ROW = 5;

    /** About how many bytes of call frame information there are for an entry, with its program. */
    private static final int BYTES_PER_ENTRY = 64;

    private static final int MAX_EXPECTED_ROWS = 1 << 22;

    private final FdeFinder finder;
    private final RuleDictionary dictionary = new RuleDictionary();
    private final AtomicInteger lookupsLeft;
    private final MetRows metRows;

    private final AtomicReference<@Nullable EntryCompiler> idle = new AtomicReference<>();
    private volatile @Nullable UnwindTable compiled;

    private CfiUnwindInfo(FdeFinder finder) {
        this.finder = finder;
        long bytes = finder.sizeInBytes();
        long lookups = FREE_LOOKUPS + bytes / BYTES_PER_LOOKUP;
        this.metRows = new MetRows(bytes / BYTES_PER_ENTRY);
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
        int place = finder.linkedPlace(vaddr);
        int met = metRows.find(place, vaddr);
        if (met != MetRows.NONE) {
            return met;
        }
        // One look-up compiles the table; those of other threads go on without it meanwhile.
        if (lookupsLeft.getAndDecrement() == 0) {
            try {
                return compile().find(vaddr);
            } catch (MalformedInputException e) {
                // Entries too far apart for a table: one by one they can still be used.
            }
        }
        FrameDescriptionEntry linked = finder.findLinked(vaddr, place);
        if (linked != null) {
            return interpret(linked, vaddr, place);
        }
        FrameDescriptionEntry unlinked = finder.findUnlinked(vaddr);
        return unlinked == null ? 0 : interpret(unlinked, vaddr, MetRows.NO_PLACE);
    }

    private int interpret(FrameDescriptionEntry fde, long vaddr, int place) {
        EntryCompiler compiler = idle.getAndSet(null);
        if (compiler == null) {
            compiler = new EntryCompiler(dictionary);
        }
        try {
            int number = compiler.find(fde, vaddr);
            metRows.add(place, compiler.foundStart(), compiler.foundEnd(), number);
            return number;
        } finally {
            idle.set(compiler);
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
        Optional<LinkedEntries> linked = finder.linkedEntries();
        if (linked.isPresent()) {
            UnwindTableBuilder builder = newBuilder();
            EntryCompiler compiler = new EntryCompiler(dictionary);
            LinkedEntries.Cursor entries = linked.get().entries(UnwindTableBuilder.MAX_SPAN);
            while (entries.next()) {
                compiler.compile(entries, builder);
            }
            if (entries.isInOrder()) {
                return builder.build();
            }
        }
        return compileByIndex();
    }

    private UnwindTableBuilder newBuilder() {
        long expectedRows = Math.min(finder.sizeInBytes() / BYTES_PER_ROW + 1, MAX_EXPECTED_ROWS);
        return new UnwindTableBuilder(dictionary, (int) expectedRows);
    }

    private UnwindTable compileByIndex() {
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
        UnwindTableBuilder builder = newBuilder();
        EntryCompiler compiler = new EntryCompiler(dictionary);
        if (overlaps) {
            RowPainter painter = new RowPainter();
            // What is painted last shows: within an index that is the order of precedence.
            for (FdeIndex index : indexes.reversed()) {
                for (int i = 0; i < index.size(); i++) {
                    compiler.interpret(index.fde(i), painter);
                }
            }
            painter.addTo(builder);
        } else {
            for (int i = 0; i < first.size(); i++) {
                compiler.compile(first.fde(i), builder);
            }
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

    /** Rows of entries that overlap: what is painted later covers what was painted before. */
    private static final class RowPainter implements EntryCompiler.RowSink {
        /** In place of a rule: nothing covers it. */
        private static final int BARE = 0;

        /** What shows from each address on; keys are shifted so that they order as unsigned addresses do. */
        private final TreeMap<Long, Integer> surface = new TreeMap<>();

        @Override
        public void row(long start, long end, int rule) {
            long from = start + Long.MIN_VALUE;
            long to = end + Long.MIN_VALUE;
            Map.Entry<Long, Integer> under = surface.floorEntry(to);
            surface.subMap(from, true, to, true).clear();
            surface.put(from, rule);
            surface.put(to, under == null ? BARE : under.getValue());
        }

        void addTo(UnwindTableBuilder builder) {
            surface.forEach((key, top) -> {
                long vaddr = key - Long.MIN_VALUE;
                if (top == BARE) {
                    builder.addGap(vaddr);
                } else {
                    builder.addRow(vaddr, top);
                }
            });
        }
    }
}
