package org.backstitch.code.verify;

import java.util.List;

/**
 * What came of holding the tables of a file against its code.
 *
 * @param source the file
 * @param table which of its tables: {@code .eh_frame}, {@code .debug_frame} or {@code .orc_unwind}
 * @param functions how many functions, and parts of functions, the table has entries for
 * @param rows its rows that hold for some instruction, each counted once: contradicted if any instruction contradicts it, undecided if any
 *     is
 * @param instructions the instructions that have a row
 * @param padding instructions that only fill the room between others, and that nothing leads to; they are counted nowhere else
 * @param assumedEntries places that nothing is seen to lead to, from which on the table was believed
 * @param assumedInstructions instructions that only such places lead to
 * @param unknownInstructions instructions that the disassembler does not know
 * @param unresolvedJumps indirect jumps inside of functions that could not be followed
 * @param malformedEntries entries of the table, and exception tables, that are malformed; they count for nothing
 * @param findings contradicted and undecided rows by address, the contradicted with their code
 */
public record Verification(
        String source,
        String table,
        int functions,
        Counts rows,
        Counts instructions,
        int padding,
        int assumedEntries,
        int assumedInstructions,
        int unknownInstructions,
        int unresolvedJumps,
        int malformedEntries,
        List<Finding> findings) {
    /** Copies the list. */
    public Verification {
        findings = List.copyOf(findings);
    }

    /** Whether any row is contradicted. */
    public boolean isContradicted() {
        return rows.contradicted() > 0;
    }
}
