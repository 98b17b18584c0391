package org.backstitch.cli;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Locale;
import org.backstitch.cli.output.RecordingFile;
import org.backstitch.perf.PerfWriter;
import org.backstitch.recording.CallchainInjector;
import org.backstitch.recording.InjectionForm;
import org.backstitch.recording.InjectionSummary;
import org.backstitch.recording.Recording;
import org.backstitch.recording.RecordingOptions;

/** {@code backstitch inject}: a recording with callchains in place of registers and stack bytes. */
public final class InjectCommand implements Subcommand {
    @Override
    public Syntax syntax() {
        Syntax syntax = Syntax.of("Write a recording again with complete callchains and no stack bytes any more.")
                .detail(
                        "What comes out is a perf.data like that of a recording by frame pointers, only that its callchains are whole:"
                                + " perf script, perf report and others read it at once, without the recorded system's files for"
                                + " unwinding. It is a small fraction of the size.")
                .detail(
                        "Samples of one entry to the kernel have one user callchain, which is unwound once. With --deferred it is"
                                + " also written once, as Linux 6.19 does it; perf joins such records from that version on.")
                .detail(
                        "What the format has no place for is lost: why a chain ends, and by which means a frame was found.")
                .operand("PERF_DATA", "A recording by perf record; - reads one from standard input.")
                .option(
                        "-o, --output",
                        "OUT.data",
                        "The recording to write, in place of one that may be there; - writes to standard output, in pipe mode.")
                .flag(
                        "--deferred",
                        "One late record for each entry to the kernel, rather than a whole chain in every sample.");
        return RecordingArguments.addTo(syntax)
                .example(
                        "backstitch inject perf.data -o out.data && perf report -i out.data", "unwind once, look often")
                .example("perf record -g -o - ls | backstitch inject - -o - | perf report -i -", "between two perfs");
    }

    @Override
    public ExitStatus run(Arguments arguments, Session session) throws IOException {
        RecordingOptions options = RecordingArguments.options(arguments);
        Path path = arguments.path("PERF_DATA").orElseThrow();
        Path target = arguments.path("--output").orElseThrow(() -> new UsageException("say where to with -o OUT.data"));
        refuseSameFile(path, target);
        InjectionForm form = arguments.has("--deferred") ? InjectionForm.DEFERRED : InjectionForm.MERGED;
        long begin = System.nanoTime();
        try (Recording recording = RecordingArguments.open(path, options);
                RecordingFile file = RecordingFile.of(target, session.out())) {
            CallchainInjector injector = new CallchainInjector(recording, form);
            InjectionSummary summary;
            try (PerfWriter out = file.writer(injector.events());
                    Progress progress = session.progress("injecting", recording.sampleCount(), "samples", 1)) {
                out.features(recording.file().features());
                summary = injector.inject(out, progress::reached);
            }
            file.complete();
            RecordingArguments.summarize(recording, System.nanoTime() - begin, session);
            say(summary, sizeOf(path, recording), file.size(summary.bytes()), session);
        }
        return ExitStatus.DONE;
    }

    /** Writing over what is being read would end the recording; and whoever wants that surely does not. */
    private static void refuseSameFile(Path input, Path target) throws IOException {
        Path data = Files.isDirectory(input) ? input.resolve("data") : input;
        if (Files.exists(data) && Files.exists(target) && Files.isSameFile(data, target)) {
            throw new UsageException("the recording would be written over itself: " + target);
        }
    }

    private static long sizeOf(Path path, Recording recording) throws IOException {
        return Files.isRegularFile(path)
                ? Files.size(path)
                : recording.file().bytes().size();
    }

    private static void say(InjectionSummary summary, long before, long after, Session session) {
        if (summary.stacks() > 0) {
            session.say(String.format(
                    Locale.ROOT,
                    "%,d recorded stacks, %,d unwinds: %,d avoided (%.1f %%), their samples share an entry to the kernel",
                    summary.stacks(),
                    summary.stacks() - summary.avoided(),
                    summary.avoided(),
                    100.0 * summary.avoided() / summary.stacks()));
        }
        if (summary.lateRecords() > 0) {
            session.say(String.format(Locale.ROOT, "%,d deferred callchains written", summary.lateRecords()));
        }
        session.say(String.format(
                Locale.ROOT,
                "%,d bytes, of %,d (%.1f %%)",
                after,
                before,
                before > 0 ? 100.0 * after / before : 100.0));
        if (summary.cut() > 0) {
            session.say(String.format(
                    Locale.ROOT,
                    "%,d samples have fewer frames than wanted: a record has no room for more",
                    summary.cut()));
        }
    }
}
