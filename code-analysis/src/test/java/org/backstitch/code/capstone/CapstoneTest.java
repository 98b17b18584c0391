package org.backstitch.code.capstone;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertSame;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.nio.charset.StandardCharsets;
import java.util.BitSet;
import java.util.HexFormat;
import org.backstitch.bytes.Bytes;
import org.backstitch.unwind.machine.X86_64;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

class CapstoneTest {
    private static final long ADDRESS = 0x401000;

    private static MemorySegment code(String hex, Arena arena) {
        return Capstone.nativeCode(Bytes.of(HexFormat.of().parseHex(hex.replace(" ", "")), "test"), arena);
    }

    @ParameterizedTest
    @CsvSource(delimiter = '|', textBlock = """
        55                      | PUSH    | 1 | push rbp
        48 89 e5                | MOV     | 3 | mov rbp, rsp
        48 8d 64 24 f8          | LEA     | 5 | lea rsp, [rsp - 8]
        48 83 e4 f0             | AND     | 4 | and rsp, 0xfffffffffffffff0
        f3 0f 1e fa             | ENDBR64 | 4 | endbr64
        e8 fb 0f 00 00          | CALL    | 5 | call 0x402000
        c2 08 00                | RET     | 3 | ret 8
        c9                      | LEAVE   | 1 | leave
        ff e0                   | JMP     | 2 | jmp rax
        48 b8 08 07 06 05 04 03 02 01 | MOVABS | 10 | movabs rax, 0x102030405060708
        c5 f8 77                | OTHER   | 3 | vzeroupper""")
    void decodes(String hex, Operation operation, int size, String text) {
        try (Arena arena = Arena.ofConfined();
                Capstone capstone = Capstone.open()) {
            capstone.start(code(hex, arena), ADDRESS);
            assertTrue(capstone.next());
            Instruction instruction = capstone.instruction();
            assertEquals(ADDRESS, instruction.address());
            assertEquals(size, instruction.size());
            assertEquals(operation, instruction.operation());
            assertEquals(text, instruction.toString());
            assertFalse(capstone.next(), "the code ends there");
            assertEquals(ADDRESS + size, capstone.position());
        }
    }

    @Test
    void tellsOperands() {
        try (Arena arena = Arena.ofConfined();
                Capstone capstone = Capstone.open()) {
            // mov qword ptr [rbp + r12*8 - 0x18], rbx; add eax, dword ptr fs:[0x28]
            capstone.start(code("4a 89 5c e5 e8 64 03 04 25 28 00 00 00", arena), ADDRESS);
            assertTrue(capstone.next());
            Instruction instruction = capstone.instruction();
            assertEquals(2, instruction.operandCount());
            assertEquals(Instruction.MEMORY, instruction.kind(0));
            assertEquals(X86_64.RBP, instruction.memoryBase(0));
            assertEquals(X86_64.R12, instruction.memoryIndex(0));
            assertEquals(8, instruction.memoryScale(0));
            assertEquals(-0x18, instruction.memoryDisplacement(0));
            assertFalse(instruction.hasMemorySegment(0));
            assertTrue(instruction.writes(0) && !instruction.reads(0));
            assertEquals(8, instruction.width(0));
            assertEquals(Instruction.REGISTER, instruction.kind(1));
            assertEquals(X86_64.RBX, instruction.register(1));
            assertEquals("rbx", instruction.registerName(1));
            assertTrue(instruction.reads(1) && !instruction.writes(1));
            assertFalse(instruction.writesFlags());

            assertTrue(capstone.next());
            assertSame(instruction, capstone.instruction());
            assertEquals(X86_64.RAX, instruction.register(0));
            assertEquals(4, instruction.width(0));
            assertTrue(instruction.reads(0) && instruction.writes(0));
            assertEquals("fs", instruction.memorySegment(1));
            assertEquals(Instruction.NO_REGISTER, instruction.memoryBase(1));
            assertEquals(0x28, instruction.memoryDisplacement(1));
            assertTrue(instruction.writesFlags());
        }
    }

    @Test
    void tellsImplicitRegistersAndGroups() {
        try (Arena arena = Arena.ofConfined();
                Capstone capstone = Capstone.open()) {
            // mul rcx; je +2; ret
            capstone.start(code("48 f7 e1 74 02 c3", arena), ADDRESS);
            Instruction instruction = capstone.instruction();
            assertTrue(capstone.next());
            BitSet written = new BitSet();
            for (int i = 0; i < instruction.implicitWriteCount(); i++) {
                if (instruction.implicitWrite(i) != Instruction.NO_REGISTER) {
                    written.set(instruction.implicitWrite(i));
                }
            }
            assertEquals("{0, 1}", written.toString(), "rax and rdx by their DWARF numbers");
            assertTrue(capstone.next());
            assertEquals(Operation.JE, instruction.operation());
            assertTrue(instruction.isIn(Instruction.GROUP_JUMP));
            assertTrue(instruction.isIn(Instruction.GROUP_BRANCH_RELATIVE));
            assertEquals(ADDRESS + 7, instruction.immediate(0));
            assertTrue(capstone.next());
            assertTrue(instruction.isIn(Instruction.GROUP_RET));
        }
    }

    @Test
    void stopsAtWhatIsNoInstruction() {
        try (Arena arena = Arena.ofConfined();
                Capstone capstone = Capstone.open()) {
            capstone.start(code("90 06 90", arena), ADDRESS); // nop; push es, which x86-64 does not have; nop
            assertTrue(capstone.next());
            assertFalse(capstone.next());
            assertEquals(ADDRESS + 1, capstone.position());
            capstone.start(code("", arena), ADDRESS);
            assertFalse(capstone.next());
        }
    }

    @Test
    void refusesHeapMemory() {
        try (Capstone capstone = Capstone.open()) {
            assertThrows(IllegalArgumentException.class, () -> capstone.start(MemorySegment.ofArray(new byte[1]), 0));
        }
    }

    @Test
    void saysWhatToInstall() {
        String message = assertThrows(CapstoneUnavailableException.class, () -> Capstone.open("libcapstone.so.none"))
                .toString();
        assertTrue(message.contains("apt-get install libcapstone5") && message.contains("libcapstone4"), message);
        assertFalse(message.contains("\n"), message);
    }

    /** Every instruction of the C library lies where objdump sees one, and has its length. */
    @Test
    void agreesWithObjdumpOnTheCLibrary() throws IOException, InterruptedException {
        try (Arena arena = Arena.ofConfined();
                Capstone capstone = Capstone.open()) {
            SystemCode text = SystemCode.cLibrary(arena);
            BitSet boundaries = objdumpBoundaries(text);
            MemorySegment code = Capstone.nativeCode(text.bytes(), arena);
            int decoded = 0;
            int undecoded = 0;
            for (int start = 0; start >= 0; start = boundaries.nextSetBit(start)) {
                capstone.start(code.asSlice(start), text.address() + start);
                while (capstone.next()) {
                    decoded++;
                    int offset = (int) (capstone.instruction().address() - text.address());
                    assertTrue(boundaries.get(offset), () -> "no instruction at +0x" + Integer.toHexString(offset));
                    int end = offset + capstone.instruction().size();
                    assertEquals(
                            end,
                            boundaries.nextSetBit(offset + 1),
                            () -> "length of the instruction at +0x" + Integer.toHexString(offset));
                }
                // Past the bytes that this core does not know, the walk goes on where objdump sees the next
                // instruction.
                start = (int) (capstone.position() - text.address());
                undecoded += start < code.byteSize() ? 1 : 0;
                start++;
            }
            assertEquals(boundaries.cardinality() - 1, decoded + undecoded);
            // Core 4 (2019) does not know some vector instructions that the library has for newer processors.
            int tolerated = capstone.major() == 4 ? decoded / 200 : 0;
            assertTrue(undecoded <= tolerated, undecoded + " of " + decoded + " not decoded");
        }
    }

    /** Where instructions start, by offset; and the end of the section. */
    private static BitSet objdumpBoundaries(SystemCode text) throws IOException, InterruptedException {
        BitSet boundaries = new BitSet();
        Process objdump = new ProcessBuilder(
                        "objdump",
                        "-d",
                        "-w",
                        "--no-show-raw-insn",
                        "-j",
                        ".text",
                        text.file().toString())
                .redirectError(ProcessBuilder.Redirect.DISCARD)
                .start();
        try (var lines = objdump.inputReader(StandardCharsets.UTF_8)) {
            for (String line = lines.readLine(); line != null; line = lines.readLine()) {
                int colon = line.indexOf(":\t");
                if (colon > 0) {
                    boundaries.set(
                            (int) (Long.parseLong(line.substring(0, colon).strip(), 16) - text.address()));
                }
            }
        }
        assertEquals(0, objdump.waitFor());
        boundaries.set((int) text.bytes().size());
        return boundaries;
    }
}
