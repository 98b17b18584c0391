package org.backstitch.unwind;

import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.util.List;
import org.backstitch.bytes.Bytes;
import org.backstitch.elf.ElfConstants;
import org.backstitch.elf.ElfFile;
import org.backstitch.unwind.table.SavedRegisters;
import org.backstitch.unwind.table.UnwindTableBuilder;

/** A process with one program of small functions, each with one rule for all of it, and a stack. */
final class SmallProgram {
    static final long TEXT = 0x40_0000;
    static final int FUNCTION = 64;
    static final long STACK = 0x7fff_0000_0000L;

    private SmallProgram() {}

    /** What the rows of a function say: an unwind rule's word, and that of the saved registers. */
    record Row(long rule, long saved) {}

    /** Functions of {@link #FUNCTION} bytes from {@link #TEXT} on, and a stack of so many words. */
    static AddressSpace of(List<Row> functions, int stackWords) {
        int textSize = functions.size() * FUNCTION;
        ByteBuffer file = ByteBuffer.allocate(0x1000 + textSize).order(ByteOrder.LITTLE_ENDIAN);
        file.put(new byte[] {0x7f, 'E', 'L', 'F', 2, 1, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0});
        file.putShort((short) ElfConstants.ET_DYN).putShort((short) 62).putInt(1); // type, machine, version
        file.putLong(0).putLong(64).putLong(0).putInt(0); // entry, program headers, section headers, flags
        file.putShort((short) 64).putShort((short) 56).putShort((short) 1); // header sizes, one program header
        file.position(64).putInt(ElfConstants.PT_LOAD).putInt(5); // read and execute
        file.putLong(0x1000)
                .putLong(0x1000)
                .putLong(0x1000)
                .putLong(textSize)
                .putLong(textSize)
                .putLong(0x1000);
        UnwindTableBuilder table = new UnwindTableBuilder();
        for (int i = 0; i < functions.size(); i++) {
            table.addRow(0x1000 + (long) i * FUNCTION, functions.get(i).rule, functions.get(i).saved, null);
        }
        table.addGap(0x1000 + textSize);
        ElfModule module =
                new ModuleRegistry().module("program", ElfFile.of(Bytes.of(file.array(), "program")), table.build());
        return AddressSpace.of(List.of(
                new Mapping(TEXT, TEXT + 0x1000, 0x1000, true, "program", module),
                new Mapping(STACK, STACK + 8L * stackWords, 0, false, "[stack]", null)));
    }

    /** The same, of functions that save no register but RBP. */
    static AddressSpace ofRules(List<Long> rules, int stackWords) {
        return of(rules.stream().map(rule -> new Row(rule, SavedRegisters.SAME)).toList(), stackWords);
    }
}
