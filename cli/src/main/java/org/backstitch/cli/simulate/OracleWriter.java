package org.backstitch.cli.simulate;

import com.fasterxml.jackson.core.JsonGenerator;
import java.io.IOException;
import java.util.HashMap;
import java.util.Locale;
import java.util.Map;
import org.backstitch.cli.output.JsonLines;
import org.backstitch.cli.output.Output;
import org.backstitch.unwind.deferred.simulation.Addresses;
import org.backstitch.unwind.deferred.simulation.Judgement;
import org.backstitch.unwind.deferred.simulation.SimulatedRecording;
import org.backstitch.unwind.deferred.simulation.Truth;

/**
 * Writes what the oracle knows, a line for each sample that was taken, in the order of time: where it was taken, the true callchains,
 * whether it was written, and what a reader makes of it.
 */
public final class OracleWriter {
    private OracleWriter() {}

    /** Writes the truth about a run, and a judgement of it. */
    public static void write(SimulatedRecording recording, Judgement judgement, Output out) throws IOException {
        Map<Integer, Judgement.Answer> answers = new HashMap<>();
        for (Judgement.Answer answer : judgement.answers()) {
            answers.put(answer.truth().number(), answer);
        }
        JsonLines lines = new JsonLines(out);
        for (Truth.OfSample truth : recording.samples()) {
            lines.begin()
                    .number("sample", truth.number())
                    .number("time_ns", truth.time())
                    .number("tid", truth.tid());
            lines.text("before", truth.before() == null ? null : name(truth.before()));
            addresses(lines, "kernel", truth.kernel());
            addresses(lines, "user", truth.user());
            lines.truth("written", truth.written());
            Judgement.Answer answer = answers.get(truth.number());
            lines.text("deferred", answer == null ? null : answer.deferral().label());
            lines.text("outcome", answer == null ? null : name(answer.outcome()));
            lines.end();
        }
    }

    private static String name(Enum<?> value) {
        return value.name().toLowerCase(Locale.ROOT);
    }

    private static void addresses(JsonLines lines, String field, Addresses addresses) throws IOException {
        JsonGenerator generator = lines.generator();
        generator.writeArrayFieldStart(field);
        for (int i = 0; i < addresses.size(); i++) {
            lines.address(addresses.get(i));
        }
        generator.writeEndArray();
    }
}
