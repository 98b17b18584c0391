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
    /** Of our frames, how many an unwinder finds that is not said to lose any: some have no vDSO to look into. */
    private static final double ALL_FRAMES = 0.99;

    private static final String WALK = "WalkBenchmark.warm";

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
        List<Figure> figures = Figure.of(suites);
        for (WholeCommands.Time time : commands) {
            figures.add(new Figure(time.recording(), time.command(), time.seconds(), "s"));
        }
        appendFigures(text, figures);
        appendProportions(text, figures);
        if (!peers.isEmpty()) {
            appendPeers(text, figures);
        }
        return text.toString();
    }

    private static void appendFigures(StringBuilder text, List<Figure> figures) {
        text.append(
                "\nThe best iteration of each; of proportions the median. Ratios are to the first line of the same recording or file.\n\n");
        text.append("| of | measured | | unit | ratio |\n| --- | --- | ---: | --- | ---: |\n");
        Map<String, Double> first = new TreeMap<>();
        for (Figure figure : figures) {
            Double to = first.putIfAbsent(figure.subject() + figure.unit(), figure.value());
            text.append(String.format(
                    Locale.ROOT,
                    "| %s | %s | %.3g | %s | %.2f |%n",
                    figure.subject(),
                    figure.benchmark(),
                    figure.value(),
                    figure.unit(),
                    figure.value() / (to == null ? figure.value() : to)));
        }
    }

    /** What walks took in proportion to each other. */
    private static void appendProportions(StringBuilder text, List<Figure> figures) {
        text.append(
                "\n## In proportion\n\nTo frame pointers: passes in turns in one process, the median of all iterations. ");
        text.append("They lead through all of a stack only where all code keeps them.\n\n");
        text.append("| of | to frame pointers | in cache, to frame pointers in cache | all registers, to pcs only |\n");
        text.append("| --- | ---: | ---: | ---: |\n");
        for (Figure figure : figures) {
            if (figure.benchmark().equals(WALK)) {
                String subject = figure.subject();
                text.append(String.format(
                        Locale.ROOT,
                        "| %s | %.2f | %.2f | %.2f |%n",
                        subject,
                        value(figures, subject, "WalkBenchmark.besideFramePointers"),
                        value(figures, subject, "WalkBenchmark.besideFramePointersInCache"),
                        value(figures, subject, "WalkBenchmark.warmAllRegisters") / figure.value()));
            }
        }
    }

    private void appendPeers(StringBuilder text, List<Figure> figures) {
        text.append("\n## Beside others\n\nIn turns: the best of each. Nanoseconds a frame or row, thread time. ");
        text.append("The first pass with all files opened, ours in a fresh virtual machine, in milliseconds.\n\n");
        text.append("| of | peer | | warm | ours | ours/peer | first | ours | ours/peer | answers |\n");
        text.append("| --- | --- | ---: | ---: | ---: | ---: | ---: | ---: | ---: | --- |\n");
        Map<String, List<Double>> ratios = new TreeMap<>();
        Map<String, Long> frames = new TreeMap<>();
        for (Peers.Measured peer : peers) {
            String subject = peer.subject().replaceFirst(".*/", "");
            boolean isWalk = peer.unit().equals("frame");
            double warm = value(figures, subject, isWalk ? WALK : "CompileBenchmark.compile");
            double first = value(figures, subject + " lazy", "ColdWalkBenchmark.cold");
            text.append(String.format(
                    Locale.ROOT,
                    "| %s | %s %s | %d %ss ",
                    subject,
                    peer.peer(),
                    peer.version(),
                    peer.count(),
                    peer.unit()));
            if (peer.warm() > 0) {
                text.append(String.format(Locale.ROOT, "| %.3g | %.3g | %.3f ", peer.warm(), warm, warm / peer.warm()));
                ratios.computeIfAbsent(peer.peer() + ", all", name -> new ArrayList<>())
                        .add(warm / peer.warm());
                if (isWalk && peer.count() >= frames.getOrDefault(subject, 0L) * ALL_FRAMES) {
                    ratios.computeIfAbsent(peer.peer() + ", where it finds all frames", name -> new ArrayList<>())
                            .add(warm / peer.warm());
                }
            } else {
                frames.put(subject, peer.count());
                text.append("| | | ");
            }
            if (peer.warm() > 0 && isWalk) {
                text.append(
                        String.format(Locale.ROOT, "| %.3g | %.3g | %.2f ", peer.first(), first, first / peer.first()));
            } else {
                text.append("| | | ");
            }
            text.append("| ").append(peer.hash()).append(" |\n");
        }
        text.append("\nGeometric means of ours/peer:\n\n");
        ratios.forEach((peer, all) -> text.append(String.format(
                Locale.ROOT,
                "- %s: %.3f over %d%n",
                peer,
                Math.exp(all.stream().mapToDouble(Math::log).average().orElseThrow()),
                all.size())));
    }

    /** What a benchmark took; not a number if it was not run. */
    private static double value(List<Figure> figures, String subject, String benchmark) {
        return figures.stream()
                .filter(figure ->
                        figure.subject().equals(subject) && figure.benchmark().equals(benchmark))
                .mapToDouble(Figure::value)
                .findFirst()
                .orElse(Double.NaN);
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
