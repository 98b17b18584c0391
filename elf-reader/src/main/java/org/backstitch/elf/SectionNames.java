package org.backstitch.elf;

import java.nio.charset.StandardCharsets;
import java.util.Optional;
import org.backstitch.bytes.Bytes;
import org.backstitch.bytes.MalformedInputException;
import org.jspecify.annotations.Nullable;

/**
 * The section name string table. Names are decoded one at a time and compared without decoding: a hostile table can give a million
 * sections a name of megabytes each.
 */
final class SectionNames {
    /** Beyond this a name is broken. {@code -ffunction-sections} makes names of some thousand bytes. */
    static final int MAX_NAME_SIZE = 1 << 16;

    private final @Nullable Bytes table;
    private final @Nullable MalformedInputException fault;

    SectionNames(Bytes file, ElfHeader header, long sectionHeaderOffset, long count) {
        // SHN_XINDEX: the index does not fit 16 bits and stands in the first header's sh_link.
        long index = header.sectionNameIndex() == ElfConstants.SHN_XINDEX
                ? file.u32(sectionHeaderOffset + 40)
                : header.sectionNameIndex();
        if (index == ElfConstants.SHN_UNDEF) {
            table = null;
            fault = null;
        } else if (index >= count) {
            table = null;
            fault = file.malformed(62, "the section name table is section " + index + " of " + count);
        } else {
            long at = sectionHeaderOffset + index * ElfHeader.SECTION_HEADER_SIZE;
            long offset = file.i64(at + 24);
            long size = file.i64(at + 32);
            boolean inside = file.contains(offset, size);
            table = inside ? file.slice(offset, size) : null;
            fault = inside ? null : file.malformed(offset, "the section name table lies outside of the file");
        }
    }

    Optional<MalformedInputException> fault() {
        return Optional.ofNullable(fault);
    }

    /** The name at {@code offset}, or an empty one where there is none that ends. */
    String decode(long offset) {
        if (table == null || !table.contains(offset, 1)) {
            return "";
        }
        long limit = Math.min(table.size(), offset + MAX_NAME_SIZE);
        for (long end = offset; end < limit; end++) {
            if (table.u8(end) == 0) {
                return table.paddedString(offset, end - offset);
            }
        }
        return "";
    }

    /** Whether the name at {@code offset} is {@code wanted}. */
    boolean isNamed(long offset, String wanted) {
        return startsWith(offset, wanted)
                && table != null
                && table.u8(offset + wanted.getBytes(StandardCharsets.UTF_8).length) == 0;
    }

    /** Whether the name at {@code offset} starts with {@code prefix}, and at least one byte (be it the NUL) follows. */
    boolean startsWith(long offset, String prefix) {
        byte[] bytes = prefix.getBytes(StandardCharsets.UTF_8);
        if (table == null || !table.contains(offset, bytes.length + 1L)) {
            return false;
        }
        for (int i = 0; i < bytes.length; i++) {
            if (table.u8(offset + i) != (bytes[i] & 0xff)) {
                return false;
            }
        }
        return true;
    }
}
