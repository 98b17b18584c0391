package org.backstitch.code.verify;

import java.lang.foreign.MemorySegment;
import java.util.ArrayList;
import java.util.BitSet;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import org.backstitch.code.capstone.Capstone;
import org.backstitch.code.stack.DecodedCode;
import org.backstitch.code.stack.ModuleCode;
import org.jspecify.annotations.Nullable;

/** Keeps the verdict of every instruction, and of the worst of them why. */
final class Ledger {
    /** How many instructions a finding shows in front of its own. */
    private static final int CONTEXT = 9;

    /** Why an instruction has its verdict. */
    record Reason(String subject, String claim, String found, String state, boolean assumed) {}

    private static final int UNREACHED = Verdict.UNREACHED.weight();

    private static final Reason NOTHING_LEADS_THERE =
            new Reason("CFA", "the row", "not known", "nothing leads there", false);

    private final DecodedCode code;
    private final byte[] verdicts;
    private final BitSet certain = new BitSet();
    private final Map<Integer, Reason> reasons = new HashMap<>();

    private final int[] rows = new int[Verdict.COUNT];
    private final int[] instructions = new int[Verdict.COUNT];
    private int padding;
    private int assumed;
    private final List<Finding> findings = new ArrayList<>();

    Ledger(DecodedCode code) {
        this.code = code;
        this.verdicts = new byte[code.size()];
    }

    Verdict verdict(int instruction) {
        return Verdict.of(verdicts[instruction]);
    }

    /**
     * Notes a verdict; returns whether it wants a reason.
     *
     * <p>Code that several functions lead to has the best of their verdicts: one whose unreachable end was left open may seem to run into
     * another one's.
     */
    boolean note(int instruction, Verdict verdict, boolean isAssumed) {
        if (!isAssumed) {
            certain.set(instruction);
        }
        if (verdicts[instruction] != UNREACHED && verdict.weight() >= verdicts[instruction]) {
            return false;
        }
        verdicts[instruction] = (byte) verdict.weight();
        if (verdict == Verdict.PROVED) {
            reasons.remove(instruction);
            return false;
        }
        return true;
    }

    void explain(int instruction, Reason reason) {
        reasons.put(instruction, reason);
    }

    /**
     * Counts the instructions from {@code first} up to {@code end} of one row, and makes a finding of them if they deserve it.
     *
     * @param describe tells the row in its own words
     */
    void closeRow(
            int first,
            int end,
            Span function,
            Span row,
            java.util.function.Supplier<String> describe,
            Capstone capstone) {
        Verdict worst = Verdict.UNREACHED;
        int culprit = -1;
        boolean any = false;
        for (int i = first; i < end; i = code.next(i)) {
            Verdict verdict = verdict(i);
            if (verdict == Verdict.UNREACHED && code.isPadding(i)) {
                padding++;
                continue;
            }
            any = true;
            instructions[verdict.weight()]++;
            if (verdict != Verdict.UNREACHED && !certain.get(i)) {
                assumed++;
            }
            if (verdict.weight() > worst.weight() || culprit < 0) {
                worst = verdict;
                culprit = i;
            }
        }
        if (any) {
            rows[worst.weight()]++;
        }
        Reason reason = culprit < 0 ? null : worst == Verdict.UNREACHED ? NOTHING_LEADS_THERE : reasons.get(culprit);
        if (reason != null) {
            boolean contradicted = worst == Verdict.CONTRADICTED;
            findings.add(new Finding(
                    worst,
                    function.start,
                    function.end,
                    row.start,
                    row.end,
                    code.module().addressOf(code.place(culprit)),
                    describe.get(),
                    reason.subject,
                    reason.claim,
                    reason.found,
                    reason.state,
                    reason.assumed,
                    contradicted ? listing(culprit, capstone) : List.of()));
        }
    }

    /** The verdicts of the instructions at some addresses; {@link Verdict#UNREACHED} where there is none. */
    List<Verdict> verdicts(long[] addresses) {
        List<Verdict> all = new ArrayList<>(addresses.length);
        for (long address : addresses) {
            int instruction = code.find(code.module().placeOf(address));
            all.add(instruction < 0 ? Verdict.UNREACHED : verdict(instruction));
        }
        return all;
    }

    /** Addresses from {@code start} up to {@code end}. */
    record Span(long start, long end) {}

    private List<Finding.Line> listing(int instruction, Capstone capstone) {
        int from = instruction;
        int first = code.first(code.regionOf(instruction));
        for (int lines = 0; lines < CONTEXT && from > first; lines++) {
            from--;
            if (from > first && code.place(from - 1) == code.place(from)) {
                from--;
            }
        }
        List<Finding.Line> lines = new ArrayList<>();
        for (int i = from; i <= instruction; i = code.next(i)) {
            lines.add(line(code.place(i), capstone));
        }
        return lines;
    }

    private Finding.Line line(int place, Capstone capstone) {
        ModuleCode module = code.module();
        long address = module.addressOf(place);
        ModuleCode.@Nullable Part part = module.partAt(place);
        if (part == null) {
            return new Finding.Line(address, "(no code)");
        }
        MemorySegment bytes = part.code().asSlice(place - part.place());
        capstone.start(bytes, address);
        String text =
                capstone.next() ? capstone.instruction().toString() : "(an instruction that Capstone does not know)";
        return new Finding.Line(address, text);
    }

    Counts rows() {
        return Counts.of(rows);
    }

    Counts instructions() {
        return Counts.of(instructions);
    }

    int padding() {
        return padding;
    }

    int assumed() {
        return assumed;
    }

    List<Finding> findings() {
        findings.sort((a, b) -> Long.compareUnsigned(a.row(), b.row()));
        return findings;
    }
}
