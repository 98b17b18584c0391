package org.backstitch.dump.user;

import java.nio.ByteBuffer;
import org.backstitch.bytes.Bytes;
import org.backstitch.elf.ElfConstants;
import org.backstitch.elf.ElfSegment;

/** Where things are in the headers of a 64-bit ELF file (gABI, chapters 4 and 5), for headers in a process's memory and for new files. */
final class ElfHeaders {
    static final int ELF_HEADER = 64;
    static final int PROGRAM_HEADER = 56;

    /** The first seven bytes of {@code e_ident}: 0x7f ELF, ELFCLASS64, ELFDATA2LSB, EV_CURRENT. */
    private static final long IDENT = 0x01_01_02_46_4c_45_7fL;

    private static final long IDENT_MASK = 0xff_ffff_ffff_ffffL;

    private ElfHeaders() {}

    /** Whether some bytes begin as a 64-bit shared object does. */
    static boolean isSharedObject(Bytes file) {
        return file.contains(0, ELF_HEADER)
                && (file.i64(0) & IDENT_MASK) == IDENT
                && file.u16(16) == ElfConstants.ET_DYN;
    }

    /** {@code p_type} of the program header at {@code at}. */
    static int type(Bytes headers, long at) {
        return headers.i32(at);
    }

    /** {@code p_offset}. */
    static long fileOffset(Bytes headers, long at) {
        return headers.i64(at + 8);
    }

    /** {@code p_vaddr}. */
    static long vaddr(Bytes headers, long at) {
        return headers.i64(at + 16);
    }

    /** Makes an ELF header say that so many program headers follow it, and that there are no sections. */
    static void setTables(ByteBuffer file, int programHeaders) {
        file.putLong(32, ELF_HEADER);
        file.putLong(40, 0);
        file.putShort(52, (short) ELF_HEADER);
        file.putShort(54, (short) PROGRAM_HEADER);
        file.putShort(56, (short) programHeaders);
        file.putShort(58, (short) 0);
        file.putShort(60, (short) 0);
        file.putShort(62, (short) 0);
    }

    static void putProgramHeader(ByteBuffer file, int at, ElfSegment segment) {
        file.putInt(at, segment.type());
        file.putInt(at + 4, segment.flags());
        file.putLong(at + 8, segment.fileOffset());
        file.putLong(at + 16, segment.vaddr());
        file.putLong(at + 24, segment.paddr());
        file.putLong(at + 32, segment.fileSize());
        file.putLong(at + 40, segment.memorySize());
        file.putLong(at + 48, segment.alignment());
    }
}
