package org.backstitch.code.synthesis;

import java.util.BitSet;
import java.util.HashMap;
import java.util.HashSet;
import java.util.Map;
import java.util.Set;
import java.util.TreeMap;
import java.util.TreeSet;
import java.util.regex.Pattern;
import org.backstitch.bytes.Bytes;
import org.backstitch.code.stack.CodeIndex;
import org.backstitch.code.stack.DecodedCode;
import org.backstitch.code.stack.Effect;
import org.backstitch.code.stack.ModuleCode;
import org.backstitch.code.stack.Regions;
import org.backstitch.elf.ElfConstants;
import org.backstitch.elf.ElfFile;
import org.backstitch.elf.ElfRelocations;
import org.backstitch.elf.ElfSection;
import org.backstitch.elf.ElfSymbol;
import org.backstitch.elf.ElfSymbols;
import org.backstitch.unwind.machine.X86_64;
import org.jspecify.annotations.Nullable;

/**
 * Where functions begin, without an unwind table: at symbols, the entry point, the targets of calls; and, as guesses that have to prove
 * themselves, where pointers point and where aligned code lies that nothing leads to.
 *
 * <p>A guess may also be a label of a function (computed goto), an exception's landing pad, or data. It counts only if a way out is found
 * that takes down the frame that a function would have set up ({@link org.backstitch.code.stack.FrameProof}); others are given up.
 */
final class FunctionStarts {
    private static final int R_X86_64_RELATIVE = 8;
    private static final int R_X86_64_IRELATIVE = 37;
    private static final int STT_FUNC = 2;
    private static final int STT_GNU_IFUNC = 10;
    private static final int ALIGNMENT = 16;
    private static final int MOST_TRIES = 2;
    private static final int ENDBR64 = 0xfa1e0ff3;

    /** How compilers and BOLT name parts of functions that they put elsewhere, as functions. */
    private static final Pattern FRAGMENT = Pattern.compile("\\.(cold|warm)(\\.\\d+)?$");

    private final ModuleCode module;

    /** Place to place behind the last byte, or to 0 where that is not known. */
    private final TreeMap<Integer, Integer> functions = new TreeMap<>();

    private final TreeSet<Integer> pointed = new TreeSet<>();

    /** Where a function ends behind a call that does not return: padding begins there, or what the symbols call a part of a function. */
    private final TreeSet<Integer> ends = new TreeSet<>();

    private final Set<Integer> guessed = new HashSet<>();
    private final Set<Integer> proven = new HashSet<>();

    /** How often a guess was given up. */
    private final Map<Integer, Integer> rejected = new HashMap<>();

    /** Whether symbols tell of every function, as those of a relocatable file do: then what else lies there is none. */
    private boolean complete;

    FunctionStarts(ModuleCode module) {
        this.module = module;
    }

    /** Adds what a file says: its symbols, its entry point, and the pointers that its relocations make. */
    void read(ElfFile elf) {
        complete = elf.isRelocatable();
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
        if (elf.type() == ElfConstants.ET_EXEC) {
            addPointersInPlace(elf);
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
        boolean certain = guessed.remove(place);
        return module.partAt(place) != null && functions.putIfAbsent(place, 0) == null || certain;
    }

    private void addSymbols(ElfSymbols symbols) {
        for (ElfSymbol symbol : symbols) {
            if (symbol.isDefined() && (symbol.type() == STT_FUNC || symbol.type() == STT_GNU_IFUNC)) {
                int place = module.placeOf(addressOf(symbol));
                long size = symbol.size();
                if (place != ModuleCode.NOWHERE
                        && FRAGMENT.matcher(symbol.name()).find()) {
                    guess(place);
                    ends.add(place);
                } else if (place != ModuleCode.NOWHERE) {
                    guessed.remove(place);
                    int end = size > 0 && size <= Integer.MAX_VALUE - place ? place + (int) size : 0;
                    functions.merge(place, end, Math::max);
                }
            }
        }
    }

    private long addressOf(ElfSymbol symbol) {
        return complete ? (long) symbol.sectionIndex() << 32 | symbol.value() & 0xffff_ffffL : symbol.value();
    }

    /** A program that is linked for fixed addresses has its pointers in place: every word of its data that is an address of code may be one. */
    private void addPointersInPlace(ElfFile elf) {
        for (ElfSection section : elf.sections()) {
            boolean data = section.isAllocated()
                    && section.type() != ElfConstants.SHT_NOBITS
                    && !section.hasFlags(ElfConstants.SHF_EXECINSTR);
            if (data) {
                Bytes words = section.data();
                for (long at = -section.address() & 7; at + 8 <= words.size(); at += 8) {
                    int place = module.placeOf(words.i64(at));
                    if (place != ModuleCode.NOWHERE && isLikely(place)) {
                        pointed.add(place);
                    }
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

    /**
     * Adds what the code that was reached calls and points to; returns whether any function is new.
     *
     * @param certain the instructions that control certainly gets to: what others call is a guess
     */
    boolean learn(DecodedCode code, BitSet reached, BitSet certain) {
        boolean learned = learnFromCalls(code, reached, certain);
        learned |= learnFromJumps(code, reached);
        CodeIndex index = code.index();
        for (int at = 0; at < index.addresses(); at++) {
            int word = index.address(at);
            int place = Effect.n(code.word(word));
            if (reached.get(word)
                    && Effect.operation(code.word(word)) == Effect.ADDRESS
                    && module.partAt(place) != null) {
                pointed.add(place);
            }
        }
        return learned;
    }

    private boolean learnFromCalls(DecodedCode code, BitSet reached, BitSet certain) {
        CodeIndex index = code.index();
        BitSet asked = new BitSet(index.targets());
        BitSet known = new BitSet(index.targets());
        boolean learned = false;
        for (int at = 0; at < index.calls(); at++) {
            int call = index.call(at);
            if (!reached.get(call)) {
                continue;
            }
            if (Effect.operation(code.word(call)) == Effect.CALL) {
                int target = index.target(at);
                if (target >= 0 && !asked.get(target)) {
                    asked.set(target);
                    known.set(target, isKnown(code, Effect.n(code.word(call)), code.calledRegion(target)));
                }
                learned |= (target < 0 || !known.get(target)) && learnFromCall(code, call, certain);
            }
            learned |= end(code, call);
        }
        return learned;
    }

    private boolean learnFromCall(DecodedCode code, int call, BitSet certain) {
        int target = Effect.n(code.word(call));
        if (target == code.next(call)) {
            return false;
        }
        int place = target < 0 ? ~target : code.place(target);
        return certain.get(call) ? add(place) : guess(place);
    }

    /** A call in the place of a return goes to another function's start. */
    private boolean learnFromJumps(DecodedCode code, BitSet reached) {
        CodeIndex index = code.index();
        boolean learned = false;
        int region = 0;
        for (int at = 0; at < index.jumps(); at++) {
            int jump = index.jump(at);
            while (code.first(region + 1) <= jump) {
                region++;
            }
            int target = Effect.operation(code.word(jump)) == Effect.JUMP ? Effect.n(code.word(jump)) : -1;
            boolean leaves = target >= 0 && (target < code.first(region) || target >= code.first(region + 1));
            learned |= leaves
                    && reached.get(jump)
                    && !isKnown(code, target, code.regionOf(target))
                    && isLikely(code.place(target))
                    && guess(code.place(target));
        }
        return learned;
    }

    /** Whether a function that is no guess begins at an instruction of a region. */
    private boolean isKnown(DecodedCode code, int target, int region) {
        return target == code.first(region)
                && code.regions().isFunction(region)
                && !guessed.contains(code.place(target));
    }

    private boolean end(DecodedCode code, int call) {
        int behind = code.next(call);
        return behind < code.size()
                && code.isPadding(behind)
                && behind != code.first(code.regionOf(behind))
                && code.isPaddingBeforeFunction(behind, ALIGNMENT)
                && ends.add(code.place(behind));
    }

    private boolean guess(int place) {
        boolean isNew = rejected.getOrDefault(place, 0) < MOST_TRIES
                && module.partAt(place) != null
                && functions.putIfAbsent(place, 0) == null;
        if (isNew) {
            guessed.add(place);
        }
        return isNew;
    }

    /**
     * Takes pointers for functions' where nothing is certain to lead; returns whether there are such. What points into the middle of an
     * instruction that is reached is a number, and no pointer.
     */
    boolean guessPointers(DecodedCode code, BitSet reached, BitSet certain) {
        boolean learned = false;
        for (int place : pointed) {
            int instruction = code.find(place);
            int around = instruction >= 0 ? instruction : code.covering(place);
            boolean known = around >= 0 && (instruction >= 0 ? certain : reached).get(around);
            learned |= !known && isLikely(place) && guess(place);
        }
        return learned;
    }

    /**
     * Takes for functions what is aligned, and neither reached nor jumped to: of code without a reached instruction in it the first such
     * place, since the next may be in the same function. Returns whether there is such code.
     */
    boolean guessRest(DecodedCode code, BitSet reached) {
        boolean learned = false;
        if (complete) {
            return false;
        }
        boolean separated = true;
        boolean guessedBefore = false;
        for (int i = 0; i < code.size(); i = code.next(i)) {
            boolean padding = code.isPadding(i);
            guessedBefore &= !reached.get(i);
            boolean free = separated && !padding && !reached.get(i) && !guessedBefore;
            if (free && !code.isJumpedTo(i) && isLikely(code.place(i)) && guess(code.place(i))) {
                learned = true;
                guessedBefore = true;
            }
            separated = padding && (separated || reached.get(i)) || endsPath(Effect.operation(code.control(i)));
        }
        return learned;
    }

    private static boolean endsPath(int operation) {
        return switch (operation) {
            case Effect.CALL, Effect.CALL_INDIRECT, Effect.RETURN -> true;
            case Effect.JUMP, Effect.JUMP_MEMORY, Effect.JUMP_REGISTER, Effect.JUMP_TABLE -> true;
            case Effect.STOP, Effect.TRAP -> true;
            default -> false;
        };
    }

    private boolean isLikely(int place) {
        return module.addressOf(place) % ALIGNMENT == 0 || module.i32(place).orElse(0) == ENDBR64;
    }

    /**
     * Adds the program's {@code main}: its entry point hands it to the C library in RDI.
     *
     * @param entry the address of the entry point
     */
    boolean addMain(DecodedCode code, long entry) {
        int first = code.find(module.placeOf(entry));
        if (first < 0) {
            return false;
        }
        int end = code.first(code.regionOf(first) + 1);
        for (int i = first; i < end; i = code.next(i)) {
            long word = code.word(i);
            if (Effect.a(word) == X86_64.RDI && Effect.operation(word) == Effect.ADDRESS) {
                return add(Effect.n(word));
            }
            if (Effect.a(word) == X86_64.RDI && Effect.operation(word) == Effect.CONSTANT) {
                int place = module.placeOf(Effect.n(word));
                return place != ModuleCode.NOWHERE && add(place);
            }
            if (endsPath(Effect.operation(code.control(i)))) {
                return false;
            }
        }
        return false;
    }

    /** Whether a pointer speaks for a place. */
    boolean isPointed(int place) {
        return pointed.contains(place);
    }

    /** Whether a place was only guessed and has not proved itself. */
    boolean isGuess(int place) {
        return guessed.contains(place) && !proven.contains(place);
    }

    /** Whether a function begins at a place that is no guess, or one that has proved itself. */
    boolean isTrusted(int place) {
        return functions.containsKey(place) && !isGuess(place);
    }

    /** A guess has proved itself. */
    void confirm(int place) {
        proven.add(place);
    }

    /** Gives a guess up. It may be made once more, when more is known of the calls in it. */
    void reject(int place) {
        guessed.remove(place);
        functions.remove(place);
        rejected.merge(place, 1, Integer::sum);
    }

    /** The code in pieces: each function up to its end or the next one, and what lies between. */
    Regions regions() {
        Regions.Builder builder = new Regions.Builder();
        for (ModuleCode.Part part : module.parts()) {
            if (!functions.containsKey(part.place())) {
                int next = end(part.place(), part.end());
                builder.add(part.place(), next, false);
                cut(builder, part.place(), next);
            }
            int start = -1;
            int known = 0;
            for (var function : functions.subMap(part.place(), part.end()).entrySet()) {
                if (start >= 0) {
                    add(builder, start, known, function.getKey());
                }
                start = function.getKey();
                known = function.getValue();
            }
            if (start >= 0) {
                add(builder, start, known, part.end());
            }
        }
        return builder.build();
    }

    /**
     * Adds a function and what lies between it and the next one.
     *
     * @param known the place behind its last byte, or 0
     * @param next where the next one begins, or the part ends
     */
    private void add(Regions.Builder builder, int start, int known, int next) {
        int end = known == 0 ? next : Math.min(known, next);
        builder.add(start, end, true);
        builder.add(end, next, false);
        cut(builder, start, next);
    }

    private void cut(Regions.Builder builder, int start, int next) {
        for (int place : ends.subSet(start + 1, next)) {
            builder.add(place, next, false);
        }
    }

    private int end(int place, int limit) {
        @Nullable Integer next = functions.higherKey(place);
        return next == null ? limit : Math.min(next, limit);
    }

    /** How many functions are known. */
    int size() {
        return functions.size();
    }

    /** How many of them were guessed. */
    int guessed() {
        return guessed.size();
    }
}
