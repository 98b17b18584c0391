package org.backstitch.unwind.deferred.simulation;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.util.ArrayList;
import java.util.HashSet;
import java.util.List;
import java.util.Set;
import net.jqwik.api.Arbitrary;
import net.jqwik.api.ForAll;
import net.jqwik.api.Property;
import net.jqwik.api.Provide;
import org.backstitch.unwind.deferred.simulation.Judgement.Answer;
import org.backstitch.unwind.deferred.simulation.Judgement.Outcome;

/** What must hold of every run, whatever happens when. */
class ProtocolPropertiesTest {
    private final SimulatedSystem system = new SimulatedSystem();

    @Provide
    Arbitrary<Schedules.Run> mainline() {
        return Schedules.runs(Protocol.MAINLINE);
    }

    @Provide
    Arbitrary<Schedules.Run> rfc2017() {
        return Schedules.runs(Protocol.RFC2017);
    }

    @Provide
    Arbitrary<Schedules.Run> immediate() {
        return Schedules.runs(Protocol.IMMEDIATE);
    }

    /** Whatever the protocol: no sample lost or doubled by the reader, every callchain true, every kernel part complete. */
    private static void assertSound(SimulatedRecording recording, Judgement judgement) {
        List<Integer> written = new ArrayList<>();
        for (SimulatedRecord record : recording.inTimeOrder()) {
            if (record instanceof SimulatedRecord.Sample sample) {
                written.add(sample.number());
                Truth.OfSample truth = recording.samples().get(sample.number());
                assertTrue(truth.written());
                long[] chain = sample.callchain().toArray();
                int kernelFrames =
                        Math.min(truth.kernel().size(), recording.config().maxStack());
                for (int i = 0; i < kernelFrames; i++) {
                    assertEquals(truth.kernel().get(i), chain[i + 1], () -> "kernel part of sample " + truth);
                }
            }
        }
        assertEquals(
                written,
                judgement.answers().stream()
                        .map(answer -> answer.truth().number())
                        .toList());
        assertEquals(
                recording.samples().stream().filter(Truth.OfSample::written).count(), written.size());
        assertEquals(
                0, judgement.count(Outcome.WRONG), () -> judgement.answers().toString());
    }

    @Property(tries = 1500)
    void mainlineNeverGivesASampleAnotherEntrysStack(@ForAll("mainline") Schedules.Run run) {
        SimulatedRecording recording = run.play(system);
        Judgement judgement = Judgement.of(recording);
        assertSound(recording, judgement);
        boolean sideBandLost = recording.counts().recordsLost() > 0;
        if (!sideBandLost) {
            assertEquals(
                    0,
                    judgement.count(Outcome.MISATTRIBUTED),
                    () -> judgement.answers().toString());
            assertEquals(
                    0,
                    judgement.counts().duplicate()
                            % Math.max(1, run.config().events().size() - 1));
        }
        for (Answer answer : judgement.answers()) {
            if (answer.outcome() == Outcome.MISATTRIBUTED) {
                // The only way: an exec whose record was lost.
                assertTrue(sideBandLost && !answer.truth().user().equals(answer.user()));
            }
        }
    }

    @Property(tries = 1500)
    void mainlineUnwindsAnEntryOnce(@ForAll("mainline") Schedules.Run run) {
        SimulatedRecording recording = run.play(system);
        Set<String> unwound = new HashSet<>();
        int outputs = (int) run.config().events().stream()
                .filter(EventSpec::outputsDeferred)
                .count();
        Set<String> entries = new HashSet<>();
        for (SimulatedRecord record : recording.inTimeOrder()) {
            if (record instanceof SimulatedRecord.Deferred late && late.cookie() != 0) {
                String name = late.origin().tid() + " " + late.cookie() + " "
                        + late.origin().event();
                assertTrue(unwound.add(name), () -> "a second record for " + name);
                entries.add(late.origin().tid() + " " + late.cookie());
            }
        }
        assertTrue(unwound.size() <= entries.size() * outputs);
        assertEquals(0, recording.counts().foreignWrites());
        assertEquals(0, recording.counts().refusedWorks());
    }

    @Property(tries = 1500)
    void theProposalOf2017LosesAndConfusesButInventsNothing(@ForAll("rfc2017") Schedules.Run run) {
        SimulatedRecording recording = run.play(system);
        assertSound(recording, Judgement.of(recording));
        assertEquals(0, recording.counts().pageFaults());
    }

    @Property(tries = 1500)
    void theOldWayCutsAtAbsentPagesAndNeverFaults(@ForAll("immediate") Schedules.Run run) {
        SimulatedRecording recording = run.play(system);
        Judgement judgement = Judgement.of(recording);
        assertSound(recording, judgement);
        assertEquals(0, judgement.count(Outcome.MISATTRIBUTED));
        assertEquals(0, judgement.count(Outcome.LOST));
        assertEquals(0, recording.counts().pageFaults());
        assertEquals(0, recording.counts().unwindsLate());
    }

    @Property(tries = 300)
    void theSameScheduleGivesTheSameRun(@ForAll("mainline") Schedules.Run run) {
        assertEquals(run.play(system), run.play(new SimulatedSystem()));
    }
}
