package org.backstitch.dump.kernel;

import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.OptionalLong;
import org.backstitch.bytes.MalformedInputException;
import org.backstitch.unwind.KernelStack;
import org.backstitch.unwind.KernelStacks;

/**
 * Where a kernel's stacks are: those of tasks, and each CPU's stacks for interrupts, exceptions and entries from user mode.
 *
 * <p>Sizes and places come from symbols and type information; see {@code arch/x86/include/asm/cpu_entry_area.h} and
 * {@code processor.h}.
 */
final class StackMap {
    private static final String GUARD_SUFFIX = "_guard";
    private static final String STACK_SUFFIX = "_stack";

    private final Kernel kernel;
    private final CpuMap cpus;
    private final long taskStackSize;

    StackMap(Kernel kernel, CpuMap cpus) {
        this.kernel = kernel;
        this.cpus = cpus;
        this.taskStackSize = taskStackSize(kernel);
    }

    /** Size of a task's stack in bytes ({@code THREAD_SIZE}). */
    long taskStackSize() {
        return taskStackSize;
    }

    /**
     * {@code THREAD_SIZE} as the linker script made the first task's stack, or by the type that unites stack and {@code thread_info}, or
     * by interrupt stacks, which are as large ({@code IRQ_STACK_ORDER} and {@code THREAD_SIZE_ORDER}).
     */
    private static long taskStackSize(Kernel kernel) {
        for (String name : List.of("init_stack", "init_task")) {
            OptionalLong start = kernel.symbols().address("__start_" + name);
            OptionalLong end = kernel.symbols().address("__end_" + name);
            if (start.isPresent() && end.isPresent() && isStackSize(end.getAsLong() - start.getAsLong())) {
                return end.getAsLong() - start.getAsLong();
            }
        }
        for (String name : List.of("thread_union", "irq_stack")) {
            Btf.Struct struct = kernel.types().struct(name);
            if (struct != null && isStackSize(struct.size())) {
                return struct.size();
            }
        }
        throw new MalformedInputException(kernel.source(), 0, "nothing says how large the kernel's stacks are");
    }

    private static boolean isStackSize(long size) {
        return Long.bitCount(size) == 1 && size >= PageTables.PAGE_SIZE && size <= 1 << 20;
    }

    /** The stacks that a task may be on: its own, and while it runs those of its CPU. */
    KernelStacks of(KernelTask task) {
        long end = task.stack() + taskStackSize;
        if (Long.compareUnsigned(end, task.stack()) < 0) {
            return KernelStacks.of(List.of());
        }
        CpuMap.Cpu cpu = task.running() ? cpus.cpu(task.cpu()) : null;
        return cpu == null
                ? KernelStacks.ofTask(task.stack(), end)
                : KernelStacks.of(stacksOf(cpu)).withTask(task.stack(), end);
    }

    /** The stacks of a CPU, in the order in which {@code get_stack_info} tries them. */
    List<KernelStack> stacksOf(CpuMap.Cpu cpu) {
        List<KernelStack> stacks = new ArrayList<>();
        OptionalLong exceptionStacks = cpus.pointer(cpu, "cea_exception_stacks", "cea_exception_stacks");
        if (exceptionStacks.isPresent() && exceptionStacks.getAsLong() != 0) {
            addEntryStack(stacks, exceptionStacks.getAsLong());
            addExceptionStacks(stacks, exceptionStacks.getAsLong());
        } else {
            addOldExceptionStacks(stacks, cpu);
        }
        OptionalLong interruptStack = cpus.pointer(cpu, "hardirq_stack_ptr", "hardirq_stack_ptr");
        if (interruptStack.isEmpty()) {
            interruptStack = cpus.pointer(cpu, "irq_stack_ptr", "hardirq_stack_ptr"); // its name before 5.2
        }
        interruptStack.ifPresent(pointer -> addInterruptStack(stacks, pointer));
        return stacks;
    }

    /**
     * Before 5.2: {@code orig_ist} has the ends of the exception stacks, which lie one behind the other in the CPU's entry area. There
     * are fewer stacks than places for them; the last places are 0.
     */
    private void addOldExceptionStacks(List<KernelStack> stacks, CpuMap.Cpu cpu) {
        OptionalLong table = cpus.address(cpu, "orig_ist");
        Btf.Struct type = kernel.types().struct("orig_ist");
        Btf.Member ends = type == null ? null : type.member("ist");
        Btf.Struct area = kernel.types().struct("cpu_entry_area");
        Btf.Member all = area == null ? null : area.member("exception_stacks");
        Btf.Member entry = area == null ? null : area.member("entry_stack_page.stack");
        if (table.isEmpty() || ends == null || all == null || !kernel.isReadable(table.getAsLong(), ends)) {
            return;
        }
        List<Long> known = new ArrayList<>();
        for (long at = 0; at < ends.size() && known.size() < KernelStacks.MAX_COUNT - 3; at += Long.BYTES) {
            long end = kernel.memory().readLong(table.getAsLong() + ends.offset() + at);
            if (end == 0) {
                break;
            }
            known.add(end);
        }
        if (known.isEmpty()) {
            return;
        }
        long start = known.getLast() - all.size();
        if (entry != null) {
            add(stacks, "entry", start - all.offset() + entry.offset(), entry.size());
        }
        for (int i = 0; i < known.size(); i++) {
            add(stacks, "ist" + (i + 1), start, known.get(i) - start);
            start = known.get(i);
        }
    }

    /** The CPU's entry area holds the exception stacks and, in front of them, the stack for entries from user mode. */
    private void addEntryStack(List<KernelStack> stacks, long exceptionStacks) {
        Btf.Struct area = kernel.types().struct("cpu_entry_area");
        Btf.Member exceptions = area == null ? null : area.member("estacks");
        Btf.Member entry = area == null ? null : area.member("entry_stack_page.stack");
        if (exceptions != null && entry != null) {
            add(stacks, "entry", exceptionStacks - exceptions.offset() + entry.offset(), entry.size());
        }
    }

    /** One stack for each exception that has its own, with a guard page below each: {@code NMI_stack_guard}, {@code NMI_stack}… */
    private void addExceptionStacks(List<KernelStack> stacks, long address) {
        Btf.Struct layout = kernel.types().struct("cea_exception_stacks");
        if (layout == null) {
            return;
        }
        for (String name : layout.memberNames()) {
            Btf.Member member = name.isEmpty() || name.endsWith(GUARD_SUFFIX) ? null : layout.member(name);
            if (member != null && name.endsWith(STACK_SUFFIX) && stacks.size() < KernelStacks.MAX_COUNT - 2) {
                String label = name.substring(0, name.length() - STACK_SUFFIX.length());
                add(stacks, label.toLowerCase(Locale.ROOT), address + member.offset(), member.size());
            }
        }
    }

    /**
     * The stack for interrupts, softirqs included. The pointer is to its topmost word, or (before 5.12) to its end; the end is aligned.
     */
    private void addInterruptStack(List<KernelStack> stacks, long pointer) {
        Btf.Struct struct = kernel.types().struct("irq_stack");
        long size = struct == null ? taskStackSize : struct.size();
        long end = (pointer + 15) & -16;
        if (pointer != 0) {
            add(stacks, "irq", end - size, size);
        }
    }

    private static void add(List<KernelStack> stacks, String name, long start, long size) {
        if (size > 0 && Long.compareUnsigned(start, start + size) < 0) {
            stacks.add(new KernelStack(name, start, start + size));
        }
    }
}
