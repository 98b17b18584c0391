package org.backstitch.recording;

import java.io.IOException;
import java.lang.foreign.Arena;
import java.nio.file.Path;
import java.util.Map;
import java.util.Optional;
import java.util.concurrent.ConcurrentHashMap;
import org.backstitch.bytes.Bytes;
import org.backstitch.bytes.MalformedInputException;
import org.backstitch.elf.ElfFile;
import org.backstitch.elf.image.DebugFiles;
import org.backstitch.elf.image.FileTree;
import org.backstitch.symbols.Demangler;
import org.backstitch.symbols.Kallsyms;
import org.backstitch.symbols.KernelSymbols;
import org.backstitch.symbols.PerfMap;
import org.backstitch.symbols.SymbolIndex;
import org.backstitch.symbols.SymbolTable;
import org.backstitch.unwind.ElfModule;
import org.jspecify.annotations.Nullable;

/** The symbols of everything that a recording's stacks lead through, each table read when a name from it is first wanted. Thread-safe. */
final class SymbolStore {
    /**
     * What is known of an address.
     *
     * @param symbol null where unknown
     * @param distance from the symbol's start, in bytes
     * @param dso the file
     */
    record Name(@Nullable String symbol, long distance, String dso) {}

    /** A file's symbols, and how the name of each reads, as far as it was wanted: whoever misses one makes it again. */
    private static final class Names {
        final SymbolTable table;
        final @Nullable String[] readable;

        Names(SymbolTable table) {
            this.table = table;
            this.readable = new @Nullable String[table.count()];
        }
    }

    private record MaybeIndex(@Nullable SymbolIndex index) {}

    private final RecordingOptions options;
    private final Arena arena;
    private final DebugFiles debugFiles;
    private final ConcurrentHashMap<ElfModule, Names> tables = new ConcurrentHashMap<>();
    private final PerfMapFiles perfMapFiles;
    private final ConcurrentHashMap<Integer, MaybeIndex> perfMaps = new ConcurrentHashMap<>();
    private final KnownFrames frames = new KnownFrames();
    private final Demangler demangler;
    private final ConcurrentHashMap<String, String> demangled = new ConcurrentHashMap<>();
    private final @Nullable KernelSymbols kernelSymbols;

    SymbolStore(RecordingOptions options, Arena arena, FileTree files, KernelMap kernel, Demangler demangler)
            throws IOException {
        this.options = options;
        this.demangler = demangler;
        this.arena = arena;
        this.perfMapFiles = new PerfMapFiles(files, System::nanoTime);
        this.debugFiles = DebugFiles.in(files);
        this.kernelSymbols = openKernelSymbols(kernel);
    }

    private @Nullable KernelSymbols openKernelSymbols(KernelMap kernel) throws IOException {
        Path text = options.kallsyms();
        Kallsyms kallsyms = text == null ? null : Kallsyms.of(Bytes.map(text, arena));
        Path vmlinux = options.vmlinux();
        if (vmlinux == null) {
            return kallsyms == null ? null : KernelSymbols.of(kallsyms);
        }
        ElfFile elf = ElfFile.map(vmlinux, arena);
        SymbolTable table = SymbolTable.of(elf);
        long relocation = relocation(elf, kernel);
        return kallsyms == null ? KernelSymbols.of(table, relocation) : KernelSymbols.of(table, relocation, kallsyms);
    }

    /** What the boot added to linked addresses: where the recording says the reference symbol was, less where it is linked. */
    private static long relocation(ElfFile vmlinux, KernelMap kernel) {
        long linkedText =
                vmlinux.section(".text").map(section -> section.address()).orElse(0L);
        return kernel.textReference() == 0 || linkedText == 0 ? 0 : kernel.textReference() - linkedText;
    }

    /** The frames that were named so far. */
    KnownFrames frames() {
        return frames;
    }

    /** The name of a kernel address. */
    Name kernel(long address, KernelMap map) {
        Map.Entry<Long, String> late = map.symbolAt(address);
        if (late != null) {
            return new Name(late.getValue(), address - late.getKey(), map.dso(address));
        }
        KernelSymbols symbols = kernelSymbols;
        int symbol = symbols == null ? SymbolIndex.NONE : symbols.find(address);
        if (symbols == null || symbol == SymbolIndex.NONE) {
            return new Name(null, 0, map.dso(address));
        }
        String dso = symbols.module(symbol).orElseGet(() -> map.dso(address));
        return new Name(symbols.name(symbol), address - symbols.start(symbol), dso);
    }

    /** Whether a kernel address has a name that was there from the start. */
    boolean isOfBoot(long address, KernelMap map) {
        KernelSymbols symbols = kernelSymbols;
        return symbols != null && symbols.find(address) != SymbolIndex.NONE && map.symbolAt(address) == null;
    }

    /** The name of an address of a file. */
    Name user(ElfModule module, long vaddr) {
        Names names = tables.get(module);
        if (names == null) {
            names = tables.computeIfAbsent(module, this::open);
        }
        int symbol = names.table.find(vaddr);
        if (symbol == SymbolIndex.NONE) {
            return new Name(null, 0, module.name());
        }
        String name = names.readable[symbol];
        if (name == null) {
            name = readable(names.table.name(symbol));
            names.readable[symbol] = name;
        }
        return new Name(name, vaddr - names.table.start(symbol), module.name());
    }

    private String readable(String name) {
        return options.demangle() ? demangled.computeIfAbsent(name, demangler::demangle) : name;
    }

    private Names open(ElfModule module) {
        return new Names(SymbolTable.of(module.elf(), debugFile(module)));
    }

    /** The separate file with a module's symbols, where there is one. */
    Optional<ElfFile> debugFile(ElfModule module) {
        return debugFiles.find(module.elf(), module.name(), arena).file();
    }

    /** Whether a process's just-in-time compiler has left names of its code ({@code /tmp/perf-PID.map}). */
    boolean hasJitSymbols(int pid) {
        return perfMap(pid) != null;
    }

    /** The name of code that a just-in-time compiler made, or null. */
    @Nullable
    Name jitted(int pid, long address) {
        SymbolIndex index = perfMap(pid);
        int symbol = index == null ? SymbolIndex.NONE : index.find(address);
        if (index == null || symbol == SymbolIndex.NONE) {
            return null;
        }
        return new Name(index.name(symbol), address - index.start(symbol), "/tmp/perf-" + pid + ".map");
    }

    private @Nullable SymbolIndex perfMap(int pid) {
        return perfMaps.computeIfAbsent(pid, this::openPerfMap).index;
    }

    private MaybeIndex openPerfMap(int pid) {
        Path path = perfMapFiles.of(pid).orElse(null);
        if (path == null) {
            return new MaybeIndex(null);
        }
        try {
            return new MaybeIndex(PerfMap.of(Bytes.map(path, arena)));
        } catch (IOException | MalformedInputException e) {
            // Names are a courtesy: frames without them say [unknown], and the file can be looked at.
            return new MaybeIndex(null);
        }
    }
}
