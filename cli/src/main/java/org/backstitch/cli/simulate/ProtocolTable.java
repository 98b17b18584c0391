package org.backstitch.cli.simulate;

import java.io.IOException;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.function.Predicate;
import java.util.function.ToLongFunction;
import org.backstitch.cli.output.Output;
import org.backstitch.unwind.deferred.simulation.Judgement;
import org.backstitch.unwind.deferred.simulation.KernelStep;
import org.backstitch.unwind.deferred.simulation.Protocol;
import org.backstitch.unwind.deferred.simulation.Scenario;
import org.backstitch.unwind.deferred.simulation.SimulatedRecording;
import org.backstitch.unwind.deferred.simulation.SimulatedSystem;
import org.backstitch.unwind.deferred.simulation.Truth;

/** Plays one scenario under each protocol, and sets what came of it side by side, as a table in Markdown. */
public final class ProtocolTable {
    private record Run(Protocol protocol, SimulatedRecording recording, Judgement judgement) {}

    private final List<Run> runs = new ArrayList<>();

    /** Plays the scenario under every protocol. */
    public ProtocolTable(Scenario scenario, SimulatedSystem system) {
        for (Protocol protocol : Protocol.values()) {
            SimulatedRecording recording = scenario.with(protocol).play(system);
            runs.add(new Run(protocol, recording, Judgement.of(recording)));
        }
    }

    /** Writes the table. */
    public void write(Output out) throws IOException {
        out.append("| |");
        for (Run run : runs) {
            out.append(' ').append(run.protocol().label()).append(" |");
        }
        out.newline();
        out.append("| --- |");
        for (int i = 0; i < runs.size(); i++) {
            out.append(" ---: |");
        }
        out.newline();
        row(out, "samples taken", run -> run.recording().counts().samples());
        row(out, "… in user mode", run -> samples(run, truth -> truth.kernel().size() == 0));
        row(out, "… between the last check and the return", run -> samples(run, ProtocolTable::isInWindow));
        row(out, "samples written", run -> run.judgement().answers().size());
        outcome(out, "user callchain complete", Judgement.Outcome.COMPLETE);
        outcome(out, "… cut", Judgement.Outcome.CUT);
        outcome(out, "… of the same entry, after the kernel rewrote its registers", Judgement.Outcome.REWRITTEN);
        outcome(out, "… of another entry", Judgement.Outcome.MISATTRIBUTED);
        outcome(out, "… lost", Judgement.Outcome.LOST);
        outcome(out, "… none to have", Judgement.Outcome.NONE);
        row(out, "unwinds in the interrupt", run -> run.recording().counts().unwindsInInterrupt());
        row(
                out,
                "unwinds at the return to user mode",
                run -> run.recording().counts().unwindsLate());
        row(
                out,
                "page faults taken for the unwinder",
                run -> run.recording().counts().pageFaults());
        row(out, "late records", run -> run.judgement().counts().records());
        row(out, "… that no sample was given", run -> run.judgement().counts().unclaimed());
        row(out, "interrupts sent to itself", run -> run.recording().counts().selfInterrupts());
        row(
                out,
                "late records in another CPU's buffer",
                run -> run.recording().counts().foreignWrites());
        row(
                out,
                "works that an exiting task refused",
                run -> run.recording().counts().refusedWorks());
        row(
                out,
                "records lost for want of room",
                run -> run.recording().counts().recordsLost());
        row(out, "bytes written", run -> run.recording().counts().bytesWritten());
    }

    private static long samples(Run run, Predicate<Truth.OfSample> which) {
        return run.recording().samples().stream().filter(which).count();
    }

    private static boolean isInWindow(Truth.OfSample truth) {
        KernelStep before = truth.before();
        return before != null && before.isInWindow();
    }

    private void outcome(Output out, String what, Judgement.Outcome outcome) throws IOException {
        row(out, what, run -> run.judgement().count(outcome));
    }

    private void row(Output out, String what, ToLongFunction<Run> value) throws IOException {
        out.append("| ").append(what).append(" |");
        for (Run run : runs) {
            out.append(' ')
                    .append(String.format(Locale.ROOT, "%,d", value.applyAsLong(run)))
                    .append(" |");
        }
        out.newline();
    }
}
