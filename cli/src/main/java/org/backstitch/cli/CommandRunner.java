package org.backstitch.cli;

import java.io.IOException;
import java.util.Arrays;
import java.util.Map;
import java.util.function.Supplier;
import org.backstitch.bytes.Bytes;
import org.backstitch.bytes.MalformedInputException;
import org.backstitch.cli.output.IoMessages;
import org.backstitch.cli.output.OutputException;
import org.jspecify.annotations.Nullable;

/**
 * Runs one command line: finds the command, parses its options, and turns whatever happens into an exit status and at most one line
 * on standard error. A stack trace is never printed: what goes wrong with an input is said in a sentence.
 */
final class CommandRunner {
    private final Map<String, Supplier<Subcommand>> commands;
    private final Session session;

    CommandRunner(Map<String, Supplier<Subcommand>> commands, Session session) {
        this.commands = commands;
        this.session = session;
    }

    /** Runs the command that {@code arguments} name. Nothing that happens in it leaves as an exception. */
    ExitStatus run(String... arguments) {
        try {
            ExitStatus status;
            try {
                status = dispatch(arguments);
            } finally {
                // What was found before a fault belongs to the reader all the same.
                session.out().flush();
            }
            return status;
        } catch (UsageException e) {
            session.say("backstitch: " + e.getMessage() + " (see " + helpFor(arguments) + ")");
            return ExitStatus.USAGE;
        } catch (OutputException e) {
            if (e.readerGone()) {
                return ExitStatus.DONE;
            }
            return unusable(String.valueOf(e.getMessage()));
        } catch (UnusableInputException e) {
            return unusable(String.valueOf(e.getMessage()));
        } catch (IOException e) {
            return unusable(IoMessages.line(e));
        } catch (MalformedInputException e) {
            return unusable(String.valueOf(e.getMessage()));
        } catch (OutOfMemoryError _) {
            return unusable("not enough memory for this input; give more with BACKSTITCH_JAVA_OPTIONS=-Xmx4g");
        } catch (InternalError e) {
            return unusable(
                    Bytes.isMappingFault(e) ? "an input file was truncated while it was read" : defect("internal", e));
        } catch (StackOverflowError e) {
            return unusable(defect("nesting too deep", e));
        } catch (RuntimeException e) {
            return unusable(defect("defect", e));
        }
    }

    private ExitStatus unusable(String message) {
        session.say("backstitch: " + message);
        return ExitStatus.UNUSABLE;
    }

    /** A fault of ours rather than of the input, in one line that a report can quote. */
    private static String defect(String kind, Throwable e) {
        StackTraceElement[] trace = e.getStackTrace();
        String place = trace.length == 0 ? "an unknown place" : trace[0].toString();
        String what = e.getMessage() == null
                ? e.getClass().getSimpleName()
                : e.getClass().getSimpleName() + ": " + e.getMessage();
        return "a fault in backstitch itself (" + kind + "), please report it: " + what + " at " + place;
    }

    private ExitStatus dispatch(String[] arguments) throws IOException {
        if (arguments.length == 0) {
            throw new UsageException("which command?");
        }
        String first = arguments[0];
        return switch (first) {
            case "-h", "--help" -> help(null);
            case "help" -> help(arguments.length > 1 ? arguments[1] : null);
            case "-V", "--version" -> version();
            default -> command(first, Arrays.copyOfRange(arguments, 1, arguments.length));
        };
    }

    private ExitStatus command(String name, String[] words) throws IOException {
        Subcommand command = find(name).get();
        for (String word : words) {
            if (word.equals("--")) {
                break;
            }
            if (word.equals("-h") || word.equals("--help")) {
                return help(name);
            }
        }
        return command.run(command.syntax().parse(words), session);
    }

    private Supplier<Subcommand> find(String name) {
        Supplier<Subcommand> command = commands.get(name);
        if (command == null) {
            String what = name.startsWith("-") ? "unknown option '" : "no such command: '";
            throw new UsageException(what + name + "'" + Suggestions.nearest(name, commands.keySet()));
        }
        return command;
    }

    private String helpFor(String[] arguments) {
        boolean known = arguments.length > 0 && commands.containsKey(arguments[0]);
        return known ? "backstitch " + arguments[0] + " --help" : "backstitch --help";
    }

    private ExitStatus help(@Nullable String name) throws IOException {
        session.out()
                .append(
                        name == null
                                ? HelpPages.program(commands, session.colour())
                                : HelpPages.command(name, find(name).get().syntax(), session.colour()));
        return ExitStatus.DONE;
    }

    private ExitStatus version() throws IOException {
        session.out()
                .append("backstitch " + Version.text() + " (Java " + System.getProperty("java.runtime.version")
                        + ")\n");
        return ExitStatus.DONE;
    }
}
