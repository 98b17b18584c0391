package org.backstitch.code.capstone;

import java.io.Serial;

/** Capstone is not installed, or only in a release whose structures this binding does not know. The message is one line. */
public final class CapstoneUnavailableException extends RuntimeException {
    @Serial
    private static final long serialVersionUID = 1L;

    CapstoneUnavailableException(String message) {
        super(message);
    }
}
