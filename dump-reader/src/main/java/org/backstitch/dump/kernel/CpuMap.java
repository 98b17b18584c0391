package org.backstitch.dump.kernel;

import java.util.ArrayList;
import java.util.List;
import java.util.OptionalLong;
import org.backstitch.dump.PrStatus;
import org.jspecify.annotations.Nullable;

/** The CPUs of a crashed kernel: their numbers, their per-CPU memory, and which registers in the dump's notes are whose. */
final class CpuMap {
    /** {@code NR_CPUS} is at most this (MAXSMP). */
    private static final int MAX_CPUS = 8192;

    /**
     * A CPU.
     *
     * @param number Linux's number of it
     * @param perCpuOffset what is added to the address of a per-CPU variable
     * @param currentTask address of the task that runs on it; 0 if that is not known
     * @param state its registers; null if the dump's notes do not have them
     */
    record Cpu(
            int number,
            long perCpuOffset,
            long currentTask,
            @Nullable CpuState state) {}

    private final Kernel kernel;
    private final List<Cpu> cpus;

    private CpuMap(Kernel kernel, List<Cpu> cpus) {
        this.kernel = kernel;
        this.cpus = cpus;
    }

    /**
     * Finds the CPUs: those that are possible, else those that are online, else as many as there can be, by what the dump holds.
     *
     * @param states the registers of the dump's notes, in their order
     */
    static CpuMap read(Kernel kernel, List<CpuState> states) {
        long offsets = kernel.symbol("__per_cpu_offset");
        boolean masks = hasMask(kernel);
        // Without a mask to go by, there are as many CPUs as have left their registers.
        int limit = masks ? cpuLimit(kernel) : Math.max(1, states.size());
        CpuMap map = new CpuMap(kernel, new ArrayList<>());
        List<Integer> online = new ArrayList<>();
        for (int number = 0; number < limit; number++) {
            long slot = offsets + 8L * number;
            boolean isOnline = !masks || isIn(kernel, "__cpu_online_mask", number);
            if (!isOnline && !isIn(kernel, "__cpu_possible_mask", number) || !kernel.isReadable(slot, Long.BYTES)) {
                continue;
            }
            if (isOnline) {
                online.add(map.cpus.size());
            }
            map.cpus.add(new Cpu(number, kernel.memory().readLong(slot), 0, null));
        }
        map.findCurrentTasks(online);
        map.assign(online, states);
        return map;
    }

    private static int cpuLimit(Kernel kernel) {
        OptionalLong address = kernel.symbols().address("nr_cpu_ids");
        if (address.isPresent() && kernel.isReadable(address.getAsLong(), Integer.BYTES)) {
            return Math.clamp(Integer.toUnsignedLong(kernel.memory().readInt(address.getAsLong())), 1, MAX_CPUS);
        }
        return MAX_CPUS;
    }

    private static boolean hasMask(Kernel kernel) {
        return maskAddress(kernel, "__cpu_possible_mask", 0) != 0 || maskAddress(kernel, "__cpu_online_mask", 0) != 0;
    }

    private static boolean isIn(Kernel kernel, String mask, int number) {
        long address = maskAddress(kernel, mask, number);
        return address != 0 && (kernel.memory().readByte(address) >> (number & 7) & 1) != 0;
    }

    /** Address of the byte of a CPU mask that has the bit of CPU {@code number}; 0 if it is not in the dump. */
    private static long maskAddress(Kernel kernel, String mask, int number) {
        OptionalLong address = kernel.symbols().address(mask);
        if (address.isEmpty()) {
            return 0;
        }
        long at = address.getAsLong() + number / 8;
        return kernel.isReadable(at, 1) ? at : 0;
    }

    /**
     * Reads {@code current_task}: a per-CPU variable of its own, or from 6.2 to 6.14 a member of {@code pcpu_hot}. Only of CPUs that are
     * online: the others still have what their per-CPU memory was initialised with, which is {@code init_task}.
     */
    private void findCurrentTasks(List<Integer> online) {
        for (int index : online) {
            Cpu cpu = cpus.get(index);
            OptionalLong current = pointer(cpu, "current_task", "current_task");
            cpus.set(index, new Cpu(cpu.number, cpu.perCpuOffset, current.orElse(0), null));
        }
    }

    /**
     * Gives each of the notes' register sets to its CPU. QEMU's tell the GS base, which is the CPU's per-CPU offset. Otherwise they come
     * in the order of the CPUs, and kdump's name the task that was running: where CPUs did not answer, only tasks that match count.
     */
    private void assign(List<Integer> online, List<CpuState> states) {
        boolean[] used = new boolean[states.size()];
        for (int index : online) {
            Cpu cpu = cpus.get(index);
            for (int i = 0; i < used.length; i++) {
                QemuCpuState qemu = states.get(i).qemu();
                if (!used[i] && qemu != null && qemu.isGsBase(cpu.perCpuOffset)) {
                    used[i] = true;
                    setState(index, states.get(i));
                    break;
                }
            }
        }
        int next = 0;
        boolean complete = online.size() == states.size();
        for (int index : online) {
            while (next < used.length && used[next]) {
                next++;
            }
            if (next == used.length) {
                return;
            }
            Cpu cpu = cpus.get(index);
            if (cpu.state == null
                    && (complete
                            || states.get(next).qemu() != null
                            || runs(cpu, states.get(next).status()))) {
                setState(index, states.get(next++));
            }
        }
    }

    private void setState(int index, CpuState state) {
        Cpu cpu = cpus.get(index);
        cpus.set(index, new Cpu(cpu.number, cpu.perCpuOffset, cpu.currentTask, state));
    }

    private boolean runs(Cpu cpu, PrStatus status) {
        Btf.Member pid = kernel.member(kernel.struct("task_struct"), "task_struct", "pid");
        return cpu.currentTask != 0
                && kernel.isReadable(cpu.currentTask, pid)
                && (int) kernel.read(cpu.currentTask, pid) == status.pid();
    }

    /** The CPUs by their numbers. */
    List<Cpu> cpus() {
        return List.copyOf(cpus);
    }

    /** The CPU with this number, or null. */
    @Nullable
    Cpu cpu(int number) {
        for (Cpu cpu : cpus) {
            if (cpu.number == number) {
                return cpu;
            }
        }
        return null;
    }

    /** The CPU on which a task runs, or null if it does not run. */
    @Nullable
    Cpu running(long task) {
        for (Cpu cpu : cpus) {
            if (cpu.currentTask == task && task != 0) {
                return cpu;
            }
        }
        return null;
    }

    /** The address of a per-CPU variable on {@code cpu}; empty if there is no such symbol. */
    OptionalLong address(Cpu cpu, String symbol) {
        OptionalLong address = kernel.symbols().address(symbol);
        return address.isPresent() ? OptionalLong.of(address.getAsLong() + cpu.perCpuOffset) : OptionalLong.empty();
    }

    /**
     * The pointer in a per-CPU variable, or in the member of {@code pcpu_hot} that replaced it from 6.2 to 6.14.
     *
     * @return empty if the kernel has neither, or the dump does not hold it
     */
    OptionalLong pointer(Cpu cpu, String symbol, String hotMember) {
        OptionalLong address = address(cpu, symbol);
        if (address.isEmpty()) {
            OptionalLong hot = address(cpu, "pcpu_hot");
            Btf.Struct struct = kernel.types().struct("pcpu_hot");
            Btf.Member member = struct == null ? null : struct.member(hotMember);
            if (hot.isEmpty() || member == null) {
                return OptionalLong.empty();
            }
            address = OptionalLong.of(hot.getAsLong() + member.offset());
        }
        long at = address.getAsLong();
        return kernel.isReadable(at, Long.BYTES)
                ? OptionalLong.of(kernel.memory().readLong(at))
                : OptionalLong.empty();
    }
}
