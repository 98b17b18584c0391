package org.backstitch.cli;

import java.io.IOException;
import java.lang.foreign.Arena;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Map;
import java.util.Optional;
import java.util.TreeMap;
import org.backstitch.cli.output.Output;
import org.backstitch.code.capstone.Capstone;
import org.backstitch.code.capstone.CapstoneUnavailableException;
import org.backstitch.code.synthesis.Comparison;
import org.backstitch.code.synthesis.OrcConversion;
import org.backstitch.code.synthesis.Synthesis;
import org.backstitch.code.synthesis.Synthesizer;
import org.backstitch.elf.ElfFile;
import org.backstitch.elf.dwarf.CallFrameInfo;
import org.backstitch.elf.image.ElfImage;
import org.backstitch.unwind.table.CfiUnwindInfo;
import org.backstitch.unwind.table.UnwindInfo;
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
                .operand("FILE", "A program or shared library; or what holds one (FILE.deb!/path names its member).")
                .option("-o, --output", "TABLE", "Write the rows there, not to standard output.")
                .flag("--compiled", "The rules as the unwinder holds them (the default).")
                .flag("--cfi", "The rows of call frame information, as tables --cfi prints them.")
                .flag("--orc", "ORC entries, as tables --orc prints them.")
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
                                + " place of the rows.")
                .example(
                        "backstitch synthesize --elf rows.debug jit.so",
                        "rows for code without any, for other tools too")
                .example("backstitch synthesize --compare libc.so.6", "how good they are, where there is a table")
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
        String name = arguments.text("FILE").orElseThrow();
        if (!name.contains("!/")) {
            arguments.requiredInput("FILE");
        }
        Optional<Path> table = arguments.path("--output");
        try (Arena arena = Arena.ofShared()) {
            ElfFile elf = ElfImage.open(name, arena).elf();
            if (table.isEmpty()) {
                run(elf, arguments, session.out(), session);
            } else {
                Path path = table.get();
                try (Output out = Output.to(Files.newOutputStream(path), path.toString())) {
                    run(elf, arguments, out, session);
                }
                session.say("wrote " + path);
            }
        } catch (CapstoneUnavailableException e) {
            throw new UnusableInputException("synthesize", String.valueOf(e.getMessage()));
        }
        return ExitStatus.DONE;
    }

    private static void run(ElfFile elf, Arguments arguments, Output out, Session session) throws IOException {
        if (arguments.has("--from-cfi")) {
            convert(callFrameInfo(elf), out, session);
            return;
        }
        UnwindInfo reference = null;
        if (arguments.has("--compare")) {
            callFrameInfo(elf);
            reference = CfiUnwindInfo.of(elf).compile();
        }
        Synthesis made = synthesize(elf, reference, arguments.has("--proved"));
        Comparison comparison = made.comparison();
        if (comparison != null) {
            for (String difference : comparison.differences()) {
                out.append(difference).newline();
            }
        } else if (arguments.has("--orc")) {
            convert(callFrameInfo(made.elf()), out, session);
        } else if (arguments.has("--cfi")) {
            new CfiText(out).write(callFrameInfo(made.elf()));
        } else {
            CompiledText text = new CompiledText(out);
            text.write(CfiUnwindInfo.of(made.elf()).compile(), "");
            session.say(text.summary());
        }
        Optional<Path> file = arguments.path("--elf");
        if (file.isPresent()) {
            Files.write(file.get(), made.elf().bytes().copy(0, (int)
                    made.elf().bytes().size()));
            session.say("wrote " + file.get());
        }
        summarize(made, comparison, session);
    }

    private static Synthesis synthesize(ElfFile elf, @Nullable UnwindInfo reference, boolean onlyProved) {
        try (Capstone capstone = Capstone.open()) {
            return Synthesizer.synthesize(elf, capstone, reference, onlyProved);
        }
    }

    private static CallFrameInfo callFrameInfo(ElfFile elf) throws UnusableInputException {
        return CallFrameInfo.of(elf)
                .orElseThrow(() ->
                        new UnusableInputException(elf.bytes().source(), "neither .eh_frame nor .debug_frame in it"));
    }

    private static void convert(CallFrameInfo info, Output out, Session session) throws IOException {
        OrcConversion conversion = new OrcConversion();
        conversion.<IOException>convert(
                info,
                (address, entry) ->
                        out.hex(address).append(' ').append(entry.toString()).newline());
        StringBuilder line = new StringBuilder("%d rows".formatted(conversion.rows()));
        Map<String, Integer> refused = new TreeMap<>(conversion.refused());
        int sum = refused.values().stream().mapToInt(Integer::intValue).sum();
        line.append(", %d that no ORC entry can say".formatted(sum));
        refused.forEach((why, count) -> line.append("; %d: %s".formatted(count, why)));
        session.say(line.toString());
    }

    private static void summarize(Synthesis made, @Nullable Comparison comparison, Session session) {
        session.say(
                "%d rows for %d of %d instructions reached (%.2f %%, proved for %.2f %%), %d in all; %d functions, %d not understood"
                        .formatted(
                                made.rows(),
                                made.covered(),
                                made.reached(),
                                percent(made.covered(), made.reached()),
                                percent(made.proved(), made.reached()),
                                made.instructions(),
                                made.functions(),
                                made.refused()));
        if (comparison != null) {
            session.say(
                    ("compared: %d equal, %d of the same meaning, %d different where proved, %d where not, %d of another kind, %d without a"
                                    + " made row (%.3f %% agree); %d not reached")
                            .formatted(
                                    comparison.equal(),
                                    comparison.equivalent(),
                                    comparison.different(),
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
