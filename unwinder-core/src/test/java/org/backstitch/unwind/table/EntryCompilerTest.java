package org.backstitch.unwind.table;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertNotEquals;

import java.util.ArrayList;
import java.util.List;
import org.backstitch.elf.dwarf.FrameDescriptionEntry;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** Programs by hand, for [0x1000, 0x1100): the rows of the table, and the same by single look-ups, on and beside every edge. */
class EntryCompilerTest {
    @ParameterizedTest
    @CsvSource(
            delimiter = '|',
            value = {
                // program | rows of the source | rows of the table
                "| 1 | 1000 call rsp+8; 1100 none",
                "41 0e10 8602 43 0d06 | 3 | 1000 call rsp+8; 1001 call rsp+16 rbp=c-16; 1004 call rbp+16 rbp=c-16; 1100 none",
                "41 0e11 | 2 | 1000 call rsp+8; 1001 call rsp+17; 1100 none", // no number of words
                "41 0e11 41 0e10 | 3 | 1000 call rsp+8; 1001 call rsp+17; 1002 call rsp+16; 1100 none",
                "0e10 40 0e18 41 0e20 | 2 | 1000 call rsp+24; 1001 call rsp+32; 1100 none", // the first row is for no
                // code
                "0e11 40 0e19 41 0e21 | 2 | 1000 call rsp+25; 1001 call rsp+33; 1100 none",
                "41 0f02 | 2 | 1000 call rsp+8; 1001 malformed; 1100 none", // a block beyond the end
                "0e11 41 0b | 2 | 1000 call rsp+17; 1001 malformed; 1100 none", // restore_state of nothing
                "0b | 1 | 1000 malformed; 1100 none",
                // What is behind the end of the entry is for no code, malformed or not.
                "03 ff00 0e10 | 2 | 1000 call rsp+8; 10ff call rsp+16; 1100 none",
                "03 0001 0e10 | 1 | 1000 call rsp+8; 1100 none",
                "03 0101 0e10 | 1 | 1000 call rsp+8; 1100 none",
                "03 0101 0b | 1 | 1000 call rsp+8; 1100 none",
                "03 0001 0b | 1 | 1000 call rsp+8; 1100 none",
                "03 ff00 0b | 2 | 1000 call rsp+8; 10ff malformed; 1100 none",
            })
    void rows(String program, int sourceRows, String expected) {
        FrameDescriptionEntry fde =
                HandMadeEntry.of(program == null ? "" : program).parse();
        List<Long> edges = new ArrayList<>();
        List<String> rules = new ArrayList<>();
        for (String row : expected.split("; ", -1)) {
            edges.add(Long.parseLong(row.substring(0, 4), 16));
            rules.add(row.substring(5));
        }
        // With little room in the table from the beginning, and with enough.
        for (int room : new int[] {1, 2, 256}) {
            RuleDictionary dictionary = new RuleDictionary();
            UnwindTableBuilder builder = new UnwindTableBuilder(dictionary, room);
            EntryCompiler compiler = new EntryCompiler(dictionary);
            compiler.compile(fde, builder);
            UnwindTable table = builder.build();
            assertEquals(sourceRows, table.sourceRows());
            assertEquals(edges.size(), table.rows());
            assertEquals("none", UnwindRule.toString(table.rule(0xfff)));
            for (int i = 0; i < edges.size(); i++) {
                long end = i + 1 < edges.size() ? edges.get(i + 1) : 0x1200;
                for (long vaddr : new long[] {edges.get(i), end - 1}) {
                    assertEquals(rules.get(i), UnwindRule.toString(table.rule(vaddr)));
                    if (vaddr < fde.end()) { // nobody asks an entry for what it does not cover
                        int number = new EntryCompiler(dictionary).find(fde, vaddr);
                        assertEquals(rules.get(i), UnwindRule.toString(dictionary.rule(number)), "look-up");
                    }
                }
            }
        }
    }

    @Test
    void behindTheLastRowThereIsNone() {
        EntryCompiler compiler = new EntryCompiler(new RuleDictionary());
        FrameDescriptionEntry fde = HandMadeEntry.of("41 0e10").parse();
        assertEquals(0, compiler.find(fde, fde.end()));
        assertNotEquals(0, compiler.find(fde, fde.end() - 1));
    }
}
