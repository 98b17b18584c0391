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
    private long[] targets;

    /** The targets of direct jumps alone. */
    private long[] jumpedTo;

    private final BitSet called = new BitSet();

    /** The regions of the instructions that direct calls go to. */
    private int[] calledRegions = new int[0];

    private CodeIndex index;
    private int undecoded;

    /** How often code was decoded again: cuts of the same reading have the same indexes. */
    private final int reading;

    private DecodedCode(ModuleCode module, Regions regions, Capstone capstone) {
        this.module = module;
        this.regions = regions;
        reading = 0;
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
        targets = new long[0];
        jumpedTo = targets;
        index = resolve();
        findCalled();
    }

    /** The same code in other regions. */
    private DecodedCode(DecodedCode that, Regions regions, Capstone capstone) {
        module = that.module;
        this.regions = regions;
        words = that.words;
        places = that.places;
        count = that.count;
        undecoded = that.undecoded;
        targets = that.targets;
        jumpedTo = that.jumpedTo;
        int[] firsts = that.firsts(regions);
        int[] astray = that.startsAstray(regions, firsts);
        reading = that.reading + (astray.length > 0 ? 1 : 0);
        if (astray.length > 0) {
            decodeAgain(that, astray, capstone);
            for (int region = 0; region < regions.size(); region++) {
                firsts[region] = lowerBound(regions.start(region));
            }
            firsts[regions.size()] = count;
        }
        regionFirst = firsts;
        index = astray.length > 0 ? resolve() : that.index;
        findCalled();
    }

    /** The first word of each of other regions; most of them begin where one of the regions here does. */
    private int[] firsts(Regions others) {
        int[] firsts = new int[others.size() + 1];
        int here = 0;
        for (int region = 0; region < others.size(); region++) {
            int start = others.start(region);
            while (here < regions.size() && regions.start(here) < start) {
                here++;
            }
            boolean same = here < regions.size() && regions.start(here) == start;
            firsts[region] = same ? regionFirst[here] : lowerBound(start);
        }
        firsts[others.size()] = count;
        return firsts;
    }

    /** The first word whose place is not below another one. */
    private int lowerBound(int place) {
        int low = 0;
        int high = count;
        while (low < high) {
            int middle = (low + high) >>> 1;
            if (places[middle] < place) {
                low = middle + 1;
            } else {
                high = middle;
            }
        }
        return low;
    }

    /**
     * This code, cut into other regions; both must cover the same bytes. Nothing is decoded again but where a region begins in the middle
     * of what was an instruction, up to where both readings meet; what is known of calls stays. This object must not be used any more:
     * its arrays go on.
     */
    public DecodedCode cut(Regions into, Capstone capstone) {
        return new DecodedCode(this, into, capstone);
    }

    /** A set of instructions of an earlier cut, by their indexes here. */
    public BitSet carry(BitSet instructions, DecodedCode from) {
        if (reading == from.reading) {
            return (BitSet) instructions.clone();
        }
        BitSet carried = new BitSet();
        int at = 0;
        for (int i = instructions.nextSetBit(0); i >= 0; i = instructions.nextSetBit(i + 1)) {
            while (at < count && places[at] < from.places[i]) {
                at++;
            }
            if (at < count && places[at] == from.places[i]) {
                carried.set(at);
            }
        }
        return carried;
    }

    /** The starts of regions that are in the middle of instructions, in order. */
    private int[] startsAstray(Regions others, int[] firsts) {
        int[] found = new int[16];
        int size = 0;
        for (int region = 0; region < others.size(); region++) {
            int start = others.start(region);
            int at = firsts[region];
            if (at < count
                    && places[at] != start
                    && at > 0
                    && places[at - 1] + Effect.length(words[firstWord(at - 1)]) > start) {
                if (size == found.length) {
                    found = Arrays.copyOf(found, 2 * size);
                }
                found[size++] = start;
            }
        }
        return Arrays.copyOf(found, size);
    }

    /** The first word of the instruction that a word is of. */
    private int firstWord(int index) {
        return index > 0 && places[index - 1] == places[index] ? index - 1 : index;
    }

    private void decodeAgain(DecodedCode that, int[] starts, Capstone capstone) {
        int old = that.count;
        words = new long[old + 64];
        places = new int[old + 64];
        count = 0;
        EffectDecoder decoder = new EffectDecoder(module.base(), module.isKernel());
        int from = 0;
        for (int i = 0; i < starts.length; i++) {
            int start = starts[i];
            int limit = i + 1 < starts.length ? starts[i + 1] : Integer.MAX_VALUE;
            while (from < old && that.places[from] + Effect.length(that.words[from]) <= start) {
                copy(that, from++);
            }
            if (from < old && that.places[from] < start) {
                for (int place = that.places[from]; place < start; place++) {
                    add(place, Effect.withLength(Effect.UNDECODED, 1));
                    undecoded++;
                }
            }
            from = meet(that, from, start, limit, capstone, decoder);
        }
        while (from < old) {
            copy(that, from++);
        }
    }

    /** Decodes from a place on until an instruction of the old reading begins there too; returns that, by its index. */
    private int meet(DecodedCode that, int from, int start, int limit, Capstone capstone, EffectDecoder decoder) {
        ModuleCode.Part part = module.partAt(start);
        if (part == null) {
            return from;
        }
        int end = Math.min(limit, part.end());
        int next = from;
        int place = start;
        while (place < end) {
            while (next < that.count && that.places[next] < place) {
                next++;
            }
            if (next < that.count && that.places[next] == place) {
                return next;
            }
            place = decodeOne(part, place, end, capstone, decoder);
        }
        while (next < that.count && that.places[next] < place) {
            next++;
        }
        return next;
    }

    private int decodeOne(ModuleCode.Part part, int place, int end, Capstone capstone, EffectDecoder decoder) {
        MemorySegment code = part.code();
        capstone.start(code.asSlice(place - part.place(), end - place), place);
        if (!capstone.next()) {
            return place + addUndecoded(code, place - part.place(), place, end);
        }
        decoder.decode(capstone.instruction());
        for (int i = 0; i < decoder.count; i++) {
            add(place, decoder.words[i]);
        }
        return (int) capstone.position();
    }

    /** Takes a word over, with its target as a place again. */
    private void copy(DecodedCode that, int index) {
        long word = that.words[index];
        if (hasTarget(word)) {
            int target = Effect.n(word);
            word = withNumber(word, target >= 0 ? that.places[target] : ~target);
        }
        add(that.places[index], word);
    }

    private static boolean hasTarget(long word) {
        int operation = Effect.operation(word);
        return operation == Effect.JUMP || operation == Effect.BRANCH || operation == Effect.CALL;
    }

    private static long withNumber(long word, int n) {
        return word & 0xffff_ffffL | (long) n << 32;
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

    private CodeIndex resolve() {
        targets = new long[(count >>> 6) + 1];
        for (int i = 0; i < count; i++) {
            if (hasTarget(words[i])) {
                int place = Effect.n(words[i]);
                int target = find(place);
                words[i] = withNumber(words[i], target < 0 ? ~Math.max(place, 0) : target);
                if (Effect.operation(words[i]) == Effect.JUMP && target < 0 && module.isReturnThunk(place)) {
                    words[i] =
                            Effect.withLength(Effect.of(Effect.RETURN, Effect.NO_REGISTER, 0), Effect.length(words[i]));
                    continue;
                }
                if (target >= 0 && Effect.operation(words[i]) != Effect.CALL) {
                    setTarget(target);
                }
            }
        }
        module.staticBranches().mark(this);
        jumpedTo = targets.clone();
        return new CodeIndex(this);
    }

    private void findCalled() {
        int region = 0;
        int[] targets = index.called();
        calledRegions = new int[targets.length];
        for (int i = 0; i < targets.length; i++) {
            int target = targets[i];
            while (regionFirst[region + 1] <= target) {
                region++;
            }
            calledRegions[i] = region;
            if (target == regionFirst[region]) {
                called.set(region);
            }
        }
    }

    /** The region of what direct calls go to, by its number in the index. */
    public int calledRegion(int target) {
        return calledRegions[target];
    }

    /** Where calls, jumps and addresses stand in it. */
    public CodeIndex index() {
        return index;
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

    /** Takes back that calls in a region were found not to return. */
    public void forgetRefutations(int region) {
        for (int i = regionFirst[region]; i < regionFirst[region + 1]; i++) {
            if ((words[i] & Effect.DECIDED) != 0 && Effect.width(words[i]) == Returns.NEVER) {
                words[i] = Effect.withWidth(words[i] & ~(0x7fL << 20 | Effect.DECIDED), 0);
            }
        }
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

    /** The instruction that a place lies in the middle of, or {@link #NONE}. */
    public int covering(int place) {
        int region = place < 0 ? -1 : regions.find(place);
        int at = region < 0 ? 0 : Arrays.binarySearch(places, regionFirst[region], regionFirst[region + 1], place);
        int before = -at - 2;
        if (at >= 0 || before < regionFirst[region]) {
            return NONE;
        }
        int first = firstWord(before);
        return place < places[first] + Effect.length(words[first]) ? first : NONE;
    }

    /** Whether a direct jump goes to an instruction. */
    public boolean isJumpedTo(int instruction) {
        return (jumpedTo[instruction >>> 6] >>> instruction & 1) != 0;
    }

    /** Whether a jump goes to an instruction, or paths meet there. */
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

    /**
     * Whether padding begins at an instruction that separates functions: it ends with the region, or at an aligned address. Compilers also align the heads of
     * loops, but those are jumped to.
     */
    public boolean isPaddingBeforeFunction(int instruction, int alignment) {
        if (instruction >= count || !isPadding(instruction)) {
            return false;
        }
        int limit = regionFirst[regionOf(instruction) + 1];
        int next = instruction;
        while (next < limit && isPadding(next) && !isJumpedTo(next)) {
            next = next(next);
        }
        return next == limit || !isJumpedTo(next) && module.addressOf(places[next]) % alignment == 0;
    }

    /** Whether an instruction only takes room, or traps what should not come there. */
    public boolean isPadding(int instruction) {
        return (words[instruction] & Effect.PADDING) != 0;
    }
}
