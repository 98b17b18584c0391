package org.backstitch.elf.orc;

import static org.junit.jupiter.api.Assertions.assertEquals;

import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import org.backstitch.bytes.Bytes;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

/**
 * Every value of an entry's 16 flag bits, in every format, against a reading that is a table and nothing else.
 *
 * <p>The table is that of {@code arch/x86/include/asm/orc_types.h} and {@code unwind_next_frame} in the releases named: bits 0 to 3 are the
 * register that the stack pointer is found by, bits 4 to 7 the same for RBP, and above them the type.
 */
class OrcFlagsTest {
    private static final int SP_OFFSET = -0x1234;
    private static final int BP_OFFSET = 0x4321;

    /** Registers by number: 4.14 to 7.0, then from 7.1 on; a dash is a number that nothing has. */
    private static final String[] FIRST = "und prevsp dx di bp sp r10 r13 (bp) (sp) - - - - - -".split(" ");

    private static final String[] SECOND = "und ax dx sp bp di r10 r13 prevsp (sp) (bp) - - - - -".split(" ");

    private static final String SP_CAN_BE = " ax dx di bp sp r10 r13 (bp) (sp) ";
    private static final String BP_CAN_BE = " und prevsp bp ";

    /** What the flags say, in words; "invalid" where the format does not have them. */
    private static String naive(int version, boolean before512, int flags) {
        String[] numbers = version == 4 ? SECOND : FIRST;
        String sp = numbers[flags & 15];
        String bp = numbers[flags >> 4 & 15];
        int type;
        boolean signal;
        boolean end = false;
        switch (version) {
            case 1 -> {
                type = flags >> 8 & 3;
                end = (flags >> 10 & 1) != 0;
                signal = type != 0;
                if (flags >> 11 != 0) {
                    return "invalid";
                }
            }
            case 2 -> {
                type = flags >> 8 & 3;
                signal = (flags >> 10 & 1) != 0;
                end = (flags >> 11 & 1) != 0;
                if (flags >> 12 != 0) {
                    return "invalid";
                }
            }
            default -> {
                type = (flags >> 8 & 7) - 2; // undefined, end, then as before
                signal = (flags >> 11 & 1) != 0;
                if (flags >> 12 != 0) {
                    return "invalid";
                }
            }
        }
        if (sp.equals("-") || !BP_CAN_BE.contains(" " + bp + " ") || type > 2) {
            return "invalid";
        }
        if (version >= 3 && type < 0) {
            return !sp.equals("und") && !sp.equals("prevsp") ? "invalid" : type == -1 ? "end" : "undefined";
        }
        if (version < 3 && sp.equals("und")) {
            return type != 0 || version == 2 && signal ? "invalid" : end ? "end" : "undefined";
        }
        if (end || !SP_CAN_BE.contains(" " + sp + " ")) {
            return "invalid";
        }
        String base = sp.equals("(sp)") && before512 ? "(sp+N)" : sp;
        return "%s sp %s%+d bp %s%s signal %b"
                .formatted(
                        new String[] {"call", "regs", "partial"}[type],
                        base,
                        SP_OFFSET,
                        bp,
                        "%+d".formatted(BP_OFFSET),
                        signal);
    }

    private static String product(OrcEntry entry, boolean valid) {
        if (!valid) {
            return "invalid";
        }
        return switch (entry.type()) {
            case UNDEFINED -> "undefined";
            case END_OF_STACK -> "end";
            case CALL -> frame("call", entry);
            case REGS -> frame("regs", entry);
            case REGS_PARTIAL -> frame("partial", entry);
        };
    }

    private static String frame(String type, OrcEntry entry) {
        return "%s sp %s%+d bp %s%+d signal %b"
                .formatted(
                        type,
                        word(entry.spRegister()),
                        entry.spOffset(),
                        word(entry.bpRegister()),
                        entry.bpOffset(),
                        entry.signal());
    }

    private static String word(OrcRegister register) {
        return switch (register) {
            case UNDEFINED -> "und";
            case AX -> "ax";
            case DX -> "dx";
            case SP -> "sp";
            case BP -> "bp";
            case DI -> "di";
            case R10 -> "r10";
            case R13 -> "r13";
            case PREV_SP -> "prevsp";
            case SP_INDIRECT -> "(sp)";
            case BP_INDIRECT -> "(bp)";
            case SP_OFFSET_INDIRECT -> "(sp+N)";
        };
    }

    @ParameterizedTest
    @EnumSource(OrcFormat.class)
    void everyValueOfTheFlags(OrcFormat format) {
        byte[] ips = new byte[4];
        for (int flags = 0; flags <= 0xffff; flags++) {
            byte[] bytes = new byte[6];
            ByteBuffer.wrap(bytes)
                    .order(ByteOrder.LITTLE_ENDIAN)
                    .putShort((short) SP_OFFSET)
                    .putShort((short) BP_OFFSET)
                    .putShort((short) flags);
            OrcTable table =
                    OrcTable.read(Bytes.of(bytes, "entry"), Bytes.of(ips, "ip"), 0xffff_ffff_8100_0000L, format);
            assertEquals(
                    naive(format.version(), format == OrcFormat.LINUX_4_14, flags),
                    product(table.entry(0), table.invalidRows() == 0),
                    "flags 0x%04x".formatted(flags));
        }
    }
}
