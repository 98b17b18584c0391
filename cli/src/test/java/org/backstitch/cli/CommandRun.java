package org.backstitch.cli;

import java.io.ByteArrayOutputStream;
import java.nio.charset.StandardCharsets;

/**
 * What the command did with a command line.
 *
 * @param status it ended with
 * @param out standard output
 * @param err standard error
 */
record CommandRun(ExitStatus status, String out, String err) {
    /** Runs a command line, as {@link Main} does. */
    static CommandRun of(String... arguments) {
        ByteArrayOutputStream out = new ByteArrayOutputStream();
        ByteArrayOutputStream err = new ByteArrayOutputStream();
        ExitStatus status = new CommandRunner(Subcommands.all(), Session.of(out, err)).run(arguments);
        return new CommandRun(status, out.toString(StandardCharsets.UTF_8), err.toString(StandardCharsets.UTF_8));
    }
}
