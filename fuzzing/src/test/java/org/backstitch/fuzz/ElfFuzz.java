package org.backstitch.fuzz;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.code_intelligence.jazzer.junit.FuzzTest;
import java.util.List;
import org.backstitch.bytes.Bytes;
import org.backstitch.bytes.MalformedInputException;
import org.backstitch.elf.ElfFile;
import org.backstitch.elf.ElfNote;
import org.backstitch.elf.ElfRelocations;
import org.backstitch.elf.ElfSection;
import org.backstitch.elf.ElfSegment;
import org.backstitch.elf.ElfSymbol;
import org.backstitch.elf.ElfSymbols;
import org.backstitch.elf.image.DebugFiles;
import org.backstitch.elf.image.DebugLink;
import org.backstitch.symbols.SymbolIndex;
import org.backstitch.symbols.SymbolTable;

/** ELF files: headers, sections (compressed ones too), segments, symbols, notes, relocations, names. */
class ElfFuzz {
    private static final long INFLATION_LIMIT = 1 << 22;

    @FuzzTest
    void elf(byte[] data) {
        run(data);
    }

    static void run(byte[] data) {
        long first = read(data);
        assertEquals(first, read(data), "what is read twice is equal");
    }

    /** Reads everything that there is; the sum of what was seen. */
    private static long read(byte[] data) {
        ElfFile elf;
        try {
            elf = ElfFile.of(Bytes.of(data, "input"), INFLATION_LIMIT);
        } catch (MalformedInputException e) {
            assertTrue(e.reason().length() > 5);
            return e.offset();
        }
        long sum = 0;
        for (ElfSection section : elf.sections()) {
            sum = 31 * sum + section.name().hashCode() + section.size();
            sum = 31 * sum + tolerant(() -> hash(section.data()));
            sum = 31 * sum + tolerant(() -> relocations(elf, section));
            sum = 31 * sum
                    + tolerant(() -> elf.symbolTable(section.index())
                            .map(ElfFuzz::symbols)
                            .orElse(1L));
        }
        for (ElfSegment segment : elf.segments()) {
            sum = 31 * sum + tolerant(() -> elf.data(segment).size());
            sum = 31 * sum
                    + elf.bytesAt(segment.vaddr(), 8).map(ElfFuzz::hash).orElse(2L)
                    + elf.bytesFrom(segment.vaddr() + 1).map(Bytes::size).orElse(3L)
                    + elf.vaddrOf(segment.fileOffset()).orElse(4L);
        }
        for (ElfNote note : elf.notes()) {
            sum = 31 * sum + note.name().hashCode() + note.type() + note.desc().size();
        }
        sum = 31 * sum + elf.buildId().map(Object::hashCode).orElse(5);
        sum = 31 * sum
                + tolerant(() -> elf.dynamicSymbols().map(ElfFuzz::symbols).orElse(6L));
        sum = 31 * sum + tolerant(() -> elf.symbols().map(ElfFuzz::symbols).orElse(7L));
        sum = 31 * sum + tolerant(() -> (long) DebugLink.of(elf).hashCode());
        sum = 31 * sum
                + tolerant(() -> DebugFiles.embedded(elf)
                        .map(inner -> (long) inner.sections().size())
                        .orElse(8L));
        sum = 31 * sum + names(elf);
        List<MalformedInputException> faults = elf.faults();
        return 31 * sum + faults.size();
    }

    private interface Reading {
        long read();
    }

    /** A part that is malformed counts by where it is so. */
    private static long tolerant(Reading reading) {
        try {
            return reading.read();
        } catch (MalformedInputException e) {
            return e.offset() ^ e.reason().hashCode();
        }
    }

    private static long hash(Bytes bytes) {
        long sum = bytes.size();
        for (long at = 0; at < bytes.size(); at += 61) {
            sum = 31 * sum + bytes.u8(at);
        }
        return sum;
    }

    private static long symbols(ElfSymbols symbols) {
        long sum = symbols.count();
        for (int i = 0; i < symbols.count(); i++) {
            sum = 31 * sum + symbols.value(i) + symbols.sectionIndex(i);
            int index = i;
            sum = 31 * sum + tolerant(() -> symbols.name(index).hashCode());
        }
        for (ElfSymbol symbol : symbols) {
            sum += symbol.isDefined() ? 1 : 0;
        }
        return sum;
    }

    private static long relocations(ElfFile elf, ElfSection section) {
        long sum = 0;
        for (ElfRelocations table : elf.relocationsFor(section)) {
            for (int i = 0; i < table.count(); i++) {
                sum = 31 * sum + table.offset(i) + table.symbol(i) + (table.hasAddends() ? table.addend(i) : 0);
            }
        }
        return 31 * sum + hash(elf.relocated(section).data());
    }

    private static long names(ElfFile elf) {
        SymbolTable names = SymbolTable.of(elf);
        long sum = names.count();
        for (ElfSegment segment : elf.segments()) {
            int found = names.find(segment.vaddr() + 16);
            if (found != SymbolIndex.NONE) {
                sum = 31 * sum + names.name(found).hashCode() + names.start(found) + names.size(found);
            }
        }
        return sum + names.faults().size();
    }
}
