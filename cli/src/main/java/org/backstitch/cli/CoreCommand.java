package org.backstitch.cli;

import java.io.IOException;
import java.nio.file.Path;
import java.util.Locale;
import java.util.Optional;
import org.backstitch.bytes.MalformedInputException;
import org.backstitch.code.walk.DecodingCodeReader;
import org.backstitch.dump.user.CoreDump;
import org.backstitch.dump.user.CoreOptions;

/** {@code backstitch core}: the stacks of a crashed process. */
public final class CoreCommand implements Subcommand {
    @Override
    public Syntax syntax() {
        Syntax syntax = Syntax.of("Print the stack of every thread of a core file.")
                .detail(
                        "Binaries are looked for where the process had them, and by build id under /usr/lib/debug; one of another"
                                + " build is not used. A core that was cut off gives what it has.")
                .operand("CORE", "A core file of x86-64 Linux, by the kernel or by gcore; it may be compressed.")
                .option("--exe", "FILE", "The program that crashed.")
                .option(
                        "--sysroot, --symfs",
                        "DIR",
                        "Look every binary up under DIR; this system's own files are never used then.");
        syntax.flag(
                "--synthesize",
                "Make rows from the code of files whose unwind tables do not cover it. Needs Capstone.");
        return ProcessArguments.addChoiceTo(ProcessArguments.addTo(syntax))
                .example("backstitch core core.1234", "every thread's stack")
                .example(
                        "backstitch core core --exe build/server --sysroot sysroot --registers --format json",
                        "another system's core, for a script")
                .example("backstitch core core --save-snapshot case", "the crashed thread as a small case of its own");
    }

    @Override
    public ExitStatus run(Arguments arguments, Session session) throws IOException {
        try (DecodingCodeReader reader = RecordingArguments.codeReader(arguments, "--synthesize")) {
            print(arguments, reader, session);
            RecordingArguments.sayRefusals(reader, session);
        }
        return ExitStatus.DONE;
    }

    private static void print(Arguments arguments, DecodingCodeReader reader, Session session) throws IOException {
        CoreOptions options = CoreOptions.defaults()
                .withCode(reader)
                .withExe(arguments.input("--exe").orElse(null))
                .withSysroot(arguments.directory("--sysroot").orElse(null));
        Path path = arguments.requiredInput("CORE");
        Optional<Path> directory = ProcessArguments.snapshotDirectory(arguments);
        try (CoreDump core = CoreDump.open(path, options)) {
            ProcessArguments.printAndKeep(core.process(), path.toString(), directory, arguments, session);
            if (core.missingBytes() != 0) {
                session.say(String.format(
                        Locale.ROOT, "the core is cut off: %,d bytes of memory are missing", core.missingBytes()));
            }
            for (MalformedInputException fault : core.faults()) {
                session.say(String.valueOf(fault.getMessage()));
            }
            ProcessArguments.sayMissing(core.missingFiles(), core.unusableFiles(), session);
        }
    }
}
