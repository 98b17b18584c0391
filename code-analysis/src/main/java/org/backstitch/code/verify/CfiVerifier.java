package org.backstitch.code.verify;

import java.lang.foreign.Arena;
import java.util.ArrayList;
import java.util.BitSet;
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
import org.backstitch.elf.dwarf.FdeIndex;
import org.backstitch.elf.dwarf.FrameDescriptionEntry;

/** Holds the call frame information of a linked ELF file against its machine code. */
public final class CfiVerifier {
    public final ModuleCode module;
    public final FdeIndex index;
    public final DecodedCode code;
    public final StackFlow flow;
    public final byte[] verdicts;
    public final boolean[] assumed;
    private final int[] fdeOfRegion;
    private final CfiRows rows = new CfiRows();
    private final RowCheck check = new RowCheck();
    private int rowsRegion = -1;
    private int row;
    public int assumedEntries;
    public int malformedTables;
    public final List<String> findings = new ArrayList<>();
    public final java.util.Map<String, Integer> reasons = new java.util.TreeMap<>();

    public CfiVerifier(ElfFile elf, FdeIndex index, Capstone capstone, Arena arena) {
        this.index = index;
        module = ModuleCode.of(elf, arena);
        Regions.Builder regions = new Regions.Builder();
        LandingPads.Builder pads = new LandingPads.Builder();
        for (int i = 0; i < index.size(); i++) {
            FrameDescriptionEntry fde = index.fde(i);
            int start = module.placeOf(fde.start());
            if (start == ModuleCode.NOWHERE || fde.length() > Integer.MAX_VALUE - start) {
                continue;
            }
            rows.read(fde);
            ModuleCode.Part part = module.partAt(start);
            boolean function =
                    rows.size() > 0 && rows.isEntry(0) || part != null && part.isLinkageTable();
            regions.add(start, start + (int) fde.length(), function);
            readExceptions(elf, fde, pads);
        }
        Regions built = regions.build();
        fdeOfRegion = new int[built.size()];
        for (int i = 0; i < index.size(); i++) {
            int region = built.find(module.placeOf(index.start(i)));
            if (region >= 0) {
                fdeOfRegion[region] = i;
            }
        }
        code = StackFlow.prepare(DecodedCode.decode(module, built, capstone));
        flow = new StackFlow(code, pads.build());
        verdicts = new byte[code.size()];
        assumed = new boolean[code.size()];
    }

    private void readExceptions(ElfFile elf, FrameDescriptionEntry fde, LandingPads.Builder pads) {
        try {
            OptionalLong lsda = fde.lsda();
            if (lsda.isPresent()) {
                Bytes bytes = elf.bytesFrom(lsda.getAsLong()).orElse(null);
                if (bytes == null
                        || !ExceptionTable.read(bytes, lsda.getAsLong(), fde.start(), module, pads)) {
                    malformedTables++;
                }
            }
        } catch (MalformedInputException e) {
            malformedTables++;
        }
    }

    public void run() {
        int regions = code.regions().size();
        for (int region = 0; region < regions; region++) {
            if (code.regions().isFunction(region)) {
                flow.analyze(region, this::assume);
                flow.visit(this::visit);
            }
        }
        for (int region = 0; region < regions; region++) {
            if (!code.regions().isFunction(region)) {
                flow.analyze(region, this::assume);
                flow.visit(this::visit);
            }
        }
    }

    private void rowsOf(int instruction) {
        int region = code.regionOf(instruction);
        if (region != rowsRegion) {
            rowsRegion = region;
            rows.read(index.fde(fdeOfRegion[region]));
            row = -1;
        }
        row = rows.find(module.addressOf(code.place(instruction)), row);
    }

    private boolean assume(int instruction, StateBuilder state) {
        rowsOf(instruction);
        boolean known = row >= 0 && RowCheck.assume(rows, row, state);
        assumedEntries += known ? 1 : 0;
        return known;
    }

    private void visit(int instruction, StackState state, boolean isAssumed) {
        rowsOf(instruction);
        if (row < 0) {
            return;
        }
        long address = module.addressOf(code.place(instruction));
        Verdict verdict = check.check(rows, row, state, address);
        if (verdict.ordinal() > verdicts[instruction]) {
            verdicts[instruction] = (byte) verdict.ordinal();
        }
        assumed[instruction] = isAssumed;
        if (verdict == Verdict.CONTRADICTED) {
            findings.add(Long.toHexString(address) + " fde " + Long.toHexString(index.fde(fdeOfRegion[rowsRegion]).start())
                    + " row " + Long.toHexString(rows.start(row)) + " " + rows.describe(row) + " subject " + check.subject() + " found "
                    + org.backstitch.code.stack.Value.describe(check.found()) + (isAssumed ? " ASSUMED" : "") + " | " + state);
        } else if (verdict == Verdict.UNDECIDED) {
            reasons.merge("subject " + check.subject(), 1, Integer::sum);
            if (und++ % 997 == 0) findings.add("UNDECIDED " + Long.toHexString(address) + " fde " + Long.toHexString(index.fde(fdeOfRegion[rowsRegion]).start())
                    + " " + rows.describe(row) + " subject " + check.subject() + (isAssumed ? " ASSUMED" : "") + " | " + state);
        }
    }
    int und;
}
