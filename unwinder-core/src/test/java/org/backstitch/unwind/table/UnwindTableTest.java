package org.backstitch.unwind.table;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;

import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.NavigableMap;
import java.util.Random;
import java.util.TreeMap;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** Tables say of an address what the last row at or below it says: held against a sorted map. */
class UnwindTableTest {
    private static long rule(long cfaOffset) {
        return UnwindRule.of(UnwindRule.CALL, 7, cfaOffset, 0, 0, 0, 0);
    }

    /** What shows from each address on, each time something else than before. */
    private static void check(NavigableMap<Long, Long> rows, UnwindTable table) {
        List<String> expected = new ArrayList<>();
        rows.forEach((start, rule) -> {
            for (long vaddr = start - 1; vaddr <= start + 1; vaddr++) {
                Map.Entry<Long, Long> at = rows.floorEntry(vaddr);
                assertEquals(at == null ? UnwindRule.NONE : at.getValue(), table.rule(vaddr), "at " + vaddr);
            }
            if (rule != UnwindRule.NONE) {
                expected.add(start + "-" + rows.higherKey(start) + " " + rule);
            }
        });
        List<String> actual = new ArrayList<>();
        table.forEachRow((start, end, rule, saved, side) -> actual.add(start + "-" + end + " " + rule));
        assertEquals(expected, actual);
    }

    /** Rows close together and far apart, so that a step of the coarse index holds none, one or many. */
    @ParameterizedTest
    @ValueSource(ints = {1, 3, 40, 1000, 20_000})
    void everyAddressHasTheRowBelowIt(int rows) {
        Random random = new Random(rows);
        for (int round = 0; round < 20; round++) {
            TreeMap<Long, Long> expected = new TreeMap<>();
            UnwindTableBuilder builder = new UnwindTableBuilder();
            long vaddr = 0x40_0000;
            int spread = 1 << random.nextInt(16);
            for (int row = 0; row < rows; row++) {
                boolean gap = row > 0 && random.nextInt(4) == 0;
                long word = gap ? UnwindRule.NONE : rule(8L * random.nextInt(4));
                if (gap) {
                    builder.addGap(vaddr);
                } else {
                    builder.addRow(vaddr, word, SavedRegisters.SAME, null);
                }
                if (expected.isEmpty() || expected.lastEntry().getValue() != word) {
                    expected.put(vaddr, word);
                }
                vaddr += 1 + random.nextInt(spread);
            }
            builder.addGap(vaddr);
            if (expected.lastEntry().getValue() != UnwindRule.NONE) {
                expected.put(vaddr, UnwindRule.NONE);
            }
            check(expected, builder.build());
        }
    }

    /** Starts have 32 bits, and count without a sign. */
    @Test
    void fourGibibytes() {
        long base = 0xffff_ffff_0000_0000L;
        UnwindTableBuilder builder = new UnwindTableBuilder();
        builder.addRow(base, rule(8), SavedRegisters.SAME, null);
        builder.addRow(base + 0x8000_0000L, rule(16), SavedRegisters.SAME, null);
        builder.addGap(base + 0xffff_ffffL);
        UnwindTable table = builder.build();
        assertEquals(rule(8), table.rule(base));
        assertEquals(rule(8), table.rule(base + 0x7fff_ffffL));
        assertEquals(rule(16), table.rule(base + 0x8000_0000L));
        assertEquals(rule(16), table.rule(base + 0xffff_fffeL));
        assertEquals(UnwindRule.NONE, table.rule(base + 0xffff_ffffL));
        assertEquals(UnwindRule.NONE, table.rule(base - 1));
        assertEquals(UnwindRule.NONE, table.rule(0x1000));
        assertThrows(IllegalArgumentException.class, () -> builder.addGap(base + 0xffff_ffffL + 1));
        UnwindTableBuilder low = new UnwindTableBuilder().addRow(0x1000, rule(8), SavedRegisters.SAME, null);
        assertThrows(IllegalArgumentException.class, () -> low.addGap(0x1000 + 0xffff_ffffL + 1));
        assertThrows(IllegalArgumentException.class, () -> low.addGap(0xfff));
        low.addGap(0x1010);
        assertThrows(IllegalArgumentException.class, () -> low.addGap(0x100f));
    }

    /** Numbers beyond 65,535 need four bytes in the table, and one less only two. */
    @ParameterizedTest
    @ValueSource(ints = {65_534, 65_535, 65_536, 70_000})
    void moreRulesThanTwoBytesCanNumber(int rules) {
        UnwindTableBuilder builder = new UnwindTableBuilder();
        for (int i = 0; i < rules; i++) {
            builder.addRow(0x1000 + 16L * i, rule(8L + i), SavedRegisters.SAME, null);
        }
        UnwindTable table = builder.addGap(0x1000 + 16L * rules).build();
        for (int i = 0; i < rules; i++) {
            assertEquals(rule(8L + i), table.rule(0x1000 + 16L * i));
            assertEquals(rule(8L + i), table.rule(0x1000 + 16L * i + 15));
        }
        assertEquals(UnwindRule.NONE, table.rule(0x1000 + 16L * rules));
        // A start and a number for each row, the dictionary's two words for each rule, and an index of at most a byte a
        // row.
        long exact = (rules + 1L) * (rules > 65_535 ? 8 : 6) + (rules + 1L) * 16;
        long index = table.sizeInBytes() - exact;
        assertEquals(true, index > 0 && index <= rules, "index of " + index + " bytes");
    }

    @Test
    void equalNeighboursAreOneRow() {
        UnwindTableBuilder builder = new UnwindTableBuilder();
        builder.addGap(0x10); // in front of everything nothing need be said
        builder.addRow(0x100, rule(8), SavedRegisters.SAME, null);
        builder.addRow(0x110, rule(8), SavedRegisters.SAME, null);
        builder.addRow(0x120, rule(16), SavedRegisters.SAME, null);
        builder.addRow(
                0x120, rule(8), SavedRegisters.SAME, null); // in the place of the other, and so like the first two
        builder.addRow(0x130, rule(8), SavedRegisters.withUndefined(0, 0), null);
        builder.addGap(0x140).addGap(0x150);
        UnwindTable table = builder.build();
        assertEquals(3, table.rows());
        assertEquals(5, table.sourceRows());
        List<String> rows = new ArrayList<>();
        table.forEachRow((start, end, rule, saved, side) ->
                rows.add(Long.toHexString(start) + "-" + Long.toHexString(end) + " " + SavedRegisters.toString(saved)));
        assertEquals(List.of("100-130 ", "130-140 rbx=u"), rows);
    }

    @Test
    void nothingAtAll() {
        UnwindTable table = new UnwindTableBuilder().build();
        assertEquals(0, table.rows());
        assertEquals(UnwindRule.NONE, table.rule(0));
        assertEquals(UnwindRule.NONE, table.rule(-1));
        table.forEachRow((start, end, rule, saved, side) -> {
            throw new AssertionError("a row in a table of none");
        });
        assertEquals(UnwindRule.NONE, UnwindInfo.empty().rule(0x1000));
    }
}
