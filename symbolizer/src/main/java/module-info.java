/** Names for addresses: ELF symbols, PLT stubs, kallsyms, perf maps, demangling. */
module org.backstitch.symbols {
    requires transitive org.backstitch.bytes;
    requires transitive org.backstitch.elf;
    requires static transitive org.jspecify;

    exports org.backstitch.symbols;
}
