package org.backstitch.code.stack;

import java.util.HashSet;
import java.util.Set;

/**
 * What functions tell of the calls in them that may not return. A function is taken to return everywhere if one call of it does, and if
 * none is known not to: compilers know of a function that it never returns, or do not. That helps to tell right ways from wrong ones, but
 * proves nothing: a program may know of one call that it does not return, and say so ({@code __builtin_unreachable}).
 */
public final class ReturnEvidence {
    private static final int ALIGNMENT = 16;

    private final Set<Integer> returning = new HashSet<>();
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
        returning.add(place);
    }

    /** A call returned. */
    void returns(int call) {
        int callee = returns.callee(code.word(call));
        if (callee != ModuleCode.NOWHERE && !returns.returnsSometimes(callee)) {
            returning.add(callee);
        }
    }

    /** Decides for all calls of the functions that are known to return by now; returns whether that is new of any. */
    public boolean decide() {
        Set<Integer> candidates = new HashSet<>(returning);
        candidates.removeAll(decided);
        if (candidates.isEmpty()) {
            return false;
        }
        for (int i = 0; i < code.size(); i = code.next(i)) {
            int word = code.next(i) - 1;
            int callee = returns.callee(code.word(word));
            if (callee != ModuleCode.NOWHERE && candidates.contains(callee)) {
                boolean refuted = Effect.width(code.word(word)) == Returns.NEVER || endsCode(code.next(i));
                if (refuted) {
                    candidates.remove(callee);
                    returning.remove(callee);
                    decided.add(callee);
                }
            }
        }
        for (int i = 0; i < code.size(); i++) {
            int callee = returns.callee(code.word(i));
            boolean padded = i + 1 < code.size() && code.isPadding(i + 1);
            if (callee != ModuleCode.NOWHERE && candidates.contains(callee) && !padded) {
                code.setWord(i, Effect.withAnswer(code.word(i), Returns.ALWAYS));
            }
        }
        decided.addAll(candidates);
        return !candidates.isEmpty();
    }

    /** Whether control cannot sensibly come to an instruction: the end of a region, a trap, or padding in front of a function. */
    private boolean endsCode(int next) {
        return next == code.size()
                || next == code.first(code.regionOf(next))
                || Effect.operation(code.word(next)) == Effect.STOP
                || code.isPaddingBeforeFunction(next, ALIGNMENT);
    }
}
