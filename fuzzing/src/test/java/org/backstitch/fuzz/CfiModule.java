package org.backstitch.fuzz;

import java.util.Arrays;
import org.backstitch.bytes.Bytes;
import org.backstitch.elf.ElfFile;
import org.backstitch.fixtures.SyntheticElf;

/**
 * A shared object around call frame information that a fuzzer has made up: code at {@link #TEXT}, {@code .eh_frame} at {@link #EH_FRAME},
 * its search table and {@code .debug_frame}.
 *
 * <p>Of the input the first byte says how much goes where: bit 0 that there is a search table, bit 1 that there is a
 * {@code .debug_frame}, bit 2 that there are no section headers; each extra part is taken from the end, as long as the next byte says (in
 * units of 8).
 */
final class CfiModule {
    static final long TEXT = 0x1000;
    static final int TEXT_SIZE = 0x2000;
    static final long EH_FRAME = 0x4000;
    static final long HEADER = 0x3000;

    private static final int TABLE = 1;
    private static final int DEBUG_FRAME = 2;
    private static final int NO_SECTIONS = 4;
    private static final int LOAD = 1;
    private static final int GNU_EH_FRAME = 0x6474_e550;

    private CfiModule() {}

    static ElfFile of(byte[] data) {
        int shape = data.length > 0 ? data[0] : 0;
        byte[] frame = data.length > 1 ? Arrays.copyOfRange(data, 1, data.length) : new byte[0];
        byte[] header = {};
        byte[] debug = {};
        if ((shape & TABLE) != 0) {
            header = tail(frame);
            frame = front(frame, header);
        }
        if ((shape & DEBUG_FRAME) != 0) {
            debug = tail(frame);
            frame = front(frame, debug);
        }
        SyntheticElf elf = new SyntheticElf(3)
                .segment(LOAD, 5, TEXT, text())
                .segment(LOAD, 4, EH_FRAME, frame)
                .segment(LOAD, 4, HEADER, header);
        if (header.length > 0) {
            elf.segment(GNU_EH_FRAME, 4, HEADER, header);
        }
        if ((shape & NO_SECTIONS) == 0) {
            elf.section(".text", SyntheticElf.ALLOC | SyntheticElf.EXECINSTR, TEXT, text());
            elf.section(".eh_frame", SyntheticElf.ALLOC, EH_FRAME, frame);
            if (header.length > 0) {
                elf.section(".eh_frame_hdr", SyntheticElf.ALLOC, HEADER, header);
            }
            if (debug.length > 0) {
                elf.section(".debug_frame", 0, 0, debug);
            }
        }
        return ElfFile.of(Bytes.of(elf.bytes(), "input"));
    }

    /** The last part of what is left, by the length in its last byte. */
    private static byte[] tail(byte[] data) {
        if (data.length == 0) {
            return data;
        }
        int length = Math.min(data.length - 1, 8 * (data[data.length - 1] & 0x7f));
        return Arrays.copyOfRange(data, data.length - 1 - length, data.length - 1);
    }

    private static byte[] front(byte[] data, byte[] tail) {
        return Arrays.copyOf(data, Math.max(0, data.length - 1 - tail.length));
    }

    /** Calls everywhere: {@code call *%rax} at odd addresses, so that every other address follows a call. */
    private static byte[] text() {
        byte[] text = new byte[TEXT_SIZE];
        for (int i = 0; i + 1 < text.length; i += 2) {
            text[i] = (byte) 0xff;
            text[i + 1] = (byte) 0xd0;
        }
        return text;
    }
}
