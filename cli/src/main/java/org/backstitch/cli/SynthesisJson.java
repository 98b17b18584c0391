package org.backstitch.cli;

import java.io.IOException;
import java.nio.file.Path;
import java.util.Map;
import java.util.TreeMap;
import org.backstitch.cli.output.JsonLines;
import org.backstitch.cli.output.Output;
import org.backstitch.code.synthesis.Comparison;
import org.backstitch.code.synthesis.Difference;
import org.backstitch.code.synthesis.Synthesis;
import org.backstitch.elf.ElfFile;
import org.backstitch.elf.dwarf.CallFrameInfo;
import org.backstitch.elf.dwarf.CallFrameInterpreter;
import org.backstitch.elf.dwarf.FrameDescriptionEntry;
import org.backstitch.elf.orc.OrcEntry;
import org.backstitch.unwind.table.UnwindRule;
import org.backstitch.unwind.table.UnwindTable;
import org.jspecify.annotations.Nullable;

/**
 * Made rows as JSON objects, one a line; the last has the counts.
 *
 * <p>Fields are named as those of {@code verify}. Addresses of a relocatable file are offsets in the section that {@code section} names.
 */
final class SynthesisJson implements SynthesisPrinter {
    private final ElfFile elf;
    private final JsonLines lines;

    /** Writes the rows of a file to {@code out}. */
    SynthesisJson(ElfFile elf, Output out) throws IOException {
        this.elf = elf;
        lines = new JsonLines(out);
    }

    @Override
    public void cfi(CallFrameInfo info) throws IOException {
        CallFrameInterpreter rows = new CallFrameInterpreter();
        WordsAsText words = new WordsAsText(rows);
        CallFrameInfo.EntryCursor entries = info.entries();
        while (entries.next()) {
            if (entries.isCie()) {
                continue;
            }
            FrameDescriptionEntry fde = entries.parseFde();
            rows.start(fde);
            while (rows.nextRow()) {
                lines.begin();
                lines.address("function", fde.start());
                lines.address("function_end", fde.end());
                lines.address("row", rows.rowStart());
                lines.address("row_end", rows.rowEnd());
                lines.text("rule", words.get());
                lines.end();
            }
        }
    }

    @Override
    public void compiled(UnwindTable table) throws IOException {
        IOException[] refused = new IOException[1];
        table.forEachRow((start, end, rule, saved, side) -> {
            try {
                lines.begin();
                lines.address("row", start);
                lines.address("row_end", end);
                lines.text("rule", CompiledText.words(rule, saved, side));
                lines.end();
            } catch (IOException e) {
                refused[0] = e;
            }
        });
        if (refused[0] != null) {
            throw refused[0];
        }
    }

    @Override
    public void orc(long address, OrcEntry entry) throws IOException {
        lines.begin();
        place("row", address);
        lines.text("rule", entry.toString());
        lines.end();
    }

    @Override
    public void difference(Difference difference) throws IOException {
        lines.begin();
        place("ip", difference.address());
        lines.text("rule", UnwindRule.toString(difference.rule()));
        lines.text(
                "verdict",
                difference.verdict() == null ? null : difference.verdict().label());
        lines.text("made", difference.made());
        lines.truth("proved", difference.proved());
        lines.truth("foreign", difference.foreign());
        lines.end();
    }

    @Override
    public void finish(Synthesis made, @Nullable Map<String, Integer> refused, @Nullable Path file) throws IOException {
        lines.begin();
        lines.text("summary", made.source());
        lines.number("functions", made.functions());
        lines.number("guessed", made.guessed());
        lines.number("not_understood", made.refused());
        lines.number("rows", made.rows().size());
        lines.generator().writeObjectFieldStart("instructions");
        lines.number("all", made.instructions());
        lines.number("reached", made.reached());
        lines.number("covered", made.covered());
        lines.number("proved", made.proved());
        lines.generator().writeEndObject();
        if (refused != null) {
            refused(refused);
        }
        Comparison comparison = made.comparison();
        if (comparison != null) {
            compared(comparison);
        }
        if (file != null) {
            lines.text("elf", file.toString());
        }
        lines.end();
    }

    @Override
    public void finish(int rows, Map<String, Integer> refused) throws IOException {
        lines.begin();
        lines.text("summary", elf.bytes().source());
        lines.number("rows", rows);
        refused(refused);
        lines.end();
    }

    private void refused(Map<String, Integer> refused) throws IOException {
        lines.generator().writeObjectFieldStart("refused");
        for (Map.Entry<String, Integer> reason : new TreeMap<>(refused).entrySet()) {
            lines.number(reason.getKey(), reason.getValue());
        }
        lines.generator().writeEndObject();
    }

    private void compared(Comparison comparison) throws IOException {
        lines.generator().writeObjectFieldStart("compared");
        lines.number("equal", comparison.equal());
        lines.number("equivalent", comparison.equivalent());
        lines.number("different", comparison.different());
        lines.number("contradicted", comparison.contradicted());
        lines.number("different_unproved", comparison.differentUnproved());
        lines.number("foreign", comparison.foreign());
        lines.number("missing", comparison.missing());
        lines.number("unreached", comparison.unreached());
        lines.generator().writeEndObject();
    }

    private void place(String field, long address) throws IOException {
        if (elf.isRelocatable()) {
            lines.text("section", elf.sections().get((int) (address >>> 32)).name());
            lines.address(field, address & 0xffff_ffffL);
        } else {
            lines.address(field, address);
        }
    }

    /** The words of the row that an interpreter stands at, as a string. */
    private static final class WordsAsText {
        private final Output memory = Output.inMemory();
        private final CfiWords words;

        WordsAsText(CallFrameInterpreter rows) {
            words = new CfiWords(rows, memory);
        }

        String get() throws IOException {
            memory.clear();
            words.write();
            return memory.text();
        }
    }
}
