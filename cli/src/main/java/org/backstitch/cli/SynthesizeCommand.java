package org.backstitch.cli;

import java.io.IOException;
import java.lang.foreign.Arena;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Map;
import java.util.Optional;
import java.util.TreeMap;
import org.backstitch.bytes.Bytes;
import org.backstitch.cli.output.Output;
import org.backstitch.code.capstone.Capstone;
import org.backstitch.code.capstone.CapstoneUnavailableException;
import org.backstitch.code.synthesis.Comparison;
import org.backstitch.code.synthesis.Difference;
import org.backstitch.code.synthesis.OrcConversion;
import org.backstitch.code.synthesis.OwnTable;
import org.backstitch.code.synthesis.Synthesis;
import org.backstitch.code.synthesis.Synthesizer;
import org.backstitch.elf.ElfFile;
import org.backstitch.elf.dwarf.CallFrameInfo;
import org.backstitch.elf.image.ElfImage;
import org.backstitch.elf.orc.KernelRelease;
import org.backstitch.elf.orc.OrcTable;
import org.backstitch.unwind.table.CfiUnwindInfo;
import org.jspecify.annotations.Nullable;

/** {@code backstitch synthesize}: unwind rows made from machine code, for code that has none. */
public final class SynthesizeCommand implements Subcommand {
    @Override
    public Syntax syntax() {
        return Syntax.of("Make unwind rows from a file's machine code.")
                .detail(
                        "Follows every function that it finds from its entry, and writes what the code has done to the stack in front"
                                + " of each instruction as rows, where that is certain. The file's own tables are not looked at."
                                + " Needs the library Capstone.")
                .operand(
                        "FILE",
                        "A program, a shared library, a kernel or a kernel module; or what holds one: a .ko.xz, a package"
                                + " (FILE.deb!/path names its member).")
                .option("-o, --output", "TABLE", "Write the rows there, not to standard output.")
                .flag("--compiled", "The rules as the unwinder holds them (the default).")
                .flag("--cfi", "The rows of call frame information, as tables --cfi prints them.")
                .flag("--orc", "ORC entries, as tables --orc prints them; what a kernel module's rows are written as.")
                .flag(
                        "--from-cfi",
                        "Make no rows: turn those of .eh_frame into ORC entries where they can say the same.")
                .option(
                        "--elf",
                        "OUT",
                        "Write also an ELF file with the rows as .eh_frame, like a file of debugging information.")
                .flag(
                        "--proved",
                        "Only rows that hang on no call's return and on no guess, or that the way out confirms.")
                .flag(
                        "--compare",
                        "Compare with the file's own table at each instruction: CFA, RBP and return address. Prints differences in"
                                + " place of the rows, and what verify says of the own row where the made one is proved.")
                .option("--kernel-release", "X.Y", "The kernel that an ORC table without a header was built for.")
                .option(
                        "--format",
                        "WORD",
                        "text (the default), or json: one object a row or difference, and one with the counts.")
                .example(
                        "backstitch synthesize --elf rows.debug jit.so",
                        "rows for code without any, for other tools too")
                .example("backstitch synthesize --compare libc.so.6", "how good they are, where there is a table")
                .example("backstitch synthesize --compare ext4.ko", "against a kernel module's ORC entries")
                .example("backstitch synthesize --compare --format json libc.so.6", "the same, for a script")
                .example("backstitch synthesize --from-cfi libc.so.6 -o libc.orc", "how much of .eh_frame ORC can say");
    }

    @Override
    public ExitStatus run(Arguments arguments, Session session) throws IOException {
        int forms = 0;
        for (String form : new String[] {"--compiled", "--cfi", "--orc", "--from-cfi", "--compare"}) {
            forms += arguments.has(form) ? 1 : 0;
        }
        if (forms > 1) {
            throw new UsageException("only one of --compiled, --cfi, --orc, --from-cfi and --compare");
        }
        if (arguments.has("--from-cfi") && arguments.has("--elf")) {
            throw new UsageException("--from-cfi makes no rows that --elf could hold");
        }
        boolean json = arguments.choice("--format", "text", "json").equals("json");
        String name = arguments.text("FILE").orElseThrow();
        if (!name.contains("!/")) {
            arguments.requiredInput("FILE");
        }
        Optional<Path> table = arguments.path("--output");
        try (Arena arena = Arena.ofShared()) {
            ElfImage image = ElfImage.open(name, arena);
            if (table.isEmpty()) {
                run(image, arguments, printer(image.elf(), session.out(), json, session), session);
            } else {
                Path path = table.get();
                try (Output out = Output.to(Files.newOutputStream(path), path.toString())) {
                    run(image, arguments, printer(image.elf(), out, json, session), session);
                }
                session.say("wrote " + path);
            }
        } catch (CapstoneUnavailableException e) {
            throw new UnusableInputException("synthesize", String.valueOf(e.getMessage()));
        }
        return ExitStatus.DONE;
    }

    private static SynthesisPrinter printer(ElfFile elf, Output out, boolean json, Session session) throws IOException {
        return json ? new SynthesisJson(elf, out) : new SynthesisText(elf, out, session);
    }

    private static void run(ElfImage image, Arguments arguments, SynthesisPrinter printer, Session session)
            throws IOException {
        ElfFile elf = image.elf();
        if (arguments.has("--from-cfi")) {
            convert(callFrameInfo(elf), printer, session);
            return;
        }
        boolean compare = arguments.has("--compare");
        boolean onlyOrc = elf.isRelocatable();
        if (onlyOrc && (arguments.has("--cfi") || arguments.has("--compiled") || arguments.has("--elf"))) {
            throw new UnusableInputException(
                    elf.bytes().source(), "a relocatable file: its rows are written as ORC entries (--orc)");
        }
        Synthesis made = synthesize(elf, compare ? ownTable(image, arguments) : null, arguments.has("--proved"));
        Comparison comparison = made.comparison();
        Map<String, Integer> refused = null;
        if (comparison != null) {
            for (Difference difference : comparison.differences()) {
                printer.difference(difference);
            }
        } else if (onlyOrc || arguments.has("--orc")) {
            refused = made.rows().<IOException>orc(printer::orc);
            sayConverted(made.rows().size(), refused, session);
        } else if (arguments.has("--cfi")) {
            printer.cfi(callFrameInfo(made.elf()));
        } else {
            printer.compiled(CfiUnwindInfo.of(made.elf()).compile());
        }
        Optional<Path> file = arguments.path("--elf");
        if (file.isPresent()) {
            Bytes written = made.elf().bytes();
            Files.write(file.get(), written.copy(0, (int) written.size()));
            session.say("wrote " + file.get());
        }
        printer.finish(made, refused, file.orElse(null));
        summarize(made, comparison, session);
    }

    private static OwnTable ownTable(ElfImage image, Arguments arguments) throws IOException {
        ElfFile elf = image.elf();
        if (elf.section(".orc_unwind").isEmpty()) {
            return OwnTable.of(elf, callFrameInfo(elf));
        }
        Optional<String> name = arguments.text("--kernel-release");
        Optional<KernelRelease> release = name.isPresent()
                ? KernelRelease.parse(name.get())
                : image.kernelRelease().flatMap(KernelRelease::parse);
        if (name.isPresent() && release.isEmpty()) {
            throw new UsageException("not a kernel release: '" + name.get() + "'");
        }
        return OwnTable.of(elf, OrcTable.of(elf, release.orElse(null)));
    }

    private static Synthesis synthesize(ElfFile elf, @Nullable OwnTable own, boolean onlyProved) {
        try (Capstone capstone = Capstone.open()) {
            return Synthesizer.synthesize(elf, capstone, own, onlyProved);
        }
    }

    private static CallFrameInfo callFrameInfo(ElfFile elf) throws UnusableInputException {
        return CallFrameInfo.of(elf)
                .orElseThrow(() ->
                        new UnusableInputException(elf.bytes().source(), "neither .eh_frame nor .debug_frame in it"));
    }

    private static void convert(CallFrameInfo info, SynthesisPrinter printer, Session session) throws IOException {
        OrcConversion conversion = new OrcConversion();
        conversion.<IOException>convert(info, printer::orc);
        printer.finish(conversion.rows(), conversion.refused());
        sayConverted(conversion.rows(), conversion.refused(), session);
    }

    private static void sayConverted(int rows, Map<String, Integer> why, Session session) {
        StringBuilder line = new StringBuilder("%d rows".formatted(rows));
        Map<String, Integer> refused = new TreeMap<>(why);
        int sum = refused.values().stream().mapToInt(Integer::intValue).sum();
        line.append(", %d that no ORC entry can say".formatted(sum));
        refused.forEach((reason, count) -> line.append("; %d: %s".formatted(count, reason)));
        session.say(line.toString());
    }

    private static void summarize(Synthesis made, @Nullable Comparison comparison, Session session) {
        session.say(
                "%d rows for %d of %d instructions reached (%.2f %%, proved for %.2f %%), %d in all; %d functions, %d not understood"
                        .formatted(
                                made.rows().size(),
                                made.covered(),
                                made.reached(),
                                percent(made.covered(), made.reached()),
                                percent(made.proved(), made.reached()),
                                made.instructions(),
                                made.functions(),
                                made.refused()));
        if (comparison != null) {
            session.say(("compared: %d equal, %d of the same meaning, %d different where proved (verify contradicts"
                            + " the own row of %d), %d where not, %d of another kind, %d without a"
                            + " made row (%.3f %% agree); %d not reached")
                    .formatted(
                            comparison.equal(),
                            comparison.equivalent(),
                            comparison.different(),
                            comparison.contradicted(),
                            comparison.differentUnproved(),
                            comparison.foreign(),
                            comparison.missing(),
                            100 * comparison.share(),
                            comparison.unreached()));
        }
    }

    private static double percent(int part, int whole) {
        return whole == 0 ? 0 : 100.0 * part / whole;
    }
}
