package org.backstitch.code.stack;

import java.lang.foreign.MemorySegment;
import java.util.Arrays;
import java.util.BitSet;
import org.backstitch.code.capstone.Capstone;

/**
 * The instructions of all regions as {@link Effect} words, each decoded once, in primitive arrays.
 *
 * <p>An instruction is known by the index of its (first) word. In the words of direct jumps and calls, the target's place has been
 * replaced by the target's index; where that is in no region, or in the middle of an instruction, by the complement of the place, which is
 * negative.
 */
public final class DecodedCode {
    /** For a target that is no instruction here. */
    public static final int NONE = -1;

    private final ModuleCode module;
    private final Regions regions;
    private final int[] regionFirst;
    private long[] words;
    private int[] places;
    private int count;
    private final long[] targets;
    private final BitSet called = new BitSet();
    private int undecoded;

    private DecodedCode(ModuleCode module, Regions regions, Capstone capstone) {
        this.module = module;
        this.regions = regions;
        long bytes = 0;
        for (int region = 0; region < regions.size(); region++) {
            bytes += regions.end(region) - regions.start(region);
        }
        // Compilers' code has an instruction every four bytes or so.
        int estimate = (int) Math.min(bytes / 4 + bytes / 16 + 64, Integer.MAX_VALUE - 64);
        words = new long[estimate];
        places = new int[estimate];
        regionFirst = new int[regions.size() + 1];
        EffectDecoder decoder = new EffectDecoder(module.base(), module.isKernel());
        for (int region = 0; region < regions.size(); region++) {
            regionFirst[region] = count;
            decode(region, capstone, decoder);
        }
        regionFirst[regions.size()] = count;
        targets = new long[(count >>> 6) + 1];
        resolve();
    }

    /** Decodes all regions of a module. */
    public static DecodedCode decode(ModuleCode module, Regions regions, Capstone capstone) {
        return new DecodedCode(module, regions, capstone);
    }

    private void decode(int region, Capstone capstone, EffectDecoder decoder) {
        int start = regions.start(region);
        int end = regions.end(region);
        ModuleCode.Part part = module.partAt(start);
        if (part == null) {
            return;
        }
        MemorySegment code = part.code();
        int place = start;
        int limit = Math.min(end, part.end());
        while (place < limit) {
            capstone.start(code.asSlice(place - part.place(), limit - place), place);
            while (capstone.next()) {
                decoder.decode(capstone.instruction());
                for (int i = 0; i < decoder.count; i++) {
                    add(place, decoder.words[i]);
                }
                place = (int) capstone.position();
            }
            if (place < limit) {
                place += addUndecoded(code, place - part.place(), place, limit);
            }
        }
    }

    /** Adds bytes that Capstone does not know; some instructions newer than it have a length and effects all the same. */
    private int addUndecoded(MemorySegment code, int offset, int place, int limit) {
        int length = NewerInstruction.length(code, offset, limit - place);
        undecoded++;
        if (length > 0) {
            long effect = Effect.of(Effect.SET, Effect.NO_REGISTER, NewerInstruction.written(code, offset));
            add(place, Effect.withLength(effect, length));
            return length;
        }
        add(place, Effect.withLength(Effect.UNDECODED, 1));
        return 1;
    }

    private void add(int place, long word) {
        if (count == words.length) {
            int larger = count + (count >>> 2) + 64;
            words = Arrays.copyOf(words, larger);
            places = Arrays.copyOf(places, larger);
        }
        words[count] = word;
        places[count++] = place;
    }

    private void resolve() {
        for (int i = 0; i < count; i++) {
            int operation = Effect.operation(words[i]);
            if (operation == Effect.JUMP || operation == Effect.BRANCH || operation == Effect.CALL) {
                int place = Effect.n(words[i]);
                int target = find(place);
                words[i] = words[i] & 0xffff_ffffL | (long) (target < 0 ? ~Math.max(place, 0) : target) << 32;
                if (target >= 0 && operation != Effect.CALL) {
                    setTarget(target);
                } else if (target >= 0 && target == regionFirst[regionOf(target)]) {
                    called.set(regionOf(target));
                }
            }
        }
    }

    /** The module that the code is of. */
    public ModuleCode module() {
        return module;
    }

    /** The regions that were decoded. */
    public Regions regions() {
        return regions;
    }

    /** The number of words: indexes are below it. */
    public int size() {
        return count;
    }

    /** How many instructions Capstone did not know. */
    public int undecoded() {
        return undecoded;
    }

    /** The first instruction of a region; of the number of regions, {@link #size}. */
    public int first(int region) {
        return regionFirst[region];
    }

    /** The region of an instruction. */
    public int regionOf(int instruction) {
        int at = Arrays.binarySearch(regionFirst, instruction);
        if (at < 0) {
            return -at - 2;
        }
        // Regions without instructions share their first with the next one.
        while (at + 1 < regionFirst.length && regionFirst[at + 1] == instruction) {
            at++;
        }
        return at;
    }

    /** A word by its index. */
    public long word(int index) {
        return words[index];
    }

    void setWord(int index, long word) {
        words[index] = word;
    }

    /** The place of an instruction. */
    public int place(int instruction) {
        return places[instruction];
    }

    /** The word of an instruction that says where control goes: its only one, or its last. */
    public long control(int instruction) {
        return (words[instruction] & Effect.MORE) != 0 ? words[instruction + 1] : words[instruction];
    }

    /** The instruction behind another one; that of the next region, or {@link #size}, at the end. */
    public int next(int instruction) {
        return instruction + ((words[instruction] & Effect.MORE) != 0 ? 2 : 1);
    }

    /** The instruction at a place, or {@link #NONE}. */
    public int find(int place) {
        int region = place < 0 ? -1 : regions.find(place);
        if (region < 0) {
            return NONE;
        }
        int at = Arrays.binarySearch(places, regionFirst[region], regionFirst[region + 1], place);
        if (at < 0) {
            // Code that is also for one processor jumps over a lock prefix into the instruction.
            int before = -at - 2;
            return before >= regionFirst[region] && places[before] == place - 1 && (words[before] & Effect.LOCK) != 0
                    ? before
                    : NONE;
        }
        return at > regionFirst[region] && places[at - 1] == place ? at - 1 : at;
    }

    /** Whether a jump goes to an instruction. */
    public boolean isTarget(int instruction) {
        return (targets[instruction >>> 6] >>> instruction & 1) != 0;
    }

    void setTarget(int instruction) {
        targets[instruction >>> 6] |= 1L << instruction;
    }

    /** Whether some instruction calls the start of a region. */
    public boolean isCalled(int region) {
        return called.get(region);
    }

    /** Whether an instruction only takes room, or traps what should not come there. */
    public boolean isPadding(int instruction) {
        return (words[instruction] & Effect.PADDING) != 0;
    }
}
