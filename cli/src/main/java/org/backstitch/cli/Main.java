package org.backstitch.cli;

/** The program. */
public final class Main {
    private Main() {}

    /** Runs the command line and ends the process with its {@link ExitStatus}. */
    public static void main(String[] arguments) {
        ExitStatus status = new CommandRunner(Subcommands.all(), Session.ofProcess()).run(arguments);
        System.exit(status.code());
    }
}
