package org.backstitch.recording;

import java.lang.foreign.MemorySegment;
import org.backstitch.perf.PerfFile;
import org.backstitch.perf.PerfRegisters;
import org.backstitch.perf.RecordMisc;
import org.backstitch.perf.SampleCursor;
import org.backstitch.perf.SampleType;
import org.backstitch.unwind.deferred.EntrySharing;
import org.jspecify.annotations.Nullable;

/**
 * Gives the samples of a recording in the order of time, batch by batch, and says of each which entry to the kernel it belongs to,
 * and whether an earlier sample's user part is its own too ({@link EntrySharing}).
 *
 * <p>Samples that asked for a late callchain have been told apart by the kernel: of one entry are those that get the same record.
 */
final class EntryOrder {
    /** The entry of a sample whose user part nobody can share: it was recorded with the sample, or there is none. */
    static final long NONE = -1;

    /**
     * Samples, and their entries.
     *
     * @param offsets where the samples are
     * @param entries the number of each one's entry, or {@link #NONE}
     * @param shares whether an earlier sample belongs to the same entry
     */
    @SuppressWarnings("ArrayRecordComponent") // Written once, by one thread, and handed on; never compared.
    record Batch(long[] offsets, long[] entries, boolean[] shares) {
        int size() {
            return offsets.length;
        }
    }

    private final SampleOrder order;
    private final RecordingIndex index;
    private final SampleCursor sample;
    private final SampleCursor earlier;
    private final LateRequest request;
    private final LateRequest earlierRequest;
    private final MemorySegment segment;
    private final EntrySharing sharing;
    private long stacks;
    private long avoided;

    EntryOrder(PerfFile file, RecordingIndex index, RecordingOptions options) {
        this.order = new SampleOrder(file, index, false);
        this.index = index;
        this.sample = file.samples();
        this.earlier = file.samples();
        this.request = new LateRequest(file, options);
        this.earlierRequest = new LateRequest(file, options);
        this.segment = file.bytes().segment();
        this.sharing = new EntrySharing(EntrySharing.DEFAULT_TASKS, this::same);
    }

    /** The next samples, or null behind the last. */
    @Nullable
    Batch next() {
        long[] offsets = order.next();
        if (offsets == null) {
            return null;
        }
        long[] entries = new long[offsets.length];
        boolean[] shares = new boolean[offsets.length];
        for (int i = 0; i < offsets.length; i++) {
            long before = sharing.shared();
            entries[i] = sample.moveTo(offsets[i]) ? entry() : NONE;
            shares[i] = sharing.shared() > before;
        }
        return new Batch(offsets, entries, shares);
    }

    private long entry() {
        boolean asks = request.read(sample);
        boolean unwinds = SampleResolver.unwinds(sample);
        if (unwinds && !asks) {
            stacks++;
        }
        if (!asks && !unwinds || !sample.has(SampleType.TID) || sample.tid() == -1) {
            return NONE;
        }
        long pid = Integer.toUnsignedLong(sample.pid());
        long mapped = index.spaceVersion(sample.pid(), when(sample), sample.offset());
        // What the kernel named needs no proof that the task did not return to user mode.
        boolean kernelMode = asks || sample.cpuMode() == RecordMisc.CPU_MODE_KERNEL;
        long before = sharing.shared();
        long entry = sharing.entry(sample.offset(), sample.tid(), kernelMode, pid << Integer.SIZE ^ mapped);
        if (!asks) {
            avoided += sharing.shared() - before;
        }
        return entry;
    }

    private long when(SampleCursor of) {
        return index.isTimed() ? of.time() : of.offset();
    }

    private boolean same(long earlierSample, long laterSample) {
        if (!earlier.moveTo(earlierSample)) {
            return false;
        }
        boolean asks = request.read(sample);
        if (asks || earlierRequest.read(earlier)) {
            return asks
                    && earlierRequest.read(earlier)
                    && request.name() == earlierRequest.name()
                    && index.lateRecord(sample, request) == index.lateRecord(earlier, earlierRequest);
        }
        return sameRegisters() && sameStack();
    }

    private boolean sameRegisters() {
        long mask = sample.userRegisterMask();
        long bytes = 8L * Long.bitCount(mask);
        return mask == earlier.userRegisterMask()
                && sample.userRegisterAbi() == PerfRegisters.ABI_64
                && earlier.userRegisterAbi() == PerfRegisters.ABI_64
                && same(sample.userRegisterOffset(), earlier.userRegisterOffset(), bytes);
    }

    private boolean sameStack() {
        return sample.stackSize() == earlier.stackSize()
                && same(sample.stackOffset(), earlier.stackOffset(), sample.stackSize());
    }

    private boolean same(long a, long b, long size) {
        return MemorySegment.mismatch(segment, a, a + size, segment, b, b + size) < 0;
    }

    /** How many samples with registers and stack there were. */
    long stacks() {
        return stacks;
    }

    /** How many of them share an earlier one's entry, and need not be unwound. */
    long avoided() {
        return avoided;
    }
}
