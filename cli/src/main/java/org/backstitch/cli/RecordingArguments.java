package org.backstitch.cli;

import java.io.BufferedInputStream;
import java.io.IOException;
import java.io.InputStream;
import java.nio.file.Path;
import java.util.Locale;
import java.util.Map;
import java.util.Optional;
import java.util.StringJoiner;
import java.util.stream.Stream;
import org.backstitch.code.capstone.CapstoneUnavailableException;
import org.backstitch.code.walk.DecodingCodeReader;
import org.backstitch.perf.Anomalies;
import org.backstitch.perf.PerfFile;
import org.backstitch.recording.CallChecks;
import org.backstitch.recording.Recording;
import org.backstitch.recording.RecordingAccount;
import org.backstitch.recording.RecordingOptions;
import org.backstitch.recording.RecordingSummary;
import org.backstitch.unwind.CodeReader;
import org.backstitch.unwind.StopReason;
import org.backstitch.unwind.deferred.JoinPolicy;
import org.backstitch.unwind.deferred.StitchCounts;

/** What the commands that read recordings have in common: their options, and the summary at the end. */
final class RecordingArguments {
    /** What messages call it. */
    static final String STANDARD_INPUT = "standard input";

    private static final int MOST_SHOWN = 20;

    private RecordingArguments() {}

    /** Adds the options that say where files are and how much is wanted. */
    static Syntax addTo(Syntax syntax) {
        return syntax.option(
                        "--symfs",
                        "DIR",
                        "Look every binary up under DIR; this system's own files are never used then.")
                .option("--vdso", "FILE", "The recorded system's vDSO.")
                .option("--kallsyms", "FILE", "Kernel symbols: a copy of the recorded boot's /proc/kallsyms.")
                .option("--vmlinux", "FILE", "Kernel symbols: the recorded kernel's ELF file.")
                .option("--max-stack", "N", "Frames in a chain at most, kernel and user together (127).")
                .option("--threads", "N", "Threads that unwind (all processors); never changes the output.")
                .option(
                        "--abi",
                        "linux|rfc2017",
                        "Whose late user callchains the recording holds: Linux 6.19's (linux), or those of the RFC of 2017.")
                .flag("--no-demangle", "C++ and Rust names as the linker knows them.");
    }

    /** Adds the options that have code read by a disassembler. */
    static Syntax addCodeTo(Syntax syntax) {
        return syntax.flag(
                        "--synthesize",
                        "Make rules from the code of files whose unwind tables do not cover it. Needs the library Capstone.")
                .flag(
                        "--check-calls",
                        "Check that each return address follows a call, and count those that do not. Needs Capstone.");
    }

    /** What reads code for the walks of a recording as the options want it; the one who asks closes it. */
    static DecodingCodeReader codeReader(Arguments arguments) throws UnusableInputException {
        return codeReader(arguments, "--synthesize", "--check-calls");
    }

    /** The same, where only some options need it: then it is opened at once. {@code --synthesize} is always among them. */
    static DecodingCodeReader codeReader(Arguments arguments, String... options) throws UnusableInputException {
        Optional<String> wanted = Stream.of(options).filter(arguments::has).findFirst();
        DecodingCodeReader reader = new DecodingCodeReader(arguments.has("--synthesize"));
        try {
            if (wanted.isPresent()) {
                reader.open();
            }
        } catch (CapstoneUnavailableException e) {
            throw new UnusableInputException(wanted.orElseThrow(), String.valueOf(e.getMessage()));
        }
        return reader;
    }

    /** Says which files {@code --synthesize} could make no rows for, and why. */
    static void sayRefusals(DecodingCodeReader reader, Session session) {
        reader.refusals().forEach(refusal -> session.say("no rows made: " + refusal));
    }

    /** The options as they were given; code is read by {@code reader}. */
    static RecordingOptions options(Arguments arguments, CodeReader reader) throws UnusableInputException {
        RecordingOptions options = options(arguments).withCode(reader);
        return arguments.has("--check-calls") ? options.withCallsChecked() : options;
    }

    /** The options as they were given. */
    static RecordingOptions options(Arguments arguments) throws UnusableInputException {
        RecordingOptions defaults = RecordingOptions.defaults();
        RecordingOptions options = defaults.withSymfs(
                        arguments.directory("--symfs").orElse(null))
                .withVdso(arguments.input("--vdso").orElse(null))
                .withKallsyms(arguments.input("--kallsyms").orElse(null))
                .withVmlinux(arguments.input("--vmlinux").orElse(null))
                .withMaxStack(arguments.number("--max-stack", RecordingOptions.DEFAULT_MAX_STACK, 1, Integer.MAX_VALUE))
                .withThreads(arguments.number("--threads", defaults.threads(), 1, 1024));
        if (arguments.choice("--abi", "linux", "rfc2017").equals("rfc2017")) {
            options = options.withJoin(JoinPolicy.RFC2017);
        }
        return arguments.has("--no-demangle") ? options.withoutDemangling() : options;
    }

    /** Whether an operand stands for standard input. */
    static boolean isStandardInput(Path path) {
        return path.toString().equals("-");
    }

    /** Standard input, as a stream that can be set back. */
    static InputStream standardInput() {
        return System.in.markSupported() ? System.in : new BufferedInputStream(System.in);
    }

    /** Opens a recording; {@code -} is one that comes through standard input, which is read to its end. */
    static Recording open(Path path, RecordingOptions options) throws IOException {
        return open(path, System.in, options);
    }

    /** The same, where something of standard input has been looked at. */
    static Recording open(Path path, InputStream input, RecordingOptions options) throws IOException {
        return isStandardInput(path)
                ? Recording.of(PerfFile.open(input, STANDARD_INPUT), options)
                : Recording.open(path, options);
    }

    /**
     * Sums a recording's samples up by stack, and shows a person how far it has come.
     *
     * @param byFile whether functions of the same name are told apart by their files
     */
    static SampleSums sum(Recording recording, boolean byFile, Session session) throws IOException {
        SampleSums sums = new SampleSums(byFile);
        try (Progress progress = session.progress("unwinding", recording.sampleCount(), "samples", 1)) {
            recording.process(sums::worker, _ -> {}, progress::reached);
        }
        return sums;
    }

    private static void sayOrigins(RecordingSummary summary, Session session) {
        if (!summary.origins().isEmpty()) {
            StringJoiner origins = new StringJoiner(", ", "frames that no table gave: ", "");
            summary.origins()
                    .forEach((origin, count) ->
                            origins.add(origin.label() + " " + String.format(Locale.ROOT, "%,d", count)));
            session.say(origins.toString());
        }
    }

    private static void sayCalls(CallChecks calls, Session session) {
        if (calls.checked() + calls.unreadable() == 0) {
            return;
        }
        session.say(String.format(
                Locale.ROOT,
                "%,d return addresses checked: %,d do not follow a call; %,d without code to look at",
                calls.checked(),
                calls.failed(),
                calls.unreadable()));
        int shown = 0;
        for (Map.Entry<String, Long> place : calls.places().entrySet()) {
            if (++shown > MOST_SHOWN) {
                session.say("and so on");
                break;
            }
            session.say(String.format(Locale.ROOT, "no call before %s (%,d times)", place.getKey(), place.getValue()));
        }
    }

    /** Says what came of a recording: the counts, then whatever was out of order. */
    static void summarize(RecordingAccount recording, long nanoseconds, Session session) {
        RecordingSummary summary = recording.summary();
        double seconds = nanoseconds / 1e9;
        session.say(String.format(
                Locale.ROOT,
                "%,d samples, %,d frames in %.2f s (%,.0f frames/s)",
                summary.samples(),
                summary.frames(),
                seconds,
                seconds > 0 ? summary.frames() / seconds : 0));
        StringJoiner stops = new StringJoiner(", ", "user chains end by: ", "");
        for (Map.Entry<StopReason, Long> stop : summary.userStops().entrySet()) {
            stops.add(stop.getKey().label() + " " + String.format(Locale.ROOT, "%,d", stop.getValue()));
        }
        session.say(stops.toString());
        sayOrigins(summary, session);
        sayCalls(summary.calls(), session);
        StitchCounts stitches = summary.stitches();
        if (stitches.records() > 0 || stitches.lost() > 0) {
            session.say("deferred callchains: " + stitches);
        }
        if (recording.lostRecords() > 0) {
            session.say(String.format(Locale.ROOT, "%,d records were lost while recording", recording.lostRecords()));
        }
        recording.unusableFiles().forEach((path, reason) -> session.say("not used: " + path + ": " + reason));
        if (!recording.missingFiles().isEmpty()) {
            session.say("not found: " + String.join(", ", recording.missingFiles()));
        }
        for (Anomalies.Entry anomaly : recording.anomalies().entries()) {
            session.say(String.format(
                    Locale.ROOT,
                    "%s: %,d (%s, first at offset 0x%x)",
                    anomaly.kind().name().toLowerCase(Locale.ROOT).replace('_', ' '),
                    anomaly.count(),
                    anomaly.firstReason(),
                    anomaly.firstOffset()));
        }
    }
}
