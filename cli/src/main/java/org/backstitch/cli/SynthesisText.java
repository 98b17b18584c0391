package org.backstitch.cli;

import java.io.IOException;
import java.nio.file.Path;
import java.util.Map;
import org.backstitch.cli.output.Output;
import org.backstitch.code.synthesis.Difference;
import org.backstitch.code.synthesis.Synthesis;
import org.backstitch.elf.ElfFile;
import org.backstitch.elf.dwarf.CallFrameInfo;
import org.backstitch.elf.orc.OrcEntry;
import org.backstitch.unwind.table.UnwindTable;
import org.jspecify.annotations.Nullable;

/** Made rows as text, as {@code tables} prints those of a file. The counts go to standard error. */
final class SynthesisText implements SynthesisPrinter {
    private final ElfFile elf;
    private final Output out;
    private final Session session;

    /** Writes the rows of a file to {@code out}. */
    SynthesisText(ElfFile elf, Output out, Session session) {
        this.elf = elf;
        this.out = out;
        this.session = session;
    }

    @Override
    public void cfi(CallFrameInfo info) throws IOException {
        new CfiText(out).write(info);
    }

    @Override
    public void compiled(UnwindTable table) throws IOException {
        CompiledText text = new CompiledText(out);
        text.write(table, "");
        session.say(text.summary());
    }

    @Override
    public void orc(long address, OrcEntry entry) throws IOException {
        place(address).append(' ').append(entry.toString()).newline();
    }

    @Override
    public void difference(Difference difference) throws IOException {
        place(difference.address()).append(' ').append(difference.toString()).newline();
    }

    @Override
    public void finish(Synthesis made, @Nullable Map<String, Integer> refused, @Nullable Path file) {
        // The summary goes to standard error.
    }

    @Override
    public void finish(int rows, Map<String, Integer> refused) {
        // The summary goes to standard error.
    }

    /** An address, of a relocatable file as {@code SECTION+OFFSET}. */
    private Output place(long address) throws IOException {
        if (elf.isRelocatable()) {
            out.append(elf.sections().get((int) (address >>> 32)).name()).append('+');
            return out.hex(address & 0xffff_ffffL);
        }
        return out.hex(address);
    }
}
