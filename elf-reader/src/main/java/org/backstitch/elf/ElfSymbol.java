package org.backstitch.elf;

/**
 * A symbol (gABI, chapter 4, "Symbol Table").
 *
 * @param name as the file has it: mangled, and without a version
 * @param value the vaddr of what it names; in a relocatable file its offset in its section; of a thread-local its offset in the TLS
 *     image
 * @param size number of bytes of what it names; 0 where unknown; unsigned
 * @param type one of {@code ElfConstants.STT_*}
 * @param bind one of {@code ElfConstants.STB_*}
 * @param visibility 0 default, 1 internal, 2 hidden, 3 protected
 * @param sectionIndex index of the section that it is defined in, whatever its size; {@link ElfSymbols#UNDEFINED} (0) where it is
 *     defined elsewhere, {@link ElfSymbols#ABSOLUTE}, {@link ElfSymbols#COMMON} or {@link ElfSymbols#SPECIAL}
 */
public record ElfSymbol(String name, long value, long size, int type, int bind, int visibility, int sectionIndex) {
    /** Whether this file defines the symbol. */
    public boolean isDefined() {
        return sectionIndex != ElfSymbols.UNDEFINED;
    }
}
