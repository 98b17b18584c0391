package org.backstitch.code.stack;

import java.lang.foreign.Arena;
import org.backstitch.elf.ElfFile;

final class RelocatableModule {
    private RelocatableModule() {}
    static ModuleCode of(ElfFile elf, Arena arena) { throw elf.bytes().malformed(0, "relocatable"); }
}
