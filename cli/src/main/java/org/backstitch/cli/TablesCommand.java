package org.backstitch.cli;

import java.io.IOException;
import java.lang.foreign.Arena;
import java.nio.file.Path;
import java.util.Optional;
import org.backstitch.bytes.MalformedInputException;
import org.backstitch.elf.ElfFile;
import org.backstitch.elf.ElfSection;
import org.backstitch.elf.dwarf.CallFrameInfo;
import org.backstitch.elf.orc.KernelRelease;
import org.backstitch.elf.orc.OrcTable;
import org.backstitch.elf.orc.OrcText;
import org.backstitch.unwind.table.CfiUnwindInfo;
import org.backstitch.unwind.table.SavedRegisters;
import org.backstitch.unwind.table.UnwindRule;
import org.backstitch.unwind.table.UnwindTable;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine.ArgGroup;
import picocli.CommandLine.Command;
import picocli.CommandLine.Option;
import picocli.CommandLine.Parameters;

/** {@code backstitch tables}: the unwind tables of a file, as the file says them and as the unwinder holds them. */
@Command(
        name = "tables",
        header = "Print the unwind tables of an ELF file.",
        description = {
            "%nEach row says where the canonical frame address (CFA) is from an address on, and where the caller's registers"
                    + " lie: the words are those of readelf -wF and of objtool.",
            ""
        },
        footer = {
            "",
            "Examples:",
            "  backstitch tables /bin/true                       .eh_frame, row by row",
            "  backstitch tables --section .debug_frame app      another section",
            "  backstitch tables --orc vmlinux                   the kernel's ORC entries",
            "  backstitch tables --compiled libc.so.6            what the hot loop sees, and what it costs"
        })
public final class TablesCommand implements Subcommand {
    @ArgGroup
    private @Nullable Kind kind;

    /** Which tables; at most one. */
    static final class Kind {
        @Option(
                names = "--cfi",
                description = "Call frame information: .eh_frame, or .debug_frame where there is none (the default).")
        boolean cfi;

        @Option(names = "--orc", description = "The kernel's ORC entries, of any version of the format.")
        boolean orc;

        @Option(
                names = "--compiled",
                description = "The rules as the unwinder holds them after compiling, with their size in memory.")
        boolean compiled;
    }

    @Option(names = "--section", paramLabel = "NAME", description = "The section to read call frame information from.")
    private @Nullable String section;

    @Option(
            names = "--kernel-release",
            paramLabel = "X.Y",
            description = "The kernel that an ORC table without a header was built for.")
    private @Nullable String kernelRelease;

    @Parameters(paramLabel = "FILE", description = "An ELF file.")
    private @Nullable Path file;

    @Override
    public ExitStatus run(Session session) throws IOException {
        if (file == null) {
            throw new UsageException("which file?");
        }
        try (Arena arena = Arena.ofShared()) {
            ElfFile elf = ElfFile.map(file, arena);
            if (kind != null && kind.orc) {
                printOrc(elf, session);
            } else if (kind != null && kind.compiled) {
                printCompiled(elf, session);
            } else {
                printCfi(elf, session);
            }
        }
        return ExitStatus.DONE;
    }

    private void printCfi(ElfFile elf, Session session) throws IOException {
        CallFrameInfo info = callFrameInfo(elf)
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

    private Optional<CallFrameInfo> callFrameInfo(ElfFile elf) {
        if (section == null) {
            return CallFrameInfo.of(elf);
        }
        CallFrameInfo.Flavor flavor =
                section.contains("debug_frame") ? CallFrameInfo.Flavor.DEBUG_FRAME : CallFrameInfo.Flavor.EH_FRAME;
        Optional<ElfSection> found = elf.section(section);
        return found.map(named -> CallFrameInfo.of(elf, named, flavor));
    }

    private void printOrc(ElfFile elf, Session session) throws IOException {
        KernelRelease release = null;
        if (kernelRelease != null) {
            release = KernelRelease.parse(kernelRelease)
                    .orElseThrow(() -> new UsageException("not a kernel release: '" + kernelRelease + "'"));
        }
        OrcText.write(OrcTable.of(elf, release), new OutputText(session.out()));
    }

    private static void printCompiled(ElfFile elf, Session session) throws IOException {
        CfiUnwindInfo info = CfiUnwindInfo.of(elf);
        UnwindTable table = info.compile();
        Output out = session.out();
        IOException[] refused = new IOException[1];
        table.forEachRow((start, end, rule, saved, side) -> {
            try {
                out.hex(start).append(' ').hex(end).append(' ').append(UnwindRule.toString(rule));
                if (saved != SavedRegisters.SAME) {
                    out.append(' ').append(SavedRegisters.toString(saved));
                }
                if (side != null) {
                    out.append(' ').append(side.toString());
                }
                out.newline();
            } catch (IOException e) {
                refused[0] = e;
            }
        });
        if (refused[0] != null) {
            throw refused[0];
        }
        int rules = table.dictionary().size() - 1;
        session.say(
                "%d rows (%d in the file), %d rules, %d bytes (%d of them the dictionary), %.2f bytes a row of the file"
                        .formatted(
                                table.rows(),
                                table.sourceRows(),
                                rules,
                                table.sizeInBytes(),
                                table.dictionary().sizeInBytes(),
                                table.sourceRows() == 0 ? 0.0 : (double) table.sizeInBytes() / table.sourceRows()));
    }

    /** The output as text goes to it. */
    private record OutputText(Output out) implements Appendable {
        @Override
        public Appendable append(CharSequence text) throws IOException {
            out.append(text.toString());
            return this;
        }

        @Override
        public Appendable append(CharSequence text, int start, int end) throws IOException {
            return append(text.subSequence(start, end));
        }

        @Override
        public Appendable append(char c) throws IOException {
            out.append(c);
            return this;
        }
    }
}
