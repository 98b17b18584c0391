package org.backstitch.bench;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Iterator;
import java.util.List;
import java.util.Set;
import java.util.stream.Collectors;
import java.util.stream.Stream;
import org.backstitch.fixtures.BundledRecording;
import org.jspecify.annotations.Nullable;
import org.openjdk.jmh.results.RunResult;
import org.openjdk.jmh.runner.Runner;
import org.openjdk.jmh.runner.RunnerException;
import org.openjdk.jmh.runner.options.ChainedOptionsBuilder;
import org.openjdk.jmh.runner.options.OptionsBuilder;
import org.openjdk.jmh.runner.options.TimeValue;

/** Runs all suites and the whole commands, and writes what they measured: {@code results.json} and {@code results.md}. */
final class BenchmarkRun {
    private static final String USAGE =
            "usage: [--quick] [--peers PROGRAMS] [--recording PERF_DATA]... [--symfs DIR] [--vdso FILE]"
                    + " [--file ELF]... DIRECTORY COMMAND";

    /** How often each whole command is started. */
    private static final int COMMAND_TURNS = 5;

    /** How often ours and the peers take turns. */
    private static final int PEER_TURNS = 3;

    /** How often a peer walks all stacks in each. */
    private static final int PEER_PASSES = 10;

    /** What is decoded and resolved as a whole if no recordings are given. */
    private static final String DEFAULT_RECORDING = "deep";

    /** A file whose tables are always measured. */
    private static final String LIBC = "/lib/x86_64-linux-gnu/libc.so.6";

    private boolean quick;
    private @Nullable Path programs;
    private final List<String> recordings = new ArrayList<>();
    private final List<String> files = new ArrayList<>(List.of(LIBC));
    private String symfs = "";
    private String vdso = "";
    private final Path directory;
    private final Path backstitch;

    private BenchmarkRun(List<String> arguments) {
        int options = arguments.size() - 2;
        if (options < 0) {
            throw new IllegalArgumentException(USAGE);
        }
        Iterator<String> words = arguments.subList(0, options).iterator();
        while (words.hasNext()) {
            String option = words.next();
            if (option.equals("--quick")) {
                quick = true;
            } else if (words.hasNext()) {
                take(option, words.next());
            } else {
                throw new IllegalArgumentException(USAGE);
            }
        }
        directory = Path.of(arguments.get(options));
        backstitch = Path.of(arguments.get(options + 1)).toAbsolutePath();
    }

    private void take(String option, String value) {
        switch (option) {
            case "--peers" -> programs = Path.of(value);
            case "--recording" -> recordings.add(Path.of(value).toAbsolutePath().toString());
            case "--file" -> files.add(value);
            case "--symfs" -> symfs = Path.of(value).toAbsolutePath().toString();
            case "--vdso" -> vdso = Path.of(value).toAbsolutePath().toString();
            default -> throw new IllegalArgumentException(USAGE);
        }
    }

    /**
     * Runs everything.
     *
     * @param arguments {@code --quick}; {@code --peers} and the directory of {@link Peers}, which walk the same recordings; recordings beside
     *     the bundled ones, and the files of the system that they are from; files beside libc whose tables are compiled, and enumerated by
     *     gimli; then the directory to write to, and the launcher {@code backstitch}
     */
    public static void main(String[] arguments) throws IOException, InterruptedException, RunnerException {
        new BenchmarkRun(Arrays.asList(arguments)).run();
    }

    private void run() throws IOException, InterruptedException, RunnerException {
        Files.createDirectories(directory);
        List<String> whole = recordings.isEmpty() ? List.of(DEFAULT_RECORDING) : recordings;
        List<RunResult> suites = new ArrayList<>(new Runner(suites(quick)
                        .include("org\\.backstitch\\.bench\\..*")
                        .exclude(Turns.BENCHMARKS)
                        .param("symfs", symfs)
                        .param("vdso", vdso)
                        .param("recording", whole.toArray(String[]::new))
                        .param("file", files.toArray(String[]::new))
                        .build())
                .run());
        List<WholeCommands.Time> times = new ArrayList<>();
        WholeCommands commands =
                new WholeCommands(backstitch, programs == null ? directory : programs, quick ? 1 : COMMAND_TURNS);
        Turns turns = new Turns(
                quick ? 1 : PEER_TURNS,
                () -> suites(quick).param("symfs", symfs).param("vdso", vdso),
                programs == null ? null : new Peers(programs, quick ? 1 : PEER_PASSES));
        for (String subject : subjects()) {
            BenchmarkRecording recording = BenchmarkRecording.of(subject, symfs, vdso);
            String name = BenchmarkRecording.shortName(subject);
            times.addAll(commands.time(name, recording));
            turns.walk(subject, name, recording);
        }
        for (String file : files) {
            turns.compile(file);
        }
        suites.addAll(turns.suites());
        suites.sort(RunResult.DEFAULT_SORT_COMPARATOR);
        new BenchmarkReport(quick, MachineState.now(), suites, times, turns.measured()).writeTo(directory);
    }

    /** The recordings that are measured: the bundled ones, but not those that others were given in place of, by their name. */
    private List<String> subjects() {
        if (quick) {
            return Stream.concat(Stream.of(BundledRecording.DEMO), recordings.stream())
                    .toList();
        }
        Set<String> given =
                recordings.stream().map(BenchmarkRecording::shortName).collect(Collectors.toSet());
        return Stream.concat(BundledRecording.NAMES.stream().filter(name -> !given.contains(name)), recordings.stream())
                .toList();
    }

    /**
     * How all suites are run.
     *
     * @param quick whether each benchmark runs for a moment only
     */
    static ChainedOptionsBuilder suites(boolean quick) {
        ChainedOptionsBuilder options = new OptionsBuilder()
                .shouldFailOnError(true)
                .jvmArgsAppend("--enable-native-access=ALL-UNNAMED", "-XX:+UseSerialGC");
        if (quick) {
            TimeValue shortest = TimeValue.milliseconds(100);
            options.forks(1)
                    .warmupIterations(0)
                    .measurementIterations(1)
                    .measurementTime(shortest)
                    .param("held", "1000");
        }
        return options;
    }
}
