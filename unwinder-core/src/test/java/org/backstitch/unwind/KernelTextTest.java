package org.backstitch.unwind;

import static org.junit.jupiter.api.Assertions.assertEquals;

import org.backstitch.unwind.machine.X86_64;
import org.backstitch.unwind.table.SavedRegisters;
import org.backstitch.unwind.table.UnwindInfo;
import org.backstitch.unwind.table.UnwindRule;
import org.backstitch.unwind.table.UnwindTableBuilder;
import org.junit.jupiter.api.Test;

class KernelTextTest {
    private static final long IMAGE = 0xffff_ffff_8100_0000L;
    private static final long KASLR = 0x29e0_0000L;
    private static final long MODULE = 0xffff_ffff_c070_7000L;
    private static final long TRAMPOLINE = 0xffff_ffff_c0a0_0000L;
    private static final long BPF = 0xffff_ffff_c0b0_0000L;

    private static long call(int offset) {
        return UnwindRule.of(UnwindRule.CALL, X86_64.RSP, offset, UnwindRule.RBP_SAME, 0, 0, 0);
    }

    private static UnwindInfo table(long start, long rule, long end) {
        return new UnwindTableBuilder()
                .addRow(start, rule, SavedRegisters.SAME, null)
                .addRow(start + 0x10, rule + (8L << 40), SavedRegisters.SAME, null)
                .addGap(end)
                .build();
    }

    private final KernelText text = KernelText.builder()
            .framePointerCode(BPF + 0x10, BPF + 0x80)
            .tables(IMAGE + KASLR, IMAGE + KASLR + 0x1000, table(IMAGE, call(8), IMAGE + 0x1000), KASLR)
            .tables(MODULE, MODULE + 0x1000, table(MODULE, call(24), MODULE + 0x1000), 0)
            .copy(TRAMPOLINE, TRAMPOLINE + 0x20, IMAGE + KASLR)
            .copy(TRAMPOLINE + 0x100, TRAMPOLINE + 0x120, TRAMPOLINE)
            .copy(TRAMPOLINE + 0x200, TRAMPOLINE + 0x200, IMAGE)
            .build();

    @Test
    void imagesAndModules() {
        assertEquals(UnwindRule.NONE, text.rule(IMAGE));
        assertEquals(call(8), text.rule(IMAGE + KASLR + 0xf));
        assertEquals(call(16), text.rule(IMAGE + KASLR + 0x10));
        assertEquals(UnwindRule.NONE, text.rule(IMAGE + KASLR + 0x1000));
        assertEquals(call(24), text.rule(MODULE));
        assertEquals(UnwindRule.NONE, text.rule(MODULE - 1));
        assertEquals(UnwindRule.NONE, text.rule(0));
        assertEquals(UnwindRule.NONE, text.rule(-1));
    }

    @Test
    void ftraceTrampolinesHaveTheRowsOfWhatTheyWereCopiedFrom() {
        assertEquals(call(8), text.rule(TRAMPOLINE));
        assertEquals(call(16), text.rule(TRAMPOLINE + 0x1f));
        assertEquals(UnwindRule.NONE, text.rule(TRAMPOLINE + 0x20));
        // A copy of a copy is not believed, so that no two can refer to each other.
        assertEquals(UnwindRule.NONE, text.rule(TRAMPOLINE + 0x100));
    }

    @Test
    void bpfProgramsHaveAFramePointer() {
        assertEquals(UnwindRule.NONE, text.rule(BPF));
        assertEquals("call rbp+16 rbp=c-16", UnwindRule.toString(text.rule(BPF + 0x10)));
        assertEquals(UnwindRule.NONE, text.rule(BPF + 0x80));
    }

    @Test
    void noTextAtAll() {
        assertEquals(UnwindRule.NONE, KernelText.builder().build().rule(IMAGE));
    }
}
