package org.backstitch.recording;

import java.util.Collections;
import java.util.EnumMap;
import java.util.Map;
import org.backstitch.unwind.FrameOrigin;
import org.backstitch.unwind.StopReason;
import org.backstitch.unwind.deferred.Deferral;
import org.backstitch.unwind.deferred.StitchCounts;

/** What came of a recording: how many samples and frames, why user chains end, what became of late callchains. */
public final class RecordingSummary {
    private long samples;
    private long frames;
    private final EnumMap<StopReason, Long> userStops = new EnumMap<>(StopReason.class);
    private final EnumMap<FrameOrigin, Long> origins = new EnumMap<>(FrameOrigin.class);
    private final CallChecks calls = new CallChecks();
    private final StitchCounts stitches = new StitchCounts();

    RecordingSummary() {}

    void count(int sampleFrames, StopReason userStop, Deferral deferral) {
        samples++;
        frames += sampleFrames;
        userStops.merge(userStop, 1L, Long::sum);
        stitches.count(deferral);
    }

    /** Counts the frames of a sample that no table gave. */
    void countOrigins(ResolvedSample sample) {
        for (int i = 0; i < sample.size(); i++) {
            FrameOrigin origin = sample.origin(i);
            if (origin != FrameOrigin.TABLE) {
                origins.merge(origin, 1L, Long::sum);
            }
        }
    }

    void add(RecordingSummary other) {
        samples += other.samples;
        frames += other.frames;
        other.userStops.forEach((reason, count) -> userStops.merge(reason, count, Long::sum));
        other.origins.forEach((origin, count) -> origins.merge(origin, count, Long::sum));
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
        return Collections.unmodifiableMap(userStops);
    }

    /** How many frames were found otherwise than by a table's row. */
    public Map<FrameOrigin, Long> origins() {
        return Collections.unmodifiableMap(origins);
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
