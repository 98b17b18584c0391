package org.backstitch.recording;

import java.io.IOException;
import java.lang.foreign.MemorySegment;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import org.backstitch.bytes.MalformedInputException;
import org.backstitch.perf.Anomalies;
import org.backstitch.perf.CallchainContext;
import org.backstitch.perf.LateCallchainCursor;
import org.backstitch.perf.PerfEvent;
import org.backstitch.perf.PerfFile;
import org.backstitch.perf.PerfRegisters;
import org.backstitch.perf.RecordCursor;
import org.backstitch.perf.RecordMisc;
import org.backstitch.perf.SampleCursor;
import org.backstitch.perf.SampleId;
import org.backstitch.perf.SampleType;
import org.backstitch.unwind.AddressSpace;
import org.backstitch.unwind.Callchain;
import org.backstitch.unwind.ElfModule;
import org.backstitch.unwind.FrameOrigin;
import org.backstitch.unwind.Mapping;
import org.backstitch.unwind.StopReason;
import org.backstitch.unwind.UserUnwinder;
import org.backstitch.unwind.deferred.DeferredIndex;
import org.backstitch.unwind.machine.Registers;
import org.backstitch.unwind.machine.StackDump;
import org.backstitch.unwind.machine.X86_64;
import org.jspecify.annotations.Nullable;

/** Makes complete callchains of samples: one for each worker. Not thread-safe. */
final class SampleResolver {
    /** perf's numbers of the general registers, by their DWARF numbers. */
    private static final int[] PERF_REGISTERS = {
        PerfRegisters.AX, PerfRegisters.DX, PerfRegisters.CX, PerfRegisters.BX,
        PerfRegisters.SI, PerfRegisters.DI, PerfRegisters.BP, PerfRegisters.SP,
        PerfRegisters.R8, PerfRegisters.R9, PerfRegisters.R10, PerfRegisters.R11,
        PerfRegisters.R12, PerfRegisters.R13, PerfRegisters.R14, PerfRegisters.R15,
        PerfRegisters.IP
    };

    private final PerfFile file;
    private final SystemHistory history;
    private final LateCallchains late;
    private final RecordingOptions options;
    private final List<PerfEvent> events;
    private final @Nullable FrameNamer namer;
    private final LateRequest request;
    private final UserUnwinder unwinder;
    private final MemorySegment segment;

    // What is written for each sample: see beginBatch.
    private SampleCursor sample;
    private RecordCursor records;
    private LateCallchainCursor lateCallchain;
    private Registers registers = new Registers();
    private StackDump stack = new StackDump();
    private Callchain chain = new Callchain();
    private ResolvedSample result;

    private final Anomalies anomalies = new Anomalies();

    /** What was found of return addresses in files, by module. */
    private final Map<ElfModule, Map<Long, Boolean>> callSites = new HashMap<>();

    /** Whether kernel and user part are bounded each by itself, rather than together. */
    private final boolean separateParts;

    /** Finds the late callchain that a sample asks for: as {@link DeferredIndex#find} answers. */
    @FunctionalInterface
    interface LateCallchains {
        long find(SampleCursor sample, LateRequest request);
    }

    SampleResolver(
            PerfFile file, SystemHistory history, LateCallchains late, RecordingOptions options, SymbolStore symbols) {
        this(file, history, late, options, new FrameNamer(symbols, history.kernel()), false);
    }

    private SampleResolver(
            PerfFile file,
            SystemHistory history,
            LateCallchains late,
            RecordingOptions options,
            @Nullable FrameNamer namer,
            boolean separateParts) {
        this.file = file;
        this.history = history;
        this.late = late;
        this.options = options;
        this.events = file.events();
        this.sample = file.samples();
        this.unwinder = history.newUnwinder();
        this.records = file.records(new Anomalies());
        this.lateCallchain = file.lateCallchains();
        this.namer = namer;
        this.separateParts = separateParts;
        this.request = new LateRequest(file, options);
        this.segment = file.bytes().segment();
        this.result = newResult();
    }

    /**
     * Tells that samples follow that one thread resolves.
     *
     * <p>What is written for each sample is made anew, so that it lies among what this thread has made. Otherwise the garbage collector
     * puts the objects of several workers side by side, and their processors take the lines with them from each other all the time: two
     * threads had a seventh more to do than one.
     */
    void beginBatch() {
        sample = file.samples();
        records = file.records(new Anomalies());
        lateCallchain = file.lateCallchains();
        registers = new Registers();
        stack = new StackDump();
        chain = new Callchain();
        result = newResult();
        if (namer != null) {
            namer.beginBatch();
        }
    }

    /** The damage that was met. */
    Anomalies anomalies() {
        return anomalies;
    }

    /**
     * A resolver for those who want addresses and no names, and whose user parts may serve several samples: each part of a callchain
     * may have as many frames as both together.
     */
    static SampleResolver ofParts(PerfFile file, RecordingIndex index, RecordingOptions options) {
        return new SampleResolver(file, index.history(), index::lateRecord, options, null, true);
    }

    private ResolvedSample newResult() {
        return new ResolvedSample(namer == null ? _ -> Frame.NAMELESS : namer::frame);
    }

    private int kernelFrame(long address) {
        return namer == null ? Frame.NAMELESS.id() : namer.kernelFrame(address);
    }

    private int userFrame(AddressSpace space, long address) {
        return namer == null ? Frame.NAMELESS.id() : namer.userFrame((int) result.pid, space, address);
    }

    /** How many more user frames there may be. */
    private int userRoom() {
        return options.maxStack() - (separateParts ? result.frames - result.kernelFrames : result.frames);
    }

    /** Resolves the sample (or late callchain) at an offset; null if it cannot be read, which is counted. */
    @Nullable
    ResolvedSample resolve(long offset) {
        return resolve(offset, true);
    }

    /**
     * The same.
     *
     * @param complete whether a user part that is not recorded with the sample is wanted: one that has to be unwound, or came late
     */
    @Nullable
    ResolvedSample resolve(long offset, boolean complete) {
        records.moveBefore(offset);
        if (!records.next()) {
            return null;
        }
        result.clear();
        result.offset = offset;
        if (!records.isSample()) {
            return resolveLateRecord(offset);
        }
        if (!sample.moveTo(offset)) {
            sample.countFault(anomalies);
            return null;
        }
        readIdentity(offset);
        long when = history.isTimed() ? sample.time() : offset;
        AddressSpace space = history.space((int) result.pid, when, offset);
        boolean unwinds = unwinds(sample);
        addRecorded(space, unwinds);
        if (complete && request.read(sample)) {
            addDeferred(space);
        }
        if (complete && unwinds) {
            addUnwound(space, when, offset);
        }
        if (sample.callchainLength() == 0 && !unwinds && result.frames == 0 && sample.has(SampleType.IP)) {
            addSingle(space);
        }
        return result;
    }

    private void readIdentity(long offset) {
        result.pid = sample.has(SampleType.TID) ? Integer.toUnsignedLong(sample.pid()) : ResolvedSample.UNKNOWN;
        result.tid = sample.has(SampleType.TID) ? Integer.toUnsignedLong(sample.tid()) : ResolvedSample.UNKNOWN;
        result.time = sample.has(SampleType.TIME) ? sample.time() : ResolvedSample.UNKNOWN;
        result.cpu = sample.has(SampleType.CPU) ? sample.cpu() : ResolvedSample.UNKNOWN;
        result.event = sample.eventIndex();
        PerfEvent event = result.event < 0 ? null : events.get(result.event);
        result.eventName = event == null ? "unknown" : event.name();
        result.period = sample.has(SampleType.PERIOD)
                ? sample.period()
                : event == null || event.attr().isFrequency()
                        ? ResolvedSample.UNKNOWN
                        : event.attr().samplePeriod();
        result.comm = history.comm((int) result.tid, history.isTimed() ? result.time : offset, offset);
    }

    private boolean isInKernel() {
        return sample.cpuMode() == RecordMisc.CPU_MODE_KERNEL;
    }

    /** Whether the user part of a sample is to be unwound: it has what that takes. */
    static boolean unwinds(SampleCursor sample) {
        return sample.userRegisterAbi() == PerfRegisters.ABI_64
                && sample.hasUserRegister(PerfRegisters.IP)
                && sample.hasUserRegister(PerfRegisters.SP)
                && sample.has(SampleType.STACK_USER);
    }

    /** The frames that the kernel recorded: its own part, and the user part where it is not to be unwound. */
    private void addRecorded(AddressSpace space, boolean unwinds) {
        int length = sample.callchainLength();
        boolean user = !isInKernel();
        result.enter(user ? CallchainContext.USER : CallchainContext.KERNEL);
        boolean first = true;
        for (int i = 0; i < length; i++) {
            long word = sample.callchain(i);
            if (word == CallchainContext.USER_DEFERRED) {
                return;
            }
            if (CallchainContext.isMarker(word)) {
                result.enter(word);
                user = word == CallchainContext.USER || word == CallchainContext.GUEST_USER;
                first = true;
                if (user && !unwinds) {
                    result.userStop = StopReason.RECORDED;
                }
                continue;
            }
            if (user) {
                if (!unwinds && !addRecordedUser(space, word, first)) {
                    return;
                }
            } else if (!addKernel(word, first)) {
                return;
            }
            first = false;
        }
    }

    private boolean addKernel(long ip, boolean exact) {
        if (result.frames >= options.maxStack()) {
            return false;
        }
        int frame = kernelFrame(exact ? ip : ip - 1);
        // No call ends where a function's padding does: this pc was interrupted on the function's first instruction.
        boolean interrupted = !exact && namer != null && namer.frame(frame).isPadding();
        result.add(ip, interrupted ? kernelFrame(ip) : frame, exact || interrupted, 0);
        result.kernelFrames++;
        return true;
    }

    private boolean addRecordedUser(AddressSpace space, long ip, boolean exact) {
        if (userRoom() <= 0) {
            result.userStop = StopReason.MAX_STACK;
            return false;
        }
        result.userStop = StopReason.RECORDED;
        result.add(ip, userFrame(space, exact ? ip : ip - 1), exact, 0);
        return true;
    }

    private void addDeferred(AddressSpace space) {
        result.userStop = StopReason.NONE;
        if (!options.mergeDeferred()) {
            return;
        }
        long found = late.find(sample, request);
        result.deferral = DeferredIndex.deferral(found);
        if (found < 0) {
            return;
        }
        lateCallchain.moveTo(found);
        addLate(space);
    }

    /** Adds the addresses of the late callchain that the cursor is at. */
    private void addLate(AddressSpace space) {
        result.userStop = StopReason.RECORDED;
        result.enter(CallchainContext.USER);
        boolean first = true;
        for (int i = 0; i < lateCallchain.size(); i++) {
            long ip = lateCallchain.address(i);
            if (CallchainContext.isMarker(ip)) {
                first = true;
                continue;
            }
            if (!addRecordedUser(space, ip, first)) {
                return;
            }
            first = false;
        }
    }

    private void addUnwound(AddressSpace space, long when, long offset) {
        readRegisters();
        if (isInKernel() && space.find(registers.pc()) == null && areOfReplacedProgram(when, offset)) {
            return;
        }
        int room = userRoom();
        if (room <= 0) {
            result.userStop = StopReason.MAX_STACK;
            return;
        }
        stack.set(segment, sample.stackOffset(), registers.sp(), sample.stackSize());
        chain.limit(room);
        unwinder.unwind(space, registers, stack, chain);
        result.enter(CallchainContext.USER);
        for (int i = 0; i < chain.size(); i++) {
            int frame = userFrame(space, chain.lookupPc(i));
            FrameOrigin origin = chain.origin(i);
            result.add(chain.pc(i), frame, chain.isExact(i), origin.code());
        }
        result.userStop = chain.stop();
    }

    /** Adds the sample that was resolved last to a summary, unless it is a late record, which is none. */
    void count(ResolvedSample sample, RecordingSummary summary) {
        if (!sample.isLateRecord()) {
            summary.count(sample.size(), sample.userStop(), sample.deferral());
            summary.countOrigins(sample);
            checkCalls(sample, summary.calls());
        }
    }

    /** Checks each return address among the user frames, if that is wanted. */
    private void checkCalls(ResolvedSample sample, CallChecks checks) {
        if (!options.checkCalls()) {
            return;
        }
        long when = history.isTimed() ? sample.time() : sample.offset;
        AddressSpace space = history.space((int) sample.pid(), when, sample.offset);
        for (int i = sample.kernelFrames; i < sample.size(); i++) {
            if (!sample.isExact(i)) {
                checkCall(space, sample.ip(i), checks);
            }
        }
    }

    private void checkCall(AddressSpace space, long ip, CallChecks checks) {
        Mapping mapping = space.find(ip - 1);
        ElfModule module = mapping == null ? null : mapping.module();
        if (mapping == null || module == null) {
            checks.skip();
            return;
        }
        long vaddr = mapping.vaddr(ip);
        boolean follows =
                callSites.computeIfAbsent(module, _ -> new HashMap<>()).computeIfAbsent(vaddr, module::isReturnAddress);
        if (follows) {
            checks.pass();
        } else if (!module.holdsCodeBefore(vaddr)) {
            checks.skip();
        } else {
            checks.fail(module.name() + "+" + Long.toHexString(vaddr));
        }
    }

    private void readRegisters() {
        registers.clear();
        for (int register = 0; register < X86_64.COUNT; register++) {
            if (sample.hasUserRegister(PERF_REGISTERS[register])) {
                registers.set(register, sample.userRegister(PERF_REGISTERS[register]));
            }
        }
    }

    /** Hands out what a sample's user stack would be unwound from, if it has that; whether it does. */
    boolean giveStack(long offset, Recording.StackConsumer consumer) throws IOException {
        boolean unwinds = sample.moveTo(offset) && unwinds(sample);
        if (unwinds) {
            readRegisters();
            stack.set(segment, sample.stackOffset(), registers.sp(), sample.stackSize());
            long when = history.isTimed() ? sample.time() : offset;
            consumer.accept(history.space(sample.pid(), when, offset), registers, stack);
        }
        return unwinds;
    }

    /**
     * Whether user registers that point nowhere are those of the program before an {@code execve}: until the kernel returns to the new
     * one, it has no others. Their stack is gone with the old program, so nothing of it can have been recorded.
     */
    private boolean areOfReplacedProgram(long when, long offset) {
        return switch (history.program((int) result.pid, when, offset)) {
            case FIRST -> false;
            case BEING_REPLACED -> true;
            case REPLACED -> sample.stackSize() == 0;
        };
    }

    /** A sample with neither callchain nor registers: the one place that it does tell. */
    private void addSingle(AddressSpace space) {
        long ip = sample.ip();
        if (isInKernel()) {
            addKernel(ip, true);
        } else {
            result.add(ip, userFrame(space, ip), true, 0);
            result.userStop = StopReason.RECORDED;
        }
    }

    private @Nullable ResolvedSample resolveLateRecord(long offset) {
        try {
            lateCallchain.moveTo(offset);
        } catch (MalformedInputException e) {
            return null; // The history has counted it.
        }
        result.lateRecord = true;
        result.cookie = lateCallchain.cookie();
        SampleId id = file.record(offset).sampleId();
        result.pid = id.pid();
        result.tid = id.tid();
        result.time = id.time();
        result.cpu = id.cpu();
        result.event = ResolvedSample.UNKNOWN;
        result.eventName = "";
        result.period = ResolvedSample.UNKNOWN;
        long when = history.isTimed() ? result.time : offset;
        result.comm = history.comm((int) result.tid, when, offset);
        addLate(history.space((int) result.pid, when, offset));
        return result;
    }
}
