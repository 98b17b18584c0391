package org.backstitch.code.synthesis;

import java.util.List;

/**
 * How made rows compare with another table, in front of each instruction that the other one has a row for: CFA, RBP and return address.
 *
 * @param equal the rows say the same in the same words
 * @param equivalent they count from other registers and come to the same, by what the code does
 * @param different they come to something else, and the made row is claimed to be proved
 * @param contradicted of those {@code different}, the ones whose other row {@code verify} contradicts too
 * @param differentUnproved they come to something else, and the made row is not claimed to be proved
 * @param foreign the other row describes another context than the function's own frame, or something that could not be followed
 * @param missing reached, but no row was made
 * @param unreached nothing is known to lead there
 * @param differences some of the different and foreign ones
 */
public record Comparison(
        int equal,
        int equivalent,
        int different,
        int contradicted,
        int differentUnproved,
        int foreign,
        int missing,
        int unreached,
        List<Difference> differences) {
    /** Copies the list. */
    public Comparison {
        differences = List.copyOf(differences);
    }

    /** The share of reached instructions whose rows come to the same; 1 if there are none. */
    public double share() {
        long agreeing = (long) equal + equivalent;
        long reached = agreeing + different + differentUnproved + foreign + missing;
        return reached == 0 ? 1 : (double) agreeing / reached;
    }
}
