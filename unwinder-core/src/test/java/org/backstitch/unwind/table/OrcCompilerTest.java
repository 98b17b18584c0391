package org.backstitch.unwind.table;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import net.jqwik.api.ForAll;
import net.jqwik.api.Property;
import org.backstitch.bytes.Bytes;
import org.backstitch.elf.ElfFile;
import org.backstitch.elf.orc.OrcEntry;
import org.backstitch.elf.orc.OrcRegister;
import org.backstitch.elf.orc.OrcTable;
import org.backstitch.elf.orc.OrcType;
import org.backstitch.fixtures.Fixtures;
import org.backstitch.unwind.machine.X86_64;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

class OrcCompilerTest {
    /** ORC in objtool's words on the left, the rule on the right. */
    @ParameterizedTest
    @CsvSource(
            delimiter = '|',
            value = {
                "CALL,SP,8,UNDEFINED,0,false | call rsp+8",
                "CALL,SP,48,PREV_SP,-16,false | call rsp+48 rbp=c-16",
                "CALL,BP,16,PREV_SP,-16,false | call rbp+16 rbp=c-16",
                "CALL,BP_INDIRECT,-8,BP,0,false | call *(rbp-8)+0 rbp=b+0",
                "CALL,R10,0,BP,0,false | call r10+0 rbp=*(rbp+0)",
                "CALL,R13,0,UNDEFINED,0,false | call r13+0",
                "CALL,AX,24,UNDEFINED,0,false | call rax+0",
                "CALL,DI,24,UNDEFINED,0,false | call rdi+0",
                "CALL,SP_INDIRECT,136,PREV_SP,-48,false | call *(rsp)+136 rbp=c-48",
                "CALL,SP_INDIRECT,32767,PREV_SP,-32768,false | call *(rsp)+32767 rbp=c-32768",
                "REGS,SP_OFFSET_INDIRECT,8,UNDEFINED,0,true | regs *(rsp+8)+0 exact-caller",
                "REGS,SP,-8,UNDEFINED,0,true | regs rsp-8 exact-caller",
                "REGS_PARTIAL,DX,8,UNDEFINED,0,true | regs-partial rdx+0 exact-caller",
                "REGS_PARTIAL,SP,0,UNDEFINED,0,false | regs-partial rsp+0",
                "UNDEFINED,UNDEFINED,0,UNDEFINED,0,false | undefined",
                "END_OF_STACK,UNDEFINED,0,UNDEFINED,0,false | end"
            })
    void rules(String entry, String rule) {
        String[] parts = entry.split(",", -1);
        assertEquals(
                rule,
                UnwindRule.toString(OrcCompiler.rule(new OrcEntry(
                        OrcType.valueOf(parts[0]),
                        OrcRegister.valueOf(parts[1]),
                        Integer.parseInt(parts[2]),
                        OrcRegister.valueOf(parts[3]),
                        Integer.parseInt(parts[4]),
                        Boolean.parseBoolean(parts[5])))));
    }

    /** Evaluated by the definition of ORC and by that of the words, over a machine whose memory is a function of the address. */
    private static long load(long address) {
        return address * 0x9e37_79b9_7f4a_7c15L ^ 0x1234_5678_9abc_def0L;
    }

    private static long register(int dwarf) {
        return 0x1000_0000L * (dwarf + 1);
    }

    private static long previousSp(OrcEntry entry) {
        long sp = register(X86_64.RSP);
        long bp = register(X86_64.RBP);
        int offset = entry.spOffset();
        return switch (entry.spRegister()) {
            case SP -> sp + offset;
            case BP -> bp + offset;
            case SP_INDIRECT -> load(sp) + offset;
            case SP_OFFSET_INDIRECT -> load(sp + offset);
            case BP_INDIRECT -> load(bp + offset);
            case AX -> register(X86_64.RAX);
            case DX -> register(X86_64.RDX);
            case DI -> register(X86_64.RDI);
            case R10 -> register(X86_64.R10);
            case R13 -> register(X86_64.R13);
            case UNDEFINED, PREV_SP -> throw new AssertionError();
        };
    }

    private static long previousBp(OrcEntry entry) {
        return switch (entry.bpRegister()) {
            case UNDEFINED -> register(X86_64.RBP);
            case PREV_SP -> load(previousSp(entry) + entry.bpOffset());
            case BP -> load(register(X86_64.RBP) + entry.bpOffset());
            default -> throw new AssertionError();
        };
    }

    private static long cfa(long rule) {
        long base = register(UnwindRule.base(rule));
        long offset = UnwindRule.cfaOffset(rule);
        return UnwindRule.isDereferenced(rule)
                ? load(base + offset) + UnwindRule.addend(rule)
                : UnwindRule.isBaseDereferenced(rule) ? load(base) + offset : base + offset;
    }

    private static long rbp(long rule) {
        long offset = UnwindRule.rbpOffset(rule);
        return switch (UnwindRule.rbpMode(rule)) {
            case UnwindRule.RBP_SAME -> register(X86_64.RBP);
            case UnwindRule.RBP_AT_CFA -> load(cfa(rule) + offset);
            case UnwindRule.RBP_AT_BASE -> load(register(UnwindRule.base(rule)) + offset);
            case UnwindRule.RBP_AT_RBP -> load(register(X86_64.RBP) + offset);
            default -> throw new AssertionError();
        };
    }

    @Property
    void everyEntrySaysTheSameAsItsRule(
            @ForAll OrcType type,
            @ForAll OrcRegister sp,
            @ForAll short spOffset,
            @ForAll OrcRegister bp,
            @ForAll short bpOffset,
            @ForAll boolean signal) {
        if (!type.describesFrame() || !sp.locatesSp() || !bp.locatesBp()) {
            return;
        }
        OrcEntry entry = new OrcEntry(type, sp, spOffset, bp, bpOffset, signal);
        long rule = OrcCompiler.rule(entry);
        assertEquals(previousSp(entry), cfa(rule));
        assertEquals(previousBp(entry), rbp(rule));
        assertEquals(signal, UnwindRule.callerIsExact(rule));
        assertEquals(type == OrcType.CALL, UnwindRule.kind(rule) == UnwindRule.CALL);
        assertEquals(type == OrcType.REGS, UnwindRule.kind(rule) == UnwindRule.REGISTERS);
    }

    /** The kernel spends 10 bytes a row, and an index of its own. */
    @ParameterizedTest
    @CsvSource({"6.1", "6.12", "7.2"})
    void everyRowOfAKernel(String version) {
        String name = "orc/" + version + "/vmlinux.xz";
        OrcTable table = OrcTable.of(ElfFile.of(Bytes.of(Fixtures.bytes(name), name)), null);
        long end = table.address(table.size() - 1) + 0x1000;
        UnwindTable compiled = OrcCompiler.compile(table, end);
        for (int row = 0; row < table.size(); row++) {
            long start = table.address(row);
            long next = row + 1 < table.size() ? table.address(row + 1) : end;
            if (start != next) {
                long rule = OrcCompiler.rule(table.entry(row));
                assertEquals(rule, compiled.rule(start));
                assertEquals(rule, compiled.rule(next - 1));
            }
        }
        assertEquals(UnwindRule.NONE, compiled.rule(table.address(0) - 1));
        assertEquals(UnwindRule.NONE, compiled.rule(end));
        double bytesPerRow = (double) compiled.sizeInBytes() / table.size();
        assertTrue(bytesPerRow < 7, version + ": " + bytesPerRow + " bytes a row");
    }

    @Test
    void aRelocatableTableHasSectionsInsteadOfAddresses() {
        String name = "orc/7.2/veth.ko.xz";
        ElfFile elf = ElfFile.of(Bytes.of(Fixtures.bytes(name), name));
        OrcTable table = OrcTable.of(elf, null);
        assertThrows(IllegalArgumentException.class, () -> OrcCompiler.compile(table, 0x1000));
        int rows = 0;
        for (String section : new String[] {".text", ".init.text", ".exit.text"}) {
            int number = elf.section(section).orElseThrow().index();
            long size = elf.section(section).orElseThrow().size();
            UnwindTable compiled = OrcCompiler.compileSection(table, number, size);
            for (int row = 0; row < table.size(); row++) {
                if (table.section(row) == number) {
                    // Of two rows at one place, the one counts that find says.
                    OrcEntry entry = table.entry(table.find(table.address(row)));
                    assertEquals(OrcCompiler.rule(entry), compiled.rule(table.sectionOffset(row)));
                }
            }
            rows += compiled.sourceRows();
        }
        assertEquals(table.size(), rows);
        assertEquals(0, OrcCompiler.compileSection(table, 0xffff, 16).rows());
    }

    @Test
    void theLastRowHoldsUpToTheEnd() {
        byte[] unwind = {8, 0, 0, 0, 5, 2};
        OrcTable table = OrcTable.read(
                Bytes.of(unwind, "unwind"),
                Bytes.of(new byte[4], "ips"),
                0x1000,
                org.backstitch.elf.orc.OrcFormat.LINUX_6_4);
        UnwindTable compiled = OrcCompiler.compile(table, 0x2000);
        assertEquals(UnwindRule.CALL, UnwindRule.kind(compiled.rule(0x1fff)));
        assertEquals(UnwindRule.NONE, compiled.rule(0x2000));
        // An end before the row, or one so far away that no kernel text lies there, hurts nobody.
        assertEquals(
                UnwindRule.CALL, UnwindRule.kind(OrcCompiler.compile(table, 0).rule(0x1000)));
        assertEquals(
                UnwindRule.CALL, UnwindRule.kind(OrcCompiler.compile(table, -1).rule(0x1000)));
    }
}
