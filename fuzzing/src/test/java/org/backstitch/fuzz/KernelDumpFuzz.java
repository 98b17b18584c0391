package org.backstitch.fuzz;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.code_intelligence.jazzer.junit.FuzzTest;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.util.List;
import org.backstitch.bytes.Bytes;
import org.backstitch.bytes.MalformedInputException;
import org.backstitch.dump.kernel.KernelDump;
import org.backstitch.dump.kernel.KernelTask;
import org.backstitch.dump.kernel.VmCore;
import org.backstitch.elf.ElfFile;
import org.backstitch.fixtures.Fixtures;
import org.backstitch.symbols.Kallsyms;
import org.backstitch.unwind.KernelCallchain;
import org.backstitch.unwind.StopReason;

/**
 * A real dump with changes: the input is a list of them, each a word and where it goes (another word of the dump, so that what is
 * written may well be a pointer that means something). Tasks, modules, CPUs, symbols and walks are read from what comes of it.
 */
class KernelDumpFuzz {
    private static final ElfFile VMLINUX = ElfFile.of(Bytes.of(Fixtures.bytes("dump/vmlinux-6.1.xz"), "vmlinux"));
    private static final byte[] GOOD = Fixtures.bytes("dump/v61-irq.core.xz");
    private static final int CHANGE = 8;

    @FuzzTest
    void kernelDump(byte[] data) {
        run(data);
    }

    static void run(byte[] data) {
        byte[] dump = GOOD.clone();
        ByteBuffer words = ByteBuffer.wrap(dump).order(ByteOrder.LITTLE_ENDIAN);
        ByteBuffer changes = ByteBuffer.wrap(data).order(ByteOrder.LITTLE_ENDIAN);
        while (changes.remaining() >= CHANGE) {
            int target = (int) (Integer.toUnsignedLong(changes.getInt()) % (dump.length / 8)) * 8;
            int value = changes.getInt();
            // An even number is a word of the dump to be copied, an odd one a small number.
            long word = (value & 1) == 0
                    ? ByteBuffer.wrap(GOOD)
                            .order(ByteOrder.LITTLE_ENDIAN)
                            .getLong((int) (Integer.toUnsignedLong(value >>> 1) % (dump.length / 8)) * 8)
                    : value >> 1;
            words.putLong(target, word);
        }
        assertEquals(read(dump), read(dump), "what is read twice is equal");
    }

    private static String read(byte[] bytes) {
        StringBuilder seen = new StringBuilder();
        try {
            KernelDump dump = KernelDump.read(VmCore.of(Bytes.of(bytes, "input")), VMLINUX);
            KernelDump.Walker walker = dump.walker();
            KernelCallchain chain = new KernelCallchain();
            List<KernelTask> tasks = dump.tasks();
            assertTrue(tasks.size() <= bytes.length / 64, "more tasks than fit the dump");
            for (KernelTask task : tasks) {
                StopReason stop = walker.walk(task, chain);
                assertTrue(stop != StopReason.NONE, "a reason");
                assertTrue(chain.size() < 100_000, "a chain longer than all stacks");
                seen.append(task.pid()).append(task.comm()).append(chain.size()).append(stop);
            }
            seen.append(dump.modules().size()).append(dump.unreadable());
            Kallsyms symbols = dump.kallsyms();
            seen.append(symbols == null ? -1 : symbols.count());
        } catch (MalformedInputException e) {
            assertTrue(e.reason().length() > 5);
            seen.append(e.getMessage());
        }
        return seen.toString();
    }
}
