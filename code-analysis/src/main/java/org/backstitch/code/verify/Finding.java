package org.backstitch.code.verify;

import java.util.List;

/**
 * A row that the code contradicts, or that could not be decided: all that is needed to see it without the program at hand.
 *
 * @param verdict anything but {@link Verdict#PROVED}
 * @param function the first address of the table's entry for the function, or part of a function
 * @param functionEnd the address behind it
 * @param row the first address that the row holds for
 * @param rowEnd the address behind its last
 * @param instruction the address of the first instruction of the row with this verdict
 * @param rule the row in the table's own words
 * @param subject what is claimed wrongly: {@code CFA}, or a register
 * @param claim where the row says that it is
 * @param found what is there
 * @param state what is known in front of the instruction: registers that do not have their initial values, and slots of the frame
 * @param assumed whether the way to the instruction begins at a place that nothing is seen to lead to, with what the table says there
 * @param code the instructions up to that one, which is the last
 */
public record Finding(
        Verdict verdict,
        long function,
        long functionEnd,
        long row,
        long rowEnd,
        long instruction,
        String rule,
        String subject,
        String claim,
        String found,
        String state,
        boolean assumed,
        List<Line> code) {
    /**
     * An instruction.
     *
     * @param address of its first byte
     * @param text in Intel's syntax
     */
    public record Line(long address, String text) {}

    /** Copies the list. */
    public Finding {
        code = List.copyOf(code);
    }
}
