package org.backstitch.dump.kernel;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertNotNull;

import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.util.List;
import java.util.Map;
import java.util.OptionalLong;
import org.backstitch.bytes.Bytes;
import org.backstitch.dump.ExtentMap;
import org.backstitch.unwind.KernelStack;
import org.junit.jupiter.api.Test;

/**
 * A CPU's stacks in kernels before 5.2, of which no dump is at hand: laid out by hand as {@code arch/x86/kernel/cpu/common.c} and
 * {@code arch/x86/include/asm/cpu_entry_area.h} of 4.19 do.
 */
class StackMapTest {
    private static final long IMAGE = 0xffff_ffff_8200_0000L;
    private static final long PER_CPU = 0xffff_8880_3fc0_0000L;
    private static final long ENTRY_AREA = 0xffff_fe00_0000_0000L;
    private static final Map<String, Long> SYMBOLS =
            Map.of("__per_cpu_offset", IMAGE, "current_task", 0x100L, "orig_ist", 0x200L, "irq_stack_ptr", 0x300L);

    private static Btf types() {
        BtfWriter btf = new BtfWriter();
        int word = btf.integer("unsigned long", 8);
        int bytes = btf.integer("char", 1);
        struct(btf, "orig_ist", 56, "ist", btf.array(word, 7), 0);
        int entryStack = struct(btf, "entry_stack", 512, "words", btf.array(word, 64), 0);
        int entryPage = struct(btf, "entry_stack_page", 4096, "stack", entryStack, 0);
        // gdt, the page with the entry stack, the TSS (3 pages), entry_trampoline, then the exception stacks.
        struct(
                btf,
                "cpu_entry_area",
                0xb000,
                "entry_stack_page",
                entryPage,
                0x1000,
                "exception_stacks",
                btf.array(bytes, 0x5000),
                0x6000);
        struct(btf, "thread_union", 0x4000, "stack", btf.array(word, 2048), 0);
        struct(btf, "task_struct", 0x1000, "pid", btf.integer("int", 4), 0);
        return new Btf(btf.section("types"));
    }

    private static int struct(BtfWriter btf, String name, long size, Object... members) {
        BtfWriter.Members written = new BtfWriter.Members();
        for (int i = 0; i < members.length; i += 3) {
            written.add(btf.string((String) members[i]), (int) members[i + 1], 8 * (int) members[i + 2]);
        }
        int id = btf.reserve();
        btf.record(id, false, name, size, false, written);
        return id;
    }

    @Test
    void stacksBefore52() {
        ByteBuffer perCpu = ByteBuffer.allocate(0x1000).order(ByteOrder.LITTLE_ENDIAN);
        perCpu.putLong(0x300, 0xffff_8880_3fc0_8000L);
        // Double fault, NMI, debug (two pages), machine check: their ends.
        long[] sizes = {0x1000, 0x1000, 0x2000, 0x1000};
        long end = ENTRY_AREA + 0x6000;
        for (int i = 0; i < sizes.length; i++) {
            end += sizes[i];
            perCpu.putLong(0x200 + 8 * i, end);
        }
        ByteBuffer image = ByteBuffer.allocate(0x1000).order(ByteOrder.LITTLE_ENDIAN);
        image.putLong(0, PER_CPU);
        ExtentMap.Builder memory = new ExtentMap.Builder();
        memory.addBehind(PER_CPU, Bytes.of(perCpu.array(), "per-CPU memory"));
        memory.addBehind(IMAGE, Bytes.of(image.array(), "image"));
        Kernel kernel = new Kernel(
                new KernelMemory(paddr -> null, null, memory.build()),
                types(),
                name -> {
                    Long address = SYMBOLS.get(name);
                    return address == null ? OptionalLong.empty() : OptionalLong.of(address);
                },
                "dump");
        CpuMap cpus = CpuMap.read(kernel, List.of());
        CpuMap.Cpu cpu = cpus.cpu(0);
        assertNotNull(cpu);
        assertEquals(
                List.of(
                        new KernelStack("entry", ENTRY_AREA + 0x1000, ENTRY_AREA + 0x1200),
                        new KernelStack("ist1", ENTRY_AREA + 0x6000, ENTRY_AREA + 0x7000),
                        new KernelStack("ist2", ENTRY_AREA + 0x7000, ENTRY_AREA + 0x8000),
                        new KernelStack("ist3", ENTRY_AREA + 0x8000, ENTRY_AREA + 0xa000),
                        new KernelStack("ist4", ENTRY_AREA + 0xa000, ENTRY_AREA + 0xb000),
                        new KernelStack("irq", 0xffff_8880_3fc0_4000L, 0xffff_8880_3fc0_8000L)),
                new StackMap(kernel, cpus).stacksOf(cpu));
    }
}
