package org.backstitch.cli;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.InvalidPathException;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.stream.Stream;
import org.jspecify.annotations.Nullable;

/**
 * What was typed after a command's name, by the names that its {@link Syntax} declares: operands by their label, options by any of
 * their names. Asking for a name that is not declared is a defect of the command and throws {@link IllegalArgumentException}.
 */
public final class Arguments {
    private final Syntax syntax;
    private final Map<String, List<String>> options;
    private final Map<String, List<String>> operands;

    Arguments(Syntax syntax, Map<String, List<String>> options, Map<String, List<String>> operands) {
        this.syntax = syntax;
        this.options = options;
        this.operands = operands;
    }

    /** Everything given for an operand or option, in order; empty if it was not given. */
    public List<String> all(String name) {
        List<String> operand = operands.get(name);
        if (operand != null) {
            return operand;
        }
        Syntax.Option option = syntax.option(name);
        if (option == null) {
            throw new IllegalArgumentException("not declared: " + name);
        }
        return options.getOrDefault(option.names().getFirst(), List.of());
    }

    /** Whether an option, or an operand that may be left out, was given. */
    public boolean has(String name) {
        return !all(name).isEmpty();
    }

    private @Nullable String last(String name) {
        List<String> values = all(name);
        return values.isEmpty() ? null : values.getLast();
    }

    /** The value of an option, or of an operand that may be left out. */
    public Optional<String> text(String name) {
        return Optional.ofNullable(last(name));
    }

    /** The path given for an option, or for an operand that may be left out. It need not exist. */
    public Optional<Path> path(String name) {
        return text(name).map(Arguments::toPath);
    }

    /**
     * The file given for an option or operand, as an input that can be opened.
     *
     * @throws UnusableInputException if it is not there, or not a readable file
     */
    public Optional<Path> input(String name) throws UnusableInputException {
        Optional<Path> path = path(name);
        if (path.isPresent()) {
            requireFile(path.get());
        }
        return path;
    }

    /**
     * The file of an operand that must be given, as an input that can be opened.
     *
     * @throws UnusableInputException if it is not there, or not a readable file
     */
    public Path requiredInput(String operand) throws UnusableInputException {
        return input(operand).orElseThrow(() -> new IllegalArgumentException("not required: " + operand));
    }

    /**
     * The directory given for an option or operand.
     *
     * @throws UnusableInputException if it is not there, or not a readable directory
     */
    public Optional<Path> directory(String name) throws UnusableInputException {
        Optional<Path> path = path(name);
        if (path.isPresent() && !(Files.isDirectory(path.get()) && Files.isReadable(path.get()))) {
            String reason = Files.notExists(path.get())
                    ? "no such file or directory"
                    : Files.isDirectory(path.get()) ? "permission denied" : "not a directory";
            throw new UnusableInputException(path.get().toString(), reason);
        }
        return path;
    }

    /**
     * The directory given for an option, as one that is to be made: before anything is read of which the user would not get the rest.
     *
     * @throws UnusableInputException if something is there already, and be it a directory that is not empty
     */
    public Optional<Path> newDirectory(String name) throws IOException {
        Optional<Path> path = path(name);
        if (path.isPresent() && Files.exists(path.get())) {
            if (!Files.isDirectory(path.get())) {
                throw new UnusableInputException(path.get().toString(), "not a directory");
            }
            try (Stream<Path> inside = Files.list(path.get())) {
                if (inside.findAny().isPresent()) {
                    throw new UnusableInputException(path.get().toString(), "it exists already, and is not empty");
                }
            }
        }
        return path;
    }

    /**
     * The whole number given for an option or operand.
     *
     * @param otherwise what holds if it was not given
     * @throws UsageException if it is not a number from {@code least} to {@code most}
     */
    public int number(String name, int otherwise, int least, int most) {
        String value = last(name);
        if (value == null) {
            return otherwise;
        }
        try {
            int number = Integer.parseInt(value);
            if (number >= least && number <= most) {
                return number;
            }
        } catch (NumberFormatException _) {
            // Said below, in our own words.
        }
        String range = most == Integer.MAX_VALUE ? least + " or more" : "from " + least + " to " + most;
        String what = name.startsWith("-") ? "option '" + name + "'" : name;
        throw new UsageException(what + " needs a whole number, " + range + ": not '" + value + "'");
    }

    /**
     * The word given for an option that knows only some.
     *
     * @param words the words that it knows; the first holds if the option was not given
     * @throws UsageException if it is none of them
     */
    public String choice(String name, String... words) {
        String value = last(name);
        if (value == null) {
            return words[0];
        }
        if (!List.of(words).contains(value)) {
            throw new UsageException(
                    "option '" + name + "' knows " + String.join(", ", words) + ": not '" + value + "'");
        }
        return value;
    }

    private static Path toPath(String text) {
        try {
            return Path.of(text);
        } catch (InvalidPathException e) {
            throw new UsageException("'" + text + "' cannot be a path: " + e.getReason());
        }
    }

    private static void requireFile(Path file) throws UnusableInputException {
        if (Files.isRegularFile(file) && Files.isReadable(file)) {
            return;
        }
        String reason;
        if (Files.isDirectory(file)) {
            reason = "is a directory";
        } else if (Files.notExists(file)) {
            reason = "no such file or directory";
        } else if (!Files.isReadable(file)) {
            reason = "permission denied";
        } else {
            reason = "not a regular file (pipes and devices cannot be mapped: copy it into a file first)";
        }
        throw new UnusableInputException(file.toString(), reason);
    }
}
