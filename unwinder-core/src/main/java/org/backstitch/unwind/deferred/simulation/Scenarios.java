package org.backstitch.unwind.deferred.simulation;

import java.util.List;
import java.util.Optional;

/**
 * Scenarios with names: each shows one thing that can happen to a late callchain, and nothing else. The first ones reproduce what was
 * weak in the proposal of 2017; every one of them can be played under any protocol.
 */
public final class Scenarios {
    private static final List<Scenario> ALL = List.of(
            scenario(
                    "window",
                    "The interrupt falls behind the last look at the thread's flags: nobody sees the request before the return to"
                            + " user mode, and the next entry answers it, with another stack.",
                    """
                    protocol rfc2017
                    task call rbp_frame syscall call rsp_frame syscall read
                    until 0 return_1
                    nmi 0
                    run 0 60
                    """),
            scenario(
                    "user-mode",
                    "The interrupt falls in user mode. A non-maskable one returns without the work that others do on the way: the"
                            + " request waits for the next entry, made from elsewhere.",
                    """
                    protocol rfc2017
                    task call rbp_frame work call rsp_frame syscall read
                    run 0 9
                    nmi 0
                    run 0 60
                    """),
            scenario(
                    "exit",
                    "The interrupt falls when an exiting task has run its works for the last time. No work can be added, the result"
                            + " is not looked at, and the event believes for ever that one is queued: no task on this CPU is answered"
                            + " any more.",
                    """
                    protocol rfc2017
                    task work exit
                    task call rbp_frame syscall call rsp_frame syscall read
                    until 0 exit_dead
                    nmi 0
                    until 0 syscall_body
                    nmi 0
                    until 0 syscall_return
                    run 0 100
                    """),
            scenario(
                    "exit-memory",
                    "The interrupt falls in a system call that ends the task: the work runs when the memory is gone, and finds one"
                            + " frame.",
                    """
                    protocol rfc2017
                    task call rbp_frame call rsp_frame exit
                    until 0 exit_signals
                    nmi 0
                    run 0 60
                    """),
            scenario(
                    "full-buffer",
                    "There is no room for the late record. The work returns before it says that it is done, so that no later"
                            + " request is ever queued, though the buffer is read and has room again.",
                    """
                    protocol rfc2017
                    buffer 180
                    task call rbp_frame call rsp_frame call leaf syscall syscall syscall read
                    until 0 syscall_body
                    nmi 0
                    until 0 syscall_entry
                    drain 0
                    until 0 syscall_body
                    nmi 0
                    drain 0
                    until 0 syscall_entry
                    drain 0
                    until 0 syscall_body
                    nmi 0
                    drain 0
                    run 0 60
                    """),
            scenario(
                    "shared-event",
                    "One work belongs to the event of a CPU, whatever task runs there. While one task sleeps with it, another one's"
                            + " requests are dropped; the first record that comes for it later is taken for all of them.",
                    """
                    protocol rfc2017
                    task call rsp_frame read work
                    task call rbp_frame syscall call leaf syscall call busy_rbp syscall read
                    until 0 sleep
                    nmi 0
                    run 0 2
                    until 0 syscall_body
                    nmi 0
                    run 0 12
                    until 0 syscall_body
                    nmi 0
                    run 0 1
                    wake 0
                    preempt 0
                    run 0 40
                    preempt 0
                    until 0 syscall_body
                    nmi 0
                    run 0 100
                    """),
            scenario(
                    "exec",
                    "Between request and record the task runs another program: the record describes the new program's stack.",
                    """
                    protocol rfc2017
                    task call rbp_frame call rsp_frame exec other ( work syscall )
                    until 0 exec
                    nmi 0
                    run 0 60
                    """),
            scenario("asleep", "The task sleeps past the end of the recording.", """
                    protocol rfc2017
                    task call rbp_frame read work
                    until 0 sleep
                    nmi 0
                    run 0 60
                    """),
            scenario(
                    "behind-the-record",
                    "The interrupt falls between the record and the moment at which the work is declared done: the request is not"
                            + " queued, and its sample is answered by the next record, of another entry.",
                    """
                    protocol rfc2017
                    task call rbp_frame syscall call rsp_frame syscall read
                    until 0 syscall_body
                    nmi 0
                    until 0 work_end
                    nmi 0
                    run 0 12
                    until 0 syscall_body
                    nmi 0
                    run 0 60
                    """),
            scenario(
                    "migration",
                    "The task comes back on another CPU: the work writes to the buffer of the CPU that its event belongs to, which is"
                            + " not its own to write to.",
                    """
                    protocol rfc2017
                    cpus 2
                    task call rbp_frame read read
                    until 0 sleep
                    nmi 0
                    run 0 4
                    wake 0
                    migrate 0 1
                    run 1 60
                    """),
            scenario(
                    "idle",
                    "The interrupt finds the idle task, which never returns to user mode: the event waits for ever.",
                    """
                    protocol rfc2017
                    cpus 2
                    task work
                    task call rbp_frame syscall call rsp_frame syscall read
                    migrate 1 0
                    nmi 1
                    migrate 1 1
                    until 1 syscall_body
                    nmi 1
                    run 1 60
                    """),
            scenario(
                    "absent-page",
                    "A page of the stack is absent. In the interrupt, and with page faults disabled, the callchain ends there;"
                            + " where faults are allowed it is brought in.",
                    """
                    protocol mainline
                    task call big_frame call big_frame call big_frame call rbp_frame syscall work
                    until 0 syscall_entry
                    evict 0 2
                    until 0 syscall_body
                    nmi 0
                    run 0 60
                    """),
            scenario(
                    "after-the-record",
                    "A sample between the late unwind and the return to user mode carries the same cookie, and gets no record of its"
                            + " own: that of its entry serves it.",
                    """
                    protocol mainline
                    task call rbp_frame syscall read
                    until 0 syscall_body
                    nmi 0
                    until 0 return_1
                    nmi 0
                    run 0 60
                    """),
            scenario(
                    "reset",
                    "The interrupt falls in the middle of the forgetting of the cookie: the new request is made under the old"
                            + " cookie, and its record comes without one. Nobody is given it; the old record serves.",
                    """
                    protocol mainline
                    task call rbp_frame syscall read
                    until 0 syscall_body
                    nmi 0
                    until 0 return_2
                    nmi 0
                    run 0 60
                    """),
            scenario(
                    "signal",
                    "A signal's frame is put on the stack between two samples of one entry: both get the stack as it was before.",
                    """
                    protocol mainline
                    task call rbp_frame read work read
                    until 0 sleep
                    nmi 0
                    run 0 4
                    signal 0
                    until 0 exit_work_done
                    nmi 0
                    run 0 100
                    """),
            scenario(
                    "sigreturn",
                    "The interrupt falls in rt_sigreturn: the record shows the stack that the task returns to, without the frame that"
                            + " it returned from.",
                    """
                    protocol mainline
                    task call rbp_frame read work read
                    until 0 sleep
                    run 0 1
                    signal 0
                    until 0 sigreturn
                    nmi 0
                    run 0 100
                    """),
            scenario(
                    "exit-owed",
                    "A request is pending when its task exits. Linux makes up for it, but only when the task's own events are gone"
                            + " already: nothing is written.",
                    """
                    protocol mainline
                    event per-task
                    task call rbp_frame call rsp_frame exit
                    until 0 exit_signals
                    nmi 0
                    run 0 60
                    """),
            scenario(
                    "exit-owed-per-cpu",
                    "The same with an event of the CPU: the late record follows the record of the exit.",
                    """
                    protocol mainline
                    event per-cpu
                    task call rbp_frame call rsp_frame exit
                    until 0 exit_signals
                    nmi 0
                    run 0 60
                    """),
            scenario(
                    "exec-unseen",
                    "The record of an exec is lost for want of room, and the late record is not: the only way in which a cookie can"
                            + " mislead.",
                    """
                    protocol mainline
                    buffer 280
                    task call rbp_frame call rsp_frame exec another-program ( work syscall read )
                    until 0 exec
                    drain 0
                    nmi 0
                    nmi 0
                    until 0 syscall_return
                    drain 0
                    run 0 60
                    """),
            scenario(
                    "several-events",
                    "Two events ask in one entry, and both want the late record: it is written twice.",
                    """
                    protocol mainline
                    event per-cpu
                    event per-cpu
                    task call rbp_frame syscall read
                    until 0 syscall_body
                    nmi 0
                    run 0 60
                    """),
            scenario(
                    "tour",
                    "A little of everything: two CPUs, four tasks, deep stacks, sleep, signals, fork, exec, migration, absent pages.",
                    """
                    protocol mainline
                    cpus 2
                    faults sleep
                    task call rbp_frame call busy_rbp call big_frame repeat 4 ( call realigned syscall return read ) exit
                    task call rsp_frame repeat 3 ( fork ( call leaf syscall exit ) call rbp_frame syscall return ) read exit
                    task call big_frame call big_frame call big_frame repeat 5 ( syscall work ) exec other ( call rbp_frame read )
                    task repeat 10 ( call rbp_frame work syscall return ) exit
                    run 0 25
                    nmi 0
                    run 1 40
                    nmi 1
                    timer 0
                    run 0 20
                    evict 2 1
                    signal 0
                    nmi 0
                    run 0 30
                    wake 0
                    nmi 1
                    run 1 60
                    preempt 0
                    run 0 80
                    nmi 0
                    migrate 3 0
                    timer 1
                    run 1 50
                    wake 0
                    wake 2
                    run 0 50
                    nmi 0
                    nmi 0
                    until 0 return_1
                    nmi 0
                    run 0 120
                    wake 0
                    wake 1
                    wake 2
                    run 1 100
                    nmi 1
                    run 0 100
                    nmi 0
                    run 1 60
                    """));

    private Scenarios() {}

    private static Scenario scenario(String name, String description, String text) {
        return Scenario.parse(name, description, text);
    }

    /** All of them, those of 2017 first. */
    public static List<Scenario> all() {
        return ALL;
    }

    /** The one of a name. */
    public static Optional<Scenario> named(String name) {
        return ALL.stream().filter(scenario -> scenario.name().equals(name)).findFirst();
    }

    /** Their names, as one line of help lists them. */
    public static String names() {
        return String.join(", ", ALL.stream().map(Scenario::name).toList());
    }
}
