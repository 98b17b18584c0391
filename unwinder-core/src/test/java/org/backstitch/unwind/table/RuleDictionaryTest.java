package org.backstitch.unwind.table;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertNull;
import static org.junit.jupiter.api.Assertions.assertSame;

import java.util.Collections;
import java.util.List;
import java.util.TreeMap;
import java.util.concurrent.Callable;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import org.backstitch.elf.dwarf.CfaRule;
import org.backstitch.elf.dwarf.UnwindRow;
import org.junit.jupiter.api.Test;

/** Numbers go up from 1 in the order of the first meeting, and stay. */
class RuleDictionaryTest {
    private static final long RULE = UnwindRule.of(UnwindRule.CALL, 7, 8, 0, 0, 0, 0);

    private static UnwindRow row(long cfaOffset) {
        return new UnwindRow(new CfaRule.RegisterOffset(7, cfaOffset), new TreeMap<>(), 16);
    }

    /** Enough for many to share a place, and for everything to grow more than once. */
    @Test
    void numbersAreGivenOnceAndStay() {
        RuleDictionary dictionary = new RuleDictionary();
        int rules = 5000;
        for (int i = 0; i < rules; i++) {
            assertEquals(1 + 2 * i, dictionary.intern(RULE + ((long) i << 40), 7L * (i % 3), null));
            assertEquals(2 + 2 * i, dictionary.intern(RULE, i + 100, row(8L * (i % 5))));
            assertEquals(3 + 2 * i, dictionary.size());
        }
        for (int i = 0; i < rules; i++) {
            assertEquals(1 + 2 * i, dictionary.intern(RULE + ((long) i << 40), 7L * (i % 3), null));
            assertEquals(2 + 2 * i, dictionary.intern(RULE, i + 100, row(8L * (i % 5))));
            assertEquals(RULE + ((long) i << 40), dictionary.rule(1 + 2 * i));
            assertEquals(7L * (i % 3), dictionary.saved(1 + 2 * i));
            assertNull(dictionary.side(1 + 2 * i));
            assertEquals(row(8L * (i % 5)), dictionary.side(2 + 2 * i));
        }
        assertEquals(2 * rules + 1, dictionary.size());
    }

    /** Two rules are one only if both words and the complete rows are. */
    @Test
    void whatMakesARule() {
        RuleDictionary dictionary = new RuleDictionary();
        UnwindRow eight = row(8);
        assertEquals(1, dictionary.intern(RULE, 1, eight));
        assertEquals(2, dictionary.intern(RULE, 1, row(16)));
        assertEquals(3, dictionary.intern(RULE, 1, null));
        assertEquals(4, dictionary.intern(RULE, 2, eight));
        assertEquals(5, dictionary.intern(RULE + 16, 1, eight));
        assertEquals(1, dictionary.intern(RULE, 1, row(8)));
        assertSame(eight, dictionary.side(1));
    }

    @Test
    void numberZeroIsNoRule() {
        RuleDictionary dictionary = new RuleDictionary();
        assertEquals(0, dictionary.intern(UnwindRule.NONE, 5, row(8)));
        assertEquals(1, dictionary.size());
        assertEquals(UnwindRule.NONE, dictionary.rule(0));
        assertNull(dictionary.side(0));
    }

    /** Two words for each number, and what is reckoned for each complete row. */
    @Test
    void size() {
        RuleDictionary dictionary = new RuleDictionary();
        assertEquals(16, dictionary.sizeInBytes());
        dictionary.intern(RULE, 1, null);
        assertEquals(32, dictionary.sizeInBytes());
        dictionary.intern(RULE, 1, row(8));
        assertEquals(48 + 512, dictionary.sizeInBytes());
        dictionary.intern(RULE, 2, row(8));
        assertEquals(64 + 1024, dictionary.sizeInBytes());
    }

    /** Whoever asks for a number, in any thread, gets the same, and finds under it what it asked for. */
    @Test
    void threadsThatMeetTheSameRules() throws Exception {
        int rules = 20_000;
        int threads = 4;
        RuleDictionary dictionary = new RuleDictionary();
        Callable<int[]> asker = () -> {
            int[] numbers = new int[rules];
            for (int i = 0; i < rules; i++) {
                long rule = RULE + ((long) i << 40);
                numbers[i] = dictionary.intern(rule, i, null);
                assertEquals(rule, dictionary.rule(numbers[i]));
                assertEquals(i, dictionary.saved(numbers[i]));
            }
            return numbers;
        };
        try (ExecutorService executor = Executors.newFixedThreadPool(threads)) {
            List<Future<int[]>> asked = executor.invokeAll(Collections.nCopies(threads, asker));
            for (Future<int[]> numbers : asked) {
                assertArrayEquals(asked.getFirst().get(), numbers.get());
            }
        }
        assertEquals(rules + 1, dictionary.size());
    }
}
