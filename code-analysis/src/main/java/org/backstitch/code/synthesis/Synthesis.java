package org.backstitch.code.synthesis;

import org.backstitch.elf.ElfFile;
import org.jspecify.annotations.Nullable;

/**
 * The rows that were made for a file.
 *
 * @param source the file
 * @param functions how many functions were found
 * @param guessed how many of them were guessed, and proved themselves or are called from code in doubt
 * @param refused how many were not understood, and got no rows
 * @param instructions all instructions, without the padding between functions
 * @param reached those that control is known to get to
 * @param covered those that have a row
 * @param proved those whose row is proved
 * @param comparison with another table, if one was given
 * @param rows the rows
 */
public record Synthesis(
        String source,
        int functions,
        int guessed,
        int refused,
        int instructions,
        int reached,
        int covered,
        int proved,
        @Nullable Comparison comparison,
        MadeRows rows) {
    /**
     * An ELF file with the rows as its {@code .eh_frame}, at the addresses of the original.
     *
     * @throws IllegalStateException if the original is relocatable: its code has no addresses
     */
    public ElfFile elf() {
        return rows.elf();
    }
}
