package org.backstitch.symbols;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;

import java.util.Arrays;
import java.util.Random;
import org.junit.jupiter.api.RepeatedTest;
import org.junit.jupiter.api.RepetitionInfo;
import org.junit.jupiter.api.Test;

class RangeIndexTest {
    /** Ranges given as {start, end, limit, quality}; higher quality is better, then the lower number. */
    private static final class Table implements RangeIndex.Ranges {
        private final long[][] rows;

        Table(long[][] rows) {
            this.rows = rows;
        }

        @Override
        public int count() {
            return rows.length;
        }

        @Override
        public long start(int range) {
            return rows[range][0];
        }

        @Override
        public long end(int range) {
            return rows[range][1];
        }

        @Override
        public long limit(int label) {
            return rows[label][2];
        }

        @Override
        public boolean isBetter(int a, int b) {
            return rows[a][3] != rows[b][3] ? rows[a][3] > rows[b][3] : a < b;
        }

        /** The definition, word by word, in one slow loop. */
        int slowly(long address) {
            int best = SymbolIndex.NONE;
            for (int i = 0; i < rows.length; i++) {
                boolean holds = rows[i][0] <= address && address < rows[i][1];
                if (holds && (best == SymbolIndex.NONE || isBetter(i, best))) {
                    best = i;
                }
            }
            if (best != SymbolIndex.NONE) {
                return best;
            }
            long lastStart = -1;
            long lastEnd = -1;
            for (long[] row : rows) {
                if (row[0] <= address) {
                    lastStart = Math.max(lastStart, row[0]);
                    lastEnd = row[1] > row[0] ? Math.max(lastEnd, row[1]) : lastEnd;
                }
            }
            for (int i = 0; i < rows.length; i++) {
                boolean label = rows[i][0] == rows[i][1] && rows[i][0] == lastStart && rows[i][0] >= lastEnd;
                if (label && (best == SymbolIndex.NONE || isBetter(i, best))) {
                    best = i;
                }
            }
            return best != SymbolIndex.NONE && address < rows[best][2] ? best : SymbolIndex.NONE;
        }
    }

    @RepeatedTest(200)
    void agreesWithTheDefinition(RepetitionInfo repetition) {
        Random random = new Random(repetition.getCurrentRepetition());
        int span = 1 + random.nextInt(120);
        long[][] rows = new long[random.nextInt(40)][];
        for (int i = 0; i < rows.length; i++) {
            long start = random.nextInt(span);
            long end = random.nextInt(3) == 0 ? start : start + random.nextInt(span / (1 + random.nextInt(6)) + 1);
            // Limits grow with starts, as ends of sections do.
            long limit = start + 1 + (span - start % span) % 17;
            rows[i] = new long[] {start, end, limit - start > 0 ? (start / 20 + 1) * 20 : limit, random.nextInt(3)};
        }
        Table table = new Table(rows);
        RangeIndex index = RangeIndex.of(table);
        for (long address = 0; address < 2L * span + 30; address++) {
            assertEquals(
                    table.slowly(address), index.find(address), "at " + address + " of " + Arrays.deepToString(rows));
        }
    }

    @Test
    void takesAddressesAsUnsigned() {
        long kernel = 0xffff_ffff_8100_0000L;
        RangeIndex index = RangeIndex.of(new Table(new long[][] {
            {kernel, kernel + 16, 0, 0}, {0x1000, 0x1010, 0, 0}, {-16, -1, 0, 0},
        }));
        assertEquals(0, index.find(kernel + 15));
        assertEquals(SymbolIndex.NONE, index.find(kernel + 16));
        assertEquals(1, index.find(0x1000));
        assertEquals(SymbolIndex.NONE, index.find(0xfff));
        assertEquals(2, index.find(-2));
        assertEquals(SymbolIndex.NONE, index.find(-1));
    }

    @Test
    void sortsUnsigned() {
        long[] keys = {5, -1, 0, Long.MIN_VALUE, 5, Long.MAX_VALUE};
        assertArrayEquals(new int[] {2, 0, 4, 5, 3, 1}, UnsignedSort.order(keys));
        assertArrayEquals(new long[] {0, 5, Long.MAX_VALUE, Long.MIN_VALUE, -1}, UnsignedSort.distinct(keys.clone()));
        assertArrayEquals(new int[] {0, 1, 2}, UnsignedSort.order(new long[] {1, 2, -1}));
        assertArrayEquals(new int[0], UnsignedSort.order(new long[0]));
    }
}
