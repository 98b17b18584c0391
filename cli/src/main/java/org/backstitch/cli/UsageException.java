package org.backstitch.cli;

import java.io.Serial;

/** A command line that makes no sense. The message says what is wrong with it, in one sentence without a capital or a full stop. */
public final class UsageException extends RuntimeException {
    @Serial
    private static final long serialVersionUID = 1L;

    public UsageException(String message) {
        super(message);
    }
}
