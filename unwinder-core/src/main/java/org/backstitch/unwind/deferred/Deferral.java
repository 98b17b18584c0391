package org.backstitch.unwind.deferred;

/** What became of a sample's request for a late user callchain. */
public enum Deferral {
    /** The sample asked for none. */
    NO(0, "no"),
    /** The late callchain is known and belongs to the sample. */
    STITCHED(1, "stitched"),
    /** The task went on to another entry and the record never came; nothing says why. */
    LOST(2, "lost"),
    /** The task exited first. */
    LOST_EXIT(3, "lost:exit"),
    /** The task's program was replaced first: whatever came later describes the new program's stack. */
    LOST_EXEC(4, "lost:exec"),
    /** Records were lost while the request was open. */
    LOST_OVERFLOW(5, "lost:overflow"),
    /** The recording ended first. */
    LOST_END_OF_DATA(6, "lost:end-of-data"),
    /** The {@link Stitcher} let go of the request to stay within its bound. */
    LOST_GIVEN_UP(7, "lost:given-up");

    private static final Deferral[] VALUES = values();

    private final int code;
    private final String label;

    Deferral(int code, String label) {
        this.code = code;
        this.label = label;
    }

    /** The word that outputs write: {@code no}, {@code stitched}, {@code lost} or {@code lost:REASON}. */
    public String label() {
        return label;
    }

    /** Whether the sample asked for a late callchain that it does not get. */
    public boolean isLost() {
        return code >= LOST.code;
    }

    /** A small number that stands for this value in primitive arrays: 0 to {@code values().length - 1}, each once. */
    int code() {
        return code;
    }

    static Deferral of(int code) {
        return VALUES[code];
    }
}
