package org.backstitch.cli;

import picocli.CommandLine.Command;

/** What {@code backstitch --help} says above and below the list of commands. */
@Command(
        name = "backstitch",
        customSynopsis = "backstitch COMMAND [OPTIONS] FILE",
        header = "Callchains that can be trusted, from what a machine recorded in a hurry.%n",
        description = {
            "%nReads perf.data, core dumps, kernel dumps and stack snapshots; unwinds user stacks with .eh_frame and kernel"
                    + " stacks with ORC; names the frames; says of every chain why it ends.",
            ""
        },
        commandListHeading = "%nCommands (backstitch COMMAND --help says more):%n",
        exitCodeListHeading = "%nExit status:%n",
        exitCodeList = {
            "0:done; anomalies inside the data are counted in the summary",
            "1:the input could not be used; one line says why",
            "2:wrong usage",
            "3:verify found a contradiction"
        },
        footer = {
            "",
            "Examples:",
            "  perf record -F 999 --call-graph dwarf,16384 -- ./program",
            "  backstitch flame -o program.html perf.data    a flame graph for the browser",
            "  backstitch script perf.data | less            every sample, as perf script prints it",
            "  backstitch script --format json perf.data     one JSON object a sample",
            "  backstitch tables --cfi /bin/true             unwind rows, as readelf -wF prints them"
        })
final class RootCommand {}
