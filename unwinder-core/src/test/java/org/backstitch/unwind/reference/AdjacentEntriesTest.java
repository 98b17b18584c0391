package org.backstitch.unwind.reference;

import static org.junit.jupiter.api.Assertions.assertEquals;

import java.util.List;
import java.util.Random;
import java.util.stream.Stream;
import org.backstitch.bytes.Bytes;
import org.backstitch.elf.ElfFile;
import org.backstitch.fixtures.SyntheticElf;
import org.backstitch.unwind.table.CfiUnwindInfo;
import org.backstitch.unwind.table.UnwindRule;
import org.backstitch.unwind.table.UnwindTable;
import org.junit.jupiter.api.Test;

/**
 * Entries side by side, some with a gap between them, whose rows are alike at their edges, and of which some turn out not to be as
 * compilers write them only at their end: the table says of every address what its entry's program says.
 */
class AdjacentEntriesTest {
    private static final long SECTION = 0x8000;
    private static final int ROW = 4;
    private static final int CIE_SIZE = 20;

    /** A CFA offset for every {@link #ROW} bytes of code from {@code start} on. */
    private record Entry(long start, List<Long> cfaOffsets) {
        long end() {
            return start + (long) ROW * cfaOffsets.size();
        }

        byte[] program() {
            CfiAssembler program = new CfiAssembler(1, 0, CfiAssembler.Pointers.ABSOLUTE);
            for (int row = 0; row < cfaOffsets.size(); row++) {
                List<CfaInstruction> offset = List.of(new CfaInstruction.DefineCfaOffset(cfaOffsets.get(row)));
                List<CfaInstruction> advance = row == 0 ? List.of() : List.of(new CfaInstruction.Advance(ROW, 0));
                program.program(Stream.concat(advance.stream(), offset.stream()).toList());
            }
            return program.bytes();
        }
    }

    private static ElfFile elf(List<Entry> entries) {
        CfiAssembler out = new CfiAssembler(1, SECTION, CfiAssembler.Pointers.ABSOLUTE);
        out.little(CIE_SIZE - 4, 4).little(0, 4);
        out.u8(1).u8(0).unsigned(1).signed(-8).u8(16);
        out.program(List.of(
                new CfaInstruction.DefineCfa(7, 8), new CfaInstruction.Offset(16, 1, 0), new CfaInstruction.Nop()));
        out.u8(0);
        for (Entry entry : entries) {
            byte[] program = entry.program();
            out.little(20 + program.length, 4);
            out.little(out.size(), 4);
            out.little(entry.start, 8).little(entry.end() - entry.start, 8).bytes(program);
        }
        SyntheticElf elf = new SyntheticElf(3).section(".eh_frame", SyntheticElf.ALLOC, SECTION, out.bytes());
        return ElfFile.of(Bytes.of(elf.bytes(), "test"));
    }

    private static void check(List<Entry> entries) {
        UnwindTable table = CfiUnwindInfo.of(elf(entries)).compile();
        int rows = 0;
        long end = 0;
        for (Entry entry : entries) {
            if (end != entry.start) {
                assertEquals(UnwindRule.NONE, table.rule(end), () -> "in front of 0x%x".formatted(entry.start));
            }
            for (long vaddr = entry.start; vaddr < entry.end(); vaddr++) {
                long expected = entry.cfaOffsets.get((int) (vaddr - entry.start) / ROW);
                assertEquals(expected, UnwindRule.cfaOffset(table.rule(vaddr)), "at 0x%x".formatted(vaddr));
            }
            rows += entry.cfaOffsets.size();
            end = entry.end();
        }
        assertEquals(UnwindRule.NONE, table.rule(end));
        assertEquals(rows, table.sourceRows());
    }

    /** The row that both share has been written over when 17 is met, which is no number of words. */
    @Test
    void notPlainAtItsEndBehindTheSameRow() {
        check(List.of(new Entry(0x100, List.of(8L, 16L)), new Entry(0x108, List.of(16L, 24L, 17L))));
    }

    @Test
    void anyNeighbours() {
        Random random = new Random(7);
        long[] offsets = {8, 16, 16, 24, 24, 17};
        for (int round = 0; round < 500; round++) {
            Entry[] entries = new Entry[1 + random.nextInt(8)];
            long start = 0x100;
            for (int i = 0; i < entries.length; i++) {
                List<Long> rows = random.ints(1 + random.nextInt(5), 0, offsets.length)
                        .mapToObj(place -> offsets[place])
                        .toList();
                entries[i] = new Entry(start, rows);
                start = entries[i].end() + (random.nextInt(3) == 0 ? ROW : 0);
            }
            check(List.of(entries));
        }
    }
}
