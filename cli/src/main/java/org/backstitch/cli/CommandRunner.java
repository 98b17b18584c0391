package org.backstitch.cli;

import java.io.IOException;
import java.util.Arrays;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.function.Supplier;
import org.backstitch.bytes.Bytes;
import org.backstitch.bytes.MalformedInputException;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine;
import picocli.CommandLine.Help.Ansi;
import picocli.CommandLine.Model.OptionSpec;
import picocli.CommandLine.ParameterException;
import picocli.CommandLine.ParseResult;
import picocli.CommandLine.UnmatchedArgumentException;

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
            return unusable(IoMessages.line(e));
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

    private ExitStatus command(String name, String[] arguments) throws IOException {
        Subcommand command = find(name).get();
        CommandLine parser = parser(name, command);
        try {
            ParseResult parsed = parser.parseArgs(arguments);
            if (parsed.isUsageHelpRequested()) {
                return print(parser);
            }
        } catch (ParameterException e) {
            throw new UsageException(complaint(e));
        }
        return command.run(session);
    }

    private Supplier<Subcommand> find(String name) {
        Supplier<Subcommand> command = commands.get(name);
        if (command == null) {
            String what = name.startsWith("-") ? "unknown option '" : "no such command: '";
            throw new UsageException(what + name + "'" + suggestion(name));
        }
        return command;
    }

    private String suggestion(String name) {
        return commands.keySet().stream()
                .filter(known -> known.startsWith(name) || name.startsWith(known) || oneEditApart(known, name))
                .findFirst()
                .map(known -> "; did you mean '" + known + "'?")
                .orElse("");
    }

    /** Whether one inserted, removed or changed character, or two neighbours swapped, make {@code a} into {@code b}. */
    static boolean oneEditApart(String a, String b) {
        int start = 0;
        while (start < a.length() && start < b.length() && a.charAt(start) == b.charAt(start)) {
            start++;
        }
        String restA = a.substring(start);
        String restB = b.substring(start);
        if (restA.isEmpty() || restB.isEmpty()) {
            return restA.length() + restB.length() <= 1;
        }
        boolean swapped = restA.length() > 1
                && restB.length() > 1
                && restA.charAt(0) == restB.charAt(1)
                && restA.charAt(1) == restB.charAt(0)
                && restA.substring(2).equals(restB.substring(2));
        return swapped
                || restA.substring(1).equals(restB)
                || restB.substring(1).equals(restA)
                || restA.substring(1).equals(restB.substring(1));
    }

    /** The parser of one command, with the few manners that all share. */
    private static CommandLine parser(String name, Subcommand command) {
        CommandLine parser = new CommandLine(command);
        parser.setCommandName("backstitch " + name);
        parser.setExpandAtFiles(false);
        parser.setAllowOptionsAsOptionParameters(false);
        parser.getCommandSpec()
                .addOption(OptionSpec.builder("-h", "--help")
                        .usageHelp(true)
                        .description("Show this help.")
                        .build());
        return parser;
    }

    private static String complaint(ParameterException e) {
        if (e instanceof UnmatchedArgumentException unmatched) {
            List<String> words = unmatched.getUnmatched();
            String kind = unmatched.isUnknownOption() ? "unknown option '" : "one argument too many: '";
            return kind + words.getFirst() + "'";
        }
        String message = String.valueOf(e.getMessage());
        return message.substring(0, 1).toLowerCase(Locale.ROOT) + message.substring(1);
    }

    private String helpFor(String[] arguments) {
        boolean known = arguments.length > 0 && commands.containsKey(arguments[0]);
        return known ? "backstitch " + arguments[0] + " --help" : "backstitch --help";
    }

    private ExitStatus help(@Nullable String name) throws IOException {
        if (name != null) {
            return print(parser(name, find(name).get()));
        }
        CommandLine root = new CommandLine(new RootCommand());
        root.getCommandSpec()
                .addOption(OptionSpec.builder("-h", "--help")
                        .usageHelp(true)
                        .description("Show this help; also: backstitch help COMMAND.")
                        .build())
                .addOption(OptionSpec.builder("-V", "--version")
                        .versionHelp(true)
                        .description("Show the version, and the Java that runs it.")
                        .build());
        commands.forEach((command, make) -> root.addSubcommand(command, make.get()));
        return print(root);
    }

    private ExitStatus print(CommandLine parser) throws IOException {
        session.out().append(parser.getUsageMessage(session.colour() ? Ansi.ON : Ansi.OFF));
        return ExitStatus.DONE;
    }

    private ExitStatus version() throws IOException {
        session.out()
                .append("backstitch " + Version.text() + " (Java " + System.getProperty("java.runtime.version")
                        + ")\n");
        return ExitStatus.DONE;
    }
}
