package org.backstitch.unwind.deferred.simulation;

import java.util.HashMap;
import java.util.Map;
import org.backstitch.unwind.machine.Memory;

/** The memory of the simulated kernel: one stack for each task, and one for non-maskable interrupts for each CPU. */
final class KernelStackMemory implements Memory {
    static final int STACK_SIZE = 4096;

    private static final long TASKS = 0xffff_c900_0000_0000L;
    private static final long CPUS = 0xffff_fe00_0000_0000L;
    private static final long SPACING = 0x1_0000;

    private final Map<Long, long[]> stacks = new HashMap<>();

    /** The address behind the stack of a task. */
    static long topOfTask(int tid) {
        return TASKS + SPACING * tid + STACK_SIZE;
    }

    /** The address behind the stack for non-maskable interrupts of a CPU. */
    static long topOfCpu(int cpu) {
        return CPUS + SPACING * cpu + STACK_SIZE;
    }

    void write(long address, long value) {
        stacks.computeIfAbsent(address & -SPACING, base -> new long[STACK_SIZE / Long.BYTES])[index(address)] = value;
    }

    private static int index(long address) {
        long offset = address & (SPACING - 1);
        if (offset > STACK_SIZE - Long.BYTES || offset % Long.BYTES != 0) {
            throw new IllegalStateException("the simulated kernel left its stack: 0x" + Long.toHexString(address));
        }
        return (int) offset / Long.BYTES;
    }

    @Override
    public boolean isReadable(long address, int length) {
        long offset = address & (SPACING - 1);
        return offset <= STACK_SIZE - length && offset % Long.BYTES == 0 && stacks.containsKey(address & -SPACING);
    }

    @Override
    public long readLong(long address) {
        long[] stack = stacks.get(address & -SPACING);
        if (stack == null) {
            throw new IllegalArgumentException("0x" + Long.toHexString(address) + " is no stack");
        }
        return stack[index(address)];
    }

    @Override
    public Absence absence(long address) {
        return Absence.NOT_MAPPED;
    }
}
