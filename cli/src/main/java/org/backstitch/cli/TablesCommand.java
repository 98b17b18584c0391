package org.backstitch.cli;

import java.io.IOException;
import java.lang.foreign.Arena;
import java.util.Optional;
import org.backstitch.bytes.MalformedInputException;
import org.backstitch.elf.ElfFile;
import org.backstitch.elf.ElfSection;
import org.backstitch.elf.dwarf.CallFrameInfo;
import org.backstitch.elf.image.ElfImage;
import org.backstitch.elf.orc.KernelRelease;
import org.backstitch.elf.orc.OrcTable;
import org.backstitch.elf.orc.OrcText;
import org.backstitch.unwind.table.CfiUnwindInfo;
import org.backstitch.unwind.table.OrcCompiler;
import org.backstitch.unwind.table.UnwindTable;
import org.jspecify.annotations.Nullable;

/** {@code backstitch tables}: the unwind tables of a file, as the file says them and as the unwinder holds them. */
public final class TablesCommand implements Subcommand {
    @Override
    public Syntax syntax() {
        return Syntax.of("Print the unwind tables of an ELF file.")
                .detail(
                        "Each row says where the canonical frame address (CFA) is from an address on, and where the caller's"
                                + " registers lie: the words are those of readelf -wF and of objtool.")
                .operand(
                        "FILE",
                        "An ELF file, or what holds one: vmlinuz, a .ko.xz, a package (FILE.deb!/path names its member).")
                .flag("--cfi", "Call frame information: .eh_frame, or .debug_frame where there is none (the default).")
                .flag("--orc", "The kernel's ORC entries, of any version of the format.")
                .flag("--compiled", "The rules as the unwinder holds them after compiling, with their size in memory.")
                .option("--section", "NAME", "The section to read call frame information from.")
                .option("--kernel-release", "X.Y", "The kernel that an ORC table without a header was built for.")
                .example("backstitch tables /bin/true", ".eh_frame, row by row")
                .example("backstitch tables --section .debug_frame app", "another section")
                .example("backstitch tables --orc vmlinuz", "the kernel's ORC entries")
                .example("backstitch tables --compiled libc.so.6", "what the hot loop sees, and what it costs");
    }

    @Override
    public ExitStatus run(Arguments arguments, Session session) throws IOException {
        boolean orc = arguments.has("--orc");
        boolean compiled = arguments.has("--compiled");
        if ((arguments.has("--cfi") ? 1 : 0) + (orc ? 1 : 0) + (compiled ? 1 : 0) > 1) {
            throw new UsageException("only one of --cfi, --orc and --compiled");
        }
        String section = arguments.text("--section").orElse(null);
        KernelRelease release = null;
        if (arguments.has("--kernel-release")) {
            String name = arguments.text("--kernel-release").orElseThrow();
            release = KernelRelease.parse(name)
                    .orElseThrow(() -> new UsageException("not a kernel release: '" + name + "'"));
        }
        try (Arena arena = Arena.ofShared()) {
            String name = arguments.text("FILE").orElseThrow();
            if (!name.contains("!/")) {
                arguments.requiredInput("FILE");
            }
            ElfImage image = ElfImage.open(name, arena);
            ElfFile elf = image.elf();
            KernelRelease known = release != null
                    ? release
                    : image.kernelRelease().flatMap(KernelRelease::parse).orElse(null);
            if (orc) {
                OrcText.write(OrcTable.of(elf, known), session.out());
            } else if (compiled) {
                if (elf.section(".orc_unwind").isPresent()) {
                    printCompiledOrc(elf, OrcTable.of(elf, known), session);
                } else {
                    printCompiled(elf, session);
                }
            } else {
                printCfi(elf, section, session);
            }
        }
        return ExitStatus.DONE;
    }

    private static void printCfi(ElfFile elf, @Nullable String section, Session session) throws IOException {
        CallFrameInfo info = callFrameInfo(elf, section)
                .orElseThrow(() -> new UnusableInputException(
                        elf.bytes().source(),
                        section == null ? "neither .eh_frame nor .debug_frame in it" : "no section " + section));
        CfiText text = new CfiText(session.out());
        text.write(info);
        MalformedInputException first = text.firstMalformed();
        if (first != null) {
            session.say(
                    "backstitch: %d malformed entries, the first: %s".formatted(text.malformed(), first.getMessage()));
        }
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

    private static void printCompiled(ElfFile elf, Session session) throws IOException {
        CompiledText text = new CompiledText(session.out());
        text.write(CfiUnwindInfo.of(elf).compile(), "");
        session.say(text.summary());
    }

    /** The kernel's tables; of a module that is not linked, section by section. */
    private static void printCompiledOrc(ElfFile elf, OrcTable table, Session session) throws IOException {
        CompiledText text = new CompiledText(session.out());
        if (!table.isRelocatable()) {
            long end = table.size() == 0 ? 0 : table.address(table.size() - 1) + 1;
            text.write(OrcCompiler.compile(table, end), "");
        } else {
            for (ElfSection section : elf.sections()) {
                UnwindTable compiled = OrcCompiler.compileSection(table, section.index(), section.size());
                if (compiled.rows() > 0) {
                    text.write(compiled, section.name() + "+");
                }
            }
        }
        session.say(text.summary());
    }
}
