package org.backstitch.cli;

import java.io.IOException;

/**
 * One command of the program. {@link Subcommands} lists them; a run makes only the one that it needs.
 *
 * <p>An implementation holds no state: what the user typed comes as {@link Arguments}, everything else through the {@link Session}.
 */
public interface Subcommand {
    /** What can be typed after the command's name, and what it means. */
    Syntax syntax();

    /**
     * Does what the command is for.
     *
     * @return {@link ExitStatus#DONE}, or {@link ExitStatus#CONTRADICTION}; the other statuses come from exceptions
     * @throws UsageException if the arguments make no sense together
     * @throws org.backstitch.bytes.MalformedInputException if an input is not what its format promises and nothing can be made of it
     * @throws IOException if an input cannot be read or the output not be written
     */
    ExitStatus run(Arguments arguments, Session session) throws IOException;
}
