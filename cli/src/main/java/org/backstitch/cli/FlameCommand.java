package org.backstitch.cli;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import org.backstitch.cli.flame.FlamePage;
import org.backstitch.cli.output.Output;
import org.backstitch.perf.PerfEvent;
import org.backstitch.perf.PerfFeatures;
import org.backstitch.recording.Recording;
import org.backstitch.recording.RecordingOptions;
import org.jspecify.annotations.Nullable;

/** {@code backstitch flame}: the samples of a recording as a flame graph for the browser. */
public final class FlameCommand implements Subcommand {
    @Override
    public Syntax syntax() {
        Syntax syntax = Syntax.of("Draw the samples of a recording as a flame graph, in one HTML file.")
                .detail(
                        "The page needs no network: search with regular expressions, zoom by a click, see what the kernel did and"
                                + " which library, use the keyboard.")
                .operand("PERF_DATA", "A recording by perf record; - reads one from standard input.")
                .option("-o, --output", "FILE", "The page to write (flame.html).");
        return RecordingArguments.addTo(syntax)
                .example("backstitch flame perf.data", "writes flame.html")
                .example("backstitch flame --symfs sysroot -o target.html perf.data", "recorded on another system");
    }

    @Override
    public ExitStatus run(Arguments arguments, Session session) throws IOException {
        RecordingOptions options = RecordingArguments.options(arguments);
        Path path = arguments.path("PERF_DATA").orElseThrow();
        Path page = arguments.path("--output").orElse(Path.of("flame.html"));
        long begin = System.nanoTime();
        try (Recording recording = RecordingArguments.open(path, options)) {
            SampleSums sums = RecordingArguments.sum(recording, session);
            try (Output output = Output.to(Files.newOutputStream(page), page.toString())) {
                FlamePage.write(sums.tree(), sums.frames(), heading(recording, path), output);
            }
            RecordingArguments.summarize(recording, System.nanoTime() - begin, session);
        }
        session.say("wrote " + page);
        return ExitStatus.DONE;
    }

    private static FlamePage.Heading heading(Recording recording, Path path) {
        PerfFeatures features = recording.file().features();
        List<String> facts = new ArrayList<>();
        facts.add(String.format(Locale.ROOT, "%,d samples", recording.summary().samples()));
        facts.add(String.format(Locale.ROOT, "%,d frames", recording.summary().frames()));
        recording.file().events().stream()
                .map(PerfEvent::name)
                .distinct()
                .limit(4)
                .forEach(facts::add);
        addIfKnown(facts, features.hostName());
        String release = features.osRelease();
        addIfKnown(facts, release == null ? null : "Linux " + release);
        List<String> command = features.commandLine();
        // perf record [OPTIONS] -- PROGRAM [ARGUMENTS]
        List<String> program = command.subList(command.indexOf("--") + 1, command.size());
        Path file = path.getFileName();
        String title = program.isEmpty() ? (file == null ? path : file).toString() : String.join(" ", program);
        return new FlamePage.Heading(title, String.join(" ", command), facts, "samples");
    }

    private static void addIfKnown(List<String> facts, @Nullable String fact) {
        if (fact != null && !fact.isBlank()) {
            facts.add(fact);
        }
    }
}
