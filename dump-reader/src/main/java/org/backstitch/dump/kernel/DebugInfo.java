package org.backstitch.dump.kernel;

import java.util.Arrays;
import java.util.HashMap;
import java.util.Map;
import org.backstitch.bytes.Bytes;
import org.backstitch.bytes.MalformedInputException;
import org.backstitch.elf.ElfFile;
import org.backstitch.elf.ElfSection;
import org.jspecify.annotations.Nullable;

/**
 * A cursor over the debugging information entries of {@code .debug_info} (DWARF 5, chapter 7.5; versions 2 to 5, both sizes of
 * offsets). It keeps of an entry what describes types: where it is, its tag, and a handful of attributes.
 *
 * <p>Not thread-safe.
 */
final class DebugInfo {
    static final int TAG_ARRAY = 0x01;
    static final int TAG_ENUMERATION = 0x04;
    static final int TAG_MEMBER = 0x0d;
    static final int TAG_POINTER = 0x0f;
    static final int TAG_STRUCTURE = 0x13;
    static final int TAG_TYPEDEF = 0x16;
    static final int TAG_UNION = 0x17;
    static final int TAG_SUBRANGE = 0x21;
    static final int TAG_BASE = 0x24;
    static final int TAG_CONST = 0x26;
    static final int TAG_ENUMERATOR = 0x28;
    static final int TAG_VOLATILE = 0x35;
    static final int TAG_RESTRICT = 0x37;
    static final int TAG_ATOMIC = 0x47;

    private static final int AT_SIBLING = 0x01;
    private static final int AT_NAME = 0x03;
    private static final int AT_BYTE_SIZE = 0x0b;
    private static final int AT_BIT_OFFSET = 0x0c;
    private static final int AT_BIT_SIZE = 0x0d;
    private static final int AT_CONST_VALUE = 0x1c;
    private static final int AT_UPPER_BOUND = 0x2f;
    private static final int AT_COUNT = 0x37;
    private static final int AT_DATA_MEMBER_LOCATION = 0x38;
    private static final int AT_DECLARATION = 0x3c;
    private static final int AT_TYPE = 0x49;
    private static final int AT_DATA_BIT_OFFSET = 0x6b;
    private static final int AT_STR_OFFSETS_BASE = 0x72;

    /** Says that an entry does not have an attribute. */
    static final long NONE = Long.MIN_VALUE;

    /** Types of units that are in the file itself and hold its entries ({@code DW_UT_compile}, {@code DW_UT_partial}). */
    private static final int UNIT_COMPILE = 1;

    private static final int UNIT_PARTIAL = 3;

    private final Bytes info;
    private final Bytes abbreviations;
    private final Bytes strings;
    private final Bytes lineStrings;
    private final Bytes stringOffsets;
    private final Map<Long, Abbreviations> tables = new HashMap<>();
    private final DebugForms forms;

    // The unit that the cursor is in.
    private long unitStart;
    private long unitEnd;
    private long stringOffsetsBase;
    private Abbreviations table = new Abbreviations();

    // The entry that was read last.
    long offset;
    int tag;
    boolean hasChildren;
    boolean isDeclaration;
    long byteSize;
    long bitSize;
    long bitOffset;
    long dataBitOffset;
    long memberOffset;
    long type;
    long count;
    long constant;
    private long sibling;
    private Bytes nameIn;
    private long nameAt;

    private DebugInfo(Bytes info, Bytes abbreviations, Bytes strings, Bytes lineStrings, Bytes stringOffsets) {
        this.info = info;
        this.abbreviations = abbreviations;
        this.strings = strings;
        this.lineStrings = lineStrings;
        this.stringOffsets = stringOffsets;
        this.forms = new DebugForms(info);
        this.nameIn = info;
    }

    /** The entries of {@code file}, or null if it has none. */
    static @Nullable DebugInfo of(ElfFile file) {
        Bytes info = section(file, ".debug_info");
        Bytes abbreviations = section(file, ".debug_abbrev");
        if (info == null || abbreviations == null) {
            return null;
        }
        return new DebugInfo(
                info,
                abbreviations,
                orEmpty(section(file, ".debug_str"), info),
                orEmpty(section(file, ".debug_line_str"), info),
                orEmpty(section(file, ".debug_str_offsets"), info));
    }

    private static Bytes orEmpty(@Nullable Bytes section, Bytes other) {
        return section == null ? other.slice(0, 0) : section;
    }

    private static @Nullable Bytes section(ElfFile file, String name) {
        return file.section(name)
                .filter(section -> !section.isNoBits() && section.size() != 0)
                .map(ElfSection::data)
                .orElse(null);
    }

    /** What a code of a unit's abbreviation table stands for: tag, children, and pairs of attribute and form. */
    private static final class Abbreviation {
        private final int tag;
        private final boolean hasChildren;
        private int[] attributes = new int[16];
        private int[] forms = new int[16];
        /** Values of attributes that have theirs in the abbreviation ({@code DW_FORM_implicit_const}). */
        private long[] constants = new long[16];

        private int size;

        Abbreviation(int tag, boolean hasChildren) {
            this.tag = tag;
            this.hasChildren = hasChildren;
        }

        void add(int attribute, int form, long constant) {
            if (size == attributes.length) {
                attributes = Arrays.copyOf(attributes, 2 * size);
                forms = Arrays.copyOf(forms, 2 * size);
                constants = Arrays.copyOf(constants, 2 * size);
            }
            attributes[size] = attribute;
            forms[size] = form;
            constants[size++] = constant;
        }
    }

    private static final class Abbreviations {
        private Abbreviation[] dense = new Abbreviation[64];
        private final Map<Long, Abbreviation> sparse = new HashMap<>();

        void put(long code, Abbreviation abbreviation) {
            if (code > 0 && code < 1 << 16) {
                if (code >= dense.length) {
                    dense = Arrays.copyOf(dense, (int) Long.highestOneBit(code) * 2);
                }
                dense[(int) code] = abbreviation;
            } else {
                sparse.put(code, abbreviation);
            }
        }

        @Nullable
        Abbreviation get(long code) {
            return code > 0 && code < dense.length ? dense[(int) code] : sparse.get(code);
        }
    }

    /** Where the first unit's header is. */
    long firstUnit() {
        return 0;
    }

    /**
     * Goes to a unit and before its first entry.
     *
     * @param at offset of the unit's header
     * @return false if there is no unit there, or one of a kind without entries of types of this file: {@link #nextUnit} is known anyhow
     */
    boolean enterUnit(long at) {
        if (at >= info.size()) {
            unitEnd = at;
            return false;
        }
        forms.position = at;
        long length = info.u32(at);
        boolean wide = length == 0xffff_ffffL;
        length = wide ? info.i64(at + 4) : length;
        long header = at + (wide ? 12 : 4);
        if (length <= 0 || !info.contains(header, length)) {
            throw info.malformed(
                    at, "a unit of " + Long.toUnsignedString(length) + " bytes lies outside of .debug_info");
        }
        unitStart = at;
        unitEnd = header + length;
        int version = info.u16(header);
        if (version < 2 || version > 5) {
            throw info.malformed(header, "DWARF version " + version + " is not known");
        }
        forms.position = header + 2;
        int unitType = UNIT_COMPILE;
        if (version == 5) {
            unitType = info.u8(forms.position++);
            forms.addressSize = info.u8(forms.position++);
        }
        forms.version = version;
        forms.offsetSize = wide ? 8 : 4;
        long tableAt = forms.number(forms.offsetSize);
        if (version < 5) {
            forms.addressSize = info.u8(forms.position++);
        }
        stringOffsetsBase = wide ? 16 : 8;
        table = tables.computeIfAbsent(tableAt, this::readTable);
        return unitType == UNIT_COMPILE || unitType == UNIT_PARTIAL;
    }

    /** Where the header of the unit behind the current one is; the end of the section behind the last one. */
    long nextUnit() {
        return unitEnd;
    }

    /** Where the current unit's header is. */
    long unit() {
        return unitStart;
    }

    private Abbreviations readTable(long at) {
        DebugForms in = new DebugForms(abbreviations);
        in.position = at;
        Abbreviations read = new Abbreviations();
        while (true) {
            long code = in.uleb();
            if (code == 0) {
                return read;
            }
            Abbreviation abbreviation = new Abbreviation((int) in.uleb(), abbreviations.u8(in.position++) != 0);
            while (true) {
                int attribute = (int) in.uleb();
                int form = (int) in.uleb();
                long constant = form == DebugForms.IMPLICIT_CONST ? in.sleb() : 0;
                if (attribute == 0 && form == 0) {
                    break;
                }
                abbreviation.add(attribute, form, constant);
            }
            read.put(code, abbreviation);
        }
    }

    /** Goes to the entry at an offset of the section, which must lie in the current unit, and reads it. */
    boolean read(long at) {
        if (at <= unitStart || at >= unitEnd) {
            throw info.malformed(at, "an entry outside of its unit");
        }
        forms.position = at;
        return next();
    }

    /**
     * Reads the next entry: the first child of the last one, if it has children, else the entry behind it.
     *
     * @return false if it is the null entry that ends a list of children, or the unit ends
     */
    boolean next() {
        if (forms.position >= unitEnd) {
            return false;
        }
        offset = forms.position;
        long code = forms.uleb();
        if (code == 0) {
            return false;
        }
        Abbreviation abbreviation = table.get(code);
        if (abbreviation == null) {
            throw info.malformed(offset, "an entry of the unknown abbreviation " + code);
        }
        tag = abbreviation.tag;
        hasChildren = abbreviation.hasChildren;
        isDeclaration = false;
        byteSize = NONE;
        bitSize = NONE;
        bitOffset = NONE;
        dataBitOffset = NONE;
        memberOffset = NONE;
        type = NONE;
        count = NONE;
        constant = NONE;
        sibling = NONE;
        nameAt = NONE;
        for (int i = 0; i < abbreviation.size; i++) {
            int form = abbreviation.forms[i];
            while (form == DebugForms.INDIRECT) {
                form = (int) forms.uleb();
            }
            attribute(abbreviation.attributes[i], form, abbreviation.constants[i]);
        }
        return true;
    }

    private void attribute(int attribute, int form, long implicit) {
        switch (attribute) {
            case AT_NAME -> name(form);
            case AT_SIBLING -> sibling = forms.reference(form, unitStart);
            case AT_TYPE -> type = forms.reference(form, unitStart);
            case AT_BYTE_SIZE -> byteSize = forms.constant(form, implicit);
            case AT_BIT_SIZE -> bitSize = forms.constant(form, implicit);
            case AT_BIT_OFFSET -> bitOffset = forms.constant(form, implicit);
            case AT_DATA_BIT_OFFSET -> dataBitOffset = forms.constant(form, implicit);
            case AT_DATA_MEMBER_LOCATION -> memberOffset = forms.memberLocation(form, implicit);
            case AT_CONST_VALUE -> constant = forms.constant(form, implicit);
            case AT_COUNT -> count = forms.constant(form, implicit);
            case AT_UPPER_BOUND -> {
                long bound = forms.constant(form, implicit);
                count = bound == NONE ? NONE : bound + 1;
            }
            case AT_DECLARATION -> isDeclaration = forms.flag(form);
            case AT_STR_OFFSETS_BASE -> stringOffsetsBase = forms.constant(form, implicit);
            default -> forms.skip(form);
        }
    }

    private void name(int form) {
        switch (form) {
            case DebugForms.STRING -> {
                nameIn = info;
                nameAt = forms.position;
                forms.skip(form);
            }
            case DebugForms.STRP, DebugForms.LINE_STRP -> {
                nameIn = form == DebugForms.STRP ? strings : lineStrings;
                nameAt = forms.number(forms.offsetSize);
            }
            default -> {
                long index = forms.stringIndex(form);
                if (index != NONE) {
                    nameIn = strings;
                    long at = stringOffsetsBase + forms.offsetSize * index;
                    nameAt = forms.offsetSize == 4 ? stringOffsets.u32(at) : stringOffsets.i64(at);
                }
            }
        }
    }

    /** The entry's name; empty if it has none. */
    String name() {
        return nameAt == NONE ? "" : nameIn.cString(nameAt);
    }

    /** Whether the entry has a name; cheaper than to read it. */
    boolean isNamed() {
        return nameAt != NONE;
    }

    /** Skips the children of the entry that was read last. */
    void skipChildren() {
        if (!hasChildren) {
            return;
        }
        if (sibling > offset && sibling <= unitEnd) {
            forms.position = sibling;
            return;
        }
        for (int depth = 1; depth > 0; ) {
            if (forms.position >= unitEnd) {
                return;
            }
            if (!next()) {
                depth--;
            } else if (hasChildren) {
                depth++;
            }
        }
    }

    /** The file, as error messages name it. */
    String source() {
        return info.source();
    }

    MalformedInputException malformed(long at, String reason) {
        return info.malformed(at, reason);
    }
}
