package org.backstitch.code.synthesis;

import java.io.ByteArrayOutputStream;
import java.nio.charset.StandardCharsets;
import org.backstitch.code.synthesis.FrameRow.Place;
import org.backstitch.elf.ElfFile;
import org.jspecify.annotations.Nullable;

/**
 * Writes rows as {@code .eh_frame} (LSB Core §10.6.1; DWARF 5 §6.4): one entry for each stretch without a gap, in the order of the
 * addresses.
 */
final class FrameWriter {
    private static final int DATA_ALIGNMENT = -8;
    private static final int POINTER_ENCODING = 0x1c; // DW_EH_PE_pcrel | DW_EH_PE_sdata8
    private static final int INITIAL_OFFSET = 8;
    private static final int RSP = 7;
    private static final int RIP = 16;

    private static final int DW_CFA_ADVANCE_LOC = 0x40;
    private static final int DW_CFA_OFFSET = 0x80;
    private static final int DW_CFA_RESTORE = 0xc0;
    private static final int DW_CFA_ADVANCE_LOC1 = 0x02;
    private static final int DW_CFA_ADVANCE_LOC2 = 0x03;
    private static final int DW_CFA_ADVANCE_LOC4 = 0x04;
    private static final int DW_CFA_UNDEFINED = 0x07;
    private static final int DW_CFA_REGISTER = 0x09;
    private static final int DW_CFA_DEF_CFA = 0x0c;
    private static final int DW_CFA_DEF_CFA_REGISTER = 0x0d;
    private static final int DW_CFA_DEF_CFA_OFFSET = 0x0e;
    private static final int DW_CFA_DEF_CFA_EXPRESSION = 0x0f;
    private static final int DW_CFA_EXPRESSION = 0x10;
    private static final int DW_CFA_OFFSET_EXTENDED_SF = 0x11;
    private static final int DW_OP_DEREF = 0x06;
    private static final int DW_OP_PLUS = 0x22;
    private static final int DW_OP_SHL = 0x24;
    private static final int DW_OP_LIT0 = 0x30;
    private static final int DW_OP_PLUS_UCONST = 0x23;
    private static final int DW_OP_BREG0 = 0x70;

    /** What the CIE says: every entry begins with it. */
    private static final FrameRow INITIAL =
            new FrameRow(new FrameRow.Cfa(RSP, INITIAL_OFFSET, false, 0), FrameRow.OUTERMOST.places());

    private final ElfFile elf;
    private final long sectionAddress;
    private final ByteArrayOutputStream section = new ByteArrayOutputStream();
    private final ByteArrayOutputStream program = new ByteArrayOutputStream();
    private long start;
    private long position;
    private @Nullable FrameRow current;

    FrameWriter(ElfFile elf) {
        this.elf = elf;
        sectionAddress = FrameFile.sectionAddress(elf);
        ByteArrayOutputStream entry = new ByteArrayOutputStream();
        little(entry, 0, 4); // of a CIE
        entry.write(1); // version
        entry.writeBytes("zR\0".getBytes(StandardCharsets.US_ASCII));
        uleb(entry, 1); // code alignment
        sleb(entry, DATA_ALIGNMENT);
        uleb(entry, RIP);
        uleb(entry, 1); // size of the augmentation data
        entry.write(POINTER_ENCODING);
        entry.write(DW_CFA_DEF_CFA);
        uleb(entry, RSP);
        uleb(entry, INITIAL_OFFSET);
        entry.write(DW_CFA_OFFSET | RIP);
        uleb(entry, 1);
        append(entry);
    }

    /** The row that holds from an address on. Addresses ascend. */
    void row(long address, FrameRow row) {
        FrameRow before = current;
        if (before == null) {
            start = address;
            position = address;
            program.reset();
            define(row, INITIAL);
        } else if (!before.equals(row)) {
            advance(address - position);
            position = address;
            define(row, before);
        }
        current = row;
    }

    /** Says that nothing is known from an address on. */
    void gap(long address) {
        if (current == null) {
            return;
        }
        current = null;
        ByteArrayOutputStream entry = new ByteArrayOutputStream();
        int at = section.size();
        little(entry, at + 4, 4); // the distance to the CIE, which lies at 0
        little(entry, start - (sectionAddress + at + 8), 8);
        little(entry, address - start, 8);
        uleb(entry, 0); // size of the augmentation data
        entry.writeBytes(program.toByteArray());
        append(entry);
    }

    /** An ELF file with the section. */
    ElfFile finish() {
        little(section, 0, 4);
        return FrameFile.of(elf, section.toByteArray(), sectionAddress);
    }

    private void append(ByteArrayOutputStream entry) {
        while (entry.size() % 8 != 4) {
            entry.write(0); // DW_CFA_nop, so that with its length an entry fills whole words
        }
        little(section, entry.size(), 4);
        section.writeBytes(entry.toByteArray());
    }

    private void advance(long distance) {
        if (distance < DW_CFA_ADVANCE_LOC) {
            program.write(DW_CFA_ADVANCE_LOC | (int) distance);
        } else if (distance <= 0xff) {
            program.write(DW_CFA_ADVANCE_LOC1);
            little(program, distance, 1);
        } else if (distance <= 0xffff) {
            program.write(DW_CFA_ADVANCE_LOC2);
            little(program, distance, 2);
        } else {
            program.write(DW_CFA_ADVANCE_LOC4);
            little(program, distance, 4);
        }
    }

    private void define(FrameRow row, FrameRow before) {
        FrameRow.Cfa cfa = row.cfa();
        if (cfa == null) {
            program.write(DW_CFA_UNDEFINED);
            uleb(program, RIP);
            return;
        }
        if (before.cfa() == null) {
            program.write(DW_CFA_RESTORE | RIP);
        }
        define(cfa, before.cfa());
        for (int i = 0; i < FrameRow.SAVED.size(); i++) {
            Place place = row.places().get(i);
            if (!place.equals(before.places().get(i))) {
                define(FrameRow.SAVED.get(i), place);
            }
        }
    }

    private void define(FrameRow.Cfa cfa, FrameRow.@Nullable Cfa before) {
        if (cfa.equals(before)) {
            return;
        }
        if (cfa.loaded()) {
            ByteArrayOutputStream expression = new ByteArrayOutputStream();
            expression.write(DW_OP_BREG0 + cfa.base());
            sleb(expression, cfa.offset());
            if (cfa.index() != FrameRow.NO_INDEX) {
                expression.write(DW_OP_BREG0 + cfa.index());
                sleb(expression, 0);
                expression.write(DW_OP_LIT0 + 3);
                expression.write(DW_OP_SHL);
                expression.write(DW_OP_PLUS);
            }
            expression.write(DW_OP_DEREF);
            if (cfa.addend() != 0) {
                expression.write(DW_OP_PLUS_UCONST);
                uleb(expression, cfa.addend());
            }
            program.write(DW_CFA_DEF_CFA_EXPRESSION);
            block(expression);
        } else if (before == null
                || before.loaded()
                || before.base() != cfa.base() && before.offset() != cfa.offset()) {
            program.write(DW_CFA_DEF_CFA);
            uleb(program, cfa.base());
            uleb(program, cfa.offset());
        } else if (before.base() != cfa.base()) {
            program.write(DW_CFA_DEF_CFA_REGISTER);
            uleb(program, cfa.base());
        } else {
            program.write(DW_CFA_DEF_CFA_OFFSET);
            uleb(program, cfa.offset());
        }
    }

    private void define(int register, Place place) {
        switch (place.kind()) {
            case SAME -> program.write(DW_CFA_RESTORE | register);
            case UNDEFINED -> {
                program.write(DW_CFA_UNDEFINED);
                uleb(program, register);
            }
            case REGISTER -> {
                program.write(DW_CFA_REGISTER);
                uleb(program, register);
                uleb(program, place.register());
            }
            case REGISTER_SLOT -> {
                program.write(DW_CFA_EXPRESSION);
                uleb(program, register);
                ByteArrayOutputStream expression = new ByteArrayOutputStream();
                expression.write(DW_OP_BREG0 + place.register());
                sleb(expression, place.offset());
                block(expression);
            }
            case SLOT -> {
                int factored = place.offset() / DATA_ALIGNMENT;
                if (factored >= 0) {
                    program.write(DW_CFA_OFFSET | register);
                    uleb(program, factored);
                } else {
                    program.write(DW_CFA_OFFSET_EXTENDED_SF);
                    uleb(program, register);
                    sleb(program, factored);
                }
            }
        }
    }

    private void block(ByteArrayOutputStream expression) {
        uleb(program, expression.size());
        program.writeBytes(expression.toByteArray());
    }

    private static void little(ByteArrayOutputStream out, long value, int bytes) {
        for (int i = 0; i < bytes; i++) {
            out.write((int) (value >>> 8 * i));
        }
    }

    private static void uleb(ByteArrayOutputStream out, int value) {
        int rest = value;
        while (rest >>> 7 != 0) {
            out.write(rest & 0x7f | 0x80);
            rest >>>= 7;
        }
        out.write(rest);
    }

    private static void sleb(ByteArrayOutputStream out, int value) {
        int rest = value;
        while (rest < -64 || rest > 63) {
            out.write(rest & 0x7f | 0x80);
            rest >>= 7;
        }
        out.write(rest & 0x7f);
    }
}
