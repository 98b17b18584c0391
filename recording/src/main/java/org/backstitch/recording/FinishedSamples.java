package org.backstitch.recording;

import java.util.Arrays;
import org.backstitch.unwind.deferred.Deferral;
import org.backstitch.unwind.deferred.DeferredIndex;
import org.backstitch.unwind.deferred.Stitcher;

/**
 * The samples of a stream that nothing holds back any more, until they leave in batches. When a late callchain comes, all that waited
 * for it are finished at once; so this is a queue.
 */
final class FinishedSamples {
    /** Memory for each sample. */
    static final int BYTES = 24;

    private final int batchSamples;
    private final long batchBytes;
    private long[] offsets = new long[64];
    private long[] late = new long[64];
    private long[] ends = new long[64];
    private int first;
    private int size;
    private long bytes;
    private long takenBytes;

    /** Bounds batches to a number of samples and, but for the last sample, of bytes. */
    FinishedSamples(int batchSamples, long batchBytes) {
        this.batchSamples = batchSamples;
        this.batchBytes = batchBytes;
    }

    /** Adds a sample, or a late callchain that stands for itself. */
    void add(long offset, int recordSize) {
        add(offset, recordSize, Deferral.NO, Stitcher.NO_CHAIN);
    }

    void add(long offset, int recordSize, Deferral deferral, long chain) {
        if (size == offsets.length) {
            makeRoom();
        }
        bytes += recordSize;
        offsets[size] = offset;
        late[size] = DeferredIndex.answer(deferral, chain);
        ends[size] = bytes;
        size++;
    }

    /** By moving what is there to the front, where that makes half of the room; else by doubling the arrays. */
    private void makeRoom() {
        int length = first >= size / 2 ? offsets.length : offsets.length * 2;
        offsets = Arrays.copyOf(Arrays.copyOfRange(offsets, first, size), length);
        late = Arrays.copyOf(Arrays.copyOfRange(late, first, size), length);
        ends = Arrays.copyOf(Arrays.copyOfRange(ends, first, size), length);
        size -= first;
        first = 0;
    }

    boolean isEmpty() {
        return first == size;
    }

    /** Whether there are enough for a batch. */
    boolean hasBatch() {
        return size - first >= batchSamples || !isEmpty() && bytes - takenBytes >= batchBytes;
    }

    /** Removes the next batch; there must be a sample. */
    StreamOrder.Batch take() {
        int end = first + 1;
        long most = takenBytes + batchBytes;
        while (end < size && end - first < batchSamples && ends[end] <= most) {
            end++;
        }
        StreamOrder.Batch batch =
                new StreamOrder.Batch(Arrays.copyOfRange(offsets, first, end), Arrays.copyOfRange(late, first, end));
        takenBytes = ends[end - 1];
        first = end;
        if (first == size) {
            first = 0;
            size = 0;
        }
        return batch;
    }
}
