package org.backstitch.code.stack;

import java.util.BitSet;
import java.util.HashMap;
import java.util.Map;
import org.backstitch.bytes.Bytes;
import org.jspecify.annotations.Nullable;

/**
 * Finds out which calls return, and writes it into the words of calls: width {@link #NEVER}, {@link #ALWAYS}, or 0 where it is not known.
 *
 * <p>A function of this module returns if it has a return instruction, or jumps to one that does. Compilers put nothing sensible behind a
 * call of a function that they know not to return; so one that cannot be looked into is taken for such if its calls are followed by
 * the end of the code or by what is jumped to from elsewhere, and never or hardly ever by code that only they lead to.
 */
final class Returns {
    /** The call does not return. */
    static final int NEVER = 1;

    /** The call returns. */
    static final int ALWAYS = 2;

    private static final int[] ENDBR64 = {0xf3, 0x0f, 0x1e, 0xfa};

    private final DecodedCode code;
    private final ModuleCode module;
    private final boolean exact;
    private final BitSet returning = new BitSet();
    private final BitSet surelyReturning = new BitSet();

    /** By what is called: how many calls end the code, and how many are followed by code that nothing else leads to. */
    private final Map<Integer, int[]> votes = new HashMap<>();

    Returns(DecodedCode code, boolean exact) {
        this.exact = exact;
        this.code = code;
        this.module = code.module();
    }

    /** Decides for every call. */
    static void decide(DecodedCode code, boolean exact) {
        Returns returns = new Returns(code, exact);
        returns.findReturningRegions();
        returns.vote();
        returns.mark();
    }

    private void findReturningRegions() {
        int regions = code.regions().size();
        // Regions that end by going to another one: as pairs, (from, to).
        int[] from = new int[256];
        int[] to = new int[256];
        int edges = 0;
        for (int region = 0; region < regions; region++) {
            int end = code.first(region + 1);
            for (int i = code.first(region); i < end; i++) {
                long word = code.word(i);
                int other = -1;
                switch (Effect.operation(word)) {
                    case Effect.RETURN -> {
                        returning.set(region);
                        surelyReturning.set(region);
                    }
                    case Effect.JUMP_REGISTER, Effect.JUMP_TABLE, Effect.UNDECODED -> returning.set(region);
                    case Effect.JUMP_MEMORY -> {
                        if (Effect.a(word) != Effect.IN_MODULE || !isNoReturnSlot(Effect.n(word))) {
                            returning.set(region);
                        }
                    }
                    case Effect.JUMP, Effect.BRANCH -> {
                        int target = Effect.n(word);
                        if (target < code.first(region) || target >= end) {
                            int place = destination(target);
                            target = code.find(place);
                            other = target < 0 ? -1 : code.regionOf(target);
                            returning.set(region, returning.get(region) || target < 0 && !isNoReturnSlot(place));
                        }
                    }
                    default -> {
                        // Control passes, or ends.
                    }
                }
                if (i == end - 1 && Effect.operation(word) < Effect.FIRST_CONTROL && region + 1 < regions) {
                    other = region + 1;
                }
                if (other >= 0 && other != region) {
                    if (edges == from.length) {
                        from = java.util.Arrays.copyOf(from, 2 * edges);
                        to = java.util.Arrays.copyOf(to, 2 * edges);
                    }
                    from[edges] = region;
                    to[edges++] = other;
                }
            }
        }
        for (boolean changed = true; changed; ) {
            changed = false;
            for (int i = 0; i < edges; i++) {
                if (returning.get(to[i]) && !returning.get(from[i])) {
                    returning.set(from[i]);
                    changed = true;
                }
                if (surelyReturning.get(to[i]) && !surelyReturning.get(from[i])) {
                    surelyReturning.set(from[i]);
                    changed = true;
                }
            }
        }
    }

    private void vote() {
        for (int region = 0; region < code.regions().size(); region++) {
            int end = code.first(region + 1);
            for (int i = code.first(region); i < end; i++) {
                long word = code.word(i);
                int callee = callee(word);
                if (callee == ModuleCode.NOWHERE) {
                    continue;
                }
                int next = i + 1;
                int[] counts = votes.computeIfAbsent(callee, _ -> new int[2]);
                if (next == end || Effect.operation(code.word(next)) == Effect.STOP) {
                    counts[0]++;
                } else if (!code.isJumpedTo(next) && !leadsToTarget(next, end)) {
                    counts[1]++;
                }
            }
        }
    }

    /** Whether only padding lies between an instruction and one that is jumped to, or the end. */
    private boolean leadsToTarget(int instruction, int end) {
        int next = instruction;
        while (next < end && code.isPadding(next)) {
            next = code.next(next);
            if (next >= end || code.isJumpedTo(next)) {
                return true;
            }
        }
        return false;
    }

    /** What a word calls, as a key: the place of the pointer or of the code; {@link ModuleCode#NOWHERE} if it is no call that is known. */
    int callee(long word) {
        return switch (Effect.operation(word)) {
            case Effect.CALL -> destination(Effect.n(word));
            case Effect.CALL_INDIRECT -> {
                if (Effect.a(word) != Effect.IN_MODULE) {
                    yield ModuleCode.NOWHERE;
                }
                int target = module.pointerAt(Effect.n(word));
                yield target == ModuleCode.NOWHERE ? Effect.n(word) : target;
            }
            default -> ModuleCode.NOWHERE;
        };
    }

    private void mark() {
        for (int i = 0; i < code.size(); i++) {
            long word = code.word(i);
            int callee = callee(word);
            if (callee != ModuleCode.NOWHERE && (word & Effect.DECIDED) == 0) {
                code.setWord(i, Effect.withWidth(word & ~(0x7fL << 20), answer(callee)));
            }
        }
    }

    private int answer(int callee) {
        if (isNoReturnSlot(callee)) {
            return NEVER;
        }
        if (module.isReturningImport(callee)) {
            return ALWAYS;
        }
        int target = code.find(callee);
        int region = target < 0 ? -1 : code.regionOf(target);
        boolean start = region >= 0 && target == code.first(region);
        if (start && !returning.get(region)) {
            return NEVER;
        }
        if (exact && start && surelyReturning.get(region)) {
            return ALWAYS;
        }
        int[] counts = votes.getOrDefault(callee, new int[2]);
        return counts[0] > 0 && 8 * counts[1] <= counts[0] ? NEVER : 0;
    }

    /** Whether compilers know of some calls of a function only that they do not return. */
    boolean returnsSometimes(int callee) {
        String name = module.importAt(callee);
        return name != null && NoReturnNames.isConditional(name);
    }

    private boolean isNoReturnSlot(int slot) {
        return module.isNoReturnImport(slot);
    }

    /**
     * Where a direct call or jump gets to by way of stubs: the place of this module's function, or of the pointer to another's.
     *
     * @param target as words have it: an instruction, or the complement of a place
     */
    private int destination(int target) {
        int place = target >= 0 ? code.place(target) : ~target;
        int slot = slotOfStub(place);
        if (slot == ModuleCode.NOWHERE) {
            return place;
        }
        // A module also calls what it exports by its linkage table.
        int own = module.pointerAt(slot);
        return own == ModuleCode.NOWHERE ? slot : own;
    }

    /** The pointer that a stub of a linkage table jumps to; {@link ModuleCode#NOWHERE} if there is no stub at a place. */
    private int slotOfStub(int place) {
        ModuleCode.Part part = module.partAt(place);
        return part == null || !part.isLinkageTable() ? ModuleCode.NOWHERE : slotOfStub(place, module.bytesFrom(place));
    }

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
