package org.backstitch.code.synthesis;

import java.util.BitSet;
import java.util.HashSet;
import java.util.Map;
import java.util.Set;
import java.util.TreeMap;
import org.backstitch.code.capstone.Capstone;
import org.backstitch.code.stack.DecodedCode;
import org.backstitch.code.stack.FrameProof;
import org.backstitch.code.stack.LandingPads;
import org.backstitch.code.stack.ModuleCode;
import org.backstitch.code.stack.Regions;
import org.backstitch.code.stack.RegisterChanges;
import org.backstitch.code.stack.ReturnEvidence;
import org.backstitch.code.stack.StackFlow;
import org.jspecify.annotations.Nullable;

/**
 * Finds a module's functions, and which calls return, until neither tells of anything new.
 *
 * <p>Code is decoded once. In each round the functions that are new, or whose end has moved, are followed; then the others that had
 * doubtful parts, if calls have turned out to return.
 */
final class Exploration {
    private static final int MOST_ROUNDS = 200;

    private final Capstone capstone;
    private final FunctionStarts starts;
    private final ReturnEvidence evidence;

    /** The functions that have parts which hang on the return of a call, by their first places. */
    private final Set<Integer> doubtful = new HashSet<>();

    /** Guesses that have not proved themselves so far. */
    private final Set<Integer> pending = new HashSet<>();

    /** The callee-saved registers that functions change, as masks, by their first places. */
    private final Map<Integer, Integer> registerChanges = new TreeMap<>();

    private DecodedCode code;
    private StackFlow flow;
    private BitSet certain = new BitSet();
    private boolean rejected;
    private boolean proven;

    /** Whether the calls of all functions that are known for certain have told what they can tell. */
    private boolean settled;

    private Exploration(ModuleCode module, FunctionStarts starts, Capstone capstone) {
        this.starts = starts;
        this.capstone = capstone;
        code = StackFlow.prepare(DecodedCode.decode(module, starts.regions(), capstone), false);
        flow = new StackFlow(code, LandingPads.NONE);
        flow.settle(false);
        evidence = new ReturnEvidence(code);
    }

    /**
     * What was found.
     *
     * @param code cut into functions; {@code starts} knows which of them are guesses
     * @param registerChanges the functions that change callee-saved registers
     */
    record Explored(DecodedCode code, RegisterChanges registerChanges) {}

    /** Explores a module. */
    static Explored explore(ModuleCode module, FunctionStarts starts, Capstone capstone) {
        Exploration exploration = new Exploration(module, starts, capstone);
        exploration.run();
        RegisterChanges changes = new RegisterChanges(exploration.code);
        exploration.registerChanges.forEach(changes::add);
        return new Explored(exploration.code, changes);
    }

    private void run() {
        Regions known = null;
        boolean decided = false;
        boolean again = false;
        for (int round = 0; round < MOST_ROUNDS; round++) {
            rejected = false;
            proven = false;
            follow(known, again);
            known = code.regions();
            decided = evidence.decide() || decided && !again;
            BitSet reached = flow.reached();
            boolean more = starts.learn(code, reached, certain) || rejected;
            more |= starts.addMain(code, code.module().entry());
            again = !more && decided;
            if (!more && !decided && !settled) {
                settled = true;
                flow.settle(true);
                again = true;
            } else if (!more && !decided && !proven) {
                more = rejectPending()
                        || starts.guessPointers(code, reached, certain)
                        || starts.guessRest(code, reached);
                if (!more) {
                    return;
                }
            }
            if (more) {
                cut();
            }
        }
        rejectPending();
        cut();
    }

    private void follow(@Nullable Regions known, boolean again) {
        Regions regions = code.regions();
        regions.forEachFunction(region -> {
            int start = regions.start(region);
            boolean isNew = known == null || !regions.isSameFunction(region, known);
            if (isNew || pending.contains(start) || again && doubtful.contains(start)) {
                follow(region);
            }
        });
    }

    private void follow(int region) {
        int start = code.regions().start(region);
        FrameProof proof = FrameProof.of(flow, code, region, starts::isTrusted);
        doubtful.remove(start);
        pending.remove(start);
        if (proof.changedRegisters() != 0) {
            registerChanges.put(start, proof.changedRegisters());
        } else {
            registerChanges.remove(start);
        }
        if (starts.isGuess(start)) {
            judge(start, region, proof);
        }
        if (proof.hasDoubts()) {
            doubtful.add(start);
        }
        if (!proof.isWrong() && starts.isTrusted(start)) {
            proof.addCertain(certain);
            evidence.add(proof);
        }
    }

    private void judge(int start, int region, FrameProof proof) {
        if (!proof.isWrong() && proof.isConfirmed()) {
            starts.confirm(start);
            proven = true;
        } else if (proof.isWrong()) {
            reject(start);
            rejected = true;
        } else if (!isWitnessed(start, region)) {
            pending.add(start);
        }
    }

    /**
     * Whether something else than its code speaks for a guess: a call; or a pointer, if the code never leaves. Such rows are offered,
     * though not proved.
     */
    private boolean isWitnessed(int start, int region) {
        return code.isCalled(region) || starts.isPointed(start);
    }

    /** Gives up the guesses that have not proved themselves by now; returns whether there are any. */
    private boolean rejectPending() {
        boolean any = !pending.isEmpty();
        pending.forEach(this::reject);
        pending.clear();
        return any;
    }

    /** What its frame refuted of the calls in it says nothing then: the function that it is a part of may have another one. */
    private void reject(int start) {
        starts.reject(start);
        code.forgetRefutations(code.regionOf(code.find(start)));
    }

    private void cut() {
        DecodedCode before = code;
        code = StackFlow.prepare(before.cut(starts.regions(), capstone), false);
        certain = code.carry(certain, before);
        evidence.continueWith(code);
        StackFlow next = new StackFlow(code, LandingPads.NONE);
        next.continueFrom(flow);
        next.settle(settled);
        flow = next;
    }
}
