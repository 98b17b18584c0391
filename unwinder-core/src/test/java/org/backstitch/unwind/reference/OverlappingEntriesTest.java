package org.backstitch.unwind.reference;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;

import java.util.ArrayList;
import java.util.List;
import java.util.Random;
import org.backstitch.bytes.Bytes;
import org.backstitch.bytes.MalformedInputException;
import org.backstitch.elf.ElfFile;
import org.backstitch.fixtures.SyntheticElf;
import org.backstitch.unwind.table.CfiUnwindInfo;
import org.backstitch.unwind.table.UnwindRule;
import org.backstitch.unwind.table.UnwindTable;
import org.junit.jupiter.api.Test;

/**
 * Entries that overlap as they like, in both sections: the table and single look-ups say of every address what a search of all entries
 * says. Each entry has a CFA offset of its own.
 */
class OverlappingEntriesTest {
    private static final long SECTION = 0x8000;
    private static final int ADDRESSES = 400;
    private static final int CIE_SIZE = 20;

    /** An entry for [start, start + length), whose CFA is RSP + 8 * number, and after {@code split} bytes that and 8000 more. */
    private record Entry(long start, long length, int number, int split) {
        boolean covers(long vaddr) {
            return vaddr >= start && vaddr < start + length;
        }

        long cfaOffset(long vaddr) {
            return 8L * number + (vaddr - start >= split ? 8000 : 0);
        }
    }

    private static byte[] section(List<Entry> entries, boolean debugFrame) {
        CfiAssembler out = new CfiAssembler(1, SECTION, CfiAssembler.Pointers.ABSOLUTE);
        out.little(CIE_SIZE - 4, 4).little(debugFrame ? -1 : 0, 4);
        out.u8(1).u8(0).unsigned(1).signed(-8).u8(16);
        out.program(List.of(
                new CfaInstruction.DefineCfa(7, 8), new CfaInstruction.Offset(16, 1, 0), new CfaInstruction.Nop()));
        out.u8(0);
        for (Entry entry : entries) {
            CfiAssembler program = new CfiAssembler(1, 0, CfiAssembler.Pointers.ABSOLUTE)
                    .program(List.of(
                            new CfaInstruction.DefineCfaOffset(8L * entry.number),
                            new CfaInstruction.Advance(entry.split, 1),
                            new CfaInstruction.DefineCfaOffset(8L * entry.number + 8000)));
            out.little(20 + program.size(), 4);
            out.little(debugFrame ? 0 : out.size(), 4);
            out.little(entry.start, 8).little(entry.length, 8).bytes(program.bytes());
        }
        return out.bytes();
    }

    private static ElfFile elf(List<Entry> frame, List<Entry> debug) {
        SyntheticElf elf = new SyntheticElf(3)
                .section(".eh_frame", SyntheticElf.ALLOC, SECTION, section(frame, false))
                .section(".debug_frame", 0, 0, section(debug, true));
        return ElfFile.of(Bytes.of(elf.bytes(), "test"));
    }

    private static List<Entry> entries(Random random, int first) {
        List<Entry> entries = new ArrayList<>();
        for (int i = random.nextInt(12); i > 0; i--) {
            long start = 1L + random.nextInt(ADDRESSES - 120);
            entries.add(new Entry(start, random.nextInt(100), first + i, random.nextInt(60)));
        }
        return entries;
    }

    /** The CFA offset that counts: of the entry that starts last, of those that start together the first; .debug_frame's after all others. */
    private static long expected(long vaddr, List<Entry> frame, List<Entry> debug) {
        for (List<Entry> entries : List.of(frame, debug)) {
            Entry best = null;
            for (Entry entry : entries) {
                best = entry.covers(vaddr) && (best == null || entry.start > best.start) ? entry : best;
            }
            if (best != null) {
                return best.cfaOffset(vaddr);
            }
        }
        return -1;
    }

    @Test
    void everyAddressHasTheRowThatCounts() {
        Random random = new Random(11);
        for (int round = 0; round < 400; round++) {
            List<Entry> frame = entries(random, 100);
            List<Entry> debug = round % 2 == 0 ? List.of() : entries(random, 200);
            ElfFile elf = elf(frame, debug);
            CfiUnwindInfo lazy = CfiUnwindInfo.of(elf);
            UnwindTable table = CfiUnwindInfo.of(elf).compile();
            long[] told = new long[ADDRESSES];
            java.util.Arrays.fill(told, -1);
            table.forEachRow((start, end, rule, saved, side) -> {
                for (long vaddr = start; vaddr < end; vaddr++) {
                    told[(int) vaddr] = UnwindRule.cfaOffset(rule);
                }
            });
            for (int vaddr = 0; vaddr < ADDRESSES; vaddr++) {
                String where = "round " + round + ", address " + vaddr;
                long expected = expected(vaddr, frame, debug);
                assertEquals(expected, cfaOffset(table.rule(vaddr)), where);
                assertEquals(expected, cfaOffset(lazy.rule(vaddr)), where);
                assertEquals(expected, told[vaddr], where);
            }
        }
    }

    private static long cfaOffset(long rule) {
        return rule == UnwindRule.NONE ? -1 : UnwindRule.cfaOffset(rule);
    }

    /** Entries that are too far apart for a table can be used one by one. */
    @Test
    void entriesThatAreFarApart() {
        List<Entry> far = List.of(new Entry(0x10, 0x10, 2, 60), new Entry(0x2_0000_0000L, 0x10, 3, 60));
        CfiUnwindInfo info = CfiUnwindInfo.of(elf(far, List.of()));
        assertThrows(MalformedInputException.class, info::compile);
        for (int round = 0; round < 100; round++) {
            assertEquals(16, cfaOffset(info.rule(0x1f)));
            assertEquals(24, cfaOffset(info.rule(0x2_0000_0000L)));
            assertEquals(-1, cfaOffset(info.rule(0x20)));
        }
        List<Entry> near = List.of(new Entry(0x10, 0x10, 2, 60), new Entry(0xffff_ffffL, 0x10, 3, 60));
        assertEquals(
                24, cfaOffset(CfiUnwindInfo.of(elf(near, List.of())).compile().rule(0xffff_ffffL)));
    }
}
