package org.backstitch.unwind;

import org.backstitch.elf.ElfFile;
import org.backstitch.unwind.table.UnwindInfo;

/**
 * Reads machine code for a walk, which takes a disassembler: so it comes from outside. It is asked only where tables have no answer.
 * Must be safe for any number of threads.
 */
public interface CodeReader {
    /** What code says to a question. */
    enum Answer {
        YES,
        NO,
        /** The code is not there, or could not be read. */
        UNKNOWN
    }

    /** Reads nothing. */
    CodeReader NONE = new CodeReader() {
        @Override
        public UnwindInfo makeRules(ElfFile elf) {
            return UnwindInfo.empty();
        }

        @Override
        public Answer followsCall(ElfFile elf, long vaddr) {
            return Answer.UNKNOWN;
        }
    };

    /**
     * Rules made from a file's code; {@link UnwindInfo#empty} where none are wanted or none can be made. A module asks once, the first time
     * that its own rules do not cover a pc.
     */
    UnwindInfo makeRules(ElfFile elf);

    /** Whether a call instruction ends at a vaddr. */
    Answer followsCall(ElfFile elf, long vaddr);
}
