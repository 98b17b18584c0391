package org.backstitch.code.verify;

/**
 * How many rows, or instructions, came to which {@link Verdict}.
 *
 * @param proved the code does what the table says
 * @param contradicted it does something else
 * @param undecided what the table claims could not be followed
 * @param unreached no control flow that could be followed leads there
 */
public record Counts(int proved, int contradicted, int undecided, int unreached) {
    static Counts of(int[] byVerdict) {
        return new Counts(
                byVerdict[Verdict.PROVED.weight()],
                byVerdict[Verdict.CONTRADICTED.weight()],
                byVerdict[Verdict.UNDECIDED.weight()],
                byVerdict[Verdict.UNREACHED.weight()]);
    }

    /** All of them. */
    public int total() {
        return proved + contradicted + undecided + unreached;
    }

    /** The part that was proved or contradicted, 0 to 1; 1 of nothing. */
    public double decided() {
        return total() == 0 ? 1 : (double) (proved + contradicted) / total();
    }
}
