package org.backstitch.dump.kernel;

import java.util.List;
import org.backstitch.unwind.KernelCallchain;
import org.backstitch.unwind.KernelStacks;
import org.backstitch.unwind.KernelUnwinder;
import org.backstitch.unwind.ReturnHooks;
import org.backstitch.unwind.StopReason;
import org.backstitch.unwind.machine.X86_64;

/** Where the walk of a task's stack begins. Immutable. */
final class WalkStart {
    private final Kind kind;
    private final long[] registers;
    private final long codeSegment;
    private final KernelStacks stacks;
    private final ReturnHooks hooks;
    private final StopReason failure;

    /**
     * @param kind how
     * @param registers by DWARF number; of a task that sleeps only RIP, RSP and RBP count
     * @param codeSegment CS, of a task that runs
     * @param stacks that the task may be on
     * @param hooks the return addresses that tracers have replaced on them
     * @param failure why there is nothing to begin with; only with {@link Kind#NOWHERE}
     */
    WalkStart(
            Kind kind, long[] registers, long codeSegment, KernelStacks stacks, ReturnHooks hooks, StopReason failure) {
        this.kind = kind;
        this.registers = registers.clone();
        this.codeSegment = codeSegment;
        this.stacks = stacks;
        this.hooks = hooks;
        this.failure = failure;
    }

    /** What a walk begins with. */
    enum Kind {
        /** The registers of the CPU that the task is on. */
        RUNNING,
        /** What the task left on its stack when it was switched away. */
        SLEEPING,
        /** The same of one that has yet to run: nothing has called what it will begin with. */
        NEW,
        /** Nothing: the dump does not hold it. */
        NOWHERE
    }

    /** The same with other hooks. */
    WalkStart withHooks(ReturnHooks others) {
        return new WalkStart(kind, registers, codeSegment, stacks, others, failure);
    }

    Kind kind() {
        return kind;
    }

    /** A register by its DWARF number. */
    long register(int number) {
        return registers[number];
    }

    long codeSegment() {
        return codeSegment;
    }

    KernelStacks stacks() {
        return stacks;
    }

    ReturnHooks hooks() {
        return hooks;
    }

    StopReason failure() {
        return failure;
    }

    static WalkStart ofCpu(long[] registers, long codeSegment, KernelStacks stacks, ReturnHooks hooks) {
        return new WalkStart(Kind.RUNNING, registers, codeSegment, stacks, hooks, StopReason.NONE);
    }

    static WalkStart ofSleeping(
            long sp, long rbp, long returnAddress, boolean isNew, KernelStacks stacks, ReturnHooks hooks) {
        long[] registers = new long[X86_64.COUNT];
        registers[X86_64.RIP] = returnAddress;
        registers[X86_64.RSP] = sp;
        registers[X86_64.RBP] = rbp;
        return new WalkStart(isNew ? Kind.NEW : Kind.SLEEPING, registers, 0, stacks, hooks, StopReason.NONE);
    }

    static WalkStart none(StopReason failure) {
        KernelStacks none = KernelStacks.of(List.of());
        return new WalkStart(Kind.NOWHERE, new long[X86_64.COUNT], 0, none, ReturnHooks.NONE, failure);
    }

    /**
     * Walks the stack.
     *
     * @param chain is filled with the frames
     * @return why the walk ended
     */
    StopReason walk(KernelUnwinder unwinder, KernelCallchain chain) {
        unwinder.setReturnHooks(hooks);
        switch (kind) {
            case RUNNING -> {
                return unwinder.walkRegisters(registers, codeSegment, stacks, chain);
            }
            case SLEEPING, NEW -> {
                return unwinder.walkSleeping(
                        registers[X86_64.RSP],
                        registers[X86_64.RBP],
                        registers[X86_64.RIP],
                        kind == Kind.NEW,
                        stacks,
                        chain);
            }
            case NOWHERE -> {
                chain.clear();
                return failure;
            }
        }
        throw new IllegalStateException();
    }
}
