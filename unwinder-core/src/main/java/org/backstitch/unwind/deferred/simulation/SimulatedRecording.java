package org.backstitch.unwind.deferred.simulation;

import java.util.Comparator;
import java.util.List;

/**
 * A run, as its recording program saw it, and the truth about it.
 *
 * @param config what the run began with
 * @param records in the order of the file: buffer by buffer, as they were drained
 * @param samples the truth about each sample, written or not, by its number
 * @param late the truth about each late record, by its number
 * @param counts what the run cost
 */
public record SimulatedRecording(
        MachineConfig config,
        List<SimulatedRecord> records,
        List<Truth.OfSample> samples,
        List<Truth.OfRecord> late,
        RunCounts counts) {
    /** Keeps lists as they are now. */
    public SimulatedRecording {
        records = List.copyOf(records);
        samples = List.copyOf(samples);
        late = List.copyOf(late);
    }

    /** The records by time; those of one time in the order of the file. */
    public List<SimulatedRecord> inTimeOrder() {
        return records.stream()
                .sorted(Comparator.comparingLong(record -> record.origin().time()))
                .toList();
    }
}
