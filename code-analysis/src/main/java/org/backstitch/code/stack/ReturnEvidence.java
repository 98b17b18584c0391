package org.backstitch.code.stack;

import java.util.HashMap;
import java.util.HashSet;
import java.util.Map;
import java.util.Set;

/**
 * What functions tell of the calls in them that may not return. A function is taken to return everywhere if one call of it does, and if
 * none is known not to: compilers know of a function that it never returns, or do not. That helps to tell right ways from wrong ones, but
 * proves nothing: a program may know of one call that it does not return, and say so ({@code __builtin_unreachable}).
 */
public final class ReturnEvidence {
    private static final int ALIGNMENT = 16;

    /** By what is called: the places of the calls that were seen to return, and of its own return. */
    private final Map<Integer, Set<Integer>> returning = new HashMap<>();

    private final Set<Integer> decided = new HashSet<>();
    private DecodedCode code;

    /** No evidence so far. */
    public ReturnEvidence(DecodedCode code) {
        this.code = code;
    }

    /** Goes on with the same code, cut into other regions. */
    public void continueWith(DecodedCode cut) {
        code = cut;
    }

    /** Takes what the analysis of a function tells. */
    public void add(FrameProof proof) {
        proof.testify(this);
    }

    /** A return instruction of the function at a place is certain to be reached. */
    void functionReturns(int place) {
        add(place, place);
    }

    /** A call returned. */
    void returns(int call) {
        int callee = code.index().calleeOfWord(call);
        if (callee != CodeIndex.UNKNOWN) {
            int place = code.index().place(callee);
            if (!returnsSometimes(place)) {
                add(place, code.place(call));
            }
        }
    }

    private void add(int callee, int place) {
        if (!decided.contains(callee)) {
            returning.computeIfAbsent(callee, _ -> new HashSet<>()).add(place);
        }
    }

    /** Decides for all calls of the functions that are known to return by now; returns whether that is new of any. */
    public boolean decide() {
        if (returning.isEmpty()) {
            return false;
        }
        boolean any = false;
        for (Map.Entry<Integer, Set<Integer>> entry : returning.entrySet()) {
            int callee = code.index().calleeAt(entry.getKey());
            if (callee == CodeIndex.UNKNOWN) {
                any = true;
            } else if (returnsEverywhere(callee, entry.getValue().size())) {
                any = true;
                believe(callee);
            }
        }
        decided.addAll(returning.keySet());
        returning.clear();
        return any;
    }

    /** Whether more calls of a function were seen to return than are known not to, and none of them ends the code. */
    private boolean returnsEverywhere(int callee, int seen) {
        CodeIndex index = code.index();
        int balance = seen;
        for (int at = 0; at < index.callsOf(callee); at++) {
            int call = index.callOf(callee, at);
            if (endsCode(call + 1)) {
                return false;
            }
            balance -= Effect.width(code.word(call)) == Returns.NEVER ? 1 : 0;
        }
        return balance > 0;
    }

    private void believe(int callee) {
        CodeIndex index = code.index();
        for (int at = 0; at < index.callsOf(callee); at++) {
            int call = index.callOf(callee, at);
            boolean padded = call + 1 < code.size() && code.isPadding(call + 1);
            if (!padded) {
                code.setWord(call, Effect.withAnswer(code.word(call), Returns.ALWAYS));
            }
        }
    }

    /** Whether compilers know of some calls of a function only that they do not return. */
    private boolean returnsSometimes(int place) {
        String name = code.module().importAt(place);
        return name != null && NoReturnNames.isConditional(name);
    }

    /** Whether control cannot sensibly come to an instruction: the end of a region, a trap, or padding in front of a function. */
    private boolean endsCode(int next) {
        return next == code.size()
                || next == code.first(code.regionOf(next))
                || Effect.operation(code.word(next)) == Effect.STOP
                || code.isPaddingBeforeFunction(next, ALIGNMENT);
    }
}
