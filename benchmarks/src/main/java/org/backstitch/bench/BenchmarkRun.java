package org.backstitch.bench;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Collection;
import java.util.Collections;
import java.util.List;
import org.backstitch.fixtures.BundledRecording;
import org.openjdk.jmh.results.RunResult;
import org.openjdk.jmh.runner.Runner;
import org.openjdk.jmh.runner.RunnerException;
import org.openjdk.jmh.runner.options.ChainedOptionsBuilder;
import org.openjdk.jmh.runner.options.OptionsBuilder;
import org.openjdk.jmh.runner.options.TimeValue;

/**
 * Runs all suites and the whole commands, and writes what they measured: {@code results.json} and {@code results.md}.
 *
 * <p>Usage: [--peers PROGRAMS] [--quick] DIRECTORY COMMAND, where COMMAND is the launcher {@code backstitch} and
 * PROGRAMS the directory of {@link Peers}, which walk the bundled recordings too. Commands are timed in turn with those of
 * {@code perf}, if that is installed.
 */
final class BenchmarkRun {
    private static final int TURNS = 5;

    private static final int PEER_PASSES = 40;

    /** Whose rows gimli enumerates: what {@link CompileBenchmark} compiles. */
    private static final Path ROWS = Path.of("/lib/x86_64-linux-gnu/libc.so.6");

    private BenchmarkRun() {}

    /** What a whole command took, in seconds, the fastest of its turns. */
    record CommandTime(String recording, String command, double seconds) {}

    public static void main(String[] given) throws IOException, InterruptedException, RunnerException {
        boolean compared = given.length > 1 && given[0].equals("--peers");
        String[] arguments = compared ? Arrays.copyOfRange(given, 2, given.length) : given;
        boolean quick = arguments.length == 3 && arguments[0].equals("--quick");
        if (arguments.length != (quick ? 3 : 2)) {
            throw new IllegalArgumentException("usage: [--peers PROGRAMS] [--quick] DIRECTORY COMMAND");
        }
        Path directory = Files.createDirectories(Path.of(arguments[quick ? 1 : 0]));
        Path backstitch = Path.of(arguments[quick ? 2 : 1]).toAbsolutePath();
        Collection<RunResult> suites = new Runner(suites(quick).build()).run();
        List<CommandTime> commands = new ArrayList<>();
        for (String name : quick ? List.of(BundledRecording.DEMO) : BundledRecording.NAMES) {
            commands.addAll(commands(name, backstitch, quick ? 1 : TURNS));
        }
        List<Peers.Measured> peers = new ArrayList<>();
        if (compared) {
            Peers programs = new Peers(Path.of(given[1]), quick ? 1 : PEER_PASSES);
            for (String name : BundledRecording.NAMES) {
                peers.addAll(programs.walk(name, BenchmarkRecording.of(name, "", "")));
            }
            peers.add(programs.rows(ROWS));
        }
        BenchmarkReport report = new BenchmarkReport(quick, MachineState.now(), suites, commands, peers);
        report.writeTo(directory);
    }

    /**
     * All suites.
     *
     * @param quick whether each benchmark runs for a moment only
     */
    static ChainedOptionsBuilder suites(boolean quick) {
        ChainedOptionsBuilder options = new OptionsBuilder()
                .include("org\\.backstitch\\.bench\\..*")
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

    private static List<CommandTime> commands(String name, Path backstitch, int turns)
            throws IOException, InterruptedException {
        BundledRecording recording = BundledRecording.unpack(name, Files.createTempDirectory("backstitch-bench"));
        List<String> fold = new ArrayList<>(List.of(backstitch.toString(), "fold"));
        Collections.addAll(
                fold,
                "--symfs",
                recording.symfs().toString(),
                "--vdso",
                recording.vdso().toString(),
                recording.data().toString());
        List<String> perf = List.of(
                "perf",
                "script",
                "--no-inline",
                "--symfs",
                recording.symfs().toString(),
                "-i",
                recording.data().toString());
        double ours = Double.POSITIVE_INFINITY;
        double theirs = Double.POSITIVE_INFINITY;
        // A perf older than the one that recorded may refuse the file.
        boolean compared = isInstalled("perf") && Double.isFinite(time(perf));
        for (int turn = 0; turn < turns; turn++) {
            ours = Math.min(ours, time(fold));
            theirs = compared ? Math.min(theirs, time(perf)) : theirs;
        }
        if (!Double.isFinite(ours)) {
            throw new IOException(String.join(" ", fold) + " has failed");
        }
        List<CommandTime> times = new ArrayList<>();
        times.add(new CommandTime(name, "backstitch fold", ours));
        if (compared) {
            times.add(new CommandTime(name, "perf script --no-inline", theirs));
        }
        return times;
    }

    private static boolean isInstalled(String program) {
        for (String directory : System.getenv().getOrDefault("PATH", "").split(":", -1)) {
            if (Files.isExecutable(Path.of(directory, program))) {
                return true;
            }
        }
        return false;
    }

    /** How long a command takes, in seconds; infinity if it fails. */
    private static double time(List<String> command) throws IOException, InterruptedException {
        long start = System.nanoTime();
        int status = new ProcessBuilder(command)
                .redirectOutput(ProcessBuilder.Redirect.DISCARD)
                .redirectError(ProcessBuilder.Redirect.DISCARD)
                .start()
                .waitFor();
        return status == 0 ? (System.nanoTime() - start) / 1e9 : Double.POSITIVE_INFINITY;
    }
}
