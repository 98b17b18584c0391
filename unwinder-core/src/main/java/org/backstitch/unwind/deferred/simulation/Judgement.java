package org.backstitch.unwind.deferred.simulation;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.EnumMap;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import org.backstitch.unwind.deferred.Deferral;
import org.backstitch.unwind.deferred.JoinPolicy;
import org.backstitch.unwind.deferred.StitchCounts;
import org.backstitch.unwind.deferred.Stitcher;
import org.jspecify.annotations.Nullable;

/**
 * What a reader makes of a run, held against the truth.
 *
 * @param answers for each sample that was written, in the order in which the reader handed them on
 * @param counts the reader's own account
 */
public record Judgement(List<Answer> answers, StitchCounts counts) {
    /** How the user part of a sample compares with the truth. */
    public enum Outcome {
        /** It is the whole true callchain. */
        COMPLETE,
        /** It is the inner part of the true callchain: an absent page, memory already gone, or the bound on frames cut it. */
        CUT,
        /**
         * It is the stack that the same entry returned to after the kernel itself had changed the user's registers in between: a
         * signal's frame was put on the stack, or taken from it.
         */
        REWRITTEN,
        /** There was none to have. */
        NONE,
        /** It was asked for and never came. */
        LOST,
        /** It is the stack of another entry, or another program. */
        MISATTRIBUTED,
        /** It is no stack that the task ever had: a fault of the unwinder. */
        WRONG
    }

    /**
     * What became of a sample.
     *
     * @param deferral what the reader says
     * @param user the user part that the reader gives
     * @param outcome what the oracle says
     */
    public record Answer(Truth.OfSample truth, Deferral deferral, Addresses user, Outcome outcome) {}

    /** Keeps the list as it is now. */
    public Judgement {
        answers = List.copyOf(answers);
    }

    /** Reads a recording by the join that its protocol allows, in a stream, and compares every sample with the truth. */
    public static Judgement of(SimulatedRecording recording) {
        List<SimulatedRecord> records = recording.inTimeOrder();
        List<Answer> answers = new ArrayList<>();
        Map<Integer, SimulatedRecord.Sample> samples = new HashMap<>();
        Map<Integer, SimulatedRecord.Deferred> late = new HashMap<>();
        boolean cookies = recording.config().protocol() != Protocol.RFC2017;
        boolean ownEvents = recording.config().events().stream().allMatch(EventSpec::perTask);
        Stitcher stitcher = new Stitcher(
                cookies ? JoinPolicy.COOKIE : JoinPolicy.RFC2017,
                true,
                Stitcher.DEFAULT_MAX_HELD,
                (number, deferral, chain) -> {
                    SimulatedRecord.Sample sample = require(samples.get((int) number));
                    SimulatedRecord.Deferred record =
                            deferral == Deferral.STITCHED ? require(late.get((int) chain)) : null;
                    answers.add(judge(recording, sample, deferral, record));
                });
        for (SimulatedRecord record : records) {
            SimulatedRecord.Origin origin = record.origin();
            switch (record) {
                case SimulatedRecord.Sample sample -> {
                    samples.put(sample.number(), sample);
                    if (sample.asks()) {
                        long name = cookies ? sample.cookie() : origin.event();
                        stitcher.request(sample.number(), origin.pid(), origin.tid(), name);
                    } else {
                        stitcher.sample(sample.number());
                    }
                }
                case SimulatedRecord.Deferred deferred -> {
                    late.put(deferred.number(), deferred);
                    long name = cookies ? deferred.cookie() : origin.event();
                    stitcher.record(origin.pid(), origin.tid(), name, deferred.number());
                }
                case SimulatedRecord.Comm comm -> {
                    if (comm.exec()) {
                        stitcher.exec(origin.pid());
                    }
                }
                case SimulatedRecord.Fork _ -> stitcher.fork(origin.tid());
                case SimulatedRecord.Exit _ -> stitcher.exit(origin.tid(), ownEvents);
                case SimulatedRecord.Lost _ -> stitcher.recordsLost();
                case SimulatedRecord.Mmap _ -> {}
            }
        }
        stitcher.end();
        return new Judgement(answers, stitcher.counts());
    }

    private static <T> T require(@Nullable T value) {
        if (value == null) {
            throw new IllegalStateException("the reader invented a record");
        }
        return value;
    }

    private static Answer judge(
            SimulatedRecording recording,
            SimulatedRecord.Sample sample,
            Deferral deferral,
            SimulatedRecord.@Nullable Deferred late) {
        Truth.OfSample truth = recording.samples().get(sample.number());
        if (deferral.isLost()) {
            return new Answer(truth, deferral, Addresses.NONE, Outcome.LOST);
        }
        Addresses user = userPart(late == null ? sample.callchain() : late.callchain(), late != null);
        if (late == null) {
            boolean none = user.size() == 0 && truth.user().size() == 0;
            return new Answer(truth, deferral, user, none ? Outcome.NONE : compare(user, truth.user()));
        }
        Truth.OfRecord source = recording.late().get(late.number());
        Outcome outcome;
        if (source.task() != truth.task()
                || source.executed() != truth.executed()
                || source.program() != truth.program()) {
            outcome = Outcome.MISATTRIBUTED;
        } else {
            outcome = compare(user, source.user());
            if (source.rewritten() != truth.rewritten() && outcome != Outcome.WRONG) {
                outcome = Outcome.REWRITTEN;
            }
        }
        return new Answer(truth, deferral, user, outcome);
    }

    private static Outcome compare(Addresses user, Addresses truth) {
        return user.equals(truth) ? Outcome.COMPLETE : user.isPrefixOf(truth) ? Outcome.CUT : Outcome.WRONG;
    }

    /** What follows the mark of the user part; in a late record of today there is no mark, and all of it is the user's. */
    private static Addresses userPart(Addresses chain, boolean late) {
        long[] values = chain.toArray();
        for (int i = 0; i < values.length; i++) {
            if (values[i] == DeferredKernel.CONTEXT_USER) {
                return Addresses.of(Arrays.copyOfRange(values, i + 1, values.length));
            }
        }
        return late ? chain : Addresses.NONE;
    }

    /** How many samples ended so. */
    public Map<Outcome, Integer> outcomes() {
        Map<Outcome, Integer> counts = new EnumMap<>(Outcome.class);
        for (Answer answer : answers) {
            counts.merge(answer.outcome(), 1, Integer::sum);
        }
        return counts;
    }

    /** How many samples ended so. */
    public int count(Outcome outcome) {
        return outcomes().getOrDefault(outcome, 0);
    }
}
