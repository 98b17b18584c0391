package org.backstitch.unwind.deferred.simulation;

import java.util.Arrays;
import java.util.HexFormat;
import org.backstitch.unwind.machine.X86_64;

/**
 * One instruction of a simulated program: real machine code, of which the machine executes what matters to a stack.
 *
 * @param offset of its first byte in the image; what it is added to is the address that the image is mapped at
 * @param operation what it does
 * @param operand an immediate value; 0 where there is none
 * @param length in bytes
 */
record Instruction(int offset, Operation operation, int operand, int length) {
    private static final HexFormat HEX = HexFormat.ofDelimiter(" ");

    /** What the instructions do; the bytes are those that an assembler makes of the text beside them. */
    enum Operation {
        /** {@code push %rbp}. */
        PUSH_RBP("55"),
        /** {@code push %rbx}. */
        PUSH_RBX("53"),
        /** {@code push %r10}. */
        PUSH_R10("41 52"),
        /** {@code pushq -0x8(%r10)}: a copy of the return address, for debuggers that know no better. */
        PUSH_AT_R10("41 ff 72 f8"),
        /** {@code pop %rbp}. */
        POP_RBP("5d"),
        /** {@code pop %rbx}. */
        POP_RBX("5b"),
        /** {@code pop %r10}. */
        POP_R10("41 5a"),
        /** {@code mov %rsp,%rbp}. */
        MOV_RBP_RSP("48 89 e5"),
        /** {@code mov $imm32,%ebp}: RBP as a register like any other. */
        MOV_EBP_IMM("bd"),
        /** {@code lea 0x8(%rsp),%r10}. */
        LEA_R10_RSP8("4c 8d 54 24 08"),
        /** {@code and $0xffffffffffffffe0,%rsp}. */
        AND_RSP_32("48 83 e4 e0"),
        /** {@code lea -0x8(%r10),%rsp}. */
        LEA_RSP_R10("49 8d 62 f8"),
        /** {@code sub $imm32,%rsp}. */
        SUB_RSP("48 81 ec"),
        /** {@code add $imm32,%rsp}. */
        ADD_RSP("48 81 c4"),
        /** {@code leave}. */
        LEAVE("c9"),
        /** {@code ret}. */
        RET("c3"),
        /** {@code jmp *%rcx}: to wherever the program goes on. */
        JMP_RCX("ff e1"),
        /** {@code jmp rel8}: back to the function's {@link #JMP_RCX}. */
        JMP_BACK("eb"),
        /** {@code call *%rax}. */
        CALL_RAX("ff d0"),
        /** {@code mov %rbx,-0x8(%rsp)}: writes to the red zone. */
        STORE("48 89 5c 24 f8"),
        /** {@code mov $0xf,%eax}: the number of {@code rt_sigreturn}. */
        MOV_EAX_SIGRETURN("b8 0f 00 00 00"),
        /** {@code syscall}. */
        SYSCALL("0f 05"),
        /** {@code nop}. */
        NOP("90");

        private final String opcode;

        Operation(String opcode) {
            this.opcode = opcode;
        }

        private int operandBytes() {
            return switch (this) {
                case SUB_RSP, ADD_RSP, MOV_EBP_IMM -> Integer.BYTES;
                case JMP_BACK -> 1;
                default -> 0;
            };
        }

        int length() {
            return HEX.parseHex(opcode).length + operandBytes();
        }

        byte[] encode(int operand) {
            byte[] code = Arrays.copyOf(HEX.parseHex(opcode), length());
            for (int i = length() - operandBytes(), shift = 0; i < code.length; i++, shift += 8) {
                code[i] = (byte) (operand >> shift);
            }
            return code;
        }
    }

    /** Where the next instruction starts. */
    int end() {
        return offset + length;
    }

    /**
     * Executes the instruction, which must not be a {@code syscall}.
     *
     * @param registers by DWARF number; RIP stands at the instruction
     */
    void execute(long[] registers, UserMemory memory) {
        registers[X86_64.RIP] += length;
        switch (operation) {
            case PUSH_RBP -> push(registers, memory, registers[X86_64.RBP]);
            case PUSH_RBX -> push(registers, memory, registers[X86_64.RBX]);
            case PUSH_R10 -> push(registers, memory, registers[X86_64.R10]);
            case PUSH_AT_R10 -> push(registers, memory, memory.load(registers[X86_64.R10] - Long.BYTES));
            case POP_RBP -> registers[X86_64.RBP] = pop(registers, memory);
            case POP_RBX -> registers[X86_64.RBX] = pop(registers, memory);
            case POP_R10 -> registers[X86_64.R10] = pop(registers, memory);
            case MOV_RBP_RSP -> registers[X86_64.RBP] = registers[X86_64.RSP];
            case MOV_EBP_IMM -> registers[X86_64.RBP] = Integer.toUnsignedLong(operand);
            case LEA_R10_RSP8 -> registers[X86_64.R10] = registers[X86_64.RSP] + Long.BYTES;
            case AND_RSP_32 -> registers[X86_64.RSP] &= -32;
            case LEA_RSP_R10 -> registers[X86_64.RSP] = registers[X86_64.R10] - Long.BYTES;
            case SUB_RSP -> registers[X86_64.RSP] -= operand;
            case ADD_RSP -> registers[X86_64.RSP] += operand;
            case LEAVE -> {
                registers[X86_64.RSP] = registers[X86_64.RBP];
                registers[X86_64.RBP] = pop(registers, memory);
            }
            case RET -> registers[X86_64.RIP] = pop(registers, memory);
            case JMP_RCX -> registers[X86_64.RIP] = registers[X86_64.RCX];
            case JMP_BACK -> registers[X86_64.RIP] += operand;
            case CALL_RAX -> {
                push(registers, memory, registers[X86_64.RIP]);
                registers[X86_64.RIP] = registers[X86_64.RAX];
            }
            case STORE -> memory.store(registers[X86_64.RSP] - Long.BYTES, registers[X86_64.RBX]);
            case MOV_EAX_SIGRETURN -> registers[X86_64.RAX] = 15;
            case NOP -> {}
            case SYSCALL -> throw new IllegalStateException("a system call is the kernel's business");
        }
    }

    private static void push(long[] registers, UserMemory memory, long value) {
        registers[X86_64.RSP] -= Long.BYTES;
        memory.store(registers[X86_64.RSP], value);
    }

    private static long pop(long[] registers, UserMemory memory) {
        long value = memory.load(registers[X86_64.RSP]);
        registers[X86_64.RSP] += Long.BYTES;
        return value;
    }
}
