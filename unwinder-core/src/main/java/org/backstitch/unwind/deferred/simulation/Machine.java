package org.backstitch.unwind.deferred.simulation;

import java.util.ArrayList;
import java.util.List;
import org.backstitch.unwind.deferred.Cookie;

/** What there is: CPUs, tasks, a clock, and the records that came out of the buffers; who runs where. */
final class Machine {
    private static final int MAX_TASKS = 1000;

    /** Idle tasks are numbered from here, one for each CPU. */
    private static final int IDLE_TASKS = MAX_TASKS;

    private static final int NANOSECONDS_PER_STEP = 100;

    final SimulatedSystem system;
    final MachineConfig config;
    final KernelStackMemory kernelMemory = new KernelStackMemory();
    final List<Cpu> cpus = new ArrayList<>();
    final List<Task> tasks = new ArrayList<>();
    final List<SimulatedRecord> drained = new ArrayList<>();
    private long clock = 1_000_000_000L;
    private long selfInterrupts;

    /** A machine at its start: the tasks wait for their CPUs. */
    Machine(SimulatedSystem system, MachineConfig config) {
        this.system = system;
        this.config = config;
        for (int number = 0; number < config.cpus(); number++) {
            Task idle = new Task(IDLE_TASKS + number, 0, "swapper", null, kernelMemory);
            idle.cpu = number;
            idle.standIdle();
            Cpu cpu = new Cpu(number, idle, config.bufferBytes());
            for (int event = 0; event < config.events().size(); event++) {
                EventSpec spec = config.events().get(event);
                if (!spec.perTask()) {
                    cpu.events.add(new SampledEvent(spec, event, number));
                }
            }
            cpus.add(cpu);
        }
        for (List<UserAction> script : config.tasks()) {
            Task task = newTask("program", new UserContext(system.image(), 0, script), tasks.size() % config.cpus());
            Cpu cpu = cpus.get(task.cpu);
            drained.add(new SimulatedRecord.Comm(origin(task, cpu, 0), task.name, false));
            drained.add(mapping(task, cpu));
            cpu.queue.add(task);
        }
    }

    /** Whether there can be another task. */
    boolean hasRoomForTask() {
        return tasks.size() < MAX_TASKS;
    }

    Task newTask(String name, UserContext user, int cpu) {
        if (tasks.size() == MAX_TASKS) {
            throw new IllegalStateException("more than " + MAX_TASKS + " tasks");
        }
        Task task = new Task(tasks.size(), DeferredKernel.FIRST_PID + tasks.size(), name, user, kernelMemory);
        task.cpu = cpu;
        tasks.add(task);
        return task;
    }

    SimulatedRecord mapping(Task task, Cpu cpu) {
        return new SimulatedRecord.Mmap(
                origin(task, cpu, 0),
                task.userSide().base() + UserImage.textOffset(),
                system.image().textSize(),
                UserImage.textOffset(),
                "/simulated/" + task.name);
    }

    void leaveCpu(Task task, Task.State state) {
        Cpu cpu = cpus.get(task.cpu);
        task.state = state;
        cpu.current = cpu.idle;
        if (state == Task.State.RUNNABLE) {
            cpu.queue.add(task);
        }
    }

    void wake(Task task) {
        task.state = Task.State.RUNNABLE;
        cpus.get(task.cpu).queue.add(task);
    }

    void signal(Task task) {
        task.signalPending = true;
        if (task.state == Task.State.SLEEPING) {
            wake(task);
        } else if (task.state == Task.State.RUNNING) {
            cpus.get(task.cpu).reschedulePending = true;
        }
    }

    SimulatedRecord.Origin origin(Task task, Cpu cpu, int event) {
        return new SimulatedRecord.Origin(tick(), cpu.number, task.pid, task.pid, event);
    }

    static boolean write(Cpu cpu, SimulatedRecord record) {
        return cpu.buffer.write(record);
    }

    /** A time later than any before. */
    long tick() {
        return ++clock;
    }

    long nextCookie(int cpu) {
        return Cookie.of(cpus.get(cpu).cookiesMade++, cpu);
    }

    /** An interrupt that the CPU sends to itself, taken as soon as interrupts are enabled. */
    void interruptSelf(int cpu) {
        cpus.get(cpu).selfInterruptPending = true;
        selfInterrupts++;
    }

    /** How often a CPU has interrupted itself. */
    long selfInterrupts() {
        return selfInterrupts;
    }

    /** Time for a step of a CPU. */
    void passStep() {
        clock += NANOSECONDS_PER_STEP;
    }
}
