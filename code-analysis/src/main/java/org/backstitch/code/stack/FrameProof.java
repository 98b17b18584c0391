package org.backstitch.code.stack;

import java.util.Arrays;
import java.util.BitSet;
import java.util.function.IntPredicate;
import org.backstitch.unwind.machine.X86_64;

/**
 * How far the frame that an analysis found of a function is certain.
 *
 * <p>What leads to an instruction may hang on the return of a call that nobody can look into, or on an entry of a jump table whose length
 * is not known. If that call never returns, or the table has ended before, other code lies there, and the frame is another one. But code takes down the frame that its function has set up: where a way out of the
 * function is reached with RSP and every callee-saved register exactly as they were at its entry, all that leads there has the frame
 * that was found, whoever's code it is. The same speaks for functions whose beginning is only guessed.
 */
public final class FrameProof {
    private static final int MOST_REFUTATIONS = 200;

    private final StackFlow flow;
    private final DecodedCode code;
    private final int region;

    /** Where paths meet, in order; for each the last instruction behind it, and what is known of it. */
    private final int[] leaders;

    private final int[] last;
    private final int[] doubts;

    /** The first call in each that is taken to return only because others of the same function do; what lies behind it is not sure. */
    private final int[] sureUntil;

    private final BitSet sure;
    private BitSet confirmed = new BitSet();

    /** Those from which control leaves the function with its frame taken down; and those of them where it does so by a return. */
    private final BitSet out = new BitSet();

    private final BitSet returns = new BitSet();

    private final IntPredicate trusted;

    /** Whether the leader that is shown has taken down something of the frame since. */
    private boolean restored;

    private final long[] edges;

    /** Whether a system call was shown that starts a task. */
    private boolean startsTask;

    private boolean wrong;
    private int changedRegisters;
    private int refutable = -1;
    private int shown = -1;

    private FrameProof(StackFlow flow, DecodedCode code, int region, IntPredicate trusted) {
        this.trusted = trusted;
        this.flow = flow;
        this.code = code;
        this.region = region;
        leaders = flow.frontier().leaders();
        last = new int[leaders.length];
        doubts = new int[leaders.length];
        sureUntil = new int[leaders.length];
        edges = flow.frontier().edges();
        flow.visit(this::visit);
        sure = reachForSure();
    }

    /**
     * Analyses a function, without the ways behind calls whose return its frame contradicts.
     *
     * @param trusted whether a function of this module begins at a place for certain: a jump there may leave this one
     */
    public static FrameProof of(StackFlow flow, DecodedCode code, int region, IntPredicate trusted) {
        // What was refuted in the context of another function, that came here by a mistake, may be right in its own.
        code.forgetRefutations(region);
        int changed = 0;
        for (int i = 0; ; i++) {
            flow.analyze(region, null);
            FrameProof proof = new FrameProof(flow, code, region, trusted);
            changed |= proof.changedRegisters & 1 << X86_64.RBP;
            boolean refutes = !proof.wrong && proof.refutable >= 0 && i < MOST_REFUTATIONS;
            if (!refutes || !flow.refuteCauseOf(proof.refutable)) {
                // Without the way that was refuted there may be none out of it at all: then that may have been right.
                proof.changedRegisters |= proof.out.isEmpty() ? changed : 0;
                proof.confirmed = proof.confirm(proof.out, true);
                return proof;
            }
        }
    }

    /**
     * Whether the code does to its frame what functions do not, for certain: it pops what its caller pushed, or a return does not find
     * the return address on top of the stack and RBP as it was.
     */
    public boolean isWrong() {
        return wrong;
    }

    /**
     * The callee-saved registers with which control leaves the function, to its caller or to another function, other than it came with; as a
     * mask. RBP is among them if that may be: if it is known to be another, or is not known. The others are only if it is certain.
     */
    public int changedRegisters() {
        return changedRegisters;
    }

    /**
     * Whether an instruction that the flow is showing is a new task's, on a stack of its own: its function makes the system call that
     * starts one, and the code says that nobody called it ({@link StackState#marksOutermost}).
     */
    public boolean isOutermost(StackState state) {
        return startsTask && state.marksOutermost();
    }

    /** Whether a way out of the function confirms the frame at its first instruction. */
    public boolean isConfirmed() {
        return isEntryIn(confirmed);
    }

    private boolean isEntryIn(BitSet some) {
        int at = Arrays.binarySearch(leaders, code.first(region));
        return at >= 0 && some.get(at);
    }

    /** Whether the frame at an instruction that the flow is showing is certain, if the function is one. */
    public boolean isCertain(int instruction) {
        int at = Arrays.binarySearch(leaders, flow.leader());
        return confirmed.get(at) || sure.get(at) && instruction <= sureUntil[at];
    }

    /** Adds the instructions at which the frame is certain. */
    public void addCertain(BitSet instructions) {
        for (int i = 0; i < leaders.length; i++) {
            if (confirmed.get(i)) {
                instructions.set(leaders[i], last[i] + 1);
            } else if (sure.get(i)) {
                instructions.set(leaders[i], Math.min(last[i], sureUntil[i]) + 1);
            }
        }
    }

    /** Whether calls that may not return are all that leads to some of the instructions. */
    public boolean hasDoubts() {
        if (flow.hasRefuted()) {
            return true;
        }
        for (int i = 0; i < leaders.length; i++) {
            if (doubts[i] >= 0 && !confirmed.get(i)) {
                return true;
            }
        }
        return false;
    }

    /**
     * Tells of calls behind which nothing but their return leads to code that takes the frame down; and whether the function itself
     * returns.
     */
    void testify(ReturnEvidence evidence) {
        BitSet strictly = confirm(out, false);
        for (long edge : edges) {
            int to = Arrays.binarySearch(leaders, (int) edge >>> 1);
            if ((edge & 1) != 0 && doubts[to] >= 0 && flow.isCall(doubts[to]) && strictly.get(to)) {
                evidence.returns(doubts[to]);
            }
        }
        if (!returns.isEmpty() && isEntryIn(confirm(returns, false))) {
            evidence.functionReturns(code.regions().start(region));
        }
    }

    private void visit(int instruction, StackState state, boolean assumed) {
        if (flow.leader() != (shown < 0 ? -1 : leaders[shown])) {
            shown++;
            doubts[shown] = flow.doubt();
            sureUntil[shown] = Integer.MAX_VALUE;
            restored = false;
        }
        last[shown] = instruction;
        long word = code.control(instruction);
        if ((word & Effect.DECIDED) != 0 && Effect.width(word) == Returns.ALWAYS) {
            sureUntil[shown] = Math.min(sureUntil[shown], instruction);
        }
        startsTask |= Effect.operation(word) == Effect.SYSTEM_CALL && state.systemCallStartsTask();
        if (!isOutermost(state) && isReturnAddressOnTop(state)) {
            changedRegisters |= leavesWithOtherFramePointer(instruction, state) ? 1 << X86_64.RBP : 0;
            changedRegisters |= flow.doubt() < 0 ? certainlyChanged(instruction, state) : 0;
        }
        if (!isOutermost(state) && isContradiction(instruction, state)) {
            if (flow.doubt() < 0) {
                wrong = true;
            } else {
                refutable = flow.doubt();
            }
        }
        if (state.isAtEntry() && state.memory(Value.cfa(-8)) == Value.initial(X86_64.RIP)) {
            noteWayOut(instruction, state);
        }
        int operation = Effect.operation(code.word(instruction));
        restored |= operation == Effect.POP
                || operation == Effect.LEAVE
                || operation == Effect.ADD && Effect.a(code.word(instruction)) == X86_64.RSP;
    }

    private void noteWayOut(int instruction, StackState state) {
        long word = code.control(instruction);
        switch (Effect.operation(word)) {
            case Effect.RETURN -> {
                // A function that is called does not return with more than an address.
                boolean near = Effect.n(word) != Effect.FAR;
                out.set(shown, out.get(shown) || near);
                returns.set(shown, returns.get(shown) || near);
            }
            case Effect.JUMP_MEMORY -> out.set(shown);
            case Effect.JUMP_REGISTER -> {
                // Without a sign of a frame it may as well be a switch whose table is not found.
                boolean leaves = restored && !Value.isTable(state.register(Effect.a(word)));
                out.set(shown, out.get(shown) || leaves);
            }
            case Effect.JUMP, Effect.BRANCH -> {
                boolean leaves = isOtherFunction(instruction, Effect.n(word));
                boolean sureTarget = Effect.n(word) < 0 || isSureFunction(Effect.n(word));
                out.set(shown, out.get(shown) || leaves && sureTarget);
            }
            default -> {
                // It stays.
            }
        }
    }

    private static boolean isReturnAddressOnTop(StackState state) {
        return state.register(X86_64.RSP) == Value.cfa(-8) && state.memory(Value.cfa(-8)) == Value.initial(X86_64.RIP);
    }

    /** The callee-saved registers but for RBP that a way out leaves changed. */
    private int certainlyChanged(int instruction, StackState state) {
        long word = code.control(instruction);
        int operation = Effect.operation(word);
        if (operation == Effect.JUMP || operation == Effect.BRANCH) {
            int target = Effect.n(word);
            return isOtherFunction(instruction, target)
                    ? flow.registerChanges().ofTarget(target) & ~(1 << X86_64.RBP)
                    : 0;
        }
        if (operation != Effect.RETURN || Effect.n(word) == Effect.FAR) {
            return 0;
        }
        int registers = 0;
        for (int register = 0; register < X86_64.RIP; register++) {
            long value = state.register(register);
            boolean changed = value != Value.initial(register) && value != Value.UNKNOWN;
            boolean counts = Value.isCalleeSaved(register) && register != X86_64.RBP;
            registers |= changed && counts ? 1 << register : 0;
        }
        return registers;
    }

    private boolean leavesWithOtherFramePointer(int instruction, StackState state) {
        boolean other = state.register(X86_64.RBP) != Value.initial(X86_64.RBP);
        long word = code.control(instruction);
        return switch (Effect.operation(word)) {
            case Effect.RETURN -> other && Effect.n(word) != Effect.FAR;
            case Effect.JUMP_MEMORY -> other;
            case Effect.JUMP, Effect.BRANCH -> {
                int target = Effect.n(word);
                boolean called = target < 0 || code.isCalled(code.regionOf(target));
                yield isOtherFunction(instruction, target)
                        && (other ? called : (flow.registerChanges().ofTarget(target) >>> X86_64.RBP & 1) != 0);
            }
            default -> false;
        };
    }

    private boolean isContradiction(int instruction, StackState state) {
        long rsp = state.register(X86_64.RSP);
        if (Value.kind(rsp) == Value.CFA && Value.offset(rsp) > 0) {
            return true;
        }
        if (Effect.operation(code.control(instruction)) != Effect.RETURN) {
            return false;
        }
        if (Value.isFrame(rsp) && rsp != Value.cfa(-8)) {
            return true;
        }
        long rbp = state.register(X86_64.RBP);
        return rbp != Value.initial(X86_64.RBP) && rbp != Value.UNKNOWN;
    }

    /** A part of this function that was put elsewhere is not called, and control gets there with the frame as it is. */
    private boolean isSureFunction(int target) {
        return trusted.test(code.place(target)) && (restored || code.isCalled(code.regionOf(target)));
    }

    private boolean isOtherFunction(int instruction, int target) {
        int other = target < 0 ? -1 : code.regionOf(target);
        return other < 0
                || other != code.regionOf(instruction)
                        && target == code.first(other)
                        && code.regions().isFunction(other);
    }

    /** Goes forwards from where the function is entered, by ways that nothing is taken for granted for. */
    private BitSet reachForSure() {
        BitSet found = new BitSet();
        found.set(0, leaders.length);
        for (long edge : edges) {
            found.clear(Arrays.binarySearch(leaders, (int) edge >>> 1));
        }
        int entry = Arrays.binarySearch(leaders, code.first(region));
        if (entry >= 0) {
            found.set(entry);
        }
        for (int i = 0; i < leaders.length; i++) {
            found.set(i, found.get(i) && doubts[i] < 0);
        }
        for (boolean changed = true; changed; ) {
            changed = false;
            for (long edge : edges) {
                int from = Arrays.binarySearch(leaders, (int) (edge >> 32));
                int to = Arrays.binarySearch(leaders, (int) edge >>> 1);
                boolean passable = (edge & 1) == 0 && sureUntil[from] == Integer.MAX_VALUE;
                if (passable && found.get(from) && !found.get(to)) {
                    found.set(to);
                    changed = true;
                }
            }
        }
        return found;
    }

    /** Goes backwards from ways out; over the returns of calls in doubt only if they are trusted. */
    private BitSet confirm(BitSet ways, boolean trusting) {
        BitSet found = (BitSet) ways.clone();
        for (boolean changed = true; changed; ) {
            changed = false;
            for (int i = edges.length - 1; i >= 0; i--) {
                int from = Arrays.binarySearch(leaders, (int) (edges[i] >> 32));
                int to = Arrays.binarySearch(leaders, (int) edges[i] >>> 1);
                if ((trusting || (edges[i] & 1) == 0) && found.get(to) && !found.get(from)) {
                    found.set(from);
                    changed = true;
                }
            }
        }
        return found;
    }
}
