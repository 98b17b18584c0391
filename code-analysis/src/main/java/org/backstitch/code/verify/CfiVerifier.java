package org.backstitch.code.verify;

import java.lang.foreign.Arena;
import java.util.Arrays;
import java.util.List;
import java.util.OptionalLong;
import org.backstitch.bytes.Bytes;
import org.backstitch.bytes.MalformedInputException;
import org.backstitch.code.capstone.Capstone;
import org.backstitch.code.stack.DecodedCode;
import org.backstitch.code.stack.LandingPads;
import org.backstitch.code.stack.ModuleCode;
import org.backstitch.code.stack.Regions;
import org.backstitch.code.stack.StackFlow;
import org.backstitch.code.stack.StackState;
import org.backstitch.code.stack.StateBuilder;
import org.backstitch.elf.ElfFile;
import org.backstitch.elf.dwarf.CallFrameInfo;
import org.backstitch.elf.dwarf.FdeIndex;
import org.backstitch.elf.dwarf.FrameDescriptionEntry;

/**
 * Holds the call frame information of a linked file against its machine code.
 *
 * <p>Every function is followed from its entry ({@link StackFlow}), and in front of every instruction the row that holds there is
 * compared with what the code has done by then. The table itself is believed in two things only: where functions begin and end, and, for
 * parts of functions that nothing is seen to lead to, the state at their first instruction.
 */
public final class CfiVerifier {
    private static final int NO_ENTRY = -1;

    private final ElfFile elf;
    private final CallFrameInfo info;
    private final FdeIndex entries;
    private final ModuleCode module;
    private final Capstone capstone;
    private final DecodedCode code;
    private final StackFlow flow;
    private final Ledger ledger;
    private final CfiRows rows = new CfiRows();
    private final RowCheck check = new RowCheck();

    /** For each region the number of its entry in the index. */
    private final int[] entryOfRegion;

    private int rowsRegion = -1;
    private int row;
    private int malformedExceptions;

    private CfiVerifier(ElfFile elf, CallFrameInfo info, Capstone capstone, Arena arena) {
        this.elf = elf;
        this.info = info;
        this.capstone = capstone;
        entries = new FdeIndex(info);
        module = ModuleCode.of(elf, arena);
        Regions.Builder builder = new Regions.Builder();
        LandingPads.Builder pads = new LandingPads.Builder();
        for (int i = 0; i < entries.size(); i++) {
            add(entries.fde(i), builder, pads);
        }
        Regions regions = builder.build();
        entryOfRegion = new int[regions.size()];
        Arrays.fill(entryOfRegion, NO_ENTRY);
        for (int i = 0; i < entries.size(); i++) {
            int place = module.placeOf(entries.start(i));
            int region = regions.find(place);
            if (region >= 0 && regions.start(region) == place && entryOfRegion[region] == NO_ENTRY) {
                entryOfRegion[region] = i;
            }
        }
        code = StackFlow.prepare(DecodedCode.decode(module, regions, capstone), true);
        flow = new StackFlow(code, pads.build());
        ledger = new Ledger(code);
    }

    /**
     * Verifies a section of call frame information.
     *
     * @param elf an executable or a shared object
     * @param info of the file, or of its debug file
     * @throws MalformedInputException if the file has no code, or is not linked
     */
    public static Verification verify(ElfFile elf, CallFrameInfo info, Capstone capstone) {
        checkLinked(elf);
        try (Arena arena = Arena.ofConfined()) {
            return new CfiVerifier(elf, info, capstone, arena).run();
        }
    }

    /**
     * The verdict in front of each of some instructions.
     *
     * @param addresses of instructions; of what is none, or has no row, {@link Verdict#UNREACHED} is said
     * @throws MalformedInputException if the file has no code, or is not linked
     */
    public static List<Verdict> verdicts(ElfFile elf, CallFrameInfo info, Capstone capstone, long[] addresses) {
        checkLinked(elf);
        try (Arena arena = Arena.ofConfined()) {
            CfiVerifier verifier = new CfiVerifier(elf, info, capstone, arena);
            verifier.code.regions().forEachFunctionsFirst(verifier::follow);
            return verifier.ledger.verdicts(addresses);
        }
    }

    private static void checkLinked(ElfFile elf) {
        if (elf.isRelocatable()) {
            throw elf.bytes().malformed(16, "a relocatable file: call frame information is verified in linked ones");
        }
    }

    private void add(FrameDescriptionEntry fde, Regions.Builder regions, LandingPads.Builder pads) {
        int start = module.placeOf(fde.start());
        if (start == ModuleCode.NOWHERE || fde.length() > Integer.MAX_VALUE - start) {
            return;
        }
        rows.read(fde);
        ModuleCode.Part part = module.partAt(start);
        boolean stubs = part != null && part.isLinkageTable();
        regions.add(start, start + (int) fde.length(), stubs || rows.size() > 0 && rows.isEntry(0));
        addArguments(fde, pads);
        if (!readExceptions(fde, pads)) {
            malformedExceptions++;
        }
    }

    /** Reads a function's exception table, if it has one; returns false if it is malformed: then some landing pads are not known. */
    private boolean readExceptions(FrameDescriptionEntry fde, LandingPads.Builder pads) {
        try {
            OptionalLong lsda = fde.lsda();
            if (lsda.isEmpty()) {
                return true;
            }
            Bytes bytes = elf.bytesFrom(lsda.getAsLong()).orElse(null);
            return bytes != null && ExceptionTable.read(bytes, lsda.getAsLong(), fde.start(), module, pads);
        } catch (MalformedInputException e) {
            return false;
        }
    }

    private void addArguments(FrameDescriptionEntry fde, LandingPads.Builder pads) {
        for (int i = 0; i < rows.size(); i++) {
            long size = rows.argumentsSize(i);
            if (size > 0 && size == (int) size) {
                long end = i + 1 < rows.size() ? rows.start(i + 1) : fde.end();
                int place = module.placeOf(rows.start(i));
                pads.addArguments(place, place + (int) (end - rows.start(i)), (int) size);
            }
        }
    }

    private Verification run() {
        Regions regions = code.regions();
        regions.forEachFunctionsFirst(this::follow);
        for (int region = 0; region < regions.size(); region++) {
            count(region);
        }
        return new Verification(
                elf.bytes().source(),
                info.flavor().sectionName(),
                regions.size(),
                ledger.rows(),
                ledger.instructions(),
                ledger.padding(),
                flow.assumedEntries(),
                ledger.assumed(),
                code.undecoded(),
                flow.unresolvedJumps(),
                entries.malformed() + malformedExceptions,
                ledger.findings());
    }

    private void follow(int region) {
        flow.analyze(region, this::assume);
        flow.visit(this::visit);
    }

    /** Makes the row that holds at an instruction the current one; returns its address. */
    private long findRow(int instruction) {
        int region = code.regionOf(instruction);
        if (region != rowsRegion) {
            rowsRegion = region;
            rows.read(entries.fde(entryOfRegion[region]));
            row = -1;
        }
        long address = module.addressOf(code.place(instruction));
        row = rows.find(address, row);
        return address;
    }

    private boolean assume(int instruction, StateBuilder state) {
        findRow(instruction);
        return row >= 0 && RowCheck.assume(rows, row, state);
    }

    private void visit(int instruction, StackState state, boolean assumed) {
        long address = findRow(instruction);
        if (row < 0) {
            return;
        }
        Verdict verdict = check.check(rows, row, state, address);
        if (ledger.note(instruction, verdict, assumed)) {
            ledger.explain(
                    instruction,
                    new Ledger.Reason(
                            check.subjectName(),
                            check.claim(rows, row),
                            check.describeFound(),
                            state.toString(),
                            assumed));
        }
    }

    private void count(int region) {
        FrameDescriptionEntry fde = entries.fde(entryOfRegion[region]);
        rows.read(fde);
        rowsRegion = region;
        Ledger.Span function = new Ledger.Span(fde.start(), fde.end());
        int end = code.first(region + 1);
        int next = code.first(region);
        for (int current = 0; current < rows.size(); current++) {
            int first = next;
            boolean last = current + 1 == rows.size();
            long rowEnd = last ? fde.end() : rows.start(current + 1);
            while (next < end && (last || Long.compareUnsigned(module.addressOf(code.place(next)), rowEnd) < 0)) {
                next = code.next(next);
            }
            int shown = current;
            ledger.closeRow(
                    first,
                    next,
                    function,
                    new Ledger.Span(rows.start(current), rowEnd),
                    () -> rows.describe(shown),
                    capstone);
        }
    }
}
