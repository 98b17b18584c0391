package org.backstitch.code.stack;

import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import org.backstitch.unwind.machine.X86_64;

/**
 * Instructions that are newer than the disassembler, as far as their encoding tells how long they are and what they write: those with a
 * VEX or EVEX prefix (Intel SDM volume 2, §2.3 and §2.7), and those of shadow stacks ({@code rdssp}, {@code incssp}).
 *
 * <p>None of them changes RSP or control. The few that write a general register name it in ModRM.
 */
final class NewerInstruction {
    private static final int VEX_2 = 0xc5;
    private static final int VEX_3 = 0xc4;
    private static final int EVEX = 0x62;

    private NewerInstruction() {}

    /** The length in bytes, or 0 if there is no such instruction at {@code offset} or it does not fit {@code limit} bytes. */
    static int length(MemorySegment code, int offset, int limit) {
        int shadow = shadowStackLength(code, offset, limit);
        return shadow != 0 ? shadow : vectorLength(code, offset, limit);
    }

    /** {@code rdssp} is F3 (REX) 0F 1E /1, {@code incssp} F3 (REX) 0F AE /5, both with a register. */
    private static int shadowStackLength(MemorySegment code, int offset, int limit) {
        if (limit < 4 || u8(code, offset) != 0xf3) {
            return 0;
        }
        int at = (u8(code, offset + 1) & 0xf0) == 0x40 ? 2 : 1;
        if (limit < at + 3 || u8(code, offset + at) != 0x0f) {
            return 0;
        }
        int opcode = u8(code, offset + at + 1);
        int form = u8(code, offset + at + 2) >> 3;
        boolean known = opcode == 0x1e && form == (0xc8 >> 3) || opcode == 0xae && form == (0xe8 >> 3);
        return known ? at + 3 : 0;
    }

    private static int vectorLength(MemorySegment code, int offset, int limit) {
        int opcodeAt = opcodeAt(code, offset, limit);
        if (opcodeAt == 0 || opcodeAt + 1 >= limit) {
            return 0;
        }
        int map = map(code, offset);
        int opcode = u8(code, offset + opcodeAt);
        if (map == 0 || map == 4 || map > 6 || map == 2 && opcode >= 0xf0) {
            return 0; // 0xf0 and on of map 2 are for general registers.
        }
        if (map == 1 && opcode == 0x77) {
            return opcodeAt + 1; // vzeroupper
        }
        int length = opcodeAt + 2;
        int modRm = u8(code, offset + opcodeAt + 1);
        int mod = modRm >> 6;
        int rm = modRm & 7;
        if (mod != 3) {
            boolean noBase = mod == 0 && rm == 5;
            if (rm == 4) {
                if (length >= limit) {
                    return 0;
                }
                noBase = mod == 0 && (u8(code, offset + length) & 7) == 5;
                length++;
            }
            length += mod == 1 ? 1 : mod == 2 || noBase ? 4 : 0;
        }
        length += hasImmediate(map, opcode) ? 1 : 0;
        return length <= limit && length <= 15 ? length : 0;
    }

    private static boolean hasImmediate(int map, int opcode) {
        return switch (map) {
            case 1 -> opcode >= 0x70 && opcode <= 0x73 || opcode == 0xc2 || opcode >= 0xc4 && opcode <= 0xc6;
            case 3 -> true;
            default -> false;
        };
    }

    /** The general registers that the instruction at {@code offset} writes, as a mask. */
    static int written(MemorySegment code, int offset) {
        if (u8(code, offset) == 0xf3) {
            boolean rex = (u8(code, offset + 1) & 0xf0) == 0x40;
            int at = rex ? 2 : 1;
            int register = u8(code, offset + at + 2) & 7 | (rex && (u8(code, offset + 1) & 1) != 0 ? 8 : 0);
            return u8(code, offset + at + 1) == 0x1e ? 1 << dwarf(register) : 0;
        }
        int opcodeAt = opcodeAt(code, offset, Integer.MAX_VALUE);
        int opcode = u8(code, offset + opcodeAt);
        int modRm = u8(code, offset + opcodeAt + 1);
        int high = u8(code, offset + 1);
        boolean twoBytes = u8(code, offset) == VEX_2;
        int reg = modRm >> 3 & 7 | ((high & 0x80) == 0 ? 8 : 0);
        int rm = modRm & 7 | (!twoBytes && (high & 0x20) == 0 ? 8 : 0);
        boolean register = modRm >> 6 == 3;
        return switch (map(code, offset)) {
            // vcvt(t)ss2si and the like, vmovmskps, vpmovmskb, kmov; vmovd and vmovq the other way.
            case 1 ->
                switch (opcode) {
                    case 0x2c, 0x2d, 0x50, 0x78, 0x79, 0x93, 0xd7 -> 1 << dwarf(reg);
                    case 0x7e -> register ? 1 << dwarf(rm) : 0;
                    default -> 0;
                };
            // vpextrb to vextractps.
            case 3 -> register && opcode >= 0x14 && opcode <= 0x17 ? 1 << dwarf(rm) : 0;
            default -> 0;
        };
    }

    private static int opcodeAt(MemorySegment code, int offset, int limit) {
        if (limit < 2) {
            return 0;
        }
        return switch (u8(code, offset)) {
            case VEX_2 -> 2;
            case VEX_3 -> 3;
            case EVEX -> 4;
            default -> 0;
        };
    }

    private static int map(MemorySegment code, int offset) {
        return switch (u8(code, offset)) {
            case VEX_2 -> 1;
            case VEX_3 -> u8(code, offset + 1) & 0x1f;
            default -> u8(code, offset + 1) & 0x7;
        };
    }

    private static int u8(MemorySegment code, int at) {
        return code.get(ValueLayout.JAVA_BYTE, at) & 0xff;
    }

    /** The DWARF number of a register that instructions number otherwise. */
    private static int dwarf(int encoded) {
        return switch (encoded) {
            case 0 -> X86_64.RAX;
            case 1 -> X86_64.RCX;
            case 2 -> X86_64.RDX;
            case 3 -> X86_64.RBX;
            case 4 -> X86_64.RSP;
            case 5 -> X86_64.RBP;
            case 6 -> X86_64.RSI;
            case 7 -> X86_64.RDI;
            default -> encoded;
        };
    }
}
