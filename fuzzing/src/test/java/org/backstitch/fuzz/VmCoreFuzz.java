package org.backstitch.fuzz;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.code_intelligence.jazzer.junit.FuzzTest;
import org.backstitch.bytes.Bytes;
import org.backstitch.bytes.MalformedInputException;
import org.backstitch.dump.kernel.KernelMemory;
import org.backstitch.dump.kernel.VmCore;
import org.backstitch.dump.kernel.VmCoreInfo;
import org.backstitch.unwind.machine.Memory;

/** Kernel dumps as files: ELF cores, kdump-compressed ones, flattened ones; their notes, their pages through their page tables. */
class VmCoreFuzz {
    private static final long[] ADDRESSES = {
        0xffff_ffff_8000_0000L,
        0xffff_ffff_8100_0ff9L,
        0xffff_ffff_8200_0000L,
        0xffff_8880_0000_0000L,
        0xffff_8880_0000_1ffcL,
        0xffff_c900_0000_0000L,
        0xffff_ffff_ffff_fffcL,
        0,
        0x7fff_ffff_fffcL,
    };

    @FuzzTest
    void vmCore(byte[] data) {
        run(data);
    }

    static void run(byte[] data) {
        assertEquals(read(data), read(data), "what is read twice is equal");
    }

    private static String read(byte[] data) {
        StringBuilder seen = new StringBuilder();
        try {
            VmCore core = VmCore.of(Bytes.of(data, "input"));
            VmCoreInfo info = core.info();
            if (info != null) {
                seen.append(info.release()).append(info.buildId()).append(info.kernelOffset());
                seen.append(info.number("phys_base")).append(info.symbol("swapper_pg_dir"));
            }
            KernelMemory memory = core.memory();
            for (long address : ADDRESSES) {
                if (memory.isReadable(address, 8)) {
                    seen.append(Long.toHexString(memory.readLong(address)));
                    seen.append(memory.readString(address, 100));
                } else {
                    Memory.Absence absence = memory.absence(address);
                    seen.append(absence);
                }
                Bytes piece = memory.bytes(address, 10_000, "piece");
                seen.append(piece == null ? "none" : piece.size());
            }
            assertTrue(core.missingBytes() >= 0, "missing bytes");
            seen.append(core.missingBytes()).append(memory.brokenPages());
        } catch (MalformedInputException e) {
            assertTrue(e.reason().length() > 5);
            seen.append(e.getMessage());
        }
        return seen.toString();
    }
}
