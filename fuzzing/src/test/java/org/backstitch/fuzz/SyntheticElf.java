package org.backstitch.fuzz;

import java.io.ByteArrayOutputStream;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.List;
import org.backstitch.bytes.Bytes;

/** Makes ELF files of x86-64 out of sections, after gABI chapter 4: well-formed around whatever the sections hold. */
final class SyntheticElf {
    static final int PROGBITS = 1;
    static final long ALLOC = 2;
    static final long EXECINSTR = 4;

    private static final int HEADER = 64;
    private static final int SEGMENT = 56;
    private static final int SECTION = 64;

    private record Section(String name, int type, long flags, long address, Bytes content) {}

    private record Segment(int type, int flags, long vaddr, Bytes content) {}

    private final int type;
    private final List<Section> sections = new ArrayList<>();
    private final List<Segment> segments = new ArrayList<>();

    /** @param type {@code e_type} */
    SyntheticElf(int type) {
        this.type = type;
    }

    SyntheticElf section(String name, long flags, long address, byte[] content) {
        sections.add(new Section(name, PROGBITS, flags, address, Bytes.of(content, name)));
        return this;
    }

    /** @param flags 1 executable, 2 writable, 4 readable */
    SyntheticElf segment(int segmentType, int flags, long vaddr, byte[] content) {
        segments.add(new Segment(segmentType, flags, vaddr, Bytes.of(content, "segment")));
        return this;
    }

    /** The file: headers, then the contents of segments and sections, each at a file offset that is its address modulo a page. */
    byte[] bytes() {
        ByteArrayOutputStream names = new ByteArrayOutputStream();
        names.write(0);
        ByteArrayOutputStream out = new ByteArrayOutputStream();
        int programHeaders = segments.isEmpty() ? 0 : HEADER;
        out.writeBytes(new byte[HEADER + segments.size() * SEGMENT]);
        byte[] segmentBytes = new byte[segments.size() * SEGMENT];
        ByteBuffer segmentTable = little(segmentBytes);
        for (Segment segment : segments) {
            pad(out, segment.vaddr);
            int offset = out.size();
            out.writeBytes(copy(segment.content));
            segmentTable.putInt(segment.type).putInt(segment.flags).putLong(offset);
            segmentTable.putLong(segment.vaddr).putLong(0);
            segmentTable
                    .putLong(segment.content.size())
                    .putLong(segment.content.size())
                    .putLong(4096);
        }
        byte[] sectionBytes = new byte[(sections.size() + 2) * SECTION];
        ByteBuffer sectionTable = little(sectionBytes).position(SECTION);
        for (Section section : sections) {
            while (out.size() % 8 != 0) {
                out.write(0);
            }
            sectionTable.putInt(names.size()).putInt(section.type).putLong(section.flags);
            sectionTable.putLong(section.address).putLong(out.size()).putLong(section.content.size());
            sectionTable.putInt(0).putInt(0).putLong(8).putLong(0);
            names.writeBytes((section.name + "\0").getBytes(StandardCharsets.US_ASCII));
            out.writeBytes(copy(section.content));
        }
        sectionTable.putInt(names.size()).putInt(3).putLong(0);
        names.writeBytes(".shstrtab\0".getBytes(StandardCharsets.US_ASCII));
        sectionTable.putLong(0).putLong(out.size()).putLong(names.size());
        out.writeBytes(names.toByteArray());
        int sectionHeaders = out.size();
        out.writeBytes(sectionBytes);
        byte[] file = out.toByteArray();
        ByteBuffer header = little(file);
        header.put(new byte[] {0x7f, 'E', 'L', 'F', 2, 1, 1}).position(16);
        header.putShort((short) type).putShort((short) 62).putInt(1).putLong(0);
        header.putLong(programHeaders).putLong(sectionHeaders).putInt(0);
        header.putShort((short) HEADER).putShort((short) SEGMENT).putShort((short) segments.size());
        header.putShort((short) SECTION).putShort((short) (sections.size() + 2)).putShort((short)
                (sections.size() + 1));
        header.put(HEADER, segmentBytes);
        return file;
    }

    private static void pad(ByteArrayOutputStream out, long vaddr) {
        while ((out.size() - vaddr & 4095) != 0) {
            out.write(0);
        }
    }

    private static ByteBuffer little(byte[] bytes) {
        return ByteBuffer.wrap(bytes).order(ByteOrder.LITTLE_ENDIAN);
    }

    private static byte[] copy(Bytes bytes) {
        return bytes.copy(0, (int) bytes.size());
    }
}
