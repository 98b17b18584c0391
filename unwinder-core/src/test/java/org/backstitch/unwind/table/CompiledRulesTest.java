package org.backstitch.unwind.table;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.lang.foreign.Arena;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Objects;
import java.util.stream.Stream;
import org.backstitch.elf.ElfFile;
import org.backstitch.elf.dwarf.CallFrameInterpreter;
import org.backstitch.elf.dwarf.CfaRule;
import org.backstitch.elf.dwarf.DwarfExpression;
import org.backstitch.elf.dwarf.FdeIndex;
import org.backstitch.elf.dwarf.FrameDescriptionEntry;
import org.backstitch.elf.dwarf.RegisterRule;
import org.backstitch.elf.dwarf.UnwindRow;
import org.backstitch.unwind.machine.X86_64;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

/**
 * For every row of system libraries: what the compiled words say is what the call frame information says, evaluated directly.
 *
 * <p>The evaluator below reads {@link UnwindRow}s by the letter of DWARF 5 §6.4 and knows nothing of rule words. Both are asked on a
 * machine whose registers and memory are made up, so that two rules that differ anywhere give different answers.
 */
class CompiledRulesTest {
    private static final int[] CALLEE_SAVED = {X86_64.RBX, X86_64.RBP, X86_64.R12, X86_64.R13, X86_64.R14, X86_64.R15};

    static List<Path> libraries() {
        return Stream.of(
                        "/lib/x86_64-linux-gnu/libc.so.6",
                        "/lib/x86_64-linux-gnu/libm.so.6",
                        "/lib64/ld-linux-x86-64.so.2",
                        "/lib/x86_64-linux-gnu/libgcc_s.so.1",
                        "/lib/x86_64-linux-gnu/libcrypto.so.3",
                        "/usr/lib/x86_64-linux-gnu/libstdc++.so.6")
                .map(Path::of)
                .filter(Files::exists)
                .toList();
    }

    /** Registers and memory whose every value differs from every other. */
    private static final class MadeUpMachine implements DwarfExpression.Machine {
        private final long pc;

        MadeUpMachine(long pc) {
            this.pc = pc;
        }

        @Override
        public boolean isKnown(int register) {
            return register >= 0 && register < X86_64.COUNT;
        }

        @Override
        public long register(int register) {
            return register == X86_64.RIP ? pc : 0x7000_0000_0000L + register * 0x10_0000_0000L;
        }

        @Override
        public boolean isReadable(long address, int length) {
            return true;
        }

        @Override
        public long readLong(long address) {
            return (address ^ 0x5bd1_e995L) * 0x9e37_79b9_7f4a_7c15L;
        }
    }

    /** What a row says of one register of the caller; null where it is not known. */
    private static @Nullable Long expected(UnwindRow row, int register, long cfa, MadeUpMachine machine) {
        return switch (row.registers().get(register)) {
            case null -> register == X86_64.RIP ? null : Long.valueOf(machine.register(register));
            case RegisterRule.Undefined() -> null;
            case RegisterRule.SameValue() -> machine.register(register);
            case RegisterRule.Offset(long offset) -> machine.readLong(cfa + offset);
            case RegisterRule.ValOffset(long offset) -> cfa + offset;
            case RegisterRule.Register(int other) -> machine.register(other);
            case RegisterRule.Expression(DwarfExpression expression) ->
                machine.readLong(expression.evaluate(machine, cfa).value());
            case RegisterRule.ValExpression(DwarfExpression expression) ->
                expression.evaluate(machine, cfa).value();
        };
    }

    private static long cfa(UnwindRow row, MadeUpMachine machine) {
        return switch (row.cfa()) {
            case CfaRule.RegisterOffset(int register, long offset) -> machine.register(register) + offset;
            case CfaRule.Expression(DwarfExpression expression) ->
                expression.evaluate(machine).value();
        };
    }

    private static long cfaOf(long rule, MadeUpMachine machine) {
        long basis = machine.register(UnwindRule.base(rule)) + UnwindRule.cfaOffset(rule);
        if (UnwindRule.isDereferenced(rule)) {
            return machine.readLong(basis) + UnwindRule.addend(rule);
        }
        boolean pushed = UnwindRule.kind(rule) == UnwindRule.PLT && (machine.pc & 15) >= UnwindRule.addend(rule);
        return pushed ? basis + 8 : basis;
    }

    private static @Nullable Long rbpOf(long rule, long cfa, MadeUpMachine machine) {
        long offset = UnwindRule.rbpOffset(rule);
        return switch (UnwindRule.rbpMode(rule)) {
            case UnwindRule.RBP_SAME -> machine.register(X86_64.RBP);
            case UnwindRule.RBP_AT_CFA -> machine.readLong(cfa + offset);
            case UnwindRule.RBP_AT_BASE -> machine.readLong(machine.register(UnwindRule.base(rule)) + offset);
            case UnwindRule.RBP_AT_RBP -> machine.readLong(machine.register(X86_64.RBP) + offset);
            default -> null;
        };
    }

    private static @Nullable Long savedOf(long saved, int register, long cfa, MadeUpMachine machine) {
        int index = SavedRegisters.index(register);
        if (SavedRegisters.isUndefined(saved, index)) {
            return null;
        }
        return SavedRegisters.isSame(saved, index)
                ? machine.register(register)
                : Long.valueOf(machine.readLong(cfa + SavedRegisters.cfaOffset(saved, index)));
    }

    @ParameterizedTest
    @MethodSource("libraries")
    void wordsSayWhatRowsSay(Path library) throws IOException {
        try (Arena arena = Arena.ofConfined()) {
            ElfFile elf = ElfFile.map(library, arena);
            CfiUnwindInfo lazy = CfiUnwindInfo.of(elf);
            CfiUnwindInfo eager = CfiUnwindInfo.of(elf);
            UnwindTable table = eager.compile();
            CallFrameInterpreter rows = new CallFrameInterpreter();
            int checked = 0;
            for (FdeIndex index : lazy.finder().indexes()) {
                for (int i = 0; i < index.size(); i++) {
                    FrameDescriptionEntry fde = index.fde(i);
                    rows.start(fde);
                    while (rows.nextRow()) {
                        long vaddr = rows.rowStart();
                        boolean applies = Long.compareUnsigned(vaddr, fde.end()) < 0 && rows.rowEnd() != vaddr;
                        if (applies
                                && index.find(vaddr) != null
                                && Objects.requireNonNull(index.find(vaddr)).offset() == fde.offset()) {
                            check(vaddr, rows, table);
                            int number = lazy.find(vaddr);
                            int compiled = table.find(vaddr);
                            assertEquals(
                                    table.dictionary().rule(compiled),
                                    lazy.dictionary().rule(number));
                            assertEquals(
                                    table.dictionary().saved(compiled),
                                    lazy.dictionary().saved(number));
                            assertEquals(
                                    table.dictionary().side(compiled),
                                    lazy.dictionary().side(number));
                            checked++;
                        }
                    }
                }
            }
            assertTrue(checked > 100, library + " has only " + checked + " rows");
        }
    }

    private static void check(long vaddr, CallFrameInterpreter rows, UnwindTable table) {
        UnwindRow row = rows.row();
        MadeUpMachine machine = new MadeUpMachine(vaddr);
        int number = table.find(vaddr);
        long rule = table.dictionary().rule(number);
        String where = "0x%x: %s as %s".formatted(vaddr, row, UnwindRule.toString(rule));
        boolean end = UnwindRule.kind(rule) == UnwindRule.END;
        assertEquals(rows.cie().isSignalFrame() && !end, UnwindRule.callerIsExact(rule), where);
        if (UnwindRule.kind(rule) == UnwindRule.END) {
            assertTrue(row.registers().get(X86_64.RIP) instanceof RegisterRule.Undefined, where);
            return;
        }
        if (UnwindRule.kind(rule) == UnwindRule.SIDE) {
            assertEquals(row, table.dictionary().side(number), where);
            return;
        }
        long expectedCfa = cfa(row, machine);
        long cfa = cfaOf(rule, machine);
        assertEquals(expectedCfa, cfa, where);
        long returnSlot = UnwindRule.kind(rule) == UnwindRule.SIGNAL
                ? machine.register(UnwindRule.base(rule)) + UnwindRule.cfaOffset(rule) + 8
                : cfa - 8;
        assertEquals(
                expected(row, X86_64.RIP, expectedCfa, machine), Long.valueOf(machine.readLong(returnSlot)), where);
        boolean side = UnwindRule.hasSide(rule);
        for (int register : CALLEE_SAVED) {
            Long compiled = register == X86_64.RBP
                    ? rbpOf(rule, cfa, machine)
                    : savedOf(table.dictionary().saved(number), register, cfa, machine);
            if (register == X86_64.RBP || !side) {
                assertEquals(expected(row, register, expectedCfa, machine), compiled, where);
            }
        }
        if (side) {
            assertEquals(row, table.dictionary().side(number), where);
        }
    }
}
