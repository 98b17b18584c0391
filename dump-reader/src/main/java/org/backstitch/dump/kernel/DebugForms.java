package org.backstitch.dump.kernel;

import org.backstitch.bytes.Bytes;

/** Reads the values of attributes by their forms (DWARF 5, chapter 7.5.6), from a position on. */
final class DebugForms {
    static final int STRING = 0x08;
    static final int STRP = 0x0e;
    static final int INDIRECT = 0x16;
    static final int LINE_STRP = 0x1f;
    static final int IMPLICIT_CONST = 0x21;

    private static final int ADDR = 0x01;
    private static final int BLOCK2 = 0x03;
    private static final int BLOCK4 = 0x04;
    private static final int DATA2 = 0x05;
    private static final int DATA4 = 0x06;
    private static final int DATA8 = 0x07;
    private static final int BLOCK = 0x09;
    private static final int BLOCK1 = 0x0a;
    private static final int DATA1 = 0x0b;
    private static final int FLAG = 0x0c;
    private static final int SDATA = 0x0d;
    private static final int UDATA = 0x0f;
    private static final int REF_ADDR = 0x10;
    private static final int REF1 = 0x11;
    private static final int REF2 = 0x12;
    private static final int REF4 = 0x13;
    private static final int REF8 = 0x14;
    private static final int REF_UDATA = 0x15;
    private static final int SEC_OFFSET = 0x17;
    private static final int EXPRLOC = 0x18;
    private static final int FLAG_PRESENT = 0x19;
    private static final int STRX = 0x1a;
    private static final int ADDRX = 0x1b;
    private static final int REF_SUP4 = 0x1c;
    private static final int STRP_SUP = 0x1d;
    private static final int DATA16 = 0x1e;
    private static final int REF_SIG8 = 0x20;
    private static final int LOCLISTX = 0x22;
    private static final int RNGLISTX = 0x23;
    private static final int REF_SUP8 = 0x24;
    private static final int STRX1 = 0x25;
    private static final int STRX2 = 0x26;
    private static final int STRX3 = 0x27;
    private static final int STRX4 = 0x28;
    private static final int ADDRX1 = 0x29;
    private static final int ADDRX2 = 0x2a;
    private static final int ADDRX3 = 0x2b;
    private static final int ADDRX4 = 0x2c;
    private static final int GNU_REF_ALT = 0x1f20;
    private static final int GNU_STRP_ALT = 0x1f21;

    private static final int OP_PLUS_UCONST = 0x23;

    private final Bytes data;
    long position;
    int addressSize = 8;
    int offsetSize = 4;
    int version = 4;

    DebugForms(Bytes data) {
        this.data = data;
    }

    /** An unsigned number of 1 to 8 bytes. */
    long number(int size) {
        long value = switch (size) {
            case 1 -> data.u8(position);
            case 2 -> data.u16(position);
            case 4 -> data.u32(position);
            case 8 -> data.i64(position);
            default -> {
                long sum = 0;
                for (int i = 0; i < size; i++) {
                    sum |= (long) data.u8(position + i) << (8 * i);
                }
                yield sum;
            }
        };
        position += size;
        return value;
    }

    long uleb() {
        int first = data.u8(position++);
        if (first < 0x80) {
            return first;
        }
        long value = first & 0x7f;
        for (int shift = 7; ; shift += 7) {
            int b = data.u8(position++);
            if (shift < Long.SIZE) {
                value |= (long) (b & 0x7f) << shift;
            }
            if (b < 0x80) {
                return value;
            }
        }
    }

    long sleb() {
        long value = 0;
        for (int shift = 0; ; shift += 7) {
            int b = data.u8(position++);
            if (shift < Long.SIZE) {
                value |= (long) (b & 0x7f) << shift;
            }
            if (b < 0x80) {
                return (b & 0x40) != 0 && shift + 7 < Long.SIZE ? value | -1L << (shift + 7) : value;
            }
        }
    }

    /** Where the entry is that an attribute refers to, from the start of the section; {@link DebugInfo#NONE} if it is not in this file. */
    long reference(int form, long unit) {
        return switch (form) {
            case REF1 -> unit + number(1);
            case REF2 -> unit + number(2);
            case REF4 -> unit + number(4);
            case REF8 -> unit + number(8);
            case REF_UDATA -> unit + uleb();
            case REF_ADDR -> number(version == 2 ? addressSize : offsetSize);
            default -> {
                skip(form);
                yield DebugInfo.NONE;
            }
        };
    }

    /** A number; {@link DebugInfo#NONE} if the value is none (an expression that computes it, say). */
    long constant(int form, long implicit) {
        return switch (form) {
            case DATA1, FLAG -> number(1);
            case DATA2 -> number(2);
            case DATA4 -> number(4);
            case DATA8 -> number(8);
            case UDATA -> uleb();
            case SDATA -> sleb();
            case SEC_OFFSET -> number(offsetSize);
            case IMPLICIT_CONST -> implicit;
            default -> {
                skip(form);
                yield DebugInfo.NONE;
            }
        };
    }

    /** The offset of a member: a number, or, in DWARF 2, the expression that adds it. */
    long memberLocation(int form, long implicit) {
        long size = switch (form) {
            case BLOCK1 -> number(1);
            case BLOCK, EXPRLOC -> uleb();
            default -> -1;
        };
        if (size < 0) {
            return constant(form, implicit);
        }
        long end = position + size;
        long value = DebugInfo.NONE;
        if (size > 1 && data.u8(position) == OP_PLUS_UCONST) {
            position++;
            value = uleb();
        }
        data.check(position, Math.max(0, end - position));
        position = end;
        return value;
    }

    boolean flag(int form) {
        if (form == FLAG_PRESENT) {
            return true;
        }
        return constant(form, 1) != 0;
    }

    /** The number of a string in the table of their offsets; {@link DebugInfo#NONE} if it is not in this file. */
    long stringIndex(int form) {
        return switch (form) {
            case STRX -> uleb();
            case STRX1 -> number(1);
            case STRX2 -> number(2);
            case STRX3 -> number(3);
            case STRX4 -> number(4);
            default -> {
                skip(form);
                yield DebugInfo.NONE;
            }
        };
    }

    /** Goes behind a value. */
    void skip(int form) {
        long size = switch (form) {
            case FLAG_PRESENT, IMPLICIT_CONST -> 0;
            case DATA1, REF1, FLAG, STRX1, ADDRX1 -> 1;
            case DATA2, REF2, STRX2, ADDRX2 -> 2;
            case STRX3, ADDRX3 -> 3;
            case DATA4, REF4, STRX4, ADDRX4, REF_SUP4 -> 4;
            case DATA8, REF8, REF_SIG8, REF_SUP8 -> 8;
            case DATA16 -> 16;
            case ADDR -> addressSize;
            case STRP, LINE_STRP, SEC_OFFSET, STRP_SUP, GNU_REF_ALT, GNU_STRP_ALT -> offsetSize;
            case REF_ADDR -> version == 2 ? addressSize : offsetSize;
            case BLOCK1 -> number(1);
            case BLOCK2 -> number(2);
            case BLOCK4 -> number(4);
            case BLOCK, EXPRLOC -> uleb();
            case STRING -> {
                long end = position;
                while (data.u8(end) != 0) {
                    end++;
                }
                yield end + 1 - position;
            }
            case UDATA, STRX, ADDRX, REF_UDATA, LOCLISTX, RNGLISTX -> {
                uleb();
                yield 0;
            }
            case SDATA -> {
                sleb();
                yield 0;
            }
            default ->
                throw data.malformed(position, "an attribute of the unknown form 0x" + Integer.toHexString(form));
        };
        data.check(position, size);
        position += size;
    }
}
