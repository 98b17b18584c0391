package org.backstitch.fuzz;

import java.io.ByteArrayOutputStream;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.util.HexFormat;
import java.util.List;

/** Call frame information with one of everything, for a fuzzer to begin with (DWARF 5 §6.4, LSB 5.0 §10.6). */
final class SampleCfi {
    private static final int PCREL_SDATA4 = 0x1b;

    private SampleCfi() {}

    /** {@code .eh_frame} at {@link CfiModule#EH_FRAME}: an ordinary CIE, one of signal frames, and entries for the code. */
    static byte[] ehFrame() {
        Section section = new Section();
        // "zR", code 1, data -8, return address 16; CFA rsp+8, RIP at c-8.
        section.cie("7a5200 01 78 10 01 1b 0c0708 9001");
        int first = 0;
        section.fde(
                first, CfiModule.TEXT, 0x100, "41 0e10 8602 43 0d06 02 10 8303 8c04 0a c6 0c0708 42 0b 44 0c0708 c6");
        section.fde(
                first,
                CfiModule.TEXT + 0x100,
                0x40,
                "0f0b 7708 800 03f 1a 3b 2a 33 24 22".replace("800 03f", "8000 3f"));
        section.fde(first, CfiModule.TEXT + 0x140, 0x40, "44 0c0a00 1006 02 7600 41 0f03 7678 06 41 0e20 2e10");
        section.fde(
                first,
                CfiModule.TEXT + 0x180,
                0x40,
                "0710 41 0800 41 0910 0c 14 0302 15 0c7f 16 06 0276 08 0704 0900 0611 8000");
        int signal = section.size();
        section.cie("7a525300 01 78 10 01 1b 0f0377a00106 1007 0377a001 1010 0377a801"
                .replace("1007 0377a001", "100703 77a001")
                .replace("1010 0377a801", "101003 77a801"));
        section.fde(signal, CfiModule.TEXT + 0x200, 0x10, "00");
        section.out.writeBytes(new byte[4]);
        return section.out.toByteArray();
    }

    /** {@code .eh_frame_hdr} at {@link CfiModule#HEADER} for some of them. */
    static byte[] header() {
        ByteBuffer header = ByteBuffer.allocate(32).order(ByteOrder.LITTLE_ENDIAN);
        header.put((byte) 1).put((byte) PCREL_SDATA4).put((byte) 0x03).put((byte) 0x3b);
        header.putInt((int) (CfiModule.EH_FRAME - CfiModule.HEADER - 4)).putInt(2);
        header.putInt((int) (CfiModule.TEXT - CfiModule.HEADER))
                .putInt((int) (CfiModule.EH_FRAME + 20 - CfiModule.HEADER));
        header.putInt((int) (CfiModule.TEXT + 0x100 - CfiModule.HEADER))
                .putInt((int) (CfiModule.EH_FRAME + 60 - CfiModule.HEADER));
        return header.array();
    }

    /** Expressions that compilers and assemblers write, and one that counts down. */
    static List<byte[]> expressions() {
        return List.of(
                hex("7708 8000 3f 1a 3b 2a 33 24 22"),
                hex("7678 06"),
                hex("77a001 06 2310"),
                hex("08 40 12 30 2e 28 0300 2f0000 31 1c 12 28 f5ff"),
                hex("0a3412 0c78563412 1c 17 12 13 14 1500 16 1f 20 21 22 24 25 26 27 2d 94 04 92 03 08"),
                hex("11 7f 10 ff01 1b 1d 1e 19 2a 2b 2c 29 9600"));
    }

    private static byte[] hex(String text) {
        return HexFormat.of().parseHex(text.replace(" ", ""));
    }

    private static final class Section {
        private final ByteArrayOutputStream out = new ByteArrayOutputStream();

        int size() {
            return out.size();
        }

        private static byte[] little(int value) {
            return ByteBuffer.allocate(4)
                    .order(ByteOrder.LITTLE_ENDIAN)
                    .putInt(value)
                    .array();
        }

        private void entry(int id, byte[] content) {
            int padding = -content.length & 3;
            out.writeBytes(little(4 + content.length + padding));
            out.writeBytes(little(id));
            out.writeBytes(content);
            out.writeBytes(new byte[padding]);
        }

        /** @param rest everything behind the version */
        void cie(String rest) {
            entry(0, Seeds.join(new byte[] {1}, hex(rest)));
        }

        void fde(int cie, long start, int length, String program) {
            int place = size() + 8;
            entry(
                    size() + 4 - cie,
                    Seeds.join(
                            little((int) (start - CfiModule.EH_FRAME - place)),
                            little(length),
                            new byte[1],
                            hex(program)));
        }
    }
}
