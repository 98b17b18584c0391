package org.backstitch.code.synthesis;

import java.lang.foreign.Arena;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import org.backstitch.code.capstone.Capstone;
import org.backstitch.code.stack.DecodedCode;
import org.backstitch.code.stack.Effect;
import org.backstitch.code.stack.LandingPads;
import org.backstitch.code.stack.ModuleCode;
import org.backstitch.code.stack.StackFlow;
import org.backstitch.code.stack.StackState;
import org.backstitch.code.stack.Value;
import org.backstitch.elf.ElfFile;
import org.backstitch.unwind.machine.X86_64;
import org.backstitch.unwind.table.UnwindInfo;
import org.jspecify.annotations.Nullable;

/**
 * Makes unwind rows from machine code: every function is followed from its entry, and what is known in front of each instruction becomes
 * its row.
 *
 * <p>There is no row where nothing leads, where the state is lost, and where functions that share code bring different frames. A
 * function that pops what its caller pushed, or one of whose returns does not find the return address on top of the stack and RBP as it was,
 * was not understood, or is none: it gets no rows.
 *
 * {@snippet :
 * Synthesis made = Synthesizer.synthesize(elf, capstone, null);
 * UnwindTable table = CfiUnwindInfo.of(made.elf()).compile();
 * }
 */
public final class Synthesizer {
    private static final int CONFLICT = -1;
    private static final int MOST_ROUNDS = 16;

    private final ElfFile elf;
    private final ModuleCode module;
    private final FunctionStarts starts;
    private final DecodedCode code;
    private final StackFlow flow;
    private final Map<FrameRow, Integer> numbers = new HashMap<>();
    private final List<FrameRow> rows = new ArrayList<>();
    private final int[] rowOf;

    /** What {@link RowComparison} said of each instruction. */
    private final byte[] compared;

    private final @Nullable RowComparison comparison;
    private int refused;

    private Synthesizer(ElfFile elf, Capstone capstone, Arena arena, @Nullable UnwindInfo reference) {
        this.elf = elf;
        module = ModuleCode.of(elf, arena);
        starts = new FunctionStarts(module);
        starts.read(elf);
        DecodedCode decoded = StackFlow.prepare(DecodedCode.decode(module, starts.regions(), capstone));
        StackFlow followed = explore(decoded);
        for (int round = 0; round < MOST_ROUNDS; round++) {
            if (!starts.learn(decoded, followed) && !starts.guess(decoded, followed)) {
                break;
            }
            decoded = StackFlow.prepare(DecodedCode.decode(module, starts.regions(), capstone));
            followed = explore(decoded);
        }
        code = decoded;
        flow = followed;
        rowOf = new int[code.size()];
        compared = new byte[code.size()];
        comparison = reference == null ? null : new RowComparison(reference);
    }

    /**
     * Makes rows for a linked file; its own unwind tables are not looked at.
     *
     * @param reference rows to compare with at each instruction, or null
     * @throws org.backstitch.bytes.MalformedInputException if the file has no code, or is not linked
     */
    public static Synthesis synthesize(ElfFile elf, Capstone capstone, @Nullable UnwindInfo reference) {
        if (elf.isRelocatable()) {
            throw elf.bytes().malformed(16, "a relocatable file: rows are made for linked ones");
        }
        try (Arena arena = Arena.ofConfined()) {
            return new Synthesizer(elf, capstone, arena, reference).run();
        }
    }

    private static StackFlow explore(DecodedCode code) {
        StackFlow flow = new StackFlow(code, LandingPads.NONE);
        for (int region = 0; region < code.regions().size(); region++) {
            if (code.regions().isFunction(region)) {
                flow.analyze(region, null);
            }
        }
        return flow;
    }

    private Synthesis run() {
        boolean[] wrong = new boolean[1];
        boolean[] returns = new boolean[1];
        for (int region = 0; region < code.regions().size(); region++) {
            if (!code.regions().isFunction(region)) {
                continue;
            }
            flow.analyze(region, null);
            wrong[0] = false;
            returns[0] = false;
            flow.visit((instruction, state, _) -> {
                wrong[0] |= returnsWrong(instruction, state);
                returns[0] |= Effect.operation(code.control(instruction)) == Effect.RETURN;
            });
            // What only a pointer speaks for has to behave as functions do: a signal's return, say, never returns.
            boolean refuse =
                    wrong[0] || !returns[0] && starts.isGuessed(code.regions().start(region));
            if (refuse) {
                refused++;
            }
            flow.visit((instruction, state, _) -> note(instruction, state, refuse));
        }
        FrameWriter writer = new FrameWriter(elf);
        int instructions = 0;
        int covered = 0;
        int reached = 0;
        for (int region = 0; region < code.regions().size(); region++) {
            int end = code.first(region + 1);
            for (int i = code.first(region); i < end; i = code.next(i)) {
                int row = rowOf[i];
                boolean known = row > 0;
                long address = module.addressOf(code.place(i));
                if (known) {
                    writer.row(address, rows.get(row - 1));
                } else {
                    writer.gap(address);
                }
                if (!code.isPadding(i) || flow.isReached(i)) {
                    instructions++;
                    covered += known ? 1 : 0;
                    reached += flow.isReached(i) ? 1 : 0;
                }
                if (comparison != null && known) {
                    comparison.count(address, compared[i], rows.get(row - 1));
                } else if (comparison != null && !code.isPadding(i)) {
                    comparison.missing(address, flow.isReached(i));
                }
            }
            int place = code.regions().end(region);
            writer.gap(module.addressOf(place - 1) + 1);
        }
        return new Synthesis(
                elf.bytes().source(),
                starts.size(),
                starts.guessed(),
                refused,
                instructions,
                reached,
                covered,
                writer.rows(),
                comparison == null ? null : comparison.counts(),
                writer.finish());
    }

    private boolean returnsWrong(int instruction, StackState state) {
        long rsp = state.register(X86_64.RSP);
        if (Value.kind(rsp) == Value.CFA && Value.offset(rsp) > 0) {
            return true; // What was on the stack before the call is the caller's.
        }
        if (Effect.operation(code.control(instruction)) != Effect.RETURN) {
            return false;
        }
        if (Value.isFrame(rsp) && rsp != Value.cfa(-8)) {
            return true;
        }
        long rbp = state.register(X86_64.RBP);
        return rbp != Value.initial(X86_64.RBP) && rbp != Value.UNKNOWN;
    }

    private void note(int instruction, StackState state, boolean refuse) {
        FrameRow row = refuse ? null : FrameRow.of(state);
        int number = row == null ? CONFLICT : numbers.computeIfAbsent(row, this::number);
        int before = rowOf[instruction];
        if (before == 0 || before == number) {
            rowOf[instruction] = number;
        } else {
            rowOf[instruction] = CONFLICT;
        }
        if (comparison != null && row != null && before == 0) {
            compared[instruction] = comparison.compare(module.addressOf(code.place(instruction)), row, state);
        }
    }

    private int number(FrameRow row) {
        rows.add(row);
        return rows.size();
    }
}
