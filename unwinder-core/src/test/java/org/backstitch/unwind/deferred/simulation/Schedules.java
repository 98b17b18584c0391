package org.backstitch.unwind.deferred.simulation;

import java.util.List;
import net.jqwik.api.Arbitraries;
import net.jqwik.api.Arbitrary;
import net.jqwik.api.Combinators;
import net.jqwik.api.Tuple;

/** Random machines and what happens to them, for properties. They shrink towards less of everything. */
final class Schedules {
    record Run(MachineConfig config, List<Action> actions) {
        SimulatedRecording play(SimulatedSystem system) {
            DeferredKernel kernel = new DeferredKernel(system, config);
            actions.forEach(kernel::apply);
            return kernel.finish();
        }
    }

    private Schedules() {}

    static Arbitrary<UserAction> simpleUserActions() {
        return Arbitraries.frequencyOf(
                Tuple.of(
                        6,
                        Arbitraries.of("rsp_frame", "rbp_frame", "busy_rbp", "realigned", "big_frame", "leaf")
                                .map(UserAction.Call::new)),
                Tuple.of(4, Arbitraries.of(new UserAction.Return(), new UserAction.Work())),
                Tuple.of(5, Arbitraries.of(new UserAction.SystemCall(), new UserAction.Sleep())));
    }

    static Arbitrary<List<UserAction>> scripts() {
        Arbitrary<List<UserAction>> simple = simpleUserActions().list().ofMaxSize(8);
        Arbitrary<UserAction> all = Arbitraries.frequencyOf(
                Tuple.of(20, simpleUserActions()),
                Tuple.of(1, simple.map(UserAction.Fork::new)),
                Tuple.of(1, simple.map(script -> new UserAction.Exec("other", script))),
                Tuple.of(1, Arbitraries.of(new UserAction.Exit())));
        return all.list().ofMaxSize(14);
    }

    static Arbitrary<Action> actions() {
        Arbitrary<Integer> cpu = Arbitraries.integers().between(0, 1);
        Arbitrary<Integer> task = Arbitraries.integers().between(0, 4);
        return Arbitraries.frequencyOf(
                Tuple.of(
                        30,
                        Combinators.combine(cpu, Arbitraries.integers().between(1, 12))
                                .as(Action.Run::new)),
                Tuple.of(
                        12,
                        Combinators.combine(
                                        cpu,
                                        Arbitraries.of(
                                                KernelStep.RETURN_1,
                                                KernelStep.RETURN_2,
                                                KernelStep.IRET,
                                                KernelStep.EXIT_CHECK,
                                                KernelStep.WORK_OUTPUT,
                                                KernelStep.SIGNAL_SETUP,
                                                KernelStep.SIGRETURN,
                                                KernelStep.EXEC,
                                                KernelStep.EXIT_MM))
                                .as(Action.Until::new)),
                Tuple.of(20, cpu.map(Action.Nmi::new)),
                Tuple.of(6, cpu.map(Action.Timer::new)),
                Tuple.of(3, cpu.map(Action.Preempt::new)),
                Tuple.of(6, task.map(Action.Wake::new)),
                Tuple.of(2, Combinators.combine(task, cpu).as(Action.Migrate::new)),
                Tuple.of(3, task.map(Action.Signal::new)),
                Tuple.of(
                        4,
                        Combinators.combine(task, Arbitraries.integers().between(0, 3))
                                .as(Action.Evict::new)),
                Tuple.of(2, cpu.map(Action.Drain::new)),
                Tuple.of(1, Combinators.combine(cpu, task).as(Action.CrossTask::new)));
    }

    static Arbitrary<Run> runs(Protocol protocol) {
        Arbitrary<MachineConfig> configs = Combinators.combine(
                        Arbitraries.integers().between(1, 2),
                        Arbitraries.of(MachineConfig.LARGE_BUFFER, MachineConfig.LARGE_BUFFER, 2000, 600),
                        Arbitraries.of(127, 127, 6),
                        Arbitraries.of(false, true),
                        Arbitraries.of(
                                List.of(EventSpec.PER_CPU),
                                List.of(EventSpec.PER_TASK),
                                List.of(EventSpec.PER_CPU, EventSpec.PER_CPU),
                                List.of(EventSpec.PER_TASK, new EventSpec(true, true, false)),
                                List.of(new EventSpec(false, false, false), EventSpec.PER_CPU)),
                        scripts().list().ofMinSize(1).ofMaxSize(3))
                .as((cpus, buffer, maxStack, sleep, events, tasks) ->
                        new MachineConfig(protocol, cpus, buffer, maxStack, sleep, events, tasks));
        return Combinators.combine(configs, actions().list().ofMaxSize(60)).as(Run::new);
    }
}
