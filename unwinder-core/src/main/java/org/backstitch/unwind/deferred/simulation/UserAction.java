package org.backstitch.unwind.deferred.simulation;

import java.util.List;

/** One thing that a simulated task does in user mode: a script is a list of them. A task whose script is over exits. */
public sealed interface UserAction {
    /**
     * Calls a function.
     *
     * @param function {@code leaf}, {@code rsp_frame}, {@code big_frame}, {@code rbp_frame}, {@code busy_rbp} or {@code realigned}
     */
    record Call(String function) implements UserAction {}

    /** Returns to the caller; from the outermost function there is nowhere to return to, and nothing happens. */
    record Return() implements UserAction {}

    /** Runs two instructions. */
    record Work() implements UserAction {}

    /** A system call that returns soon. */
    record SystemCall() implements UserAction {}

    /** A system call that sleeps until the task is woken, or gets a signal. */
    record Sleep() implements UserAction {}

    /** Makes a child, which goes on with a script of its own. */
    record Fork(List<UserAction> child) implements UserAction {
        /** Keeps the list as it is now. */
        public Fork {
            child = List.copyOf(child);
        }
    }

    /** Runs the program anew, from its start, under another name and with another script. */
    record Exec(String name, List<UserAction> script) implements UserAction {
        /** Keeps the list as it is now. */
        public Exec {
            script = List.copyOf(script);
        }
    }

    /** Ends the task. */
    record Exit() implements UserAction {}
}
