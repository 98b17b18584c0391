package org.backstitch.code.stack;

import java.util.Arrays;
import java.util.HashMap;
import java.util.Map;
import org.backstitch.bytes.Bytes;
import org.jspecify.annotations.Nullable;

/**
 * Where in a module's code calls, jumps and addresses stand, and what the calls call: what does not depend on how the code is cut into
 * regions, so that it is found once, and passes over the code can look at those words alone.
 *
 * <p>What a call calls has a number here, its <em>callee</em>: the same for all calls that get to the same place, by way of stubs too.
 */
public final class CodeIndex {
    /** For a call of which it is not known what it calls. */
    public static final int UNKNOWN = -1;

    private static final int[] ENDBR64 = {0xf3, 0x0f, 0x1e, 0xfa};

    private final DecodedCode code;
    private final ModuleCode module;

    /** Calls, in order; for each its callee. */
    private int[] calls = new int[256];

    private int callCount;
    private final int[] callees;

    /** What may lead out of a region but calls, in order. */
    private int[] jumps = new int[256];

    private int jumpCount;

    /** Words that name places: as addresses, or as tables. */
    private int[] addresses = new int[256];

    private int addressCount;

    /** For each callee its place. */
    private int[] places = new int[256];

    private int calleeCount;
    private final Map<Integer, Integer> calleeOfPlace = new HashMap<>();

    /** For each callee what its name says, as {@link Returns} has it; 0 for nothing. */
    private final byte[] byName;

    /** The calls of each callee, one callee's after the other's, and where each one's begin. */
    private final int[] grouped;

    private final int[] groups;

    /** The instructions that direct calls go to, each once, in order; and for each call which of them it goes to. */
    private final int[] called;

    private final int[] targets;

    /** What stubs lead to, by their places. */
    private final Map<Integer, Integer> stubs = new HashMap<>();

    private int @Nullable [] tableStarts;

    /** Goes through code whose targets are resolved. */
    CodeIndex(DecodedCode code) {
        this.code = code;
        module = code.module();
        int[] direct = new int[256];
        int directCount = 0;
        for (int i = 0; i < code.size(); i++) {
            long word = code.word(i);
            switch (Effect.operation(word)) {
                case Effect.CALL -> {
                    add(i);
                    if (Effect.n(word) >= 0) {
                        direct = withRoom(direct, directCount);
                        direct[directCount++] = Effect.n(word);
                    }
                }
                case Effect.CALL_INDIRECT -> add(i);
                case Effect.JUMP, Effect.BRANCH, Effect.JUMP_REGISTER, Effect.JUMP_TABLE -> addJump(i);
                case Effect.JUMP_MEMORY, Effect.RETURN, Effect.UNDECODED -> addJump(i);
                case Effect.ADDRESS, Effect.LOAD_TABLE_64 -> addAddress(i);
                default -> {
                    // It names no place.
                }
            }
        }
        callees = new int[callCount];
        for (int i = 0; i < callCount; i++) {
            int place = destinationOf(code.word(calls[i]));
            callees[i] = place == ModuleCode.NOWHERE ? UNKNOWN : number(place);
        }
        byName = new byte[calleeCount];
        for (int callee = 0; callee < calleeCount; callee++) {
            byName[callee] = (byte) answerByName(places[callee]);
        }
        groups = new int[calleeCount + 1];
        grouped = group();
        called = Arrays.stream(direct, 0, directCount).sorted().distinct().toArray();
        targets = new int[callCount];
        for (int i = 0; i < callCount; i++) {
            long word = code.word(calls[i]);
            boolean known = Effect.operation(word) == Effect.CALL && Effect.n(word) >= 0;
            targets[i] = known ? Arrays.binarySearch(called, Effect.n(word)) : UNKNOWN;
        }
    }

    private static int[] withRoom(int[] array, int used) {
        return used == array.length ? Arrays.copyOf(array, 2 * used) : array;
    }

    private void add(int call) {
        calls = withRoom(calls, callCount);
        calls[callCount++] = call;
    }

    private void addJump(int jump) {
        jumps = withRoom(jumps, jumpCount);
        jumps[jumpCount++] = jump;
    }

    private void addAddress(int word) {
        addresses = withRoom(addresses, addressCount);
        addresses[addressCount++] = word;
    }

    private int answerByName(int place) {
        if (module.isNoReturnImport(place)) {
            return Returns.NEVER;
        }
        return module.isReturningImport(place) ? Returns.ALWAYS : 0;
    }

    private int number(int place) {
        Integer known = calleeOfPlace.get(place);
        if (known != null) {
            return known;
        }
        places = withRoom(places, calleeCount);
        places[calleeCount] = place;
        calleeOfPlace.put(place, calleeCount);
        return calleeCount++;
    }

    private int[] group() {
        for (int callee : callees) {
            if (callee != UNKNOWN) {
                groups[callee + 1]++;
            }
        }
        for (int callee = 0; callee < calleeCount; callee++) {
            groups[callee + 1] += groups[callee];
        }
        int[] next = Arrays.copyOf(groups, calleeCount);
        int[] sorted = new int[groups[calleeCount]];
        for (int i = 0; i < callCount; i++) {
            if (callees[i] != UNKNOWN) {
                sorted[next[callees[i]]++] = calls[i];
            }
        }
        return sorted;
    }

    /** How many calls there are. */
    public int calls() {
        return callCount;
    }

    /** A call, in order: its word. */
    public int call(int index) {
        return calls[index];
    }

    /** The number of the instruction that a direct call goes to, among those that any does; {@link #UNKNOWN} where it goes to none here. */
    public int target(int index) {
        return targets[index];
    }

    /** How many instructions direct calls go to. */
    public int targets() {
        return called.length;
    }

    /** The callee of a call by its index, or {@link #UNKNOWN}. */
    int callee(int index) {
        return callees[index];
    }

    /** The callee of a word, or {@link #UNKNOWN} if it is no call that is known. */
    int calleeOfWord(int word) {
        int at = Arrays.binarySearch(calls, 0, callCount, word);
        return at < 0 ? UNKNOWN : callees[at];
    }

    /** How many callees there are. */
    int callees() {
        return calleeCount;
    }

    /** Where a callee lies: the place of the code, or of the pointer to another module's. */
    int place(int callee) {
        return places[callee];
    }

    /** Whether a callee returns, by its name in another module: {@link Returns#NEVER}, {@link Returns#ALWAYS}, or 0 where it says nothing. */
    int byName(int callee) {
        return byName[callee];
    }

    /** The callee at a place, or {@link #UNKNOWN}. */
    int calleeAt(int place) {
        return calleeOfPlace.getOrDefault(place, UNKNOWN);
    }

    /** How many calls a callee has. */
    int callsOf(int callee) {
        return groups[callee + 1] - groups[callee];
    }

    /** A call of a callee, in order: its word. */
    int callOf(int callee, int index) {
        return grouped[groups[callee] + index];
    }

    /** How many words may lead out of a region and are no calls. */
    public int jumps() {
        return jumpCount;
    }

    /** One of them, in order: its word. */
    public int jump(int index) {
        return jumps[index];
    }

    /** How many words name places. */
    public int addresses() {
        return addressCount;
    }

    /** One of them, in order. */
    public int address(int index) {
        return addresses[index];
    }

    /** The instructions that direct calls go to, each once, in order. */
    int[] called() {
        return called;
    }

    /** The places that the code names, sorted: where a table may start, and so another one ends. The last is above all. */
    int[] tableStarts() {
        int[] starts = tableStarts;
        if (starts == null) {
            starts = new int[addressCount + jumpCount + 1];
            int count = 0;
            starts[count++] = Integer.MAX_VALUE;
            for (int i = 0; i < addressCount; i++) {
                long word = code.word(addresses[i]);
                if (Effect.operation(word) == Effect.ADDRESS || Effect.b(word) == Effect.NO_REGISTER) {
                    starts[count++] = Effect.n(word);
                }
            }
            for (int i = 0; i < jumpCount; i++) {
                long word = code.word(jumps[i]);
                if (Effect.operation(word) == Effect.JUMP_TABLE && Effect.b(word) == Effect.NO_REGISTER) {
                    starts[count++] = Effect.n(word);
                }
            }
            starts = Arrays.copyOf(starts, count);
            Arrays.sort(starts);
            tableStarts = starts;
        }
        return starts;
    }

    private int destinationOf(long word) {
        if (Effect.operation(word) == Effect.CALL) {
            return destination(Effect.n(word));
        }
        if (Effect.a(word) != Effect.IN_MODULE) {
            return ModuleCode.NOWHERE;
        }
        int target = module.pointerAt(Effect.n(word));
        return target == ModuleCode.NOWHERE ? Effect.n(word) : target;
    }

    /**
     * Where a direct call or jump gets to by way of stubs: the place of this module's function, or of the pointer to another's.
     *
     * @param target as words have it: an instruction, or the complement of a place
     */
    int destination(int target) {
        int place = target >= 0 ? code.place(target) : ~target;
        ModuleCode.Part part = module.partAt(place);
        return part == null || !part.isLinkageTable() ? place : stubs.computeIfAbsent(place, this::behindStub);
    }

    private int behindStub(int place) {
        int slot = slotOfStub(place, module.bytesFrom(place));
        if (slot == ModuleCode.NOWHERE) {
            return place;
        }
        // A module also calls what it exports by its linkage table.
        int own = module.pointerAt(slot);
        return own == ModuleCode.NOWHERE ? slot : own;
    }

    /** The pointer that a stub of a linkage table jumps to; {@link ModuleCode#NOWHERE} if there is no stub. */
    private static int slotOfStub(int place, @Nullable Bytes bytes) {
        if (bytes == null || bytes.size() < 16) {
            return ModuleCode.NOWHERE;
        }
        int at = 0;
        while (at < ENDBR64.length && bytes.u8(at) == ENDBR64[at]) {
            at++;
        }
        at = at == ENDBR64.length ? at : 0;
        at += bytes.u8(at) == 0xf2 ? 1 : 0; // bnd
        return bytes.u8(at) == 0xff && bytes.u8(at + 1) == 0x25
                ? place + at + 6 + bytes.i32(at + 2)
                : ModuleCode.NOWHERE;
    }
}
