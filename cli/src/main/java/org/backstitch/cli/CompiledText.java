package org.backstitch.cli;

import java.io.IOException;
import org.backstitch.cli.output.Output;
import org.backstitch.elf.dwarf.UnwindRow;
import org.backstitch.unwind.table.SavedRegisters;
import org.backstitch.unwind.table.UnwindRule;
import org.backstitch.unwind.table.UnwindTable;
import org.jspecify.annotations.Nullable;

/** Compiled unwind tables as text, a line a row: {@code START END RULE}; and what they cost. */
final class CompiledText {
    private final Output out;
    private long rows;
    private long sourceRows;
    private long rules;
    private long bytes;
    private long dictionaryBytes;

    CompiledText(Output out) {
        this.out = out;
    }

    /**
     * Writes all rows of a table.
     *
     * @param place is put in front of addresses: the section that they count from, in files that are not linked
     */
    void write(UnwindTable table, String place) throws IOException {
        IOException[] refused = new IOException[1];
        table.forEachRow((start, end, rule, saved, side) -> {
            try {
                out.append(place).hex(start).append(' ').append(place).hex(end).append(' ');
                out.append(words(rule, saved, side));
                out.newline();
            } catch (IOException e) {
                refused[0] = e;
            }
        });
        if (refused[0] != null) {
            throw refused[0];
        }
        rows += table.rows();
        sourceRows += table.sourceRows();
        rules += table.dictionary().size() - 1;
        bytes += table.sizeInBytes();
        dictionaryBytes += table.dictionary().sizeInBytes();
    }

    /** What a compiled row says: the rule, the registers that it saves, and what only a complete row can say. */
    static String words(long rule, long saved, @Nullable UnwindRow side) {
        String registers = saved == SavedRegisters.SAME ? "" : " " + SavedRegisters.toString(saved);
        return UnwindRule.toString(rule) + registers + (side == null ? "" : " " + side);
    }

    /** What all tables written so far take in memory. */
    String summary() {
        return "%d rows (%d in the file), %d rules, %d bytes (%d of them the dictionary), %.2f bytes a row of the file"
                .formatted(
                        rows,
                        sourceRows,
                        rules,
                        bytes,
                        dictionaryBytes,
                        sourceRows == 0 ? 0.0 : (double) bytes / sourceRows);
    }
}
