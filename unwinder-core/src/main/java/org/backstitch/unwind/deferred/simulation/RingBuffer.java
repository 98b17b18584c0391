package org.backstitch.unwind.deferred.simulation;

import java.util.ArrayList;
import java.util.List;

/**
 * The buffer of a CPU: bounded; what does not fit is lost, and counted; a record that says so precedes the next one that fits, if there
 * is room for both ({@code __perf_output_begin}).
 */
final class RingBuffer {
    private final int capacity;
    private final List<SimulatedRecord> records = new ArrayList<>();
    private int used;
    private long pendingLoss;
    private long lost;
    private long bytesWritten;

    /** A buffer of some bytes. */
    RingBuffer(int capacity) {
        this.capacity = capacity;
    }

    /** Writes a record; false if there is no room for it. */
    boolean write(SimulatedRecord record) {
        int needed = record.size() + (pendingLoss > 0 ? SimulatedRecord.Lost.SIZE : 0);
        if (needed > capacity - used) {
            pendingLoss++;
            lost++;
            return false;
        }
        if (pendingLoss > 0) {
            records.add(new SimulatedRecord.Lost(record.origin(), pendingLoss));
            pendingLoss = 0;
        }
        records.add(record);
        used += needed;
        bytesWritten += needed;
        return true;
    }

    /** Takes everything out. */
    List<SimulatedRecord> drain() {
        List<SimulatedRecord> drained = List.copyOf(records);
        records.clear();
        used = 0;
        return drained;
    }

    /** How many records were lost so far. */
    long lost() {
        return lost;
    }

    /** How many bytes were written so far. */
    long bytesWritten() {
        return bytesWritten;
    }
}
