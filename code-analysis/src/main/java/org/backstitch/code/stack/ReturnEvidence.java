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
    private Returns returns;

    /** No evidence so far. */
    public ReturnEvidence(DecodedCode code) {
        this.code = code;
        returns = new Returns(code, false);
    }

    /** Goes on with the same code, cut into other regions. */
    public void continueWith(DecodedCode cut) {
        code = cut;
        returns = new Returns(cut, false);
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
        int callee = returns.callee(code.word(call));
        if (callee != ModuleCode.NOWHERE && !returns.returnsSometimes(callee)) {
            add(callee, code.place(call));
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
        Map<Integer, Integer> balance = new HashMap<>();
        returning.forEach((callee, places) -> balance.put(callee, places.size()));
        for (int i = 0; i < code.size(); i++) {
            int callee = returns.callee(code.word(i));
            if (callee != ModuleCode.NOWHERE && balance.containsKey(callee)) {
                if (endsCode(i + 1)) {
                    balance.put(callee, Integer.MIN_VALUE / 2);
                } else if (Effect.width(code.word(i)) == Returns.NEVER) {
                    balance.merge(callee, -1, Integer::sum);
                }
            }
        }
        balance.values().removeIf(sum -> sum <= 0);
        for (int i = 0; i < code.size(); i++) {
            int callee = returns.callee(code.word(i));
            boolean padded = i + 1 < code.size() && code.isPadding(i + 1);
            if (callee != ModuleCode.NOWHERE && balance.containsKey(callee) && !padded) {
                code.setWord(i, Effect.withAnswer(code.word(i), Returns.ALWAYS));
            }
        }
        decided.addAll(returning.keySet());
        returning.clear();
        return !balance.isEmpty();
    }

    /** Whether control cannot sensibly come to an instruction: the end of a region, a trap, or padding in front of a function. */
    private boolean endsCode(int next) {
        return next == code.size()
                || next == code.first(code.regionOf(next))
                || Effect.operation(code.word(next)) == Effect.STOP
                || code.isPaddingBeforeFunction(next, ALIGNMENT);
    }
}
