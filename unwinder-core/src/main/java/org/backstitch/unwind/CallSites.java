package org.backstitch.unwind;

import org.backstitch.bytes.Bytes;

/**
 * Recognises call instructions by the bytes in front of a return address (Intel SDM volume 2, CALL; ModRM forms of table 2-2).
 *
 * <p>No disassembler is needed: a near call is {@code e8 rel32}, or {@code ff} with a ModRM byte whose middle field is 2, and the ModRM
 * byte tells how long the instruction is. Prefixes stand before these bytes and do not matter.
 */
final class CallSites {
    /** The shortest call: {@code ff d0}, {@code call *%rax}. */
    static final int SHORTEST = 2;

    /** The longest without prefixes: {@code ff 94 24 disp32}, {@code call *disp32(%rsp)}. */
    static final int LONGEST = 7;

    /** {@code syscall}, its two bytes as a little-endian number. */
    static final int SYSTEM_CALL = 0x050f;

    /** {@code call rel32}: the opcode, and how long it is. */
    static final int CALL_RELATIVE = 0xe8;

    static final int CALL_RELATIVE_LENGTH = 5;

    private static final int GROUP_5 = 0xff;

    private CallSites() {}

    /** Whether the last bytes of {@code code} are a call instruction. */
    static boolean endsInCall(Bytes code) {
        long end = code.size();
        if (end >= CALL_RELATIVE_LENGTH && code.u8(end - CALL_RELATIVE_LENGTH) == CALL_RELATIVE) {
            return true;
        }
        for (int length = SHORTEST; length <= Math.min(LONGEST, end); length++) {
            if (code.u8(end - length) == GROUP_5 && indirectCallLength(code, end - length, length) == length) {
                return true;
            }
        }
        return false;
    }

    /**
     * Whether code returns from a signal handler: the system call {@code rt_sigreturn}, number 15, loaded into RAX in either of the two
     * ways that C libraries and run-times have it. Debuggers know signal frames by these bytes, too, where no table marks them.
     */
    static boolean isSignalReturn(Bytes code) {
        if (code.size() < Long.BYTES) {
            return false;
        }
        long word = code.i64(0);
        return word == MOV_15_RAX_SYSCALL || (word & 0xff_ffff_ffff_ffffL) == MOV_15_EAX_SYSCALL;
    }

    /** {@code mov $15, %rax} (48 c7 c0 0f 00 00 00) and the first byte of {@code syscall} (0f 05). */
    private static final long MOV_15_RAX_SYSCALL = 0x0f_0000_000f_c0c7_48L;

    /** {@code mov $15, %eax} (b8 0f 00 00 00) and {@code syscall} (0f 05). */
    private static final long MOV_15_EAX_SYSCALL = 0x05_0f00_0000_0fb8L;

    /** How long the instruction {@code ff /2} at {@code at} is; 0 if it is another one. */
    private static int indirectCallLength(Bytes code, long at, int available) {
        int modRm = code.u8(at + 1);
        int mode = modRm >>> 6;
        int memory = modRm & 7;
        if ((modRm >>> 3 & 7) != 2) {
            return 0;
        }
        if (mode == 3) {
            return 2;
        }
        boolean scaled = memory == 4;
        int length = scaled ? 3 : 2;
        boolean noBase = scaled ? available > 2 && (code.u8(at + 2) & 7) == 5 : memory == 5;
        return switch (mode) {
            case 0 -> noBase ? length + 4 : length;
            case 1 -> length + 1;
            default -> length + 4;
        };
    }
}
