package org.backstitch.code.synthesis;

import java.util.Map;
import java.util.TreeMap;
import org.backstitch.bytes.MalformedInputException;
import org.backstitch.elf.dwarf.CallFrameInfo;
import org.backstitch.elf.dwarf.CallFrameInterpreter;
import org.backstitch.elf.dwarf.FdeIndex;
import org.backstitch.elf.dwarf.FrameDescriptionEntry;
import org.backstitch.elf.orc.OrcEntry;
import org.backstitch.elf.orc.OrcRegister;
import org.backstitch.elf.orc.OrcType;
import org.backstitch.unwind.machine.X86_64;

/**
 * Rows of call frame information as ORC entries, as far as those can say the same: a CFA counted from RSP or RBP, RBP untouched or at a
 * distance from the CFA, the return address below the CFA. Other registers are left out: ORC knows none.
 */
public final class OrcConversion {
    /** Is given the entries in the order of their addresses. */
    public interface Sink<X extends Exception> {
        /** The entry that holds from an address on. */
        void entry(long address, OrcEntry entry) throws X;
    }

    private static final String MALFORMED = "malformed entry";

    private final Map<String, Integer> refused = new TreeMap<>();
    private int rows;
    private String reason = "";

    /** Nothing converted so far. */
    public OrcConversion() {}

    /** Converts a section; what no ORC entry can say becomes {@link OrcEntry#UNDEFINED}, as do gaps between functions. */
    public <X extends Exception> void convert(CallFrameInfo info, Sink<X> sink) throws X {
        FdeIndex index = new FdeIndex(info);
        CallFrameInterpreter interpreter = new CallFrameInterpreter();
        OrcEntry last = OrcEntry.UNDEFINED;
        for (int i = 0; i < index.size(); i++) {
            FrameDescriptionEntry fde = index.fde(i);
            try {
                interpreter.start(fde);
                while (interpreter.nextRow()) {
                    OrcEntry entry = entry(interpreter);
                    rows++;
                    if (entry.equals(OrcEntry.UNDEFINED)) {
                        refused.merge(reason, 1, Integer::sum);
                    }
                    if (!entry.equals(last)) {
                        sink.entry(interpreter.rowStart(), entry);
                        last = entry;
                    }
                }
            } catch (MalformedInputException e) {
                refused.merge(MALFORMED, 1, Integer::sum);
            }
            boolean gap = i + 1 == index.size() || index.start(i + 1) != fde.end();
            if (gap && !last.equals(OrcEntry.UNDEFINED)) {
                sink.entry(fde.end(), OrcEntry.UNDEFINED);
                last = OrcEntry.UNDEFINED;
            }
        }
    }

    /** How many rows there were. */
    public int rows() {
        return rows;
    }

    /** How many rows no entry can say, by the reason. */
    public Map<String, Integer> refused() {
        return Map.copyOf(refused);
    }

    private OrcEntry refuse(String why) {
        reason = why;
        return OrcEntry.UNDEFINED;
    }

    private OrcEntry entry(CallFrameInterpreter row) {
        int returnAddress = row.cie().returnAddressRegister();
        if (returnAddress != X86_64.RIP) {
            return refuse("return address in another column");
        }
        if (row.ruleKind(X86_64.RIP) == CallFrameInterpreter.UNDEFINED) {
            return OrcEntry.END_OF_STACK;
        }
        if (row.ruleKind(X86_64.RIP) != CallFrameInterpreter.OFFSET || row.ruleOperand(X86_64.RIP) != -8) {
            return refuse("return address not at CFA-8");
        }
        if (row.hasCfaExpression()) {
            return refuse("CFA by an expression");
        }
        if (row.ruleKind(X86_64.RSP) != CallFrameInterpreter.UNSPECIFIED) {
            return refuse("rule for RSP");
        }
        OrcRegister base;
        switch (row.cfaRegister()) {
            case X86_64.RSP -> base = OrcRegister.SP;
            case X86_64.RBP -> base = OrcRegister.BP;
            default -> {
                return refuse("CFA from another register than RSP and RBP");
            }
        }
        long offset = row.cfaOffset();
        long bpOffset = 0;
        OrcRegister bp;
        switch (row.ruleKind(X86_64.RBP)) {
            case CallFrameInterpreter.UNSPECIFIED, CallFrameInterpreter.SAME_VALUE -> bp = OrcRegister.UNDEFINED;
            case CallFrameInterpreter.OFFSET -> {
                bp = OrcRegister.PREV_SP;
                bpOffset = row.ruleOperand(X86_64.RBP);
            }
            default -> {
                return refuse("RBP neither untouched nor in the frame");
            }
        }
        if (offset != (short) offset || bpOffset != (short) bpOffset) {
            return refuse("offset of more than 16 bits");
        }
        return new OrcEntry(
                OrcType.CALL, base, (int) offset, bp, (int) bpOffset, row.cie().isSignalFrame());
    }
}
