package org.backstitch.code.verify;

import org.backstitch.code.stack.StackState;
import org.backstitch.code.stack.StateBuilder;
import org.backstitch.code.stack.Value;
import org.backstitch.elf.orc.OrcEntry;
import org.backstitch.elf.orc.OrcRegister;
import org.backstitch.elf.orc.OrcType;
import org.backstitch.unwind.machine.X86_64;

/**
 * Holds an ORC entry against a state of the machine.
 *
 * <p>An entry claims where the previous SP is, that the return address lies below it, and where the previous BP is; of other registers ORC
 * says nothing. In entry code, whose frame the hardware made, the place of the interrupt frame (RIP, CS, RFLAGS, RSP, SS) stands for the
 * CFA: REGS_PARTIAL entries lead to it, REGS entries to the {@code pt_regs} that ends in it.
 */
final class OrcCheck {
    /** Where {@code pt_regs.ip} lies in {@code struct pt_regs}, in bytes (Linux, {@code asm/ptrace.h}). */
    private static final int INTERRUPT_FRAME = 128;

    /** The registers of {@code struct pt_regs} from its start on. */
    private static final int[] PT_REGS = {
        X86_64.R15,
        X86_64.R14,
        X86_64.R13,
        X86_64.R12,
        X86_64.RBP,
        X86_64.RBX,
        X86_64.R11,
        X86_64.R10,
        X86_64.R9,
        X86_64.R8,
        X86_64.RAX,
        X86_64.RCX,
        X86_64.RDX,
        X86_64.RSI,
        X86_64.RDI
    };

    private String subject = "";
    private long found;

    String subject() {
        return subject;
    }

    String describeFound() {
        return Value.describe(found);
    }

    /** What the entry says of the subject, in objtool's words. */
    String claim(OrcEntry entry) {
        String text = entry.toString();
        int from = text.indexOf(subject.equals("BP") ? " bp:" : " sp:") + 4;
        return text.substring(from, text.indexOf(' ', from));
    }

    /** Whether the entry is what holds at the entry of every function. */
    static boolean isEntry(OrcEntry entry) {
        return entry.type() == OrcType.CALL
                && entry.spRegister() == OrcRegister.SP
                && entry.spOffset() == 8
                && entry.bpRegister() == OrcRegister.UNDEFINED;
    }

    Verdict check(OrcEntry entry, StackState state) {
        subject = "SP";
        found = Value.cfa(0);
        if (!entry.type().describesFrame()) {
            return Verdict.PROVED;
        }
        boolean interrupted = state.memory(Value.cfa(0)) == Value.initial(X86_64.RIP);
        if (interrupted != (entry.type() != OrcType.CALL)) {
            found = Value.UNKNOWN;
            return Verdict.UNDECIDED;
        }
        found = previousSp(entry, state);
        if (entry.type() == OrcType.REGS && Value.isFrame(found)) {
            found = plus(found, INTERRUPT_FRAME);
        }
        if (found != Value.cfa(0)) {
            if (entry.type() != OrcType.CALL && state.memory(found) == Value.initial(X86_64.RIP)) {
                return Verdict.UNDECIDED; // a copy of the interrupt frame, as good as itself if all of it was copied
            }
            // Another stack's address is no distance from this frame.
            return Value.kind(found) == Value.CFA ? Verdict.CONTRADICTED : Verdict.UNDECIDED;
        }
        if (entry.type() != OrcType.CALL) {
            return entry.type() == OrcType.REGS ? savedRegisters(state) : Verdict.PROVED;
        }
        Verdict address = compare("return address", state.memory(Value.cfa(-8)), X86_64.RIP);
        return address == Verdict.PROVED ? previousBp(entry, state) : address;
    }

    private Verdict compare(String what, long value, int register) {
        if (value == Value.initial(register)) {
            return Verdict.PROVED;
        }
        subject = what;
        found = value;
        return value == Value.UNKNOWN ? Verdict.UNDECIDED : Verdict.CONTRADICTED;
    }

    private Verdict previousBp(OrcEntry entry, StackState state) {
        long value = switch (entry.bpRegister()) {
            case UNDEFINED -> state.register(X86_64.RBP);
            case PREV_SP -> state.memory(Value.cfa(entry.bpOffset()));
            case BP -> state.memory(plus(state.register(X86_64.RBP), entry.bpOffset()));
            default -> Value.UNKNOWN;
        };
        return compare("BP", value, X86_64.RBP);
    }

    /** The unwinder takes BP from the registers that were saved. */
    private Verdict savedRegisters(StackState state) {
        return compare("BP", state.memory(Value.cfa(-INTERRUPT_FRAME + 8 * 4)), X86_64.RBP);
    }

    private static long previousSp(OrcEntry entry, StackState state) {
        int offset = entry.spOffset();
        return switch (entry.spRegister()) {
            case SP -> plus(state.register(X86_64.RSP), offset);
            case BP -> plus(state.register(X86_64.RBP), offset);
            case AX -> state.register(X86_64.RAX);
            case DX -> state.register(X86_64.RDX);
            case DI -> state.register(X86_64.RDI);
            case R10 -> state.register(X86_64.R10);
            case R13 -> state.register(X86_64.R13);
            case SP_INDIRECT -> plus(state.memory(state.register(X86_64.RSP)), offset);
            case BP_INDIRECT -> state.memory(plus(state.register(X86_64.RBP), offset));
            case SP_OFFSET_INDIRECT -> state.memory(plus(state.register(X86_64.RSP), offset));
            case UNDEFINED, PREV_SP -> Value.UNKNOWN;
        };
    }

    private static long plus(long value, int offset) {
        return Value.isFrame(value) ? Value.of(Value.kind(value), Value.offset(value) + offset) : value;
    }

    /**
     * The state that an entry says holds.
     *
     * @return false if it does not say enough
     */
    static boolean assume(OrcEntry entry, StateBuilder state) {
        if (entry.spRegister() == OrcRegister.BP_INDIRECT && entry.type() == OrcType.CALL) {
            assumeRealigned(entry, state);
            return true;
        }
        int base = switch (entry.spRegister()) {
            case SP -> X86_64.RSP;
            case BP -> X86_64.RBP;
            case R10 -> X86_64.R10;
            default -> -1;
        };
        if (base < 0 || !entry.type().describesFrame()) {
            return false;
        }
        int offset = base == X86_64.R10 ? 0 : entry.spOffset();
        state.begin();
        switch (entry.type()) {
            case CALL -> {
                state.register(base, Value.cfa(-offset));
                state.slot(Value.cfa(-8), Value.initial(X86_64.RIP));
                assumeBp(entry, state);
            }
            case REGS_PARTIAL -> {
                state.register(base, Value.cfa(-offset));
                state.slot(Value.cfa(0), Value.initial(X86_64.RIP));
            }
            default -> {
                state.register(base, Value.cfa(-offset - INTERRUPT_FRAME));
                state.slot(Value.cfa(0), Value.initial(X86_64.RIP));
                for (int i = 0; i < PT_REGS.length; i++) {
                    state.slot(Value.cfa(-INTERRUPT_FRAME + 8 * i), Value.initial(PT_REGS[i]));
                }
            }
        }
        return true;
    }

    /** BP is at an unknown distance from the CFA, but has it below. */
    private static void assumeRealigned(OrcEntry entry, StateBuilder state) {
        state.begin();
        state.register(X86_64.RBP, Value.of(Value.ALIGNED, 0));
        state.slot(Value.of(Value.ALIGNED, entry.spOffset()), Value.cfa(0));
        state.slot(Value.cfa(-8), Value.initial(X86_64.RIP));
        if (entry.bpRegister() == OrcRegister.BP) {
            state.slot(Value.of(Value.ALIGNED, entry.bpOffset()), Value.initial(X86_64.RBP));
        }
    }

    private static void assumeBp(OrcEntry entry, StateBuilder state) {
        if (entry.bpRegister() == OrcRegister.PREV_SP) {
            state.slot(Value.cfa(entry.bpOffset()), Value.initial(X86_64.RBP));
            if (entry.spRegister() != OrcRegister.BP) {
                state.register(X86_64.RBP, Value.UNKNOWN);
            }
        }
    }
}
