package org.backstitch.cli;

import java.io.IOException;
import java.nio.charset.StandardCharsets;
import org.backstitch.bytes.MalformedInputException;
import org.backstitch.cli.output.Output;
import org.backstitch.elf.dwarf.CallFrameInfo;
import org.backstitch.elf.dwarf.CallFrameInterpreter;
import org.backstitch.elf.dwarf.DwarfRegisters;
import org.backstitch.elf.dwarf.FrameDescriptionEntry;
import org.backstitch.elf.dwarf.RegisterRule;
import org.jspecify.annotations.Nullable;

/** Call frame information as text, row by row, in the words of {@code readelf -wF}. */
final class CfiText {
    private static final int RETURN_ADDRESS = 16;
    private static final byte[] FDE = "FDE ".getBytes(StandardCharsets.US_ASCII);

    private final CallFrameInterpreter rows = new CallFrameInterpreter();
    private final Output out;
    private int malformed;
    private @Nullable MalformedInputException firstMalformed;

    CfiText(Output out) {
        this.out = out;
    }

    /** How many entries were malformed; their good rows were written all the same. */
    int malformed() {
        return malformed;
    }

    /** What is wrong with the first malformed entry. */
    @Nullable
    MalformedInputException firstMalformed() {
        return firstMalformed;
    }

    /** Writes every entry of a section. */
    void write(CallFrameInfo info) throws IOException {
        CallFrameInfo.EntryCursor entries = info.entries();
        for (boolean more = true; more; ) {
            try {
                more = entries.next();
                if (more && !entries.isCie()) {
                    write(entries.parseFde());
                }
            } catch (MalformedInputException e) {
                malformed++;
                firstMalformed = firstMalformed == null ? e : firstMalformed;
            }
        }
    }

    private void write(FrameDescriptionEntry fde) throws IOException {
        out.append(FDE).hex(fde.start()).append(' ').hex(fde.end()).newline();
        rows.start(fde);
        while (rows.nextRow()) {
            out.hex(rows.rowStart()).append(' ');
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
            out.newline();
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
