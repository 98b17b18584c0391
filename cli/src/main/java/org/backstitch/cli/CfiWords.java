package org.backstitch.cli;

import java.io.IOException;
import org.backstitch.cli.output.Output;
import org.backstitch.elf.dwarf.CallFrameInterpreter;
import org.backstitch.elf.dwarf.DwarfRegisters;
import org.backstitch.elf.dwarf.RegisterRule;

/** What a row of call frame information says, in the words of {@code readelf -wF}: {@code rsp+16 rbx=c-16 ra=c-8}. */
final class CfiWords {
    private static final int RETURN_ADDRESS = 16;

    private final CallFrameInterpreter rows;
    private final Output out;

    /** Writes to {@code out} of the row that {@code rows} stands at. */
    CfiWords(CallFrameInterpreter rows, Output out) {
        this.rows = rows;
        this.out = out;
    }

    /** Writes the CFA, and the registers that have a rule in number order. */
    void write() throws IOException {
        if (rows.hasCfaExpression()) {
            out.append("exp");
        } else {
            out.append(DwarfRegisters.name(rows.cfaRegister()));
            signed(rows.cfaOffset());
        }
        if (rows.hasUncommonRegisters()) {
            writeUncommon();
        } else {
            for (int register = 0; register <= RETURN_ADDRESS; register++) {
                writeRule(register);
            }
        }
    }

    private void writeRule(int register) throws IOException {
        int kind = rows.ruleKind(register);
        if (kind == CallFrameInterpreter.UNSPECIFIED) {
            return;
        }
        out.append(' ').append(DwarfRegisters.name(register)).append('=');
        switch (kind) {
            case CallFrameInterpreter.UNDEFINED -> out.append('u');
            case CallFrameInterpreter.SAME_VALUE -> out.append('s');
            case CallFrameInterpreter.OFFSET -> signed(out.append('c'), rows.ruleOperand(register));
            case CallFrameInterpreter.VAL_OFFSET -> signed(out.append('v'), rows.ruleOperand(register));
            case CallFrameInterpreter.REGISTER -> out.append(DwarfRegisters.name((int) rows.ruleOperand(register)));
            case CallFrameInterpreter.EXPRESSION -> out.append("exp");
            default -> out.append("vexp");
        }
    }

    /** A row with rules for vector or system registers. */
    private void writeUncommon() throws IOException {
        for (var column : rows.row().registers().entrySet()) {
            out.append(' ').append(DwarfRegisters.name(column.getKey())).append('=');
            switch (column.getValue()) {
                case RegisterRule.Undefined() -> out.append('u');
                case RegisterRule.SameValue() -> out.append('s');
                case RegisterRule.Offset(long offset) -> signed(out.append('c'), offset);
                case RegisterRule.ValOffset(long offset) -> signed(out.append('v'), offset);
                case RegisterRule.Register(int number) -> out.append(DwarfRegisters.name(number));
                case RegisterRule.Expression _ -> out.append("exp");
                case RegisterRule.ValExpression _ -> out.append("vexp");
            }
        }
    }

    private void signed(long offset) throws IOException {
        signed(out, offset);
    }

    private static void signed(Output out, long offset) throws IOException {
        if (offset >= 0) {
            out.append('+');
        }
        out.decimal(offset);
    }
}
