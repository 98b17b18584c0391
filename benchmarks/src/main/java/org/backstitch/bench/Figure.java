package org.backstitch.bench;

import java.util.ArrayList;
import java.util.Collection;
import java.util.List;
import java.util.stream.Stream;
import org.openjdk.jmh.infra.BenchmarkParams;
import org.openjdk.jmh.results.BenchmarkResult;
import org.openjdk.jmh.results.IterationResult;
import org.openjdk.jmh.results.Result;
import org.openjdk.jmh.results.RunResult;

/**
 * What a benchmark took, its best iteration: peers are known by their best pass, too.
 *
 * @param subject the recording or file, or what else it was measured with
 * @param benchmark its class and method
 * @param value in the unit
 * @param unit nanoseconds for each of what the benchmark counts, gigabytes a second, or JMH's; {@link #TIMES} for a proportion
 */
record Figure(String subject, String benchmark, double value, String unit) {
    /** The unit of what was measured in proportion to a floor that ran in turns with it: of all iterations the median. */
    static final String TIMES = "times";

    private static final String FRAME = "ns/frame, thread time";

    static List<Figure> of(Collection<RunResult> results) {
        List<Figure> figures = new ArrayList<>();
        for (RunResult result : results) {
            figures.addAll(of(result));
        }
        return figures;
    }

    private static List<Figure> of(RunResult result) {
        BenchmarkParams parameters = result.getParams();
        String name = parameters.getBenchmark().replaceFirst(".*\\.(\\w+\\.\\w+)$", "$1");
        String subject = subject(parameters);
        List<IterationResult> iterations = new ArrayList<>();
        for (BenchmarkResult fork : result.getBenchmarkResults()) {
            iterations.addAll(fork.getIterationResults());
        }
        double[] proportions =
                iterations.stream().mapToDouble(Figure::toFloor).sorted().toArray();
        if (Double.isNaN(proportions[0])) {
            return List.of(best(iterations.stream().map(i -> of(parameters, subject, name, i))));
        }
        return List.of(
                new Figure(subject, name, median(proportions), TIMES),
                best(iterations.stream().map(i -> new Figure(subject, name + ", rules", perFrame(i), FRAME))),
                best(iterations.stream().map(i -> new Figure(subject, name + ", floor", floorPerFrame(i), FRAME))));
    }

    private static double median(double[] sorted) {
        int middle = sorted.length / 2;
        return sorted.length % 2 == 1 ? sorted[middle] : (sorted[middle - 1] + sorted[middle]) / 2;
    }

    private static Figure best(Stream<Figure> iterations) {
        return iterations
                .reduce((one, other) -> one.value > other.value == one.isRate() ? one : other)
                .orElseThrow();
    }

    private boolean isRate() {
        return unit.equals("GB/s") || unit.startsWith("ops/");
    }

    private static double perFrame(IterationResult iteration) {
        return counted(iteration, "cpu") / counted(iteration, "frames");
    }

    private static double floorPerFrame(IterationResult iteration) {
        return counted(iteration, "floorCpu") / counted(iteration, "floorFrames");
    }

    /** What an iteration took in proportion to its floor; not a number if it has none. */
    private static double toFloor(IterationResult iteration) {
        return perFrame(iteration) / floorPerFrame(iteration);
    }

    private static Figure of(BenchmarkParams parameters, String subject, String name, IterationResult iteration) {
        double nanoseconds = parameters.getTimeUnit().toNanos(1); // what counters are for
        if (counted(iteration, "cpu") > 0) {
            return new Figure(subject, name, perFrame(iteration), FRAME);
        }
        for (String counter : List.of("frame", "row", "lookup")) {
            double count = counted(iteration, counter + "s");
            if (count > 0) {
                return new Figure(subject, name, nanoseconds / count, "ns/" + counter);
            }
        }
        double bytes = counted(iteration, "bytes");
        if (bytes > 0) {
            return new Figure(subject, name, bytes / nanoseconds, "GB/s");
        }
        Result<?> primary = iteration.getPrimaryResult();
        return new Figure(subject, name, primary.getScore(), primary.getScoreUnit());
    }

    private static String subject(BenchmarkParams parameters) {
        StringBuilder subject = new StringBuilder();
        for (String key : parameters.getParamsKeys()) {
            String value = parameters.getParam(key);
            String shown = switch (key) {
                case "held" -> "held=" + value;
                case "recording" -> BenchmarkRecording.shortName(value);
                case "symfs", "vdso" -> ""; // they belong to the recording
                default -> value.replaceFirst(".*/", "");
            };
            subject.append(subject.isEmpty() || shown.isEmpty() ? "" : " ").append(shown);
        }
        return subject.toString();
    }

    @SuppressWarnings("rawtypes") // as JMH has them
    private static double counted(IterationResult iteration, String name) {
        Result counter = iteration.getSecondaryResults().get(name);
        return counter == null ? 0 : counter.getScore();
    }
}
