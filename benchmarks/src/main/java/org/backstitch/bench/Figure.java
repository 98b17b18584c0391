package org.backstitch.bench;

import java.util.ArrayList;
import java.util.Collection;
import java.util.List;
import java.util.Map;
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
 * @param unit nanoseconds for each of what the benchmark counts, gigabytes a second, or JMH's
 */
record Figure(String subject, String benchmark, double value, String unit) {
    static List<Figure> of(Collection<RunResult> results) {
        List<Figure> figures = new ArrayList<>();
        for (RunResult result : results) {
            figures.add(of(result));
        }
        return figures;
    }

    static Figure of(RunResult result) {
        BenchmarkParams parameters = result.getParams();
        List<Figure> iterations = new ArrayList<>();
        for (BenchmarkResult fork : result.getBenchmarkResults()) {
            for (IterationResult iteration : fork.getIterationResults()) {
                iterations.add(of(parameters, iteration.getPrimaryResult(), iteration.getSecondaryResults()));
            }
        }
        boolean isRate = iterations.getFirst().unit.equals("GB/s")
                || iterations.getFirst().unit.startsWith("ops/");
        return iterations.stream()
                .reduce((one, other) -> one.value > other.value == isRate ? one : other)
                .orElseThrow();
    }

    @SuppressWarnings("rawtypes") // as JMH has them
    private static Figure of(BenchmarkParams parameters, Result<?> primary, Map<String, Result> counters) {
        String name = parameters.getBenchmark().replaceFirst(".*\\.(\\w+\\.\\w+)$", "$1");
        String subject = subject(parameters);
        double nanoseconds = parameters.getTimeUnit().toNanos(1); // what counters are for
        double cpu = counted(counters, "cpu");
        if (cpu > 0) {
            return new Figure(subject, name, cpu / counted(counters, "frames"), "ns/frame, thread time");
        }
        for (String counter : List.of("frame", "row", "lookup")) {
            double count = counted(counters, counter + "s");
            if (count > 0) {
                return new Figure(subject, name, nanoseconds / count, "ns/" + counter);
            }
        }
        double bytes = counted(counters, "bytes");
        if (bytes > 0) {
            return new Figure(subject, name, bytes / nanoseconds, "GB/s");
        }
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

    @SuppressWarnings("rawtypes")
    private static double counted(Map<String, Result> counters, String name) {
        Result counter = counters.get(name);
        return counter == null ? 0 : counter.getScore();
    }
}
