package org.backstitch.recording;

import java.util.Arrays;
import java.util.function.IntFunction;
import org.backstitch.perf.CallchainContext;
import org.backstitch.unwind.FrameOrigin;
import org.backstitch.unwind.StopReason;
import org.backstitch.unwind.deferred.Deferral;

/**
 * A sample with its complete callchain: kernel frames first, then user frames, callee before caller.
 *
 * <p>Belongs to the worker that fills it anew for each sample; whoever wants to keep anything copies it.
 */
public final class ResolvedSample {
    /** Stands for an unknown time, CPU or thread. */
    public static final int UNKNOWN = -1;

    long offset;
    String comm = "";
    long pid;
    long tid;
    long time;
    int cpu;
    int event;
    String eventName = "";
    long period;
    boolean lateRecord;
    long cookie;
    int kernelFrames;
    int frames;
    long[] ips = new long[128];
    int[] ids = new int[128];
    byte[] marks = new byte[128];
    StopReason userStop = StopReason.NONE;
    Deferral deferral = Deferral.NO;

    /** What the marks of the next frames say about where they are: a number of {@link #CONTEXTS}, in its place. */
    private int context;

    /** A frame's mark: how the walk came to it in the lowest bits, its context above them, whether it is exact in the highest. */
    private static final int EXACT = 0x80;

    private static final int CONTEXT_SHIFT = 4;
    private static final int CONTEXT_MASK = 7;
    private static final int ORIGIN_MASK = 0xf;

    private static final long[] CONTEXTS = {
        CallchainContext.KERNEL,
        CallchainContext.USER,
        CallchainContext.HYPERVISOR,
        CallchainContext.GUEST,
        CallchainContext.GUEST_KERNEL,
        CallchainContext.GUEST_USER
    };

    /** Knows the frames by their ids. */
    private final IntFunction<Frame> namer;

    ResolvedSample(IntFunction<Frame> namer) {
        this.namer = namer;
    }

    /** What the thread was called. */
    public String comm() {
        return comm;
    }

    /** The process, or {@link #UNKNOWN}; 2<sup>32</sup> - 1 where the kernel had forgotten it: the task was exiting. */
    public long pid() {
        return pid;
    }

    /** The thread, or {@link #UNKNOWN}; 2<sup>32</sup> - 1 where the kernel had forgotten it. */
    public long tid() {
        return tid;
    }

    /** When it was taken, in nanoseconds of the recording's clock, or {@link #UNKNOWN}. */
    public long time() {
        return time;
    }

    /** On which CPU, or {@link #UNKNOWN}. */
    public int cpu() {
        return cpu;
    }

    /** The index of its event in the recording; {@link #UNKNOWN} if the recording does not describe it. */
    public int event() {
        return event;
    }

    /** The name of its event. */
    public String eventName() {
        return eventName;
    }

    /** How many events it stands for, or {@link #UNKNOWN}. */
    public long period() {
        return period;
    }

    /** Whether this is no sample but a late user callchain by itself: given only where they are not merged. */
    public boolean isLateRecord() {
        return lateRecord;
    }

    /** Of a late user callchain, the cookie that names it. */
    public long cookie() {
        return cookie;
    }

    /** How many frames there are. */
    public int size() {
        return frames;
    }

    /** How many of them, from the first, are in the kernel. */
    public int kernelFrames() {
        return kernelFrames;
    }

    /** The address of frame {@code index}: the pc where it {@link #isExact}, else the return address. */
    public long ip(int index) {
        return ips[index];
    }

    /** Whether frame {@code index} was executing at its address, rather than having called from before it. */
    public boolean isExact(int index) {
        return (marks[index] & EXACT) != 0;
    }

    /** What is known of frame {@code index}'s place. */
    public Frame frame(int index) {
        return namer.apply(ids[index]);
    }

    /** The {@link Frame#id} of frame {@code index}: for those that keep what they have made of a frame. */
    public int frameId(int index) {
        return ids[index];
    }

    /** The distance of frame {@code index} from the start of its symbol, in bytes: of the ip, as it is. */
    public long offset(int index) {
        return frame(index).distance() + (isExact(index) ? 0 : 1);
    }

    /** How the walk came to frame {@code index}. */
    public FrameOrigin origin(int index) {
        return FrameOrigin.of(marks[index] & ORIGIN_MASK);
    }

    /** The marker that stands before frame {@code index} and its like in a recorded callchain: a value of {@link CallchainContext}. */
    public long context(int index) {
        return CONTEXTS[marks[index] >> CONTEXT_SHIFT & CONTEXT_MASK];
    }

    /** Why the user part ends. */
    public StopReason userStop() {
        return userStop;
    }

    /** What became of its request for a late user callchain. */
    public Deferral deferral() {
        return deferral;
    }

    void clear() {
        frames = 0;
        kernelFrames = 0;
        lateRecord = false;
        userStop = StopReason.NONE;
        deferral = Deferral.NO;
    }

    /** Says where the frames are that are added from here on; a marker that is none of {@link #CONTEXTS} stands for the kernel. */
    void enter(long marker) {
        context = 0;
        for (int i = 0; i < CONTEXTS.length; i++) {
            if (CONTEXTS[i] == marker) {
                context = i << CONTEXT_SHIFT;
            }
        }
    }

    void add(long ip, int id, boolean exact, int originCode) {
        if (frames == ips.length) {
            ips = Arrays.copyOf(ips, frames * 2);
            ids = Arrays.copyOf(ids, frames * 2);
            marks = Arrays.copyOf(marks, frames * 2);
        }
        ips[frames] = ip;
        ids[frames] = id;
        marks[frames] = (byte) ((exact ? EXACT : 0) | context | originCode);
        frames++;
    }
}
