package org.backstitch.unwind;

import java.util.List;

/**
 * The stacks that a task may be on: its own, and, if it is on a CPU, that CPU's for interrupts, exceptions (one each for DF, NMI, DB,
 * MCE, VC) and entries from user mode. Anything else is not a stack, whatever a register says ({@code get_stack_info}).
 *
 * <p>Immutable.
 */
public final class KernelStacks {
    /** How many stacks a walk can tell apart. */
    public static final int MAX_COUNT = Long.SIZE;

    private final KernelStack[] stacks;

    private KernelStacks(List<KernelStack> stacks) {
        if (stacks.size() > MAX_COUNT) {
            throw new IllegalArgumentException(stacks.size() + " stacks, more than " + MAX_COUNT);
        }
        this.stacks = stacks.toArray(KernelStack[]::new);
    }

    /** The stacks of a CPU, without a task's. */
    public static KernelStacks of(List<KernelStack> stacks) {
        return new KernelStacks(stacks);
    }

    /** The stack of a task that sleeps, the only one it can be on. */
    public static KernelStacks ofTask(long start, long end) {
        return new KernelStacks(List.of(new KernelStack("task", start, end)));
    }

    /** These stacks and, before them, that of the task that is on their CPU. */
    public KernelStacks withTask(long start, long end) {
        KernelStack[] all = new KernelStack[stacks.length + 1];
        all[0] = new KernelStack("task", start, end);
        System.arraycopy(stacks, 0, all, 1, stacks.length);
        return new KernelStacks(List.of(all));
    }

    /** The number of stacks. */
    public int size() {
        return stacks.length;
    }

    /** A stack by its number, 0 to {@link #size} - 1. */
    public KernelStack get(int number) {
        return stacks[number];
    }

    /** The number of the first stack that {@code length} bytes at {@code address} lie on, or -1. */
    int find(long address, long length) {
        for (int number = 0; number < stacks.length; number++) {
            if (stacks[number].contains(address, length)) {
                return number;
            }
        }
        return -1;
    }

    @Override
    public String toString() {
        return List.of(stacks).toString();
    }
}
