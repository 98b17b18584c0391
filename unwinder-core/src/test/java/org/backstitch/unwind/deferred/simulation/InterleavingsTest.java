package org.backstitch.unwind.deferred.simulation;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.util.ArrayList;
import java.util.EnumMap;
import java.util.List;
import java.util.Map;
import org.backstitch.unwind.deferred.simulation.Judgement.Answer;
import org.backstitch.unwind.deferred.simulation.Judgement.Outcome;
import org.junit.jupiter.api.Test;

/** Not random ones: all of them, up to a size. */
class InterleavingsTest {
    private final SimulatedSystem system = new SimulatedSystem();
    private final Map<Outcome, Integer> outcomes = new EnumMap<>(Outcome.class);
    private int runs;

    private void check(SimulatedRecording recording) {
        runs++;
        Judgement judgement = Judgement.of(recording);
        assertEquals(recording.samples().size(), judgement.answers().size());
        for (Answer answer : judgement.answers()) {
            outcomes.merge(answer.outcome(), 1, Integer::sum);
            if (recording.config().protocol() == Protocol.MAINLINE) {
                assertTrue(
                        answer.outcome() != Outcome.MISATTRIBUTED && answer.outcome() != Outcome.WRONG,
                        () -> answer.toString());
            }
        }
    }

    /** Plays a task from start to end on one CPU, with interrupts before the steps that are asked for. */
    private SimulatedRecording play(MachineConfig config, int[] interruptsBefore, int steps) {
        DeferredKernel kernel = new DeferredKernel(system, config);
        int next = 0;
        for (int step = 0; step < steps; step++) {
            while (next < interruptsBefore.length && interruptsBefore[next] == step) {
                kernel.apply(new Action.Nmi(0));
                next++;
            }
            kernel.apply(new Action.Run(0, 1));
        }
        return kernel.finish();
    }

    private static int stepsUntilDeath(SimulatedSystem system, MachineConfig config) {
        DeferredKernel kernel = new DeferredKernel(system, config);
        int steps = 0;
        while (!kernel.allDead()) {
            kernel.apply(new Action.Run(0, 1));
            steps++;
        }
        return steps;
    }

    /** Three interrupts at any three places (or twice, or thrice the same) in the life of a task with two system calls. */
    private void threeInterruptsAnywhere(Protocol protocol, List<UserAction> script, EventSpec event) {
        MachineConfig config = new MachineConfig(
                protocol,
                1,
                MachineConfig.LARGE_BUFFER,
                MachineConfig.DEFAULT_MAX_STACK,
                false,
                List.of(event),
                List.of(script));
        int quiet = stepsUntilDeath(system, config);
        // Requests make the way back longer: the interrupts' places are counted to the end of what an undisturbed task
        // does,
        // and the task has time for all that they cause.
        for (int a = 0; a <= quiet; a++) {
            for (int b = a; b <= quiet; b++) {
                for (int c = b; c <= quiet; c++) {
                    check(play(config, new int[] {a, b, c}, quiet + 60));
                }
            }
        }
    }

    private static final List<UserAction> TWO_SYSTEM_CALLS =
            List.of(new UserAction.Call("leaf"), new UserAction.SystemCall(), new UserAction.SystemCall());

    @Test
    void mainlineWithThreeInterruptsAnywhereInTwoSystemCallsAndAnExit() {
        threeInterruptsAnywhere(Protocol.MAINLINE, TWO_SYSTEM_CALLS, EventSpec.PER_CPU);
        assertTrue(runs > 7000, () -> "only " + runs + " runs");
        // Lost are those that the end of the task overtakes: nothing else can go wrong.
        assertTrue(count(Outcome.COMPLETE) > 50 * count(Outcome.LOST), outcomes::toString);
        assertEquals(0, count(Outcome.CUT));
    }

    @Test
    void theProposalOf2017WithThreeInterruptsAnywhereInTwoSystemCallsAndAnExit() {
        threeInterruptsAnywhere(Protocol.RFC2017, TWO_SYSTEM_CALLS, EventSpec.PER_CPU);
        assertTrue(count(Outcome.MISATTRIBUTED) > count(Outcome.COMPLETE), outcomes::toString);
    }

    @Test
    void mainlineWithThreeInterruptsAnywhereAroundAnExec() {
        List<UserAction> script = List.of(
                new UserAction.Exec("other", List.of(new UserAction.Call("rbp_frame"), new UserAction.SystemCall())));
        threeInterruptsAnywhere(Protocol.MAINLINE, script, EventSpec.PER_TASK);
        assertTrue(runs > 9000, () -> "only " + runs + " runs");
        assertTrue(count(Outcome.LOST) > 0);
    }

    private int count(Outcome outcome) {
        return outcomes.getOrDefault(outcome, 0);
    }

    /** Everything that can happen next; what would change nothing is left out. */
    private static List<Action> choices(DeferredKernel kernel) {
        List<Action> choices = new ArrayList<>();
        for (int cpu = 0; cpu < 2; cpu++) {
            if (!kernel.isIdle(cpu)) {
                choices.add(new Action.Run(cpu, 1));
                choices.add(new Action.Nmi(cpu));
            }
        }
        for (int task = 0; task < kernel.taskCount(); task++) {
            if (kernel.isSleeping(task)) {
                choices.add(new Action.Wake(task));
                choices.add(new Action.Signal(task));
            }
            if (kernel.isRunnable(task)) {
                choices.add(new Action.Migrate(task, 1));
            }
        }
        return choices;
    }

    private void explore(MachineConfig config, List<Action> prefix, List<Action> actions, int depth) {
        DeferredKernel kernel = new DeferredKernel(system, config);
        prefix.forEach(kernel::apply);
        actions.forEach(kernel::apply);
        if (actions.size() == depth) {
            // What is under way is brought to its end; who sleeps goes on sleeping.
            kernel.apply(new Action.Run(0, 40));
            kernel.apply(new Action.Run(1, 40));
            check(kernel.finish());
            return;
        }
        List<Action> choices = choices(kernel);
        if (choices.isEmpty()) {
            check(kernel.finish());
            return;
        }
        for (Action choice : choices) {
            actions.add(choice);
            explore(config, prefix, actions, depth);
            actions.removeLast();
        }
    }

    @Test
    void everyInterleavingOfTwoTasksTwoCpusAndNineActions() {
        MachineConfig config = MachineConfig.of(
                Protocol.MAINLINE,
                2,
                List.of(
                        List.of(new UserAction.Call("leaf"), new UserAction.Sleep(), new UserAction.Work()),
                        List.of(new UserAction.SystemCall(), new UserAction.Work())));
        List<Action> prefix =
                List.of(new Action.Until(0, KernelStep.SLEEP), new Action.Until(1, KernelStep.EXIT_CHECK));
        explore(config, prefix, new ArrayList<>(), 9);
        assertTrue(runs > 300_000, () -> "only " + runs + " runs");
        assertTrue(count(Outcome.COMPLETE) > 0 && count(Outcome.REWRITTEN) > 0, outcomes::toString);
    }
}
