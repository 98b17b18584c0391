package org.backstitch.cli;

import java.io.IOException;
import java.io.Serial;

/** An input that cannot be used for a reason that has no offset: it is not there, not readable, or not of a kind that the command takes. */
public final class UnusableInputException extends IOException {
    @Serial
    private static final long serialVersionUID = 1L;

    /**
     * @param source the input: a file's path as the user gave it
     * @param reason what is wrong with it, in one clause without a capital or a full stop
     */
    public UnusableInputException(String source, String reason) {
        super(source + ": " + reason);
    }
}
