package org.backstitch.code.verify;

import org.backstitch.bytes.Bytes;
import org.backstitch.bytes.Cursor;
import org.backstitch.bytes.MalformedInputException;
import org.backstitch.code.stack.LandingPads;
import org.backstitch.code.stack.ModuleCode;

/**
 * The call-site table of a function's language-specific data area, as GCC's and LLVM's personality routines read it
 * ({@code libsupc++/eh_personality.cc}, {@code parse_lsda_header}).
 */
final class ExceptionTable {
    // The pointer encodings of LSB 5.0 §10.5.1 that call-site tables have.
    private static final int DW_EH_PE_uleb128 = 0x01;
    private static final int DW_EH_PE_udata2 = 0x02;
    private static final int DW_EH_PE_udata4 = 0x03;
    private static final int DW_EH_PE_sleb128 = 0x09;
    private static final int DW_EH_PE_sdata2 = 0x0a;
    private static final int DW_EH_PE_sdata4 = 0x0b;
    private static final int DW_EH_PE_pcrel = 0x10;
    private static final int DW_EH_PE_omit = 0xff;

    private ExceptionTable() {}

    /**
     * Adds a function's call sites that have a landing pad.
     *
     * @param lsda the bytes from the area's start on
     * @param lsdaAddress the address of its start
     * @param functionStart what call sites and landing pads count from, unless the area says otherwise
     * @return false if the area is malformed; what was read of it is added
     */
    static boolean read(Bytes lsda, long lsdaAddress, long functionStart, ModuleCode module, LandingPads.Builder pads) {
        try {
            Cursor in = lsda.cursor(0);
            int startEncoding = in.u8();
            long padStart = functionStart;
            if (startEncoding != DW_EH_PE_omit) {
                padStart = pointer(in, startEncoding, lsdaAddress);
            }
            if (in.u8() != DW_EH_PE_omit) {
                in.uleb128(); // where the table of types ends
            }
            int encoding = in.u8();
            long length = in.uleb128();
            long end = in.position() + length;
            while (in.position() < end) {
                long start = number(in, encoding);
                long size = number(in, encoding);
                long pad = number(in, encoding);
                in.uleb128(); // the action
                if (pad != 0 && size > 0 && size == (int) size) {
                    int place = module.placeOf(functionStart + start);
                    int padPlace = module.placeOf(padStart + pad);
                    if (place != ModuleCode.NOWHERE) {
                        pads.add(place, place + (int) size, padPlace);
                    }
                }
            }
            return true;
        } catch (MalformedInputException e) {
            return false;
        }
    }

    private static long pointer(Cursor in, int encoding, long base) {
        long at = base + in.position();
        long value = number(in, encoding);
        return (encoding & 0x70) == DW_EH_PE_pcrel ? at + value : value;
    }

    private static long number(Cursor in, int encoding) {
        return switch (encoding & 0xf) {
            case DW_EH_PE_uleb128 -> in.uleb128();
            case DW_EH_PE_sleb128 -> in.sleb128();
            case DW_EH_PE_udata2 -> in.u16();
            case DW_EH_PE_udata4 -> in.u32();
            case DW_EH_PE_sdata2 -> (short) in.u16();
            case DW_EH_PE_sdata4 -> (int) in.u32();
            default -> in.i64();
        };
    }
}
