package org.backstitch.unwind.reference;

import java.util.List;
import org.backstitch.bytes.Bytes;
import org.backstitch.elf.ElfFile;
import org.backstitch.fixtures.SyntheticElf;

/**
 * One function with call frame information, and the file that holds it.
 *
 * @param debugFrame whether the information is in {@code .debug_frame}, in the 64-bit format, rather than in {@code .eh_frame}
 */
record Function(
        List<CfaInstruction> initialInstructions,
        List<CfaInstruction> instructions,
        long codeAlignment,
        long dataAlignment,
        boolean signalFrame,
        CfiAssembler.Pointers pointers,
        boolean debugFrame) {
    static final long TEXT = 0x1000;
    static final int TEXT_SIZE = 0x1000;
    static final long START = TEXT + 0x40;
    static final int LENGTH = 0x80;

    private static final long SECTION = 0x8000;
    private static final int RETURN_ADDRESS = 16;
    private static final int EXECUTABLE = 5;
    private static final int PT_LOAD = 1;
    private static final int ET_DYN = 3;

    NaiveTable table() {
        return new NaiveTable(initialInstructions, instructions, dataAlignment, START, LENGTH);
    }

    /** A shared object whose code is calls: {@code call *%rax} at every even address. */
    ElfFile elf() {
        byte[] text = new byte[TEXT_SIZE];
        for (int i = 0; i < text.length; i += 2) {
            text[i] = (byte) 0xff;
            text[i + 1] = (byte) 0xd0;
        }
        SyntheticElf elf = new SyntheticElf(ET_DYN)
                .segment(PT_LOAD, EXECUTABLE, TEXT, text)
                .section(".text", SyntheticElf.ALLOC | SyntheticElf.EXECINSTR, TEXT, text);
        if (debugFrame) {
            elf.section(".debug_frame", 0, 0, debugFrameSection());
        } else {
            elf.section(".eh_frame", SyntheticElf.ALLOC, SECTION, ehFrame());
        }
        return ElfFile.of(Bytes.of(elf.bytes(), "function"));
    }

    /** LSB 5.0 §10.6. */
    private byte[] ehFrame() {
        CfiAssembler cie = new CfiAssembler(codeAlignment, SECTION + 4, pointers);
        cie.little(0, 4).u8(1).bytes(signalFrame ? new byte[] {'z', 'R', 'S', 0} : new byte[] {'z', 'R', 0});
        cie.unsigned(codeAlignment).signed(dataAlignment).u8(RETURN_ADDRESS);
        cie.unsigned(1).u8(pointers.encoding).program(initialInstructions);
        int fdeAt = 4 + cie.size();
        CfiAssembler fde = new CfiAssembler(codeAlignment, SECTION + fdeAt + 4, pointers);
        fde.little(fdeAt + 4, 4).pointer(START).range(LENGTH).unsigned(0).program(instructions);
        CfiAssembler section = new CfiAssembler(1, SECTION, pointers);
        section.little(cie.size(), 4).bytes(cie.bytes());
        section.little(fde.size(), 4).bytes(fde.bytes());
        return section.little(0, 4).bytes();
    }

    /** DWARF 5 §6.4.1, §7.4: version 4 of the entries, lengths and offsets of 64 bits. */
    private byte[] debugFrameSection() {
        CfiAssembler.Pointers plain = CfiAssembler.Pointers.ABSOLUTE;
        CfiAssembler cie = new CfiAssembler(codeAlignment, 12, plain);
        cie.little(-1, 8).u8(4).u8(0).u8(8).u8(0);
        cie.unsigned(codeAlignment)
                .signed(dataAlignment)
                .unsigned(RETURN_ADDRESS)
                .program(initialInstructions);
        CfiAssembler fde = new CfiAssembler(codeAlignment, 0, plain);
        fde.little(0, 8).pointer(START).range(LENGTH).program(instructions);
        CfiAssembler section = new CfiAssembler(1, 0, plain);
        section.little(0xffff_ffffL, 4).little(cie.size(), 8).bytes(cie.bytes());
        section.little(0xffff_ffffL, 4).little(fde.size(), 8).bytes(fde.bytes());
        return section.bytes();
    }
}
