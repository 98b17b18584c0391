package org.backstitch.recording;

import org.backstitch.perf.Anomalies;
import org.backstitch.perf.PerfFile;
import org.backstitch.perf.RecordCursor;
import org.backstitch.perf.RecordType;
import org.jspecify.annotations.Nullable;

/**
 * Gives the samples of a recording in the order of time, batch by batch.
 *
 * <p>Records are read chunk by chunk; a sample leaves as soon as the index says that nothing behind the chunks read can be earlier. So
 * what waits is only what the recording's buffers have mixed up, and no sample is ever out of order.
 */
final class SampleOrder {
    /** How many bytes of records a batch holds, at most and roughly. */
    private static final long BATCH_BYTES = 4 << 20;

    private static final int BATCH_SAMPLES = 2048;

    private final RecordingIndex index;
    private final RecordCursor records;
    private final boolean lateRecordsToo;
    private final Timeline waiting = new Timeline();
    private int chunk;
    private int ready;
    private boolean moreRecords = true;
    private boolean pendingRecord;
    private final int batchSamples;

    /**
     * @param lateRecordsToo whether late callchains are wanted among the samples
     */
    SampleOrder(PerfFile file, RecordingIndex index, boolean lateRecordsToo) {
        this.index = index;
        this.lateRecordsToo = lateRecordsToo;
        // The index has counted what is damaged.
        this.records = file.records(new Anomalies());
        long bytes = Math.max(1, file.recordsEnd() - file.recordsStart());
        long perSample = Math.max(1, bytes / Math.max(1, index.samples()));
        batchSamples = Math.clamp(BATCH_BYTES / perSample, 16, BATCH_SAMPLES);
    }

    /** The offsets of the next samples, or null behind the last. */
    long @Nullable [] next() {
        while (ready < batchSamples && moreRecords) {
            readChunk();
        }
        if (ready == 0) {
            return null;
        }
        int count = Math.min(ready, batchSamples);
        long[] batch = waiting.copyOfOffsets(0, count);
        waiting.removeFirst(count);
        ready -= count;
        return batch;
    }

    private void readChunk() {
        long end = index.chunkStart(chunk + 1);
        while (pendingRecord || records.next()) {
            pendingRecord = records.offset() >= end;
            if (pendingRecord) {
                break;
            }
            if (records.isSample() || lateRecordsToo && records.type() == RecordType.CALLCHAIN_DEFERRED) {
                waiting.add(index.isTimed() ? records.time() : records.offset(), records.offset());
            }
        }
        chunk++;
        moreRecords = chunk < index.chunkCount();
        waiting.sort();
        ready = moreRecords ? waiting.countUpTo(index.horizon(chunk)) : waiting.size();
    }
}
