package org.backstitch.cli;

/** The program. */
public final class Main {
    private Main() {}

    /** Runs the command line and ends the process with its {@link ExitStatus}. */
    public static void main(String[] arguments) {
        ExitStatus status = run(arguments);
        if (status != ExitStatus.DONE) {
            // Only then: System.exit sets the JDK's logging up, to log that it was called.
            System.exit(status.code());
        }
    }

    /** Runs the command line on the streams of the process. */
    static ExitStatus run(String... arguments) {
        return new CommandRunner(Subcommands.all(), Session.ofProcess()).run(arguments);
    }
}
