package org.backstitch.code.verify;

import java.lang.foreign.Arena;
import java.lang.foreign.ValueLayout;
import java.util.BitSet;
import java.util.List;
import java.util.Optional;
import org.backstitch.bytes.MalformedInputException;
import org.backstitch.code.capstone.Capstone;
import org.backstitch.code.stack.DecodedCode;
import org.backstitch.code.stack.Effect;
import org.backstitch.code.stack.LandingPads;
import org.backstitch.code.stack.ModuleCode;
import org.backstitch.code.stack.Regions;
import org.backstitch.code.stack.StackFlow;
import org.backstitch.code.stack.StackState;
import org.backstitch.code.stack.StateBuilder;
import org.backstitch.elf.ElfConstants;
import org.backstitch.elf.ElfFile;
import org.backstitch.elf.ElfSymbols;
import org.backstitch.elf.orc.OrcEntry;
import org.backstitch.elf.orc.OrcRegister;
import org.backstitch.elf.orc.OrcTable;
import org.backstitch.elf.orc.OrcType;

/**
 * Holds the ORC table of a kernel or of a kernel module against its machine code.
 *
 * <p>Functions are found by the file's symbols; where it has none, by the targets of calls, and by where aligned code begins behind code
 * that does not go on. What is claimed of entry code is checked from the first entry of a stretch on, which is believed.
 */
public final class OrcVerifier {
    private static final int ENDBR64 = 0xfa1e0ff3;

    /** Functions of kernels for x86-64 are aligned to this many bytes ({@code CONFIG_FUNCTION_ALIGNMENT}). */
    private static final int FUNCTION_ALIGNMENT = 16;

    private final ElfFile elf;
    private final OrcTable table;
    private final Capstone capstone;
    private final ModuleCode module;
    private final DecodedCode code;
    private final StackFlow flow;
    private final Ledger ledger;
    private final OrcCheck check = new OrcCheck();

    private OrcVerifier(ElfFile elf, OrcTable table, Capstone capstone, Arena arena) {
        this.elf = elf;
        this.table = table;
        this.capstone = capstone;
        module = ModuleCode.of(elf, arena);
        Regions regions = symbolRegions();
        boolean exact = regions.size() > 0;
        if (!exact) {
            regions = callRegions();
        }
        code = StackFlow.prepare(DecodedCode.decode(module, regions, capstone), exact);
        StackFlow.endBehindCalls(code, registerSavers());
        flow = new StackFlow(code, LandingPads.NONE);
        ledger = new Ledger(code);
    }

    /**
     * Verifies a table.
     *
     * @param elf a vmlinux or a kernel module
     * @param table of the file
     * @throws MalformedInputException if the file has no code
     */
    public static Verification verify(ElfFile elf, OrcTable table, Capstone capstone) {
        try (Arena arena = Arena.ofConfined()) {
            return new OrcVerifier(elf, table, capstone, arena).run();
        }
    }

    /**
     * The verdict in front of each of some instructions.
     *
     * @param addresses of instructions, in the terms of {@link OrcTable#address}; of what is none, or has no row,
     *     {@link Verdict#UNREACHED} is said
     * @throws MalformedInputException if the file has no code
     */
    public static List<Verdict> verdicts(ElfFile elf, OrcTable table, Capstone capstone, long[] addresses) {
        try (Arena arena = Arena.ofConfined()) {
            OrcVerifier verifier = new OrcVerifier(elf, table, capstone, arena);
            verifier.code.regions().forEachFunctionsFirst(verifier::follow);
            return verifier.ledger.verdicts(addresses);
        }
    }

    private Regions symbolRegions() {
        Regions.Builder regions = new Regions.Builder();
        Optional<ElfSymbols> symbols = elf.symbols();
        if (symbols.isPresent()) {
            ElfSymbols all = symbols.get();
            for (int i = 1; i < all.count(); i++) {
                long size = all.size(i);
                if (all.type(i) == ElfConstants.STT_FUNC && size > 0 && size <= Integer.MAX_VALUE) {
                    long section = elf.isRelocatable() ? (long) all.sectionIndex(i) << 32 : 0;
                    long address = section + all.value(i);
                    add(
                            regions,
                            module.placeOf(address),
                            (int) size,
                            address,
                            !all.name(i).contains(".cold"));
                }
            }
        }
        return regions.build();
    }

    private void add(Regions.Builder regions, int place, int size, long address, boolean function) {
        if (place != ModuleCode.NOWHERE && size <= Integer.MAX_VALUE - place) {
            int row = table.find(address);
            boolean entry = row >= 0 && OrcCheck.isEntry(table.entry(row));
            regions.add(place, place + size, function && entry);
        }
    }

    /** From one target of calls, or mark of indirect ones, to the next. */
    private Regions callRegions() {
        Regions.Builder whole = new Regions.Builder();
        for (ModuleCode.Part part : module.parts()) {
            whole.add(part.place(), part.end(), false);
        }
        DecodedCode all = DecodedCode.decode(module, whole.build(), capstone);
        Regions.Builder regions = new Regions.Builder();
        for (ModuleCode.Part part : module.parts()) {
            add(regions, part.place(), part.size(), part.address(), true);
        }
        int tracer = mostCalled(all);
        boolean open = false;
        for (int i = 0; i < all.size(); i = all.next(i)) {
            long word = all.control(i);
            int place = all.place(i);
            boolean traced = false;
            if (Effect.operation(word) == Effect.CALL && Effect.n(word) >= 0) {
                addFrom(regions, all.place(Effect.n(word)));
                traced = Effect.n(word) == tracer && isEntry(place);
            }
            boolean behindOther = !open && place % FUNCTION_ALIGNMENT == 0 && !all.isPadding(i);
            if (traced || behindOther && isEntry(place) || Effect.length(word) == 4 && isMark(place)) {
                addFrom(regions, place);
            }
            open = !all.isPadding(i) && !ends(Effect.operation(word));
        }
        return regions.build();
    }

    /** What most calls go to: {@code __fentry__}, which kernels that can be traced call first in every function. */
    private static int mostCalled(DecodedCode all) {
        int[] counts = new int[all.size()];
        int most = 0;
        for (int i = 0; i < all.size(); i++) {
            int target = Effect.operation(all.word(i)) == Effect.CALL ? Effect.n(all.word(i)) : -1;
            if (target >= 0 && ++counts[target] > counts[most]) {
                most = target;
            }
        }
        return most;
    }

    /** Whether control cannot go on behind an operation. */
    private static boolean ends(int operation) {
        return switch (operation) {
            case Effect.JUMP, Effect.JUMP_REGISTER, Effect.JUMP_TABLE, Effect.JUMP_MEMORY -> true;
            case Effect.RETURN, Effect.STOP, Effect.TRAP, Effect.CALL -> true;
            default -> false;
        };
    }

    private boolean isEntry(int place) {
        int row = table.find(module.addressOf(place));
        return row >= 0 && OrcCheck.isEntry(table.entry(row));
    }

    private boolean isMark(int place) {
        ModuleCode.Part part = module.partAt(place);
        return part != null
                && place + 4 <= part.end()
                && part.code().get(ValueLayout.JAVA_INT_UNALIGNED, place - part.place()) == ENDBR64;
    }

    private void addFrom(Regions.Builder regions, int place) {
        ModuleCode.Part part = module.partAt(place);
        if (part != null) {
            add(regions, place, part.end() - place, module.addressOf(place), true);
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
                ".orc_unwind",
                regions.size(),
                ledger.rows(),
                ledger.instructions(),
                ledger.padding(),
                flow.assumedEntries(),
                ledger.assumed(),
                code.undecoded(),
                flow.unresolvedJumps(),
                table.invalidRows(),
                ledger.findings());
    }

    private void follow(int region) {
        flow.analyze(region, this::assume);
        flow.visit(this::visit);
    }

    /**
     * The helpers of entry code that save all registers of an interrupted context ({@code paranoid_entry}, {@code error_entry}): they are
     * called with the return address on top of the hardware's frame, and return with a complete {@code pt_regs} under it. So RSP is not behind
     * the call what it was in front of it, as it is for all other calls.
     */
    private BitSet registerSavers() {
        BitSet regions = new BitSet();
        for (int i = 0; i < code.size(); i = code.next(i)) {
            int operation = Effect.operation(code.control(i));
            if (operation == Effect.RETURN || operation == Effect.JUMP) {
                int row = rowAt(i);
                if (row >= 0 && isReturnAboveRegisters(table.entry(row))) {
                    regions.set(code.regionOf(i));
                }
            }
        }
        return regions;
    }

    /** Whether a return address lies on top of saved registers. */
    private static boolean isReturnAboveRegisters(OrcEntry entry) {
        return entry.type() == OrcType.REGS && entry.spRegister() == OrcRegister.SP && entry.spOffset() == Long.BYTES;
    }

    private int rowAt(int instruction) {
        long address = module.addressOf(code.place(instruction));
        int row = table.find(address);
        // In a relocatable file the upper half is the section: another section's last row does not hold here.
        boolean sameSection = row >= 0 && (!table.isRelocatable() || table.section(row) == (int) (address >>> 32));
        return sameSection && table.entry(row).type() != OrcType.UNDEFINED ? row : -1;
    }

    private boolean assume(int instruction, StateBuilder state) {
        int row = rowAt(instruction);
        return row >= 0 && OrcCheck.assume(table.entry(row), state);
    }

    private void visit(int instruction, StackState state, boolean assumed) {
        int row = rowAt(instruction);
        if (row < 0) {
            return;
        }
        OrcEntry entry = table.entry(row);
        Verdict verdict = check.check(entry, state);
        if (ledger.note(instruction, verdict, assumed)) {
            ledger.explain(
                    instruction,
                    new Ledger.Reason(
                            check.subject(), check.claim(entry), check.describeFound(), state.toString(), assumed));
        }
    }

    private void count(int region) {
        int end = code.first(region + 1);
        Ledger.Span function = new Ledger.Span(
                module.addressOf(code.regions().start(region)),
                module.addressOf(code.regions().end(region) - 1) + 1);
        int first = code.first(region);
        while (first < end) {
            int row = rowAt(first);
            int next = code.next(first);
            while (next < end && rowAt(next) == row) {
                next = code.next(next);
            }
            if (row >= 0) {
                long start = module.addressOf(code.place(first));
                long stop = module.addressOf(code.place(next - 1)) + 1;
                OrcEntry entry = table.entry(row);
                ledger.closeRow(first, next, function, new Ledger.Span(start, stop), entry::toString, capstone);
            }
            first = next;
        }
    }
}
