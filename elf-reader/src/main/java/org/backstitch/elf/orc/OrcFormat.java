package org.backstitch.elf.orc;

import java.util.HexFormat;
import java.util.Optional;
import org.backstitch.bytes.Bytes;
import org.backstitch.bytes.MalformedInputException;
import org.jspecify.annotations.Nullable;

/**
 * The versions of the ORC format on x86-64, and how each lays out the 16 flag bits of an entry.
 *
 * <p>An entry is six bytes: {@code int16 sp_offset}, {@code int16 bp_offset}, {@code uint16 flags}. Only the flags have changed:
 *
 * <pre>
 * version  Linux  bits 0-3  4-7     8   9   10      11      SHA-1 in .orc_header
 *    1     4.14   sp_reg    bp_reg  type    end     -       (there is no such section)
 *    1     5.12   sp_reg    bp_reg  type    end     -       as above; SP_INDIRECT means *(sp) + offset, before *(sp + offset)
 *    2     6.3    sp_reg    bp_reg  type    signal  end     db84aed4103b31dd51e017f8f79783ca985c2c51
 *    3     6.4    sp_reg    bp_reg  type            signal  fe5d32bf581bd63b2ca9a5c65ba5a625eab3fe24
 *    4     7.1    as 3, registers renumbered                137c36ad7627c4dd55932176bb0ecdbd5041fc82
 * </pre>
 *
 * <p>Versions 1 and 2 number the types CALL 0, REGS 1, REGS_PARTIAL 2, and say with an undefined sp_reg that nothing is known or,
 * with the end bit, that the stack ends; from version 3 on those are types of their own: UNDEFINED 0, END_OF_STACK 1, CALL 2,
 * REGS 3, REGS_PARTIAL 4. Version 1 has no signal bit: every type but CALL is of an interrupted frame. Distributions have carried
 * versions back to older releases (RHEL 9.6's 5.14.0-517.el9 has version 3 without a header), so a release alone is believed only
 * if the table bears it out.
 *
 * <p>Sources: {@code arch/x86/include/asm/orc_types.h} and {@code arch/x86/kernel/unwind_orc.c} of the releases named;
 * {@code scripts/orc_hash.sh} for the header; commits ee9f8fce9964 (4.14), aafeb14e9da2 (5.12), ffb1b4a41016 (6.3), b9f174c811e3
 * and fb799447ae29 (6.4).
 */
public enum OrcFormat {
    /** Version 1 as it was first. */
    LINUX_4_14(1, 4, 14, null, Flags.END_AT_10, Numbering.SP_OFFSET_INDIRECT),

    /** Version 1 with the new meaning of {@code ORC_REG_SP_INDIRECT}. */
    LINUX_5_12(1, 5, 12, null, Flags.END_AT_10, Numbering.PREV_SP_FIRST),

    /** Version 2: a signal bit. */
    LINUX_6_3(
            2, 6, 3, "db84aed4103b31dd51e017f8f79783ca985c2c51", Flags.SIGNAL_AT_10_END_AT_11, Numbering.PREV_SP_FIRST),

    /** Version 3: types for undefined code and for the end of the stack. */
    LINUX_6_4(3, 6, 4, "fe5d32bf581bd63b2ca9a5c65ba5a625eab3fe24", Flags.WIDE_TYPE, Numbering.PREV_SP_FIRST),

    /** Version 4: registers renumbered, RAX among them. */
    LINUX_7_1(4, 7, 1, "137c36ad7627c4dd55932176bb0ecdbd5041fc82", Flags.WIDE_TYPE, Numbering.AX_FIRST);

    /** Bytes of an entry of {@code .orc_unwind}. */
    public static final int ENTRY_SIZE = 6;

    /** Bytes of an entry of {@code .orc_unwind_ip}. */
    public static final int IP_SIZE = 4;

    /** Bytes of the hash in {@code .orc_header}. */
    public static final int HEADER_SIZE = 20;

    /** The three ways to use the flag bits above the registers. */
    private enum Flags {
        END_AT_10,
        SIGNAL_AT_10_END_AT_11,
        WIDE_TYPE
    }

    /** The three ways to number registers. */
    private enum Numbering {
        SP_OFFSET_INDIRECT,
        PREV_SP_FIRST,
        AX_FIRST
    }

    private final int version;
    private final int sinceMajor;
    private final int sinceMinor;
    private final @Nullable String headerHash;
    private final Flags layout;
    private final Numbering numbering;

    OrcFormat(
            int version,
            int sinceMajor,
            int sinceMinor,
            @Nullable String headerHash,
            Flags layout,
            Numbering numbering) {
        this.version = version;
        this.sinceMajor = sinceMajor;
        this.sinceMinor = sinceMinor;
        this.headerHash = headerHash;
        this.layout = layout;
        this.numbering = numbering;
    }

    /** 1 to 4: the numbers that readers of the format have given its versions; the kernel has none. */
    public int version() {
        return version;
    }

    /** The first release of Linux that has this format. */
    public KernelRelease since() {
        return new KernelRelease(sinceMajor, sinceMinor);
    }

    /**
     * The format that a {@code .orc_header} section names.
     *
     * @throws MalformedInputException if the section is not 20 bytes long or names a format that is not known
     */
    public static OrcFormat ofHeader(Bytes header) {
        if (header.size() != HEADER_SIZE) {
            throw header.malformed(0, "expected " + HEADER_SIZE + " bytes of .orc_header, found " + header.size());
        }
        String hash = HexFormat.of().formatHex(header.copy(0, HEADER_SIZE));
        for (OrcFormat format : values()) {
            if (hash.equals(format.headerHash)) {
                return format;
            }
        }
        throw header.malformed(0, "an ORC format that is not known: .orc_header " + hash);
    }

    /** The format that mainline Linux of this release has; empty before 4.14. */
    public static Optional<OrcFormat> ofRelease(KernelRelease release) {
        OrcFormat found = null;
        for (OrcFormat format : values()) {
            if (format.since().compareTo(release) <= 0) {
                found = format;
            }
        }
        return Optional.ofNullable(found);
    }

    /** An entry's six bytes as the low 48 bits of a number, for {@link #decode}. */
    static long raw(Bytes unwind, long offset) {
        return unwind.u32(offset) | (long) unwind.u16(offset + 4) << 32;
    }

    /**
     * The entry that six bytes say in this format, or null if the format does not allow them.
     *
     * @param raw little-endian in the low 48 bits
     */
    @Nullable
    OrcEntry decode(long raw) {
        int flags = (int) (raw >>> 32);
        OrcRegister sp = register(flags & 0xf);
        OrcRegister bp = register(flags >>> 4 & 0xf);
        if (sp == null || bp == null || flags >>> 12 != 0) {
            return null;
        }
        OrcType type;
        boolean signal;
        switch (layout) {
            case END_AT_10 -> {
                type = narrowType(flags >>> 8 & 3, sp, flags >>> 10 & 1);
                signal = type != OrcType.CALL;
                if (flags >>> 11 != 0) {
                    return null;
                }
            }
            case SIGNAL_AT_10_END_AT_11 -> {
                type = narrowType(flags >>> 8 & 3, sp, flags >>> 11 & 1);
                signal = (flags >>> 10 & 1) != 0;
                if (signal && sp == OrcRegister.UNDEFINED) {
                    return null;
                }
            }
            default -> {
                type = wideType(flags >>> 8 & 7);
                signal = (flags >>> 11 & 1) != 0;
            }
        }
        if (type == null || type.describesFrame() != sp.locatesSp() || !bp.locatesBp()) {
            return null;
        }
        return switch (type) {
            case UNDEFINED -> OrcEntry.UNDEFINED;
            case END_OF_STACK -> OrcEntry.END_OF_STACK;
            case CALL, REGS, REGS_PARTIAL -> new OrcEntry(type, sp, (short) raw, bp, (short) (raw >>> 16), signal);
        };
    }

    private @Nullable OrcRegister register(int number) {
        return switch (numbering) {
            case AX_FIRST ->
                switch (number) {
                    case 0 -> OrcRegister.UNDEFINED;
                    case 1 -> OrcRegister.AX;
                    case 2 -> OrcRegister.DX;
                    case 3 -> OrcRegister.SP;
                    case 4 -> OrcRegister.BP;
                    case 5 -> OrcRegister.DI;
                    case 6 -> OrcRegister.R10;
                    case 7 -> OrcRegister.R13;
                    case 8 -> OrcRegister.PREV_SP;
                    case 9 -> OrcRegister.SP_INDIRECT;
                    case 10 -> OrcRegister.BP_INDIRECT;
                    default -> null;
                };
            case PREV_SP_FIRST, SP_OFFSET_INDIRECT ->
                switch (number) {
                    case 0 -> OrcRegister.UNDEFINED;
                    case 1 -> OrcRegister.PREV_SP;
                    case 2 -> OrcRegister.DX;
                    case 3 -> OrcRegister.DI;
                    case 4 -> OrcRegister.BP;
                    case 5 -> OrcRegister.SP;
                    case 6 -> OrcRegister.R10;
                    case 7 -> OrcRegister.R13;
                    case 8 -> OrcRegister.BP_INDIRECT;
                    case 9 ->
                        numbering == Numbering.PREV_SP_FIRST ? OrcRegister.SP_INDIRECT : OrcRegister.SP_OFFSET_INDIRECT;
                    default -> null;
                };
        };
    }

    /** Versions 3 and 4. */
    private static @Nullable OrcType wideType(int number) {
        return switch (number) {
            case 0 -> OrcType.UNDEFINED;
            case 1 -> OrcType.END_OF_STACK;
            case 2 -> OrcType.CALL;
            case 3 -> OrcType.REGS;
            case 4 -> OrcType.REGS_PARTIAL;
            default -> null;
        };
    }

    /** Versions 1 and 2: an undefined SP stands for the types that they lack, and comes with type 0 only. */
    private static @Nullable OrcType narrowType(int number, OrcRegister sp, int end) {
        if (sp == OrcRegister.UNDEFINED) {
            return number != 0 ? null : end != 0 ? OrcType.END_OF_STACK : OrcType.UNDEFINED;
        }
        if (end != 0) {
            return null;
        }
        return switch (number) {
            case 0 -> OrcType.CALL;
            case 1 -> OrcType.REGS;
            case 2 -> OrcType.REGS_PARTIAL;
            default -> null;
        };
    }
}
