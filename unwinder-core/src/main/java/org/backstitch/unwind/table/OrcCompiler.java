package org.backstitch.unwind.table;

import org.backstitch.elf.orc.OrcEntry;
import org.backstitch.elf.orc.OrcRegister;
import org.backstitch.elf.orc.OrcTable;
import org.backstitch.elf.orc.OrcType;
import org.backstitch.unwind.machine.X86_64;

/**
 * Compiles ORC tables into unwind rules. Every entry fits a word exactly; there is no side table.
 *
 * <p>How the words are to be read by a walk of kernel stacks ({@code unwind_next_frame}):
 *
 * <pre>
 *   ORC                                    rule
 *   sp:sp+N, sp:bp+N                       base RSP or RBP, cfaOffset N
 *   sp:(bp+N)                              base RBP, cfaOffset N, DEREF, addend 0
 *   sp:(sp)+N                              base RSP, cfaOffset N, DEREF_BASE
 *   sp:(sp+N) (before 5.12)                base RSP, cfaOffset N, DEREF, addend 0
 *   sp:ax, dx, di, r10, r13                that base, cfaOffset 0, only where complete registers are known
 *   type call                              CALL
 *   type regs, regs (partial)              REGISTERS, PARTIAL_REGISTERS: the CFA is their address
 *   bp:(und)                               RBP_SAME: untouched; of registers frames, what the registers say
 *   bp:prevsp+N                            RBP_AT_CFA
 *   bp:bp+N                                RBP_AT_BASE where RBP is the base, RBP_AT_RBP where it is not
 *   signal:1                               EXACT_CALLER
 *   type end, (und)                        END, UNDEFINED
 * </pre>
 */
public final class OrcCompiler {
    private OrcCompiler() {}

    /**
     * Compiles a table of final addresses.
     *
     * @param end where the code that the table describes ends: the last row holds up to there, as does every row up to the next one
     * @throws IllegalArgumentException if the table is of a relocatable file
     */
    public static UnwindTable compile(OrcTable table, long end) {
        if (table.isRelocatable()) {
            throw new IllegalArgumentException("the table of a relocatable file has no addresses");
        }
        return compile(table, 0, table.size(), 0, end);
    }

    /**
     * Compiles the rows of one section of a relocatable file, by their offsets in it.
     *
     * @param section its number, as {@link OrcTable#section} has it
     * @param size of the section in bytes: its last row holds up to there
     * @throws IllegalArgumentException if the table is of a linked file
     */
    public static UnwindTable compileSection(OrcTable table, int section, long size) {
        if (!table.isRelocatable()) {
            throw new IllegalArgumentException("the table of a linked file has no sections");
        }
        long base = (long) section << 32;
        int from = table.find(base - 1) + 1;
        int to = table.find(base | 0xffff_ffffL) + 1;
        return compile(table, from, to, base, base + Math.min(size, 0xffff_ffffL));
    }

    private static UnwindTable compile(OrcTable table, int from, int to, long base, long end) {
        long[] rules = new long[table.distinctEntries()];
        for (int i = 0; i < rules.length; i++) {
            rules[i] = rule(table.distinctEntry(i));
        }
        UnwindTableBuilder builder = new UnwindTableBuilder();
        for (int row = from; row < to; row++) {
            builder.addRow(table.address(row) - base, rules[table.entryIndex(row)], SavedRegisters.SAME, null);
        }
        if (from < to) {
            long first = table.address(from);
            long last = table.address(to - 1);
            long behind = Long.compareUnsigned(end, last) > 0 ? end : last + 1;
            boolean tooFar = Long.compareUnsigned(behind - first, UnwindTableBuilder.MAX_SPAN) > 0;
            builder.addGap((tooFar ? first + UnwindTableBuilder.MAX_SPAN : behind) - base);
        }
        return builder.build();
    }

    /** The rule word that says what an entry says. */
    public static long rule(OrcEntry entry) {
        long signal = entry.signal() ? UnwindRule.EXACT_CALLER : 0;
        return switch (entry.type()) {
            case UNDEFINED -> UnwindRule.of(UnwindRule.UNDEFINED);
            case END_OF_STACK -> UnwindRule.of(UnwindRule.END);
            case CALL, REGS, REGS_PARTIAL -> {
                OrcRegister sp = entry.spRegister();
                yield UnwindRule.of(
                        kind(entry.type()),
                        base(sp),
                        sp.needsFullRegisters() ? 0 : entry.spOffset(),
                        rbpMode(entry),
                        entry.bpRegister() == OrcRegister.UNDEFINED ? 0 : entry.bpOffset(),
                        0,
                        signal | dereference(sp));
            }
        };
    }

    private static int kind(OrcType type) {
        return switch (type) {
            case CALL -> UnwindRule.CALL;
            case REGS -> UnwindRule.REGISTERS;
            case REGS_PARTIAL -> UnwindRule.PARTIAL_REGISTERS;
            case UNDEFINED -> UnwindRule.UNDEFINED;
            case END_OF_STACK -> UnwindRule.END;
        };
    }

    private static int base(OrcRegister register) {
        return switch (register) {
            case AX -> X86_64.RAX;
            case DX -> X86_64.RDX;
            case DI -> X86_64.RDI;
            case R10 -> X86_64.R10;
            case R13 -> X86_64.R13;
            case BP, BP_INDIRECT -> X86_64.RBP;
            case SP, SP_INDIRECT, SP_OFFSET_INDIRECT -> X86_64.RSP;
            case UNDEFINED, PREV_SP -> throw new IllegalArgumentException("no frame is found from " + register);
        };
    }

    private static long dereference(OrcRegister register) {
        return switch (register) {
            case BP_INDIRECT, SP_OFFSET_INDIRECT -> UnwindRule.DEREF;
            case SP_INDIRECT -> UnwindRule.DEREF_BASE;
            case UNDEFINED, AX, DX, SP, BP, DI, R10, R13, PREV_SP -> 0;
        };
    }

    private static int rbpMode(OrcEntry entry) {
        return switch (entry.bpRegister()) {
            case UNDEFINED -> UnwindRule.RBP_SAME;
            case PREV_SP -> UnwindRule.RBP_AT_CFA;
            case BP -> base(entry.spRegister()) == X86_64.RBP ? UnwindRule.RBP_AT_BASE : UnwindRule.RBP_AT_RBP;
            case AX, DX, SP, DI, R10, R13, SP_INDIRECT, BP_INDIRECT, SP_OFFSET_INDIRECT ->
                throw new IllegalArgumentException("no BP is found from " + entry.bpRegister());
        };
    }
}
