package org.backstitch.dump.kernel;

import java.io.IOException;
import java.lang.foreign.Arena;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import org.backstitch.elf.ElfFile;
import org.backstitch.elf.ElfSection;
import org.backstitch.symbols.Kallsyms;
import org.backstitch.symbols.SymbolIndex;
import org.backstitch.symbols.SymbolTable;
import org.jspecify.annotations.Nullable;

/**
 * Names for the addresses of a crashed kernel.
 *
 * <p>For the kernel itself, from vmlinux, else from a copy of {@code /proc/kallsyms}, else from the symbols in the dump. For a module, from
 * its file, else from the other two, of which the dump's own are as the kernel would print them. Each source is read when it is first
 * needed. Belongs to one thread.
 */
public final class KernelNames {
    private final KernelDump dump;
    private final @Nullable SymbolTable vmlinux;
    private final @Nullable Kallsyms kallsyms;
    private final ModuleFiles moduleFiles;
    private final Map<KernelModule, List<PlacedSymbols>> modules = new HashMap<>();
    private boolean dumpRead;
    private @Nullable Kallsyms ofDump;

    /** The symbols of a module's section, and where that section is. */
    private record PlacedSymbols(long address, long size, SymbolTable symbols) {}

    /**
     * A name.
     *
     * @param symbol null where nothing names the address
     * @param offset of the address in the symbol, in bytes
     * @param module the module that the address belongs to, as {@code [ext4]}; empty for the kernel itself
     */
    public record Name(@Nullable String symbol, long offset, String module) {}

    private KernelNames(
            KernelDump dump, @Nullable SymbolTable vmlinux, @Nullable Kallsyms kallsyms, ModuleFiles moduleFiles) {
        this.dump = dump;
        this.vmlinux = vmlinux;
        this.kallsyms = kallsyms;
        this.moduleFiles = moduleFiles;
    }

    /**
     * Names from all that is at hand.
     *
     * @param vmlinux the kernel's file, or null
     * @param kallsyms a copy of {@code /proc/kallsyms} from the boot that crashed, or null
     * @param moduleDirectory where the modules' files are, or null
     * @param arena owns the modules' files that are opened
     * @throws IOException if the directory cannot be read
     */
    public static KernelNames of(
            KernelDump dump,
            @Nullable ElfFile vmlinux,
            @Nullable Kallsyms kallsyms,
            @Nullable Path moduleDirectory,
            Arena arena)
            throws IOException {
        return new KernelNames(
                dump,
                vmlinux == null ? null : SymbolTable.of(vmlinux),
                kallsyms,
                moduleDirectory == null ? ModuleFiles.none(arena) : ModuleFiles.in(moduleDirectory, arena));
    }

    /**
     * The name of an address.
     *
     * @param pc where the CPU is or will return to
     * @param exact whether the instruction at {@code pc} itself is meant; for a return address it is the call before it
     */
    public Name find(long pc, boolean exact) {
        long address = exact ? pc : pc - 1;
        KernelModule module = dump.module(address);
        Name name = module == null ? ofImage(address) : ofFile(module, address);
        if (name == null) {
            name = of(kallsyms, address, 0);
        }
        if (name == null) {
            name = of(ofDump(), address, 0);
        }
        String label = module == null ? "" : "[" + module.name() + "]";
        return name == null
                ? new Name(null, 0, label)
                : new Name(name.symbol, name.offset + (pc - address), label.isEmpty() ? name.module : label);
    }

    private @Nullable Name ofImage(long address) {
        return of(vmlinux, address, dump.kernelOffset());
    }

    private static @Nullable Name of(@Nullable SymbolIndex index, long address, long bias) {
        int symbol = index == null ? SymbolIndex.NONE : index.find(address - bias);
        if (index == null || symbol == SymbolIndex.NONE) {
            return null;
        }
        String module = index instanceof Kallsyms list ? list.module(symbol).orElse("") : "";
        return new Name(index.name(symbol), address - bias - index.start(symbol), module);
    }

    private @Nullable Name ofFile(KernelModule module, long address) {
        for (PlacedSymbols placed : modules.computeIfAbsent(module, this::placedSymbols)) {
            if (Long.compareUnsigned(address - placed.address, placed.size) < 0) {
                Name name = of(placed.symbols, address, placed.address);
                if (name != null) {
                    return name;
                }
            }
        }
        return null;
    }

    /** A module's file is relocatable: its symbols are offsets in sections, of which the dump knows where they were put. */
    private List<PlacedSymbols> placedSymbols(KernelModule module) {
        List<PlacedSymbols> placed = new ArrayList<>();
        for (ElfFile file : moduleFiles.find(module)) {
            for (KernelModule.Section section : module.sections()) {
                ElfSection inFile = file.section(section.name()).orElse(null);
                if (inFile != null && module.covers(section.address())) {
                    placed.add(new PlacedSymbols(
                            section.address(), inFile.size(), SymbolTable.ofSection(file, inFile.index())));
                }
            }
        }
        return placed;
    }

    private @Nullable Kallsyms ofDump() {
        if (!dumpRead) {
            dumpRead = true;
            ofDump = dump.kallsyms();
        }
        return ofDump;
    }

    /** How many module files were not used, because they could not be read or are of another build. */
    public int rejectedFiles() {
        return moduleFiles.rejected();
    }
}
