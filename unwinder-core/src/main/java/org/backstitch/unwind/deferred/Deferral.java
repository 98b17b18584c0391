package org.backstitch.unwind.deferred;

/** What became of a sample's request for a late user callchain. */
public enum Deferral {
    /** The sample asked for none. */
    NO("no"),
    /** The late callchain is known and belongs to the sample. */
    STITCHED("stitched"),
    /** The task went on to another entry and the record never came; nothing says why. */
    LOST("lost"),
    /** The task exited first. */
    LOST_EXIT("lost:exit"),
    /** The task's program was replaced first: whatever came later describes the new program's stack. */
    LOST_EXEC("lost:exec"),
    /** Records were lost while the request was open. */
    LOST_OVERFLOW("lost:overflow"),
    /** The recording ended first. */
    LOST_END_OF_DATA("lost:end-of-data"),
    /** The {@link Stitcher} let go of the request to stay within its bound. */
    LOST_GIVEN_UP("lost:given-up");

    private static final Deferral[] VALUES = values();

    private final String label;

    Deferral(String label) {
        this.label = label;
    }

    /** The word that outputs write: {@code no}, {@code stitched}, {@code lost} or {@code lost:REASON}. */
    public String label() {
        return label;
    }

    /** Whether the sample asked for a late callchain that it does not get. */
    public boolean isLost() {
        return compareTo(LOST) >= 0;
    }

    static Deferral of(int ordinal) {
        return VALUES[ordinal];
    }
}
