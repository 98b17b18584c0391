package org.backstitch.code.synthesis;

import org.backstitch.code.verify.Verdict;
import org.backstitch.unwind.table.UnwindRule;
import org.jspecify.annotations.Nullable;

/**
 * An instruction whose made row does not come to what the file's own row does.
 *
 * @param address of the instruction
 * @param rule the rule word of the own row
 * @param made the made row, in the words of {@code readelf -wF}
 * @param proved whether the made row is claimed to be proved
 * @param foreign whether the own row describes another context than the function's own frame, or something that could not be followed
 * @param verdict what {@code verify} says of the own row there; null where that was not asked: of rows that are foreign, or not proved
 */
public record Difference(
        long address,
        long rule,
        String made,
        boolean proved,
        boolean foreign,
        @Nullable Verdict verdict) {
    /** All of it in one line, but for the address. */
    @Override
    public String toString() {
        String kind = foreign ? " (of another kind)" : "";
        String judged = verdict == null ? "" : " (verify: " + verdict.label() + ")";
        return "%s%s; made%s: %s%s"
                .formatted(UnwindRule.toString(rule), judged, proved ? "" : ", not proved", made, kind);
    }
}
