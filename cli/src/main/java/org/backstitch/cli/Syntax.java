package org.backstitch.cli;

import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/**
 * What can be typed after a command's name: its operands in their order, its options in any order, and what each means.
 *
 * <p>This is declared in plain calls, not with picocli's annotations, and parsed here: picocli's classes are of a class file version
 * that no archive of the virtual machine takes, and loading them would more than double the start-up of a small run. Help, which
 * nobody times, is laid out by picocli from what is declared here.
 *
 * <p>Options take their value as the next word or after an equals sign ({@code --max-stack 5}, {@code --max-stack=5}); {@code --}
 * ends them; a lone {@code -} is an operand. The last one counts where an option that is not repeatable is given twice.
 */
public final class Syntax {
    /** An option; {@code label} names its value in help, and is null for a flag. */
    record Option(List<String> names, @Nullable String label, String description, boolean repeatable) {}

    /** An operand: how often it must and may be given. */
    record Operand(String label, String description, int least, int most) {}

    /** A command line worth knowing. */
    record Example(String command, String meaning) {}

    private final String summary;
    private final List<String> details = new ArrayList<>();
    private final List<Operand> operands = new ArrayList<>();
    private final List<Option> options = new ArrayList<>();
    private final Map<String, Option> optionByName = new LinkedHashMap<>();
    private final List<Example> examples = new ArrayList<>();

    private Syntax(String summary) {
        this.summary = summary;
    }

    /** The syntax of a command; {@code summary} is one sentence for the list of commands. */
    public static Syntax of(String summary) {
        return new Syntax(summary);
    }

    /** Adds a paragraph to the description. */
    public Syntax detail(String paragraph) {
        details.add(paragraph);
        return this;
    }

    /** Adds an operand that must be given. */
    public Syntax operand(String label, String description) {
        return add(new Operand(label, description, 1, 1));
    }

    /** Adds an operand that may be left out. */
    public Syntax optionalOperand(String label, String description) {
        return add(new Operand(label, description, 0, 1));
    }

    /** Adds an operand that must be given and may be repeated; no other may follow it. */
    public Syntax operands(String label, String description) {
        return add(new Operand(label, description, 1, Integer.MAX_VALUE));
    }

    private Syntax add(Operand operand) {
        operands.add(operand);
        return this;
    }

    /** Adds an option without a value; {@code names} are all its names, parted by a comma and a space. */
    public Syntax flag(String names, String description) {
        return add(new Option(List.of(names.split(", ")), null, description, false));
    }

    /** Adds an option with a value, which {@code label} names. */
    public Syntax option(String names, String label, String description) {
        return add(new Option(List.of(names.split(", ")), label, description, false));
    }

    /** Adds an option with a value that may be given more than once, each time adding to what was given. */
    public Syntax repeatable(String names, String label, String description) {
        return add(new Option(List.of(names.split(", ")), label, description, true));
    }

    private Syntax add(Option option) {
        options.add(option);
        for (String name : option.names()) {
            if (optionByName.put(name, option) != null) {
                throw new IllegalArgumentException("declared twice: " + name);
            }
        }
        return this;
    }

    /** Adds a command line worth knowing, and what it does. */
    public Syntax example(String command, String meaning) {
        examples.add(new Example(command, meaning));
        return this;
    }

    String summary() {
        return summary;
    }

    List<String> details() {
        return details;
    }

    List<Operand> operands() {
        return operands;
    }

    List<Option> options() {
        return options;
    }

    List<Example> examples() {
        return examples;
    }

    @Nullable
    Option option(String name) {
        return optionByName.get(name);
    }

    /**
     * Makes sense of what was typed after the command's name.
     *
     * @throws UsageException if it makes none; the message says why
     */
    Arguments parse(String... words) {
        Map<String, List<String>> given = new LinkedHashMap<>();
        List<String> rest = new ArrayList<>();
        for (int i = 0; i < words.length; i++) {
            String word = words[i];
            if (word.equals("--")) {
                rest.addAll(List.of(words).subList(i + 1, words.length));
                break;
            }
            if (word.length() < 2 || word.charAt(0) != '-') {
                rest.add(word);
                continue;
            }
            int equals = word.startsWith("--") ? word.indexOf('=') : -1;
            // -oFILE is -o FILE, as everywhere.
            int nameEnd = word.startsWith("--") ? (equals < 0 ? word.length() : equals) : 2;
            String name = word.substring(0, nameEnd);
            Option option = optionByName.get(name);
            if (option == null) {
                throw new UsageException("unknown option '" + name + "'" + suggestion(name));
            }
            String value = word.substring(Math.min(word.length(), equals < 0 ? nameEnd : equals + 1));
            boolean attached = nameEnd < word.length();
            if (option.label() == null) {
                if (attached) {
                    throw new UsageException("option '" + name + "' takes no value, but was given '" + value + "'");
                }
            } else if (!attached) {
                if (i + 1 == words.length) {
                    throw new UsageException("option '" + name + "' needs a value: " + option.label());
                }
                value = words[++i];
            }
            List<String> values = given.computeIfAbsent(option.names().getFirst(), _ -> new ArrayList<>());
            if (!option.repeatable()) {
                values.clear();
            }
            values.add(value);
        }
        return new Arguments(this, given, assign(rest));
    }

    private Map<String, List<String>> assign(List<String> words) {
        Map<String, List<String>> assigned = new LinkedHashMap<>();
        int next = 0;
        for (Operand operand : operands) {
            int count = (int) Math.min(operand.most(), (long) words.size() - next);
            if (count < operand.least()) {
                throw new UsageException("missing " + operand.label());
            }
            assigned.put(operand.label(), words.subList(next, next + count));
            next += count;
        }
        if (next < words.size()) {
            throw new UsageException("one argument too many: '" + words.get(next) + "'");
        }
        return assigned;
    }

    private String suggestion(String name) {
        return Suggestions.nearest(name, optionByName.keySet());
    }
}
