package org.backstitch.dump.kernel;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTimeoutPreemptively;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.time.Duration;
import java.util.List;
import java.util.Random;
import org.backstitch.bytes.Bytes;
import org.backstitch.bytes.MalformedInputException;
import org.backstitch.elf.ElfConstants;
import org.backstitch.elf.ElfFile;
import org.backstitch.elf.ElfSegment;
import org.backstitch.fixtures.Fixtures;
import org.backstitch.unwind.KernelCallchain;
import org.backstitch.unwind.StopReason;
import org.junit.jupiter.api.Test;

/** Dumps that lie: lists without end, stacks that point into themselves, tables of anything. Each ends, with a reason. */
class HostileDumpTest {
    private static final ElfFile VMLINUX = Dumps.vmlinux("6.1");
    private static final String DUMP = "v61-irq.core";

    /** A dump that can be changed by the kernel's virtual addresses. */
    private static final class Tampered {
        private final byte[] file = Fixtures.bytes("dump/" + DUMP + ".xz");
        private final ByteBuffer buffer = ByteBuffer.wrap(file).order(ByteOrder.LITTLE_ENDIAN);
        private final List<ElfSegment> segments =
                ElfFile.of(Bytes.of(file, DUMP)).segments();
        private final PageTables tables;

        Tampered() {
            VmCoreInfo info = VmCore.of(Bytes.of(file, DUMP)).info();
            Long root = info == null ? null : info.symbol("init_top_pgt");
            if (info == null || root == null) {
                throw new AssertionError("no VMCOREINFO");
            }
            Long base = info.number("phys_base");
            tables = new PageTables(
                    paddr -> {
                        long offset = fileOffset(paddr & -4096);
                        return offset < 0
                                ? null
                                : new org.backstitch.dump.Extent(
                                        paddr & -4096, Bytes.of(file, DUMP).slice(offset, 4096));
                    },
                    root - VmCore.KERNEL_MAP + (base == null ? 0 : base),
                    5,
                    0);
        }

        private long fileOffset(long paddr) {
            for (ElfSegment segment : segments) {
                if (segment.type() == ElfConstants.PT_LOAD
                        && paddr - segment.paddr() >= 0
                        && paddr - segment.paddr() < segment.fileSize()) {
                    return segment.fileOffset() + paddr - segment.paddr();
                }
            }
            return -1;
        }

        Tampered put(long address, long value) {
            if (!(tables.translate(address) instanceof PageTables.Page page)) {
                throw new AssertionError("not mapped: " + Long.toHexString(address));
            }
            buffer.putLong((int) fileOffset(page.paddr() + address - page.address()), value);
            return this;
        }

        KernelDump read() {
            return KernelDump.read(VmCore.of(Bytes.of(file, "tampered")), VMLINUX);
        }
    }

    private static final KernelDump GOOD = KernelDump.read(Dumps.core(DUMP), VMLINUX);

    private static long offset(String struct, String member) {
        Btf types = new Btf(VMLINUX.section(".BTF").orElseThrow().data());
        Btf.Struct found = types.struct(struct);
        Btf.Member place = found == null ? null : found.member(member);
        if (place == null) {
            throw new AssertionError(struct + "." + member);
        }
        return place.offset();
    }

    private static KernelTask task(KernelDump dump, int pid) {
        return dump.tasks().stream()
                .filter(task -> task.pid() == pid)
                .findFirst()
                .orElseThrow();
    }

    private static long symbol(String name) {
        return new VmlinuxSymbols(VMLINUX.symbols().orElseThrow(), GOOD.kernelOffset())
                .address(name)
                .orElseThrow();
    }

    @Test
    void aTaskListThatLeadsBackIntoItselfEnds() {
        long tasks = offset("task_struct", "tasks");
        long second = GOOD.tasks().get(3).address();
        KernelDump dump = assertTimeoutPreemptively(
                Duration.ofSeconds(20),
                () -> new Tampered()
                        .put(GOOD.tasks().get(10).address() + tasks, second + tasks)
                        .read());
        assertEquals(11, dump.tasks().size());
    }

    @Test
    void aThreadListThatLeadsBackIntoItselfEnds() {
        long node = offset("task_struct", "thread_node");
        long task = task(GOOD, 1).address();
        KernelDump dump = new Tampered()
                .put(task + node, task + node)
                .put(task + node + 8, task + node)
                .read();
        assertEquals(GOOD.tasks().size(), dump.tasks().size());
    }

    @Test
    void listsThatLeadNowhereAreCounted() {
        long head = symbol("init_task") + offset("task_struct", "tasks");
        KernelDump dump = new Tampered()
                .put(head, 0xdead_0000_0000_0100L)
                .put(head + 8, 0xdead_0000_0000_0122L)
                .put(symbol("modules"), 0x1234)
                .put(symbol("modules") + 8, 0x1234)
                .read();
        assertEquals(2, dump.tasks().size(), "the idle tasks");
        assertEquals(0, dump.modules().size());
        assertEquals(3, dump.unreadable(), "both ends of the tasks, one module");
    }

    /** A page is missing in the middle: all that can be reached from either end is there. */
    @Test
    void listsAreReadFromBothEnds() {
        long tasks = offset("task_struct", "tasks");
        long list = offset("module", "list");
        KernelDump dump = new Tampered()
                .put(GOOD.tasks().get(10).address() + tasks, 0xdead_0000_0000_0100L)
                .put(GOOD.modules().getFirst().address() + list, 0xdead_0000_0000_0100L)
                .read();
        assertEquals(GOOD.tasks().size(), dump.tasks().size());
        assertEquals(
                GOOD.modules().stream().map(KernelModule::name).sorted().toList(),
                dump.modules().stream().map(KernelModule::name).sorted().toList());
        assertEquals(GOOD.unreadable() + 2, dump.unreadable());
    }

    /** What a running task left on its stack when it last slept is no stack: without its CPU's registers there is none. */
    @Test
    void aRunningTaskWithoutRegistersHasNoFrames() {
        byte[] file = Fixtures.bytes("dump/" + DUMP + ".xz");
        ByteBuffer buffer = ByteBuffer.wrap(file).order(ByteOrder.LITTLE_ENDIAN);
        int hidden = 0;
        for (int at = 0; at + 20 < file.length; at += 4) {
            // An NT_PRSTATUS note: sizes of name and content, type, "CORE".
            if (buffer.getInt(at) == 5
                    && buffer.getInt(at + 4) == 336
                    && buffer.getInt(at + 8) == 1
                    && buffer.getInt(at + 12) == 0x4552_4f43) {
                buffer.putInt(at + 8, 99);
                hidden++;
            }
        }
        assertEquals(2, hidden);
        KernelDump dump = KernelDump.read(VmCore.of(Bytes.of(file, "tampered")), VMLINUX);
        KernelCallchain chain = new KernelCallchain();
        int running = 0;
        for (KernelTask task : dump.tasks()) {
            StopReason stop = dump.walker().walk(task, chain);
            if (task.running()) {
                running++;
                assertEquals(StopReason.MISSING_REGISTER, stop, task.toString());
                assertEquals(0, chain.size());
            } else {
                assertTrue(chain.size() > 0, task.toString());
            }
        }
        assertEquals(2, running);
    }

    /** Nor where the dump does not hold which task a CPU runs: then the tasks themselves say that they run. */
    @Test
    void aRunningTaskIsKnownByItself() {
        Tampered tampered = new Tampered();
        for (int cpu = 0; cpu < 2; cpu++) {
            tampered.put(symbol("__per_cpu_offset") + 8L * cpu, 0x0000_dead_0000_0000L);
        }
        List<Integer> running = tampered.read().tasks().stream()
                .filter(KernelTask::running)
                .map(KernelTask::pid)
                .sorted()
                .toList();
        assertEquals(
                GOOD.tasks().stream()
                        .filter(KernelTask::running)
                        .map(KernelTask::pid)
                        .sorted()
                        .toList(),
                running);
    }

    @Test
    void aModuleListThatLeadsBackIntoItselfEnds() {
        long first = GOOD.modules().getFirst().address() + offset("module", "list");
        KernelDump dump = new Tampered().put(first, first).read();
        assertEquals(1, dump.modules().size());
    }

    /** The count of a module's ORC entries is whatever the dump says; it is believed only as far as the entries are there. */
    @Test
    void aTableThatClaimsToBeHugeIsNotRead() {
        KernelModule ext4 = GOOD.modules().stream()
                .filter(module -> module.name().equals("ext4"))
                .findFirst()
                .orElseThrow();
        KernelDump dump = new Tampered()
                .put(ext4.address() + offset("module", "arch.num_orcs"), 0xffff_ffffL)
                .read();
        KernelModule tampered = dump.modules().stream()
                .filter(module -> module.name().equals("ext4"))
                .findFirst()
                .orElseThrow();
        assertEquals(null, tampered.orc());
        assertEquals(GOOD.unreadable() + 1, dump.unreadable());
    }

    /** Every word of the stack points to the stack, and every return address to the same function. */
    @Test
    void aStackThatPointsIntoItselfEnds() {
        KernelTask task = task(GOOD, 1);
        Tampered tampered = new Tampered();
        for (long at = task.savedStackPointer(); at < task.stack() + 0x4000; at += 8) {
            tampered.put(at, (at & 8) == 0 ? task.savedStackPointer() : task.resumeAddress());
        }
        KernelDump dump = tampered.read();
        KernelCallchain chain = new KernelCallchain();
        StopReason stop = assertTimeoutPreemptively(
                Duration.ofSeconds(20), () -> dump.walker().walk(task(dump, 1), chain));
        assertTrue(stop != StopReason.NONE && stop != StopReason.USER_REGISTERS, stop.toString());
        assertTrue(chain.size() <= 0x4000 / 8);
    }

    @Test
    void aSavedStackPointerThatLeadsNowhereIsBadMemory() {
        KernelTask task = task(GOOD, 1);
        KernelDump dump = new Tampered()
                .put(task.address() + offset("task_struct", "thread.sp"), 0x10)
                .read();
        KernelCallchain chain = new KernelCallchain();
        assertEquals(StopReason.BAD_MEMORY, dump.walker().walk(task(dump, 1), chain));
        assertEquals(0, chain.size());
    }

    /** Bytes changed anywhere: headers, page tables, tasks, stacks. The reader refuses, or it reads and walks to an end. */
    @Test
    void randomDamageIsSurvived() {
        byte[] good = Fixtures.bytes("dump/" + DUMP + ".xz");
        Random random = new Random(5);
        assertTimeoutPreemptively(Duration.ofMinutes(2), () -> {
            int read = 0;
            for (int round = 0; round < 40; round++) {
                byte[] damaged = good.clone();
                int changes = 1 << random.nextInt(12);
                for (int i = 0; i < changes; i++) {
                    int at = random.nextInt(round % 4 == 0 ? 40000 : damaged.length);
                    damaged[at] = (byte) random.nextInt();
                }
                try {
                    KernelDump dump = KernelDump.read(VmCore.of(Bytes.of(damaged, "damaged")), VMLINUX);
                    KernelDump.Walker walker = dump.walker();
                    KernelCallchain chain = new KernelCallchain();
                    for (KernelTask task : dump.tasks()) {
                        walker.walk(task, chain);
                        assertTrue(chain.size() < 100_000);
                    }
                    read++;
                } catch (MalformedInputException e) {
                    assertTrue(e.reason().length() > 5);
                }
            }
            assertTrue(read > 10, "dumps that could be read: " + read);
        });
    }
}
