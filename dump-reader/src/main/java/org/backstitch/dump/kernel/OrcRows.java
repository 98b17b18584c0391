package org.backstitch.dump.kernel;

import java.util.List;
import org.backstitch.elf.orc.OrcEntry;
import org.backstitch.elf.orc.OrcRegister;
import org.backstitch.elf.orc.OrcTable;
import org.backstitch.elf.orc.OrcType;
import org.jspecify.annotations.Nullable;

/** The rows of a kernel's text by address as mapped, as {@link org.backstitch.unwind.KernelText} finds their rules. Immutable. */
final class OrcRows {
    /** What holds for the body of a translated BPF program ({@code orc_fp_entry}). */
    private static final OrcEntry FRAME_POINTER =
            new OrcEntry(OrcType.CALL, OrcRegister.BP, 16, OrcRegister.PREV_SP, -16, false);

    private final OrcTable image;
    private final long offset;
    private final List<KernelModule> modules;
    private final GeneratedCode generated;

    /**
     * A row.
     *
     * @param start the first address that it is for, as mapped
     * @param end the address behind the last one
     */
    record Row(long start, long end, OrcEntry entry) {
        private Row moved(long distance) {
            return new Row(start + distance, end + distance, entry);
        }
    }

    /**
     * @param image the kernel's own table
     * @param offset what the kernel's addresses have more than the table's
     */
    OrcRows(OrcTable image, long offset, List<KernelModule> modules, GeneratedCode generated) {
        this.image = image;
        this.offset = offset;
        this.modules = modules;
        this.generated = generated;
    }

    /** The row for an instruction; null if there is none. */
    @Nullable
    Row find(long pc) {
        for (GeneratedCode.Trampoline copy : generated.trampolines()) {
            if (isIn(pc, copy.start(), copy.end())) {
                long distance = copy.start() - copy.template();
                Row row = ofImage(pc - distance);
                return row == null ? null : row.moved(distance);
            }
        }
        for (GeneratedCode.BpfCode code : generated.bpf()) {
            if (isIn(pc, code.frameStart(), code.frameEnd())) {
                return new Row(code.frameStart(), code.frameEnd(), FRAME_POINTER);
            }
        }
        for (KernelModule module : modules) {
            OrcTable table = module.orc();
            if (table != null && module.text().stream().anyMatch(range -> range.contains(pc))) {
                return in(table, pc);
            }
        }
        return ofImage(pc);
    }

    private @Nullable Row ofImage(long pc) {
        Row row = in(image, pc - offset);
        return row == null ? null : row.moved(offset);
    }

    private static boolean isIn(long pc, long start, long end) {
        return Long.compareUnsigned(pc, start) >= 0 && Long.compareUnsigned(pc, end) < 0;
    }

    private static @Nullable Row in(OrcTable table, long address) {
        int row = table.find(address);
        if (row < 0) {
            return null;
        }
        boolean last = row == table.size() - 1;
        if (last && address != table.address(row)) {
            return null; // nothing is said of what follows
        }
        long end = last ? table.address(row) + 1 : table.address(row + 1);
        return new Row(table.address(row), end, table.distinctEntry(table.entryIndex(row)));
    }
}
