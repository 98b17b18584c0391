package org.backstitch.cli;

import java.io.IOException;
import java.io.InputStream;
import java.nio.file.Path;
import java.util.Optional;
import java.util.function.Supplier;
import org.backstitch.cli.output.Output;
import org.backstitch.code.walk.DecodingCodeReader;
import org.backstitch.perf.PerfStream;
import org.backstitch.recording.BatchWorker;
import org.backstitch.recording.Recording;
import org.backstitch.recording.RecordingOptions;
import org.backstitch.recording.RecordingStream;
import org.backstitch.recording.ResolvedSample;
import org.backstitch.unwind.deferred.Stitcher;

/** {@code backstitch script}: every sample of a recording with its callchain. */
public final class ScriptCommand implements Subcommand {
    @Override
    public Syntax syntax() {
        Syntax syntax = Syntax.of("Print every sample of a recording with its complete callchain.")
                .detail(
                        "Samples come in the order of time, each exactly once. Text reads like perf script; JSON is one object a"
                                + " line.")
                .operand(
                        "PERF_DATA",
                        "A recording by perf record; - reads one from standard input, and prints samples while it is being"
                                + " made if it comes from perf record -o -.")
                .option("--format", "text|json", "How samples are written (text).")
                .option(
                        "--max-waiting",
                        "N",
                        "Samples of a pipe that may wait for a late user callchain; the oldest goes without it then (1048576).")
                .flag(
                        "--no-merge-callchains",
                        "Leave samples that wait for a late user callchain as they are, and print the late ones by themselves.");
        syntax.option(
                        "--sample",
                        "WHICH",
                        "Only one sample: its number, counted from 1 as they are printed, or its time as it is printed, with TID: in"
                                + " front where several threads have a sample of that time.")
                .option(
                        "--save-snapshot",
                        "DIR",
                        "Keep that sample's user stack in a new directory, with the little of its files that unwinding reads: a case"
                                + " for backstitch snapshot.");
        return RecordingArguments.addCodeTo(RecordingArguments.addTo(syntax))
                .example("backstitch script perf.data | less", "read it")
                .example("backstitch script --format json --symfs sysroot perf.data", "for scripts; a system's files")
                .example("perf record -g -o - program | backstitch script -", "while it runs")
                .example(
                        "backstitch script --sample 4711:12.000345678 --save-snapshot case perf.data",
                        "the sample of a thread at a time, kept as a case");
    }

    @Override
    public ExitStatus run(Arguments arguments, Session session) throws IOException {
        boolean json = arguments.choice("--format", "text", "json").equals("json");
        try (DecodingCodeReader reader = RecordingArguments.codeReader(arguments)) {
            ExitStatus status = run(arguments, RecordingArguments.options(arguments, reader), json, session);
            RecordingArguments.sayRefusals(reader, session);
            return status;
        }
    }

    private static ExitStatus run(Arguments arguments, RecordingOptions given, boolean json, Session session)
            throws IOException {
        RecordingOptions options = given;
        if (arguments.has("--no-merge-callchains")) {
            options = options.withoutMerging();
        }
        Path path = arguments.path("PERF_DATA").orElseThrow();
        Optional<SampleChoice> choice = arguments.text("--sample").map(SampleChoice::parse);
        Optional<Path> directory = arguments.newDirectory("--save-snapshot");
        if (directory.isPresent() && choice.isEmpty()) {
            throw new UsageException("--save-snapshot keeps one sample: say which with --sample");
        }
        int maxWaiting = arguments.number("--max-waiting", Stitcher.DEFAULT_MAX_HELD, 1, 1 << 30);
        Supplier<BatchWorker<Output>> workers =
                json ? () -> new Worker(new SampleJson()) : () -> new Worker(new SampleText());
        long begin = System.nanoTime();
        InputStream input = RecordingArguments.standardInput();
        if (choice.isEmpty() && RecordingArguments.isStandardInput(path) && PerfStream.isPipeMode(input)) {
            PerfStream stream = PerfStream.open(input, RecordingArguments.STANDARD_INPUT);
            try (RecordingStream recording = RecordingStream.of(stream, options, maxWaiting)) {
                recording.process(workers, new Printer(session.out()));
                RecordingArguments.summarize(recording, System.nanoTime() - begin, session);
            }
            return ExitStatus.DONE;
        }
        try (Recording recording = RecordingArguments.open(path, input, options)) {
            if (choice.isPresent()) {
                SampleWriter writer = json ? new SampleJson() : new SampleText();
                String source =
                        RecordingArguments.isStandardInput(path) ? RecordingArguments.STANDARD_INPUT : path.toString();
                choice.get().print(recording, source, writer, directory, session);
                return ExitStatus.DONE;
            }
            try (Progress progress = session.progress("unwinding", recording.sampleCount(), "samples", 1)) {
                recording.process(workers, session.out()::append, progress::reached);
            }
            RecordingArguments.summarize(recording, System.nanoTime() - begin, session);
        }
        return ExitStatus.DONE;
    }

    /** How a sample is written. */
    interface SampleWriter {
        void write(ResolvedSample sample, Output out) throws IOException;
    }

    /** Prints what workers have written, and lets it be seen before the recording is waited for. */
    private record Printer(Output out) implements Recording.ResultConsumer<Output> {
        @Override
        public void accept(Output batch) throws IOException {
            out.append(batch);
        }

        @Override
        public void waiting() throws IOException {
            out.flush();
        }
    }

    private static final class Worker implements BatchWorker<Output> {
        private final SampleWriter writer;
        private Output batch = Output.inMemory();

        Worker(SampleWriter writer) {
            this.writer = writer;
        }

        @Override
        public void sample(ResolvedSample sample) throws IOException {
            writer.write(sample, batch);
        }

        @Override
        public Output finishBatch() {
            Output done = batch;
            batch = Output.inMemory();
            return done;
        }
    }
}
