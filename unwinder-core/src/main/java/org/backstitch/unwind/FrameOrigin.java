package org.backstitch.unwind;

import org.jspecify.annotations.Nullable;

/** How the walk came to a frame. */
public enum FrameOrigin {
    /** By the registers the walk started with, or by a row of an unwind table. */
    TABLE(0, null),
    /** No row covered the callee: its return address was taken from {@code [rbp + 8]}, and follows a call. */
    FRAME_POINTER(1, "frame-pointer"),
    /** No row covered the first frame: its return address was taken from {@code [rsp]}, and follows a call. */
    RETURN_SLOT(2, "return-slot"),
    /** By a row that was synthesized from the code. */
    SYNTHESIZED(3, "synthesized");

    private final int code;
    private final @Nullable String label;

    FrameOrigin(int code, @Nullable String label) {
        this.code = code;
        this.label = label;
    }

    /** A small number that stands for the origin in a chain's marks: 0 for {@link #TABLE}. */
    public int code() {
        return code;
    }

    /** The origin that a number stands for. */
    public static FrameOrigin of(int code) {
        return switch (code) {
            case 0 -> TABLE;
            case 1 -> FRAME_POINTER;
            case 2 -> RETURN_SLOT;
            default -> SYNTHESIZED;
        };
    }

    /** The origin as outputs write it ({@code "via"}); null for {@link #TABLE}, of which nothing is said. */
    public @Nullable String label() {
        return label;
    }
}
