package org.backstitch.dump.kernel;

import java.util.OptionalLong;
import org.jspecify.annotations.Nullable;

/** The symbols that a dump knows by itself: those that VMCOREINFO names, and those of kallsyms in its memory. */
final class DumpSymbols implements SymbolAddresses {
    private final @Nullable VmCoreInfo info;
    private final KernelMemory memory;
    private final String source;
    private boolean decoded;
    private @Nullable KallsymsTables kallsyms;

    DumpSymbols(VmCore core, KernelMemory memory) {
        this.info = core.info();
        this.memory = memory;
        this.source = core.source();
    }

    @Override
    public OptionalLong address(String name) {
        OptionalLong given = inInfo(name);
        if (given.isPresent()) {
            return given;
        }
        KallsymsTables tables = kallsyms();
        return tables == null ? OptionalLong.empty() : tables.address(name);
    }

    /** The address of a symbol that VMCOREINFO names. */
    OptionalLong inInfo(String name) {
        VmCoreInfo known = info;
        Long address = known == null ? null : known.symbol(name);
        return address == null ? OptionalLong.empty() : OptionalLong.of(address);
    }

    /** The kernel's own symbols; null if the dump does not hold them. VMCOREINFO says where they are, or they are looked for. */
    @Nullable
    KallsymsTables kallsyms() {
        return kallsyms(name -> OptionalLong.empty());
    }

    /**
     * The same.
     *
     * @param others what else may say where they are
     */
    @Nullable
    KallsymsTables kallsyms(SymbolAddresses others) {
        if (!decoded) {
            decoded = true;
            SymbolAddresses places = ((SymbolAddresses) this::inInfo).or(others);
            if (places.address("kallsyms_names").isEmpty()) {
                SymbolAddresses found = KallsymsFinder.find(memory);
                places = found == null ? places : found;
            }
            kallsyms = KallsymsTables.read(memory, places, source);
        }
        return kallsyms;
    }
}
