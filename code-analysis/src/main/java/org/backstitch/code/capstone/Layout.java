package org.backstitch.code.capstone;

import org.jspecify.annotations.Nullable;

/**
 * Where the parts of {@code cs_insn} and {@code cs_detail} lie, in bytes, in each release of Capstone; read off
 * {@code capstone/capstone.h} and {@code capstone/x86.h} with {@code offsetof}.
 *
 * <table>
 *   <caption>What differs between the releases</caption>
 *   <tr><th>field</th><th>4</th><th>5</th><th>why</th></tr>
 *   <tr><td>{@code cs_insn.mnemonic}</td><td>34</td><td>42</td><td>{@code bytes} grew from 16 to 24</td></tr>
 *   <tr><td>{@code cs_detail.groups}</td><td>67</td><td>83</td><td>{@code regs_read} grew from 12 to 20</td></tr>
 * </table>
 */
record Layout(
        int mnemonic,
        int operandText,
        int detail,
        int instructionSize,
        int readCount,
        int writes,
        int writeCount,
        int groups,
        int groupCount,
        int x86,
        int detailSize) {
    static final Layout CORE_4 = new Layout(34, 66, 232, 240, 24, 26, 66, 67, 75, 80, 1848);
    static final Layout CORE_5 = new Layout(42, 74, 240, 248, 40, 42, 82, 83, 91, 96, 1864);

    // cs_insn
    static final int ID = 0;
    static final int ADDRESS = 8;
    static final int SIZE = 16;
    static final int BYTES = 18;
    static final int MNEMONIC_LENGTH = 32;
    static final int OPERAND_TEXT_LENGTH = 160;

    // cs_detail
    static final int READS = 0;

    // cs_x86
    static final int EFLAGS = 56;
    static final int OPERAND_COUNT = 64;
    static final int OPERANDS = 72;

    // cs_x86_op
    static final int OPERAND_SIZE = 48;
    static final int TYPE = 0;
    static final int VALUE = 8;
    static final int MEMORY_SEGMENT = 8;
    static final int MEMORY_BASE = 12;
    static final int MEMORY_INDEX = 16;
    static final int MEMORY_SCALE = 20;
    static final int MEMORY_DISPLACEMENT = 24;
    static final int WIDTH = 32;
    static final int ACCESS = 33;

    /** The layout of release {@code major}; null where it is not known. */
    static @Nullable Layout of(int major) {
        return switch (major) {
            case 4 -> CORE_4;
            case 5 -> CORE_5;
            default -> null;
        };
    }
}
