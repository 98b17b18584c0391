package org.backstitch.code.stack;

import org.backstitch.code.capstone.Instruction;
import org.backstitch.code.capstone.Operation;
import org.backstitch.unwind.machine.X86_64;

/** Translates decoded instructions into {@link Effect} words. Not thread-safe. */
final class EffectDecoder {
    private static final int SET_BY_SYSTEM = 1 << X86_64.RAX | 1 << X86_64.RCX | 1 << X86_64.R11;
    private static final int OPERAND_SIZE_PREFIX = 0x66;
    private static final int LOCK_PREFIX = 0xf0;

    private final long moduleBase;
    private final boolean kernel;

    /** The words of the instruction that was translated last. */
    final long[] words = new long[2];

    int count;

    /**
     * @param moduleBase the address of the start of the module's space, which absolute displacements count from
     * @param kernel whether traps may return
     */
    EffectDecoder(long moduleBase, boolean kernel) {
        this.moduleBase = moduleBase;
        this.kernel = kernel;
    }

    /** Translates an instruction, whose address must be in the module's space. */
    void decode(Instruction in) {
        count = 0;
        translate(in);
        if (count == 0) {
            words[count++] = Effect.NONE;
        }
        words[0] = Effect.withLength(words[0], in.size());
        if (in.byteAt(0) == LOCK_PREFIX) {
            words[0] |= Effect.LOCK;
        }
        if (count == 2) {
            words[0] |= Effect.MORE;
        }
    }

    private void emit(long word) {
        words[count++] = word;
    }

    private void translate(Instruction in) {
        Operation operation = in.operation();
        switch (operation) {
            case NOP, ENDBR64 -> emit(operation == Operation.NOP ? Effect.PADDING : Effect.NONE);
            case TEST, BT, PREFETCH, PREFETCHT0, PREFETCHT1, PREFETCHT2, PREFETCHNTA, PREFETCHW -> {}
            case MOV, MOVABS -> move(in);
            case MOVSXD -> moveExtended(in);
            case MOVZX -> moveZeroExtended(in);
            case CDQE -> emit(Effect.of(Effect.EXTEND, X86_64.RAX, 0));
            case LEA -> loadAddress(in);
            case PUSH -> push(in);
            case PUSHFQ -> emit(Effect.of(Effect.PUSH_OTHER, Effect.NO_REGISTER, 8));
            case POP -> pop(in);
            case POPFQ -> emit(Effect.of(Effect.ADD, X86_64.RSP, 8));
            case ADD, SUB, INC, DEC -> add(in, operation);
            case AND -> and(in);
            case XOR -> xor(in);
            case CMP -> compare(in);
            case XCHG -> exchange(in);
            case LEAVE -> emit(Effect.of(Effect.LEAVE, Effect.NO_REGISTER, 0));
            case ENTER -> emit(Effect.of(Effect.ENTER, Effect.NO_REGISTER, (int) in.immediate(0)));
            case CALL, LCALL -> call(in);
            case JMP, LJMP -> jump(in);
            case JE -> branch(in, 2);
            case JNE -> branch(in, 1);
            case JA, JAE, JB, JBE, JG, JGE, JL, JLE, JO, JNO, JP, JNP, JS, JNS, JRCXZ, JECXZ, XBEGIN -> branch(in, 0);
            case LOOP, LOOPE, LOOPNE -> branch(in, 0);
            case RET -> emit(Effect.of(Effect.RETURN, Effect.NO_REGISTER, 0));
            case RETF, RETFQ, IRET, IRETD, IRETQ, SYSRET, SYSEXIT ->
                emit(Effect.of(Effect.RETURN, Effect.NO_REGISTER, Effect.FAR));
            case SYSCALL, SYSENTER, INT -> emit(Effect.of(Effect.SYSTEM_CALL, Effect.NO_REGISTER, SET_BY_SYSTEM));
            case INT3 -> emit(Effect.of(Effect.TRAP, Effect.NO_REGISTER, 0) | Effect.PADDING);
            case HLT -> emit(kernel ? Effect.NONE : Effect.STOP | Effect.PADDING);
            case UD0, UD1, UD2 -> emit((kernel ? Effect.TRAP : Effect.STOP) | Effect.PADDING);
            default -> generic(in);
        }
    }

    private static boolean isGeneral(int register) {
        return register >= 0 && register < X86_64.RIP;
    }

    /** Whether operand {@code i} is a whole general register. */
    private static boolean isWhole(Instruction in, int i) {
        return in.kind(i) == Instruction.REGISTER && in.width(i) == 8 && isGeneral(in.register(i));
    }

    /** Whether operand {@code i} is memory at a general register plus a displacement. */
    private static boolean isSimpleMemory(Instruction in, int i) {
        return in.kind(i) == Instruction.MEMORY
                && !in.hasMemorySegment(i)
                && isGeneral(in.memoryBase(i))
                && in.memoryIndex(i) == Instruction.NO_REGISTER
                && isInt(in.memoryDisplacement(i));
    }

    private static boolean isModuleMemory(Instruction in, int i) {
        return in.kind(i) == Instruction.MEMORY
                && !in.hasMemorySegment(i)
                && in.memoryBase(i) == X86_64.RIP
                && isInt(in.end() + in.memoryDisplacement(i));
    }

    /** Whether operand {@code i} is an entry of a table: base, or none, plus index times {@code scale}, plus displacement. */
    private static boolean isTableEntry(Instruction in, int i, int scale) {
        return in.kind(i) == Instruction.MEMORY
                && !in.hasMemorySegment(i)
                && isGeneral(in.memoryIndex(i))
                && in.memoryScale(i) == scale
                && in.memoryBase(i) != X86_64.RIP
                && isInt(in.memoryDisplacement(i));
    }

    /** Whether operand {@code i} is a 32-bit entry of a table without a displacement, its index scaled here or before. */
    private static boolean isPlainTableEntry(Instruction in, int i) {
        return (isTableEntry(in, i, 4) || isTableEntry(in, i, 1))
                && isGeneral(in.memoryBase(i))
                && in.memoryDisplacement(i) == 0;
    }

    private static boolean isInt(long value) {
        return (int) value == value;
    }

    private void set(int register) {
        if (isGeneral(register)) {
            emit(Effect.of(Effect.SET, Effect.NO_REGISTER, 1 << register));
        }
    }

    private void move(Instruction in) {
        if (in.operandCount() != 2) {
            generic(in);
        } else if (in.kind(0) == Instruction.REGISTER) {
            moveToRegister(in);
        } else if (isSimpleMemory(in, 0) && isWhole(in, 1)) {
            emit(Effect.of(Effect.STORE, in.register(1), in.memoryBase(0), (int) in.memoryDisplacement(0)));
        } else if (isTableEntry(in, 0, 8) && isGeneral(in.memoryBase(0)) && isWhole(in, 1)) {
            emit(tableWord(Effect.STORE_INDEXED, in, 0, in.register(1)));
        } else {
            clobber(in, 0);
        }
    }

    private void moveToRegister(Instruction in) {
        int target = in.register(0);
        if (!isGeneral(target)) {
            return;
        }
        boolean whole = in.width(0) == 8;
        if (in.kind(1) == Instruction.IMMEDIATE) {
            long value = in.immediate(1);
            boolean known = whole ? isInt(value) : in.width(0) == 4 && value >= 0 && isInt(value);
            emit(known ? Effect.of(Effect.CONSTANT, target, (int) value) : setWord(target));
        } else if (in.width(0) == 4 && in.kind(1) == Instruction.REGISTER && isGeneral(in.register(1))) {
            // The lower half of another register: it may be the index of a jump table.
            emit(Effect.of(Effect.SET, Effect.NO_REGISTER, in.register(1), 1 << target));
        } else if (whole && isWhole(in, 1)) {
            emit(Effect.of(Effect.MOVE, target, in.register(1), 0));
        } else if (whole && isSimpleMemory(in, 1)) {
            emit(Effect.of(Effect.LOAD, target, in.memoryBase(1), (int) in.memoryDisplacement(1)));
        } else if (whole && isTableEntry(in, 1, 8)) {
            emit(tableWord(Effect.LOAD_TABLE_64, in, 1, target));
        } else if (in.width(0) == 4 && isPlainTableEntry(in, 1)) {
            emit(tableWord(Effect.LOAD_TABLE_32, in, 1, target));
        } else {
            emit(setWord(target));
        }
    }

    private static long setWord(int register) {
        return Effect.of(Effect.SET, Effect.NO_REGISTER, 1 << register);
    }

    /** A look-up in a table; where there is no base, the displacement is the table's address and is counted in the module. */
    private long tableWord(int operation, Instruction in, int i, int target) {
        long displacement = in.memoryDisplacement(i);
        int base = in.memoryBase(i);
        if (!isGeneral(base)) {
            base = Effect.NO_REGISTER;
            displacement -= moduleBase;
        }
        int n = isInt(displacement) ? (int) displacement : Integer.MIN_VALUE;
        return Effect.withWidth(Effect.of(operation, target, base, n), in.memoryIndex(i));
    }

    private void moveExtended(Instruction in) {
        int target = in.register(0);
        if (in.width(0) == 8 && in.width(1) == 4 && isPlainTableEntry(in, 1)) {
            emit(tableWord(Effect.LOAD_TABLE_32, in, 1, target));
        } else {
            set(target);
        }
    }

    private void moveZeroExtended(Instruction in) {
        int target = in.register(0);
        if (in.width(0) >= 4 && isGeneral(target) && in.kind(1) == Instruction.REGISTER && isGeneral(in.register(1))) {
            emit(Effect.of(Effect.SET, Effect.NO_REGISTER, in.register(1), 1 << target));
        } else {
            generic(in);
        }
    }

    private void loadAddress(Instruction in) {
        int target = in.register(0);
        if (!isGeneral(target)) {
            return;
        }
        if (in.width(0) != 8) {
            set(target);
        } else if (isModuleMemory(in, 1)) {
            emit(Effect.of(Effect.ADDRESS, target, (int) (in.end() + in.memoryDisplacement(1))));
        } else if (isSimpleMemory(in, 1)) {
            emit(Effect.of(Effect.LEA, target, in.memoryBase(1), (int) in.memoryDisplacement(1)));
        } else if (isSum(in)) {
            sum(target, in.memoryBase(1), in.memoryIndex(1));
        } else if (isGeneral(in.memoryBase(1))) {
            // With a scale of 1 either register may be the pointer.
            boolean swapped = in.memoryScale(1) == 1 && in.memoryIndex(1) == X86_64.RSP;
            emit(Effect.of(Effect.LEA_INDEXED, target, swapped ? in.memoryIndex(1) : in.memoryBase(1), 0));
        } else {
            set(target);
        }
    }

    /** Whether the second operand is the plain sum of two registers. */
    private static boolean isSum(Instruction in) {
        return isGeneral(in.memoryBase(1))
                && isGeneral(in.memoryIndex(1))
                && in.memoryScale(1) == 1
                && in.memoryDisplacement(1) == 0;
    }

    private void sum(int target, int left, int right) {
        if (target == right) {
            emit(Effect.of(Effect.ADD_REGISTER, target, left, 0));
            return;
        }
        if (target != left) {
            emit(Effect.of(Effect.MOVE, target, left, 0));
        }
        emit(Effect.of(Effect.ADD_REGISTER, target, right, 0));
    }

    private void push(Instruction in) {
        int width = in.byteAt(0) == OPERAND_SIZE_PREFIX ? 2 : 8;
        if (width == 8 && isWhole(in, 0)) {
            emit(Effect.of(Effect.PUSH, in.register(0), 0));
        } else if (width == 8 && isSimpleMemory(in, 0)) {
            emit(Effect.of(Effect.PUSH_MEMORY, Effect.NO_REGISTER, in.memoryBase(0), (int) in.memoryDisplacement(0)));
        } else {
            emit(Effect.of(Effect.PUSH_OTHER, Effect.NO_REGISTER, width));
        }
    }

    private void pop(Instruction in) {
        int width = in.byteAt(0) == OPERAND_SIZE_PREFIX ? 2 : 8;
        if (width == 8 && isWhole(in, 0)) {
            emit(Effect.of(Effect.POP, in.register(0), 0));
            return;
        }
        emit(Effect.of(Effect.ADD, X86_64.RSP, width));
        if (in.kind(0) == Instruction.MEMORY) {
            // The address of pop's operand counts from RSP after the pop.
            clobber(in, 0);
        } else {
            set(in.register(0));
        }
    }

    private void add(Instruction in, Operation operation) {
        if (!isWhole(in, 0)) {
            generic(in);
            return;
        }
        int target = in.register(0);
        switch (operation) {
            case INC -> emit(Effect.of(Effect.ADD, target, 1));
            case DEC -> emit(Effect.of(Effect.ADD, target, -1));
            default -> {
                int sign = operation == Operation.SUB ? -1 : 1;
                if (in.kind(1) == Instruction.IMMEDIATE && isInt(in.immediate(1) * sign)) {
                    emit(Effect.of(Effect.ADD, target, (int) in.immediate(1) * sign));
                } else if (isWhole(in, 1)) {
                    emit(Effect.of(
                            sign < 0 ? Effect.SUBTRACT_REGISTER : Effect.ADD_REGISTER, target, in.register(1), 0));
                } else {
                    set(target);
                }
            }
        }
    }

    private void and(Instruction in) {
        if (isWhole(in, 0) && in.kind(1) == Instruction.IMMEDIATE && isInt(in.immediate(1))) {
            emit(Effect.of(Effect.AND, in.register(0), (int) in.immediate(1)));
        } else {
            generic(in);
        }
    }

    private void xor(Instruction in) {
        if (in.kind(0) == Instruction.REGISTER
                && in.kind(1) == Instruction.REGISTER
                && in.width(0) >= 4
                && isGeneral(in.register(0))
                && in.register(0) == in.register(1)) {
            emit(Effect.of(Effect.CONSTANT, in.register(0), 0));
        } else {
            generic(in);
        }
    }

    private void compare(Instruction in) {
        if (in.kind(0) != Instruction.REGISTER || !isGeneral(in.register(0))) {
            return;
        }
        if (in.kind(1) == Instruction.IMMEDIATE && isInt(in.immediate(1))) {
            emit(Effect.of(Effect.COMPARE_CONSTANT, in.register(0), (int) in.immediate(1)));
        } else if (isWhole(in, 0) && isWhole(in, 1)) {
            emit(Effect.of(Effect.COMPARE, in.register(0), in.register(1), 0));
        }
    }

    private void exchange(Instruction in) {
        if (isWhole(in, 0) && isWhole(in, 1)) {
            emit(Effect.of(Effect.EXCHANGE, in.register(0), in.register(1), 0));
        } else if (in.size() == 2 && in.byteAt(0) == OPERAND_SIZE_PREFIX && in.byteAt(1) == 0x90) {
            emit(Effect.PADDING); // xchg ax, ax
        } else {
            generic(in);
        }
    }

    private void call(Instruction in) {
        if (in.kind(0) == Instruction.IMMEDIATE && in.operation() == Operation.CALL) {
            emit(Effect.of(Effect.CALL, Effect.NO_REGISTER, target(in)));
        } else {
            emit(indirect(Effect.CALL_INDIRECT, in));
        }
    }

    private void jump(Instruction in) {
        if (in.kind(0) == Instruction.IMMEDIATE && in.operation() == Operation.JMP) {
            emit(Effect.of(Effect.JUMP, Effect.NO_REGISTER, target(in)));
        } else if (in.kind(0) == Instruction.REGISTER && isGeneral(in.register(0))) {
            emit(Effect.of(Effect.JUMP_REGISTER, in.register(0), 0));
        } else if (isTableEntry(in, 0, 8)) {
            emit(tableWord(Effect.JUMP_TABLE, in, 0, Effect.NO_REGISTER));
        } else {
            emit(indirect(Effect.JUMP_MEMORY, in));
        }
    }

    private static long indirect(int operation, Instruction in) {
        return isModuleMemory(in, 0)
                ? Effect.of(operation, Effect.IN_MODULE, (int) (in.end() + in.memoryDisplacement(0)))
                : Effect.of(operation, Effect.NO_REGISTER, 0);
    }

    private void branch(Instruction in, int equality) {
        emit(Effect.withWidth(Effect.of(Effect.BRANCH, Effect.NO_REGISTER, target(in)), equality));
    }

    /** Where a direct jump goes; what lies outside of the module's space is nowhere. */
    private static int target(Instruction in) {
        return isInt(in.immediate(0)) ? (int) in.immediate(0) : Integer.MIN_VALUE;
    }

    /** Whatever else an instruction does: it sets the registers that it writes, and overwrites the memory that it writes. */
    private void generic(Instruction in) {
        int mask = 0;
        int memory = -1;
        int operands = in.operandCount();
        for (int i = 0; i < operands; i++) {
            // Capstone leaves the access of some operands open: then it is taken for a write.
            if (in.writes(i) || !in.reads(i)) {
                if (in.kind(i) == Instruction.REGISTER && isGeneral(in.register(i))) {
                    mask |= 1 << in.register(i);
                } else if (in.kind(i) == Instruction.MEMORY) {
                    memory = i;
                }
            }
        }
        for (int i = in.implicitWriteCount() - 1; i >= 0; i--) {
            int register = in.implicitWrite(i);
            if (isGeneral(register)) {
                mask |= 1 << register;
            }
        }
        if (mask != 0) {
            emit(Effect.of(Effect.SET, Effect.NO_REGISTER, mask));
        }
        if (memory >= 0 && !isFence(in)) {
            clobber(in, memory);
        }
    }

    /** Compilers order memory by changing nothing at RSP: {@code lock or qword ptr [rsp], 0}. */
    private static boolean isFence(Instruction in) {
        if (in.operandCount() != 2 || in.kind(1) != Instruction.IMMEDIATE) {
            return false;
        }
        return switch (in.operation()) {
            case ADD, SUB, OR, XOR -> in.immediate(1) == 0;
            case AND -> in.immediate(1) == -1;
            default -> false;
        };
    }

    private void clobber(Instruction in, int operand) {
        if (isSimpleMemory(in, operand)) {
            int width = Math.clamp(in.width(operand), 1, 64);
            emit(Effect.withWidth(
                    Effect.of(Effect.CLOBBER, Effect.NO_REGISTER, in.memoryBase(operand), (int)
                            in.memoryDisplacement(operand)),
                    width));
        }
    }
}
