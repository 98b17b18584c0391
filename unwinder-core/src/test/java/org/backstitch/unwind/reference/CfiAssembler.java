package org.backstitch.unwind.reference;

import java.io.ByteArrayOutputStream;
import java.util.List;

/** Writes instructions, expressions and entries as bytes (DWARF 5 §7.7.1, §7.24; LSB 5.0 §10.6). */
final class CfiAssembler {
    /** How addresses are written (LSB 5.0 §10.5.1). */
    enum Pointers {
        ABSOLUTE(0x00),
        /** Four bytes, signed, from where they stand: what compilers write. */
        PC_RELATIVE_4(0x1b),
        UNSIGNED_4(0x03),
        SIGNED_LEB(0x09),
        PC_RELATIVE_8(0x1c);

        final int encoding;

        Pointers(int encoding) {
            this.encoding = encoding;
        }
    }

    private final long codeAlignment;
    private final long sectionVaddr;
    private final Pointers pointers;
    private final ByteArrayOutputStream out = new ByteArrayOutputStream();

    /** @param sectionVaddr the address of the first byte that is written */
    CfiAssembler(long codeAlignment, long sectionVaddr, Pointers pointers) {
        this.codeAlignment = codeAlignment;
        this.sectionVaddr = sectionVaddr;
        this.pointers = pointers;
    }

    private static CfiAssembler forExpressions() {
        return new CfiAssembler(1, 0, Pointers.ABSOLUTE);
    }

    int size() {
        return out.size();
    }

    CfiAssembler pointer(long vaddr) {
        long here = sectionVaddr + out.size();
        return switch (pointers) {
            case ABSOLUTE -> little(vaddr, 8);
            case PC_RELATIVE_4 -> little(vaddr - here, 4);
            case UNSIGNED_4 -> little(vaddr, 4);
            case SIGNED_LEB -> signed(vaddr);
            case PC_RELATIVE_8 -> little(vaddr - here, 8);
        };
    }

    /** How long a range is: the pointer's format without what it is relative to. */
    CfiAssembler range(long length) {
        return switch (pointers) {
            case ABSOLUTE, PC_RELATIVE_8 -> little(length, 8);
            case PC_RELATIVE_4, UNSIGNED_4 -> little(length, 4);
            case SIGNED_LEB -> unsigned(length);
        };
    }

    byte[] bytes() {
        return out.toByteArray();
    }

    CfiAssembler u8(long value) {
        out.write((int) value);
        return this;
    }

    CfiAssembler little(long value, int size) {
        for (int i = 0; i < size; i++) {
            out.write((int) (value >>> 8 * i));
        }
        return this;
    }

    CfiAssembler bytes(byte[] bytes) {
        out.writeBytes(bytes);
        return this;
    }

    CfiAssembler unsigned(long value) {
        long rest = value;
        while (Long.compareUnsigned(rest, 0x7f) > 0) {
            out.write((int) (rest & 0x7f | 0x80));
            rest >>>= 7;
        }
        out.write((int) rest);
        return this;
    }

    CfiAssembler signed(long value) {
        long rest = value;
        while (rest < -64 || rest > 63) {
            out.write((int) (rest & 0x7f | 0x80));
            rest >>= 7;
        }
        out.write((int) (rest & 0x7f));
        return this;
    }

    CfiAssembler program(List<CfaInstruction> program) {
        program.forEach(this::instruction);
        return this;
    }

    private void instruction(CfaInstruction instruction) {
        switch (instruction) {
            case CfaInstruction.Advance(long delta, int form) -> advance(delta / codeAlignment, form);
            case CfaInstruction.SetLocation(long location) -> u8(0x01).pointer(location);
            case CfaInstruction.DefineCfa(int register, long offset) ->
                u8(0x0c).unsigned(register).unsigned(offset);
            case CfaInstruction.DefineCfaFactored(int register, long factor) ->
                u8(0x12).unsigned(register).signed(factor);
            case CfaInstruction.DefineCfaRegister(int register) -> u8(0x0d).unsigned(register);
            case CfaInstruction.DefineCfaOffset(long offset) -> u8(0x0e).unsigned(offset);
            case CfaInstruction.DefineCfaOffsetFactored(long factor) -> u8(0x13).signed(factor);
            case CfaInstruction.DefineCfaExpression(List<Operation> expression) -> u8(0x0f).block(expression);
            case CfaInstruction.Undefined(int register) -> u8(0x07).unsigned(register);
            case CfaInstruction.SameValue(int register) -> u8(0x08).unsigned(register);
            case CfaInstruction.Offset(int register, long factor, int form) -> offset(register, factor, form);
            case CfaInstruction.ValOffset(int register, long factor) -> {
                if (factor >= 0) {
                    u8(0x14).unsigned(register).unsigned(factor);
                } else {
                    u8(0x15).unsigned(register).signed(factor);
                }
            }
            case CfaInstruction.Register(int register, int other) ->
                u8(0x09).unsigned(register).unsigned(other);
            case CfaInstruction.Expression(int register, List<Operation> expression) ->
                u8(0x10).unsigned(register).block(expression);
            case CfaInstruction.ValExpression(int register, List<Operation> expression) ->
                u8(0x16).unsigned(register).block(expression);
            case CfaInstruction.Restore(int register, boolean extended) -> {
                if (extended || register > 0x3f) {
                    u8(0x06).unsigned(register);
                } else {
                    u8(0xc0 | register);
                }
            }
            case CfaInstruction.RememberState() -> u8(0x0a);
            case CfaInstruction.RestoreState() -> u8(0x0b);
            case CfaInstruction.Nop() -> u8(0x00);
            case CfaInstruction.ArgumentsSize(long size) -> u8(0x2e).unsigned(size);
        }
    }

    private void advance(long units, int form) {
        if (form == 0 && units <= 0x3f) {
            u8(0x40 | units);
        } else if (form <= 1 && units <= 0xff) {
            u8(0x02).little(units, 1);
        } else if (form <= 2 && units <= 0xffff) {
            u8(0x03).little(units, 2);
        } else {
            u8(0x04).little(units, 4);
        }
    }

    private void offset(int register, long factor, int form) {
        if (form == 0 && factor >= 0 && register <= 0x3f) {
            u8(0x80 | register).unsigned(factor);
        } else if (form <= 1 && factor >= 0) {
            u8(0x05).unsigned(register).unsigned(factor);
        } else if (form == 2 && factor <= 0) {
            u8(0x2f).unsigned(register).unsigned(-factor); // DW_CFA_GNU_negative_offset_extended
        } else {
            u8(0x11).unsigned(register).signed(factor);
        }
    }

    private void block(List<Operation> expression) {
        byte[] code = expression(expression);
        unsigned(code.length).bytes(code);
    }

    /** The bytes of an expression. */
    static byte[] expression(List<Operation> expression) {
        // Branches count in bytes, and are three bytes long wherever they lead: so lengths are known before distances.
        int[] starts = new int[expression.size() + 1];
        for (int i = 0; i < expression.size(); i++) {
            starts[i + 1] = starts[i] + operation(expression.get(i), 0).length;
        }
        CfiAssembler out = forExpressions();
        for (int i = 0; i < expression.size(); i++) {
            int bytes = 0;
            if (expression.get(i) instanceof Operation.Branch branch) {
                int target = Math.clamp((long) i + 1 + branch.distance(), 0, expression.size());
                bytes = starts[target] - starts[i + 1];
            }
            out.bytes(operation(expression.get(i), bytes));
        }
        return out.bytes();
    }

    private static byte[] operation(Operation operation, int branchBytes) {
        CfiAssembler out = forExpressions();
        switch (operation) {
            case Operation.Constant(long value, int form) -> out.constant(value, form);
            case Operation.RegisterPlus(int register, long offset, boolean extended) -> {
                if (extended || register > 31) {
                    out.u8(0x92).unsigned(register).signed(offset);
                } else {
                    out.u8(0x70 + register).signed(offset);
                }
            }
            case Operation.Dereference(int size) -> {
                if (size == 8) {
                    out.u8(0x06);
                } else {
                    out.u8(0x94).u8(size);
                }
            }
            case Operation.Pick(int index) -> out.u8(0x15).u8(index);
            case Operation.PlusConstant(long value) -> out.u8(0x23).unsigned(value);
            case Operation.Branch(int _, boolean conditional) ->
                out.u8(conditional ? 0x28 : 0x2f).little(branchBytes, 2);
            case Operation.Simple(Operation.Name name) -> out.u8(name.code);
        }
        return out.bytes();
    }

    private void constant(long value, int form) {
        if (form == 0 && value >= 0 && value <= 31) {
            u8(0x30 + value);
        } else if (form == 1 && value == (value & 0xff)) {
            u8(0x08).little(value, 1);
        } else if (form == 2 && value == (byte) value) {
            u8(0x09).little(value, 1);
        } else if (form == 3 && value == (value & 0xffff)) {
            u8(0x0a).little(value, 2);
        } else if (form == 4 && value == (short) value) {
            u8(0x0b).little(value, 2);
        } else if (form == 5 && value == (value & 0xffff_ffffL)) {
            u8(0x0c).little(value, 4);
        } else if (form == 6 && value == (int) value) {
            u8(0x0d).little(value, 4);
        } else if (form == 7 || form == 8) {
            u8(form == 7 ? 0x0e : 0x0f).little(value, 8);
        } else if (form == 9) {
            u8(0x10).unsigned(value);
        } else if (form == 10) {
            u8(0x03).little(value, 8);
        } else {
            u8(0x11).signed(value);
        }
    }
}
