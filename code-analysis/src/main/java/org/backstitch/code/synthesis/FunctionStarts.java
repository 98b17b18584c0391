package org.backstitch.code.synthesis;

import java.util.TreeMap;
import java.util.TreeSet;
import org.backstitch.code.stack.DecodedCode;
import org.backstitch.code.stack.Effect;
import org.backstitch.code.stack.ModuleCode;
import org.backstitch.code.stack.Regions;
import org.backstitch.code.stack.StackFlow;
import org.backstitch.elf.ElfConstants;
import org.backstitch.elf.ElfFile;
import org.backstitch.elf.ElfRelocations;
import org.backstitch.elf.ElfSection;
import org.backstitch.elf.ElfSymbol;
import org.backstitch.elf.ElfSymbols;
import org.jspecify.annotations.Nullable;

/**
 * Where functions begin, without an unwind table: at symbols, the entry point, the targets of calls that are reached; and, if that makes
 * sense, where pointers point.
 *
 * <p>A pointer into code may also be a label's (computed goto): it is taken for a function's only if nothing that is known leads there and
 * it is aligned as functions are; and what follows from it counts only if its returns find the frame taken down ({@link Synthesizer}).
 */
final class FunctionStarts {
    private static final int R_X86_64_RELATIVE = 8;
    private static final int R_X86_64_IRELATIVE = 37;
    private static final int STT_FUNC = 2;
    private static final int STT_GNU_IFUNC = 10;
    private static final int ALIGNMENT = 16;

    private final ModuleCode module;

    /** Place to place behind the last byte, or to 0 where that is not known. */
    private final TreeMap<Integer, Integer> functions = new TreeMap<>();

    private final TreeSet<Integer> pointed = new TreeSet<>();

    /** Where padding begins that ends a function: behind calls that do not return. */
    private final TreeSet<Integer> ends = new TreeSet<>();

    /** Those that only a pointer speaks for. */
    private final TreeSet<Integer> guessed = new TreeSet<>();

    FunctionStarts(ModuleCode module) {
        this.module = module;
    }

    /** Adds what a file says: its symbols, its entry point, and the pointers that its relocations make. */
    void read(ElfFile elf) {
        elf.symbols().ifPresent(this::addSymbols);
        elf.dynamicSymbols().ifPresent(this::addSymbols);
        if (elf.entry() != 0) {
            add(module.placeOf(elf.entry()));
        }
        for (ElfSection section : elf.sections()) {
            if (section.type() == ElfConstants.SHT_RELA && section.isAllocated()) {
                elf.relocations(section).ifPresent(this::addPointers);
            }
        }
        for (ModuleCode.Part part : module.parts()) {
            if (part.isLinkageTable()
                    || part.name().equals(".init")
                    || part.name().equals(".fini")) {
                functions.putIfAbsent(part.place(), part.end());
            }
        }
    }

    /** Adds a place that is known to be a function's first; returns whether that is new. */
    boolean add(int place) {
        guessed.remove(place);
        return module.partAt(place) != null && functions.putIfAbsent(place, 0) == null;
    }

    private void addSymbols(ElfSymbols symbols) {
        for (ElfSymbol symbol : symbols) {
            if (symbol.isDefined() && (symbol.type() == STT_FUNC || symbol.type() == STT_GNU_IFUNC)) {
                int place = module.placeOf(symbol.value());
                long size = symbol.size();
                if (place != ModuleCode.NOWHERE) {
                    int end = size > 0 && size <= Integer.MAX_VALUE - place ? place + (int) size : 0;
                    functions.merge(place, end, Math::max);
                }
            }
        }
    }

    private void addPointers(ElfRelocations relocations) {
        for (int i = 0; i < relocations.count(); i++) {
            int type = relocations.type(i);
            if (relocations.hasAddends() && (type == R_X86_64_RELATIVE || type == R_X86_64_IRELATIVE)) {
                int place = module.placeOf(relocations.addend(i));
                if (place != ModuleCode.NOWHERE) {
                    pointed.add(place);
                }
            }
        }
    }

    /** Adds what the code that was reached calls and points to; returns whether anything is new. */
    boolean learn(DecodedCode code, StackFlow flow) {
        boolean learned = false;
        for (int i = 0; i < code.size(); i = code.next(i)) {
            if (!flow.isReached(i)) {
                continue;
            }
            long word = code.control(i);
            if (Effect.operation(word) == Effect.CALL) {
                int target = Effect.n(word);
                boolean next = target == code.next(i);
                learned |= !next && add(target < 0 ? ~target : code.place(target));
            }
            if (Effect.operation(word) == Effect.CALL || Effect.operation(word) == Effect.CALL_INDIRECT) {
                int behind = code.next(i);
                learned |= endsFunction(code, behind) && ends.add(code.place(behind));
            }
            if (Effect.operation(code.word(i)) == Effect.ADDRESS && module.partAt(Effect.n(code.word(i))) != null) {
                pointed.add(Effect.n(code.word(i)));
            }
        }
        return learned;
    }

    /**
     * Whether padding behind a call separates functions. Compilers also align the heads of loops, but those are jumped to.
     */
    private boolean endsFunction(DecodedCode code, int behind) {
        int region = behind < code.size() ? code.regionOf(behind) : -1;
        if (region < 0 || !code.isPadding(behind)) {
            return false;
        }
        int limit = code.first(region + 1);
        int next = behind;
        while (next < limit && code.isPadding(next) && !code.isTarget(next)) {
            next = code.next(next);
        }
        return next < limit && !code.isTarget(next) && module.addressOf(code.place(next)) % ALIGNMENT == 0;
    }

    /** Takes pointers for functions' where nothing leads; returns whether there are such. */
    boolean guess(DecodedCode code, StackFlow flow) {
        boolean learned = false;
        for (int place : pointed) {
            int instruction = code.find(place);
            boolean reached = instruction >= 0 && flow.isReached(instruction);
            if (!reached && module.addressOf(place) % ALIGNMENT == 0 && add(place)) {
                guessed.add(place);
                learned = true;
            }
        }
        return learned;
    }

    /** Whether only a pointer speaks for a place. */
    boolean isGuessed(int place) {
        return guessed.contains(place);
    }

    /** The code in pieces: each function up to its end or the next one, and what lies between. */
    Regions regions() {
        Regions.Builder builder = new Regions.Builder();
        for (ModuleCode.Part part : module.parts()) {
            if (!functions.containsKey(part.place())) {
                builder.add(part.place(), end(part.place(), part.end()), false);
            }
            for (var function : functions.subMap(part.place(), part.end()).entrySet()) {
                int start = function.getKey();
                int next = end(start, part.end());
                int end = function.getValue() == 0 ? next : Math.min(function.getValue(), next);
                builder.add(start, end, true);
                builder.add(end, next, false);
                for (int place : ends.subSet(start + 1, next)) {
                    builder.add(place, next, false);
                }
            }
        }
        return builder.build();
    }

    private int end(int place, int limit) {
        @Nullable Integer next = functions.higherKey(place);
        return next == null ? limit : Math.min(next, limit);
    }

    /** How many functions are known. */
    int size() {
        return functions.size();
    }

    /** How many of them only a pointer speaks for. */
    int guessed() {
        return guessed.size();
    }
}
