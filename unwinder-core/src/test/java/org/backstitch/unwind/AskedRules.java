package org.backstitch.unwind;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import org.backstitch.bytes.Bytes;
import org.backstitch.elf.ElfFile;
import org.backstitch.fixtures.SyntheticElf;
import org.backstitch.unwind.table.RuleDictionary;
import org.backstitch.unwind.table.SavedRegisters;
import org.backstitch.unwind.table.UnwindInfo;
import org.backstitch.unwind.table.UnwindTableBuilder;

/** The rules of a made-up file, written row by row, which remember for which vaddrs they were asked. */
final class AskedRules implements UnwindInfo {
    private static final int PAGE = 4096;
    private static final int LAST = 1 << 24;

    private final UnwindInfo rules;
    private final ElfFile elf;
    private final List<Long> asked = new ArrayList<>();

    /** A row: from where on it holds, and its words. */
    record Row(long vaddr, long rule, long saved) {
        Row(long vaddr, long rule) {
            this(vaddr, rule, SavedRegisters.SAME);
        }
    }

    /** Rules of a file with one segment of code, from the page of the first row on; the last row holds for {@link #LAST} bytes. */
    AskedRules(Row... rows) {
        UnwindTableBuilder builder = new UnwindTableBuilder();
        Arrays.stream(rows).forEach(row -> builder.addRow(row.vaddr, row.rule, row.saved, null));
        builder.addGap(rows[rows.length - 1].vaddr + LAST);
        rules = builder.build();
        byte[] file = new SyntheticElf(3)
                .segment(1, 5, rows[0].vaddr & -PAGE, new byte[PAGE])
                .bytes();
        elf = ElfFile.of(Bytes.of(file, "made up"));
    }

    /** The file as a module. */
    ElfModule module(ModuleRegistry registry) {
        return registry.module("made up", elf, this);
    }

    /** The file's code from its first page on, mapped at an address. */
    Mapping mapping(ElfModule module, long address, long size) {
        long fileOffset = elf.segments().getFirst().fileOffset();
        return new Mapping(address, address + size, fileOffset, true, "/made-up", module);
    }

    /** For which vaddrs the rules were asked since this was called last, in order. */
    List<Long> asked() {
        List<Long> result = List.copyOf(asked);
        asked.clear();
        return result;
    }

    @Override
    public int find(long vaddr) {
        asked.add(vaddr);
        return rules.find(vaddr);
    }

    @Override
    public RuleDictionary dictionary() {
        return rules.dictionary();
    }
}
