package org.backstitch.code.synthesis;

import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.List;
import org.backstitch.bytes.Bytes;
import org.backstitch.elf.ElfConstants;
import org.backstitch.elf.ElfFile;
import org.backstitch.elf.ElfSection;
import org.backstitch.elf.ElfSegment;

/**
 * An ELF file that holds {@code .eh_frame} and, like a file of debugging information, only the headers of the code that it is for: the
 * executable sections as {@code SHT_NOBITS}, and the build id.
 */
final class FrameFile {
    private static final int HEADER = 64;
    private static final int SECTION_HEADER = 64;
    private static final int ALIGNMENT = 8;
    private static final int SHF_ALLOC = 2;
    private static final int EM_X86_64 = 62;
    private static final long PAGE = 4096;

    private record Section(String name, int type, long flags, long address, long size, Bytes data) {}

    private static final Bytes NOTHING = Bytes.of(new byte[0], "nothing");

    private FrameFile() {}

    /** Where the section of a file's rows is put: behind all that the file has. */
    static long sectionAddress(ElfFile elf) {
        long end = 0;
        for (ElfSegment segment : elf.segments()) {
            if (segment.type() == ElfConstants.PT_LOAD) {
                end = Math.max(end, segment.vaddr() + segment.memorySize());
            }
        }
        for (ElfSection section : elf.sections()) {
            if (section.isAllocated()) {
                end = Math.max(end, section.address() + section.size());
            }
        }
        return (end + PAGE - 1) & -PAGE;
    }

    static ElfFile of(ElfFile original, byte[] frames, long address) {
        List<Section> sections = new ArrayList<>();
        for (ElfSection section : original.sections()) {
            boolean code = section.isAllocated() && section.hasFlags(ElfConstants.SHF_EXECINSTR);
            if (code) {
                long flags = SHF_ALLOC | ElfConstants.SHF_EXECINSTR;
                sections.add(new Section(
                        section.name(), ElfConstants.SHT_NOBITS, flags, section.address(), section.size(), NOTHING));
            } else if (section.name().equals(".note.gnu.build-id") && !section.isNoBits() && section.size() <= PAGE) {
                Bytes data = section.data();
                sections.add(new Section(
                        section.name(), ElfConstants.SHT_NOTE, SHF_ALLOC, section.address(), data.size(), data));
            }
        }
        sections.add(new Section(
                ".eh_frame",
                ElfConstants.SHT_PROGBITS,
                SHF_ALLOC,
                address,
                frames.length,
                Bytes.of(frames, ".eh_frame")));
        return ElfFile.of(Bytes.of(write(original, sections), original.bytes().source()));
    }

    private static byte[] write(ElfFile original, List<Section> sections) {
        StringBuilder names = new StringBuilder("\0");
        List<Integer> nameOffsets = new ArrayList<>();
        int size = HEADER;
        for (Section section : sections) {
            nameOffsets.add(names.length());
            names.append(section.name).append('\0');
            size = aligned(size) + (int) section.data.size();
        }
        int namesOffset = names.length();
        names.append(".shstrtab\0");
        byte[] strings = names.toString().getBytes(StandardCharsets.ISO_8859_1);
        int stringsAt = aligned(size);
        int headersAt = aligned(stringsAt + strings.length);
        int count = sections.size() + 2;
        ByteBuffer out = ByteBuffer.allocate(headersAt + count * SECTION_HEADER).order(ByteOrder.LITTLE_ENDIAN);
        out.put(new byte[] {0x7f, 'E', 'L', 'F', 2, 1, 1, (byte) original.osAbi()})
                .position(16);
        out.putShort((short) original.type()).putShort((short) EM_X86_64).putInt(1);
        out.putLong(original.entry()).putLong(0).putLong(headersAt).putInt(0);
        out.putShort((short) HEADER).putShort((short) 56).putShort((short) 0);
        out.putShort((short) SECTION_HEADER).putShort((short) count).putShort((short) (count - 1));
        int at = HEADER;
        int header = headersAt + SECTION_HEADER;
        for (int i = 0; i < sections.size(); i++) {
            Section section = sections.get(i);
            at = aligned(at);
            out.position(at)
                    .put(section.data.copy(0, (int) section.data.size()))
                    .position(header);
            header(out, nameOffsets.get(i), section, at);
            at += (int) section.data.size();
            header += SECTION_HEADER;
        }
        out.position(stringsAt).put(strings).position(header);
        header(
                out,
                namesOffset,
                new Section(".shstrtab", ElfConstants.SHT_STRTAB, 0, 0, strings.length, NOTHING),
                stringsAt);
        return out.array();
    }

    private static void header(ByteBuffer out, int name, Section section, int offset) {
        out.putInt(name).putInt(section.type).putLong(section.flags).putLong(section.address);
        out.putLong(offset).putLong(section.size).putInt(0).putInt(0);
        out.putLong(section.type == ElfConstants.SHT_STRTAB ? 1 : ALIGNMENT).putLong(0);
    }

    private static int aligned(int offset) {
        return (offset + ALIGNMENT - 1) & -ALIGNMENT;
    }
}
