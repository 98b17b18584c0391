package org.backstitch.code.verify;

/** What came of holding a row against the code. In the order of weight: of several the last counts. */
public enum Verdict {
    /** No control flow that could be followed leads there. */
    UNREACHED,
    /** The code does what the row says. */
    PROVED,
    /** What the row claims could not be followed. */
    UNDECIDED,
    /** The code does something else. */
    CONTRADICTED
}
