package org.backstitch.cli;

import static org.junit.jupiter.api.Assertions.assertEquals;

import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

class SuggestionsTest {
    @ParameterizedTest
    @CsvSource({
        "fold, fold, true",
        "fold, fodl, true",
        "fold, fol, true",
        "fold, foold, true",
        "fold, bold, true",
        "fold, food, true",
        "fold, flod, true",
        "fold, flood, false",
        "fold, script, false"
    })
    void oneSlipOfTheFinger(String command, String typed, boolean near) {
        assertEquals(near, Suggestions.oneEditApart(command, typed));
    }

    @Test
    void nearestIsAPrefixOrOneSlipAway() {
        List<String> known = List.of("--max-stack", "--kallsyms", "-o");
        assertEquals("; did you mean '--max-stack'?", Suggestions.nearest("--max", known));
        assertEquals("; did you mean '--kallsyms'?", Suggestions.nearest("--kallsym", known));
        assertEquals("", Suggestions.nearest("--vmlinux", known));
        assertEquals("", Suggestions.nearest("--output", known), "-o is no nearer to it than to any other");
    }
}
