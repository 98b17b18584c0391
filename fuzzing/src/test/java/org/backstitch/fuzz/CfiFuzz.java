package org.backstitch.fuzz;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertNotNull;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.code_intelligence.jazzer.junit.FuzzTest;
import java.util.ArrayList;
import java.util.List;
import org.backstitch.bytes.MalformedInputException;
import org.backstitch.elf.ElfFile;
import org.backstitch.elf.dwarf.CallFrameInfo;
import org.backstitch.elf.dwarf.CallFrameInterpreter;
import org.backstitch.elf.dwarf.FdeFinder;
import org.backstitch.elf.dwarf.FdeIndex;
import org.backstitch.elf.dwarf.FrameDescriptionEntry;
import org.backstitch.elf.dwarf.UnwindRow;
import org.backstitch.unwind.table.CfiUnwindInfo;
import org.backstitch.unwind.table.UnwindTable;

/**
 * Call frame information of every kind, read entry by entry, found by address, and compiled: the table must say of every address what
 * the entry says that decides for it.
 */
class CfiFuzz {
    @FuzzTest
    void cfi(byte[] data) {
        run(data);
    }

    static void run(byte[] data) {
        ElfFile elf = CfiModule.of(data);
        List<Long> places = new ArrayList<>();
        for (CallFrameInfo.Flavor flavor : CallFrameInfo.Flavor.values()) {
            try {
                CallFrameInfo.of(elf, flavor).ifPresent(info -> readEntries(info, data.length, places));
            } catch (MalformedInputException e) {
                assertTrue(e.reason().length() > 5);
            }
        }
        compare(elf, places);
    }

    private static void readEntries(CallFrameInfo info, int size, List<Long> places) {
        CallFrameInterpreter interpreter = new CallFrameInterpreter();
        CallFrameInfo.EntryCursor entries = info.entries();
        long before = -1;
        int rows = 0;
        for (boolean more = true; more; ) {
            try {
                more = entries.next();
                if (!more) {
                    break;
                }
                assertTrue(entries.offset() > before, "no progress");
                before = entries.offset();
                if (entries.isCie()) {
                    assertNotNull(entries.cie().orElseThrow().augmentation());
                    continue;
                }
                FrameDescriptionEntry fde = entries.parseFde();
                assertEquals(fde.offset(), info.fdeAt(fde.offset()).offset());
                places.add(fde.start());
                fde.lsda();
                interpreter.start(fde);
                while (interpreter.nextRow()) {
                    assertTrue(++rows <= size + 1, "more rows than bytes");
                    if (places.size() < 2000) {
                        places.add(interpreter.rowStart());
                        places.add(interpreter.rowEnd());
                        assertEquals(interpreter.row(), interpreter.row());
                    }
                }
            } catch (MalformedInputException e) {
                assertTrue(e.reason().length() > 5);
            }
        }
    }

    private static void compare(ElfFile elf, List<Long> places) {
        FdeFinder finder = FdeFinder.of(elf);
        CfiUnwindInfo lazy = CfiUnwindInfo.of(elf);
        UnwindTable table;
        try {
            table = CfiUnwindInfo.of(elf).compile();
        } catch (MalformedInputException e) {
            assertTrue(e.reason().contains("4 GiB apart"), e.reason());
            table = null;
        }
        for (FdeIndex index : finder.indexes()) {
            for (int i = 0; i < index.size(); i++) {
                FrameDescriptionEntry fde = index.fde(i);
                assertTrue(i == 0 || Long.compareUnsigned(index.start(i - 1), index.start(i)) <= 0);
                assertNotNull(index.find(fde.start()));
            }
        }
        for (long place : places) {
            for (long vaddr = place - 1; vaddr != place + 2; vaddr++) {
                int number = lazy.find(vaddr);
                if (table != null) {
                    compare(lazy, number, table, table.find(vaddr), vaddr);
                }
            }
        }
    }

    private static void compare(CfiUnwindInfo lazy, int number, UnwindTable table, int compiled, long vaddr) {
        String where = Long.toHexString(vaddr);
        assertEquals(lazy.dictionary().rule(number), table.dictionary().rule(compiled), where);
        assertEquals(lazy.dictionary().saved(number), table.dictionary().saved(compiled), where);
        UnwindRow side = lazy.dictionary().side(number);
        assertEquals(side, table.dictionary().side(compiled), where);
    }
}
