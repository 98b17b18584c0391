package org.backstitch.unwind.deferred.simulation;

import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.Deque;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import org.backstitch.unwind.machine.PtRegs;
import org.backstitch.unwind.machine.X86_64;
import org.jspecify.annotations.Nullable;

/** A task: its user side, where it stands in the kernel, and what the kernel knows about it. */
final class Task {
    enum State {
        RUNNING,
        RUNNABLE,
        SLEEPING,
        DEAD
    }

    /** A piece of work for the return to user mode: an event's (RFC 2017), or the task's own (mainline). */
    record Work(@Nullable SampledEvent event) {}

    /** A step that the task is still to take in the kernel, with what it is about. */
    record Step(
            KernelStep kind, @Nullable Work work, @Nullable UserAction action, long address) {
        static Step of(KernelStep kind) {
            return new Step(kind, null, null, 0);
        }

        static Step of(KernelStep kind, Work work) {
            return new Step(kind, work, null, 0);
        }

        static Step of(KernelStep kind, UserAction action) {
            return new Step(kind, null, action, 0);
        }
    }

    /** What was left to come to a function: a call, or the saved registers of an interrupt. */
    private record Frame(KernelFunction function, long returnPc, long returnSp) {}

    private static final int USER_CS = 0x33;
    private static final int KERNEL_CS = 0x10;

    final int number;
    final int pid;
    int cpu;
    String name;
    State state = State.RUNNABLE;

    /** The user side; null for tasks that have none: the idle ones. */
    @Nullable
    UserContext user;

    /** Whether the user's memory is gone ({@code mm == NULL}). */
    boolean memoryGone;

    /** Steps still to take; not empty means that the task is in the kernel. */
    final Deque<Step> steps = new ArrayDeque<>();

    // Thread flags.
    boolean notifyResume;
    boolean signalPending;
    boolean needsReschedule;

    /** {@code PF_EXITING}. */
    boolean exiting;

    boolean eventsGone;

    /** {@code task_works}; none can be added once {@link #worksClosed}. */
    final Deque<Work> works = new ArrayDeque<>();

    boolean worksClosed;

    final UnwindTaskInfo unwindInfo = new UnwindTaskInfo();

    /** The late callchain that is being made, and when its making began. */
    @Nullable
    UserChain lateChain;

    long lateTime;

    private final Map<Integer, SampledEvent> events = new HashMap<>();
    private final KernelStackMemory memory;
    private final List<Frame> frames = new ArrayList<>();
    private long kernelPc;
    private long kernelSp;

    Task(int number, int pid, String name, @Nullable UserContext user, KernelStackMemory memory) {
        this.number = number;
        this.pid = pid;
        this.name = name;
        this.user = user;
        this.memory = memory;
    }

    /** The user side of a task that has one. */
    UserContext userSide() {
        if (user == null) {
            throw new IllegalStateException(name + " has no user side");
        }
        return user;
    }

    boolean isIdle() {
        return user == null;
    }

    boolean isInKernel() {
        return user == null || !steps.isEmpty();
    }

    /** Whether the task has a user stack to speak of. */
    boolean hasUserMemory() {
        return user != null && !memoryGone;
    }

    /** Whether interrupts are enabled where the task stands. */
    boolean isInterruptible() {
        Step next = steps.peek();
        return next == null || next.kind().isInterruptible();
    }

    long kernelPc() {
        return kernelPc;
    }

    /** Comes from user mode: its registers are saved at the top of the stack. */
    void enterKernel(KernelFunction entry) {
        frames.clear();
        kernelSp = KernelStackMemory.topOfTask(number) - PtRegs.SIZE;
        UserContext context = userSide();
        for (int register = 0; register < X86_64.COUNT; register++) {
            memory.write(kernelSp + PtRegs.offset(register), context.register(register));
        }
        memory.write(kernelSp + PtRegs.CS, USER_CS);
        kernelPc = entry.body();
        frames.add(new Frame(entry, 0, 0));
    }

    /** The idle task stands where no user mode is below. */
    void standIdle() {
        frames.clear();
        kernelSp = KernelStackMemory.topOfTask(number) - 2 * Long.BYTES;
        kernelPc = KernelFunction.SECONDARY_STARTUP.body();
        frames.add(new Frame(KernelFunction.SECONDARY_STARTUP, 0, 0));
        call(KernelFunction.DO_IDLE);
    }

    /** An interrupt comes to the kernel: the interrupted registers are saved on its stack. */
    void interruptKernel(KernelFunction entry) {
        Frame frame = new Frame(entry, kernelPc, kernelSp);
        kernelSp -= PtRegs.SIZE;
        saveKernelRegisters(kernelSp, frame.returnPc(), frame.returnSp());
        kernelPc = entry.body();
        frames.add(frame);
    }

    /** Writes the kernel's registers, as an interrupt saves them, to where they are asked for. */
    void saveKernelRegisters(long address, long pc, long sp) {
        memory.write(address + PtRegs.offset(X86_64.RIP), pc);
        memory.write(address + PtRegs.offset(X86_64.RSP), sp);
        memory.write(address + PtRegs.offset(X86_64.RBP), 0);
        memory.write(address + PtRegs.CS, KERNEL_CS);
    }

    /** Writes the registers of where the task stands now. */
    void saveKernelRegisters(long address) {
        saveKernelRegisters(address, kernelPc, kernelSp);
    }

    void call(KernelFunction function) {
        Frame frame = new Frame(function, kernelPc, kernelSp);
        kernelSp -= Long.BYTES;
        memory.write(kernelSp, kernelPc);
        kernelSp -= function.frameSize();
        kernelPc = function.body();
        frames.add(frame);
    }

    /** Returns from the innermost function, or interrupt. */
    void comeBack() {
        Frame frame = frames.removeLast();
        kernelPc = frame.returnPc();
        kernelSp = frame.returnSp();
    }

    /** The innermost function goes on a little, so that its steps differ by their pc. */
    void advance() {
        KernelFunction function = frames.getLast().function();
        kernelPc = Math.min(kernelPc + 1, function.start() + KernelFunction.SIZE - 1);
    }

    /** The true kernel callchain: what was called, and what was interrupted, innermost first; empty in user mode. */
    Addresses kernelTruth(boolean ofInterrupted) {
        if (!isInKernel()) {
            return Addresses.NONE;
        }
        boolean skip = ofInterrupted && !isIdle();
        int innermost = skip ? innermostEntry() : frames.size();
        long[] chain = new long[innermost];
        for (int i = 0; i < innermost; i++) {
            int frame = innermost - i;
            chain[i] = frame == frames.size() ? kernelPc : frames.get(frame).returnPc();
        }
        return Addresses.of(chain);
    }

    private int innermostEntry() {
        int entry = frames.size() - 1;
        while (!frames.get(entry).function().isEntry()) {
            entry--;
        }
        return entry;
    }

    /** Where the interrupt that is being handled saved the registers. */
    long interruptedRegisters() {
        Frame entry = frames.get(innermostEntry());
        long behind = entry.returnSp() == 0 ? KernelStackMemory.topOfTask(number) : entry.returnSp();
        return behind - PtRegs.SIZE;
    }

    /** The step that an interrupt has interrupted: an ordinary one is on the list of steps itself; null in user mode. */
    @Nullable
    KernelStep interruptedStep(boolean ofInterrupted) {
        if (isIdle()) {
            return null;
        }
        KernelStep interrupted = null;
        int skip = ofInterrupted ? 1 : 0;
        for (Step step : steps) {
            if (skip-- == 0) {
                interrupted = step.kind();
            }
        }
        return ofInterrupted && innermostEntry() == 0 ? null : interrupted;
    }

    /** This task's own event on a CPU. */
    SampledEvent event(EventSpec spec, int eventNumber, int onCpu) {
        return events.computeIfAbsent(onCpu * 16 + eventNumber, key -> new SampledEvent(spec, eventNumber, onCpu));
    }

    @Override
    public String toString() {
        return name + "/" + number
                + (steps.isEmpty()
                        ? " in user mode"
                        : " before " + steps.getFirst().kind());
    }
}
