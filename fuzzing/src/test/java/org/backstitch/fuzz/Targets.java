package org.backstitch.fuzz;

import java.util.Map;
import java.util.TreeMap;

/** All targets, by the names that {@code tools/fuzz} and the directories of inputs have for them. */
final class Targets {
    private Targets() {}

    /** What a target does with an input. */
    @FunctionalInterface
    interface Target {
        void run(byte[] data) throws Exception;
    }

    static final Map<String, Target> ALL = new TreeMap<>(Map.ofEntries(
            Map.entry("Cfi", CfiFuzz::run),
            Map.entry("CompressedRecords", CompressedRecordsFuzz::run),
            Map.entry("Core", CoreFuzz::run),
            Map.entry("Demangler", DemanglerFuzz::run),
            Map.entry("Elf", ElfFuzz::run),
            Map.entry("Expression", ExpressionFuzz::run),
            Map.entry("Image", ImageFuzz::run),
            Map.entry("KernelDump", KernelDumpFuzz::run),
            Map.entry("KernelTables", KernelTablesFuzz::run),
            Map.entry("KernelWalk", KernelWalkFuzz::run),
            Map.entry("Orc", OrcFuzz::run),
            Map.entry("Perf", PerfFuzz::run),
            Map.entry("Snapshot", SnapshotFuzz::run),
            Map.entry("UserWalk", UserWalkFuzz::run),
            Map.entry("VmCore", VmCoreFuzz::run)));
}
