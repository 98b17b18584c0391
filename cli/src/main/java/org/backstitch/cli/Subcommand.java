package org.backstitch.cli;

import java.io.IOException;

/**
 * One command of the program: a class with picocli's {@code @Command}, {@code @Option} and {@code @Parameters}, whose {@link #run}
 * does the work once they are set. An instance serves one run.
 *
 * <p>{@link Subcommands} lists them. The runner adds {@code -h, --help} to each by itself.
 */
public interface Subcommand {
    /**
     * Does what the command is for.
     *
     * @return {@link ExitStatus#DONE}, or {@link ExitStatus#CONTRADICTION}; the other statuses come from exceptions
     * @throws UsageException if the options contradict each other
     * @throws org.backstitch.bytes.MalformedInputException if an input is not what its format promises and nothing can be made of it
     * @throws IOException if an input cannot be read or the output not be written
     */
    ExitStatus run(Session session) throws IOException;
}
