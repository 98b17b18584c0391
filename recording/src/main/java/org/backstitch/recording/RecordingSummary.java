package org.backstitch.recording;

import java.util.Collections;
import java.util.EnumMap;
import java.util.LinkedHashMap;
import java.util.Map;
import org.backstitch.unwind.FrameOrigin;
import org.backstitch.unwind.StopReason;
import org.backstitch.unwind.deferred.Deferral;
import org.backstitch.unwind.deferred.StitchCounts;

/** What came of a recording: how many samples and frames, why user chains end, what became of late callchains. */
public final class RecordingSummary {
    /** A count for each constant; a map of numbers would make an object for each sample. */
    private static final class Counts<E extends Enum<E>> {
        private static final class Count {
            private long value;
        }

        private final EnumMap<E, Count> counts;

        Counts(Class<E> type) {
            counts = new EnumMap<>(type);
            for (E constant : type.getEnumConstants()) {
                counts.put(constant, new Count());
            }
        }

        void add(E constant, long count) {
            Count sum = counts.get(constant);
            if (sum != null) { // as it is for all of them
                sum.value += count;
            }
        }

        Map<E, Long> nonzero() {
            Map<E, Long> result = new LinkedHashMap<>();
            counts.forEach((constant, count) -> {
                if (count.value != 0) {
                    result.put(constant, count.value);
                }
            });
            return Collections.unmodifiableMap(result);
        }
    }

    private long samples;
    private long frames;
    private final Counts<StopReason> userStops = new Counts<>(StopReason.class);
    private final Counts<FrameOrigin> origins = new Counts<>(FrameOrigin.class);
    private final CallChecks calls = new CallChecks();
    private final StitchCounts stitches = new StitchCounts();

    RecordingSummary() {}

    void count(int sampleFrames, StopReason userStop, Deferral deferral) {
        samples++;
        frames += sampleFrames;
        userStops.add(userStop, 1);
        stitches.count(deferral);
    }

    /** Counts the frames of a sample that no table gave. */
    void countOrigins(ResolvedSample sample) {
        for (int i = 0; i < sample.size(); i++) {
            FrameOrigin origin = sample.origin(i);
            if (origin != FrameOrigin.TABLE) {
                origins.add(origin, 1);
            }
        }
    }

    void add(RecordingSummary other) {
        samples += other.samples;
        frames += other.frames;
        other.userStops.nonzero().forEach(userStops::add);
        other.origins.nonzero().forEach(origins::add);
        calls.add(other.calls);
        stitches.add(other.stitches);
    }

    /** How many samples came out. */
    public long samples() {
        return samples;
    }

    /** How many frames they have together. */
    public long frames() {
        return frames;
    }

    /** How many user chains ended for which reason. */
    public Map<StopReason, Long> userStops() {
        return userStops.nonzero();
    }

    /** How many frames were found otherwise than by a table's row. */
    public Map<FrameOrigin, Long> origins() {
        return origins.nonzero();
    }

    /** What came of the check of return addresses. */
    public CallChecks calls() {
        return calls;
    }

    /** What became of the requests for late callchains, and of the late callchains. */
    public StitchCounts stitches() {
        return stitches;
    }
}
