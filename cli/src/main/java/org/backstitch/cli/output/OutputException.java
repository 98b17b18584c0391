package org.backstitch.cli.output;

import java.io.IOException;
import java.io.Serial;

/** An output that could not be written: the disk is full, or the reader of a pipe has gone. */
public final class OutputException extends IOException {
    @Serial
    private static final long serialVersionUID = 1L;

    private final boolean readerGone;

    /**
     * @param name what was written to: a file's path, or {@code standard output}
     * @param cause what the stream said
     */
    public OutputException(String name, IOException cause) {
        super(name + ": " + IoMessages.reason(cause), cause);
        // The JDK passes strerror(EPIPE) on and keeps no error number.
        this.readerGone = "Broken pipe".equals(cause.getMessage());
    }

    /** Whether the program at the other end of a pipe stopped reading, as {@code head} does when it has seen enough. */
    public boolean readerGone() {
        return readerGone;
    }
}
