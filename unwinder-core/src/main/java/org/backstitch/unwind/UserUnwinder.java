package org.backstitch.unwind;

import static org.backstitch.unwind.machine.X86_64.RBP;

import org.backstitch.unwind.machine.Memory;
import org.backstitch.unwind.machine.Registers;
import org.backstitch.unwind.machine.StackDump;
import org.jspecify.annotations.Nullable;

/**
 * Walks the user stack of an x86-64 process, offline: from registers and stack bytes that were recorded, through the modules that were
 * mapped, by their unwind rules.
 *
 * {@snippet :
 * UserUnwinder unwinder = new UserUnwinder();      // one a thread
 * Callchain chain = new Callchain();               // filled anew each time
 * unwinder.unwind(space, registers, stack, chain);
 * for (int i = 0; i < chain.size(); i++) {
 *     System.out.printf("%x%n", chain.pc(i));
 * }
 * System.out.println(chain.stop().label());        // why it ends here
 * }
 *
 * <p>Every frame is given by a row of an unwind table, or says that it was not ({@link Callchain#origin}); every chain says why it
 * ends ({@link Callchain#stop}). A pc is looked up as it is in the first frame and above a signal frame, and less one in callers,
 * since a return address may lie behind the end of the function that called last.
 *
 * <p>Only RIP, RSP and RBP are recovered on the way, which is all that nearly every rule needs. Where a rule wants another register
 * (or the chain {@linkplain Callchain#recordRegisters keeps registers}), the stack is walked with all of them.
 *
 * <p>Costs: some ten nanoseconds a frame, no allocation, a megabyte or two for the cache of rules and the frames of the stacks walked last
 * ({@link PreviousStack}). Not thread-safe: a walker belongs to
 * one thread; the modules it walks through are shared.
 */
public final class UserUnwinder {
    private final UserSteps steps = new UserSteps();
    private final PlainWalk plainWalk;
    private @Nullable FullWalk fullWalk;

    /** A walker with an empty cache of its own; {@link ModuleRegistry#newUnwinder} gives walkers that share one. */
    public UserUnwinder() {
        this(new PlainRuleCache());
    }

    /** A walker with a cache that walkers of other threads may use, too. */
    UserUnwinder(PlainRuleCache rules) {
        plainWalk = new PlainWalk(steps, rules);
    }

    /**
     * Walks a stack of which only a dump is known, as perf records it.
     *
     * @param addressSpace what was mapped at that moment
     * @param registers where the stack starts: RIP, RSP and RBP at least; left as they are
     * @param dump the stack's bytes from RSP on
     * @param result is filled with the frames; the first is RIP itself
     */
    public void unwind(AddressSpace addressSpace, Registers registers, StackDump dump, Callchain result) {
        unwind(addressSpace, registers, dump, null, result);
    }

    /**
     * Walks a stack.
     *
     * @param addressSpace what was mapped at that moment
     * @param registers where the stack starts: RIP, RSP and RBP at least; left as they are
     * @param dump the bytes around RSP, for speed; may be empty
     * @param memory everything else that is known of memory, or null
     * @param result is filled with the frames; the first is RIP itself
     */
    public void unwind(
            AddressSpace addressSpace, Registers registers, StackDump dump, @Nullable Memory memory, Callchain result) {
        steps.begin(addressSpace, registers, dump, memory, result);
        boolean plain = !result.recordsRegisters() && registers.isKnown(RBP);
        if (!plain || !plainWalk.walk()) {
            FullWalk full = fullWalk;
            if (full == null) {
                full = new FullWalk(steps);
                fullWalk = full;
            }
            full.walk();
        }
    }
}
