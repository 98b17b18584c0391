package org.backstitch.code.synthesis;

import java.util.List;
import org.backstitch.code.capstone.Capstone;
import org.backstitch.code.verify.CfiVerifier;
import org.backstitch.code.verify.OrcVerifier;
import org.backstitch.code.verify.Verdict;
import org.backstitch.elf.ElfFile;
import org.backstitch.elf.dwarf.CallFrameInfo;
import org.backstitch.elf.orc.OrcEntry;
import org.backstitch.elf.orc.OrcTable;
import org.backstitch.elf.orc.OrcType;
import org.backstitch.unwind.table.CfiUnwindInfo;
import org.backstitch.unwind.table.OrcCompiler;
import org.backstitch.unwind.table.UnwindInfo;
import org.backstitch.unwind.table.UnwindRule;

/** The table that a file has of its own, to compare made rows with. */
public interface OwnTable {
    /** The rule word at an address; {@link UnwindRule#NONE} where no row says anything. */
    long rule(long address);

    /** What {@code verify} says of the rows in front of the instructions at some addresses. */
    List<Verdict> verify(long[] addresses, Capstone capstone);

    /**
     * The rows of call frame information.
     *
     * @param elf a linked file
     * @param info of that file
     */
    static OwnTable of(ElfFile elf, CallFrameInfo info) {
        UnwindInfo rules = CfiUnwindInfo.of(elf).compile();
        return new OwnTable() {
            @Override
            public long rule(long address) {
                return rules.rule(address);
            }

            @Override
            public List<Verdict> verify(long[] addresses, Capstone capstone) {
                return CfiVerifier.verdicts(elf, info, capstone, addresses);
            }
        };
    }

    /** The ORC entries of a kernel, or of a kernel's module: addresses are those of {@link OrcTable#address}. */
    static OwnTable of(ElfFile elf, OrcTable table) {
        return new OwnTable() {
            @Override
            public long rule(long address) {
                int row = table.find(address);
                // In a relocatable file the upper half is the section: another section's last row does not hold here.
                if (row < 0 || table.isRelocatable() && table.section(row) != (int) (address >>> 32)) {
                    return UnwindRule.NONE;
                }
                OrcEntry entry = table.entry(row);
                return entry.type() == OrcType.UNDEFINED ? UnwindRule.NONE : OrcCompiler.rule(entry);
            }

            @Override
            public List<Verdict> verify(long[] addresses, Capstone capstone) {
                return OrcVerifier.verdicts(elf, table, capstone, addresses);
            }
        };
    }
}
