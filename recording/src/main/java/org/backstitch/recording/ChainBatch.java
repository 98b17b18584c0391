package org.backstitch.recording;

import java.util.Arrays;
import org.backstitch.unwind.StopReason;
import org.backstitch.unwind.deferred.Deferral;

/**
 * The callchains of a batch of samples as words of perf's ABI: each part innermost first, with a marker
 * ({@link org.backstitch.perf.CallchainContext}) before it.
 *
 * <p>A marker also stands before every frame whose address is exact. The first frame of a part always is; where a signal interrupted
 * the program there is another, whose address may be the first byte of a function, and must not be looked up one byte before. Readers
 * take a repeated marker for what it is: what follows is in user mode.
 */
final class ChainBatch {
    private final EntryOrder.Batch samples;
    private final int[] kernelEnds;
    private final int[] userEnds;
    private final StopReason[] stops;
    private final Deferral[] deferrals;
    private final boolean[] readable;
    private long[] words = new long[1 << 10];
    private int size;

    ChainBatch(EntryOrder.Batch samples) {
        this.samples = samples;
        kernelEnds = new int[samples.size()];
        userEnds = new int[samples.size()];
        stops = new StopReason[samples.size()];
        deferrals = new Deferral[samples.size()];
        readable = new boolean[samples.size()];
        Arrays.fill(stops, StopReason.NONE);
        Arrays.fill(deferrals, Deferral.NO);
    }

    /** Takes over what became of sample {@code i}; samples come one after the other, and none is left out but by {@link #skip}. */
    void take(int i, ResolvedSample sample) {
        readable[i] = true;
        stops[i] = sample.userStop();
        deferrals[i] = sample.deferral();
        put(sample, 0, sample.kernelFrames());
        kernelEnds[i] = size;
        put(sample, sample.kernelFrames(), sample.size());
        userEnds[i] = size;
    }

    /** Passes over a sample that cannot be read. */
    void skip(int i) {
        kernelEnds[i] = size;
        userEnds[i] = size;
    }

    private void put(ResolvedSample sample, int from, int to) {
        if (words.length < size + 2 * (to - from)) {
            words = Arrays.copyOf(words, Math.max(2 * words.length, size + 2 * (to - from)));
        }
        long context = 0;
        for (int i = from; i < to; i++) {
            if (sample.context(i) != context || sample.isExact(i)) {
                context = sample.context(i);
                words[size++] = context;
            }
            words[size++] = sample.ip(i);
        }
    }

    int size() {
        return samples.size();
    }

    /** Where sample {@code i} is. */
    long offset(int i) {
        return samples.offsets()[i];
    }

    /** The entry of sample {@code i}, or {@link EntryOrder#NONE}. */
    long entry(int i) {
        return samples.entries()[i];
    }

    /** Whether sample {@code i} has the user part of an earlier one, and none here. */
    boolean shares(int i) {
        return samples.shares()[i];
    }

    boolean isReadable(int i) {
        return readable[i];
    }

    /** Why the user part of sample {@code i} ends; {@link StopReason#NONE} if there is none. */
    StopReason stop(int i) {
        return stops[i];
    }

    Deferral deferral(int i) {
        return deferrals[i];
    }

    /** The words of the kernel part of sample {@code i}. */
    long[] kernelPart(int i) {
        return Arrays.copyOfRange(words, i == 0 ? 0 : userEnds[i - 1], kernelEnds[i]);
    }

    /** The words of the user part of sample {@code i}. */
    long[] userPart(int i) {
        return Arrays.copyOfRange(words, kernelEnds[i], userEnds[i]);
    }
}
