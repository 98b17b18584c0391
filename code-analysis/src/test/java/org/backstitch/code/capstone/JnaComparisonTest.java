package org.backstitch.code.capstone;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import capstone.Capstone.CsInsn;
import capstone.X86;
import java.io.IOException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.Test;

/**
 * Our reading of Capstone's structures against that of its official Java binding, which reads them through JNA, field by field.
 *
 * <p>That binding refuses any core but 4 and decodes some thousand instructions a second, so windows all over the C library are
 * compared, not all of it.
 */
class JnaComparisonTest {
    private static final int WINDOWS = 60;
    private static final int WINDOW_SIZE = 512;

    @Test
    void readsWhatTheJnaBindingReads() throws IOException {
        try (Arena arena = Arena.ofConfined();
                Capstone ours = core4()) {
            capstone.Capstone theirs = jnaBinding();
            theirs.setDetail(capstone.Capstone.CS_OPT_ON);
            SystemCode text = SystemCode.cLibrary(arena);
            MemorySegment code = Capstone.nativeCode(text.bytes(), arena);
            long stride = (code.byteSize() - WINDOW_SIZE) / WINDOWS;
            int compared = 0;
            for (int window = 0; window < WINDOWS; window++) {
                long offset = window * stride;
                long address = text.address() + offset;
                ours.start(code.asSlice(offset, WINDOW_SIZE), address);
                for (CsInsn their : theirs.disasm(text.bytes().copy(offset, WINDOW_SIZE), address)) {
                    assertTrue(ours.next());
                    assertEquals(describe(theirs, their), describe(ours.instruction()));
                    compared++;
                }
            }
            assertTrue(compared > 5_000, compared + " compared");
            theirs.close();
        }
    }

    private static Capstone core4() {
        try {
            return Capstone.open("libcapstone.so.4");
        } catch (CapstoneUnavailableException e) {
            assumeTrue(false, "the JNA binding needs core 4: " + e.getMessage());
            throw e;
        }
    }

    private static capstone.Capstone jnaBinding() {
        try {
            return new capstone.Capstone(capstone.Capstone.CS_ARCH_X86, capstone.Capstone.CS_MODE_64);
        } catch (RuntimeException e) {
            // It loads whatever libcapstone.so is found first, and says so if that is not core 4.
            assumeTrue(false, "the JNA binding needs core 4: " + e.getMessage());
            throw e;
        }
    }

    private static List<String> describe(Instruction insn) {
        List<String> facts = new ArrayList<>();
        facts.add(Long.toHexString(insn.address()) + "+" + insn.size() + " #" + insn.id());
        facts.add(insn.mnemonic() + " " + insn.operandText());
        for (int i = 0; i < insn.operandCount(); i++) {
            String access = (insn.reads(i) ? "r" : "") + (insn.writes(i) ? "w" : "");
            facts.add(access + insn.width(i) + " "
                    + switch (insn.kind(i)) {
                        case Instruction.REGISTER -> insn.registerName(i);
                        case Instruction.IMMEDIATE -> "" + insn.immediate(i);
                        case Instruction.MEMORY ->
                            insn.memorySegment(i) + ":" + insn.memoryScale(i) + insn.memoryDisplacement(i);
                        default -> "?";
                    });
        }
        for (int i = 0; i < insn.implicitReadCount(); i++) {
            facts.add("reads " + insn.implicitReadName(i));
        }
        for (int i = 0; i < insn.implicitWriteCount(); i++) {
            facts.add("writes " + insn.implicitWriteName(i));
        }
        for (int i = 0; i < insn.groupCount(); i++) {
            facts.add("group " + insn.group(i));
        }
        return facts;
    }

    private static List<String> describe(capstone.Capstone binding, CsInsn insn) {
        List<String> facts = new ArrayList<>();
        facts.add(Long.toHexString(insn.address) + "+" + insn.size + " #" + insn.id);
        facts.add(insn.mnemonic + " " + insn.opStr);
        for (X86.Operand operand : ((X86.OpInfo) insn.operands).op) {
            String access = ((operand.access & 1) != 0 ? "r" : "") + ((operand.access & 2) != 0 ? "w" : "");
            facts.add(access + operand.size + " "
                    + switch (operand.type) {
                        case capstone.Capstone.CS_OP_REG -> name(insn, operand.value.reg);
                        case capstone.Capstone.CS_OP_IMM -> "" + operand.value.imm;
                        case capstone.Capstone.CS_OP_MEM ->
                            name(insn, operand.value.mem.segment) + ":" + operand.value.mem.scale
                                    + operand.value.mem.disp;
                        default -> "?";
                    });
        }
        for (short register : insn.regsRead) {
            facts.add("reads " + name(insn, register));
        }
        for (short register : insn.regsWrite) {
            facts.add("writes " + name(insn, register));
        }
        for (byte group : insn.groups) {
            facts.add("group " + (group & 0xff));
        }
        assertTrue(binding.version() > 0);
        return facts;
    }

    private static String name(CsInsn insn, int register) {
        String name = register == 0 ? null : insn.regName(register);
        return name == null ? "" : name;
    }
}
