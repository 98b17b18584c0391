package org.backstitch.cli;

import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Optional;
import java.util.StringJoiner;
import org.backstitch.cli.output.Output;
import org.backstitch.cli.simulate.OracleWriter;
import org.backstitch.cli.simulate.ProtocolTable;
import org.backstitch.cli.simulate.RecordingWriter;
import org.backstitch.unwind.deferred.simulation.EventSpec;
import org.backstitch.unwind.deferred.simulation.Judgement;
import org.backstitch.unwind.deferred.simulation.Protocol;
import org.backstitch.unwind.deferred.simulation.RunCounts;
import org.backstitch.unwind.deferred.simulation.Scenario;
import org.backstitch.unwind.deferred.simulation.Scenarios;
import org.backstitch.unwind.deferred.simulation.SimulatedRecord;
import org.backstitch.unwind.deferred.simulation.SimulatedRecording;
import org.backstitch.unwind.deferred.simulation.SimulatedSystem;
import org.backstitch.unwind.deferred.simulation.Workload;

/** {@code backstitch simulate}: plays deferred unwinding on a simulated kernel. */
public final class SimulateCommand implements Subcommand {
    private static final String AS_WRITTEN = "as-written";

    @Override
    public Syntax syntax() {
        return Syntax.of("Run a simulated kernel that unwinds user stacks late, and write what it would have recorded.")
                .detail(
                        "The machine has CPUs, tasks with real code and stacks, absent pages, system calls, interrupts, signals, fork,"
                                + " exec, exit and bounded buffers; what happens when is the scenario's business. Beside OUT.data,"
                                + " OUT.data.oracle.jsonl holds the true callchain of every sample, and what a reader makes of it.")
                .option(
                        "--scenario",
                        "NAME|FILE",
                        "What happens: a scenario by name (--list shows them), or a file that tells one.")
                .option("-o, --output", "OUT.data", "The recording to write.")
                .option(
                        "--protocol",
                        "WORD",
                        "How user callchains are taken: as-written in the scenario, mainline, rfc2017, or immediate.")
                .option("--symfs", "DIR", "Write the simulated program's file, and the kernel's kallsyms, under DIR.")
                .flag("--list", "List the scenarios that have names.")
                .flag("--compare", "Play under each protocol, and print a table that compares them; -o is not needed.")
                .option("--seed", "N", "Of the scenario 'workload': another number, another machine (1).")
                .option("--rounds", "N", "Of the scenario 'workload': how long it is (4000).")
                .flag(
                        "--per-task",
                        "Of the scenario 'workload': sample each task by its own event, not whatever runs on a CPU.")
                .example(
                        "backstitch simulate --scenario window -o window.data",
                        "an interrupt behind the last check for work")
                .example(
                        "backstitch simulate --scenario tour -o tour.data --symfs tour && backstitch script --symfs tour"
                                + " --kallsyms tour/kallsyms tour.data",
                        "a run, and its callchains with names")
                .example("backstitch simulate --scenario workload --compare", "what each protocol costs and yields");
    }

    @Override
    public ExitStatus run(Arguments arguments, Session session) throws IOException {
        if (arguments.has("--list")) {
            list(session.out());
            return ExitStatus.DONE;
        }
        Scenario scenario = scenario(arguments);
        SimulatedSystem system = new SimulatedSystem();
        if (arguments.has("--compare")) {
            new ProtocolTable(scenario, system).write(session.out());
            return ExitStatus.DONE;
        }
        Path file = arguments
                .path("--output")
                .orElseThrow(() -> new UsageException("missing -o OUT.data (or --compare, or --list)"));
        SimulatedRecording recording = scenario.play(system);
        Judgement judgement = Judgement.of(recording);
        RecordingWriter.write(
                recording,
                file,
                List.of("backstitch", "simulate", "--scenario", scenario.name(), "-o", file.toString()));
        Path oracle = Path.of(file + ".oracle.jsonl");
        try (Output out = Output.to(Files.newOutputStream(oracle), oracle.toString())) {
            OracleWriter.write(recording, judgement, out);
        }
        Optional<Path> symfs = arguments.path("--symfs");
        if (symfs.isPresent()) {
            writeFiles(recording, system, symfs.get());
        }
        summarize(recording, judgement, session);
        session.say("wrote " + file + " and " + oracle);
        return ExitStatus.DONE;
    }

    private static void list(Output out) throws IOException {
        for (Scenario scenario : Scenarios.all()) {
            out.append(String.format(Locale.ROOT, "%-18s ", scenario.name()))
                    .append(scenario.description())
                    .newline();
        }
        out.append(String.format(Locale.ROOT, "%-18s ", Workload.NAME))
                .append("A busy machine, for as long as --rounds says: a little of everything.")
                .newline();
    }

    private static Scenario scenario(Arguments arguments) throws IOException {
        String name = arguments
                .text("--scenario")
                .orElseThrow(() -> new UsageException("missing --scenario NAME or FILE (--list shows the names)"));
        String protocol = arguments.choice("--protocol", AS_WRITTEN, "mainline", "rfc2017", "immediate");
        Scenario scenario;
        if (name.equals(Workload.NAME)) {
            int seed = arguments.number("--seed", 1, 0, Integer.MAX_VALUE);
            int rounds = arguments.number("--rounds", Workload.DEFAULT_ROUNDS, 1, 1_000_000);
            scenario = Workload.of(
                    Protocol.MAINLINE,
                    seed,
                    rounds,
                    arguments.has("--per-task") ? EventSpec.PER_TASK : EventSpec.PER_CPU);
        } else {
            Optional<Scenario> named = Scenarios.named(name);
            scenario = named.isPresent()
                    ? named.get()
                    : read(arguments.path("--scenario").orElseThrow());
        }
        return protocol.equals(AS_WRITTEN)
                ? scenario
                : scenario.with(Protocol.valueOf(protocol.toUpperCase(Locale.ROOT)));
    }

    private static Scenario read(Path file) throws IOException {
        if (Files.notExists(file)) {
            throw new UnusableInputException(
                    file.toString(),
                    "no such file, and no scenario of that name (known are " + Scenarios.names() + ")");
        }
        String text = new String(Files.readAllBytes(file), StandardCharsets.UTF_8);
        return Scenario.parse(file.toString(), "", text);
    }

    /** The program under each of its names, and the kernel's symbols. */
    private static void writeFiles(SimulatedRecording recording, SimulatedSystem system, Path directory)
            throws IOException {
        Files.createDirectories(directory);
        Files.writeString(directory.resolve("kallsyms"), SimulatedSystem.kallsyms());
        for (SimulatedRecord record : recording.records()) {
            if (record instanceof SimulatedRecord.Mmap map) {
                Path file = directory.resolve(map.path().substring(1)).normalize();
                if (!file.startsWith(directory.normalize())) {
                    throw new UnusableInputException(map.path(), "a program's name that leads out of " + directory);
                }
                Files.createDirectories(file.getParent());
                Files.write(file, system.programFile());
            }
        }
    }

    private static void summarize(SimulatedRecording recording, Judgement judgement, Session session) {
        RunCounts counts = recording.counts();
        session.say("%s: %,d samples, %,d unwinds, %,d page faults, %,d records lost, %,d bytes"
                .formatted(
                        recording.config().protocol().label(),
                        counts.samples(),
                        counts.unwindsInInterrupt() + counts.unwindsLate(),
                        counts.pageFaults(),
                        counts.recordsLost(),
                        counts.bytesWritten()));
        StringJoiner outcomes = new StringJoiner(", ", "user callchains: ", "");
        for (Map.Entry<Judgement.Outcome, Integer> outcome :
                judgement.outcomes().entrySet()) {
            outcomes.add(outcome.getKey().name().toLowerCase(Locale.ROOT) + " " + outcome.getValue());
        }
        session.say(outcomes.toString());
        session.say("deferred callchains: " + judgement.counts());
    }
}
