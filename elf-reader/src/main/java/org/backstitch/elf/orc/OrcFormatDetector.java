package org.backstitch.elf.orc;

import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import org.backstitch.bytes.Bytes;
import org.backstitch.bytes.MalformedInputException;
import org.jspecify.annotations.Nullable;

/**
 * Finds the format of a table: from its header, else from the kernel's release if the table bears it out, else from the table.
 *
 * <p>What a table shows. A format that a table is not in reads parts of it as entries that no kernel has: types and registers that do
 * not exist, frames without a stack pointer, stack pointers in undefined code. What is left is decided by what all kernels have in
 * common: most frames are calls, and most are found from RSP. Two formats may both pass only if they read every entry alike, and a
 * table that none or several pass is refused: a wrong format gives wrong stacks.
 */
final class OrcFormatDetector {
    private final RawEntries entries;

    OrcFormatDetector(RawEntries entries) {
        this.entries = entries;
    }

    /**
     * The format of the table.
     *
     * @param header the contents of {@code .orc_header}, or null where there is none
     * @param release the kernel's release, or null where it is not known
     * @param unwind names the table in errors
     * @throws MalformedInputException if the format cannot be told for certain
     */
    OrcFormat detect(@Nullable Bytes header, @Nullable KernelRelease release, Bytes unwind) {
        if (header != null) {
            return OrcFormat.ofHeader(header);
        }
        Optional<OrcFormat> ofRelease = release == null ? Optional.empty() : OrcFormat.ofRelease(release);
        if (ofRelease.isPresent() && isPlausible(ofRelease.get())) {
            return ofRelease.get();
        }
        List<OrcFormat> plausible = new ArrayList<>();
        for (OrcFormat format : OrcFormat.values()) {
            if (isPlausible(format)) {
                plausible.add(format);
            }
        }
        if (plausible.isEmpty()) {
            throw unwind.malformed(0, "not an ORC table of any known format: its entries make sense in none");
        }
        // The newest of those that agree: they differ in nothing that this table says.
        OrcFormat newest = plausible.getLast();
        for (OrcFormat other : plausible) {
            if (!readAlike(newest, other)) {
                throw unwind.malformed(
                        0,
                        "an ORC table without .orc_header whose format cannot be told for certain (as of Linux "
                                + other.since() + " or " + newest.since() + "): the kernel's release is needed");
            }
        }
        return newest;
    }

    private boolean isPlausible(OrcFormat format) {
        long frames = 0;
        long calls = 0;
        long fromSp = 0;
        for (int i = 0; i < entries.distinctCount(); i++) {
            OrcEntry entry = format.decode(entries.distinct(i));
            if (entry == null || !isUsed(entry)) {
                return false;
            }
            int count = entries.count(i);
            if (entry.type().describesFrame()) {
                frames += count;
                calls += entry.type() == OrcType.CALL ? count : 0;
                fromSp += entry.spRegister() == OrcRegister.SP ? count : 0;
            }
        }
        return frames == 0 || (2 * calls > frames && 2 * fromSp > frames);
    }

    /**
     * Whether any kernel has had such entries: before 5.12, SP_INDIRECT came only from hints about saved registers in the interrupt
     * entry code; since then, only from calls on another stack that objtool sees.
     */
    private static boolean isUsed(OrcEntry entry) {
        return switch (entry.spRegister()) {
            case SP_OFFSET_INDIRECT -> entry.type() != OrcType.CALL;
            case SP_INDIRECT -> entry.type() == OrcType.CALL;
            case UNDEFINED, AX, DX, SP, BP, DI, R10, R13, PREV_SP, BP_INDIRECT -> true;
        };
    }

    private boolean readAlike(OrcFormat a, OrcFormat b) {
        for (int i = 0; i < entries.distinctCount(); i++) {
            long raw = entries.distinct(i);
            OrcEntry inA = a.decode(raw);
            if (inA == null || !inA.equals(b.decode(raw))) {
                return false;
            }
        }
        return true;
    }
}
