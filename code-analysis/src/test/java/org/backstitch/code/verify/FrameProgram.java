package org.backstitch.code.verify;

import java.util.ArrayList;
import java.util.List;

/** The call frame instructions of one entry, as bytes that a test can change: a reading of DWARF 5 §6.4.2 of its own. */
final class FrameProgram {
    static final int ADVANCE = 0x40;
    static final int OFFSET = 0x80;
    static final int DEF_CFA_OFFSET = 0x0e;

    /**
     * An instruction.
     *
     * @param at where its first byte is
     * @param opcode without the operand that the primary ones hold in their low bits
     * @param low those bits
     * @param location the code address that it applies to, or advances from
     */
    record Instruction(int at, int opcode, int low, long location) {}

    private final byte[] bytes;
    private int at;

    private FrameProgram(byte[] bytes, int at) {
        this.bytes = bytes;
        this.at = at;
    }

    /**
     * The instructions of the entry at {@code offset} of an {@code .eh_frame}, whose addresses are the usual 32-bit ones; up to the first
     * instruction that is not of the usual kinds.
     */
    static List<Instruction> of(byte[] bytes, long offset, long start) {
        int entry = (int) offset;
        int end = entry + 4 + i32(bytes, entry);
        FrameProgram in = new FrameProgram(bytes, entry + 16);
        int augmentation = in.uleb();
        in.at += augmentation;
        List<Instruction> all = new ArrayList<>();
        long location = start;
        while (in.at < end) {
            int first = in.at;
            int opcode = bytes[in.at++] & 0xff;
            int primary = opcode & 0xc0;
            all.add(new Instruction(first, primary == 0 ? opcode : primary, opcode & 0x3f, location));
            switch (primary) {
                case ADVANCE -> location += opcode & 0x3f;
                case OFFSET -> in.uleb();
                case 0xc0 -> {}
                default -> {
                    switch (opcode) {
                        case 0x00, 0x0a, 0x0b -> {}
                        case 0x02 -> location += bytes[in.at++] & 0xff;
                        case 0x03 -> {
                            location += bytes[in.at] & 0xff | (bytes[in.at + 1] & 0xff) << 8;
                            in.at += 2;
                        }
                        case 0x04 -> {
                            location += i32(bytes, in.at);
                            in.at += 4;
                        }
                        case 0x07, 0x08, 0x0d, 0x0e, 0x2e -> in.uleb();
                        case 0x0c -> {
                            in.uleb();
                            in.uleb();
                        }
                        default -> {
                            return all;
                        }
                    }
                }
            }
        }
        return all;
    }

    private int uleb() {
        int value = 0;
        int shift = 0;
        int b;
        do {
            b = bytes[at++];
            value |= (b & 0x7f) << shift;
            shift += 7;
        } while ((b & 0x80) != 0);
        return value;
    }

    private static int i32(byte[] bytes, int at) {
        return bytes[at] & 0xff
                | (bytes[at + 1] & 0xff) << 8
                | (bytes[at + 2] & 0xff) << 16
                | (bytes[at + 3] & 0xff) << 24;
    }
}
