package org.backstitch.symbols;

import java.util.Optional;
import org.jspecify.annotations.Nullable;

/**
 * The symbols of a kernel by the addresses of one boot, from whichever sources there are: its ELF file, relocated, for the kernel
 * itself (with sizes, so that nothing between functions gets a wrong name), kallsyms for everything else. Immutable and thread-safe.
 */
public final class KernelSymbols implements SymbolIndex {
    private final @Nullable SymbolTable vmlinux;
    private final long relocation;
    private final @Nullable Kallsyms kallsyms;

    private KernelSymbols(@Nullable SymbolTable vmlinux, long relocation, @Nullable Kallsyms kallsyms) {
        this.vmlinux = vmlinux;
        this.relocation = relocation;
        this.kallsyms = kallsyms;
    }

    /** Kallsyms alone, as it is. */
    public static KernelSymbols of(Kallsyms kallsyms) {
        return new KernelSymbols(null, 0, kallsyms);
    }

    /**
     * A kernel's ELF file alone.
     *
     * @param relocation what the boot added to the addresses that the kernel is linked at (KASLR)
     */
    public static KernelSymbols of(SymbolTable vmlinux, long relocation) {
        return new KernelSymbols(vmlinux, relocation, null);
    }

    /** A kernel's ELF file for the kernel itself, and kallsyms of the same boot for modules and whatever the file does not name. */
    public static KernelSymbols of(SymbolTable vmlinux, long relocation, Kallsyms kallsyms) {
        return new KernelSymbols(vmlinux, relocation, kallsyms);
    }

    /** Symbols of vmlinux are its own numbers; those of kallsyms lie above them. */
    private int firstOfKallsyms() {
        return vmlinux == null ? 0 : vmlinux.count();
    }

    /**
     * The symbol of an address.
     *
     * @param address in the boot that was recorded
     */
    @Override
    public int find(long address) {
        if (vmlinux != null) {
            int symbol = vmlinux.find(address - relocation);
            if (symbol != NONE) {
                return symbol;
            }
        }
        if (kallsyms != null) {
            int symbol = kallsyms.find(address);
            if (symbol != NONE) {
                return firstOfKallsyms() + symbol;
            }
        }
        return NONE;
    }

    @Override
    public String name(int symbol) {
        if (vmlinux != null && symbol < vmlinux.count()) {
            return vmlinux.name(symbol);
        }
        return fromKallsyms().name(symbol - firstOfKallsyms());
    }

    @Override
    public long start(int symbol) {
        if (vmlinux != null && symbol < vmlinux.count()) {
            return vmlinux.start(symbol) + relocation;
        }
        return fromKallsyms().start(symbol - firstOfKallsyms());
    }

    /** The module that a symbol belongs to, in brackets; empty for the kernel itself. */
    public Optional<String> module(int symbol) {
        return vmlinux != null && symbol < vmlinux.count()
                ? Optional.empty()
                : fromKallsyms().module(symbol - firstOfKallsyms());
    }

    private Kallsyms fromKallsyms() {
        if (kallsyms == null) {
            throw new IndexOutOfBoundsException("not a symbol of this index");
        }
        return kallsyms;
    }
}
