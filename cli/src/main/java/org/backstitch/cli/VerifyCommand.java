package org.backstitch.cli;

import java.io.IOException;
import java.lang.foreign.Arena;
import java.util.Optional;
import org.backstitch.cli.verify.FindingPrinter;
import org.backstitch.code.capstone.Capstone;
import org.backstitch.code.capstone.CapstoneUnavailableException;
import org.backstitch.code.verify.CfiVerifier;
import org.backstitch.code.verify.Counts;
import org.backstitch.code.verify.Finding;
import org.backstitch.code.verify.OrcVerifier;
import org.backstitch.code.verify.Verdict;
import org.backstitch.code.verify.Verification;
import org.backstitch.elf.ElfFile;
import org.backstitch.elf.ElfSection;
import org.backstitch.elf.dwarf.CallFrameInfo;
import org.backstitch.elf.image.ElfImage;
import org.backstitch.elf.orc.KernelRelease;
import org.backstitch.elf.orc.OrcTable;
import org.backstitch.symbols.Kallsyms;
import org.backstitch.symbols.SymbolIndex;
import org.backstitch.symbols.SymbolTable;
import org.jspecify.annotations.Nullable;

/** {@code backstitch verify}: the unwind tables of a file, held against its machine code. */
public final class VerifyCommand implements Subcommand {
    @Override
    public Syntax syntax() {
        return Syntax.of("Check a file's unwind tables against what its machine code does to the stack.")
                .detail(
                        "Follows every function from its entry and compares, in front of every instruction, the row that holds"
                                + " there with what the code has done by then. Prints each row that the code contradicts, with its"
                                + " instructions, and exits with 3 if there is any. Needs the library Capstone.")
                .operand(
                        "FILE",
                        "A program or shared library with its .eh_frame; or a vmlinux or a kernel module with ORC. Also what holds"
                                + " one: a .ko.xz, a package (FILE.deb!/path names its member).")
                .flag("--undecided", "Print also the rows that could not be decided, with the reason.")
                .option("--section", "NAME", "The section to read call frame information from.")
                .option("--kernel-release", "X.Y", "The kernel that an ORC table without a header was built for.")
                .option("--kallsyms", "FILE", "Symbols (System.map) for a vmlinux that has none.")
                .option("--format", "WORD", "text (the default), or json: one object a line.")
                .flag("--no-demangle", "Names of C++ and Rust functions as the file has them.")
                .example("backstitch verify /usr/lib/x86_64-linux-gnu/libcrypto.so.3", "what is wrong in it")
                .example(
                        "backstitch verify --undecided --format json libc.so.6", "for a script, with what is not known")
                .example("backstitch verify ext4.ko.xz", "a kernel module's ORC entries");
    }

    @Override
    public ExitStatus run(Arguments arguments, Session session) throws IOException {
        boolean json = arguments.choice("--format", "text", "json").equals("json");
        KernelRelease release = null;
        if (arguments.has("--kernel-release")) {
            String name = arguments.text("--kernel-release").orElseThrow();
            release = KernelRelease.parse(name)
                    .orElseThrow(() -> new UsageException("not a kernel release: '" + name + "'"));
        }
        String name = arguments.text("FILE").orElseThrow();
        if (!name.contains("!/")) {
            arguments.requiredInput("FILE");
        }
        Verification verification;
        try (Arena arena = Arena.ofShared();
                Capstone capstone = Capstone.open()) {
            ElfImage image = ElfImage.open(name, arena);
            KernelRelease known = release != null
                    ? release
                    : image.kernelRelease().flatMap(KernelRelease::parse).orElse(null);
            SymbolIndex symbols = symbols(image.elf(), arguments, arena);
            verification = verify(image.elf(), arguments.text("--section").orElse(null), known, capstone);
            FindingPrinter printer = FindingPrinter.of(session.out(), json, symbols, !arguments.has("--no-demangle"));
            for (Finding finding : verification.findings()) {
                if (finding.verdict() == Verdict.CONTRADICTED || arguments.has("--undecided")) {
                    printer.print(finding);
                }
            }
            printer.finish(verification);
        } catch (CapstoneUnavailableException e) {
            throw new UnusableInputException("verify", String.valueOf(e.getMessage()));
        }
        summarize(session, verification);
        return verification.isContradicted() ? ExitStatus.CONTRADICTION : ExitStatus.DONE;
    }

    private static SymbolIndex symbols(ElfFile elf, Arguments arguments, Arena arena) throws IOException {
        Optional<java.nio.file.Path> kallsyms = arguments.input("--kallsyms");
        return kallsyms.isPresent()
                ? Kallsyms.of(org.backstitch.bytes.Bytes.map(kallsyms.get(), arena))
                : SymbolTable.of(elf);
    }

    private static Verification verify(
            ElfFile elf, @Nullable String section, @Nullable KernelRelease release, Capstone capstone)
            throws UnusableInputException {
        if (section == null && elf.section(".orc_unwind").isPresent()) {
            return OrcVerifier.verify(elf, OrcTable.of(elf, release), capstone);
        }
        CallFrameInfo info = callFrameInfo(elf, section)
                .orElseThrow(() -> new UnusableInputException(
                        elf.bytes().source(),
                        section == null
                                ? "neither .eh_frame nor .debug_frame nor .orc_unwind in it"
                                : "no section " + section));
        return CfiVerifier.verify(elf, info, capstone);
    }

    private static Optional<CallFrameInfo> callFrameInfo(ElfFile elf, @Nullable String section) {
        if (section == null) {
            return CallFrameInfo.of(elf);
        }
        CallFrameInfo.Flavor flavor =
                section.contains("debug_frame") ? CallFrameInfo.Flavor.DEBUG_FRAME : CallFrameInfo.Flavor.EH_FRAME;
        Optional<ElfSection> found = elf.section(section);
        return found.map(named -> CallFrameInfo.of(elf, named, flavor));
    }

    private static void summarize(Session session, Verification verification) {
        Counts rows = verification.rows();
        Counts instructions = verification.instructions();
        StringBuilder line = new StringBuilder("%d rows: %d proved, %d contradicted, %d undecided"
                .formatted(rows.total(), rows.proved(), rows.contradicted(), rows.undecided() + rows.unreached()));
        line.append(
                "; %.3f %% of %d instructions decided".formatted(100 * instructions.decided(), instructions.total()));
        append(line, verification.assumedInstructions(), "of them only from assumed entries");
        append(line, verification.unknownInstructions(), "unknown to Capstone");
        append(line, verification.malformedEntries(), "malformed entries");
        session.say(line.toString());
    }

    private static void append(StringBuilder line, int count, String what) {
        if (count != 0) {
            line.append(", ").append(count).append(' ').append(what);
        }
    }
}
