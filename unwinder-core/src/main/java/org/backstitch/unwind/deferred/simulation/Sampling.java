package org.backstitch.unwind.deferred.simulation;

import java.util.ArrayList;
import java.util.List;
import org.backstitch.unwind.KernelStack;
import org.backstitch.unwind.KernelStacks;
import org.backstitch.unwind.StopReason;
import org.backstitch.unwind.deferred.simulation.DeferralPolicy.UserPart;
import org.backstitch.unwind.machine.PtRegs;
import org.jspecify.annotations.Nullable;

/** Takes samples, and gives policies what they need for the user part: works, unwinds, late records. Keeps the truth about all of them. */
final class Sampling {
    private final Machine machine;
    private final DeferralPolicy policy;
    private final List<Truth.OfSample> sampleTruths = new ArrayList<>();
    private final List<Truth.OfRecord> lateTruths = new ArrayList<>();
    private boolean inInterrupt;
    private long missedPage;
    private long unwindsInInterrupt;
    private long unwindsLate;
    private long foreignWrites;
    private long refusedWorks;

    Sampling(Machine machine, DeferralPolicy policy) {
        this.machine = machine;
        this.policy = policy;
    }

    /** The machine that is sampled. */
    Machine machine() {
        return machine;
    }

    /** The page that {@link #unwindWithFaults} found absent. */
    long missedPage() {
        return missedPage;
    }

    /**
     * Everything that was recorded; the buffers have been read.
     *
     * @param pageFaults how many were taken for the unwinder
     */
    SimulatedRecording recording(long pageFaults) {
        long lost = 0;
        long bytes = 0;
        for (Cpu cpu : machine.cpus) {
            lost += cpu.buffer.lost();
            bytes += cpu.buffer.bytesWritten();
        }
        RunCounts counts = new RunCounts(
                sampleTruths.size(),
                unwindsInInterrupt,
                unwindsLate,
                pageFaults,
                lost,
                bytes,
                machine.selfInterrupts(),
                foreignWrites,
                refusedWorks);
        return new SimulatedRecording(machine.config, machine.drained, sampleTruths, lateTruths, counts);
    }

    /** An interrupt samples every event of a CPU; an ordinary one is asked what it interrupted, not where its handler stands. */
    void interrupt(Cpu cpu, boolean maskable) {
        Task task = cpu.current;
        inInterrupt(() -> {
            for (int number = 0; number < machine.config.events().size(); number++) {
                EventSpec spec = machine.config.events().get(number);
                if (!spec.perTask()) {
                    sample(cpu, task, cpuEvent(cpu, number), maskable, false);
                } else if (!task.isIdle() && !task.eventsGone) {
                    sample(cpu, task, task.event(spec, number, cpu.number), maskable, false);
                }
            }
        });
    }

    /** Does something where no fault is allowed. */
    void inInterrupt(Runnable handler) {
        inInterrupt = true;
        try {
            handler.run();
        } finally {
            inInterrupt = false;
        }
    }

    private static SampledEvent cpuEvent(Cpu cpu, int number) {
        for (SampledEvent event : cpu.events) {
            if (event.number() == number) {
                return event;
            }
        }
        throw new IllegalArgumentException("no event " + number);
    }

    void crossTaskSample(Cpu cpu, Task owner) {
        inInterrupt(() -> {
            for (int number = 0; number < machine.config.events().size(); number++) {
                EventSpec spec = machine.config.events().get(number);
                if (spec.perTask()) {
                    sample(cpu, cpu.current, owner.event(spec, number, cpu.number), false, owner != cpu.current);
                }
            }
        });
    }

    private void sample(Cpu cpu, Task task, SampledEvent event, boolean maskable, boolean crossTask) {
        Addresses kernelPcs = walkKernel(cpu, task, maskable).first(machine.config.maxStack());
        Addresses kernelTruth = task.kernelTruth(maskable);
        int room = machine.config.maxStack() - kernelPcs.size();
        UserPart user = policy.atSample(this, task, event, maskable, crossTask, room);
        long[] chain = new long[kernelPcs.size() + room + 3];
        int length = 0;
        if (kernelPcs.size() > 0) {
            chain[length++] = DeferredKernel.CONTEXT_KERNEL;
            for (int i = 0; i < kernelPcs.size(); i++) {
                chain[length++] = kernelPcs.get(i);
            }
        }
        long cookie = 0;
        switch (user) {
            case UserPart.None() -> {}
            case UserPart.Taken(UserChain taken) -> {
                chain[length++] = DeferredKernel.CONTEXT_USER;
                for (int i = 0; i < taken.pcs().size(); i++) {
                    chain[length++] = taken.pcs().get(i);
                }
            }
            case UserPart.Asked(long name) -> {
                cookie = name;
                if (name != 0) {
                    chain[length++] = DeferredKernel.CONTEXT_USER_DEFERRED;
                    chain[length++] = name;
                }
            }
        }
        boolean kernelMode = kernelTruth.size() > 0;
        SimulatedRecord.Sample sample = new SimulatedRecord.Sample(
                machine.origin(task, cpu, event.number()),
                sampleTruths.size(),
                kernelMode ? kernelTruth.get(0) : task.userSide().pc(),
                kernelMode,
                Addresses.copyOf(chain, length),
                user instanceof UserPart.Asked,
                cookie);
        boolean written = Machine.write(cpu, sample);
        boolean hasUser = task.hasUserMemory() && !crossTask;
        sampleTruths.add(new Truth.OfSample(
                sample.number(),
                task.number,
                task.pid,
                sample.origin().time(),
                hasUser ? task.userSide().base() : 0,
                hasUser ? task.userSide().executed() : 0,
                hasUser ? task.userSide().rewritten() : 0,
                hasUser ? task.userSide().truth() : Addresses.NONE,
                kernelTruth,
                task.interruptedStep(maskable),
                written));
    }

    /** The kernel part, by the real unwinder; empty if user mode was interrupted. */
    private Addresses walkKernel(Cpu cpu, Task task, boolean maskable) {
        if (!task.isInKernel()) {
            return Addresses.NONE;
        }
        long registersAddress;
        if (maskable && !task.isIdle()) {
            registersAddress = task.interruptedRegisters();
        } else {
            registersAddress = KernelStackMemory.topOfCpu(cpu.number) - PtRegs.SIZE;
            task.saveKernelRegisters(registersAddress);
        }
        long taskTop = KernelStackMemory.topOfTask(task.number);
        long cpuTop = KernelStackMemory.topOfCpu(cpu.number);
        KernelStacks stacks = KernelStacks.of(
                        List.of(new KernelStack("nmi", cpuTop - KernelStackMemory.STACK_SIZE, cpuTop)))
                .withTask(taskTop - KernelStackMemory.STACK_SIZE, taskTop);
        return machine.system.unwindKernel(machine.kernelMemory, registersAddress, stacks);
    }

    /** {@code task_work_add}: false if the task takes no more. */
    boolean addWork(Task task, Task.Work work) {
        if (task.worksClosed) {
            refusedWorks++;
            return false;
        }
        task.works.add(work);
        return true;
    }

    /** A user stack as an interrupt sees it: what is absent stays so. */
    UserChain unwindInInterrupt(Task task, int maxFrames) {
        if (!inInterrupt) {
            throw new IllegalStateException("not in an interrupt");
        }
        unwindsInInterrupt++;
        UserContext user = task.userSide();
        if (maxFrames < 1) {
            return UserChain.of(task.number, user, Addresses.NONE, StopReason.MAX_STACK);
        }
        return machine.system.unwind(task.number, user, user.memory().window(), maxFrames);
    }

    /** A user stack at the return to user mode, by code that has page faults disabled all the same. */
    UserChain unwindWithoutFaults(Task task) {
        checkMayFault();
        unwindsLate++;
        UserContext user = task.userSide();
        return machine.system.unwind(task.number, user, user.memory().window(), machine.config.maxStack());
    }

    /** A user stack where faults are allowed: null if a page was absent, which must be brought in before the next attempt. */
    @Nullable
    UserChain unwindWithFaults(Task task, int maxFrames) {
        checkMayFault();
        UserContext user = task.userSide();
        UserMemory.Window window = user.memory().window();
        UserChain chain = machine.system.unwind(task.number, user, window, maxFrames);
        if (window.missed() != 0) {
            missedPage = window.missed();
            return null;
        }
        unwindsLate++;
        return chain;
    }

    private void checkMayFault() {
        if (inInterrupt) {
            throw new IllegalStateException("a fault in an interrupt that must not fault");
        }
    }

    /** Writes a late record in the name of an event, to that event's buffer; false if there is no room. */
    boolean writeDeferred(Task task, SampledEvent event, long time, UserChain chain) {
        long[] pcs = new long[Math.min(chain.pcs().size(), machine.config.maxStack()) + 1];
        pcs[0] = DeferredKernel.CONTEXT_USER;
        for (int i = 1; i < pcs.length; i++) {
            pcs[i] = chain.pcs().get(i - 1);
        }
        if (event.cpu() != task.cpu) {
            foreignWrites++;
        }
        SimulatedRecord.Origin origin = new SimulatedRecord.Origin(time, task.cpu, task.pid, task.pid, event.number());
        return writeLate(machine.cpus.get(event.cpu()), origin, false, 0, Addresses.of(pcs), chain);
    }

    /** Writes a late record in the name of every event that wants it, to the buffer of the CPU that the task is on. */
    void writeDeferredToAll(Task task, long cookie, UserChain chain) {
        Cpu cpu = machine.cpus.get(task.cpu);
        for (int number = 0; number < machine.config.events().size(); number++) {
            EventSpec spec = machine.config.events().get(number);
            if (spec.outputsDeferred() && !(spec.perTask() && task.eventsGone)) {
                writeLate(cpu, machine.origin(task, cpu, number), true, cookie, chain.pcs(), chain);
            }
        }
    }

    private boolean writeLate(
            Cpu cpu,
            SimulatedRecord.Origin origin,
            boolean hasCookie,
            long cookie,
            Addresses written,
            UserChain chain) {
        SimulatedRecord.Deferred late =
                new SimulatedRecord.Deferred(origin, lateTruths.size(), hasCookie, cookie, written);
        lateTruths.add(new Truth.OfRecord(
                late.number(), chain.task(), chain.program(), chain.executed(), chain.rewritten(), chain.truth()));
        return Machine.write(cpu, late);
    }
}
