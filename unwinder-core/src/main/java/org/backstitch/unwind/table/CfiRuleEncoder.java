package org.backstitch.unwind.table;

import static org.backstitch.unwind.machine.X86_64.RBP;
import static org.backstitch.unwind.machine.X86_64.RIP;
import static org.backstitch.unwind.machine.X86_64.RSP;

import org.backstitch.elf.dwarf.CallFrameInterpreter;
import org.backstitch.elf.dwarf.UnwindRow;
import org.backstitch.unwind.machine.X86_64;
import org.jspecify.annotations.Nullable;

/**
 * Turns a row of call frame information into rule words.
 *
 * <p>Nothing is approximated. What compilers, the C library and hand-written assembly say on ordinary days fits the words, expressions
 * included, as far as they are of the shapes that {@link CfaPattern} knows. For all else the complete row goes with the words, into the
 * side table.
 */
final class CfiRuleEncoder {
    /** The registers that a call may change: a rule for one of them is out of the ordinary. */
    private static final int CALLER_SAVED = 1 << X86_64.RAX
            | 1 << X86_64.RDX
            | 1 << X86_64.RCX
            | 1 << X86_64.RSI
            | 1 << X86_64.RDI
            | 1 << X86_64.R8
            | 1 << X86_64.R9
            | 1 << X86_64.R10
            | 1 << X86_64.R11;

    private long rule;
    private long saved;
    private @Nullable UnwindRow side;

    /** The {@link UnwindRule} word of the row encoded last. */
    long rule() {
        return rule;
    }

    /** The {@link SavedRegisters} word of the row encoded last. */
    long saved() {
        return saved;
    }

    /** The complete row, if the words do not say all of it. */
    @Nullable
    UnwindRow side() {
        return side;
    }

    /** Encodes the interpreter's current row. */
    void encode(CallFrameInterpreter row) {
        side = null;
        saved = SavedRegisters.SAME;
        long flags = row.cie().isSignalFrame() ? UnwindRule.EXACT_CALLER : 0;
        int returnAddressKind = row.ruleKind(RIP);
        boolean plainColumn = row.cie().returnAddressRegister() == RIP;
        if (plainColumn && returnAddressKind == CallFrameInterpreter.UNDEFINED) {
            rule = UnwindRule.of(UnwindRule.END);
            return;
        }
        boolean complete = encodeSaved(row);
        rule = plainColumn ? encodeCaller(row, flags) : UnwindRule.NONE;
        if (rule == UnwindRule.NONE) {
            rule = UnwindRule.of(UnwindRule.SIDE, 0, 0, UnwindRule.RBP_SAME, 0, 0, flags);
            complete = false;
        }
        if (!complete) {
            rule |= UnwindRule.HAS_SIDE;
            side = row.row();
        }
    }

    private int rbpMode;
    private long rbpOffset;

    /** Whether a word can say where RBP is; sets {@link #rbpMode} and {@link #rbpOffset} then. */
    private boolean encodeRbp(CallFrameInterpreter row, int base) {
        rbpOffset = 0;
        switch (row.ruleKind(RBP)) {
            case CallFrameInterpreter.UNSPECIFIED, CallFrameInterpreter.SAME_VALUE -> rbpMode = UnwindRule.RBP_SAME;
            case CallFrameInterpreter.UNDEFINED -> rbpMode = UnwindRule.RBP_UNDEFINED;
            case CallFrameInterpreter.OFFSET -> {
                rbpMode = UnwindRule.RBP_AT_CFA;
                rbpOffset = row.ruleOperand(RBP);
            }
            case CallFrameInterpreter.EXPRESSION -> {
                CfaPattern place = CfaPattern.of(row.ruleExpressionCode(RBP));
                if (place == null || !place.isSum() || place.base() != base && place.base() != RBP) {
                    return false;
                }
                rbpMode = place.base() == base ? UnwindRule.RBP_AT_BASE : UnwindRule.RBP_AT_RBP;
                rbpOffset = place.offset();
            }
            default -> {
                return false;
            }
        }
        return UnwindRule.fitsRbpOffset(rbpOffset);
    }

    /** Where the CFA, the return address and RBP are: the word of that, or NONE where no word says it. */
    private long encodeCaller(CallFrameInterpreter row, long flags) {
        CfaPattern cfa = row.hasCfaExpression()
                ? CfaPattern.of(row.cfaExpressionCode())
                : new CfaPattern(row.cfaRegister(), row.cfaOffset(), CfaPattern.Form.SUM, 0);
        if (cfa == null
                || cfa.base() >= RIP
                || !UnwindRule.fitsCfaOffset(cfa.offset())
                || cfa.addend() != (byte) cfa.addend()
                || !isStackPointerTheCfa(row, cfa)
                || !encodeRbp(row, cfa.base())) {
            return UnwindRule.NONE;
        }
        int kind;
        if (row.ruleKind(RIP) == CallFrameInterpreter.OFFSET && row.ruleOperand(RIP) == -Long.BYTES) {
            kind = cfa.form() == CfaPattern.Form.PLT ? UnwindRule.PLT : UnwindRule.CALL;
        } else if (isBehindStackPointer(row, cfa)) {
            kind = UnwindRule.SIGNAL;
        } else {
            return UnwindRule.NONE;
        }
        long deref = cfa.form() == CfaPattern.Form.DEREFERENCED ? UnwindRule.DEREF : 0;
        return UnwindRule.of(kind, cfa.base(), cfa.offset(), rbpMode, rbpOffset, (int) cfa.addend(), flags | deref);
    }

    /** The caller's RSP is the CFA unless a rule says otherwise; whether such a rule says the same in other words. */
    private static boolean isStackPointerTheCfa(CallFrameInterpreter row, CfaPattern cfa) {
        return switch (row.ruleKind(RSP)) {
            case CallFrameInterpreter.UNSPECIFIED -> true;
            case CallFrameInterpreter.VAL_OFFSET -> row.ruleOperand(RSP) == 0;
            case CallFrameInterpreter.EXPRESSION -> isSlot(row, RSP, cfa, 0);
            default -> false;
        };
    }

    /** Whether the return address lies behind the saved RSP that is the CFA, as in a {@code struct sigcontext}. */
    private static boolean isBehindStackPointer(CallFrameInterpreter row, CfaPattern cfa) {
        return row.ruleKind(RIP) == CallFrameInterpreter.EXPRESSION && isSlot(row, RIP, cfa, Long.BYTES);
    }

    /** Whether a register lies {@code distance} bytes behind the slot that the CFA is loaded from. */
    private static boolean isSlot(CallFrameInterpreter row, int register, CfaPattern cfa, long distance) {
        CfaPattern place = CfaPattern.of(row.ruleExpressionCode(register));
        return cfa.form() == CfaPattern.Form.DEREFERENCED
                && cfa.addend() == 0
                && place != null
                && place.isSum()
                && place.base() == cfa.base()
                && place.offset() == cfa.offset() + distance;
    }

    /** Fills {@link #saved}; whether it says all that the row says of registers other than RIP, RSP and RBP. */
    private boolean encodeSaved(CallFrameInterpreter row) {
        boolean complete = (row.specifiedRegisters() & CALLER_SAVED) == 0;
        long word = SavedRegisters.SAME;
        for (int index = 0; index < SavedRegisters.COUNT; index++) {
            int register = SavedRegisters.register(index);
            switch (row.ruleKind(register)) {
                case CallFrameInterpreter.UNSPECIFIED, CallFrameInterpreter.SAME_VALUE -> {
                    // The word says so from the beginning.
                }
                case CallFrameInterpreter.UNDEFINED -> word = SavedRegisters.withUndefined(word, index);
                case CallFrameInterpreter.OFFSET -> {
                    long offset = row.ruleOperand(register);
                    if (SavedRegisters.fits(offset)) {
                        word = SavedRegisters.withSlot(word, index, offset);
                    } else {
                        complete = false;
                    }
                }
                default -> complete = false;
            }
        }
        saved = word;
        return complete;
    }
}
