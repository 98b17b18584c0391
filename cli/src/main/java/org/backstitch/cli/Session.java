package org.backstitch.cli;

import java.io.FileDescriptor;
import java.io.FileOutputStream;
import java.io.OutputStream;
import java.io.PrintStream;
import java.nio.charset.StandardCharsets;
import org.backstitch.cli.output.Output;
import org.backstitch.cli.output.PlainText;

/**
 * What a command talks to while it runs: its output, and the person in front of it.
 *
 * <p>Standard output carries results and nothing else; everything said to a person (summary, progress, errors) goes to standard
 * error.
 */
public final class Session {
    private final Output out;
    private final PrintStream err;
    private final boolean colour;
    private final boolean interactive;

    private Session(Output out, PrintStream err, boolean colour, boolean interactive) {
        this.out = out;
        this.err = err;
        this.colour = colour;
        this.interactive = interactive;
    }

    /**
     * The session of a process. Which of its streams are terminals is what the launcher says in the system property
     * {@code backstitch.terminals}, a string of descriptor numbers such as {@code 12}: the JDK can only tell through classes that
     * cost more time than a small run.
     */
    static Session ofProcess() {
        String terminals = System.getProperty("backstitch.terminals", "");
        boolean plain = System.getenv("NO_COLOR") != null;
        return new Session(
                Output.to(new FileOutputStream(FileDescriptor.out), "standard output"),
                new PrintStream(new FileOutputStream(FileDescriptor.err), false, StandardCharsets.UTF_8),
                terminals.contains("1") && !plain,
                terminals.contains("2"));
    }

    /** A session without a terminal, for tests and for programs that run a command inside of their own process. */
    public static Session of(OutputStream out, OutputStream err) {
        return new Session(
                Output.to(out, "standard output"), new PrintStream(err, false, StandardCharsets.UTF_8), false, false);
    }

    /** Where results go. The runner flushes it at the end, whatever happened. */
    public Output out() {
        return out;
    }

    /** Whether help on standard output may use colours. */
    boolean colour() {
        return colour;
    }

    /** Says one line to the person: control characters in it are made visible, and it stays one line. */
    public void say(String line) {
        err.print(PlainText.oneLine(line) + "\n");
        err.flush();
    }

    /**
     * Work that a person may have to wait for. A bar appears on standard error if that is a terminal, and only once the work has
     * taken a second.
     *
     * @param what is being done, in a word or two
     * @param total the amount of work
     * @param unit what the amounts count, such as {@code MB}, for {@code unitSize} of them
     * @param unitSize amounts in one unit; positive
     */
    public Progress progress(String what, long total, String unit, long unitSize) {
        return interactive ? new ProgressBarOnTerminal(what, total, unit, unitSize, err) : Progress.SILENT;
    }
}
