package org.backstitch.bench;

import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;

/**
 * Times {@code backstitch fold} and what others do with the same recording, as a person starts them: {@code perf script} where perf is
 * installed, {@code samply import}, which names nothing, where the peers are built. They take turns, so that a machine that is slow for a
 * while is slow for all.
 */
final class WholeCommands {
    private final List<Program> programs = new ArrayList<>();
    private final int turns;

    /** A program: what its line in the table is called, and how it is started with a recording. */
    private interface Program {
        String label();

        List<String> commandLine(BenchmarkRecording recording);
    }

    /** What a whole command took, in seconds, the fastest of its turns. */
    record Time(String recording, String command, double seconds) {}

    /**
     * Finds the programs.
     *
     * @param backstitch the launcher
     * @param peers the directory of {@link Peers}; without samply there, it is left out
     * @param turns how often each is started
     */
    WholeCommands(Path backstitch, Path peers, int turns) throws IOException, InterruptedException {
        this.turns = turns;
        programs.add(new Fold(backstitch));
        for (String directory : System.getenv().getOrDefault("PATH", "").split(":", -1)) {
            Path perf = Path.of(directory, "perf");
            if (programs.size() == 1 && Files.isExecutable(perf)) {
                programs.add(new Perf(perf, version(perf)));
            }
        }
        Path samply = peers.resolve("samply");
        if (Files.isExecutable(samply)) {
            Path output = Files.createTempFile("backstitch-samply", ".json.gz");
            output.toFile().deleteOnExit();
            programs.add(new Samply(samply, version(samply), output));
        }
    }

    private record Fold(Path backstitch) implements Program {
        @Override
        public String label() {
            return "backstitch fold";
        }

        @Override
        public List<String> commandLine(BenchmarkRecording recording) {
            List<String> line = new ArrayList<>(List.of(backstitch.toString(), "fold"));
            line.addAll(systemFiles(recording));
            if (recording.options().vdso() != null) {
                line.addAll(List.of("--vdso", recording.options().vdso().toString()));
            }
            line.add(recording.data().toString());
            return line;
        }
    }

    private record Perf(Path perf, String version) implements Program {
        @Override
        public String label() {
            return "perf script --no-inline (%s)".formatted(version);
        }

        @Override
        public List<String> commandLine(BenchmarkRecording recording) {
            List<String> line = new ArrayList<>(List.of(perf.toString(), "script", "--no-inline"));
            line.addAll(systemFiles(recording));
            line.addAll(List.of("-i", recording.data().toString()));
            return line;
        }
    }

    private record Samply(Path samply, String version, Path profile) implements Program {
        @Override
        public String label() {
            return "samply import --save-only (%s)".formatted(version);
        }

        @Override
        public List<String> commandLine(BenchmarkRecording recording) {
            return List.of(
                    samply.toString(), "import", recording.data().toString(), "--save-only", "-o", profile.toString());
        }
    }

    private static List<String> systemFiles(BenchmarkRecording recording) {
        Path symfs = recording.options().symfs();
        return symfs == null ? List.of() : List.of("--symfs", symfs.toString());
    }

    /** What a program says of its version; its last word. */
    private static String version(Path program) throws IOException, InterruptedException {
        Process process = new ProcessBuilder(program.toString(), "--version")
                .redirectError(ProcessBuilder.Redirect.DISCARD)
                .start();
        String said = new String(process.getInputStream().readAllBytes(), StandardCharsets.UTF_8).strip();
        process.waitFor();
        return said.substring(said.lastIndexOf(' ') + 1);
    }

    /**
     * Times all programs on a recording; of those that are not ours one that refuses it (a perf older than the one that recorded) is left
     * out.
     *
     * @throws IOException if ours fails
     */
    List<Time> time(String name, BenchmarkRecording recording) throws IOException, InterruptedException {
        double[] best = new double[programs.size()];
        Arrays.fill(best, Double.POSITIVE_INFINITY);
        boolean[] fails = new boolean[programs.size()];
        for (int turn = 0; turn < turns; turn++) {
            for (int i = 0; i < best.length; i++) {
                double seconds = fails[i]
                        ? Double.POSITIVE_INFINITY
                        : time(programs.get(i).commandLine(recording));
                fails[i] |= seconds == Double.POSITIVE_INFINITY;
                best[i] = Math.min(best[i], seconds);
            }
        }
        List<Time> times = new ArrayList<>();
        for (int i = 0; i < best.length; i++) {
            if (!fails[i]) {
                times.add(new Time(name, programs.get(i).label(), best[i]));
            } else if (i == 0) {
                throw new IOException(String.join(" ", programs.get(i).commandLine(recording)) + " has failed");
            }
        }
        return times;
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
