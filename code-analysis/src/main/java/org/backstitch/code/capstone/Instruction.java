package org.backstitch.code.capstone;

import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.charset.StandardCharsets;

/**
 * The instruction that a {@link Capstone} decoded last: a view of Capstone's {@code cs_insn}, whose content the next decoding
 * replaces.
 *
 * <p>Operands are in Intel's order (destination first), indexed from 0. General registers, and RIP, are told by their DWARF numbers
 * ({@link org.backstitch.unwind.machine.X86_64}) whatever part of them is meant; {@link #width} says how much. Any other register is
 * {@link #NO_REGISTER} there, and known by name only.
 */
public final class Instruction {
    /** For a register operand that is no general register, and for an absent base or index of an address. */
    public static final int NO_REGISTER = Registers.NOT_GENERAL;

    /** The kinds of {@link #kind}, as {@code x86_op_type} numbers them. */
    public static final int REGISTER = 1;

    public static final int IMMEDIATE = 2;
    public static final int MEMORY = 3;

    /** The groups of {@link #isIn}, as {@code x86_insn_group} numbers them. */
    public static final int GROUP_JUMP = 1;

    public static final int GROUP_CALL = 2;
    public static final int GROUP_RET = 3;
    public static final int GROUP_INT = 4;
    public static final int GROUP_BRANCH_RELATIVE = 7;

    private static final int ACCESS_READ = 1;
    private static final int ACCESS_WRITE = 2;

    /**
     * The bits of {@code cs_x86.eflags} that say that a flag is modified (0 to 10), reset or set (21 to 32, 46, 51 to 58) or left
     * undefined (40 to 45); the others say that one is tested, or was set before.
     */
    private static final long FLAGS_WRITTEN = bits(0, 10) | bits(21, 32) | bits(40, 46) | bits(51, 58);

    private final MemorySegment structure;
    private final MemorySegment detail;
    private final Layout layout;
    private final Registers registers;
    private final Operations operations;
    private final long operands;

    Instruction(long structure, Layout layout, Registers registers, Operations operations) {
        this.structure = MemorySegment.ofAddress(structure).reinterpret(layout.instructionSize());
        this.detail = MemorySegment.ofAddress(this.structure.get(ValueLayout.JAVA_LONG, layout.detail()))
                .reinterpret(layout.detailSize());
        this.layout = layout;
        this.registers = registers;
        this.operations = operations;
        this.operands = (long) layout.x86() + Layout.OPERANDS;
    }

    private static long bits(int from, int to) {
        return -1L >>> (Long.SIZE - 1 - to) & -1L << from;
    }

    MemorySegment structure() {
        return structure;
    }

    /** What kind of instruction it is. */
    public Operation operation() {
        return operations.of(id());
    }

    /** Capstone's own number for the kind of instruction; differs from release to release. */
    public int id() {
        return structure.get(ValueLayout.JAVA_INT, Layout.ID);
    }

    /** The address of its first byte. */
    public long address() {
        return structure.get(ValueLayout.JAVA_LONG, Layout.ADDRESS);
    }

    /** How many bytes it has: 1 to 15. */
    public int size() {
        return structure.get(ValueLayout.JAVA_SHORT, Layout.SIZE);
    }

    /** The address after its last byte. */
    public long end() {
        return address() + size();
    }

    /** Its byte at {@code index}, unsigned. */
    public int byteAt(int index) {
        return structure.get(ValueLayout.JAVA_BYTE, Layout.BYTES + index) & 0xff;
    }

    /** The mnemonic in Intel's syntax. */
    public String mnemonic() {
        return text(layout.mnemonic(), Layout.MNEMONIC_LENGTH);
    }

    /** The operands in Intel's syntax; empty where it has none. */
    public String operandText() {
        return text(layout.operandText(), Layout.OPERAND_TEXT_LENGTH);
    }

    private String text(int offset, int length) {
        byte[] bytes = structure.asSlice(offset, length).toArray(ValueLayout.JAVA_BYTE);
        int end = 0;
        while (end < length && bytes[end] != 0) {
            end++;
        }
        return new String(bytes, 0, end, StandardCharsets.US_ASCII);
    }

    /** How many operands it has. */
    public int operandCount() {
        return detail.get(ValueLayout.JAVA_BYTE, layout.x86() + Layout.OPERAND_COUNT);
    }

    /** {@link #REGISTER}, {@link #IMMEDIATE} or {@link #MEMORY}. */
    public int kind(int operand) {
        return detail.get(ValueLayout.JAVA_INT, at(operand) + Layout.TYPE);
    }

    /** The general register, by its DWARF number, that a register operand is (a part of), or {@link #NO_REGISTER}. */
    public int register(int operand) {
        return registers.general(registerId(operand));
    }

    /** The name of a register operand: {@code eax}, {@code xmm3}. */
    public String registerName(int operand) {
        return registers.name(registerId(operand));
    }

    private int registerId(int operand) {
        return detail.get(ValueLayout.JAVA_INT, at(operand) + Layout.VALUE);
    }

    /** The value of an immediate operand, sign-extended; for a direct jump or call the target's address. */
    public long immediate(int operand) {
        return detail.get(ValueLayout.JAVA_LONG, at(operand) + Layout.VALUE);
    }

    /** The general register (or RIP) that an address is based on, or {@link #NO_REGISTER}. */
    public int memoryBase(int operand) {
        return registers.general(detail.get(ValueLayout.JAVA_INT, at(operand) + Layout.MEMORY_BASE));
    }

    /** The general register that indexes an address, or {@link #NO_REGISTER}; a vector register is not told. */
    public int memoryIndex(int operand) {
        return registers.general(detail.get(ValueLayout.JAVA_INT, at(operand) + Layout.MEMORY_INDEX));
    }

    /** What the index is multiplied by: 1, 2, 4 or 8. */
    public int memoryScale(int operand) {
        return detail.get(ValueLayout.JAVA_INT, at(operand) + Layout.MEMORY_SCALE);
    }

    /** What is added to base and index, in bytes. */
    public long memoryDisplacement(int operand) {
        return detail.get(ValueLayout.JAVA_LONG, at(operand) + Layout.MEMORY_DISPLACEMENT);
    }

    /** The segment register of an address where one is named ({@code fs}, {@code gs}…); empty for none. */
    public String memorySegment(int operand) {
        return registers.name(detail.get(ValueLayout.JAVA_INT, at(operand) + Layout.MEMORY_SEGMENT));
    }

    /** Whether an address names a segment register. */
    public boolean hasMemorySegment(int operand) {
        return detail.get(ValueLayout.JAVA_INT, at(operand) + Layout.MEMORY_SEGMENT) != 0;
    }

    /** How many bytes wide an operand is. */
    public int width(int operand) {
        return detail.get(ValueLayout.JAVA_BYTE, at(operand) + Layout.WIDTH) & 0xff;
    }

    /** Whether an operand is read. */
    public boolean reads(int operand) {
        return (detail.get(ValueLayout.JAVA_BYTE, at(operand) + Layout.ACCESS) & ACCESS_READ) != 0;
    }

    /** Whether an operand is written. */
    public boolean writes(int operand) {
        return (detail.get(ValueLayout.JAVA_BYTE, at(operand) + Layout.ACCESS) & ACCESS_WRITE) != 0;
    }

    /** How many registers it reads without naming them. */
    public int implicitReadCount() {
        return detail.get(ValueLayout.JAVA_BYTE, layout.readCount()) & 0xff;
    }

    /** A general register that it reads without naming it, or {@link #NO_REGISTER} for another one. */
    public int implicitRead(int index) {
        return registers.general(detail.get(ValueLayout.JAVA_SHORT, Layout.READS + 2L * index));
    }

    /** The name of a register that it reads without naming it. */
    public String implicitReadName(int index) {
        return registers.name(detail.get(ValueLayout.JAVA_SHORT, Layout.READS + 2L * index));
    }

    /** How many registers it writes without naming them. */
    public int implicitWriteCount() {
        return detail.get(ValueLayout.JAVA_BYTE, layout.writeCount()) & 0xff;
    }

    /** A general register that it writes without naming it, or {@link #NO_REGISTER} for another one. */
    public int implicitWrite(int index) {
        return registers.general(detail.get(ValueLayout.JAVA_SHORT, layout.writes() + 2L * index));
    }

    /** The name of a register that it writes without naming it. */
    public String implicitWriteName(int index) {
        return registers.name(detail.get(ValueLayout.JAVA_SHORT, layout.writes() + 2L * index));
    }

    /** How many groups it belongs to. */
    public int groupCount() {
        return detail.get(ValueLayout.JAVA_BYTE, layout.groupCount()) & 0xff;
    }

    /** The group at {@code index}, as {@code x86_insn_group} numbers them. */
    public int group(int index) {
        return detail.get(ValueLayout.JAVA_BYTE, layout.groups() + index) & 0xff;
    }

    /** Whether it belongs to a group. */
    public boolean isIn(int group) {
        for (int i = groupCount() - 1; i >= 0; i--) {
            if (group(i) == group) {
                return true;
            }
        }
        return false;
    }

    /** Whether it changes any flag, or leaves one undefined. */
    public boolean writesFlags() {
        return (detail.get(ValueLayout.JAVA_LONG, layout.x86() + Layout.EFLAGS) & FLAGS_WRITTEN) != 0;
    }

    private long at(int operand) {
        return operands + (long) operand * Layout.OPERAND_SIZE;
    }

    /** As a disassembler prints it: {@code mov rbp, rsp}. */
    @Override
    public String toString() {
        String text = operandText();
        return text.isEmpty() ? mnemonic() : mnemonic() + " " + text;
    }
}
