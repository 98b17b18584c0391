package org.backstitch.dump.user;

import org.jspecify.annotations.Nullable;

/**
 * What is known of an address of a process.
 *
 * @param symbol the name of the code there; null where unknown
 * @param symbolStart the address that the symbol starts at; 0 without one
 * @param dso the file, as the process knew it; {@code [vdso]}, or {@code [unknown]}
 */
public record Place(@Nullable String symbol, long symbolStart, String dso) {
    /** What an address is said to be in that no file covers. */
    public static final String UNKNOWN = "[unknown]";
}
