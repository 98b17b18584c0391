package org.backstitch.code.stack;

import org.backstitch.unwind.machine.X86_64;

/**
 * What is known of the machine between two instructions: the sixteen general registers, and the slots of the frame that hold
 * something that matters, each a {@link Value}.
 *
 * <p>A slot is known by its address, a value of kind {@link Value#CFA} or {@link Value#ALIGNED}. A slot that is not listed holds a value
 * that has nothing to do with the frame, unless {@link #isLossy}. Mutable; belongs to one analysis.
 */
public final class StackState {
    static final int REGISTERS = 16;
    private static final int WORD = 8;

    final long[] registers = new long[REGISTERS];
    final FrameSlots slots = new FrameSlots();
    final IndexedSlot indexed = new IndexedSlot();
    /** The registers of the last comparison; -1 for none that is known. */
    private int comparedA = -1;

    private int comparedB = -1;

    StackState() {}

    /** The state at the entry of a function: RSP is CFA - 8, where the return address lies; every other register is its own. */
    void enter() {
        for (int register = 0; register < REGISTERS; register++) {
            registers[register] = Value.initial(register);
        }
        registers[X86_64.RSP] = Value.cfa(-WORD);
        slots.clear();
        indexed.clear();
        comparedA = -1;
        slots.store(Value.cfa(-WORD), Value.initial(X86_64.RIP));
    }

    /** The state that knows nothing. */
    void forget() {
        java.util.Arrays.fill(registers, Value.UNKNOWN);
        slots.clear();
        indexed.clear();
        slots.lossy = true;
        comparedA = -1;
    }

    /** What a register holds: 0 to 15 by its DWARF number. */
    public long register(int register) {
        return registers[register];
    }

    void setRegister(int register, long value) {
        registers[register] = value;
    }

    /** Whether something that matters may have been stored where it was not followed. */
    public boolean isLossy() {
        return slots.lossy;
    }

    /** How many slots are listed. */
    public int slotCount() {
        return slots.count;
    }

    /** The address of a listed slot: a value of kind {@link Value#CFA} or {@link Value#ALIGNED}. */
    public long slotAddress(int index) {
        return slots.addresses[index];
    }

    /** What a listed slot holds. */
    public long slotValue(int index) {
        return slots.values[index];
    }

    /** What the eight bytes at an address hold. */
    public long memory(long address) {
        return slots.get(address);
    }

    /** Whether the eight bytes at an address in the frame are listed. */
    public boolean isTracked(long address) {
        return slots.find(address) >= 0;
    }

    /** The address of a slot that holds what {@code register} held at the entry, the highest; {@link Value#UNKNOWN} if none does. */
    public long slotOf(int register) {
        long wanted = Value.initial(register);
        long found = Value.UNKNOWN;
        for (int i = 0; i < slots.count; i++) {
            if (slots.values[i] == wanted && (found == Value.UNKNOWN || slots.addresses[i] > found)) {
                found = slots.addresses[i];
            }
        }
        return found;
    }

    /** The register that an indexed slot is found by ({@link #indexedAddress} + 8 * it); -1 if there is no such slot. */
    public int indexRegister() {
        return indexed.index();
    }

    /** Where the indexed slot would be if its register were 0: a value of kind {@link Value#CFA} or {@link Value#ALIGNED}. */
    public long indexedAddress() {
        return indexed.address();
    }

    /** What the indexed slot holds: the CFA plus a constant. */
    public long indexedValue() {
        return indexed.value();
    }

    /** Whether RSP and the callee-saved registers are as at the entry of a function: so is a tail call made. */
    public boolean isAtEntry() {
        if (registers[X86_64.RSP] != Value.cfa(-WORD)) {
            return false;
        }
        for (int register = 0; register < REGISTERS; register++) {
            if (Value.isCalleeSaved(register) && registers[register] != Value.initial(register)) {
                return false;
            }
        }
        return true;
    }

    /**
     * Whether RBP is zero and the caller's is kept nowhere: so does code mark the outermost frame (System V ABI x86-64 §3.4.1). Other code may
     * merely need a register.
     */
    public boolean marksOutermost() {
        if (registers[X86_64.RBP] != Value.of(Value.CONSTANT, 0)
                || slotOf(X86_64.RBP) != Value.UNKNOWN
                || slots.lossy) {
            return false;
        }
        for (int register = 0; register < REGISTERS; register++) {
            if (registers[register] == Value.initial(X86_64.RBP)) {
                return false;
            }
        }
        return true;
    }

    /** Executes a word that control passes. */
    void apply(long word) {
        int a = Effect.a(word);
        int b = Effect.b(word);
        int n = Effect.n(word);
        if (Effect.operation(word) == Effect.LOAD_TABLE_64 && b != Effect.NO_REGISTER && Value.isFrame(registers[b])) {
            long value = indexed.load(Effect.width(word), Value.plus(registers[b], n));
            indexed.write(1 << a);
            registers[a] = value;
            return;
        }
        indexed.write(Effect.written(word));
        switch (Effect.operation(word)) {
            case Effect.SET -> {
                for (int mask = n; mask != 0; mask &= mask - 1) {
                    registers[Integer.numberOfTrailingZeros(mask)] = Value.OTHER;
                }
            }
            case Effect.MOVE -> registers[a] = registers[b];
            case Effect.LEA -> registers[a] = Value.plus(registers[b], n);
            case Effect.ADDRESS -> registers[a] = Value.of(Value.MODULE, n);
            case Effect.LEA_INDEXED -> registers[a] = Value.matters(registers[b]) ? Value.UNKNOWN : Value.OTHER;
            case Effect.ADD -> registers[a] = Value.plus(registers[a], n);
            case Effect.CONSTANT -> registers[a] = Value.of(Value.CONSTANT, n);
            case Effect.PUSH -> push(registers[a], WORD);
            case Effect.PUSH_OTHER -> push(Value.OTHER, n);
            case Effect.PUSH_MEMORY -> push(memory(Value.plus(registers[b], n)), WORD);
            case Effect.POP -> {
                long value = pop();
                registers[a] = value;
            }
            case Effect.LOAD -> registers[a] = memory(Value.plus(registers[b], n));
            case Effect.STORE -> slots.store(Value.plus(registers[b], n), registers[a]);
            case Effect.CLOBBER -> {
                long address = Value.plus(registers[b], n);
                if (Value.isFrame(address)) {
                    slots.overwrite(address, Effect.width(word), heldByRegisters());
                }
            }
            case Effect.AND -> and(a, n);
            case Effect.LEAVE -> {
                registers[X86_64.RSP] = registers[X86_64.RBP];
                registers[X86_64.RBP] = pop();
            }
            case Effect.ENTER -> {
                push(registers[X86_64.RBP], WORD);
                registers[X86_64.RBP] = registers[X86_64.RSP];
                registers[X86_64.RSP] = Value.plus(registers[X86_64.RSP], -n);
            }
            case Effect.EXCHANGE -> {
                long value = registers[a];
                registers[a] = registers[b];
                registers[b] = value;
            }
            case Effect.ADD_REGISTER -> addRegister(a, b);
            case Effect.SUBTRACT_REGISTER -> subtractRegister(a, b);
            case Effect.COMPARE -> {
                comparedA = a;
                comparedB = b;
            }
            case Effect.LOAD_TABLE_32 -> {
                long table = Value.kind(registers[b]) == Value.MODULE ? registers[b] : registers[Effect.width(word)];
                registers[a] = Value.kind(table) == Value.MODULE
                        ? Value.of(Value.TABLE_ENTRY, Value.offset(table))
                        : Value.OTHER;
            }
            case Effect.EXTEND -> {
                if (Value.kind(registers[a]) != Value.TABLE_ENTRY) {
                    registers[a] = Value.OTHER;
                }
            }
            case Effect.LOAD_TABLE_64 -> loadPointer(a, b, n);
            case Effect.STORE_INDEXED -> indexed.store(Effect.width(word), Value.plus(registers[b], n), registers[a]);
            default -> {
                // Nothing that matters.
            }
        }
    }

    /** The registers whose values at the entry some register holds, as a mask. */
    private int heldByRegisters() {
        int mask = 0;
        for (int register = 0; register < REGISTERS; register++) {
            int saved = Value.savedRegister(registers[register]);
            mask |= saved < 0 ? 0 : 1 << saved;
        }
        return mask;
    }

    private void loadPointer(int a, int b, int n) {
        if (b == Effect.NO_REGISTER) {
            registers[a] = Value.of(Value.TABLE_POINTER, n);
        } else {
            long table = registers[b];
            if (Value.kind(table) == Value.MODULE) {
                registers[a] = Value.of(Value.TABLE_POINTER, Value.offset(table) + n);
            } else {
                registers[a] = Value.isFrame(table) || table == Value.UNKNOWN ? Value.UNKNOWN : Value.OTHER;
            }
        }
    }

    private void push(long value, int width) {
        long rsp = Value.plus(registers[X86_64.RSP], -width);
        registers[X86_64.RSP] = rsp;
        if (width == WORD) {
            slots.store(rsp, value);
        } else if (Value.isFrame(rsp)) {
            slots.erase(rsp, width);
        }
    }

    private long pop() {
        long value = memory(registers[X86_64.RSP]);
        registers[X86_64.RSP] = Value.plus(registers[X86_64.RSP], WORD);
        return value;
    }

    private void and(int a, int n) {
        long value = registers[a];
        if (Value.kind(value) == Value.CONSTANT) {
            registers[a] = Value.of(Value.CONSTANT, Value.offset(value) & n);
        } else if (Value.isFrame(value) || value == Value.UNKNOWN) {
            registers[a] = a == X86_64.RSP || Value.isFrame(value) ? newPlace(a) : Value.UNKNOWN;
        } else {
            registers[a] = Value.OTHER;
        }
    }

    private void addRegister(int a, int b) {
        long left = registers[a];
        long right = registers[b];
        if (Value.kind(right) == Value.CONSTANT) {
            registers[a] = Value.plus(left, Value.offset(right));
        } else if (Value.kind(left) == Value.CONSTANT) {
            registers[a] = Value.plus(right, Value.offset(left));
        } else if (isEntryOf(left, right) || isEntryOf(right, left)) {
            registers[a] = Value.of(Value.TABLE_TARGET, Value.offset(left));
        } else {
            moveBySomething(a, Value.matters(left) || Value.matters(right));
        }
    }

    private static boolean isEntryOf(long entry, long table) {
        return Value.kind(entry) == Value.TABLE_ENTRY
                && Value.kind(table) == Value.MODULE
                && Value.offset(entry) == Value.offset(table);
    }

    private void subtractRegister(int a, int b) {
        long right = registers[b];
        if (a == b) {
            registers[a] = Value.of(Value.CONSTANT, 0);
        } else if (Value.kind(right) == Value.CONSTANT) {
            registers[a] = Value.plus(registers[a], -(long) Value.offset(right));
        } else {
            moveBySomething(a, Value.matters(registers[a]) || Value.matters(right));
        }
    }

    private void moveBySomething(int a, boolean frame) {
        if (a == X86_64.RSP) {
            registers[a] = newPlace(a);
        } else {
            registers[a] = frame ? Value.UNKNOWN : Value.OTHER;
        }
    }

    /**
     * A new place in the frame, which {@code register} will point to. The old one is forgotten; if it is still needed, because RBP or
     * another callee-saved register points to it, the new one cannot be told from it and is unknown.
     */
    private long newPlace(int register) {
        for (int other = 0; other < REGISTERS; other++) {
            if (other != register
                    && (Value.isCalleeSaved(other) || other == X86_64.RSP)
                    && Value.kind(registers[other]) == Value.ALIGNED) {
                return Value.UNKNOWN;
            }
        }
        for (int other = 0; other < REGISTERS; other++) {
            if (other != register && Value.kind(registers[other]) == Value.ALIGNED) {
                registers[other] = Value.UNKNOWN;
            }
        }
        slots.forgetPlace();
        indexed.forgetPlace();
        return Value.of(Value.ALIGNED, 0);
    }

    /**
     * What a call leaves: the callee preserves RSP and the callee-saved registers, and owns what lies below RSP.
     *
     * @param preserved the other registers that are known to be left alone, as a mask
     */
    void call(int preserved) {
        for (int register = 0; register < REGISTERS; register++) {
            if (!Value.isCalleeSaved(register) && register != X86_64.RSP && (preserved >>> register & 1) == 0) {
                registers[register] = Value.OTHER;
                indexed.write(1 << register);
            }
        }
        slots.eraseBelow(registers[X86_64.RSP]);
        slots.forgetLocals();
        comparedA = -1;
    }

    /** Says of some registers that they hold something else now; of RBP, that it may. */
    void change(int mask) {
        for (int register = 0; register < REGISTERS; register++) {
            if ((mask >>> register & 1) != 0) {
                registers[register] = register == X86_64.RBP ? Value.UNKNOWN : Value.OTHER;
            }
        }
        indexed.write(mask);
    }

    void forgetComparison() {
        comparedA = -1;
    }

    /** Whether the system call that RAX names returns: {@code exit}, {@code exit_group} and {@code rt_sigreturn} of Linux do not. */
    boolean systemCallReturns() {
        long number = registers[X86_64.RAX];
        return number != Value.of(Value.CONSTANT, 60)
                && number != Value.of(Value.CONSTANT, 231)
                && number != Value.of(Value.CONSTANT, 15);
    }

    /** Whether the system call that RAX names returns on another stack as well: {@code clone} and {@code clone3} of Linux. */
    boolean systemCallStartsTask() {
        long number = registers[X86_64.RAX];
        return number == Value.of(Value.CONSTANT, 56) || number == Value.of(Value.CONSTANT, 435);
    }

    /**
     * On the way out of a branch on which the two registers compared are equal, what is known of one is known of the other.
     *
     * @return false if they cannot be equal: the loop that probes a new frame page by page is not left before its end
     */
    boolean assumeEqual() {
        if (comparedA < 0) {
            return true;
        }
        long left = registers[comparedA];
        long right = registers[comparedB];
        if (left == Value.UNKNOWN) {
            registers[comparedA] = right;
        } else if (right == Value.UNKNOWN) {
            registers[comparedB] = left;
        } else {
            return left == right || !Value.isFrame(left) || Value.kind(left) != Value.kind(right);
        }
        return true;
    }

    /**
     * Whether another state can belong to the same place of one function: RSP is the same, and so are the saved registers that lie in
     * the frame at or above it.
     */
    boolean agreesWith(StackState that) {
        long rsp = registers[X86_64.RSP];
        long other = that.registers[X86_64.RSP];
        if (rsp == Value.UNKNOWN || other == Value.UNKNOWN) {
            return true;
        }
        return rsp == other && slots.holdsSavedOf(that.slots, rsp) && that.slots.holdsSavedOf(slots, rsp);
    }

    void copyFrom(StackState that) {
        System.arraycopy(that.registers, 0, registers, 0, REGISTERS);
        slots.copyFrom(that.slots);
        indexed.copyFrom(that.indexed);
        comparedA = that.comparedA;
        comparedB = that.comparedB;
    }

    @Override
    public String toString() {
        StringBuilder text = new StringBuilder();
        for (int register = 0; register < REGISTERS; register++) {
            boolean own = registers[register] == Value.initial(register);
            if (Value.matters(registers[register]) && !own || Value.isCalleeSaved(register) && !own) {
                text.append(text.isEmpty() ? "" : " ")
                        .append(X86_64.name(register))
                        .append('=')
                        .append(Value.describe(registers[register]).replace(' ', '-'));
            }
        }
        for (int i = 0; i < slots.count; i++) {
            text.append(" [")
                    .append(Value.describe(slots.addresses[i]))
                    .append("]=")
                    .append(Value.describe(slots.values[i]).replace(' ', '-'));
        }
        return text.toString();
    }
}
