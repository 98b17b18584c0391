package org.backstitch.unwind.deferred.simulation;

import java.util.List;

/**
 * A machine and what happens to it.
 *
 * <p>Scenarios are written as text, a line each for what the machine is and for what happens, {@code #} begins a comment:
 *
 * <pre>
 * protocol mainline        # or immediate, rfc2017
 * cpus 2                   # 1 to 8; 1 unless said otherwise
 * buffer 4096              # bytes for each CPU; large unless said otherwise
 * max-stack 127            # addresses in a sample's own callchain
 * faults sleep             # a task sleeps for a page; or resume: it does not (the default)
 * event per-cpu            # or per-task; no-defer and no-output may follow; one event per-cpu unless said otherwise
 * task call rbp_frame syscall read fork ( work exit ) exec other ( call leaf syscall )
 *                          # call FUNCTION, return, work, syscall, read (sleeps), fork ( … ), exec NAME ( … ), exit,
 *                          # repeat N ( … )
 * run 0 12                 # CPU 0 makes 12 steps
 * until 0 return_1         # CPU 0 runs until its task stands before that step of the kernel
 * nmi 0
 * timer 0
 * preempt 0
 * wake 1                   # task 1, counted from 0
 * migrate 1 0              # task 1 to CPU 0
 * signal 1
 * evict 1 2                # the third page of task 1's stack, from the innermost frame outwards
 * drain 0                  # the buffer of CPU 0 is read
 * cross-task 0 1           # an event of task 1 samples whatever runs on CPU 0
 * </pre>
 *
 * @param name a word
 * @param description what it shows, in a sentence or two
 */
public record Scenario(String name, String description, MachineConfig config, List<Action> actions) {
    /** Keeps the list as it is now. */
    public Scenario {
        actions = List.copyOf(actions);
    }

    /**
     * Reads a scenario.
     *
     * @param source names the text in error messages
     * @throws org.backstitch.bytes.MalformedInputException if the text makes no sense; the offset is that of the line, in characters
     */
    public static Scenario parse(String source, String description, String text) {
        return new ScenarioReader(source, text).read(description);
    }

    /** The same under another protocol. */
    public Scenario with(Protocol protocol) {
        return new Scenario(name, description, config.with(protocol), actions);
    }

    /** Plays it, from the start to the end of the recording. */
    public SimulatedRecording play(SimulatedSystem system) {
        DeferredKernel kernel = new DeferredKernel(system, config);
        actions.forEach(kernel::apply);
        return kernel.finish();
    }
}
