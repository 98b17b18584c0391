package org.backstitch.unwind;

import static org.junit.jupiter.api.Assertions.assertEquals;

import java.util.ArrayList;
import java.util.List;
import java.util.TreeMap;
import org.backstitch.bytes.Bytes;
import org.backstitch.elf.ElfFile;
import org.backstitch.elf.dwarf.CfaRule;
import org.backstitch.elf.dwarf.RegisterRule;
import org.backstitch.elf.dwarf.UnwindRow;
import org.backstitch.fixtures.SyntheticElf;
import org.backstitch.unwind.machine.Registers;
import org.backstitch.unwind.machine.StackDump;
import org.backstitch.unwind.machine.X86_64;
import org.backstitch.unwind.table.SavedRegisters;
import org.backstitch.unwind.table.UnwindInfo;
import org.backstitch.unwind.table.UnwindRule;
import org.backstitch.unwind.table.UnwindTableBuilder;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/**
 * Frames in a file whose table does not cover them: behind a system call, and where rules were made from the code. The file has rows for
 * vaddrs 0x1000 to 0x10ff (CFA rsp+8) and 0x1300 to 0x13ff (outermost), system calls in front of 0x1100 and 0x1400, and a call in front of
 * 0x1320. Rules were made for six times 16 bytes from 0x1200 on.
 */
class StepsInModulesTest {
    private static final long CODE = 0x40_0000;
    private static final int TEXT = 0x1000;
    private static final long SP = 0x7fff_0000_0000L;

    private static long call(int base, long cfaOffset) {
        return UnwindRule.of(UnwindRule.CALL, base, cfaOffset, 0, 0, 0, 0);
    }

    private static UnwindInfo made() {
        TreeMap<Integer, RegisterRule> registers = new TreeMap<>();
        registers.put(X86_64.RIP, new RegisterRule.Offset(-8));
        UnwindRow row = new UnwindRow(new CfaRule.RegisterOffset(X86_64.RSP, 24), registers, X86_64.RIP);
        long side = UnwindRule.of(UnwindRule.SIDE, 0, 0, 0, 0, 0, UnwindRule.HAS_SIDE);
        return new UnwindTableBuilder()
                .addRow(0x1200, call(X86_64.RSP, 16), SavedRegisters.SAME, null)
                .addRow(0x1210, UnwindRule.of(UnwindRule.END), SavedRegisters.SAME, null)
                .addRow(0x1220, side, SavedRegisters.SAME, row)
                .addRow(0x1230, call(X86_64.R10, 8), SavedRegisters.SAME, null)
                .addRow(0x1240, call(X86_64.RSP, 0x800), SavedRegisters.SAME, null)
                .addRow(0x1250, call(X86_64.RSP, 32), SavedRegisters.withSlot(SavedRegisters.SAME, 0, -24), null)
                .addGap(0x1260)
                .build();
    }

    private static AddressSpace space() {
        byte[] text = new byte[0x1000];
        for (int behind : new int[] {0x1100, 0x1400}) {
            text[behind - TEXT - 2] = 0x0f; // syscall
            text[behind - TEXT - 1] = 0x05;
        }
        text[0x1320 - TEXT - 5] = (byte) 0xe8; // call rel32
        ElfFile elf = ElfFile.of(
                Bytes.of(new SyntheticElf(3).segment(1, 5, TEXT, text).bytes(), "program"));
        UnwindInfo rules = new UnwindTableBuilder()
                .addRow(0x1000, call(X86_64.RSP, 8), SavedRegisters.SAME, null)
                .addGap(0x1100)
                .addRow(0x1300, UnwindRule.of(UnwindRule.END), SavedRegisters.SAME, null)
                .addGap(0x1400)
                .build();
        CodeReader code = new CodeReader() {
            @Override
            public UnwindInfo makeRules(ElfFile file) {
                return made();
            }

            @Override
            public Answer followsCall(ElfFile file, long vaddr) {
                return Answer.UNKNOWN;
            }
        };
        ElfModule module = new ModuleRegistry(code).module("program", elf, rules);
        return AddressSpace.of(List.of(
                new Mapping(CODE, CODE + 0x1000, elf.segments().getFirst().fileOffset(), true, "program", module)));
    }

    /** A walk's frames: vaddr, RSP's distance, and how the frame was found; and why it ends. */
    @ParameterizedTest
    @CsvSource(
            delimiter = '|',
            value = {
                // the first vaddr | words on the stack, return addresses by their vaddr | frames | reason
                "1100 | 1310 | 1100+0 TABLE, 1310+8 TABLE | END_OF_STACK", // by the row in front, as before the system
                // call
                "1101 | 1310 | 1101+0 TABLE | NO_UNWIND_INFO",
                "1400 | 1310 | 1400+0 TABLE | END_OF_STACK",
                "1180 | 1310 | 1180+0 TABLE | NO_UNWIND_INFO",
                "1200 | 0 1310 | 1200+0 TABLE, 1310+10 SYNTHESIZED | END_OF_STACK",
                "120f | 0 1310 | 120f+0 TABLE, 1310+10 SYNTHESIZED | END_OF_STACK",
                "1050 | 1210 0 1310 | 1050+0 TABLE, 1210+8 TABLE, 1310+18 SYNTHESIZED | END_OF_STACK", // looked up at
                // 120f
                "1200 | 0 0 | 1200+0 TABLE | END_OF_STACK", // zero is the end of a chain
                "1210 | 1310 | 1210+0 TABLE | END_OF_STACK",
                "1050 | 1211 0 1310 | 1050+0 TABLE, 1211+8 TABLE | END_OF_STACK",
                "1220 | 0 0 1310 | 1220+0 TABLE, 1310+18 SYNTHESIZED | END_OF_STACK",
                "1230 | 0 0 1310 | 1230+0 TABLE, 1310+18 SYNTHESIZED | END_OF_STACK", // R10 is two words above RSP
                // R10 may have been changed by who was called: what it leads to must follow a call.
                "1050 | 1235 0 1310 | 1050+0 TABLE, 1235+8 TABLE | BAD_UNWIND_INFO",
                "1050 | 1235 0 1320 | 1050+0 TABLE, 1235+8 TABLE, 1320+18 SYNTHESIZED | END_OF_STACK",
                "1240 | 0 | 1240+0 TABLE | DUMP_EXHAUSTED",
                "1250 | 0 7777 0 1310 | 1250+0 TABLE, 1310+20 SYNTHESIZED | END_OF_STACK",
                "1260 | 1310 | 1260+0 TABLE | NO_UNWIND_INFO",
            })
    void chains(String first, String words, String frames, StopReason stop) {
        SparseMemory memory = new SparseMemory();
        long address = SP;
        for (String word : words.split(" ", -1)) {
            long vaddr = Long.parseLong(word, 16);
            memory.put(address, vaddr == 0 ? 0 : CODE + vaddr - TEXT);
            address += 8;
        }
        Registers registers = new Registers();
        for (int register = 0; register < X86_64.COUNT; register++) {
            registers.set(register, 0x100 + register);
        }
        registers.set(X86_64.RSP, SP).set(X86_64.R10, SP + 16);
        registers.set(X86_64.RIP, CODE + Long.parseLong(first, 16) - TEXT);
        AddressSpace space = space();
        for (boolean all : new boolean[] {true, false}) {
            Callchain chain = new Callchain().recordRegisters(all);
            UserUnwinder unwinder = new UserUnwinder();
            for (int again = 0; again < 2; again++) {
                unwinder.unwind(space, registers, new StackDump().clear(SP), memory, chain);
                List<String> actual = new ArrayList<>();
                List<String> expected = List.of(frames.split(", ", -1));
                for (int frame = 0; frame < chain.size(); frame++) {
                    String sp = all ? "+" + Long.toHexString(chain.register(frame, X86_64.RSP) - SP) : "";
                    actual.add(Long.toHexString(chain.pc(frame) - CODE + TEXT) + sp + " " + chain.origin(frame));
                }
                assertEquals(
                        all
                                ? expected
                                : expected.stream()
                                        .map(f -> f.replaceAll("\\+\\w+", ""))
                                        .toList(),
                        actual);
                assertEquals(stop, chain.stop());
                if (all && "1250".equals(first)) { // the second word is where RBX was saved
                    assertEquals(CODE + 0x7777 - TEXT, chain.register(1, X86_64.RBX));
                }
            }
        }
    }
}
