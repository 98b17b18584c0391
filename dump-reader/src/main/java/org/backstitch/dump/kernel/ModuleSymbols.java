package org.backstitch.dump.kernel;

import org.jspecify.annotations.Nullable;

/**
 * The symbols that a kernel keeps of a loaded module ({@code struct mod_kallsyms}): an ELF symbol table whose values are addresses, a
 * string table, and the type letters that {@code nm} would print.
 */
final class ModuleSymbols {
    private static final int ENTRY_SIZE = 24; // Elf64_Sym
    private static final int INFO_OFFSET = 4;
    private static final int SECTION_OFFSET = 6;
    private static final int VALUE_OFFSET = 8;
    private static final int MAX_SYMBOLS = 1 << 20;
    private static final int MAX_NAME = 512; // KSYM_NAME_LEN

    private final Kernel kernel;
    private final Btf.@Nullable Member pointer;
    private final Btf.@Nullable Member symbols;
    private final Btf.@Nullable Member count;
    private final Btf.@Nullable Member strings;
    /** Letters of their own since 5.2; before that, they replaced {@code st_info}. */
    private final Btf.@Nullable Member letters;

    ModuleSymbols(Kernel kernel) {
        this.kernel = kernel;
        Btf.Struct module = kernel.types().struct("module");
        Btf.Struct table = kernel.types().struct("mod_kallsyms");
        pointer = module == null ? null : module.member("kallsyms");
        symbols = table == null ? null : table.member("symtab");
        count = table == null ? null : table.member("num_symtab");
        strings = table == null ? null : table.member("strtab");
        letters = table == null ? null : table.member("typetab");
    }

    /** What is told of each symbol. */
    @FunctionalInterface
    interface Visitor {
        /** A symbol with a name and an address. */
        void symbol(long address, char letter, String name);
    }

    /** Tells all symbols of a module that the dump holds. */
    void forEach(KernelModule module, Visitor visitor) {
        if (pointer == null || symbols == null || count == null || strings == null) {
            return;
        }
        if (!kernel.isReadable(module.address(), pointer)) {
            return;
        }
        long table = kernel.read(module.address(), pointer);
        if (!kernel.isReadable(table, symbols)
                || !kernel.isReadable(table, count)
                || !kernel.isReadable(table, strings)) {
            return;
        }
        long first = kernel.read(table, symbols);
        long size = Math.min(kernel.read(table, count), MAX_SYMBOLS);
        long names = kernel.read(table, strings);
        long types = letters != null && kernel.isReadable(table, letters) ? kernel.read(table, letters) : 0;
        for (long i = 1; i < size; i++) {
            long at = first + ENTRY_SIZE * i;
            if (!kernel.isReadable(at, ENTRY_SIZE)) {
                return;
            }
            long nameAt = names + kernel.memory().read(at, Integer.BYTES);
            long letterAt = types == 0 ? at + INFO_OFFSET : types + i;
            boolean defined = kernel.memory().read(at + SECTION_OFFSET, Short.BYTES) != 0;
            if (defined && kernel.isReadable(nameAt, 1) && kernel.isReadable(letterAt, 1)) {
                String name = kernel.memory().readString(nameAt, MAX_NAME);
                if (!name.isEmpty()) {
                    visitor.symbol(
                            kernel.memory().readLong(at + VALUE_OFFSET),
                            (char) kernel.memory().readByte(letterAt),
                            name);
                }
            }
        }
    }
}
