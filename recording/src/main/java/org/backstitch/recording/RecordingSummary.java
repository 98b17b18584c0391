package org.backstitch.recording;

import java.util.Collections;
import java.util.EnumMap;
import java.util.Map;
import org.backstitch.unwind.StopReason;
import org.backstitch.unwind.deferred.Deferral;
import org.backstitch.unwind.deferred.StitchCounts;

/** What came of a recording: how many samples and frames, why user chains end, what became of late callchains. */
public final class RecordingSummary {
    private long samples;
    private long frames;
    private final EnumMap<StopReason, Long> userStops = new EnumMap<>(StopReason.class);
    private final StitchCounts stitches = new StitchCounts();

    RecordingSummary() {}

    void count(int sampleFrames, StopReason userStop, Deferral deferral) {
        samples++;
        frames += sampleFrames;
        userStops.merge(userStop, 1L, Long::sum);
        stitches.count(deferral);
    }

    void add(RecordingSummary other) {
        samples += other.samples;
        frames += other.frames;
        other.userStops.forEach((reason, count) -> userStops.merge(reason, count, Long::sum));
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

    /** What became of the requests for late callchains, and of the late callchains. */
    public StitchCounts stitches() {
        return stitches;
    }
}
