package org.backstitch.bench;

import com.fasterxml.jackson.core.JsonFactory;
import com.fasterxml.jackson.core.JsonGenerator;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.PrintStream;
import java.io.StringWriter;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Collection;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.TreeMap;
import org.openjdk.jmh.infra.BenchmarkParams;
import org.openjdk.jmh.results.Result;
import org.openjdk.jmh.results.RunResult;
import org.openjdk.jmh.results.format.ResultFormatFactory;
import org.openjdk.jmh.results.format.ResultFormatType;

/**
 * What was measured, as one JSON object and as one table.
 *
 * @param quick whether each benchmark ran for a moment only: then the figures say that it runs, and no more
 * @param machine where
 * @param suites what the suites gave
 * @param commands what whole commands took
 * @param peers what unwinders that are not ours took, where they were measured
 */
record BenchmarkReport(
        boolean quick,
        MachineState machine,
        Collection<RunResult> suites,
        List<WholeCommands.Time> commands,
        List<Peers.Measured> peers) {
    /** A line of the table: what it is of, what was measured, and to which other line of the same it is set in proportion. */
    private record Line(String subject, String name, double value, String unit) {}

    void writeTo(Path directory) throws IOException {
        Files.writeString(directory.resolve("results.json"), json());
        Files.writeString(directory.resolve("results.md"), markdown());
    }

    String markdown() {
        StringBuilder text = new StringBuilder("# Measured\n\n");
        if (quick) {
            text.append("A quick run: each benchmark for a moment only. These figures say nothing about speed.\n\n");
        }
        machine.facts()
                .forEach((name, fact) ->
                        text.append("- ").append(name).append(": ").append(fact).append('\n'));
        text.append("\nRatios are to the first line of the same recording or file.\n\n");
        text.append("| of | measured | | unit | ratio |\n| --- | --- | ---: | --- | ---: |\n");
        Map<String, Double> first = new TreeMap<>();
        for (Line line : lines()) {
            Double to = first.putIfAbsent(line.subject + line.unit, line.value);
            text.append(String.format(
                    Locale.ROOT,
                    "| %s | %s | %.3g | %s | %.2f |%n",
                    line.subject,
                    line.name,
                    line.value,
                    line.unit,
                    line.value / (to == null ? line.value : to)));
        }
        if (!peers.isEmpty()) {
            appendPeers(text);
        }
        return text.toString();
    }

    /** Ours is what {@code WalkBenchmark.warm} and {@code CompileBenchmark} took on the same recording or file, in this run. */
    private void appendPeers(StringBuilder text) {
        text.append("\n## Beside others\n\nNanoseconds a frame or row, thread time; set-up in milliseconds.\n\n");
        text.append("| of | peer | | warm | ours/peer | cold | set-up | answers |\n");
        text.append("| --- | --- | ---: | ---: | ---: | ---: | ---: | --- |\n");
        for (Peers.Measured peer : peers) {
            double ours = ours(peer);
            text.append(String.format(
                    Locale.ROOT,
                    "| %s | %s %s | %d %ss | %.3g | %s | %.3g | %.3g | %s |%n",
                    peer.subject().replaceFirst(".*/", ""),
                    peer.peer(),
                    peer.version(),
                    peer.count(),
                    peer.unit(),
                    peer.warm(),
                    Double.isNaN(ours) || peer.warm() == 0 ? "" : "%.3f".formatted(ours / peer.warm()),
                    peer.cold(),
                    peer.setup() / 1e6,
                    peer.hash()));
        }
    }

    /** What the suites took for what a peer was measured on; not a number if they were not. */
    private double ours(Peers.Measured peer) {
        String name = peer.unit().equals("row") ? "CompileBenchmark.compile" : "WalkBenchmark.warm";
        String subject = peer.subject().replaceFirst(".*/", "");
        return lines().stream()
                .filter(line -> line.subject.equals(subject) && line.name.equals(name))
                .mapToDouble(Line::value)
                .findFirst()
                .orElse(Double.NaN);
    }

    private List<Line> lines() {
        List<Line> lines = new ArrayList<>();
        for (RunResult result : suites) {
            BenchmarkParams parameters = result.getParams();
            String name = parameters.getBenchmark().replaceFirst(".*\\.(\\w+\\.\\w+)$", "$1");
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
            lines.add(line(subject.toString(), name, result));
        }
        for (WholeCommands.Time time : commands) {
            lines.add(new Line(time.recording(), time.command(), time.seconds(), "s"));
        }
        return lines;
    }

    /** Suites that count frames, rows or look-ups are shown in nanoseconds for each, those that count bytes in gigabytes a second. */
    @SuppressWarnings("rawtypes") // as JMH has them
    private static Line line(String subject, String name, RunResult result) {
        Map<String, Result> counters = result.getSecondaryResults();
        double nanoseconds = result.getParams().getTimeUnit().toNanos(1); // what counters are for
        Result cpu = counters.get("cpu");
        if (cpu != null) {
            return new Line(subject, name, cpu.getScore() / counted(counters, "frames"), "ns/frame, thread time");
        }
        for (String counter : List.of("frame", "row", "lookup")) {
            double count = counted(counters, counter + "s");
            if (count > 0) {
                return new Line(subject, name, nanoseconds / count, "ns/" + counter);
            }
        }
        double bytes = counted(counters, "bytes");
        if (bytes > 0) {
            return new Line(subject, name, bytes / nanoseconds, "GB/s");
        }
        Result<?> primary = result.getPrimaryResult();
        return new Line(subject, name, primary.getScore(), primary.getScoreUnit());
    }

    @SuppressWarnings("rawtypes")
    private static double counted(Map<String, Result> counters, String name) {
        Result counter = counters.get(name);
        return counter == null ? 0 : counter.getScore();
    }

    private void writePeers(JsonGenerator json) throws IOException {
        if (peers.isEmpty()) {
            return;
        }
        json.writeArrayFieldStart("peers");
        for (Peers.Measured peer : peers) {
            json.writeStartObject();
            json.writeStringField("of", peer.subject());
            json.writeStringField("peer", peer.peer());
            json.writeStringField("version", peer.version());
            json.writeStringField("unit", peer.unit());
            json.writeNumberField("count", peer.count());
            json.writeNumberField("setup", peer.setup());
            json.writeNumberField("cold", peer.cold());
            json.writeNumberField("warm", peer.warm());
            json.writeStringField("hash", peer.hash());
            json.writeEndObject();
        }
        json.writeEndArray();
    }

    String json() throws IOException {
        ByteArrayOutputStream results = new ByteArrayOutputStream();
        try (PrintStream out = new PrintStream(results, false, StandardCharsets.UTF_8)) {
            ResultFormatFactory.getInstance(ResultFormatType.JSON, out).writeOut(suites);
        }
        StringWriter text = new StringWriter();
        try (JsonGenerator json = new JsonFactory().createGenerator(text)) {
            json.writeStartObject();
            json.writeBooleanField("quick", quick);
            json.writeObjectFieldStart("machine");
            for (Map.Entry<String, String> fact : machine.facts().entrySet()) {
                json.writeStringField(fact.getKey(), fact.getValue());
            }
            json.writeEndObject();
            json.writeArrayFieldStart("commands");
            for (WholeCommands.Time time : commands) {
                json.writeStartObject();
                json.writeStringField("recording", time.recording());
                json.writeStringField("command", time.command());
                json.writeNumberField("seconds", time.seconds());
                json.writeEndObject();
            }
            json.writeEndArray();
            writePeers(json);
            json.writeFieldName("suites");
            json.writeRawValue(results.toString(StandardCharsets.UTF_8).strip());
            json.writeEndObject();
        }
        return text + "\n";
    }
}
