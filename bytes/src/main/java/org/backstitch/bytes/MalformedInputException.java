package org.backstitch.bytes;

import java.io.Serial;

/**
 * Input that is not what its format promises: names the source, the place and what was expected.
 *
 * <p>The message reads {@code SOURCE: REASON (at offset 0x…)}; the offset is in bytes from the start of the source, even when the
 * reader that found the fault saw only a part of it.
 */
public final class MalformedInputException extends RuntimeException {
    @Serial
    private static final long serialVersionUID = 1L;

    private final String source;
    private final long offset;
    private final String reason;

    /**
     * @param source what was read: a file's path, or a path and a section or member of it
     * @param offset where in the source, in bytes; unsigned
     * @param reason what was found and what was expected, without the source and the offset
     */
    public MalformedInputException(String source, long offset, String reason) {
        super(source + ": " + reason + " (at offset 0x" + Long.toHexString(offset) + ")");
        this.source = source;
        this.offset = offset;
        this.reason = reason;
    }

    /** What was read: a file's path, or a path and a section or member of it. */
    public String source() {
        return source;
    }

    /** Where in the source the fault lies, in bytes; unsigned. */
    public long offset() {
        return offset;
    }

    /** What was found and what was expected. */
    public String reason() {
        return reason;
    }
}
