package org.backstitch.code.verify;

/** What came of holding a row against the code. In the order of weight: of several the last counts. */
public enum Verdict {
    /** No control flow that could be followed leads there. */
    UNREACHED("unreached", 0),
    /** The code does what the row says. */
    PROVED("proved", 1),
    /** What the row claims could not be followed. */
    UNDECIDED("undecided", 2),
    /** The code does something else. */
    CONTRADICTED("contradicted", 3);

    /** How many there are. */
    static final int COUNT = 4;

    private final String label;
    private final int weight;

    Verdict(String label, int weight) {
        this.label = label;
        this.weight = weight;
    }

    /** The verdict of a weight: 0 to 3. */
    static Verdict of(int weight) {
        return switch (weight) {
            case 0 -> UNREACHED;
            case 1 -> PROVED;
            case 2 -> UNDECIDED;
            default -> CONTRADICTED;
        };
    }

    /** What it weighs: 0 to 3, the more the worse. */
    int weight() {
        return weight;
    }

    /** The verdict in a word. */
    public String label() {
        return label;
    }
}
