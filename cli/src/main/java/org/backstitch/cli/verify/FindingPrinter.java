package org.backstitch.cli.verify;

import com.fasterxml.jackson.core.JsonGenerator;
import java.io.IOException;
import org.backstitch.cli.output.JsonLines;
import org.backstitch.cli.output.Output;
import org.backstitch.cli.output.PlainText;
import org.backstitch.code.verify.Counts;
import org.backstitch.code.verify.Finding;
import org.backstitch.code.verify.Verification;
import org.backstitch.symbols.Demangler;
import org.backstitch.symbols.SymbolIndex;
import org.jspecify.annotations.Nullable;

/** Prints findings: as paragraphs to read, or as JSON objects, one a line, with the counts in the last. */
public abstract class FindingPrinter {
    private final SymbolIndex symbols;
    private final @Nullable Demangler demangler;

    private FindingPrinter(SymbolIndex symbols, boolean demangle) {
        this.symbols = symbols;
        this.demangler = demangle ? Demangler.create() : null;
    }

    /** A printer of text, or of JSON. */
    public static FindingPrinter of(Output out, boolean json, SymbolIndex symbols, boolean demangle)
            throws IOException {
        return json ? new Json(out, symbols, demangle) : new Text(out, symbols, demangle);
    }

    /** Prints a finding. */
    public abstract void print(Finding finding) throws IOException;

    /** Prints what comes after the last finding. */
    public abstract void finish(Verification verification) throws IOException;

    /** A place in a function. */
    private record Name(String symbol, long offset) {}

    private @Nullable Name name(long address) {
        int symbol = symbols.find(address);
        if (symbol < 0) {
            return null;
        }
        String raw = symbols.name(symbol);
        return new Name(demangler == null ? raw : demangler.demangle(raw), address - symbols.start(symbol));
    }

    private static final class Text extends FindingPrinter {
        private final Output out;

        Text(Output out, SymbolIndex symbols, boolean demangle) {
            super(symbols, demangle);
            this.out = out;
        }

        @Override
        public void print(Finding finding) throws IOException {
            out.append(finding.verdict().label()).append(" at ").hex(finding.instruction());
            Name name = super.name(finding.instruction());
            if (name != null) {
                out.append(" <")
                        .append(PlainText.oneLine(name.symbol))
                        .append("+0x")
                        .hex(name.offset)
                        .append('>');
            }
            out.append(finding.assumed() ? ", from an assumed entry" : "").newline();
            out.append("  row    ").hex(finding.row()).append("..").hex(finding.rowEnd());
            out.append("  ").append(finding.rule()).append("  (function ");
            out.hex(finding.function())
                    .append("..")
                    .hex(finding.functionEnd())
                    .append(')')
                    .newline();
            out.append("  claim  ").append(finding.subject()).append(" = ").append(finding.claim());
            out.append(", which is ").append(finding.found()).newline();
            out.append("  state  ").append(finding.state()).newline();
            int last = finding.code().size() - 1;
            for (int i = 0; i <= last; i++) {
                Finding.Line line = finding.code().get(i);
                out.append(i == last ? "  code > " : "  code   ").hex(line.address());
                out.append("  ").append(line.text()).newline();
            }
        }

        @Override
        public void finish(Verification verification) {
            // The summary goes to standard error.
        }
    }

    private static final class Json extends FindingPrinter {
        private final JsonLines lines;

        Json(Output out, SymbolIndex symbols, boolean demangle) throws IOException {
            super(symbols, demangle);
            lines = new JsonLines(out);
        }

        @Override
        public void print(Finding finding) throws IOException {
            Name name = super.name(finding.instruction());
            lines.begin();
            lines.text("verdict", finding.verdict().label());
            lines.address("ip", finding.instruction());
            lines.text("sym", name == null ? null : name.symbol);
            if (name == null) {
                lines.unknown("off");
            } else {
                lines.number("off", name.offset);
            }
            lines.address("function", finding.function());
            lines.address("function_end", finding.functionEnd());
            lines.address("row", finding.row());
            lines.address("row_end", finding.rowEnd());
            lines.text("rule", finding.rule());
            lines.text("subject", finding.subject());
            lines.text("claim", finding.claim());
            lines.text("found", finding.found());
            lines.text("state", finding.state());
            lines.truth("assumed", finding.assumed());
            JsonGenerator generator = lines.generator();
            generator.writeArrayFieldStart("code");
            for (Finding.Line line : finding.code()) {
                generator.writeStartObject();
                lines.address("ip", line.address());
                lines.text("text", line.text());
                generator.writeEndObject();
            }
            generator.writeEndArray();
            lines.end();
        }

        @Override
        public void finish(Verification verification) throws IOException {
            lines.begin();
            lines.text("summary", verification.source());
            lines.text("table", verification.table());
            lines.number("functions", verification.functions());
            counts("rows", verification.rows());
            counts("instructions", verification.instructions());
            lines.number("padding", verification.padding());
            lines.number("assumed_entries", verification.assumedEntries());
            lines.number("assumed_instructions", verification.assumedInstructions());
            lines.number("unknown_instructions", verification.unknownInstructions());
            lines.number("unresolved_jumps", verification.unresolvedJumps());
            lines.number("malformed_entries", verification.malformedEntries());
            lines.end();
        }

        private void counts(String field, Counts counts) throws IOException {
            lines.generator().writeObjectFieldStart(field);
            lines.number("proved", counts.proved());
            lines.number("contradicted", counts.contradicted());
            lines.number("undecided", counts.undecided());
            lines.number("unreached", counts.unreached());
            lines.generator().writeEndObject();
        }
    }
}
