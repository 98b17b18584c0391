package org.backstitch.unwind.table;

import java.util.function.Supplier;
import org.backstitch.bytes.MalformedInputException;
import org.backstitch.elf.dwarf.CallFrameInterpreter;
import org.backstitch.elf.dwarf.FrameDescriptionEntry;
import org.backstitch.elf.dwarf.LinkedEntries;
import org.backstitch.elf.dwarf.PlainRows;

/**
 * Executes the entries of a file's call frame information and numbers the rules of their rows.
 *
 * <p>Entries as compilers write them are executed by {@link PlainRows}: each of its words is encoded when it is met first, from the row that
 * {@link CallFrameInterpreter} gives in that place. All other entries are executed by that interpreter altogether, and so is one for a
 * single look-up, which wants one row of it.
 *
 * <p>Not thread-safe.
 */
final class EntryCompiler {
    private final RuleDictionary dictionary;
    private final PlainRows plain = new PlainRows();
    private final CallFrameInterpreter rows = new CallFrameInterpreter();
    private final CfiRuleEncoder encoder = new CfiRuleEncoder();
    private long foundStart;
    private long foundEnd;

    /** A compiler that adds rules to a dictionary. */
    EntryCompiler(RuleDictionary dictionary) {
        this.dictionary = dictionary;
    }

    /** The number of the rule for an address that an entry covers; 0 if no row does. */
    int find(FrameDescriptionEntry fde, long vaddr) {
        foundStart = vaddr;
        foundEnd = vaddr;
        try {
            rows.start(fde);
            while (rows.nextRow()) {
                if (Long.compareUnsigned(vaddr, rows.rowEnd()) < 0) {
                    int number = encode();
                    foundStart = rows.rowStart();
                    foundEnd = Long.compareUnsigned(rows.rowEnd(), fde.end()) < 0 ? rows.rowEnd() : fde.end();
                    return number;
                }
            }
            return 0;
        } catch (MalformedInputException e) {
            return malformed();
        }
    }

    /** Where the row starts that was found last: all its addresses have the same rule. */
    long foundStart() {
        return foundStart;
    }

    /** Where it ends; where it starts, if none was found. */
    long foundEnd() {
        return foundEnd;
    }

    /** Adds all rows of an entry that are for code to a table, and a gap at its end. */
    void compile(FrameDescriptionEntry fde, UnwindTableBuilder table) {
        compile(plain.start(fde), fde.start(), fde.end(), () -> fde, table);
    }

    /** The same for the entry that a cursor is at. */
    void compile(LinkedEntries.Cursor entry, UnwindTableBuilder table) {
        compile(plain.start(entry), entry.start(), entry.end(), entry::fde, table);
    }

    /** {@code most}: what the entry has of plain rows. */
    private void compile(
            int most, long start, long end, Supplier<FrameDescriptionEntry> fde, UnwindTableBuilder table) {
        if (most != PlainRows.NOT_PLAIN) {
            int from = table.begin(start, end, most + 1);
            int to = executePlain(fde, table, from);
            if (to != PlainRows.NOT_PLAIN) {
                table.end(to, plain.rowCount(), end);
                return;
            }
            table.cancel(start, from);
        }
        interpret(fde.get(), (rowStart, rowEnd, rule) -> table.addRow(rowStart, rule));
        table.addGap(end);
    }

    /** Where the rows of an entry go. */
    interface RowSink {
        /** A row: where it starts and ends, and the number of its rule. */
        void row(long start, long end, int rule);
    }

    /** Tells all rows of an entry that are for code. */
    void interpret(FrameDescriptionEntry fde, RowSink sink) {
        long end = fde.end();
        rows.start(fde);
        try {
            while (rows.nextRow() && Long.compareUnsigned(rows.rowStart(), end) < 0) {
                if (rows.rowStart() != rows.rowEnd()) {
                    long rowEnd = Long.compareUnsigned(rows.rowEnd(), end) < 0 ? rows.rowEnd() : end;
                    sink.row(rows.rowStart(), rowEnd, encode());
                }
            }
        } catch (MalformedInputException e) {
            // From here to the end of the entry nothing is known, and the table says so.
            if (Long.compareUnsigned(rows.rowStart(), end) < 0) {
                sink.row(rows.rowStart(), end, malformed());
            }
        }
    }

    private int executePlain(Supplier<FrameDescriptionEntry> fde, UnwindTableBuilder table, int from) {
        int to = plain.execute(table.base(), table.starts(), table.numbers(), from);
        while (to == PlainRows.UNKNOWN_WORD) {
            rows.start(fde.get());
            for (int row = 0; row <= plain.unknownRow(); row++) {
                rows.nextRow();
            }
            plain.learn(encode());
            to = plain.execute(table.base(), table.starts(), table.numbers(), from);
        }
        return to;
    }

    private int encode() {
        encoder.encode(rows);
        return dictionary.intern(encoder.rule(), encoder.saved(), encoder.side());
    }

    private int malformed() {
        return dictionary.intern(UnwindRule.of(UnwindRule.MALFORMED), SavedRegisters.SAME, null);
    }
}
