package org.backstitch.unwind;

import java.util.List;
import org.backstitch.unwind.machine.Memory;
import org.backstitch.unwind.machine.PtRegs;
import org.backstitch.unwind.machine.X86_64;
import org.backstitch.unwind.table.UnwindRule;

/**
 * Walks kernel stacks as the kernel's own ORC unwinder does ({@code unwind_next_frame} in {@code arch/x86/kernel/unwind_orc.c}): over
 * calls, interrupts, exceptions and from stack to stack, never outside of a stack that is known, never the same stack twice, until it
 * meets user mode or the end.
 *
 * <p>Two things are other than in the kernel. It guesses that code without a row has a frame pointer; here that ends the walk, unless
 * {@link KernelRules} know the code. And frames that would go on for ever through registers that point outside of every stack are
 * refused, where the kernel relies on its callers' limits.
 *
 * <p>A walker belongs to one thread: it keeps a cache of rules and the state of the walk. Nothing is allocated during a walk, except
 * where a chain is longer than any before it.
 *
 * {@snippet :
 * KernelUnwinder unwinder = new KernelUnwinder(rules, memory);
 * KernelCallchain chain = new KernelCallchain();
 * unwinder.walkSleeping(sp, rbp, returnAddress, false, KernelStacks.ofTask(stack, stack + 0x4000), chain);
 * for (int frame = 0; frame < chain.size(); frame++) {
 *     long pc = chain.pc(frame);
 * }
 * }
 */
public final class KernelUnwinder {
    /**
     * The rule for address 0, where a call through a null pointer arrives ({@code null_orc_entry}): nothing has been pushed but the
     * return address.
     */
    private static final long NULL_RULE =
            UnwindRule.of(UnwindRule.CALL, X86_64.RSP, Long.BYTES, UnwindRule.RBP_SAME, 0, 0, 0);

    private static final int CACHE_BITS = 12;
    private static final long PAGE_SIZE = 4096;
    private static final int UNKNOWN_STACK = -1;

    private final KernelRules rules;
    private final Memory memory;

    /** Rules by pc, direct-mapped: pairs of pc and rule, 0 for a free pair. */
    private final long[] cache = new long[2 << CACHE_BITS];

    private ReturnHooks hooks = ReturnHooks.NONE;
    private int maxFrames = Integer.MAX_VALUE;

    // The state of the walk (struct unwind_state).
    private KernelStacks stacks = KernelStacks.of(List.of());
    private int stack;
    private long visitedStacks;
    private long pc;
    private long sp;
    private long rbp;
    private boolean exact;
    private StopReason stop = StopReason.NONE;

    /** Where the pc was found in the last step, and on which stack: on one stack, these places only ascend. */
    private long lastPcSlot;

    private int lastPcStack;

    /** What registers the frame was interrupted with, and where they are. */
    private Registers registers = Registers.NONE;

    private long registersAddress;

    /** The last complete ones before those, where they are incomplete ({@code prev_regs}); {@code PARTIAL} never. */
    private Registers completeBefore = Registers.NONE;

    private long completeBeforeAddress;
    private final long[] startRegisters = new long[X86_64.COUNT];

    private enum Registers {
        /** The frame called the one below it. */
        NONE,
        /** Complete, in {@link #startRegisters}. */
        START,
        /** Complete, in memory: {@link PtRegs}. */
        COMPLETE,
        /** What the hardware saves, in memory. */
        PARTIAL
    }

    /**
     * A walker through {@code memory} by {@code rules}.
     *
     * @param rules must not change while the walker is in use: it remembers what they said
     */
    public KernelUnwinder(KernelRules rules, Memory memory) {
        this.rules = rules;
        this.memory = memory;
    }

    /** From now on, return addresses are looked up there. */
    public void setReturnHooks(ReturnHooks newHooks) {
        hooks = newHooks;
    }

    /**
     * From now on, chains have at most so many kernel frames; they are unlimited at first.
     *
     * @param limit at least 1
     */
    public void setMaxFrames(int limit) {
        if (limit < 1) {
            throw new IllegalArgumentException("at most " + limit + " frames");
        }
        maxFrames = limit;
    }

    /**
     * Walks the stack of a task that is on no CPU, from where it was switched away.
     *
     * @param startSp the address behind the task's {@code struct inactive_task_frame}, that is {@code task->thread.sp} plus its size
     * @param startRbp RBP as saved in that frame
     * @param returnAddress the return address saved in that frame
     * @param neverRan whether the task has yet to run for the first time: its return address is {@code ret_from_fork}, which nobody
     *     called, and whose row therefore is that of the address itself
     * @param taskStack the stack of the task
     * @param chain is filled with the frames
     * @return why the walk ended
     */
    public StopReason walkSleeping(
            long startSp,
            long startRbp,
            long returnAddress,
            boolean neverRan,
            KernelStacks taskStack,
            KernelCallchain chain) {
        begin(returnAddress, startSp, startRbp, neverRan, taskStack);
        return walk(chain, false);
    }

    /**
     * Walks the stack of a task from complete registers: of a CPU at the moment of a dump.
     *
     * @param values by DWARF number, {@link X86_64#COUNT} of them
     * @param cs the code segment selector: says whether the CPU was in user mode
     * @param knownStacks those of the CPU and of the task that is on it
     * @param chain is filled with the frames
     * @return why the walk ended
     */
    public StopReason walkRegisters(long[] values, long cs, KernelStacks knownStacks, KernelCallchain chain) {
        System.arraycopy(values, 0, startRegisters, 0, X86_64.COUNT);
        if (PtRegs.isUserMode(cs)) {
            chain.clear();
            chain.user(values[X86_64.RIP], values[X86_64.RSP], 0, true);
            chain.stop(StopReason.USER_REGISTERS);
            return StopReason.USER_REGISTERS;
        }
        begin(values[X86_64.RIP], values[X86_64.RSP], values[X86_64.RBP], true, knownStacks);
        registers = Registers.START;
        return walk(chain, true);
    }

    /**
     * Walks the stack of a task from a complete {@code struct pt_regs} in memory.
     *
     * @param address of the structure
     * @param knownStacks those that the task may be on
     * @param chain is filled with the frames
     * @return why the walk ended; {@link StopReason#BAD_MEMORY} without any frame if the structure cannot be read
     */
    public StopReason walkSavedRegisters(long address, KernelStacks knownStacks, KernelCallchain chain) {
        if (!memory.isReadable(address, PtRegs.SIZE)) {
            chain.clear();
            chain.stop(StopReason.BAD_MEMORY);
            return StopReason.BAD_MEMORY;
        }
        long savedPc = saved(address, X86_64.RIP);
        long savedSp = saved(address, X86_64.RSP);
        if (PtRegs.isUserMode(memory.readLong(address + PtRegs.CS))) {
            chain.clear();
            chain.user(savedPc, savedSp, address, true);
            chain.stop(StopReason.USER_REGISTERS);
            return StopReason.USER_REGISTERS;
        }
        begin(savedPc, savedSp, saved(address, X86_64.RBP), true, knownStacks);
        registers = Registers.COMPLETE;
        registersAddress = address;
        return walk(chain, true);
    }

    private void begin(long startPc, long startSp, long startRbp, boolean startExact, KernelStacks knownStacks) {
        pc = startPc;
        sp = startSp;
        rbp = startRbp;
        exact = startExact;
        stacks = knownStacks;
        stack = UNKNOWN_STACK;
        visitedStacks = 0;
        lastPcStack = UNKNOWN_STACK;
        registers = Registers.NONE;
        registersAddress = 0;
        completeBefore = Registers.NONE;
        // A stack that has overflowed into the guard page below it is still the stack that is meant.
        long nextPage = (startSp + PAGE_SIZE - 1) & -PAGE_SIZE;
        if (!switchTo(startSp, 1)) {
            switchTo(nextPage, 1);
        }
    }

    private StopReason walk(KernelCallchain chain, boolean interrupted) {
        chain.clear();
        chain.add(pc, sp, rbp, interrupted, registersAddress, registers == Registers.COMPLETE);
        while (next(chain)) {
            if (chain.size() == maxFrames) {
                stop = StopReason.MAX_STACK;
                break;
            }
            chain.add(pc, sp, rbp, exact, registersAddress, registers == Registers.COMPLETE);
        }
        chain.stop(stop);
        return stop;
    }

    /** Goes one frame up; false, with {@link #stop} set, if there is none. */
    private boolean next(KernelCallchain chain) {
        long previousSp = sp;
        int previousStack = stack;

        // Find the row: a return address may be the first of other code, but the call before it is not.
        long rule = rule(exact ? pc : pc - 1);
        int kind = UnwindRule.kind(rule);
        if (kind != UnwindRule.CALL && kind != UnwindRule.REGISTERS && kind != UnwindRule.PARTIAL_REGISTERS) {
            return stop(kind == UnwindRule.END ? StopReason.END_OF_STACK : StopReason.NO_UNWIND_INFO);
        }
        if (stack == UNKNOWN_STACK) {
            return stop(StopReason.BAD_STACK);
        }

        // Find the previous SP: the CFA.
        long base;
        switch (UnwindRule.base(rule)) {
            case X86_64.RSP -> base = sp;
            case X86_64.RBP -> base = rbp;
            default -> {
                if (!knowsAllRegisters()) {
                    return stop(StopReason.MISSING_REGISTER);
                }
                base = register(UnwindRule.base(rule));
            }
        }
        long cfa = base + UnwindRule.cfaOffset(rule);
        if (UnwindRule.isDereferenced(rule)) {
            if (!canRead(cfa, Long.BYTES)) {
                return false;
            }
            cfa = memory.readLong(cfa) + UnwindRule.addend(rule);
        } else if (UnwindRule.isBaseDereferenced(rule)) {
            if (!canRead(base, Long.BYTES)) {
                return false;
            }
            cfa = memory.readLong(base) + UnwindRule.cfaOffset(rule);
        }

        // Find IP, SP and the registers of an interrupted frame.
        long pcSlot;
        switch (kind) {
            case UnwindRule.CALL -> {
                pcSlot = cfa - Long.BYTES;
                if (!canRead(pcSlot, Long.BYTES)) {
                    return false;
                }
                pc = hooks.original(memory.readLong(pcSlot), pcSlot);
                sp = cfa;
                registers = Registers.NONE;
                registersAddress = 0;
                completeBefore = Registers.NONE;
            }
            case UnwindRule.REGISTERS -> {
                if (!canRead(cfa, PtRegs.SIZE)) {
                    return false;
                }
                if (meetsUserMode(cfa, true, chain)) {
                    return stop(StopReason.USER_REGISTERS);
                }
                pcSlot = cfa + PtRegs.IRET_FRAME_OFFSET;
                sp = saved(cfa, X86_64.RSP);
                pc = hooks.original(saved(cfa, X86_64.RIP), sp - Long.BYTES);
                registers = Registers.COMPLETE;
                registersAddress = cfa;
                completeBefore = Registers.NONE;
            }
            default -> {
                if (!canRead(cfa, PtRegs.IRET_FRAME_SIZE)) {
                    return false;
                }
                long address = cfa - PtRegs.IRET_FRAME_OFFSET;
                if (meetsUserMode(address, false, chain)) {
                    return stop(StopReason.USER_REGISTERS);
                }
                pcSlot = cfa;
                sp = saved(address, X86_64.RSP);
                pc = hooks.original(saved(address, X86_64.RIP), sp - Long.BYTES);
                if (registers != Registers.PARTIAL) {
                    completeBefore = registers;
                    completeBeforeAddress = registersAddress;
                }
                registers = Registers.PARTIAL;
                registersAddress = address;
            }
        }
        exact = UnwindRule.callerIsExact(rule);
        int pcStack = stack;

        // Find BP.
        switch (UnwindRule.rbpMode(rule)) {
            case UnwindRule.RBP_AT_CFA -> {
                if (!readRbp(cfa + UnwindRule.rbpOffset(rule))) {
                    return false;
                }
            }
            case UnwindRule.RBP_AT_BASE -> {
                if (!readRbp(base + UnwindRule.rbpOffset(rule))) {
                    return false;
                }
            }
            case UnwindRule.RBP_AT_RBP -> {
                if (!readRbp(rbp + UnwindRule.rbpOffset(rule))) {
                    return false;
                }
            }
            default -> {
                // Untouched, as far as the row knows; the registers of an interrupted frame know better.
                if (knowsAllRegisters()) {
                    rbp = register(X86_64.RBP);
                }
            }
        }

        // Check direction: a stack is left only at its top.
        if (stack == previousStack
                && stacks.get(stack).contains(sp, Long.BYTES)
                && Long.compareUnsigned(sp, previousSp) <= 0) {
            return stop(StopReason.NO_PROGRESS);
        }
        if (pcStack == lastPcStack && Long.compareUnsigned(pcSlot, lastPcSlot) <= 0) {
            return stop(StopReason.NO_PROGRESS);
        }
        lastPcSlot = pcSlot;
        lastPcStack = pcStack;
        return true;
    }

    private boolean stop(StopReason reason) {
        stop = reason;
        return false;
    }

    private long rule(long address) {
        if (address == 0) {
            return NULL_RULE;
        }
        int slot = (int) (address * 0x9e37_79b9_7f4a_7c15L >>> (Long.SIZE - CACHE_BITS)) << 1;
        if (cache[slot] == address) {
            return cache[slot + 1];
        }
        long rule = rules.rule(address);
        cache[slot] = address;
        cache[slot + 1] = rule;
        return rule;
    }

    /** Hands the registers at an address to the chain if they are those of user mode. */
    private boolean meetsUserMode(long address, boolean complete, KernelCallchain chain) {
        if (!PtRegs.isUserMode(memory.readLong(address + PtRegs.CS))) {
            return false;
        }
        chain.user(saved(address, X86_64.RIP), saved(address, X86_64.RSP), address, complete);
        return true;
    }

    private long saved(long address, int register) {
        return memory.readLong(address + PtRegs.offset(register));
    }

    /** Whether {@link #register} knows the frame's registers ({@code get_reg}). */
    private boolean knowsAllRegisters() {
        return registers != Registers.NONE && (registers != Registers.PARTIAL || completeBefore != Registers.NONE);
    }

    private long register(int number) {
        boolean partial = registers == Registers.PARTIAL;
        Registers source = partial ? completeBefore : registers;
        return source == Registers.START
                ? startRegisters[number]
                : saved(partial ? completeBeforeAddress : registersAddress, number);
    }

    private boolean readRbp(long address) {
        if (!canRead(address, Long.BYTES)) {
            return false;
        }
        rbp = memory.readLong(address);
        return true;
    }

    /**
     * Whether bytes lie on the current stack, or on another one that has not been visited yet, which is the current one from now on
     * ({@code stack_access_ok}); sets {@link #stop} if not.
     */
    private boolean canRead(long address, int length) {
        boolean onStack = stack != UNKNOWN_STACK && stacks.get(stack).contains(address, length);
        if (!onStack && !switchTo(address, length)) {
            return stop(StopReason.BAD_STACK);
        }
        return memory.isReadable(address, length) || stop(StopReason.BAD_MEMORY);
    }

    private boolean switchTo(long address, int length) {
        int number = stacks.find(address, length);
        long bit = 1L << number;
        if (number < 0 || (visitedStacks & bit) != 0) {
            stack = UNKNOWN_STACK;
            return false;
        }
        visitedStacks |= bit;
        stack = number;
        return true;
    }
}
