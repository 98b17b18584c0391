package org.backstitch.code.verify;

/** What came of holding a row against the code. In the order of weight: of several the last counts. */
public enum Verdict {
    /** No control flow that could be followed leads there. */
    UNREACHED("unreached"),
    /** The code does what the row says. */
    PROVED("proved"),
    /** What the row claims could not be followed. */
    UNDECIDED("undecided"),
    /** The code does something else. */
    CONTRADICTED("contradicted");

    private final String label;

    Verdict(String label) {
        this.label = label;
    }

    /** The verdict in a word. */
    public String label() {
        return label;
    }
}
