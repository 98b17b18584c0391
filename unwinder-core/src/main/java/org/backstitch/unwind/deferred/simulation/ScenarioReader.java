package org.backstitch.unwind.deferred.simulation;

import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Deque;
import java.util.List;
import java.util.Locale;
import org.backstitch.bytes.MalformedInputException;

/** Reads the text of a {@link Scenario}. */
final class ScenarioReader {
    private static final int MAX_SCRIPT = 10_000;
    private static final int MAX_DEPTH = 8;
    private static final int MAX_STEPS = 1_000_000;

    private final String source;
    private final String text;
    private Protocol protocol = Protocol.MAINLINE;
    private int cpus = 1;
    private int buffer = MachineConfig.LARGE_BUFFER;
    private int maxStack = MachineConfig.DEFAULT_MAX_STACK;
    private boolean faultsSleep;
    private final List<EventSpec> events = new ArrayList<>();
    private final List<List<UserAction>> tasks = new ArrayList<>();
    private final List<Action> actions = new ArrayList<>();

    // The line that is being read.
    private int lineOffset;
    private Deque<String> words = new ArrayDeque<>();

    ScenarioReader(String source, String text) {
        this.source = source;
        this.text = text;
    }

    Scenario read(String description) {
        for (String line : text.split("\n", -1)) {
            String said = line.replaceFirst("#.*", "").strip();
            if (!said.isEmpty()) {
                words = new ArrayDeque<>(Arrays.asList(said.split("\\s+")));
                readLine();
                if (!words.isEmpty()) {
                    throw malformed("one word too many: '" + words.peek() + "'");
                }
            }
            lineOffset += line.length() + 1;
        }
        if (tasks.isEmpty()) {
            throw malformed("a scenario without a task");
        }
        if (events.isEmpty()) {
            events.add(EventSpec.PER_CPU);
        }
        return new Scenario(
                source,
                description,
                new MachineConfig(protocol, cpus, buffer, maxStack, faultsSleep, events, tasks),
                actions);
    }

    private void readLine() {
        String what = word("something to do");
        switch (what) {
            case "protocol" -> protocol = oneOf(Protocol.values(), "a protocol");
            case "cpus" -> cpus = number(1, 8);
            case "buffer" -> buffer = number(0, 1 << 30);
            case "max-stack" -> maxStack = number(1, 1024);
            case "faults" ->
                faultsSleep = switch (word("sleep or resume")) {
                    case "sleep" -> true;
                    case "resume" -> false;
                    default -> throw malformed("faults sleep, or resume");
                };
            case "event" -> readEvent();
            case "task" -> {
                if (tasks.size() == 100) {
                    throw malformed("more than 100 tasks");
                }
                tasks.add(script(0));
            }
            case "run" -> actions.add(new Action.Run(cpu(), number(1, MAX_STEPS)));
            case "until" -> actions.add(new Action.Until(cpu(), oneOf(KernelStep.values(), "a step of the kernel")));
            case "nmi" -> actions.add(new Action.Nmi(cpu()));
            case "timer" -> actions.add(new Action.Timer(cpu()));
            case "preempt" -> actions.add(new Action.Preempt(cpu()));
            case "wake" -> actions.add(new Action.Wake(task()));
            case "migrate" -> actions.add(new Action.Migrate(task(), cpu()));
            case "signal" -> actions.add(new Action.Signal(task()));
            case "evict" -> actions.add(new Action.Evict(task(), number(0, UserContext.STACK_PAGES)));
            case "drain" -> actions.add(new Action.Drain(cpu()));
            case "cross-task" -> actions.add(new Action.CrossTask(cpu(), task()));
            default -> throw malformed("'" + what + "' is nothing that a scenario can say");
        }
    }

    private void readEvent() {
        if (events.size() == 8) {
            throw malformed("more than 8 events");
        }
        boolean perTask = switch (word("per-cpu or per-task")) {
            case "per-task" -> true;
            case "per-cpu" -> false;
            default -> throw malformed("an event is per-cpu or per-task");
        };
        boolean defers = true;
        boolean outputs = true;
        while (!words.isEmpty()) {
            switch (words.removeFirst()) {
                case "no-defer" -> defers = false;
                case "no-output" -> outputs = false;
                default -> throw malformed("behind the kind of an event, only no-defer and no-output can follow");
            }
        }
        events.add(new EventSpec(perTask, defers, outputs && defers));
    }

    /** A script up to the end of the line, or to the parenthesis that closes it. */
    private List<UserAction> script(int depth) {
        if (depth > MAX_DEPTH) {
            throw malformed("scripts nested more than " + MAX_DEPTH + " deep");
        }
        List<UserAction> script = new ArrayList<>();
        while (!words.isEmpty() && !(depth > 0 && words.peek().equals(")"))) {
            String what = words.removeFirst();
            switch (what) {
                case "call" -> {
                    String function = word("the function to call");
                    try {
                        UserContext.callable(function);
                    } catch (IllegalArgumentException e) {
                        throw malformed(String.valueOf(e.getMessage()));
                    }
                    script.add(new UserAction.Call(function));
                }
                case "return" -> script.add(new UserAction.Return());
                case "work" -> script.add(new UserAction.Work());
                case "syscall" -> script.add(new UserAction.SystemCall());
                case "read" -> script.add(new UserAction.Sleep());
                case "exit" -> script.add(new UserAction.Exit());
                case "fork" -> script.add(new UserAction.Fork(nested(depth)));
                case "exec" -> script.add(new UserAction.Exec(word("the name of a program"), nested(depth)));
                case "repeat" -> {
                    int times = number(1, MAX_SCRIPT);
                    List<UserAction> part = nested(depth);
                    for (int i = 0; i < times && script.size() <= MAX_SCRIPT; i++) {
                        script.addAll(part);
                    }
                }
                default -> throw malformed("'" + what + "' is nothing that a task can do");
            }
            if (script.size() > MAX_SCRIPT) {
                throw malformed("a script of more than " + MAX_SCRIPT + " actions");
            }
        }
        return script;
    }

    private List<UserAction> nested(int depth) {
        if (!word("(").equals("(")) {
            throw malformed("expected ( and a script");
        }
        List<UserAction> script = script(depth + 1);
        if (!word(")").equals(")")) {
            throw malformed("expected )");
        }
        return script;
    }

    private String word(String expected) {
        String word = words.pollFirst();
        if (word == null) {
            throw malformed("the line ends where " + expected + " was expected");
        }
        return word;
    }

    private int cpu() {
        return number(0, cpus - 1);
    }

    private int task() {
        return number(0, 999);
    }

    private int number(int least, int most) {
        String word = word("a number");
        int number;
        try {
            number = Integer.parseInt(word);
        } catch (NumberFormatException e) {
            throw malformed("'" + word + "' is no number");
        }
        if (number < least || number > most) {
            throw malformed(number + " is not between " + least + " and " + most);
        }
        return number;
    }

    private <E extends Enum<E>> E oneOf(E[] values, String what) {
        String word = word(what);
        for (E value : values) {
            if (value.name().toLowerCase(Locale.ROOT).equals(word)) {
                return value;
            }
        }
        throw malformed("'" + word + "' is not " + what);
    }

    private MalformedInputException malformed(String reason) {
        return new MalformedInputException(source, lineOffset, reason);
    }
}
