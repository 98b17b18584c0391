package org.backstitch.elf.dwarf;

import static org.backstitch.elf.dwarf.DwarfConstants.*;

import java.util.OptionalLong;
import java.util.function.LongFunction;
import org.backstitch.bytes.Cursor;

/**
 * Reads pointers in the encodings of {@code .eh_frame} (LSB 5.0 §10.5.1): a format in the low four bits, what it is relative to in the
 * next three, and a flag for indirection.
 *
 * @param textBase what {@code DW_EH_PE_textrel} adds: the address of {@code .text}
 * @param dataBase what {@code DW_EH_PE_datarel} adds: the address of {@code .got}, or of {@code .eh_frame_hdr} inside of it
 * @param memory the eight bytes at a virtual address of the file, for {@code DW_EH_PE_indirect}; empty where the file has none
 */
record PointerEncoding(long textBase, long dataBase, LongFunction<OptionalLong> memory) {
    /** Whether an encoding says that there is no pointer at all. */
    static boolean isOmitted(int encoding) {
        return encoding == DW_EH_PE_omit;
    }

    /**
     * Reads one pointer.
     *
     * @param in at the pointer
     * @param encoding one of {@code DW_EH_PE_*}, not {@code DW_EH_PE_omit}
     * @param sectionVaddr the address of the first byte that {@code in} walks over
     * @param functionStart what {@code DW_EH_PE_funcrel} adds
     */
    long read(Cursor in, int encoding, long sectionVaddr, long functionStart) {
        if (encoding == DW_EH_PE_aligned) {
            long vaddr = sectionVaddr + in.position();
            in.skip(-vaddr & 7);
            return in.i64();
        }
        long at = in.position();
        long value = readFormat(in, encoding);
        if (value == 0) {
            // By the GNU toolchain's convention a null pointer is null, relative to whatever.
            return 0;
        }
        value += switch (encoding & 0x70) {
            case DW_EH_PE_absptr -> 0;
            case DW_EH_PE_pcrel -> sectionVaddr + at;
            case DW_EH_PE_textrel -> textBase;
            case DW_EH_PE_datarel -> dataBase;
            case DW_EH_PE_funcrel -> functionStart;
            default -> throw in.bytes().malformed(at, "pointer encoding 0x%x is not defined".formatted(encoding));
        };
        if ((encoding & DW_EH_PE_indirect) != 0) {
            long vaddr = value;
            value = memory.apply(vaddr)
                    .orElseThrow(() -> in.bytes()
                            .malformed(
                                    at, "an indirect pointer to 0x%x, where the file has no bytes".formatted(vaddr)));
        }
        return value;
    }

    /** Reads the number alone, as the size of a range is encoded: the format without its sign, relative to nothing. */
    static long readSize(Cursor in, int encoding) {
        return switch (encoding & 0x07) {
            case DW_EH_PE_udata2 -> in.u16();
            case DW_EH_PE_udata4 -> in.u32();
            default -> readFormat(in, encoding & 0x07);
        };
    }

    private static long readFormat(Cursor in, int encoding) {
        return switch (encoding & 0x0f) {
            case DW_EH_PE_absptr, DW_EH_PE_signed, DW_EH_PE_udata8, DW_EH_PE_sdata8 -> in.i64();
            case DW_EH_PE_uleb128 -> in.uleb128();
            case DW_EH_PE_sleb128 -> in.sleb128();
            case DW_EH_PE_udata2 -> in.u16();
            case DW_EH_PE_sdata2 -> (short) in.u16();
            case DW_EH_PE_udata4 -> in.u32();
            case DW_EH_PE_sdata4 -> in.i32();
            default ->
                throw in.bytes().malformed(in.position(), "pointer encoding 0x%x is not defined".formatted(encoding));
        };
    }
}
