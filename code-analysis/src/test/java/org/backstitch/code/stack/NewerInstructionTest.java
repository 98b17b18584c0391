package org.backstitch.code.stack;

import static org.junit.jupiter.api.Assertions.assertEquals;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.util.HexFormat;
import org.backstitch.bytes.Bytes;
import org.backstitch.code.capstone.Capstone;
import org.backstitch.unwind.machine.X86_64;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** Lengths and written registers of instructions that Capstone 4 does not know, by objdump's reading of the same bytes. */
class NewerInstructionTest {
    private static final int NONE = -1;

    @ParameterizedTest
    @CsvSource(delimiter = '|', textBlock = """
        62 f1 fe 28 6f 06                   | 6  | -1 | vmovdqu64 ymm16-style load from [rsi]
        62 f1 7f 48 6f 46 01                | 7  | -1 | vmovdqu8 zmm0, [rsi + 0x40]
        62 f3 7d 20 3f c1 00                | 7  | -1 | vpcmpeqb k0, ymm16, ymm1 with its immediate byte
        62 e1 fe 28 6f a4 24 80 00 00 00    | 11 | -1 | a load from [rsp + disp32] with its SIB byte
        62 b1 fd 08 7e c0                   | 6  | 0  | vmovq rax, xmm16
        c5 fb 93 c9                         | 4  | 2  | kmovd ecx, k1
        f3 48 0f 1e c8                      | 5  | 0  | rdsspq rax
        f3 49 0f 1e cb                      | 5  | 11 | rdsspq r11
        f3 48 0f ae e9                      | 5  | -1 | incsspq rcx
        f3 0f 1e fa                         | 0  | -1 | endbr64 is none of them
        90                                  | 0  | -1 | neither is nop
        62 f1 fe                            | 0  | -1 | cut off""")
    void lengthAndEffect(String hex, int length, int written, String text) {
        try (Arena arena = Arena.ofConfined()) {
            byte[] bytes = HexFormat.of().parseHex(hex.replace(" ", ""));
            MemorySegment code = Capstone.nativeCode(Bytes.of(bytes, "test"), arena);
            assertEquals(length, NewerInstruction.length(code, 0, bytes.length), text);
            if (length > 0) {
                int mask = written == NONE ? 0 : 1 << written;
                assertEquals(mask, NewerInstruction.written(code, 0), text + ": " + X86_64.name(written));
            }
        }
    }
}
