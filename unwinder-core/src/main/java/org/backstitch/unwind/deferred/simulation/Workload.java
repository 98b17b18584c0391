package org.backstitch.unwind.deferred.simulation;

import java.util.ArrayList;
import java.util.List;
import java.util.SplittableRandom;

/**
 * A busy machine: the same long run under each protocol, to compare what they cost and what they yield.
 *
 * <p>Two CPUs, eight tasks: deep stacks with absent pages, system calls that return and such that sleep, signals, forks, execs, exits,
 * tasks that move between CPUs, buffers that are read now and then. One interrupt in four falls on the way back to user mode, where a
 * real one rarely does: what is rare there is to be seen here.
 */
public final class Workload {
    /** The name under which the workload is known beside the scenarios. */
    public static final String NAME = "workload";

    /** The default number of rounds. */
    public static final int DEFAULT_ROUNDS = 4000;

    private static final int CPUS = 2;
    private static final int TASKS = 8;
    private static final int BUFFER_BYTES = 16 << 10;
    private static final String[] FUNCTIONS = {"rsp_frame", "rbp_frame", "busy_rbp", "realigned", "big_frame", "leaf"};

    private Workload() {}

    /**
     * A workload.
     *
     * @param seed the same seed gives the same machine and the same actions, whatever the protocol
     * @param rounds how long it is: in a round each CPU makes some steps, and one of them is interrupted
     * @param event what samples: everything on a CPU, or each task by itself
     */
    public static Scenario of(Protocol protocol, long seed, int rounds, EventSpec event) {
        SplittableRandom random = new SplittableRandom(seed);
        List<List<UserAction>> scripts = new ArrayList<>();
        for (int task = 0; task < TASKS; task++) {
            scripts.add(script(random, rounds, true));
        }
        MachineConfig config = new MachineConfig(
                protocol, CPUS, BUFFER_BYTES, MachineConfig.DEFAULT_MAX_STACK, true, List.of(event), scripts);
        List<Action> actions = new ArrayList<>();
        for (int round = 0; round < rounds; round++) {
            for (int cpu = 0; cpu < CPUS; cpu++) {
                actions.add(new Action.Run(cpu, 5 + random.nextInt(40)));
            }
            int cpu = random.nextInt(CPUS);
            int task = random.nextInt(TASKS + 4);
            switch (random.nextInt(20)) {
                case 0 -> actions.add(new Action.Signal(task));
                case 1 -> actions.add(new Action.Migrate(task, cpu));
                case 2, 3 -> actions.add(new Action.Preempt(cpu));
                case 4, 5, 6 -> actions.add(new Action.Evict(task, random.nextInt(6)));
                default -> {}
            }
            for (int sleeper = 0; sleeper < TASKS + 4; sleeper++) {
                if (random.nextInt(8) == 0) {
                    actions.add(new Action.Wake(sleeper));
                }
            }
            if (random.nextInt(4) == 0) {
                KernelStep[] back = {KernelStep.RETURN_1, KernelStep.RETURN_2, KernelStep.IRET, KernelStep.EXIT_CHECK};
                actions.add(new Action.Until(cpu, back[random.nextInt(back.length)]));
            } else if (random.nextInt(3) == 0) {
                actions.add(new Action.Until(cpu, KernelStep.SYSCALL_BODY));
            }
            actions.add(random.nextInt(5) == 0 ? new Action.Timer(cpu) : new Action.Nmi(cpu));
            if (round % 100 == 99) {
                actions.add(new Action.Drain(0));
                actions.add(new Action.Drain(1));
            }
        }
        return new Scenario(NAME, "A busy machine: a little of everything, for long.", config, actions);
    }

    private static List<UserAction> script(SplittableRandom random, int length, boolean first) {
        List<UserAction> script = new ArrayList<>();
        int depth = 0;
        for (int i = 0; i < length; i++) {
            int choice = random.nextInt(40);
            if (choice < 12 && depth < 24) {
                script.add(new UserAction.Call(FUNCTIONS[random.nextInt(FUNCTIONS.length)]));
                depth++;
            } else if (choice < 20 && depth > 0) {
                script.add(new UserAction.Return());
                depth--;
            } else if (choice < 28) {
                script.add(new UserAction.SystemCall());
            } else if (choice < 32) {
                script.add(new UserAction.Sleep());
            } else if (choice == 39 && first && random.nextInt(3) == 0) {
                script.add(new UserAction.Fork(script(random, 30, false)));
            } else if (choice == 38 && first && random.nextInt(20) == 0) {
                script.add(new UserAction.Exec("other", script(random, length - i, true)));
                return script;
            } else {
                script.add(new UserAction.Work());
            }
        }
        return script;
    }
}
