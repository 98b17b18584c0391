package org.backstitch.cli;

import java.io.IOException;
import java.nio.file.Path;
import java.util.Map;
import org.backstitch.code.synthesis.Difference;
import org.backstitch.code.synthesis.Synthesis;
import org.backstitch.elf.dwarf.CallFrameInfo;
import org.backstitch.elf.orc.OrcEntry;
import org.backstitch.unwind.table.UnwindTable;
import org.jspecify.annotations.Nullable;

/** How {@code synthesize} writes what it has made: as text, a line a row, or as JSON objects, one a line, with the counts in the last. */
interface SynthesisPrinter {
    /** Writes all rows of call frame information. */
    void cfi(CallFrameInfo info) throws IOException;

    /** Writes all rows of a compiled table. */
    void compiled(UnwindTable table) throws IOException;

    /** Writes an ORC entry, and the address that it holds from. */
    void orc(long address, OrcEntry entry) throws IOException;

    /** Writes an instruction whose made row is not as the file's own. */
    void difference(Difference difference) throws IOException;

    /**
     * Writes what comes behind the rows that were made.
     *
     * @param refused how many rows no ORC entry can say, by the reason; null where none were asked for
     * @param elf the ELF file that holds the rows, too; null for none
     */
    void finish(Synthesis made, @Nullable Map<String, Integer> refused, @Nullable Path elf) throws IOException;

    /**
     * Writes what comes behind rows that were converted.
     *
     * @param rows how many there were
     * @param refused how many of them no ORC entry can say, by the reason
     */
    void finish(int rows, Map<String, Integer> refused) throws IOException;
}
