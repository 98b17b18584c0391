package org.backstitch.cli;

import java.util.LinkedHashMap;
import java.util.Map;
import java.util.function.Supplier;
import java.util.stream.Stream;
import picocli.CommandLine;
import picocli.CommandLine.Help.Ansi;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Model.OptionSpec;
import picocli.CommandLine.Model.PositionalParamSpec;
import picocli.CommandLine.Model.UsageMessageSpec;

/** Help, laid out by picocli from what the commands declare. Nothing else touches picocli: see {@link Syntax} for why. */
final class HelpPages {
    private static final int WIDTH = 100;
    private static final String PROGRAM = "backstitch";

    /** One line a record command, then what can be done with what it wrote. */
    private static final String[] EXAMPLES = {
        "  perf record -F 999 --call-graph dwarf,16384 -- ./program",
        "  backstitch flame -o program.html perf.data    a flame graph for the browser",
        "  backstitch script perf.data | less            every sample, as perf script prints it",
        "  backstitch script --format json perf.data     one JSON object a sample",
        "  backstitch tables --cfi /bin/true             unwind rows, as readelf -wF prints them"
    };

    private HelpPages() {}

    /** What {@code backstitch --help} prints. */
    static String program(Map<String, Supplier<Subcommand>> commands, boolean colour) {
        CommandSpec spec = CommandSpec.create().name(PROGRAM);
        spec.usageMessage()
                .customSynopsis(PROGRAM + " COMMAND [OPTIONS] FILE")
                .header("Callchains that can be trusted, from what a machine recorded in a hurry.", "")
                .description(
                        "",
                        "Reads perf.data, core dumps, running processes, kernel dumps and stack snapshots; unwinds user stacks with .eh_frame and"
                                + " kernel stacks with ORC; names the frames; says of every chain why it ends.",
                        "")
                .commandListHeading("%nCommands (backstitch COMMAND --help says more):%n")
                .exitCodeListHeading("%nExit status:%n")
                .exitCodeList(exitStatuses())
                .footerHeading("%nExamples:%n")
                .footer(EXAMPLES);
        spec.addOption(OptionSpec.builder("-h", "--help")
                        .usageHelp(true)
                        .description("Show this help; also: backstitch help COMMAND.")
                        .build())
                .addOption(OptionSpec.builder("-V", "--version")
                        .versionHelp(true)
                        .description("Show the version, and the Java that runs it.")
                        .build());
        commands.forEach((name, make) ->
                spec.addSubcommand(name, command(name, make.get().syntax())));
        return render(spec, colour);
    }

    private static Map<String, String> exitStatuses() {
        Map<String, String> statuses = new LinkedHashMap<>();
        for (ExitStatus status : ExitStatus.values()) {
            statuses.put(
                    Integer.toString(status.code()),
                    switch (status) {
                        case DONE -> "done; anomalies inside the data are counted in the summary";
                        case UNUSABLE -> "the input could not be used; one line says why";
                        case USAGE -> "wrong usage";
                        case CONTRADICTION -> "verify found a contradiction";
                    });
        }
        return statuses;
    }

    /** What {@code backstitch NAME --help} prints. */
    static String command(String name, Syntax syntax, boolean colour) {
        return render(command(PROGRAM + " " + name, syntax), colour);
    }

    private static CommandSpec command(String name, Syntax syntax) {
        CommandSpec spec = CommandSpec.create().name(name);
        UsageMessageSpec page = spec.usageMessage();
        page.header(literal(syntax.summary()));
        page.sortOptions(false);
        page.description(syntax.details().stream()
                .flatMap(paragraph -> Stream.of("", literal(paragraph)))
                .toArray(String[]::new));
        page.parameterListHeading("%n");
        for (int i = 0; i < syntax.operands().size(); i++) {
            Syntax.Operand operand = syntax.operands().get(i);
            boolean many = operand.most() > 1;
            spec.addPositional(PositionalParamSpec.builder()
                    .paramLabel(operand.label())
                    .description(literal(operand.description()))
                    .index(many ? i + "..*" : Integer.toString(i))
                    .arity(operand.least() + (many ? "..*" : ""))
                    .type(many ? String[].class : String.class)
                    .build());
        }
        for (Syntax.Option option : syntax.options()) {
            OptionSpec.Builder builder = OptionSpec.builder(option.names().toArray(String[]::new))
                    .description(literal(option.description()));
            if (option.label() != null) {
                builder.paramLabel(option.label())
                        .type(option.repeatable() ? String[].class : String.class)
                        .arity("1");
            }
            spec.addOption(builder.build());
        }
        spec.addOption(OptionSpec.builder("-h", "--help")
                .usageHelp(true)
                .description("Show this help.")
                .build());
        if (!syntax.examples().isEmpty()) {
            page.footerHeading("%nExamples:%n");
            page.footer(syntax.examples().stream()
                    .flatMap(example ->
                            Stream.of("  " + literal(example.command()), "      " + literal(example.meaning())))
                    .toArray(String[]::new));
        }
        return spec;
    }

    /** Text as picocli takes it: it formats its lines, and knows markup that begins with {@code @|}. */
    private static String literal(String text) {
        return text.replace("%", "%%");
    }

    private static String render(CommandSpec spec, boolean colour) {
        spec.usageMessage().width(WIDTH);
        return new CommandLine(spec).getUsageMessage(colour ? Ansi.ON : Ansi.OFF);
    }
}
