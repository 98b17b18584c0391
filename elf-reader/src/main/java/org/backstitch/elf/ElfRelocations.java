package org.backstitch.elf;

import org.backstitch.bytes.Bytes;

/**
 * A relocation table read in place (gABI, chapter 4, "Relocation"): {@code Elf64_Rela}, or {@code Elf64_Rel}, whose addends stand in
 * the bytes that they change. Immutable and thread-safe.
 */
public final class ElfRelocations {
    private static final int RELA_SIZE = 24;
    private static final int REL_SIZE = 16;

    private final Bytes entries;
    private final boolean explicitAddends;
    private final int entrySize;
    private final int count;
    private final int symbolTableIndex;

    ElfRelocations(Bytes entries, boolean explicitAddends, int symbolTableIndex) {
        this.entries = entries;
        this.explicitAddends = explicitAddends;
        this.entrySize = explicitAddends ? RELA_SIZE : REL_SIZE;
        this.count = (int) Math.min(entries.size() / entrySize, Integer.MAX_VALUE);
        this.symbolTableIndex = symbolTableIndex;
    }

    /** Number of relocations. */
    public int count() {
        return count;
    }

    /** Whether the table has addends; if not they stand in the bytes to be relocated. */
    public boolean hasAddends() {
        return explicitAddends;
    }

    /** Index of the section with the symbols that this table means; 0 for none. */
    public int symbolTableIndex() {
        return symbolTableIndex;
    }

    /** {@code r_offset}: what to change, in a relocatable file as offset in the section, else as vaddr. */
    public long offset(int relocation) {
        return entries.i64(at(relocation));
    }

    /** One of {@code ElfConstants.R_X86_64_*}. */
    public int type(int relocation) {
        return entries.i32(at(relocation) + 8);
    }

    /** Index in the symbol table; 0 for none. */
    public int symbol(int relocation) {
        return entries.i32(at(relocation) + 12);
    }

    /** {@code r_addend}; 0 where the table has none. */
    public long addend(int relocation) {
        return explicitAddends ? entries.i64(at(relocation) + 16) : 0;
    }

    private long at(int relocation) {
        if (relocation < 0 || relocation >= count) {
            throw entries.malformed(
                    (long) relocation * entrySize,
                    "there is no relocation " + relocation + ", only " + count + " of them");
        }
        return (long) relocation * entrySize;
    }
}
