package org.backstitch.cli;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.Optional;
import org.backstitch.cli.flame.FlamePage;
import org.backstitch.cli.output.Output;
import org.backstitch.code.walk.DecodingCodeReader;
import org.backstitch.fixtures.BundledRecording;
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
                .optionalOperand(
                        "PERF_DATA",
                        "A recording by perf record; - reads one from standard input; without it, a bundled one is shown.")
                .option("-o, --output", "FILE", "The page to write (flame.html).");
        return RecordingArguments.addCodeTo(RecordingArguments.addTo(syntax))
                .example("backstitch flame", "the bundled recording, as flame.html")
                .example("backstitch flame perf.data", "your own")
                .example("backstitch flame --symfs sysroot -o target.html perf.data", "recorded on another system");
    }

    @Override
    public ExitStatus run(Arguments arguments, Session session) throws IOException {
        Path page = arguments.path("--output").orElse(Path.of("flame.html"));
        try (DecodingCodeReader reader = RecordingArguments.codeReader(arguments)) {
            draw(arguments, RecordingArguments.options(arguments, reader), page, session);
            RecordingArguments.sayRefusals(reader, session);
        }
        session.say("wrote " + page);
        return ExitStatus.DONE;
    }

    private static void draw(Arguments arguments, RecordingOptions options, Path page, Session session)
            throws IOException {
        Optional<Path> path = arguments.path("PERF_DATA");
        if (path.isPresent()) {
            draw(path.get(), options, null, page, session);
        } else {
            try (TemporaryDirectory directory = new TemporaryDirectory()) {
                BundledRecording demo = BundledRecording.unpack(BundledRecording.DEMO, directory.path());
                RecordingOptions theirs = options.withSymfs(demo.symfs())
                        .withVdso(demo.vdso())
                        .withKallsyms(demo.kallsyms().orElse(null));
                session.say("the bundled recording: " + demo.command());
                draw(demo.data(), theirs, demo.command(), page, session);
            }
        }
    }

    /** Draws a recording; {@code title} is null where the recording itself is asked for one. */
    private static void draw(Path path, RecordingOptions options, @Nullable String title, Path page, Session session)
            throws IOException {
        long begin = System.nanoTime();
        try (Recording recording = RecordingArguments.open(path, options)) {
            SampleSums sums = RecordingArguments.sum(recording, true, session);
            FlamePage.Heading heading = heading(recording, title != null ? title : title(recording, path));
            recording.release();
            try (Output output = Output.to(Files.newOutputStream(page), page.toString())) {
                FlamePage.write(sums.tree(), sums.frames(), heading, output);
            }
            RecordingArguments.summarize(recording, System.nanoTime() - begin, session);
        }
    }

    /** What ran: {@code perf record [OPTIONS] -- PROGRAM [ARGUMENTS]}; or the recording's name. */
    private static String title(Recording recording, Path path) {
        List<String> command = recording.file().features().commandLine();
        int program = command.indexOf("--") + 1;
        Path name = path.getFileName();
        return program > 0 && program < command.size()
                ? String.join(" ", command.subList(program, command.size()))
                : String.valueOf(name);
    }

    private static FlamePage.Heading heading(Recording recording, String title) {
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
        return new FlamePage.Heading(title, String.join(" ", features.commandLine()), facts, "samples");
    }

    private static void addIfKnown(List<String> facts, @Nullable String fact) {
        // A guest without a name of its own calls itself "(none)".
        if (fact != null && !fact.isBlank() && !fact.equals("(none)")) {
            facts.add(fact);
        }
    }
}
