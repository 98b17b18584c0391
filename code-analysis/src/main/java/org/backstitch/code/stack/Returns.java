package org.backstitch.code.stack;

import java.util.Arrays;
import java.util.BitSet;

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

    private final DecodedCode code;
    private final CodeIndex index;
    private final ModuleCode module;
    private final boolean exact;
    private final BitSet returning = new BitSet();
    private final BitSet surelyReturning = new BitSet();

    /** By callee: how many calls end the code, and how many are followed by code that nothing else leads to. */
    private final int[] endings;

    private final int[] goings;

    private Returns(DecodedCode code, boolean exact) {
        this.exact = exact;
        this.code = code;
        index = code.index();
        module = code.module();
        endings = new int[index.callees()];
        goings = new int[index.callees()];
    }

    /** Decides for every call. */
    static void decide(DecodedCode code, boolean exact) {
        Returns returns = new Returns(code, exact);
        returns.findReturningRegions();
        returns.vote();
        returns.mark();
    }

    /** Regions that end by going to another one: as pairs. */
    private static final class Edges {
        int[] from = new int[256];
        int[] to = new int[256];
        int count;

        void add(int region, int other) {
            if (count == from.length) {
                from = Arrays.copyOf(from, 2 * count);
                to = Arrays.copyOf(to, 2 * count);
            }
            from[count] = region;
            to[count++] = other;
        }

        /** Adds to some regions all from which edges lead to them. */
        void spreadBack(BitSet some, int regions) {
            int[] begins = new int[regions + 1]; // of the edges to each region, among all sorted by where they lead
            for (int i = 0; i < count; i++) {
                begins[to[i] + 1]++;
            }
            for (int region = 0; region < regions; region++) {
                begins[region + 1] += begins[region];
            }
            int[] sources = new int[count];
            int[] next = Arrays.copyOf(begins, regions);
            for (int i = 0; i < count; i++) {
                sources[next[to[i]]++] = from[i];
            }
            int[] waiting = Arrays.copyOf(some.stream().toArray(), regions);
            int end = some.cardinality();
            for (int at = 0; at < end; at++) {
                for (int i = begins[waiting[at]]; i < begins[waiting[at] + 1]; i++) {
                    if (!some.get(sources[i])) {
                        some.set(sources[i]);
                        waiting[end++] = sources[i];
                    }
                }
            }
        }
    }

    private void findReturningRegions() {
        Edges edges = new Edges();
        int region = 0;
        for (int at = 0; at < index.jumps(); at++) {
            int jump = index.jump(at);
            while (code.first(region + 1) <= jump) {
                region++;
            }
            int other = leadsTo(jump, region);
            if (other >= 0 && other != region) {
                edges.add(region, other);
            }
        }
        for (int from = 0; from + 1 < code.regions().size(); from++) {
            int last = code.first(from + 1) - 1;
            if (last >= code.first(from) && Effect.operation(code.word(last)) < Effect.FIRST_CONTROL) {
                edges.add(from, from + 1);
            }
        }
        edges.spreadBack(returning, code.regions().size());
        edges.spreadBack(surelyReturning, code.regions().size());
    }

    /** Notes what a word that is no call says of its region; returns the region that it leads to, or -1. */
    private int leadsTo(int jump, int region) {
        long word = code.word(jump);
        switch (Effect.operation(word)) {
            case Effect.RETURN -> {
                returning.set(region);
                surelyReturning.set(region);
            }
            case Effect.JUMP_REGISTER, Effect.JUMP_TABLE, Effect.UNDECODED -> returning.set(region);
            case Effect.JUMP_MEMORY -> {
                if (Effect.a(word) != Effect.IN_MODULE || !module.isNoReturnImport(Effect.n(word))) {
                    returning.set(region);
                }
            }
            default -> {
                int target = Effect.n(word);
                if (target < code.first(region) || target >= code.first(region + 1)) {
                    int place = index.destination(target);
                    int found = target >= 0 && place == code.place(target) ? target : code.find(place);
                    if (found >= 0) {
                        return code.regionOf(found);
                    }
                    returning.set(region, returning.get(region) || !module.isNoReturnImport(place));
                }
            }
        }
        return -1;
    }

    private void vote() {
        int region = 0;
        for (int at = 0; at < index.calls(); at++) {
            int call = index.call(at);
            int callee = index.callee(at);
            while (code.first(region + 1) <= call) {
                region++;
            }
            if (callee == CodeIndex.UNKNOWN) {
                continue;
            }
            int next = call + 1;
            int end = code.first(region + 1);
            if (next == end || Effect.operation(code.word(next)) == Effect.STOP) {
                endings[callee]++;
            } else if (!code.isJumpedTo(next) && !leadsToTarget(next, end)) {
                goings[callee]++;
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

    private void mark() {
        for (int callee = 0; callee < index.callees(); callee++) {
            int answer = answer(callee);
            for (int at = 0; at < index.callsOf(callee); at++) {
                int call = index.callOf(callee, at);
                long word = code.word(call);
                if ((word & Effect.DECIDED) == 0) {
                    code.setWord(call, Effect.withWidth(word & ~(0x7fL << 20), answer));
                }
            }
        }
    }

    private int answer(int callee) {
        if (index.byName(callee) != 0) {
            return index.byName(callee);
        }
        int target = code.find(index.place(callee));
        int region = target < 0 ? -1 : code.regionOf(target);
        boolean start = region >= 0 && target == code.first(region);
        if (start && !returning.get(region)) {
            return NEVER;
        }
        if (exact && start && surelyReturning.get(region)) {
            return ALWAYS;
        }
        return endings[callee] > 0 && 8 * goings[callee] <= endings[callee] ? NEVER : 0;
    }
}
