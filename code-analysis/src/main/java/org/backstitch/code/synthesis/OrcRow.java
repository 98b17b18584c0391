package org.backstitch.code.synthesis;

import org.backstitch.elf.orc.OrcEntry;
import org.backstitch.elf.orc.OrcRegister;
import org.backstitch.elf.orc.OrcType;
import org.backstitch.unwind.machine.X86_64;
import org.jspecify.annotations.Nullable;

/**
 * A made row as an ORC entry. Registers but RBP are left out: ORC knows none.
 *
 * @param entry {@link OrcEntry#UNDEFINED} where none can say the same
 * @param refusal why none can, or null
 */
record OrcRow(OrcEntry entry, @Nullable String refusal) {
    static OrcRow of(FrameRow row) {
        FrameRow.Cfa cfa = row.cfa();
        if (cfa == null) {
            return new OrcRow(OrcEntry.END_OF_STACK, null);
        }
        OrcRegister sp = sp(cfa);
        if (sp == OrcRegister.UNDEFINED) {
            return refuse("CFA from another place than RSP and RBP");
        }
        FrameRow.Place rbp = row.rbp();
        OrcRegister bp;
        switch (rbp.kind()) {
            case SAME -> bp = OrcRegister.UNDEFINED;
            case SLOT -> bp = OrcRegister.PREV_SP;
            case REGISTER_SLOT -> bp = rbp.register() == X86_64.RBP ? OrcRegister.BP : OrcRegister.SP;
            default -> bp = OrcRegister.SP;
        }
        if (!bp.locatesBp()) {
            return refuse("RBP neither untouched nor in the frame");
        }
        int bpOffset = bp == OrcRegister.UNDEFINED ? 0 : rbp.offset();
        if (cfa.offset() != (short) cfa.offset() || bpOffset != (short) bpOffset) {
            return refuse("offset of more than 16 bits");
        }
        return new OrcRow(new OrcEntry(OrcType.CALL, sp, cfa.offset(), bp, bpOffset, false), null);
    }

    private static OrcRow refuse(String why) {
        return new OrcRow(OrcEntry.UNDEFINED, why);
    }

    /** What the previous SP is counted from; a frame that was realigned has it at a distance from RBP, as the kernel's own have. */
    private static OrcRegister sp(FrameRow.Cfa cfa) {
        if (cfa.loaded()) {
            boolean plain = cfa.base() == X86_64.RBP && cfa.addend() == 0 && cfa.index() == FrameRow.NO_INDEX;
            return plain ? OrcRegister.BP_INDIRECT : OrcRegister.UNDEFINED;
        }
        return switch (cfa.base()) {
            case X86_64.RSP -> OrcRegister.SP;
            case X86_64.RBP -> OrcRegister.BP;
            case X86_64.R10 -> cfa.offset() == 0 ? OrcRegister.R10 : OrcRegister.UNDEFINED;
            case X86_64.R13 -> cfa.offset() == 0 ? OrcRegister.R13 : OrcRegister.UNDEFINED;
            default -> OrcRegister.UNDEFINED;
        };
    }
}
