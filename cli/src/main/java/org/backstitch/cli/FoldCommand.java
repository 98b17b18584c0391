package org.backstitch.cli;

import java.io.IOException;
import java.nio.file.Path;
import org.backstitch.cli.flame.FoldedStacks;
import org.backstitch.code.walk.DecodingCodeReader;
import org.backstitch.recording.Recording;

/** {@code backstitch fold}: the samples of a recording summed up as folded stacks. */
public final class FoldCommand implements Subcommand {
    @Override
    public Syntax syntax() {
        Syntax syntax = Syntax.of("Sum the samples of a recording up as folded stacks.")
                .detail(
                        "A line for each different stack, comm;outermost;...;innermost COUNT: what flame graph programs read."
                                + " Functions without a name are [FILE], kernel functions end in _[k].")
                .operand("PERF_DATA", "A recording by perf record; - reads one from standard input.");
        return RecordingArguments.addCodeTo(RecordingArguments.addTo(syntax))
                .example("backstitch fold perf.data > program.folded", "for other programs")
                .example("backstitch fold perf.data | grep -c '^git;'", "how many different stacks git had");
    }

    @Override
    public ExitStatus run(Arguments arguments, Session session) throws IOException {
        Path path = arguments.path("PERF_DATA").orElseThrow();
        long begin = System.nanoTime();
        try (DecodingCodeReader reader = RecordingArguments.codeReader(arguments);
                Recording recording = RecordingArguments.open(path, RecordingArguments.options(arguments, reader))) {
            SampleSums sums = RecordingArguments.sum(recording, false, session);
            recording.release();
            FoldedStacks.write(sums.tree(), sums.frames(), session.out());
            RecordingArguments.summarize(recording, System.nanoTime() - begin, session);
            RecordingArguments.sayRefusals(reader, session);
        }
        return ExitStatus.DONE;
    }
}
