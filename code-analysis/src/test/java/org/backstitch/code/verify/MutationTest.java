package org.backstitch.code.verify;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.nio.file.Path;
import java.util.HashSet;
import java.util.List;
import java.util.OptionalLong;
import java.util.Set;
import java.util.TreeSet;
import org.backstitch.bytes.Bytes;
import org.backstitch.code.capstone.Capstone;
import org.backstitch.elf.ElfFile;
import org.backstitch.elf.ElfSection;
import org.backstitch.elf.dwarf.CallFrameInfo;
import org.backstitch.elf.dwarf.FdeIndex;
import org.backstitch.elf.dwarf.FrameDescriptionEntry;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/**
 * Call frame information of system libraries, with one fault sown in each of thousands of functions: nearly every one is found, and
 * nothing is said of functions without one.
 *
 * <p>A fault is sown only where it must make a row wrong, by the bytes alone: a changed distance between RSP and the CFA, or between the
 * CFA and a callee-saved register, in a row that holds for at least one instruction.
 */
class MutationTest {
    enum Fault {
        /** {@code DW_CFA_def_cfa_offset} says 8 too much. */
        OFFSET_PLUS_8,
        /** {@code DW_CFA_def_cfa_offset} says 8 too little. */
        OFFSET_MINUS_8,
        /** A row that changes the CFA's distance begins an instruction later. */
        ROW_LATER,
        /** The slot of a callee-saved register lies 8 bytes lower. */
        SLOT,
        /** An advance is dropped in front of such a row: it, and all behind it, begin too early. */
        ADVANCE_DROPPED
    }

    private static final Set<Integer> CALLEE_SAVED = Set.of(3, 6, 12, 13, 14, 15);

    @ParameterizedTest
    @CsvSource({
        "/usr/lib/x86_64-linux-gnu/libstdc++.so.6, OFFSET_PLUS_8",
        "/usr/lib/x86_64-linux-gnu/libstdc++.so.6, OFFSET_MINUS_8",
        "/usr/lib/x86_64-linux-gnu/libstdc++.so.6, ROW_LATER",
        "/usr/lib/x86_64-linux-gnu/libstdc++.so.6, SLOT",
        "/usr/lib/x86_64-linux-gnu/libstdc++.so.6, ADVANCE_DROPPED",
        "/lib/x86_64-linux-gnu/libc.so.6, OFFSET_PLUS_8",
        "/lib/x86_64-linux-gnu/libc.so.6, OFFSET_MINUS_8",
        "/lib/x86_64-linux-gnu/libc.so.6, ROW_LATER",
        "/lib/x86_64-linux-gnu/libc.so.6, SLOT",
        "/lib/x86_64-linux-gnu/libc.so.6, ADVANCE_DROPPED"
    })
    void findsWhatWasSown(Path library, Fault fault) throws IOException {
        try (Arena arena = Arena.ofConfined();
                Capstone capstone = Capstone.open()) {
            ElfFile elf = ElfFile.map(library, arena);
            CallFrameInfo original = CallFrameInfo.of(elf).orElseThrow();
            Set<Long> known = contradicted(CfiVerifier.verify(elf, original, capstone));

            byte[] bytes = original.section().copy(0, (int) original.section().size());
            FdeIndex index = new FdeIndex(original);
            ElfSection text = elf.section(".text").orElseThrow();
            MemorySegment code = Capstone.nativeCode(text.data(), arena);
            Set<Long> sown = new TreeSet<>();
            for (int i = 0; i < index.size(); i++) {
                FrameDescriptionEntry fde = index.fde(i);
                if (text.covers(fde.start()) && !known.contains(fde.start())) {
                    capstone.start(code, text.address());
                    if (sow(fault, bytes, fde, code, text.address(), capstone)) {
                        sown.add(fde.start());
                    }
                }
            }
            CallFrameInfo changed = new CallFrameInfo(
                    Bytes.of(bytes, "sown"),
                    original.sectionVaddr(),
                    CallFrameInfo.Flavor.EH_FRAME,
                    0,
                    0,
                    _ -> OptionalLong.empty());
            Set<Long> found = contradicted(CfiVerifier.verify(elf, changed, capstone));

            Set<Long> missed = new TreeSet<>(sown);
            missed.removeAll(found);
            Set<Long> invented = new HashSet<>(found);
            invented.removeAll(sown);
            invented.removeAll(known);
            assertEquals(Set.of(), invented, "functions without a fault");
            assertTrue(sown.size() > 500, "sown: " + sown.size());
            assertTrue(
                    missed.size() * 100 <= sown.size(),
                    () -> "%d of %d missed: %s".formatted(missed.size(), sown.size(), hex(missed)));
        }
    }

    private static List<String> hex(Set<Long> addresses) {
        return addresses.stream().limit(20).map(Long::toHexString).toList();
    }

    private static Set<Long> contradicted(Verification verification) {
        Set<Long> functions = new HashSet<>();
        for (Finding finding : verification.findings()) {
            if (finding.verdict() == Verdict.CONTRADICTED) {
                functions.add(finding.function());
            }
        }
        return functions;
    }

    /** Changes one instruction of an entry, the last that the fault fits; returns false if none does. */
    private static boolean sow(
            Fault fault, byte[] bytes, FrameDescriptionEntry fde, MemorySegment code, long base, Capstone capstone) {
        List<FrameProgram.Instruction> program = FrameProgram.of(bytes, fde.offset(), fde.start());
        for (int i = program.size() - 2; i > 0; i--) {
            FrameProgram.Instruction before = program.get(i - 1);
            FrameProgram.Instruction here = program.get(i);
            FrameProgram.Instruction next = program.get(i + 1);
            boolean advanced = before.opcode() == FrameProgram.ADVANCE;
            boolean holds = next.opcode() == FrameProgram.ADVANCE && next.low() > 0;
            boolean changesCfa = advanced
                    && here.opcode() == FrameProgram.DEF_CFA_OFFSET
                    && bytes[here.at() + 1] >= 16
                    && bytes[here.at() + 1] < 100;
            switch (fault) {
                case OFFSET_PLUS_8, OFFSET_MINUS_8 -> {
                    if (changesCfa && holds) {
                        bytes[here.at() + 1] += (byte) (fault == Fault.OFFSET_PLUS_8 ? 8 : -8);
                        return true;
                    }
                }
                case ROW_LATER -> {
                    int length = changesCfa && holds ? lengthAt(here.location(), code, base, capstone) : 0;
                    if (length > 0 && length < next.low() && before.low() + length < 0x40) {
                        bytes[before.at()] += (byte) length;
                        bytes[next.at()] -= (byte) length;
                        return true;
                    }
                }
                case SLOT -> {
                    if (here.opcode() == FrameProgram.OFFSET
                            && CALLEE_SAVED.contains(here.low())
                            && holds
                            && bytes[here.at() + 1] < 0x60) {
                        bytes[here.at() + 1]++;
                        return true;
                    }
                }
                case ADVANCE_DROPPED -> {
                    if (changesCfa && before.low() > 0) {
                        bytes[before.at()] = 0;
                        return true;
                    }
                }
            }
        }
        return false;
    }

    private static int lengthAt(long address, MemorySegment code, long base, Capstone capstone) {
        capstone.start(code.asSlice(address - base), address);
        return capstone.next() ? capstone.instruction().size() : 0;
    }
}
