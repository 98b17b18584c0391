package org.backstitch.unwind.reference;

/** The operations of DWARF 5 §2.5.1 that call frame information may use. */
sealed interface Operation {
    /** Pushes a number; {@code form} says how it is to be written, if it fits: {@code lit}, {@code const…}, {@code addr}. */
    record Constant(long value, int form) implements Operation {}

    /** {@code DW_OP_breg0} to {@code breg31}, or {@code DW_OP_bregx}. */
    record RegisterPlus(int register, long offset, boolean extended) implements Operation {}

    /** {@code DW_OP_deref} for 8 bytes, {@code DW_OP_deref_size} for others. */
    record Dereference(int size) implements Operation {}

    record Pick(int index) implements Operation {}

    record PlusConstant(long value) implements Operation {}

    /** Goes on {@code distance} operations further; at once, or only if the top of the stack is not zero. */
    record Branch(int distance, boolean conditional) implements Operation {}

    /** One that needs no operand, by its name without {@code DW_OP_}. */
    record Simple(Name name) implements Operation {}

    enum Name {
        DUP(0x12),
        DROP(0x13),
        OVER(0x14),
        SWAP(0x16),
        ROT(0x17),
        ABS(0x19),
        AND(0x1a),
        DIV(0x1b),
        MINUS(0x1c),
        MOD(0x1d),
        MUL(0x1e),
        NEG(0x1f),
        NOT(0x20),
        OR(0x21),
        PLUS(0x22),
        SHL(0x24),
        SHR(0x25),
        SHRA(0x26),
        XOR(0x27),
        EQ(0x29),
        GE(0x2a),
        GT(0x2b),
        LE(0x2c),
        LT(0x2d),
        NE(0x2e),
        NOP(0x96);

        /** DWARF 5 §7.7.1, table 7.9. */
        final int code;

        Name(int code) {
            this.code = code;
        }
    }
}
