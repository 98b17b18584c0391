package org.backstitch.code.stack;

import java.util.ArrayList;
import java.util.BitSet;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import org.backstitch.unwind.machine.X86_64;
import org.jspecify.annotations.Nullable;

/**
 * Follows one function from its entry through every instruction that control can reach, until what is known in front of each does not
 * change any more: a fixpoint over {@link StackState}s.
 *
 * <p>States are kept only where paths can meet; {@link #visit} runs through the code between once more and shows each instruction's. Control
 * is followed into other regions unless they are functions of their own. What leads there comes in three ranks: what the code says for
 * certain; the way behind calls that may not return; and, where a region has parts that neither leads to, states that somebody assumes.
 * A lower rank never changes what a higher one found.
 *
 * <p>One object serves any number of functions, one after the other; not thread-safe.
 */
public final class StackFlow {
    /** Knows, or assumes, the state at places that nothing is seen to lead to. */
    public interface Assumptions {
        /** Fills in the state in front of an instruction; returns false if it has none. */
        boolean assume(int instruction, StateBuilder state);
    }

    /** Is shown the state in front of each instruction that is reached. */
    public interface Visitor {
        /**
         * Is shown one instruction.
         *
         * @param instruction its index
         * @param state in front of it; valid during the call only
         * @param assumed whether only an assumption leads there
         */
        void visit(int instruction, StackState state, boolean assumed);
    }

    /** How often one place may change before it is taken for unknown: far above what any real loop needs. */
    private static final int MOST_VISITS = 64;

    private static final int MOST_DOUBTS = 1000;

    private static final int MOST_RESTARTS = 200;

    private static final long RETURN_ADDRESS = Effect.of(Effect.PUSH_OTHER, Effect.NO_REGISTER, 8);

    private final DecodedCode code;
    private final LandingPads pads;
    private final JumpTables jumpTables;
    private final Map<Integer, JumpTables.Table> resolved = new HashMap<>();

    /** Entries of tables of unknown length: jump in the upper half, target in the lower; and their numbers. */
    private final List<Long> entries = new ArrayList<>();

    private final Map<Long, Integer> entryNumbers = new HashMap<>();
    private final StackState state = new StackState();
    private final StackState scratch = new StackState();
    private final StackState meeting = new StackState();
    private final StateBuilder builder = new StateBuilder(state);
    private final BitSet reached = new BitSet();

    private final Frontier frontier;
    private boolean assuming;

    /** The leader that is followed or shown, and the call on whose return alone control gets there; -1 for none. */
    private int leader = -1;

    private int doubt = -1;
    private boolean throughTable;
    private boolean refuted;
    private boolean settled = true;

    /** For each doubt of the analysis the one that was there before. */
    private final Map<Integer, Integer> earlierDoubts = new HashMap<>();

    private boolean restart;
    private int region;
    private int unresolvedJumps;
    private int assumedEntries;
    private @Nullable Assumptions assumptions;
    private RegisterChanges registerChanges;

    /**
     * @param code its calls are decided
     * @param pads where control goes on exceptions
     */
    public StackFlow(DecodedCode code, LandingPads pads) {
        this.code = code;
        this.pads = pads;
        this.jumpTables = new JumpTables(code);
        this.frontier = new Frontier(code.size());
        this.registerChanges = new RegisterChanges(code);
        for (int i = 0; i < pads.size(); i++) {
            int pad = code.find(pads.pad(i));
            if (pad >= 0) {
                code.setTarget(pad);
                distrustEntry(pad);
            }
        }
    }

    /**
     * A part of a function that consists of a landing pad begins with a nop, since exception tables have no way to say offset 0: that
     * nop, and so the region, is not entered although its first row may look like a function's.
     */
    private void distrustEntry(int pad) {
        int region = code.regionOf(pad);
        int first = code.first(region);
        if (pad > first && code.next(first) == pad && code.isPadding(first) && !code.isCalled(region)) {
            code.regions().setFunction(region, false);
        }
    }

    /** From now on the registers that functions change are not known behind calls of them. */
    public void consider(RegisterChanges changes) {
        registerChanges = changes;
    }

    /** The functions that change callee-saved registers, as far as they are {@link #consider considered}. */
    RegisterChanges registerChanges() {
        return registerChanges;
    }

    /** Goes on with what an earlier one has reached, in the same code, cut into other regions. */
    public void continueFrom(StackFlow that) {
        reached.or(code.carry(that.reached, that.code));
    }

    /** All instructions that any analysis has reached so far. */
    public BitSet reached() {
        return (BitSet) reached.clone();
    }

    /**
     * The instructions of a module, decoded and with its calls decided: what the constructor needs.
     *
     * @param exact whether regions are known to end where functions do: then a function returns that has a return instruction
     */
    public static DecodedCode prepare(DecodedCode code, boolean exact) {
        Returns.decide(code, exact);
        Preserved.decide(code);
        return code;
    }

    /**
     * Takes it that no call of some functions returns: what lies behind one is reached from elsewhere, or begins anew with what is assumed
     * there.
     *
     * @param code its calls are decided
     * @param functions the numbers of their regions
     */
    public static void endBehindCalls(DecodedCode code, BitSet functions) {
        CodeIndex index = code.index();
        for (int callee = 0; callee < index.callees(); callee++) {
            int entry = code.find(index.place(callee));
            int region = entry < 0 ? -1 : code.regionOf(entry);
            if (region >= 0 && functions.get(region) && entry == code.first(region)) {
                for (int at = 0; at < index.callsOf(callee); at++) {
                    int call = index.callOf(callee, at);
                    code.setWord(call, Effect.withAnswer(code.word(call), Returns.NEVER));
                }
            }
        }
    }

    /** Whether an instruction was reached by any analysis so far. */
    public boolean isReached(int instruction) {
        return reached.get(instruction);
    }

    /** How many indirect jumps inside of functions could not be followed so far. */
    public int unresolvedJumps() {
        return unresolvedJumps;
    }

    /** How many places an analysis was begun at with what was assumed of them, so far. */
    public int assumedEntries() {
        return assumedEntries;
    }

    /**
     * Analyses a region from its entry, if it is a function, and from what is assumed of the parts of it that are not reached so.
     *
     * @param assumptions for those parts; null to leave them
     */
    public void analyze(int region, @Nullable Assumptions assumptions) {
        this.region = region;
        this.assumptions = assumptions;
        int assumedBefore = assumedEntries;
        for (int restarts = 0; ; restarts++) {
            frontier.clear();
            earlierDoubts.clear();
            assuming = false;
            restart = false;
            assumedEntries = assumedBefore;
            if (code.regions().isFunction(region)) {
                enter();
            }
            run();
            if (assumptions != null && !restart) {
                assumeRest(assumptions);
            }
            if (!restart || restarts == MOST_RESTARTS) {
                return;
            }
            reached.clear(code.first(region), code.first(region + 1));
        }
    }

    /**
     * While {@link #visit} shows an instruction: the last thing that has to be so for control to get there, a call's return or the entry of
     * a table ({@link #isCall}); -1 if it is certain to.
     */
    int doubt() {
        return doubt;
    }

    /** While {@link #visit} shows an instruction: the place where paths meet that leads to it. */
    int leader() {
        return leader;
    }

    /** The ways that the last analysis found. */
    Frontier frontier() {
        return frontier;
    }

    /** Shows the state in front of every instruction that the last analysis reached, in the order of the code. */
    public void visit(Visitor visitor) {
        for (int shown : frontier.leaders()) {
            leader = shown;
            int instruction = leader;
            int record = frontier.record(leader);
            doubt = frontier.pool.doubt(record);
            boolean assumed = frontier.pool.isAssumed(record);
            frontier.pool.load(state, record);
            int end = code.first(code.regionOf(instruction) + 1);
            do {
                visitor.visit(instruction, state, assumed);
                instruction = step(instruction, end);
            } while (instruction >= 0 && frontier.record(instruction) == 0);
        }
    }

    /** Executes an instruction on the state; returns the one behind it if control gets there and no record of its own is needed. */
    private int step(int instruction, int end) {
        long word = code.word(instruction);
        state.apply(word);
        int next = instruction + 1;
        if ((word & Effect.MORE) != 0) {
            word = code.word(next++);
            state.apply(word);
        }
        if (next >= end) {
            return -1;
        }
        switch (Effect.operation(word)) {
            case Effect.CALL, Effect.CALL_INDIRECT -> {
                if (isCallOfNext(word, next)) {
                    state.apply(RETURN_ADDRESS);
                } else if (Effect.width(word) == Returns.ALWAYS) {
                    returnTo(next, word);
                } else {
                    return -1;
                }
            }
            case Effect.SYSTEM_CALL -> {
                if (!state.systemCallReturns()) {
                    return -1;
                }
                state.apply(Effect.of(Effect.SET, Effect.NO_REGISTER, Effect.n(word)));
            }
            case Effect.BRANCH -> {
                if (Effect.width(word) == 1 && !state.assumeEqual()) {
                    return -1;
                }
            }
            default -> {
                if (Effect.operation(word) >= Effect.FIRST_CONTROL) {
                    return -1;
                }
            }
        }
        return next;
    }

    /** Position-independent code of old calls the next instruction to learn its own address. */
    private static boolean isCallOfNext(long word, int next) {
        return Effect.operation(word) == Effect.CALL && Effect.n(word) == next;
    }

    private void enter() {
        leader = -1;
        doubt = -1;
        ModuleCode.Part stubs = LinkageTables.of(code, region);
        int first = code.first(region);
        int end = stubs == null ? Math.min(first + 1, code.first(region + 1)) : code.first(region + 1);
        for (int i = first; i < end; i++) {
            if (stubs == null || LinkageTables.isStub(code, stubs, i)) {
                state.enter();
                lead(i, -1);
            }
        }
    }

    private void run() {
        int next = restart ? -1 : frontier.next();
        while (next >= 0) {
            follow(next);
            next = restart ? -1 : frontier.next();
        }
    }

    private void assumeRest(Assumptions assumptions) {
        assuming = true;
        int end = code.first(region + 1);
        boolean decoded = true;
        for (int i = code.first(region); i < end && !restart; i = code.next(i)) {
            // Behind bytes that are not known nobody can say where instructions begin, up to the next jump's target.
            decoded = Effect.operation(code.word(i)) != Effect.UNDECODED && (decoded || code.isTarget(i));
            if (decoded && !reached.get(i) && !code.isPadding(i) && assumptions.assume(i, builder)) {
                assumedEntries++;
                leader = -1;
                doubt = -1;
                lead(i, -1);
                run();
            }
        }
    }

    private void follow(int from) {
        leader = from;
        int record = frontier.record(leader);
        if (frontier.pool.visit(record) > MOST_VISITS) {
            state.forget();
            frontier.pool.save(state, record);
        }
        frontier.pool.load(state, record);
        doubt = frontier.pool.doubt(record);
        int end = code.first(code.regionOf(leader) + 1);
        int instruction = leader;
        while (true) {
            reached.set(instruction);
            long word = code.word(instruction);
            state.apply(word);
            int next = instruction + 1;
            if ((word & Effect.MORE) != 0) {
                word = code.word(next++);
                state.apply(word);
            }
            if (Effect.operation(word) >= Effect.FIRST_CONTROL && !control(instruction, word, next, end)) {
                return;
            }
            if (next >= end) {
                if (passes(Effect.operation(word))) {
                    leaveRegion(instruction, next);
                }
                return;
            }
            if (code.isTarget(next) || frontier.record(next) != 0) {
                lead(next, -1);
                return;
            }
            instruction = next;
        }
    }

    /** Does what an instruction of control does; returns whether control certainly gets to the next one. */
    private boolean control(int instruction, long word, int next, int end) {
        switch (Effect.operation(word)) {
            case Effect.CALL, Effect.CALL_INDIRECT -> {
                return call(instruction, word, next, end);
            }
            case Effect.BRANCH -> {
                return branch(instruction, word);
            }
            case Effect.SYSTEM_CALL -> {
                boolean goesOn = state.systemCallReturns();
                state.apply(Effect.of(Effect.SET, Effect.NO_REGISTER, Effect.n(word)));
                return goesOn;
            }
            case Effect.JUMP -> jump(instruction, Effect.n(word));
            case Effect.JUMP_REGISTER -> jumpTo(instruction, state.register(Effect.a(word)));
            case Effect.JUMP_TABLE -> {
                int b = Effect.b(word);
                long base = b == Effect.NO_REGISTER ? Value.of(Value.MODULE, 0) : state.register(b);
                jumpTo(
                        instruction,
                        Value.kind(base) == Value.MODULE
                                ? Value.of(Value.TABLE_POINTER, Value.offset(base) + Effect.n(word))
                                : Value.OTHER);
            }
            case Effect.JUMP_MEMORY -> {
                if (next < end && LinkageTables.isLazy(code, instruction, word, next)) {
                    lead(next, -1);
                }
            }
            case Effect.TRAP -> {
                boolean refutedBefore = Effect.width(word) == Returns.NEVER;
                if (next < end && !refutedBefore && !code.isPadding(next) && trapReturns(next)) {
                    lead(next, instruction);
                }
            }
            default -> {
                // Control ends here, or leaves the module.
            }
        }
        return false;
    }

    /**
     * Whether what lies behind a trap can be where it returns to. A kernel's warnings return, its bugs do not, and the instruction is the
     * same: only what is assumed of the next one can tell.
     */
    private boolean trapReturns(int next) {
        if (assumptions == null) {
            return true;
        }
        scratch.copyFrom(state);
        boolean known = assumptions.assume(next, builder);
        meeting.copyFrom(state);
        state.copyFrom(scratch);
        long rsp = meeting.register(X86_64.RSP);
        return !known || rsp == Value.UNKNOWN || rsp == state.register(X86_64.RSP);
    }

    private boolean call(int instruction, long word, int next, int end) {
        if (isCallOfNext(word, next) && next < end) {
            state.apply(RETURN_ADDRESS);
            return true;
        }
        returnTo(next, word);
        land(instruction);
        if (Effect.width(word) == Returns.ALWAYS) {
            return true;
        }
        if (Effect.width(word) != Returns.NEVER && next < end) {
            lead(next, next - 1);
        }
        return false;
    }

    /** Makes the state that behind a call, which is the word in front of {@code next}. */
    private void returnTo(int next, long word) {
        state.call(Preserved.of(word));
        int changed = registerChanges.behind(next - 1);
        if (changed != 0) {
            state.change(changed);
        }
    }

    /** Whether control may pass an operation and leave its region at the end; no call does. */
    private static boolean passes(int operation) {
        return operation < Effect.FIRST_CONTROL || operation == Effect.BRANCH || operation == Effect.SYSTEM_CALL;
    }

    private void land(int instruction) {
        int pad = pads.of(code.place(instruction));
        int landing = pad < 0 ? -1 : code.find(pad);
        if (landing < 0) {
            return;
        }
        int arguments = pads.arguments(code.place(instruction));
        scratch.copyFrom(state);
        state.apply(Effect.of(Effect.ADD, X86_64.RSP, arguments));
        lead(landing, -1);
        state.copyFrom(scratch);
    }

    /** Follows a branch; returns whether the way behind it is possible as well. */
    private boolean branch(int instruction, long word) {
        int target = Effect.n(word);
        boolean ifEqual = Effect.width(word) == 2;
        if (target >= 0) {
            if (ifEqual) {
                scratch.copyFrom(state);
                if (state.assumeEqual()) {
                    jump(instruction, target);
                }
                state.copyFrom(scratch);
            } else {
                jump(instruction, target);
            }
        }
        return Effect.width(word) != 1 || state.assumeEqual();
    }

    private void jump(int instruction, int target) {
        if (target < 0) {
            return;
        }
        int other = code.regionOf(target);
        if (other != code.regionOf(instruction)
                && target == code.first(other)
                && code.regions().isFunction(other)
                && (state.isAtEntry() || code.isCalled(other))) {
            return; // A tail call: the function is analysed for itself.
        }
        lead(target, -1);
    }

    private void leaveRegion(int instruction, int next) {
        int from = code.regionOf(instruction);
        int to = from + 1;
        int end = code.place(instruction) + Effect.length(code.word(instruction));
        // Compilers leave unreachable ends open: only a function without a frame may go on as the next one.
        if (to < code.regions().size()
                && code.regions().start(to) == end
                && next == code.first(to)
                && state.isAtEntry()) {
            jump(instruction, next);
        }
    }

    private void jumpTo(int instruction, long value) {
        int kind = Value.kind(value);
        if (kind == Value.MODULE) {
            jump(instruction, code.find(Value.offset(value)));
            return;
        }
        if (kind != Value.TABLE_TARGET && kind != Value.TABLE_POINTER) {
            if (!state.isAtEntry()) {
                unresolvedJumps++;
            }
            return;
        }
        JumpTables.Table table =
                resolved.computeIfAbsent(instruction, at -> jumpTables.read(at, kind, Value.offset(value)));
        int certain = doubt;
        for (int i = 0; i < table.size(); i++) {
            int target = table.target(i);
            if (!code.isTarget(target)) {
                code.setTarget(target);
                restart |= reached.get(target) && frontier.record(target) == 0;
            }
            // Where a table of unknown length ends, only its first entry is certain.
            throughTable = !table.isBounded() && i > 0;
            doubt = throughTable ? entryDoubt(instruction, target) : certain;
            jump(instruction, target);
        }
        throughTable = false;
        doubt = certain;
    }

    /**
     * The state leads to an instruction.
     *
     * @param behind the word of the call that it lies directly behind, if that may not return; or -1
     */
    private void lead(int target, int behind) {
        code.setTarget(target);
        int because = behind >= 0 ? behind : doubt;
        if (behind >= 0) {
            earlierDoubts.putIfAbsent(behind, doubt);
        }
        if (assuming && code.regionOf(target) != region) {
            return; // what was assumed of one region says nothing of another: that one is asked itself
        }
        int record = frontier.record(target);
        if (record == 0) {
            frontier.add(target, state, assuming, behind, because);
            connect(target, behind);
            return;
        }
        if (assuming && !frontier.pool.isAssumed(record)) {
            return;
        }
        int there = frontier.pool.doubt(record);
        if (there == because || !disagrees(record)) {
            join(record, target, because);
            connect(target, behind);
        } else if (because >= 0 && there < 0) {
            restart |= refuteCauseOf(because) && behind < 0;
        } else if (because < 0) {
            // What was taken to lie behind a call is another path's: the call does not return.
            if (refuteCauseOf(there)) {
                restart = true;
            } else {
                frontier.pool.save(state, record);
                frontier.pool.makeCertain(record);
                frontier.again(target);
            }
        } else {
            disagree(target, record, behind, because);
        }
    }

    /** Two calls that may not return lead to the same place, with different frames: one that lies directly before it does not. */
    private void disagree(int target, int record, int behind, int because) {
        int call = frontier.pool.behind(record);
        if (behind >= 0) {
            refute(behind);
        } else if (call >= 0) {
            refute(call);
            restart = true;
        } else {
            join(record, target, because);
            connect(target, behind);
        }
    }

    private void connect(int target, int behind) {
        if (leader >= 0) {
            frontier.connect(leader, target, behind >= 0 || throughTable);
        }
    }

    private boolean disagrees(int record) {
        frontier.pool.load(meeting, record);
        return !meeting.agreesWith(state);
    }

    /** A doubt for each entry of a table of unknown length: numbers behind those of instructions. */
    private int entryDoubt(int jump, int target) {
        int number = code.size()
                + entryNumbers.computeIfAbsent((long) jump << 32 | target, entry -> {
                    entries.add(entry);
                    return entries.size() - 1;
                });
        earlierDoubts.putIfAbsent(number, doubt);
        return number;
    }

    /** Whether a doubt was refuted since that was asked last. */
    boolean hasRefuted() {
        boolean was = refuted;
        refuted = false;
        return was;
    }

    /** Whether a doubt is about a call, not about the entry of a table. */
    boolean isCall(int aDoubt) {
        return aDoubt < code.size();
    }

    /**
     * Whether it is known by now which calls return. Before, what contradicts a chain of doubts refutes none of them unless it is clear
     * which.
     */
    public void settle(boolean settle) {
        settled = settle;
    }

    /**
     * Refutes what a contradiction speaks against: of the doubts that led there, a call with padding behind it, the first of them; else
     * the entry of a table; else the last.
     *
     * @return false if that is not clear
     */
    boolean refuteCauseOf(int last) {
        int padded = -1;
        int entry = -1;
        int length = 0;
        for (int at = last; at >= 0 && length < MOST_DOUBTS; at = earlierDoubts.getOrDefault(at, -1)) {
            length++;
            if (!isCall(at)) {
                entry = at;
            } else if (at + 1 < code.size() && code.isPadding(at + 1)) {
                padded = at;
            }
        }
        int cause = padded >= 0 ? padded : entry >= 0 ? entry : last;
        if (padded < 0 && length > 1 && !settled) {
            return false;
        }
        refute(cause);
        return true;
    }

    /** A doubt was right: a call does not return, or what was taken for an entry of a table is none. */
    void refute(int aDoubt) {
        refuted = true;
        if (isCall(aDoubt)) {
            code.setWord(aDoubt, Effect.withAnswer(code.word(aDoubt), Returns.NEVER));
        } else {
            long entry = entries.get(aDoubt - code.size());
            resolved.computeIfPresent((int) (entry >> 32), (_, table) -> table.without((int) entry));
        }
    }

    private void join(int record, int target, int because) {
        boolean surer = because < 0 && frontier.pool.makeCertain(record);
        if (frontier.pool.join(state, record) || surer) {
            frontier.again(target);
        }
    }
}
