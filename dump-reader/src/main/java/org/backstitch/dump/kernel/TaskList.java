package org.backstitch.dump.kernel;

import java.util.ArrayList;
import java.util.HashSet;
import java.util.List;
import java.util.OptionalLong;
import java.util.Set;
import org.jspecify.annotations.Nullable;

/**
 * Walks a kernel's lists of tasks: the idle tasks from the CPUs' run queues, the thread group leaders behind {@code init_task.tasks}, and
 * each leader's threads.
 *
 * <p>Every task is visited once, whatever the lists say: a list that leads back into itself ends there.
 */
final class TaskList {
    private static final int MAX_COMM = 64;

    private final Kernel kernel;
    private final CpuMap cpus;
    private final List<KernelTask> tasks = new ArrayList<>();
    private final Set<Long> seen = new HashSet<>();
    private long unreadable;

    private final Btf.Member pid;
    private final Btf.Member tgid;
    private final Btf.Member comm;
    private final Btf.Member stack;
    private final Btf.Member stackPointer;
    private final Btf.Member signal;
    private final long tasksOffset;
    private final long threadOffset;
    private final long headOffset;
    private final InactiveFrame inactiveFrame;
    /** Where the CPU's number is kept: in the {@code thread_info} inside of the task, or in the task itself. */
    private final Btf.@Nullable Member cpu;
    /** Set while the task is on a CPU, and during a switch on both tasks; kernels for one CPU lack it. */
    private final Btf.@Nullable Member onCpu;

    private TaskList(Kernel kernel, CpuMap cpus, InactiveFrame inactiveFrame) {
        this.kernel = kernel;
        this.inactiveFrame = inactiveFrame;
        this.cpus = cpus;
        Btf.Struct task = kernel.struct("task_struct");
        pid = kernel.member(task, "task_struct", "pid");
        tgid = kernel.member(task, "task_struct", "tgid");
        comm = kernel.member(task, "task_struct", "comm");
        stack = kernel.member(task, "task_struct", "stack");
        stackPointer = kernel.member(task, "task_struct", "thread.sp");
        signal = kernel.member(task, "task_struct", "signal");
        tasksOffset = kernel.member(task, "task_struct", "tasks").offset();
        threadOffset = kernel.member(task, "task_struct", "thread_node").offset();
        headOffset = kernel.offset("signal_struct", "thread_head");
        Btf.Member inThreadInfo = task.member("thread_info.cpu");
        cpu = inThreadInfo != null ? inThreadInfo : task.member("cpu");
        onCpu = task.member("on_cpu");
    }

    /** What a walk found. */
    record Result(List<KernelTask> tasks, long unreadable) {}

    /** The idle tasks by CPU, then all others in the order of the kernel's lists. */
    static Result read(Kernel kernel, CpuMap cpus, InactiveFrame inactiveFrame) {
        TaskList list = new TaskList(kernel, cpus, inactiveFrame);
        list.readIdle();
        list.readGroups();
        return new Result(List.copyOf(list.tasks), list.unreadable);
    }

    private void readIdle() {
        long idleOffset = kernel.offset("rq", "idle");
        for (CpuMap.Cpu each : cpus.cpus()) {
            OptionalLong queue = cpus.address(each, "runqueues");
            if (queue.isEmpty()) {
                return;
            }
            long slot = queue.getAsLong() + idleOffset;
            long idle = kernel.isReadable(slot, Long.BYTES) ? kernel.memory().readLong(slot) : 0;
            if (idle != 0) {
                add(idle, each.number());
            }
        }
    }

    private void readGroups() {
        long head = kernel.symbol("init_task") + tasksOffset;
        if (!kernel.isReadable(head, 2 * Long.BYTES)) {
            unreadable++;
            return;
        }
        Set<Long> leaders = new HashSet<>();
        if (!readGroups(head, 0, leaders)) {
            // What lies behind a page that was left out of the dump is reached from the other end.
            readGroups(head, Long.BYTES, leaders);
        }
    }

    /**
     * Reads the groups in one direction of the list.
     *
     * @param link 0 for {@code next}, 8 for {@code prev}
     * @param leaders the nodes that have been visited
     * @return whether the list's head was reached
     */
    private boolean readGroups(long head, int link, Set<Long> leaders) {
        long node = kernel.memory().readLong(head + link);
        while (node != head && leaders.add(node)) {
            long leader = node - tasksOffset;
            if (!kernel.isReadable(node + link, Long.BYTES)) {
                unreadable++;
                return false;
            }
            add(leader, -1);
            readThreads(leader);
            node = kernel.memory().readLong(node + link);
        }
        return true;
    }

    /**
     * The other threads of a group. Their list hangs on the group's {@code signal_struct}; the leader is on it, usually in front, but not
     * after an exec in another thread. So it is followed in both directions from the leader to the list's head, which itself need not
     * be in the dump: its address is known.
     */
    private void readThreads(long leader) {
        if (!kernel.isReadable(leader, signal)) {
            unreadable++;
            return;
        }
        long head = kernel.read(leader, signal) + headOffset;
        if (follow(leader, head, 0)) {
            follow(leader, head, Long.BYTES);
        }
    }

    /**
     * Follows one direction of a thread list.
     *
     * @param link 0 for {@code next}, 8 for {@code prev}
     * @return whether the head was reached
     */
    private boolean follow(long leader, long head, int link) {
        Set<Long> nodes = new HashSet<>();
        long node = leader + threadOffset;
        while (nodes.add(node)) {
            if (!kernel.isReadable(node + link, Long.BYTES)) {
                unreadable++;
                return false;
            }
            node = kernel.memory().readLong(node + link);
            if (node == head) {
                return true;
            }
            add(node - threadOffset, -1);
        }
        return false;
    }

    private void add(long task, int knownCpu) {
        if (seen.contains(task)) {
            return;
        }
        if (!kernel.isReadable(task, pid)
                || !kernel.isReadable(task, tgid)
                || !kernel.isReadable(task, stack)
                || !kernel.isReadable(task, stackPointer)) {
            unreadable++;
            return;
        }
        seen.add(task);
        long stackAddress = kernel.read(task, stack);
        if (stackAddress == 0) {
            return; // a task that has exited and is waited for
        }
        CpuMap.Cpu running = cpus.running(task);
        long frame = kernel.read(task, stackPointer);
        long resume = inactiveFrame.returnAddress(kernel.memory(), frame);
        tasks.add(new KernelTask(
                task,
                (int) kernel.read(task, pid),
                (int) kernel.read(task, tgid),
                kernel.memory().readString(task + comm.offset(), (int) Math.min(comm.size(), MAX_COMM)),
                running != null ? running.number() : knownCpu >= 0 ? knownCpu : lastCpu(task),
                stackAddress,
                frame,
                resume,
                inactiveFrame.isFirst(resume),
                running != null || isOnUnknownCpu(task)));
    }

    /** Whether the task says that it runs, on a CPU of which the dump does not hold the current task. */
    private boolean isOnUnknownCpu(long task) {
        Btf.Member member = onCpu;
        if (member == null || !kernel.isReadable(task, member) || kernel.read(task, member) == 0) {
            return false;
        }
        CpuMap.Cpu last = cpus.cpu(lastCpu(task));
        return last == null || last.currentTask() == 0;
    }

    private int lastCpu(long task) {
        Btf.Member member = cpu;
        return member != null && kernel.isReadable(task, member) ? (int) kernel.read(task, member) : -1;
    }
}
