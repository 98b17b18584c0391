package org.backstitch.unwind;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import org.backstitch.elf.dwarf.CallFrameInterpreter;
import org.backstitch.elf.dwarf.UnwindRow;
import org.backstitch.unwind.machine.Registers;
import org.backstitch.unwind.machine.StackDump;
import org.backstitch.unwind.machine.X86_64;
import org.backstitch.unwind.table.HandMadeEntry;
import org.backstitch.unwind.table.SavedRegisters;
import org.backstitch.unwind.table.UnwindRule;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/**
 * One step by a complete row: call frame instructions as bytes (DWARF 5 §7.24), and what the caller's registers are by DWARF 5 §6.4.1.
 * The word {@code n} above RSP holds a00n, in hexadecimal; register n holds 10n but for RSP, RBP (8 words above it) and RBX (16).
 */
class StepsByRowTest {
    private static final long SP = 0x7000_0000L;
    private static final int WORDS = 32;
    private static final long SIDE = UnwindRule.of(UnwindRule.SIDE, 0, 0, 0, 0, 0, UnwindRule.HAS_SIDE);

    private final SparseMemory memory = new SparseMemory();
    private final FrameStep step = new FrameStep();
    private final Registers start = new Registers();

    StepsByRowTest() {
        for (int word = 0; word < WORDS; word++) {
            memory.put(SP + 8L * word, 0xa000 + word);
        }
        for (int register = 0; register < X86_64.COUNT; register++) {
            start.set(register, 0x100 + register);
        }
        start.set(X86_64.RSP, SP).set(X86_64.RBP, SP + 0x40).set(X86_64.RBX, SP + 0x80);
    }

    private static UnwindRow row(HandMadeEntry entry) {
        CallFrameInterpreter rows = new CallFrameInterpreter();
        rows.start(entry.parse());
        assertTrue(rows.nextRow());
        return rows.row();
    }

    private void begin() {
        step.begin(AddressSpace.EMPTY, new StackDump().clear(SP), memory);
        step.restart(start);
    }

    /** What the step has changed; {@code ?} stands for what is not known afterwards. Or why it failed. */
    private String changes(boolean done) {
        if (!done) {
            assertTrue(start.sameAs(step.frame()), "a failed step leaves the frame as it was");
            return step.failure() + (step.wantedUnknownRegister() ? " for a register" : "");
        }
        assertEquals(StopReason.NONE, step.failure());
        assertFalse(step.wantedUnknownRegister());
        StringBuilder text = new StringBuilder();
        for (int register = X86_64.COUNT - 1; register >= 0; register--) {
            boolean known = step.frame().isKnown(register);
            long value = step.frame().get(register);
            if (known != start.isKnown(register) || value != start.get(register)) {
                text.append(text.isEmpty() ? "" : " ")
                        .append(X86_64.name(register))
                        .append('=');
                text.append(known ? Long.toHexString(value) : "?");
            }
        }
        return text.toString();
    }

    private String byRow(HandMadeEntry entry) {
        begin();
        return changes(step.step(SIDE, SavedRegisters.SAME, row(entry)));
    }

    @ParameterizedTest
    @CsvSource(
            delimiter = '|',
            value = {
                "00 | rip=a000 rsp=70000008", // CFA rsp+8, RIP at c-8, as the CIE has it
                "0e10 | rip=a001 rsp=70000010",
                "0c0310 | rip=a011 rsp=70000090", // CFA rbx+16
                "0f027308 | rip=a010 rsp=70000088", // CFA by an expression: breg3 8
                "0f0477083822 | rip=a001 rsp=70000010", // breg7 8; lit8; plus
                "0f03770806 | DUMP_EXHAUSTED", // breg7 8; deref: what lies at a001 - 8 was not recorded
                "0f037c0006 | DUMP_EXHAUSTED", // breg12 0; deref: 10c was not
                "0f0122 | BAD_UNWIND_INFO", // plus: of nothing
                "0e20 8302 | rip=a003 rsp=70000020 rbx=a002",
                "8302 | rip=a000 rsp=70000008", // below RSP, not recorded: popped already
                "11038040 | rip=a000 rsp=70000008 rbx=?", // c+65536, not recorded
                "0703 | rip=a000 rsp=70000008 rbx=?",
                "0803 | rip=a000 rsp=70000008",
                "09030c | rip=a000 rsp=70000008 rbx=10c", // register: R12
                "090328 | rip=a000 rsp=70000008 rbx=?", // one that no frame knows
                "140302 | rip=a000 rsp=70000008 rbx=6ffffff8", // val_offset
                "1003027710 | rip=a000 rsp=70000008 rbx=a002", // expression: breg7 16
                "1603027710 | rip=a000 rsp=70000008 rbx=70000010", // val_expression
                "1003022310 | rip=a000 rsp=70000008 rbx=a003", // plus_uconst 16, to the CFA
                "1603022310 | rip=a000 rsp=70000008 rbx=70000018",
                "160303771006 | rip=a000 rsp=70000008 rbx=a002", // breg7 16; deref
                "16030477089401 | rip=a000 rsp=70000008 rbx=1", // breg7 8; deref_size 1
                "16030477089402 | rip=a000 rsp=70000008 rbx=a001",
                "16030477099401 | rip=a000 rsp=70000008 rbx=?", // this memory knows whole words only
                "1003037c0006 | rip=a000 rsp=70000008 rbx=?", // what R12 points to was not recorded
                "1003057c00063022 | rip=a000 rsp=70000008 rbx=?",
                "1603057c00063022 | rip=a000 rsp=70000008 rbx=?",
                "1003027c00 | rip=a000 rsp=70000008 rbx=?", // at 10c: too far below RSP to have been popped
                "10030122 | rip=a000 rsp=70000008 rbx=?", // plus, of one operand only
                "9102 | rip=a000 rsp=70000008", // XMM0
                "140702 | rip=a000 rsp=6ffffff8", // RSP is not the CFA
                "1007027710 | rip=a000 rsp=a002",
                "1007037c0006 | DUMP_EXHAUSTED",
                "11078040 | DUMP_EXHAUSTED", // RSP at c+65536
                "10070122 | BAD_UNWIND_INFO",
                "0707 | BAD_UNWIND_INFO",
                "0710 | END_OF_STACK", // RIP is undefined
                "0810 | rsp=70000008", // and the same
                "091003 | rip=70000080 rsp=70000008", // and in RBX
                "091028 | BAD_UNWIND_INFO for a register",
                "141000 | rip=70000008 rsp=70000008",
                "1010027710 | rip=a002 rsp=70000008",
                "1610027710 | rip=70000010 rsp=70000008",
                "11108040 | DUMP_EXHAUSTED",
                "1010027c00 | DUMP_EXHAUSTED",
                "1610037c0006 | DUMP_EXHAUSTED",
                "1610057c00063022 | DUMP_EXHAUSTED",
                "10100122 | BAD_UNWIND_INFO",
            })
    void allKnown(String program, String expected) {
        assertEquals(expected, byRow(HandMadeEntry.of(program)));
    }

    /** R12 is not known: that matters only to rules that RIP, RSP or the CFA hang on. */
    @ParameterizedTest
    @CsvSource(
            delimiter = '|',
            value = {
                "00 | rip=a000 rsp=70000008",
                "0c0c08 | BAD_UNWIND_INFO for a register",
                "0f027c08 | BAD_UNWIND_INFO for a register",
                "0f047c083022 | BAD_UNWIND_INFO for a register",
                "0e20 8c02 | rip=a003 r12=a002 rsp=70000020",
                "08 0c | rip=a000 rsp=70000008",
                "09030c | rip=a000 rsp=70000008 rbx=?",
                "1003027c10 | rip=a000 rsp=70000008 rbx=?",
                "1603027c10 | rip=a000 rsp=70000008 rbx=?",
                "1603047c103022 | rip=a000 rsp=70000008 rbx=?",
                "09100c | BAD_UNWIND_INFO for a register",
                "09070c | BAD_UNWIND_INFO for a register",
                "1010027c10 | BAD_UNWIND_INFO for a register",
                "1610047c103022 | BAD_UNWIND_INFO for a register",
            })
    void oneUnknown(String program, String expected) {
        start.forget(X86_64.R12);
        assertEquals(expected, byRow(HandMadeEntry.of(program)));
    }

    @Test
    void returnAddressColumns() {
        // Column 3 is the return address, and RBX: what is restored is both.
        assertEquals("rip=a000 rsp=70000008 rbx=a000", byRow(new HandMadeEntry("8301", -8, 3, false)));
        // -8 is no multiple of 3: the CIE says nothing of RIP, and so no row does.
        assertEquals("BAD_UNWIND_INFO", byRow(new HandMadeEntry("00", -3, 16, false)));
    }

    @Test
    void savedRegistersByWords() {
        long rule = UnwindRule.of(UnwindRule.CALL, X86_64.RSP, 0x40, UnwindRule.RBP_AT_CFA, -16, 0, 0);
        long saved = SavedRegisters.withSlot(SavedRegisters.SAME, 0, -24);
        saved = SavedRegisters.withUndefined(SavedRegisters.withSlot(saved, 1, 8), 4);
        begin();
        assertEquals("rip=a007 r15=? r12=a009 rsp=70000040 rbp=a006 rbx=a005", changes(step.step(rule, saved, null)));
        start.forget(X86_64.RBP);
        begin();
        long fromRbp = UnwindRule.of(UnwindRule.CALL, X86_64.RSP, 8, UnwindRule.RBP_AT_RBP, 8, 0, 0);
        assertEquals("rip=a000 rsp=70000008", changes(step.step(fromRbp, SavedRegisters.SAME, null)));
    }

    /** Behind a call RAX and its like have what the callee left there, unless its row says where they were saved. */
    @ParameterizedTest
    @CsvSource({
        "00, 0f027a00, true", // CFA by R10
        "00, 0c0a00, true",
        "00, 0f027c00, false", // by R12
        "0e10 8a02, 0f027a00, false", // R10 was saved
        "0e10 8b02, 0f027a00, true", // R11 was
        "9102, 0f027000, true", // XMM0 says nothing of RAX
    })
    void leftOvers(String first, String second, boolean relied) {
        start.set(X86_64.R10, SP + 0x20).set(X86_64.R12, SP + 0x20).set(X86_64.RAX, SP + 0x20);
        begin();
        assertTrue(step.step(SIDE, SavedRegisters.SAME, row(HandMadeEntry.of(first))));
        assertFalse(step.reliedOnLeftOver());
        step.step(SIDE, SavedRegisters.SAME, row(HandMadeEntry.of(second)));
        assertEquals(relied, step.reliedOnLeftOver());
        // An interrupted frame has called nobody.
        begin();
        assertTrue(step.step(SIDE | UnwindRule.EXACT_CALLER, SavedRegisters.SAME, row(HandMadeEntry.of(first))));
        step.step(SIDE, SavedRegisters.SAME, row(HandMadeEntry.of(second)));
        assertFalse(step.reliedOnLeftOver());
    }

    /** {@code struct sigcontext_64}, five words into {@code struct ucontext}: R8 to R15, RDI, RSI, RBP, RBX, RDX, RAX, RCX, RSP, RIP. */
    @Test
    void interruptedBySignals() {
        begin();
        assertTrue(step.stepToInterrupted(SP));
        int[] order = {8, 9, 10, 11, 12, 13, 14, 15, 5, 4, 6, 3, 1, 0, 2, 7, 16};
        for (int place = 0; place < order.length; place++) {
            assertEquals(0xa005 + place, step.frame().get(order[place]));
        }
        assertTrue(step.isExact());
        begin();
        long context = SP + 8 * (WORDS - 21); // one word is missing
        assertEquals("DUMP_EXHAUSTED", changes(step.stepToInterrupted(context)));
    }
}
