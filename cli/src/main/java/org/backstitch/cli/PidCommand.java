package org.backstitch.cli;

import java.io.IOException;
import java.nio.file.Path;
import java.util.Locale;
import java.util.LongSummaryStatistics;
import java.util.Optional;
import org.backstitch.bytes.MalformedInputException;
import org.backstitch.dump.user.LiveProcess;

/** {@code backstitch pid}: the stacks of a running process. */
public final class PidCommand implements Subcommand {
    @Override
    public Syntax syntax() {
        Syntax syntax = Syntax.of("Print the stack of every thread of a running process.")
                .detail(
                        "Each thread is held while its registers and its stack are copied, mostly well under a millisecond; then it runs on, and"
                                + " the copy is unwound. For how long is printed with each. It sees no signal; only some waits of the"
                                + " kernel (epoll_wait, semop) may end early with EINTR, as under any debugger.")
                .detail(
                        "Code that a virtual machine makes at run time has no unwind tables: there a stack ends with its reason, or goes"
                                + " on by frame pointers (java -XX:+PreserveFramePointer). It has names where /tmp/perf-PID.map lists them"
                                + " (jcmd PID Compiler.perfmap).")
                .operand("PID", "The process: yours, or any for root; kernel.yama.ptrace_scope may forbid more.")
                .option("--stack", "BYTES", "How much of each stack is copied at most (1048576).");
        return ProcessArguments.addChoiceTo(ProcessArguments.addTo(syntax))
                .example("backstitch pid 4711", "what it is doing")
                .example("backstitch pid 4711 --thread 4712 --save-snapshot case", "one thread, kept as a case");
    }

    @Override
    public ExitStatus run(Arguments arguments, Session session) throws IOException {
        int pid = arguments.number("PID", 0, 1, Integer.MAX_VALUE);
        int stack = arguments.number("--stack", LiveProcess.DEFAULT_STACK, 4096, 1 << 28);
        Optional<Path> directory = ProcessArguments.snapshotDirectory(arguments);
        try (LiveProcess live = LiveProcess.copy(pid, stack)) {
            ProcessArguments.printAndKeep(live.process(), "process " + pid, directory, arguments, session);
            LongSummaryStatistics stops = live.process().threads().stream()
                    .mapToLong(thread -> thread.stopped().orElse(0))
                    .summaryStatistics();
            session.say(String.format(
                    Locale.ROOT,
                    "threads were stopped for %,.0f us on average, %,.0f us at most",
                    stops.getAverage() / 1e3,
                    stops.getMax() / 1e3));
            live.notHeld().forEach((tid, reason) -> session.say("not copied: " + reason));
            for (MalformedInputException fault : live.faults()) {
                session.say(String.valueOf(fault.getMessage()));
            }
            ProcessArguments.sayMissing(live.missingFiles(), live.unusableFiles(), session);
        }
        return ExitStatus.DONE;
    }
}
