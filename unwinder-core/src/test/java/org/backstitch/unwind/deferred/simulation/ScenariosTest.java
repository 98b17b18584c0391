package org.backstitch.unwind.deferred.simulation;

import static org.backstitch.unwind.deferred.simulation.Protocol.IMMEDIATE;
import static org.backstitch.unwind.deferred.simulation.Protocol.MAINLINE;
import static org.backstitch.unwind.deferred.simulation.Protocol.RFC2017;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertNotEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.util.List;
import java.util.Locale;
import java.util.stream.Collectors;
import org.backstitch.bytes.MalformedInputException;
import org.backstitch.unwind.deferred.simulation.Judgement.Outcome;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

/** What each named scenario shows, under each protocol. */
class ScenariosTest {
    private final SimulatedSystem system = new SimulatedSystem();

    private SimulatedRecording play(String name, Protocol protocol) {
        return Scenarios.named(name).orElseThrow().with(protocol).play(system);
    }

    /** What became of the samples, in their order. */
    private String outcomes(String name, Protocol protocol) {
        return Judgement.of(play(name, protocol)).answers().stream()
                .map(answer -> answer.outcome() == Outcome.LOST
                        ? answer.deferral().label()
                        : answer.outcome().name().toLowerCase(Locale.ROOT))
                .collect(Collectors.joining(" "));
    }

    /** The weaknesses of the proposal of 2017, and what became of them. */
    @ParameterizedTest
    @CsvSource({
        // the window behind the exit-work check
        "window,            misattributed,                                        complete",
        "user-mode,         misattributed,                                        complete",
        // a request during exit
        "exit,              lost:exit lost:end-of-data,                           none complete",
        "exit-memory,       cut,                                                  complete",
        // the full buffer that wedges the event
        "full-buffer,       lost:overflow lost:overflow lost:overflow,            lost:overflow complete complete",
        // one pending work for an event that tasks share
        "shared-event,      complete misattributed misattributed complete,        complete complete complete complete",
        "exec,              lost:exec,                                            lost:exec",
        "asleep,            lost:end-of-data,                                     lost:end-of-data",
        "behind-the-record, complete misattributed complete,                      complete none none",
        "idle,              lost:end-of-data lost:end-of-data,                    none complete",
    })
    void weaknesses(String name, String rfc2017, String mainline) {
        assertEquals(rfc2017, outcomes(name, RFC2017));
        assertEquals(mainline, outcomes(name, MAINLINE));
    }

    @ParameterizedTest
    @CsvSource({
        "absent-page,      cut,                         cut,                         complete",
        "after-the-record, complete complete,           complete lost:end-of-data,   complete complete",
        "reset,            complete complete,           complete lost:end-of-data,   complete complete",
        "signal,           complete complete,           complete complete,           complete rewritten",
        "sigreturn,        complete,                    rewritten,                   rewritten",
        "exit-owed,        complete,                    cut,                         lost:exit",
        "exit-owed-per-cpu,complete,                    cut,                         complete",
        "exec-unseen,      complete complete,           lost:exec lost:exec,         misattributed misattributed",
        "several-events,   complete complete,           complete complete,           complete complete",
    })
    void whatElseCanHappen(String name, String immediate, String rfc2017, String mainline) {
        assertEquals(immediate, outcomes(name, IMMEDIATE));
        assertEquals(rfc2017, outcomes(name, RFC2017));
        assertEquals(mainline, outcomes(name, MAINLINE));
    }

    @Test
    void anExecsLateRecordIsOfAnotherProgram() {
        for (Protocol protocol : List.of(RFC2017, MAINLINE)) {
            SimulatedRecording recording = play("exec", protocol);
            assertEquals(1, recording.late().size());
            assertNotEquals(
                    recording.samples().getFirst().program(),
                    recording.late().getFirst().program());
            assertEquals(1, Judgement.of(recording).counts().unclaimed());
        }
    }

    @Test
    void theBufferOfAnotherCpuIsWrittenOnlyByTheProposalOf2017() {
        assertEquals(1, play("migration", RFC2017).counts().foreignWrites());
        assertEquals(0, play("migration", MAINLINE).counts().foreignWrites());
        assertEquals("complete", outcomes("migration", MAINLINE));
    }

    @Test
    void aRequestThatAnExitingTaskCannotTakeIsRefused() {
        assertEquals(1, play("exit", RFC2017).counts().refusedWorks());
    }

    @Test
    void anAbsentPageIsBroughtInOnlyWhereFaultsAreAllowed() {
        assertEquals(1, play("absent-page", MAINLINE).counts().pageFaults());
        assertEquals(0, play("absent-page", RFC2017).counts().pageFaults());
        assertEquals(0, play("absent-page", IMMEDIATE).counts().pageFaults());
    }

    @Test
    void theRecordOfARequestInTheMiddleOfTheResetHasNoCookieAndIsNobodys() {
        SimulatedRecording recording = play("reset", MAINLINE);
        List<Long> cookies = recording.inTimeOrder().stream()
                .filter(SimulatedRecord.Deferred.class::isInstance)
                .map(record -> ((SimulatedRecord.Deferred) record).cookie())
                .toList();
        assertEquals(2, cookies.size());
        assertNotEquals(0, cookies.get(0));
        assertEquals(0, cookies.get(1));
        assertEquals(1, Judgement.of(recording).counts().unclaimed());
    }

    @Test
    void theLateRecordFollowsTheRecordOfTheExit() {
        List<String> order = play("exit-owed-per-cpu", MAINLINE).inTimeOrder().stream()
                .map(record -> record.getClass().getSimpleName())
                .toList();
        assertTrue(order.indexOf("Deferred") > order.indexOf("Exit") && order.contains("Exit"), order::toString);
    }

    @Test
    void twoEventsThatBothWantTheRecordGetItTwice() {
        assertEquals(1, Judgement.of(play("several-events", MAINLINE)).counts().duplicate());
        assertEquals(1, play("several-events", MAINLINE).counts().unwindsLate());
        assertEquals(2, play("several-events", RFC2017).counts().unwindsLate());
    }

    @Test
    void everyScenarioHasItsOwnNameAndPlaysUnderEveryProtocol() {
        assertEquals(
                Scenarios.all().size(),
                Scenarios.all().stream().map(Scenario::name).distinct().count());
        for (Scenario scenario : Scenarios.all()) {
            for (Protocol protocol : Protocol.values()) {
                SimulatedRecording recording = scenario.with(protocol).play(system);
                assertTrue(recording.counts().samples() > 0, scenario.name());
                assertEquals(0, Judgement.of(recording).count(Outcome.WRONG));
            }
        }
    }

    @Test
    void readsWhatAScenarioSays() {
        Scenario scenario = Scenario.parse("test", "a test", """
                protocol rfc2017   # the old one
                cpus 2
                buffer 100
                max-stack 5
                faults sleep
                event per-task no-output
                event per-cpu no-defer
                task call leaf repeat 2 ( work ) fork ( read exit ) exec x ( return )

                until 1 return_2
                run 0 3
                evict 0 2
                cross-task 1 0
                """);
        assertEquals(
                new MachineConfig(
                        RFC2017,
                        2,
                        100,
                        5,
                        true,
                        List.of(new EventSpec(true, true, false), new EventSpec(false, false, false)),
                        List.of(List.of(
                                new UserAction.Call("leaf"),
                                new UserAction.Work(),
                                new UserAction.Work(),
                                new UserAction.Fork(List.of(new UserAction.Sleep(), new UserAction.Exit())),
                                new UserAction.Exec("x", List.of(new UserAction.Return()))))),
                scenario.config());
        assertEquals(
                List.of(
                        new Action.Until(1, KernelStep.RETURN_2),
                        new Action.Run(0, 3),
                        new Action.Evict(0, 2),
                        new Action.CrossTask(1, 0)),
                scenario.actions());
    }

    @ParameterizedTest
    @ValueSource(
            strings = {
                "",
                "task jump",
                "task call nowhere",
                "task call _start",
                "task fork ( work",
                "task fork work )",
                "task repeat 0 ( work )",
                "task repeat 9999 ( repeat 9999 ( work ) )",
                "task work\nrun 1 1",
                "task work\nrun 0",
                "task work\nrun 0 x",
                "task work\nrun 0 1 2",
                "task work\nuntil 0 nowhere",
                "cpus 9\ntask work",
                "protocol none\ntask work",
                "event some\ntask work",
                "dance\ntask work"
            })
    void refusesWhatMakesNoSense(String text) {
        assertThrows(MalformedInputException.class, () -> Scenario.parse("test", "", text));
    }

    @Test
    void saysWhereTheScenarioIsWrong() {
        MalformedInputException e = assertThrows(
                MalformedInputException.class, () -> Scenario.parse("s.txt", "", "cpus 2\ntask work\nnmi 2\n"));
        assertEquals("s.txt: 2 is not between 0 and 1 (at offset 0x11)", e.getMessage());
    }
}
