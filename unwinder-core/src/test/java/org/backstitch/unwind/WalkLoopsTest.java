package org.backstitch.unwind;

import static org.backstitch.unwind.HandMadeStack.USUAL;
import static org.backstitch.unwind.machine.X86_64.R12;
import static org.backstitch.unwind.machine.X86_64.R13;
import static org.backstitch.unwind.machine.X86_64.R14;
import static org.backstitch.unwind.machine.X86_64.R15;
import static org.backstitch.unwind.machine.X86_64.RAX;
import static org.backstitch.unwind.machine.X86_64.RBP;
import static org.backstitch.unwind.machine.X86_64.RBX;
import static org.backstitch.unwind.machine.X86_64.RSP;
import static org.backstitch.unwind.table.UnwindRule.CALL;
import static org.backstitch.unwind.table.UnwindRule.END;
import static org.backstitch.unwind.table.UnwindRule.RBP_AT_CFA;
import static org.backstitch.unwind.table.UnwindRule.RBP_SAME;
import static org.backstitch.unwind.table.UnwindRule.RBP_UNDEFINED;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTimeoutPreemptively;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import org.backstitch.unwind.AskedRules.Row;
import org.backstitch.unwind.machine.Registers;
import org.backstitch.unwind.machine.StackDump;
import org.backstitch.unwind.table.SavedRegisters;
import org.backstitch.unwind.table.UnwindRule;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

/** Stacks made by hand, so that every frame and register is known beforehand; walked with few and with all registers. */
class WalkLoopsTest {
    private static final long TEXT = 0x40_0000;
    private static final long VADDR = 0x1000;
    private static final long OUTERMOST = 0x8000;

    private static final long CALL_16 = call(16);

    private final UserUnwinder unwinder = new UserUnwinder();

    private static long call(int cfaOffset) {
        return UnwindRule.of(CALL, RSP, cfaOffset, RBP_SAME, 0, 0, 0);
    }

    private static AddressSpace space(Row... rows) {
        AskedRules rules = new AskedRules(rows);
        return AddressSpace.of(List.of(rules.mapping(rules.module(new ModuleRegistry()), TEXT, 0x2_0000)));
    }

    private static Registers without(Registers registers, int register) {
        registers.forget(register);
        return registers;
    }

    private static List<Long> pcs(Callchain chain) {
        List<Long> pcs = new ArrayList<>();
        for (int frame = 0; frame < chain.size(); frame++) {
            pcs.add(chain.pc(frame));
        }
        return pcs;
    }

    /** The return address of frame {@code i} of {@code count}: each is another, and the last is in the outermost function. */
    private static long returnAddress(int i, int count) {
        return i == count - 1 ? TEXT + OUTERMOST + 1 : TEXT + 8L * i + 1;
    }

    /** A stack of frames of 16 bytes that save RBX, with those of {@code count} functions. */
    private static HandMadeStack uniform(int count) {
        return uniform(USUAL, count);
    }

    private static HandMadeStack uniform(long address, int count) {
        HandMadeStack stack = new HandMadeStack(address, 16 * (count - 1));
        for (int i = 1; i < count; i++) {
            stack.put(16 * i - 16, 0xb000 + i).put(16 * i - 8, returnAddress(i, count));
        }
        return stack;
    }

    private static AddressSpace uniformSpace() {
        long rbx = SavedRegisters.withSlot(SavedRegisters.SAME, 0, -16);
        return space(new Row(VADDR, CALL_16, rbx), new Row(VADDR + OUTERMOST, UnwindRule.of(END)));
    }

    private static void assertUniform(int frames, StopReason stop, int count, Callchain chain) {
        assertUniform(USUAL, frames, stop, count, chain);
    }

    private static void assertUniform(long address, int frames, StopReason stop, int count, Callchain chain) {
        assertEquals(frames, chain.size());
        assertEquals(stop, chain.stop());
        for (int i = 0; i < frames; i++) {
            assertEquals(i == 0 ? TEXT : returnAddress(i, count), chain.pc(i), "frame " + i);
            if (chain.recordsRegisters()) {
                assertEquals(address + 16L * i, chain.register(i, RSP), "frame " + i);
                assertEquals(i == 0 ? RBX : 0xb000 + i, chain.register(i, RBX), "frame " + i);
                assertEquals(RBP, chain.register(i, RBP), "frame " + i);
            }
        }
    }

    /** Longer than a chain has room for at first, and bounded where it has no room or where it has. */
    @ParameterizedTest
    @CsvSource({"1", "2", "127", "128", "129", "200", "256", "257", "299", "300", "301"})
    void chainsOfAnyLength(int limit) {
        AddressSpace space = uniformSpace();
        HandMadeStack stack = uniform(300);
        Registers registers = stack.registers(TEXT);
        for (boolean all : new boolean[] {false, true}) {
            Callchain chain = new Callchain().recordRegisters(all);
            for (int bound : new int[] {limit, limit, Callchain.UNLIMITED, Callchain.UNLIMITED, limit}) {
                unwinder.unwind(space, registers, stack.dump(), chain.limit(bound));
                StopReason stop = bound < 300 ? StopReason.MAX_STACK : StopReason.END_OF_STACK;
                assertUniform(Math.min(bound, 300), stop, 300, chain);
            }
        }
    }

    /** Around as many frames as are remembered of a stack, and around twice as many. */
    @ParameterizedTest
    @ValueSource(ints = {4095, 4096, 4097, 4098, 8191, 8192, 8193, 20_000})
    void chainsOfMoreFramesThanAreRemembered(int count) {
        AddressSpace space = uniformSpace();
        HandMadeStack stack = new HandMadeStack(USUAL, 16 * (count - 1));
        List<Long> expected = new ArrayList<>(List.of(TEXT));
        for (int i = 1; i < count; i++) {
            expected.add(i == count - 1 ? TEXT + OUTERMOST + 1 : TEXT + 8L * (i % 1000) + 1);
            stack.put(16 * i - 8, expected.getLast());
        }
        Callchain chain = new Callchain();
        for (int again = 0; again < 3; again++) {
            unwinder.unwind(space, stack.registers(TEXT), stack.dump(), chain);
            assertEquals(expected, pcs(chain));
            assertEquals(StopReason.END_OF_STACK, chain.stop());
        }
        unwinder.unwind(space, stack.registers(TEXT), stack.dump(), chain.limit(count - 1));
        assertEquals(expected.subList(0, count - 1), pcs(chain));
        assertEquals(StopReason.MAX_STACK, chain.stop());
    }

    /** A chain with little room joins frames of a stack that was known with nearly as many as are remembered. */
    @Test
    void framesThatFitTheChainButAreNotRemembered() {
        AddressSpace space = uniformSpace();
        int known = 4000;
        int deeper = 600;
        HandMadeStack stack = new HandMadeStack(USUAL, 16 * (deeper + known - 1));
        List<Long> expected = new ArrayList<>(List.of(TEXT));
        for (int i = 1; i < deeper + known; i++) {
            expected.add(i == deeper + known - 1 ? TEXT + OUTERMOST + 1 : TEXT + 8L * (i % 1000) + 1);
            stack.put(16 * i - 8, expected.getLast());
        }
        Registers outer = stack.registers(TEXT + 8).set(RSP, USUAL + 16L * deeper);
        Callchain first = new Callchain();
        unwinder.unwind(space, outer, stack.dump(), first);
        assertEquals(known, first.size());
        Callchain second = new Callchain();
        unwinder.unwind(space, stack.registers(TEXT), stack.dump(), second);
        assertEquals(expected, pcs(second));
        assertEquals(StopReason.END_OF_STACK, second.stop());
    }

    /** Wherever RSP points, a walk ends. */
    @ParameterizedTest
    @ValueSource(longs = {-1, -8, -16, 0, 8, Long.MAX_VALUE, Long.MIN_VALUE})
    void stackPointersThatPointNowhere(long rsp) {
        AddressSpace space = uniformSpace();
        HandMadeStack stack = uniform(10);
        Callchain chain = new Callchain();
        unwinder.unwind(space, stack.registers(TEXT), stack.dump(), chain);
        // A walk that does not end would keep the test from ending, too.
        assertTimeoutPreemptively(Duration.ofMinutes(1), () -> {
            for (int again = 0; again < 2; again++) {
                unwinder.unwind(space, stack.registers(TEXT).set(RSP, rsp), stack.dump(), chain);
                assertEquals(List.of(TEXT), pcs(chain));
                unwinder.unwind(space, stack.registers(TEXT).set(RSP, rsp), new StackDump().clear(rsp), chain);
                assertEquals(List.of(TEXT), pcs(chain));
            }
        });
    }

    /** Frame pointers that lead nowhere: inwards, into the last words of the dump, past them, to where no stack is. */
    @ParameterizedTest
    @ValueSource(longs = {-0x10, -8, 0x20, 0x40, 0x80 - 8, 0x80, 0x10_0000, 1L << 62, 1L << 63, -1L << 62})
    void framePointersThatLeadNowhere(long distance) {
        long byRbp = UnwindRule.of(CALL, RBP, 16, RBP_AT_CFA, -16, 0, 0);
        AddressSpace space = space(new Row(VADDR, byRbp), new Row(VADDR + OUTERMOST, UnwindRule.of(END)));
        HandMadeStack stack = new HandMadeStack(USUAL, 0x80);
        stack.put(0x20, USUAL + 0x40).put(0x28, TEXT + 0x11);
        stack.put(0x40, USUAL + 0x60).put(0x48, TEXT + 0x21);
        stack.put(0x60, USUAL).put(0x68, TEXT + OUTERMOST + 1);
        Registers registers = stack.registers(TEXT).set(RBP, USUAL + 0x20);
        Callchain chain = new Callchain().limit(100); // were frame pointers followed inwards, they would go round
        List<Long> all = List.of(TEXT, TEXT + 0x11, TEXT + 0x21, TEXT + OUTERMOST + 1);
        unwinder.unwind(space, registers, stack.dump(), chain);
        assertEquals(all, pcs(chain));
        for (int again = 0; again < 2; again++) {
            stack.put(0x40, USUAL + distance); // the RBP of frame 2
            unwinder.unwind(space, registers, stack.dump(), chain);
            assertEquals(all.subList(0, 3), pcs(chain));
            stack.put(0x40, USUAL + 0x60);
            unwinder.unwind(space, registers, stack.dump(), chain);
            assertEquals(all, pcs(chain));
        }
    }

    @ParameterizedTest
    @ValueSource(booleans = {false, true})
    void dumpsThatEndAnywhere(boolean all) {
        AddressSpace space = uniformSpace();
        HandMadeStack stack = uniform(20);
        Callchain chain = new Callchain().recordRegisters(all);
        for (int end = 0; end <= 16 * 19; end++) {
            int frames = 1 + end / 16;
            StopReason stop = frames == 20 ? StopReason.END_OF_STACK : StopReason.DUMP_EXHAUSTED;
            unwinder.unwind(space, stack.registers(TEXT), stack.dump(0, end), chain);
            assertUniform(frames, stop, 20, chain);
            new UserUnwinder().unwind(space, stack.registers(TEXT), stack.dump(0, end), chain);
            assertUniform(frames, stop, 20, chain);
        }
    }

    /** Stacks that take each other's place in memory, above, below and over each other, large and small. */
    @ParameterizedTest
    @ValueSource(booleans = {false, true})
    void stacksAroundTheSamePlace(boolean all) {
        AddressSpace space = uniformSpace();
        Callchain chain = new Callchain().recordRegisters(all);
        long[] addresses = {USUAL, USUAL + 0x8000, USUAL + 0x20, USUAL + 0xfff0, USUAL};
        for (int count : new int[] {2, 300, 20, 900, 3}) {
            for (long address : addresses) {
                HandMadeStack stack = uniform(address, count);
                for (int end : new int[] {16 * (count - 1), 16 * (count - 1) - 1, 16, 7, 0}) {
                    int frames = 1 + end / 16;
                    StopReason stop = frames == count ? StopReason.END_OF_STACK : StopReason.DUMP_EXHAUSTED;
                    unwinder.unwind(space, stack.registers(TEXT), stack.dump(0, end), chain);
                    assertUniform(address, frames, stop, count, chain);
                }
                unwinder.unwind(space, stack.registers(TEXT), stack.dump(), chain);
                assertUniform(address, count, StopReason.END_OF_STACK, count, chain);
            }
        }
    }

    /** Of the return address a few bytes were recorded, of what was saved below it all. */
    @ParameterizedTest
    @ValueSource(booleans = {false, true})
    void aReturnAddressThatIsCutOff(boolean all) {
        long rbx = SavedRegisters.withSlot(SavedRegisters.SAME, 0, -24);
        AddressSpace space = space(
                new Row(VADDR, UnwindRule.of(CALL, RSP, 32, RBP_AT_CFA, -16, 0, 0), rbx),
                new Row(VADDR + OUTERMOST, UnwindRule.of(END)));
        HandMadeStack stack = new HandMadeStack(USUAL, 32).put(24, TEXT + OUTERMOST + 1);
        Callchain chain = new Callchain().recordRegisters(all);
        for (int end = 24; end <= 32; end++) {
            unwinder.unwind(space, stack.registers(TEXT), stack.dump(0, end), chain);
            assertEquals(end < 32 ? 1 : 2, chain.size());
            assertEquals(end < 32 ? StopReason.DUMP_EXHAUSTED : StopReason.END_OF_STACK, chain.stop());
        }
    }

    /** Where each register lies is said by its own slot; what a frame has not saved is as it was in its callee. */
    @Test
    void everyRegisterThatCallsPreserve() {
        long all = SavedRegisters.SAME;
        for (int index = 0; index < SavedRegisters.COUNT; index++) {
            all = SavedRegisters.withSlot(all, index, -24 - 8L * index);
        }
        long two = SavedRegisters.withSlot(SavedRegisters.withSlot(SavedRegisters.SAME, 1, -16), 4, -24);
        AddressSpace space = space(
                new Row(VADDR, UnwindRule.of(CALL, RSP, 64, RBP_AT_CFA, -16, 0, 0), all),
                new Row(VADDR + 0x100, UnwindRule.of(CALL, RBP, 32, RBP_SAME, 0, 0, 0), two),
                new Row(VADDR + OUTERMOST, UnwindRule.of(END)));
        HandMadeStack stack = new HandMadeStack(USUAL, 0x80);
        stack.put(56, TEXT + 0x101).put(48, USUAL + 0x60).put(40, 0xb1);
        stack.put(32, 0xc1).put(24, 0xd1).put(16, 0xe1).put(8, 0xf1);
        stack.put(0x78, TEXT + OUTERMOST + 1).put(0x70, 0xc2).put(0x68, 0xf2);
        Callchain chain = new Callchain().recordRegisters(true);
        for (int again = 0; again < 2; again++) {
            unwinder.unwind(space, without(stack.registers(TEXT), R13), stack.dump(), chain);
            assertEquals(List.of(TEXT, TEXT + 0x101, TEXT + OUTERMOST + 1), pcs(chain));
            assertEquals(StopReason.END_OF_STACK, chain.stop());
            assertRegisters(chain, 0, RBX, RBP, USUAL, R12, -1, R14, R15);
            assertRegisters(chain, 1, 0xb1, USUAL + 0x60, USUAL + 64, 0xc1, 0xd1, 0xe1, 0xf1);
            assertRegisters(chain, 2, 0xb1, USUAL + 0x60, USUAL + 0x80, 0xc2, 0xd1, 0xe1, 0xf2);
        }
    }

    /** RBX, RBP, RSP, R12 to R15 of a frame, -1 where not known; and that RAX, which no row names, is what it was. */
    private static void assertRegisters(Callchain chain, int frame, long... expected) {
        int[] registers = {RBX, RBP, RSP, R12, R13, R14, R15};
        for (int i = 0; i < registers.length; i++) {
            assertEquals(expected[i] != -1, chain.isKnown(frame, registers[i]), "frame " + frame + ", " + i);
            if (expected[i] != -1) {
                assertEquals(expected[i], chain.register(frame, registers[i]), "frame " + frame + ", " + i);
            }
        }
        assertEquals(RAX, chain.register(frame, RAX));
    }

    /** Where the function has popped a register already: its slot lies below RSP, and in the caller's turn it is there. */
    @Test
    void aSlotBelowTheStackPointer() {
        long below = SavedRegisters.withSlot(SavedRegisters.SAME, 2, -24);
        AddressSpace space = space(new Row(VADDR, CALL_16, below), new Row(VADDR + OUTERMOST, UnwindRule.of(END)));
        HandMadeStack stack = new HandMadeStack(USUAL, 48);
        stack.put(0, 0x11).put(8, TEXT + 1).put(16, 0x22).put(24, TEXT + 2).put(32, 0x33);
        stack.put(40, TEXT + OUTERMOST + 1);
        Callchain chain = new Callchain().recordRegisters(true);
        for (int again = 0; again < 2; again++) {
            unwinder.unwind(space, stack.registers(TEXT), stack.dump(), chain);
            assertEquals(List.of(TEXT, TEXT + 1, TEXT + 2, TEXT + OUTERMOST + 1), pcs(chain));
            assertEquals(R13, chain.register(1, R13), "the slot was not recorded");
            assertEquals(TEXT + 1, chain.register(2, R13));
            assertEquals(TEXT + 2, chain.register(3, R13));
        }
    }

    @ParameterizedTest
    @ValueSource(booleans = {false, true})
    void aFrameOfWhichRbpIsNotKnown(boolean all) {
        long lost = UnwindRule.of(CALL, RSP, 16, RBP_UNDEFINED, 0, 0, 0);
        AddressSpace space = space(
                new Row(VADDR, lost),
                new Row(VADDR + 0x100, CALL_16),
                new Row(VADDR + 0x200, UnwindRule.of(CALL, RSP, 16, RBP_AT_CFA, -16, 0, 0)),
                new Row(VADDR + 0x300, UnwindRule.of(CALL, RBP, 16, RBP_SAME, 0, 0, 0)),
                new Row(VADDR + OUTERMOST, UnwindRule.of(END)));
        HandMadeStack stack = new HandMadeStack(USUAL, 0x60);
        stack.put(8, TEXT + 0x101).put(24, TEXT + 0x201).put(32, USUAL + 0x50).put(40, TEXT + 0x301);
        stack.put(0x58, TEXT + OUTERMOST + 1);
        Callchain chain = new Callchain().recordRegisters(all);
        for (int again = 0; again < 2; again++) {
            unwinder.unwind(space, stack.registers(TEXT), stack.dump(), chain);
            assertEquals(List.of(TEXT, TEXT + 0x101, TEXT + 0x201, TEXT + 0x301, TEXT + OUTERMOST + 1), pcs(chain));
            assertEquals(StopReason.END_OF_STACK, chain.stop());
        }
        // A frame that is found by RBP, and RBP is not known.
        stack.put(24, TEXT + 0x301);
        unwinder.unwind(space, stack.registers(TEXT), stack.dump(), chain);
        assertEquals(List.of(TEXT, TEXT + 0x101, TEXT + 0x301), pcs(chain));
        assertEquals(StopReason.BAD_UNWIND_INFO, chain.stop());
        unwinder.unwind(space, without(stack.registers(TEXT + 0x300), RBP), stack.dump(), chain);
        assertEquals(List.of(TEXT + 0x300), pcs(chain));
        assertEquals(StopReason.BAD_UNWIND_INFO, chain.stop());
    }

    /** A rule of a caller wants a register that only the complete walk recovers: it is the one that was saved, not the first frame's. */
    @ParameterizedTest
    @ValueSource(ints = {0, 1, 2, 3, 4})
    void aFrameThatIsFoundByAnotherRegister(int index) {
        int register = SavedRegisters.register(index);
        long saved = SavedRegisters.withSlot(SavedRegisters.SAME, index, -16);
        AddressSpace space = space(
                new Row(VADDR, call(32), saved),
                new Row(VADDR + 0x100, CALL_16),
                new Row(VADDR + 0x200, UnwindRule.of(CALL, register, 16, RBP_SAME, 0, 0, 0)),
                new Row(VADDR + OUTERMOST, UnwindRule.of(END)));
        HandMadeStack stack = new HandMadeStack(USUAL, 0x80);
        stack.put(16, USUAL + 0x70).put(24, TEXT + 0x101).put(40, TEXT + 0x201);
        stack.put(0x58, TEXT + 0x102).put(0x68, TEXT + 0x103).put(0x78, TEXT + OUTERMOST + 1);
        for (boolean all : new boolean[] {false, true}) {
            Callchain chain = new Callchain().recordRegisters(all);
            for (int again = 0; again < 2; again++) {
                Registers registers = stack.registers(TEXT).set(register, USUAL + 0x50);
                unwinder.unwind(space, registers, stack.dump(), chain);
                assertEquals(List.of(TEXT, TEXT + 0x101, TEXT + 0x201, TEXT + OUTERMOST + 1), pcs(chain));
                assertEquals(StopReason.END_OF_STACK, chain.stop());
            }
        }
    }

    /** Where a function begins right behind a call, its first address means itself where it is exact, and the caller else. */
    @Test
    void anAddressThatIsExactAndOneThatIsReturnedTo() {
        AddressSpace space = space(
                new Row(VADDR, CALL_16),
                new Row(VADDR + 0x100, call(32)),
                new Row(VADDR + OUTERMOST, UnwindRule.of(END)));
        HandMadeStack stack = new HandMadeStack(USUAL, 0x50);
        long end = TEXT + OUTERMOST + 1;
        stack.put(0x08, TEXT + 0x100)
                .put(0x18, TEXT + 2)
                .put(0x28, TEXT + 3)
                .put(0x38, TEXT + 4)
                .put(0x48, end);
        Callchain chain = new Callchain();
        for (int again = 0; again < 2; again++) {
            Registers exact = stack.registers(TEXT + 0x100).set(RSP, USUAL + 0x10);
            unwinder.unwind(space, exact, stack.dump(0x10, 0x50), chain);
            assertEquals(List.of(TEXT + 0x100, TEXT + 3, TEXT + 4, end), pcs(chain));
            unwinder.unwind(space, stack.registers(TEXT), stack.dump(), chain);
            assertEquals(List.of(TEXT, TEXT + 0x100, TEXT + 2, TEXT + 3, TEXT + 4, end), pcs(chain));
        }
    }

    /** A call that ends its function, found by a rule that is none of the usual: the next function begins where it returns to. */
    @ParameterizedTest
    @ValueSource(booleans = {false, true})
    void aCallThatEndsItsFunction(boolean all) {
        AddressSpace space = space(
                new Row(VADDR, UnwindRule.of(CALL, RBX, 16, RBP_SAME, 0, 0, 0)),
                new Row(VADDR + 0x100, CALL_16),
                new Row(VADDR + 0x200, UnwindRule.of(END)),
                new Row(VADDR + 0x300, UnwindRule.of(UnwindRule.UNDEFINED)));
        HandMadeStack stack =
                new HandMadeStack(USUAL, 0x20).put(0x08, TEXT + 0x200).put(0x18, TEXT + 0x300);
        Callchain chain = new Callchain().recordRegisters(all);
        for (int again = 0; again < 2; again++) {
            unwinder.unwind(space, stack.registers(TEXT).set(RBX, USUAL), stack.dump(), chain);
            assertEquals(List.of(TEXT, TEXT + 0x200, TEXT + 0x300), pcs(chain));
            assertEquals(StopReason.END_OF_STACK, chain.stop());
        }
    }

    /** What is not known has no value: not even where 0 would lead on, on a stack at the lowest address of all. */
    @Test
    void anUnknownRbpIsNotZero() {
        AddressSpace space = space(
                new Row(VADDR, UnwindRule.of(CALL, RBP, 16, RBP_SAME, 0, 0, 0)),
                new Row(VADDR + OUTERMOST, UnwindRule.of(END)));
        HandMadeStack stack = new HandMadeStack(0, 0x10).put(0x08, TEXT + OUTERMOST + 1);
        for (boolean all : new boolean[] {false, true}) {
            Callchain chain = new Callchain().recordRegisters(all);
            for (int again = 0; again < 2; again++) {
                unwinder.unwind(space, without(stack.registers(TEXT), RBP), stack.dump(), chain);
                assertEquals(List.of(TEXT), pcs(chain));
                assertEquals(StopReason.BAD_UNWIND_INFO, chain.stop());
            }
            unwinder.unwind(space, stack.registers(TEXT).set(RBP, 0), stack.dump(), chain);
            assertEquals(List.of(TEXT, TEXT + OUTERMOST + 1), pcs(chain));
        }
    }

    /** The same for the frame that a signal has interrupted. */
    @ParameterizedTest
    @ValueSource(booleans = {false, true})
    void anAddressThatASignalHasInterrupted(boolean all) {
        long signal =
                UnwindRule.of(UnwindRule.SIGNAL, RSP, 0, RBP_SAME, 0, 0, UnwindRule.DEREF | UnwindRule.EXACT_CALLER);
        AddressSpace space = space(
                new Row(VADDR, CALL_16),
                new Row(VADDR + 0x100, call(32)),
                new Row(VADDR + 0x200, signal),
                new Row(VADDR + OUTERMOST, UnwindRule.of(END)));
        long end = TEXT + OUTERMOST + 1;
        HandMadeStack stack = new HandMadeStack(USUAL, 0x70);
        // A call; then RSP and RIP as the signal has left them, in the first two words of its frame.
        stack.put(0x08, TEXT + 0x201).put(0x10, USUAL + 0x30).put(0x18, TEXT + 0x100);
        stack.put(0x38, TEXT + 2).put(0x48, TEXT + 3).put(0x58, TEXT + 4).put(0x68, end);
        Callchain chain = new Callchain().recordRegisters(all);
        for (int again = 0; again < 2; again++) {
            unwinder.unwind(space, stack.registers(TEXT), stack.dump(), chain);
            assertEquals(List.of(TEXT, TEXT + 0x201, TEXT + 0x100, TEXT + 3, TEXT + 4, end), pcs(chain));
            assertEquals(StopReason.END_OF_STACK, chain.stop());
            assertFalse(chain.isExact(1));
            assertTrue(chain.isExact(2));
            assertFalse(chain.isExact(3));
            stack.put(0x28, TEXT + 0x100);
            Registers calls = stack.registers(TEXT).set(RSP, USUAL + 0x20);
            unwinder.unwind(space, calls, stack.dump(0x20, 0x70), chain);
            assertEquals(List.of(TEXT, TEXT + 0x100, TEXT + 2, TEXT + 3, TEXT + 4, end), pcs(chain));
            assertFalse(chain.isExact(1));
        }
    }
}
