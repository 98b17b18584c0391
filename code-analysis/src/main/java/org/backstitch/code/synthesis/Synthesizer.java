package org.backstitch.code.synthesis;

import java.lang.foreign.Arena;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.BitSet;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import org.backstitch.code.capstone.Capstone;
import org.backstitch.code.stack.DecodedCode;
import org.backstitch.code.stack.FrameProof;
import org.backstitch.code.stack.LandingPads;
import org.backstitch.code.stack.ModuleCode;
import org.backstitch.code.stack.RegisterChanges;
import org.backstitch.code.stack.StackFlow;
import org.backstitch.code.stack.StackState;
import org.backstitch.elf.ElfFile;
import org.jspecify.annotations.Nullable;

/**
 * Makes unwind rows from machine code: every function is followed from its entry, and what is known in front of each instruction becomes
 * its row.
 *
 * <p>There is no row where nothing leads, where the state is lost, and where functions that share code bring different frames. A
 * function that pops what its caller pushed, or one of whose returns does not find the return address on top of the stack and RBP as it was,
 * was not understood, or is none: it gets no rows. A row is <em>proved</em> if nothing of what leads to it hangs on the return of a call
 * that cannot be looked into, nor on a guess where functions begin, or if the frame is taken down behind it as it was set up
 * ({@link FrameProof}). The others are offered, not claimed.
 *
 * {@snippet :
 * Synthesis made = Synthesizer.synthesize(elf, capstone, null);
 * UnwindTable table = CfiUnwindInfo.of(made.elf()).compile();
 * }
 */
public final class Synthesizer {
    private static final int CONFLICT = -1;

    private final ElfFile elf;
    private final ModuleCode module;
    private final FunctionStarts starts;
    private final DecodedCode code;
    private final StackFlow flow;
    private final RegisterChanges registerChanges;
    private boolean again;
    private final Map<FrameRow, Integer> numbers = new HashMap<>();
    private final List<FrameRow> rows = new ArrayList<>();

    /** For each instruction the number of its row, counted from 1; 0 for none so far. */
    private final int[] rowOf;

    private final BitSet proved = new BitSet();

    /** What {@link RowComparison} said of each instruction. */
    private final byte[] compared;

    private final @Nullable RowComparison comparison;
    private int refused;

    private Synthesizer(ElfFile elf, Capstone capstone, Arena arena, @Nullable OwnTable own) {
        this.elf = elf;
        module = ModuleCode.of(elf, arena);
        starts = new FunctionStarts(module);
        starts.read(elf);
        Exploration.Explored explored = Exploration.explore(module, starts, capstone);
        code = explored.code();
        registerChanges = explored.registerChanges();
        flow = new StackFlow(code, LandingPads.NONE);
        flow.consider(registerChanges);
        rowOf = new int[code.size()];
        comparison = own == null ? null : new RowComparison(own);
        compared = new byte[comparison == null ? 0 : code.size()];
    }

    /**
     * Makes rows for a program, a library, a kernel or one of its modules; the file's own unwind tables are not looked at.
     *
     * @param own rows to compare with at each instruction, or null
     * @param onlyProved whether rows that are not proved are left out
     * @throws org.backstitch.bytes.MalformedInputException if the file has no code
     */
    public static Synthesis synthesize(ElfFile elf, Capstone capstone, @Nullable OwnTable own, boolean onlyProved) {
        try (Arena arena = Arena.ofConfined()) {
            Synthesizer synthesizer = new Synthesizer(elf, capstone, arena, own);
            synthesizer.followAll();
            return synthesizer.write(onlyProved, capstone);
        }
    }

    /**
     * Follows every function; once more if one has turned out to change registers because it calls another that does, until its callers are
     * known, too.
     */
    private void followAll() {
        do {
            again = false;
            refused = 0;
            proved.clear();
            Arrays.fill(rowOf, 0);
            Arrays.fill(compared, (byte) 0);
            code.regions().forEachFunction(this::follow);
        } while (again);
    }

    private void follow(int region) {
        FrameProof proof = FrameProof.of(flow, code, region, starts::isTrusted);
        int start = code.regions().start(region);
        boolean guess = starts.isGuess(start);
        again |= registerChanges.add(start, proof.changedRegisters());
        if (proof.isWrong()) {
            refused++;
            return;
        }
        boolean outermost = module.addressOf(start) == elf.entry() && !code.isCalled(region);
        flow.visit((instruction, state, _) -> {
            note(
                    instruction,
                    outermost || proof.isOutermost(state) ? FrameRow.OUTERMOST : FrameRow.of(state),
                    state,
                    !guess && proof.isCertain(instruction));
        });
    }

    private void note(int instruction, @Nullable FrameRow row, StackState state, boolean certain) {
        int number = row == null ? CONFLICT : numbers.computeIfAbsent(row, this::number);
        int before = rowOf[instruction];
        if (before == 0 || certain && !proved.get(instruction)) {
            rowOf[instruction] = number;
            proved.set(instruction, certain);
            if (comparison != null && row != null) {
                compared[instruction] = comparison.compare(module.addressOf(code.place(instruction)), row, state);
            }
        } else if (certain == proved.get(instruction) && before != number) {
            rowOf[instruction] = CONFLICT;
        }
    }

    private int number(FrameRow row) {
        rows.add(row);
        return rows.size();
    }

    private Synthesis write(boolean onlyProved, Capstone capstone) {
        MadeRows.Builder writer = new MadeRows.Builder(elf, rows);
        int instructions = 0;
        int covered = 0;
        int certain = 0;
        int reached = 0;
        for (int region = 0; region < code.regions().size(); region++) {
            int end = code.first(region + 1);
            for (int i = code.first(region); i < end; i = code.next(i)) {
                boolean known = rowOf[i] > 0 && (proved.get(i) || !onlyProved);
                FrameRow row = known ? rows.get(rowOf[i] - 1) : null;
                long address = module.addressOf(code.place(i));
                if (row != null) {
                    writer.row(address, rowOf[i] - 1);
                } else {
                    writer.gap(address);
                }
                if (!code.isPadding(i) || flow.isReached(i)) {
                    instructions++;
                    covered += known ? 1 : 0;
                    certain += known && proved.get(i) ? 1 : 0;
                    reached += flow.isReached(i) ? 1 : 0;
                }
                if (comparison != null && row != null) {
                    comparison.count(address, compared[i], row, proved.get(i));
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
                certain,
                comparison == null ? null : comparison.finish(capstone),
                writer.build());
    }
}
