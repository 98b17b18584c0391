package org.backstitch.dump.user;

import java.util.Optional;
import org.backstitch.elf.ElfFile;
import org.backstitch.symbols.SymbolTable;
import org.backstitch.unwind.ElfModule;
import org.jspecify.annotations.Nullable;

/** A binary that was found for a process: its rules, and its symbols once a name is wanted. Thread-safe. */
final class Binary {
    private final ElfModule module;
    private final Optional<ElfFile> debug;
    private volatile @Nullable SymbolTable symbols;

    Binary(ElfModule module, Optional<ElfFile> debug) {
        this.module = module;
        this.debug = debug;
    }

    ElfModule module() {
        return module;
    }

    ElfFile elf() {
        return module.elf();
    }

    /** The separate file with its symbols, where one was found. */
    Optional<ElfFile> debug() {
        return debug;
    }

    SymbolTable symbols() {
        SymbolTable table = symbols;
        if (table == null) {
            synchronized (this) {
                table = symbols;
                if (table == null) {
                    table = SymbolTable.of(module.elf(), debug);
                    symbols = table;
                }
            }
        }
        return table;
    }
}
