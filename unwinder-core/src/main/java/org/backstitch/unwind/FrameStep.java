package org.backstitch.unwind;

import static org.backstitch.unwind.machine.X86_64.RBP;
import static org.backstitch.unwind.machine.X86_64.RIP;
import static org.backstitch.unwind.machine.X86_64.RSP;

import org.backstitch.bytes.MalformedInputException;
import org.backstitch.elf.dwarf.CfaRule;
import org.backstitch.elf.dwarf.DwarfExpression;
import org.backstitch.elf.dwarf.RegisterRule;
import org.backstitch.elf.dwarf.UnwindRow;
import org.backstitch.unwind.machine.Memory;
import org.backstitch.unwind.machine.Registers;
import org.backstitch.unwind.machine.StackDump;
import org.backstitch.unwind.machine.X86_64;
import org.backstitch.unwind.table.SavedRegisters;
import org.backstitch.unwind.table.UnwindRule;
import org.jspecify.annotations.Nullable;

/**
 * One step from a frame to its caller by any rule there is, for all registers.
 *
 * <p>This is the complete reading of {@link UnwindRule}, {@link SavedRegisters} and side rows; the hot loop of {@link UserUnwinder}
 * is a short cut through it for the rules that are met most. Not thread-safe.
 */
final class FrameStep implements DwarfExpression.Machine {
    private final Registers frame = new Registers();
    private final Registers caller = new Registers();
    private StackDump stack = new StackDump();
    private @Nullable Memory beyond;
    private AddressSpace space = AddressSpace.EMPTY;
    private boolean exact;
    private long cfa;

    /** What the expression evaluated last yields. */
    private long value;

    private StopReason failure = StopReason.NONE;
    private boolean unknownRegister;

    /** Registers that a call may change and no row has told of since: bit n for DWARF number n. */
    private int leftOver;

    private boolean reliedOnLeftOver;

    /** Begins a walk: what is known of memory. */
    void begin(AddressSpace addressSpace, StackDump dump, @Nullable Memory more) {
        space = addressSpace;
        stack = dump;
        beyond = more;
        leftOver = 0;
    }

    /** Begins again with the registers that the walk starts with. */
    void restart(Registers start) {
        frame.copyFrom(start);
        leftOver = 0;
    }

    /** The current frame was reached by other steps, which were those of calls: of caller-saved registers nothing is known any more. */
    void followCalls() {
        leftOver = CALLER_SAVED;
    }

    /** The registers of the current frame; a {@link #step} makes them the caller's. */
    Registers frame() {
        return frame;
    }

    /** After a step that succeeded: whether the pc reached is exact, because its frame was interrupted. */
    boolean isExact() {
        return exact;
    }

    /** After a step that failed: why. */
    StopReason failure() {
        return failure;
    }

    /** After a step that failed: whether it did because a register that the rule needs is not known in this frame. */
    boolean wantedUnknownRegister() {
        return unknownRegister;
    }

    /**
     * After a step that succeeded: whether it rests on a register that a call may have changed, and that no row has told of. Then what
     * was found is to be proved otherwise.
     */
    boolean reliedOnLeftOver() {
        return reliedOnLeftOver;
    }

    /** Before a step that is not made here: nothing has failed, and the pc reached will not be exact. */
    void forgetFailure() {
        failure = StopReason.NONE;
        unknownRegister = false;
        exact = false;
    }

    /**
     * Goes to the caller.
     *
     * @return whether that succeeded; if not, the frame is as it was
     */
    boolean step(long rule, long saved, @Nullable UnwindRow side) {
        unknownRegister = false;
        reliedOnLeftOver = false;
        failure = StopReason.NONE;
        // What no rule names keeps its value: for the registers that calls preserve so it is in the ABI, and rows that
        // want another one
        // of a caller are only right if it was preserved. The C++ runtime and debuggers read tables in this way.
        caller.copyFrom(frame);
        boolean done = side != null ? stepByRow(side) : stepByWords(rule, saved);
        if (!done) {
            return false;
        }
        exact = UnwindRule.callerIsExact(rule);
        leftOver = exact ? 0 : CALLER_SAVED & ~restoredBy(side);
        frame.copyFrom(caller);
        return true;
    }

    /** RAX, RDX, RCX, RSI, RDI, R8 to R11: what a function may change (psABI, figure 3.4). */
    private static final int CALLER_SAVED = 1 << X86_64.RAX
            | 1 << X86_64.RDX
            | 1 << X86_64.RCX
            | 1 << X86_64.RSI
            | 1 << X86_64.RDI
            | 1 << X86_64.R8
            | 1 << X86_64.R9
            | 1 << X86_64.R10
            | 1 << X86_64.R11;

    private static int restoredBy(@Nullable UnwindRow side) {
        int restored = 0;
        if (side != null) {
            for (int i = 0; i < side.size(); i++) {
                restored |= side.column(i) < X86_64.COUNT ? 1 << side.column(i) : 0;
            }
        }
        return restored;
    }

    /**
     * Goes from a signal handler's return to what the signal interrupted: all registers lie in the {@code struct ucontext} that the
     * kernel has put on the stack ({@code arch/x86/include/uapi/asm/sigcontext.h}).
     *
     * @param context the address of the structure
     * @return whether that succeeded; if not, the frame is as it was
     */
    boolean stepToInterrupted(long context) {
        unknownRegister = false;
        failure = StopReason.NONE;
        caller.clear();
        for (int i = 0; i < CONTEXT_REGISTERS.length; i++) {
            long slot = context + CONTEXT_REGISTERS_OFFSET + (long) i * Long.BYTES;
            if (!isReadable(slot, Long.BYTES)) {
                return unreadable(slot);
            }
            caller.set(CONTEXT_REGISTERS[i], readLong(slot));
        }
        exact = true;
        frame.copyFrom(caller);
        return true;
    }

    /** Where {@code struct sigcontext_64} is in {@code struct ucontext}, in bytes. */
    private static final int CONTEXT_REGISTERS_OFFSET = 40;

    /** The order of registers in {@code struct sigcontext_64}. */
    private static final int[] CONTEXT_REGISTERS = {
        X86_64.R8,
        X86_64.R9,
        X86_64.R10,
        X86_64.R11,
        X86_64.R12,
        X86_64.R13,
        X86_64.R14,
        X86_64.R15,
        X86_64.RDI,
        X86_64.RSI,
        RBP,
        X86_64.RBX,
        X86_64.RDX,
        X86_64.RAX,
        X86_64.RCX,
        RSP,
        RIP
    };

    private boolean stepByWords(long rule, long saved) {
        int base = UnwindRule.base(rule);
        if (!frame.isKnown(base)) {
            return unknown();
        }
        long basis = register(base) + UnwindRule.cfaOffset(rule);
        cfa = basis;
        int kind = UnwindRule.kind(rule);
        if (UnwindRule.isDereferenced(rule)) {
            if (!isReadable(basis, Long.BYTES)) {
                return unreadable(basis);
            }
            cfa = readLong(basis) + UnwindRule.addend(rule);
        } else if (kind == UnwindRule.PLT && (frame.pc() & 15) >= UnwindRule.addend(rule)) {
            cfa += Long.BYTES;
        }
        long returnSlot;
        switch (kind) {
            case UnwindRule.CALL, UnwindRule.PLT -> returnSlot = cfa - Long.BYTES;
            case UnwindRule.SIGNAL -> returnSlot = basis + Long.BYTES;
            default -> {
                return fail(StopReason.BAD_UNWIND_INFO); // a kernel's rule, or none
            }
        }
        if (!isReadable(returnSlot, Long.BYTES)) {
            return unreadable(returnSlot);
        }
        caller.set(RIP, readLong(returnSlot));
        caller.set(RSP, cfa);
        switch (UnwindRule.rbpMode(rule)) {
            case UnwindRule.RBP_SAME -> {}
            case UnwindRule.RBP_AT_CFA -> restore(RBP, cfa + UnwindRule.rbpOffset(rule));
            case UnwindRule.RBP_AT_BASE -> restore(RBP, frame.get(base) + UnwindRule.rbpOffset(rule));
            case UnwindRule.RBP_AT_RBP -> {
                if (frame.isKnown(RBP)) {
                    restore(RBP, frame.get(RBP) + UnwindRule.rbpOffset(rule));
                } else {
                    caller.forget(RBP); // it is not needed yet
                }
            }
            default -> caller.forget(RBP);
        }
        for (int index = 0; index < SavedRegisters.COUNT; index++) {
            int register = SavedRegisters.register(index);
            if (SavedRegisters.isUndefined(saved, index)) {
                caller.forget(register);
            } else if (!SavedRegisters.isSame(saved, index)) {
                restore(register, cfa + SavedRegisters.cfaOffset(saved, index));
            }
        }
        return true;
    }

    /**
     * Loads a saved register. A slot just below the stack pointer that was not recorded is one that the function has popped already (its
     * table still names the slot, since compilers do not describe epilogues in full): then the register has its value back. One far away
     * is in other memory, such as {@code longjmp}'s {@code jmp_buf}.
     */
    private void restore(int register, long slot) {
        if (isReadable(slot, Long.BYTES)) {
            caller.set(register, readLong(slot));
        } else if (Long.compareUnsigned(frame.sp() - slot - 1, NEAR) >= 0) {
            caller.forget(register);
        }
    }

    private boolean stepByRow(UnwindRow row) {
        try {
            switch (row.cfa()) {
                case CfaRule.RegisterOffset(int register, long offset) -> {
                    if (!frame.isKnown(register)) {
                        return unknown();
                    }
                    cfa = register(register) + offset;
                }
                case CfaRule.Expression(DwarfExpression expression) -> {
                    if (!isEvaluated(expression, false)) {
                        return false;
                    }
                    cfa = value;
                }
            }
            int returnColumn = row.returnAddressRegister();
            caller.set(RSP, cfa);
            caller.forget(RIP);
            if (returnColumn < RIP && frame.isKnown(returnColumn)) {
                // Without a rule it keeps its value, as every register does: the callee has it there.
                caller.set(RIP, frame.get(returnColumn));
            }
            for (int i = 0; i < row.size(); i++) {
                int column = row.column(i);
                if (column == returnColumn && !returnTo(row.rule(i), column)
                        || column != returnColumn && column < X86_64.COUNT && !apply(row.rule(i), column)) {
                    return false;
                }
            }
            return caller.isKnown(RIP) || fail(StopReason.BAD_UNWIND_INFO);
        } catch (MalformedInputException e) {
            return fail(StopReason.BAD_UNWIND_INFO);
        }
    }

    /** Applies the rule of the return address's column, which may be that of another register than RIP; false if there is no caller. */
    private boolean returnTo(RegisterRule rule, int column) {
        boolean another = column < RIP;
        if (another && rule instanceof RegisterRule.SameValue) {
            return true;
        }
        boolean done = apply(rule, RIP);
        if (done && another && caller.isKnown(RIP)) {
            caller.set(column, caller.get(RIP));
        }
        return done;
    }

    /**
     * Applies a register's rule; false if the walk cannot go on without it.
     *
     * @throws MalformedInputException if the walk needs what an invalid expression should have given
     */
    private boolean apply(RegisterRule rule, int register) {
        boolean essential = register == RIP || register == RSP;
        try {
            return apply(rule, register, essential);
        } catch (MalformedInputException e) {
            if (essential) {
                throw e;
            }
            caller.forget(register);
            return true;
        }
    }

    private boolean apply(RegisterRule rule, int register, boolean essential) {
        switch (rule) {
            case RegisterRule.Undefined() -> {
                caller.forget(register);
                return !essential || fail(register == RIP ? StopReason.END_OF_STACK : StopReason.BAD_UNWIND_INFO);
            }
            case RegisterRule.SameValue() -> {
                if (frame.isKnown(register)) {
                    caller.set(register, frame.get(register));
                }
            }
            case RegisterRule.Offset(long offset) -> load(register, cfa + offset);
            case RegisterRule.ValOffset(long offset) -> caller.set(register, cfa + offset);
            case RegisterRule.Register(int other) -> {
                caller.forget(register);
                if (frame.isKnown(other)) {
                    caller.set(register, frame.get(other));
                } else if (essential) {
                    return unknown();
                }
            }
            case RegisterRule.Expression(DwarfExpression expression) -> {
                if (!isEvaluated(expression, true)) {
                    return isDispensable(register, essential);
                }
                load(register, value);
            }
            case RegisterRule.ValExpression(DwarfExpression expression) -> {
                if (!isEvaluated(expression, true)) {
                    return isDispensable(register, essential);
                }
                caller.set(register, value);
            }
        }
        return !essential || caller.isKnown(register);
    }

    private void load(int register, long slot) {
        boolean essential = register == RIP || register == RSP;
        if (essential && !isReadable(slot, Long.BYTES)) {
            caller.forget(register);
            unreadable(slot);
            return;
        }
        restore(register, slot);
    }

    /** A register whose expression has no value: whether the walk can go on without it. */
    private boolean isDispensable(int register, boolean essential) {
        caller.forget(register);
        if (!essential) {
            forgetFailure();
        }
        return !essential;
    }

    /**
     * Evaluates an expression; {@link #value} is what it yields.
     *
     * @param withCfa whether the CFA lies on its stack
     * @return false if it yields nothing: {@link #failure} says why
     * @throws MalformedInputException if it is not a valid one
     */
    private boolean isEvaluated(DwarfExpression expression, boolean withCfa) {
        if (!expression.isDisplacement()) {
            DwarfExpression.Result result = withCfa ? expression.evaluate(this, cfa) : expression.evaluate(this);
            value = result.value();
            return switch (result.outcome()) {
                case VALUE -> true;
                case UNKNOWN_REGISTER -> unknown();
                case UNREADABLE -> unreadable(result.value());
            };
        }
        if (!frame.isKnown(expression.base())) {
            return unknown();
        }
        value = register(expression.base()) + expression.displacement();
        if (expression.isDereferenced()) {
            if (!isReadable(value, Long.BYTES)) {
                return unreadable(value);
            }
            value = readLong(value);
        }
        return true;
    }

    private boolean unknown() {
        unknownRegister = true;
        return fail(StopReason.BAD_UNWIND_INFO);
    }

    /** Fails because of an address that cannot be read. */
    boolean unreadable(long address) {
        return fail(whyUnreadable(address));
    }

    private boolean fail(StopReason reason) {
        failure = reason;
        return false;
    }

    /** Whether a process can have anything mapped at an address. */
    static boolean isPossible(long address) {
        return Long.compareUnsigned(address, LOWEST_ADDRESS) >= 0 && Long.compareUnsigned(address, USER_END) < 0;
    }

    /**
     * What is said of an address that cannot be read: that the recording ends before it, or that the address is a bad one.
     *
     * <p>Where memory is described as a whole, it knows. Where there is only a dump, the mapping decides: an address above the dump in
     * the dump's own mapping, or in one that was not recorded (perf records only what can be executed, so no stack is, unless it is asked
     * for data), may well have been good. One below the dump's stack pointer, in a mapping that was recorded, or that no process can have, is not.
     */
    StopReason whyUnreadable(long address) {
        if (beyond != null) {
            return beyond.absence(address) == Memory.Absence.NOT_RECORDED
                    ? StopReason.DUMP_EXHAUSTED
                    : StopReason.BAD_MEMORY;
        }
        if (!isPossible(address)) {
            return StopReason.BAD_MEMORY;
        }
        Mapping mapping = space.find(address);
        boolean aboveDump = Long.compareUnsigned(address, stack.address()) >= 0;
        if (mapping != null) {
            return aboveDump && mapping.contains(stack.address()) ? StopReason.DUMP_EXHAUSTED : StopReason.BAD_MEMORY;
        }
        if (space.find(stack.address()) != null) {
            return StopReason.BAD_MEMORY; // data was recorded, the stack with it: what is not there was not mapped
        }
        boolean justBelow = !aboveDump && Long.compareUnsigned(stack.address() - address, NEAR) <= 0;
        return justBelow ? StopReason.BAD_MEMORY : StopReason.DUMP_EXHAUSTED;
    }

    /** {@code vm.mmap_min_addr} of every distribution: nothing is mapped below. */
    private static final long LOWEST_ADDRESS = 0x1_0000;

    /** The end of the lower canonical half with five-level page tables. */
    private static final long USER_END = 1L << 56;

    /** How far below the stack pointer an address is taken to be in the same stack, in bytes: a page. */
    private static final long NEAR = 4096;

    // The machine that expressions are evaluated on: this frame's registers, and whatever memory there is.

    @Override
    public boolean isKnown(int register) {
        return frame.isKnown(register);
    }

    @Override
    public long register(int register) {
        reliedOnLeftOver |= (leftOver >>> register & 1) != 0;
        return frame.get(register);
    }

    @Override
    public boolean isReadable(long address, int length) {
        return stack.isReadable(address, length) || beyond != null && beyond.isReadable(address, length);
    }

    @Override
    public long read(long address, int length) {
        if (isReadable(address, Long.BYTES)) {
            return readLong(address) & -1L >>> Long.SIZE - length * Byte.SIZE;
        }
        // At the end of a dump, which may be shorter than a word.
        if (stack.isReadable(address, length)) {
            return stack.read(address, length);
        }
        return DwarfExpression.Machine.super.read(address, length);
    }

    @Override
    public long readLong(long address) {
        if (stack.isReadable(address, Long.BYTES) || beyond == null) {
            return stack.readLong(address);
        }
        return beyond.readLong(address);
    }
}
