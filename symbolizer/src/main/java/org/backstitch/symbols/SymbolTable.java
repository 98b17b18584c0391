package org.backstitch.symbols;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Optional;
import java.util.function.Supplier;
import org.backstitch.bytes.Bytes;
import org.backstitch.bytes.MalformedInputException;
import org.backstitch.elf.ElfConstants;
import org.backstitch.elf.ElfFile;
import org.backstitch.elf.ElfSection;
import org.backstitch.elf.ElfSegment;
import org.backstitch.elf.ElfSymbols;
import org.backstitch.elf.image.DebugFiles;
import org.jspecify.annotations.Nullable;

/**
 * The code symbols of an ELF file, by vaddr.
 *
 * <p>It takes functions (also indirect ones) and whatever else has a name in an executable section, from {@code .symtab} (of the
 * file, else of its separate debug file, else of its {@code .gnu_debugdata}) and from {@code .dynsym}; and PLT stubs, as
 * {@code memcpy@plt}. A symbol names an address if its [value, value + size) covers it. Of several, the one that wins is
 *
 * <ol>
 *   <li>global before weak before local;
 *   <li>the one that starts last, then the shortest: the innermost;
 *   <li>a function before anything else;
 *   <li>the one with fewer leading underscores: {@code malloc} rather than {@code __libc_malloc};
 *   <li>the first in its table.
 * </ol>
 *
 * <p>A symbol without a size (a label in assembly) names an address only if no other one does: it reaches from its value to the next
 * symbol or the end of its section, unless it lies in a symbol that ends before that.
 *
 * <p>Names are those of the file without a version ({@code foo@@V_1}); each is decoded once. Immutable for its users, and thread-safe.
 */
public final class SymbolTable implements SymbolIndex {
    /** No name is decoded beyond this many bytes. */
    private static final int MAX_NAME_SIZE = 1 << 20;

    private static final String PLT_SUFFIX = "@plt";

    private final Entries entries;
    private final RangeIndex index;
    /** A name is decoded at most once a thread and then shared; which thread's copy stays does not matter. */
    private final @Nullable String[] names;

    private final List<MalformedInputException> faults;

    private SymbolTable(Entries entries, List<MalformedInputException> faults) {
        this.entries = entries;
        this.index = RangeIndex.of(entries);
        this.names = new @Nullable String[entries.count];
        this.faults = List.copyOf(faults);
    }

    /** The symbols of a file that has no separate debug file, or whose one is not at hand. */
    public static SymbolTable of(ElfFile file) {
        return of(file, Optional.empty());
    }

    /**
     * The symbols of a file and of its separate debug file.
     *
     * @param debug proved to belong to the file ({@link DebugFiles})
     */
    public static SymbolTable of(ElfFile file, Optional<ElfFile> debug) {
        Entries entries = new Entries();
        List<MalformedInputException> faults = new ArrayList<>();
        Optional<ElfSymbols> full = guarded(faults, file::symbols);
        full.ifPresent(symbols -> entries.addAll(file, symbols));
        if (full.isEmpty() && debug.isPresent()) {
            full = guarded(faults, debug.get()::symbols);
            full.ifPresent(symbols -> entries.addAll(debug.get(), symbols));
        }
        if (full.isEmpty()) {
            Optional<ElfFile> embedded = guarded(faults, () -> DebugFiles.embedded(file));
            embedded.flatMap(elf -> guarded(faults, elf::symbols))
                    .ifPresent(symbols -> entries.addAll(embedded.get(), symbols));
        }
        Optional<ElfSymbols> dynamic = guarded(faults, file::dynamicSymbols);
        dynamic.ifPresent(symbols -> entries.addAll(file, symbols));
        guarded(faults, () -> Optional.of(PltStubs.of(file))).ifPresent(entries::addStubs);
        return new SymbolTable(entries, faults);
    }

    /**
     * The symbols of one section of a relocatable file, by offset in that section.
     *
     * @param section index of the section
     */
    public static SymbolTable ofSection(ElfFile file, int section) {
        Entries entries = new Entries();
        List<MalformedInputException> faults = new ArrayList<>();
        guarded(faults, file::symbols).ifPresent(symbols -> entries.addSection(file, symbols, section));
        return new SymbolTable(entries, faults);
    }

    private static <T> Optional<T> guarded(List<MalformedInputException> faults, Supplier<Optional<T>> part) {
        try {
            return part.get();
        } catch (MalformedInputException e) {
            faults.add(e);
            return Optional.empty();
        }
    }

    /** Number of symbols. */
    public int count() {
        return entries.count;
    }

    /** What was broken and is therefore missing: a table outside of the file, a {@code .gnu_debugdata} that is no xz. */
    public List<MalformedInputException> faults() {
        return faults;
    }

    /**
     * The symbol that names an address.
     *
     * @param vaddr as linked
     * @return {@link SymbolIndex#NONE} if there is none
     */
    @Override
    public int find(long vaddr) {
        return index.find(vaddr);
    }

    @Override
    public String name(int symbol) {
        String known = names[symbol];
        if (known == null) {
            known = entries.decodeName(symbol);
            names[symbol] = known;
        }
        return known;
    }

    @Override
    public long start(int symbol) {
        return entries.values[symbol];
    }

    /** The symbol's size in bytes, 0 if it has none; unsigned. */
    public long size(int symbol) {
        return entries.sizes[symbol];
    }

    /** The collected symbols, an array a property. */
    private static final class Entries implements RangeIndex.Ranges {
        /** A symbol whose name is another symbol's with a suffix has this bit in its rank. */
        private static final int STUB = 1 << 4;
        /** Rank of a symbol that is not a function. */
        private static final int NO_FUNCTION = 1;

        private final List<ElfSymbols> tables = new ArrayList<>();
        private final List<String> stubNames = new ArrayList<>();
        private int count;
        private long[] values = new long[1024];
        private long[] sizes = new long[1024];
        /** Binding (0 global, 1 weak, 2 local) times 2, plus {@link #NO_FUNCTION}; and {@link #STUB}. */
        private byte[] ranks = new byte[1024];

        private byte[] tableOf = new byte[1024];
        /** Of a symbol, offset of its name in its string table; of a stub, index of its name. */
        private int[] nameOffsets = new int[1024];
        /** Only where labels are: the end of their section. */
        private long[] limits = new long[1024];

        void addAll(ElfFile file, ElfSymbols symbols) {
            CodeRanges code = new CodeRanges(file);
            int symbolCount = symbols.count();
            for (int i = 1; i < symbolCount; i++) {
                addCode(symbols, i, code);
            }
            tables.add(symbols);
        }

        /** Adds a symbol if it is one of code. */
        private void addCode(ElfSymbols symbols, int symbol, CodeRanges code) {
            int type = symbols.type(symbol);
            if (!mayBeCode(type)) {
                return;
            }
            int section = sectionOf(symbols, symbol);
            boolean function = isFunction(type);
            long value = symbols.value(symbol);
            if (section != ElfSymbols.UNDEFINED
                    && section != ElfSymbols.COMMON
                    && (function || code.isExecutable(section, value))) {
                add(symbols, symbol, function, code.end(section, value));
            }
        }

        void addSection(ElfFile file, ElfSymbols symbols, int wanted) {
            long end = file.section(wanted).map(ElfSection::size).orElse(0L);
            for (int i = 1; i < symbols.count(); i++) {
                int type = symbols.type(i);
                if (mayBeCode(type) && sectionOf(symbols, i) == wanted) {
                    add(symbols, i, isFunction(type), end);
                }
            }
            tables.add(symbols);
        }

        private static boolean mayBeCode(int type) {
            return switch (type) {
                case ElfConstants.STT_NOTYPE,
                        ElfConstants.STT_OBJECT,
                        ElfConstants.STT_FUNC,
                        ElfConstants.STT_GNU_IFUNC -> true;
                default -> false;
            };
        }

        private static boolean isFunction(int type) {
            return type == ElfConstants.STT_FUNC || type == ElfConstants.STT_GNU_IFUNC;
        }

        private static int sectionOf(ElfSymbols symbols, int symbol) {
            try {
                return symbols.sectionIndex(symbol);
            } catch (MalformedInputException e) {
                // An extended index without a table of them: the symbol is defined nowhere that we know.
                return ElfSymbols.UNDEFINED;
            }
        }

        private void add(ElfSymbols symbols, int symbol, boolean function, long limit) {
            long nameOffset = symbols.nameOffset(symbol);
            Bytes strings = symbols.names();
            if (!strings.contains(nameOffset, 1) || strings.u8(nameOffset) == 0) {
                return;
            }
            int binding = switch (symbols.bind(symbol)) {
                case ElfConstants.STB_GLOBAL, ElfConstants.STB_GNU_UNIQUE -> 0;
                case ElfConstants.STB_WEAK -> 1;
                default -> 2;
            };
            int rank = 2 * binding + (function ? 0 : NO_FUNCTION);
            append(symbols.value(symbol), symbols.size(symbol), rank, (int) nameOffset, limit);
        }

        void addStubs(PltStubs stubs) {
            for (PltStubs.Stub stub : stubs.stubs()) {
                append(stub.vaddr(), stub.size(), 2 * 2 | STUB, stubNames.size(), 0);
                stubNames.add(stub.target() + PLT_SUFFIX);
            }
        }

        private void append(long value, long size, int rank, int nameOffset, long limit) {
            if (count == values.length) {
                int larger = count + (count >> 1);
                values = Arrays.copyOf(values, larger);
                sizes = Arrays.copyOf(sizes, larger);
                ranks = Arrays.copyOf(ranks, larger);
                tableOf = Arrays.copyOf(tableOf, larger);
                nameOffsets = Arrays.copyOf(nameOffsets, larger);
                limits = Arrays.copyOf(limits, larger);
            }
            values[count] = value;
            sizes[count] = size;
            ranks[count] = (byte) rank;
            tableOf[count] = (byte) tables.size();
            nameOffsets[count] = nameOffset;
            limits[count] = limit;
            count++;
        }

        String decodeName(int symbol) {
            if ((ranks[symbol] & STUB) != 0) {
                return stubNames.get(nameOffsets[symbol]);
            }
            Bytes strings = tables.get(tableOf[symbol]).names();
            long at = nameOffsets[symbol] & 0xffff_ffffL;
            String name = strings.paddedString(at, Math.min(MAX_NAME_SIZE, strings.size() - at));
            int version = name.indexOf('@');
            return version <= 0 || name.endsWith(PLT_SUFFIX) ? name : name.substring(0, version);
        }

        private int leadingUnderscores(int symbol) {
            if ((ranks[symbol] & STUB) != 0) {
                return 0;
            }
            Bytes strings = tables.get(tableOf[symbol]).names();
            long at = nameOffsets[symbol] & 0xffff_ffffL;
            int underscores = 0;
            while (strings.contains(at + underscores, 1) && strings.u8(at + underscores) == '_') {
                underscores++;
            }
            return underscores;
        }

        @Override
        public int count() {
            return count;
        }

        @Override
        public long start(int symbol) {
            return values[symbol];
        }

        @Override
        public long end(int symbol) {
            long end = values[symbol] + sizes[symbol];
            return Long.compareUnsigned(end, values[symbol]) < 0 ? -1 : end;
        }

        @Override
        public long limit(int symbol) {
            return limits[symbol];
        }

        @Override
        public boolean isBetter(int a, int b) {
            int byBinding = Integer.compare((ranks[a] & ~STUB) >> 1, (ranks[b] & ~STUB) >> 1);
            if (byBinding != 0) {
                return byBinding < 0;
            }
            int byStart = Long.compareUnsigned(values[b], values[a]);
            if (byStart != 0) {
                return byStart < 0;
            }
            int bySize = Long.compareUnsigned(sizes[a], sizes[b]);
            if (bySize != 0) {
                return bySize < 0;
            }
            int byType = Integer.compare(ranks[a] & NO_FUNCTION, ranks[b] & NO_FUNCTION);
            if (byType != 0) {
                return byType < 0;
            }
            int byUnderscores = Integer.compare(leadingUnderscores(a), leadingUnderscores(b));
            return byUnderscores != 0 ? byUnderscores < 0 : a < b;
        }
    }

    /** Where a file has code: in executable sections, or in executable segments where there are no sections. */
    private static final class CodeRanges {
        private final boolean[] executable;
        private final long[] ends;
        private final List<ElfSegment> segments;

        CodeRanges(ElfFile file) {
            List<ElfSection> sections = file.sections();
            executable = new boolean[sections.size()];
            ends = new long[sections.size()];
            for (int i = 0; i < executable.length; i++) {
                ElfSection section = sections.get(i);
                executable[i] = section.hasFlags(ElfConstants.SHF_EXECINSTR);
                ends[i] = section.address() + section.size();
            }
            segments = sections.isEmpty()
                    ? file.segments().stream()
                            .filter(segment -> segment.type() == ElfConstants.PT_LOAD && segment.isExecutable())
                            .toList()
                    : List.of();
        }

        boolean isExecutable(int section, long vaddr) {
            if (section > 0 && section < executable.length) {
                return executable[section];
            }
            return segments.stream().anyMatch(segment -> segment.covers(vaddr));
        }

        /** First vaddr behind the section (or segment) that a symbol is in. */
        long end(int section, long vaddr) {
            if (section > 0 && section < ends.length) {
                return ends[section];
            }
            for (ElfSegment segment : segments) {
                if (segment.covers(vaddr)) {
                    return segment.vaddr() + segment.memorySize();
                }
            }
            return vaddr;
        }
    }
}
