package org.backstitch.cli;

import java.util.LinkedHashMap;
import java.util.SequencedMap;
import java.util.function.Supplier;

/** The commands of the program by name, in the order in which help lists them. To add one: write its class, and a line here. */
final class Subcommands {
    private Subcommands() {}

    /** Every command. Only the one that is asked for is ever made, so that a start pays for nothing else. */
    static SequencedMap<String, Supplier<Subcommand>> all() {
        SequencedMap<String, Supplier<Subcommand>> commands = new LinkedHashMap<>();
        commands.put("script", ScriptCommand::new);
        commands.put("fold", FoldCommand::new);
        commands.put("flame", FlameCommand::new);
        commands.put("inject", InjectCommand::new);
        commands.put("core", CoreCommand::new);
        commands.put("snapshot", SnapshotCommand::new);
        commands.put("pid", PidCommand::new);
        commands.put("pack", PackCommand::new);
        commands.put("tables", TablesCommand::new);
        commands.put("verify", VerifyCommand::new);
        commands.put("synthesize", SynthesizeCommand::new);
        commands.put("kernel", KernelCommand::new);
        commands.put("simulate", SimulateCommand::new);
        return commands;
    }
}
