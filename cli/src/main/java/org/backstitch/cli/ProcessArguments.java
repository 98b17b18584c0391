package org.backstitch.cli;

import java.io.IOException;
import java.util.EnumMap;
import java.util.Locale;
import java.util.Map;
import java.util.Set;
import java.util.StringJoiner;
import org.backstitch.dump.user.ProcessImage;
import org.backstitch.dump.user.ThreadState;
import org.backstitch.unwind.Callchain;
import org.backstitch.unwind.StopReason;
import org.backstitch.unwind.UserUnwinder;

/** What the commands have in common that show threads standing still: their options, the walk, and the summary at the end. */
final class ProcessArguments {
    private ProcessArguments() {}

    /** Adds the options that say what is wanted of the stacks. */
    static Syntax addTo(Syntax syntax) {
        return syntax.flag(
                        "--registers", "Give every frame's RIP, RSP, RBP, RBX and R12 to R15, those that can be known.")
                .option("--max-stack", "N", "Frames in a chain at most (default: all).")
                .option("--format", "text|json", "How stacks are written (text).");
    }

    /** Walks and writes the threads of a process, and says what came of it. */
    static void printThreads(ProcessImage process, Arguments arguments, Session session) throws IOException {
        boolean json = arguments.choice("--format", "text", "json").equals("json");
        StackWriter writer = StackWriter.of(json, session.out());
        UserUnwinder unwinder = new UserUnwinder();
        Callchain chain = new Callchain()
                .limit(arguments.number("--max-stack", Callchain.UNLIMITED, 1, Integer.MAX_VALUE))
                .recordRegisters(arguments.has("--registers"));
        Map<StopReason, Integer> stops = new EnumMap<>(StopReason.class);
        long frames = 0;
        for (ThreadState thread : process.threads()) {
            process.unwind(thread, unwinder, chain);
            writer.write(process, thread, chain);
            frames += chain.size();
            stops.merge(chain.stop(), 1, Integer::sum);
        }
        StringJoiner line = new StringJoiner(", ");
        line.add(String.format(Locale.ROOT, "%,d threads", process.threads().size()));
        line.add(String.format(Locale.ROOT, "%,d frames", frames));
        stops.forEach((stop, count) -> line.add(stop.label() + " " + count));
        session.say(line.toString());
    }

    /** Says which binaries could not be used. */
    static void sayMissing(Set<String> missing, Map<String, String> unusable, Session session) {
        unusable.forEach((path, reason) -> session.say("not used: " + path + ": " + reason));
        if (!missing.isEmpty()) {
            session.say("not found: " + String.join(", ", missing));
        }
    }
}
