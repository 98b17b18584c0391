package org.backstitch.bench;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Collection;
import java.util.Iterator;
import java.util.List;
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

    private static final int TURNS = 5;

    private static final int PEER_PASSES = 40;

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
        Collection<RunResult> suites = new Runner(suites(quick, recordings, symfs, vdso)
                        .param("file", files.toArray(String[]::new))
                        .build())
                .run();
        List<String> subjects = new ArrayList<>(quick ? List.of(BundledRecording.DEMO) : BundledRecording.NAMES);
        subjects.addAll(recordings);
        List<WholeCommands.Time> times = new ArrayList<>();
        WholeCommands commands =
                new WholeCommands(backstitch, programs == null ? directory : programs, quick ? 1 : TURNS);
        List<Peers.Measured> measured = new ArrayList<>();
        Peers peers = programs == null ? null : new Peers(programs, quick ? 1 : PEER_PASSES);
        for (String subject : subjects) {
            BenchmarkRecording recording = BenchmarkRecording.of(subject, symfs, vdso);
            String name = BenchmarkRecording.shortName(subject);
            times.addAll(commands.time(name, recording));
            if (peers != null) {
                measured.addAll(peers.walk(name, recording));
            }
        }
        if (peers != null) {
            for (String file : files) {
                measured.add(peers.rows(Path.of(file)));
            }
        }
        new BenchmarkReport(quick, MachineState.now(), suites, times, measured).writeTo(directory);
    }

    /**
     * All suites.
     *
     * @param quick whether each benchmark runs for a moment only
     * @param recordings what is measured beside the bundled recordings
     * @param symfs the files of the system that those are from, and {@code vdso} its vDSO; empty for this system's
     */
    static ChainedOptionsBuilder suites(boolean quick, List<String> recordings, String symfs, String vdso) {
        ChainedOptionsBuilder options = new OptionsBuilder()
                .include("org\\.backstitch\\.bench\\..*")
                .shouldFailOnError(true)
                .jvmArgsAppend("--enable-native-access=ALL-UNNAMED", "-XX:+UseSerialGC");
        if (!recordings.isEmpty()) {
            List<String> all = new ArrayList<>(BundledRecording.NAMES);
            all.addAll(recordings);
            options.param("recording", all.toArray(String[]::new))
                    .param("symfs", symfs)
                    .param("vdso", vdso);
        }
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
