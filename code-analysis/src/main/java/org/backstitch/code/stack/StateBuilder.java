package org.backstitch.code.stack;

import org.backstitch.unwind.machine.X86_64;

/** Fills in a state that somebody assumes: begins with every callee-saved register its own, the others something else. */
public final class StateBuilder {
    private final StackState state;

    StateBuilder(StackState state) {
        this.state = state;
    }

    /** Begins: callee-saved registers have their initial values, RSP is unknown, nothing is known of the frame. */
    public void begin() {
        state.forget();
        for (int register = 0; register < StackState.REGISTERS; register++) {
            state.setRegister(register, Value.isCalleeSaved(register) ? Value.initial(register) : Value.OTHER);
        }
        state.setRegister(X86_64.RSP, Value.UNKNOWN);
        state.slots.lossy = false;
    }

    /** A register's {@link Value}. */
    public void register(int register, long value) {
        state.setRegister(register, value);
    }

    /** The {@link Value} in the eight bytes at an address in the frame. */
    public void slot(long address, long value) {
        state.slots.store(address, value);
    }

    /** The state as it is so far. */
    public StackState state() {
        return state;
    }
}
