package org.backstitch.unwind;

import static org.backstitch.unwind.HandMadeStack.USUAL;
import static org.backstitch.unwind.machine.X86_64.RBP;
import static org.backstitch.unwind.machine.X86_64.RBX;
import static org.backstitch.unwind.machine.X86_64.RSP;
import static org.backstitch.unwind.table.UnwindRule.CALL;
import static org.backstitch.unwind.table.UnwindRule.END;
import static org.backstitch.unwind.table.UnwindRule.RBP_AT_CFA;
import static org.backstitch.unwind.table.UnwindRule.RBP_SAME;
import static org.junit.jupiter.api.Assertions.assertEquals;

import java.util.ArrayList;
import java.util.List;
import java.util.TreeSet;
import org.backstitch.unwind.AskedRules.Row;
import org.backstitch.unwind.machine.Registers;
import org.backstitch.unwind.table.UnwindRule;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/**
 * What a walker keeps of rules and of stacks: a table is asked once for each address, and not at all for frames that stand as they stood;
 * and nothing that is kept is ever taken for something else.
 */
class SharedRulesTest {
    private static final long TEXT = 0x40_0000;
    private static final long OTHER_TEXT = 0x5000_0000;
    private static final long VADDR = 0x1000;
    private static final long OUTERMOST = 0x8000;

    /** Addresses of one file that are so far apart want the same places in the caches. */
    private static final long SAME_PLACE = 0x8_0000;

    /** As far apart files with successive numbers have to be linked for their addresses to look alike. */
    private static final long NEXT_FILE = (1L << 35) + 1026 * 8;

    private final ModuleRegistry registry = new ModuleRegistry();
    private final UserUnwinder unwinder = new UserUnwinder();
    private final Callchain chain = new Callchain();

    private static long call(int cfaOffset) {
        return UnwindRule.of(CALL, RSP, cfaOffset, RBP_SAME, 0, 0, 0);
    }

    /** A file of ordinary calls of 16 bytes, then calls of 32, and the outermost function. */
    private static AskedRules ordinary() {
        return new AskedRules(
                new Row(VADDR, call(16)),
                new Row(VADDR + 0x4000, call(32)),
                new Row(VADDR + OUTERMOST, UnwindRule.of(END)));
    }

    private static AddressSpace space(Mapping... mappings) {
        return AddressSpace.of(List.of(mappings));
    }

    /** A stack for a chain of frames of some size, of which the return addresses of all but the first are given. */
    private static HandMadeStack stack(long address, int size, long... returns) {
        HandMadeStack stack = new HandMadeStack(address, size * returns.length);
        for (int i = 0; i < returns.length; i++) {
            stack.put(size * (i + 1) - 8, returns[i]);
        }
        return stack;
    }

    private List<Long> walk(AddressSpace space, HandMadeStack stack, long pc) {
        return walk(unwinder, space, stack, pc);
    }

    private List<Long> walk(UserUnwinder by, AddressSpace space, HandMadeStack stack, long pc) {
        by.unwind(space, stack.registers(pc), stack.dump(), chain);
        List<Long> pcs = new ArrayList<>();
        for (int frame = 0; frame < chain.size(); frame++) {
            pcs.add(chain.pc(frame));
        }
        return pcs;
    }

    @ParameterizedTest
    @ValueSource(booleans = {false, true})
    void aTableIsAskedOnceForEachAddress(boolean all) {
        chain.recordRegisters(all);
        AskedRules first = ordinary();
        AskedRules second = ordinary();
        ElfModule module = second.module(registry);
        AddressSpace space = space(
                first.mapping(first.module(registry), TEXT, 0x1_0000), second.mapping(module, OTHER_TEXT, 0x1_0000));
        long end = OTHER_TEXT + OUTERMOST + 1;
        long[] returns = {TEXT + 0x11, TEXT + 0x21, OTHER_TEXT + 0x31, TEXT + 0x11, OTHER_TEXT + 0x41, end};
        List<Long> expected =
                List.of(TEXT + 4, TEXT + 0x11, TEXT + 0x21, OTHER_TEXT + 0x31, TEXT + 0x11, OTHER_TEXT + 0x41, end);
        assertEquals(expected, walk(space, stack(USUAL, 16, returns), TEXT + 4));
        assertEquals(List.of(VADDR + 4, VADDR + 0x10, VADDR + 0x20), first.asked());
        assertEquals(List.of(VADDR + 0x30, VADDR + 0x40, VADDR + OUTERMOST), second.asked());
        // Another thread's stack.
        assertEquals(expected, walk(space, stack(USUAL - 0x80_0000, 16, returns), TEXT + 4));
        assertEquals(List.of(), first.asked());
        assertEquals(List.of(), second.asked());
        // Another process that has one of the files elsewhere.
        AddressSpace process = space(second.mapping(module, TEXT, 0x1_0000));
        long[] elsewhere = {TEXT + 0x41, TEXT + 0x31, TEXT + OUTERMOST + 1};
        assertEquals(
                List.of(TEXT + 0x30, TEXT + 0x41, TEXT + 0x31, TEXT + OUTERMOST + 1),
                walk(process, stack(USUAL, 16, elsewhere), TEXT + 0x30));
        assertEquals(List.of(), second.asked());
    }

    @Test
    void whatOneWalkerOfARegistryHasLookedUpTheOthersFind() {
        AskedRules rules = ordinary();
        AddressSpace space = space(rules.mapping(rules.module(registry), TEXT, 0x1_0000));
        HandMadeStack stack = stack(USUAL, 16, TEXT + 0x11, TEXT + OUTERMOST + 1);
        List<Long> expected = List.of(TEXT, TEXT + 0x11, TEXT + OUTERMOST + 1);
        assertEquals(expected, walk(registry.newUnwinder(), space, stack, TEXT));
        assertEquals(List.of(VADDR, VADDR + 0x10, VADDR + OUTERMOST), rules.asked());
        assertEquals(expected, walk(registry.newUnwinder(), space, stack, TEXT));
        assertEquals(List.of(), rules.asked());
        assertEquals(expected, walk(space, stack, TEXT));
        assertEquals(List.of(VADDR, VADDR + 0x10, VADDR + OUTERMOST), rules.asked(), "one that shares nothing");
    }

    @ParameterizedTest
    @ValueSource(booleans = {false, true})
    void framesThatAreFoundByRbp(boolean all) {
        chain.recordRegisters(all);
        AskedRules byRbp = new AskedRules(
                new Row(VADDR, call(16)),
                new Row(VADDR + 0x100, UnwindRule.of(CALL, RBP, 16, RBP_AT_CFA, -16, 0, 0)),
                new Row(VADDR + OUTERMOST, UnwindRule.of(END)));
        AddressSpace space = space(byRbp.mapping(byRbp.module(registry), TEXT, 0x1_0000));
        HandMadeStack stack = new HandMadeStack(USUAL, 0x80);
        stack.put(0x08, TEXT + 0x111).put(0x30, USUAL + 0x50).put(0x38, TEXT + 0x11);
        stack.put(0x48, TEXT + 0x121)
                .put(0x50, USUAL + 0x70)
                .put(0x58, TEXT + 0x131)
                .put(0x78, TEXT + OUTERMOST + 1);
        Registers registers = stack.registers(TEXT).set(RBP, USUAL + 0x30);
        unwinder.unwind(space, registers, stack.dump(), chain);
        assertEquals(6, chain.size());
        assertEquals(TEXT + OUTERMOST + 1, chain.pc(5));
        assertEquals(
                List.of(VADDR, VADDR + 0x110, VADDR + 0x10, VADDR + 0x120, VADDR + 0x130, VADDR + OUTERMOST),
                byRbp.asked());
    }

    @ParameterizedTest
    @ValueSource(booleans = {false, true})
    void aChainWithABoundIsWalkedOnce(boolean all) {
        chain.recordRegisters(all).limit(3);
        AskedRules rules = ordinary();
        AddressSpace space = space(rules.mapping(rules.module(registry), TEXT, 0x1_0000));
        HandMadeStack stack = stack(USUAL, 16, TEXT + 0x11, TEXT + 0x21, TEXT + 0x31, TEXT + OUTERMOST + 1);
        assertEquals(List.of(TEXT, TEXT + 0x11, TEXT + 0x21), walk(space, stack, TEXT));
        assertEquals(StopReason.MAX_STACK, chain.stop());
        assertEquals(List.of(VADDR, VADDR + 0x10, VADDR + 0x20), rules.asked());
    }

    @ParameterizedTest
    @ValueSource(booleans = {false, true})
    void otherCodeAtTheSameAddresses(boolean all) {
        chain.recordRegisters(all);
        AskedRules narrow = ordinary();
        AskedRules wide = new AskedRules(new Row(VADDR, call(32)), new Row(VADDR + OUTERMOST, UnwindRule.of(END)));
        AddressSpace[] processes = {
            space(narrow.mapping(narrow.module(registry), TEXT, 0x1_0000)),
            space(wide.mapping(wide.module(registry), TEXT, 0x1_0000)),
            space()
        };
        long end = TEXT + OUTERMOST + 1;
        HandMadeStack stack = stack(USUAL, 16, TEXT + 1, TEXT + 2, TEXT + 3, TEXT + 4, TEXT + 5, end);
        for (int again = 0; again < 2; again++) {
            assertEquals(
                    List.of(TEXT, TEXT + 1, TEXT + 2, TEXT + 3, TEXT + 4, TEXT + 5, end),
                    walk(processes[0], stack, TEXT));
            assertEquals(List.of(TEXT, TEXT + 2, TEXT + 4, end), walk(processes[1], stack, TEXT));
            assertEquals(List.of(TEXT), walk(processes[2], stack, TEXT));
            assertEquals(StopReason.NO_UNWIND_INFO, chain.stop());
        }
    }

    /** Two files side by side: what lies right behind the code of the first is the second's, though the first has rows for there, too. */
    @ParameterizedTest
    @ValueSource(booleans = {false, true})
    void filesThatAdjoin(boolean all) {
        chain.recordRegisters(all);
        AskedRules first = new AskedRules(
                new Row(VADDR, call(16)),
                new Row(VADDR + 0x1000, call(48)),
                new Row(VADDR + OUTERMOST, UnwindRule.of(END)));
        AskedRules second = new AskedRules(new Row(VADDR, call(32)));
        ElfModule module = first.module(registry);
        AddressSpace space = space(
                first.mapping(module, TEXT, 0x1000), // a page of it; all of it further up
                second.mapping(second.module(registry), TEXT + 0x1000, 0x1000),
                first.mapping(module, OTHER_TEXT, 0x1_0000));
        HandMadeStack stack = new HandMadeStack(USUAL, 0xe0);
        stack.put(0x28, TEXT + 0x1000); // 48 bytes: the first file's second row; then the last byte of its page
        stack.put(0x38, TEXT + 0x1001); // 16; then the first byte behind it
        stack.put(0x58, TEXT + 0x2000); // 32; then the last byte of the second file
        stack.put(0x78, TEXT + 0x1000); // 32; then from the last byte of the one
        stack.put(0x88, TEXT + 0x1001); // 16; to the first of the other
        stack.put(0xa8, OTHER_TEXT + 0x1001); // 32; then that second row again
        stack.put(0xd8, OTHER_TEXT + OUTERMOST + 1); // 48
        long pc = OTHER_TEXT + 0x1000;
        List<Long> expected = List.of(
                pc,
                TEXT + 0x1000,
                TEXT + 0x1001,
                TEXT + 0x2000,
                TEXT + 0x1000,
                TEXT + 0x1001,
                OTHER_TEXT + 0x1001,
                OTHER_TEXT + OUTERMOST + 1);
        for (int again = 0; again < 2; again++) {
            assertEquals(expected, walk(space, stack, pc));
            assertEquals(StopReason.END_OF_STACK, chain.stop());
        }
    }

    /** A file linked so high that its addresses would be taken for those of the next one: its rules are not kept. */
    @ParameterizedTest
    @ValueSource(booleans = {false, true})
    void aFileThatIsLinkedHigh(boolean all) {
        chain.recordRegisters(all);
        AskedRules high = new AskedRules(new Row(NEXT_FILE + VADDR, call(32)));
        AskedRules low = ordinary();
        AddressSpace space = space(
                high.mapping(high.module(registry), OTHER_TEXT, 0x1000),
                low.mapping(low.module(registry), TEXT, 0x1_0000));
        HandMadeStack stack = new HandMadeStack(USUAL, 0x80);
        stack.put(0x08, OTHER_TEXT + 0x11).put(0x28, TEXT + 0x11).put(0x38, OTHER_TEXT + 0x11);
        stack.put(0x58, TEXT + 0x11).put(0x68, TEXT + OUTERMOST + 1);
        List<Long> expected =
                List.of(TEXT, OTHER_TEXT + 0x11, TEXT + 0x11, OTHER_TEXT + 0x11, TEXT + 0x11, TEXT + OUTERMOST + 1);
        for (int again = 0; again < 3; again++) {
            assertEquals(expected, walk(space, stack, TEXT));
            assertEquals(StopReason.END_OF_STACK, chain.stop());
        }
    }

    /** A file of functions whose addresses want the same places, their calls of 16, 32, 48 and 64 bytes. */
    private static AskedRules alike() {
        return new AskedRules(
                new Row(VADDR, call(16)),
                new Row(VADDR + SAME_PLACE, call(32)),
                new Row(VADDR + 2 * SAME_PLACE, call(48)),
                new Row(VADDR + 3 * SAME_PLACE, call(64)),
                new Row(VADDR + 4 * SAME_PLACE, UnwindRule.of(END)));
    }

    @ParameterizedTest
    @ValueSource(booleans = {false, true})
    void addressesThatWantTheSamePlace(boolean all) {
        chain.recordRegisters(all);
        AskedRules rules = alike();
        AddressSpace space = space(rules.mapping(rules.module(registry), TEXT, 0x40_0000));
        int[] functions = {0, 1, 2, 3, 2, 0, 3, 1, 1, 0, 2, 3, 0, 3, 4};
        for (int distance :
                new int[] {0, 8, 4}) { // in the same entry, in that beside it, and at another address of the first
            HandMadeStack stack = new HandMadeStack(USUAL, 1024);
            List<Long> expected = new ArrayList<>(List.of(TEXT));
            int at = 0;
            for (int i = 1; i < functions.length; i++) {
                at += 16 + 16 * functions[i - 1];
                expected.add(TEXT + functions[i] * SAME_PLACE + 1 + (i % 2 == 0 ? 0 : distance));
                stack.put(at - 8, expected.getLast());
            }
            for (int again = 0; again < 3; again++) {
                assertEquals(expected, walk(space, stack, TEXT));
                assertEquals(StopReason.END_OF_STACK, chain.stop());
            }
        }
    }

    /** Of two calls that want the same place both are kept; first frames, which are met less often, take only the place of one. */
    @ParameterizedTest
    @ValueSource(booleans = {false, true})
    void callsStayWhereFirstFramesPass(boolean all) {
        chain.recordRegisters(all);
        AskedRules rules = alike();
        AddressSpace space = space(rules.mapping(rules.module(registry), TEXT, 0x40_0000));
        long end = TEXT + 4 * SAME_PLACE + 0x101;
        long call = TEXT + 1;
        long other = TEXT + SAME_PLACE + 1;
        HandMadeStack stack =
                new HandMadeStack(USUAL, 0x40).put(0x08, call).put(0x18, other).put(0x38, end);
        assertEquals(List.of(TEXT + 0x100, call, other, end), walk(space, stack, TEXT + 0x100));
        rules.asked();
        for (int function = 2; function < 4; function++) {
            long pc = TEXT + function * SAME_PLACE;
            HandMadeStack first = new HandMadeStack(USUAL - 0x80_0000, 0x40).put(function * 16 + 8, end);
            assertEquals(List.of(pc, end), walk(space, first, pc));
            assertEquals(List.of(pc - TEXT + VADDR), rules.asked());
        }
        HandMadeStack thread =
                new HandMadeStack(USUAL - 0x180_0000, 0x30).put(0x08, other).put(0x28, end);
        assertEquals(List.of(TEXT + 0x100, other, end), walk(space, thread, TEXT + 0x100));
        assertEquals(List.of(), rules.asked(), "the call met last is still there");
        HandMadeStack another =
                new HandMadeStack(USUAL - 0x280_0000, 0x20).put(0x08, call).put(0x18, end);
        assertEquals(List.of(TEXT + 0x100, call, end), walk(space, another, TEXT + 0x100));
        assertEquals(List.of(VADDR), rules.asked(), "the one before has made room");
    }

    /** The first file's address of which the rule is kept in the very first place: of rules that are kept nowhere it is not the rule. */
    @ParameterizedTest
    @ValueSource(booleans = {false, true})
    void theFirstPlaceIsLikeAllOthers(boolean all) {
        chain.recordRegisters(all);
        long first = SAME_PLACE - NEXT_FILE % SAME_PLACE;
        AskedRules file = new AskedRules(
                new Row(VADDR, call(16)),
                new Row(VADDR + 0x1000, UnwindRule.of(CALL, RBX, 16, RBP_SAME, 0, 0, 0)),
                new Row(VADDR + 0x2000, call(16)),
                new Row(VADDR + SAME_PLACE, UnwindRule.of(END)));
        AddressSpace space = space(file.mapping(file.module(new ModuleRegistry()), TEXT, 2 * SAME_PLACE));
        long end = TEXT + SAME_PLACE + 1;
        long place = TEXT + first - VADDR + 1;
        HandMadeStack stack = stack(USUAL, 16, place, TEXT + 0x11, end);
        assertEquals(List.of(TEXT, place, TEXT + 0x11, end), walk(space, stack, TEXT));
        assertEquals(List.of(VADDR, first, VADDR + 0x10, VADDR + SAME_PLACE), file.asked());
        Registers byRbx = stack.registers(TEXT + 0x1000).set(RBX, USUAL + 0x10);
        unwinder.unwind(space, byRbx, stack.dump(), chain);
        assertEquals(3, chain.size());
        assertEquals(TEXT + 0x11, chain.pc(1));
    }

    // ---- Stacks that are seen again ----

    private final AskedRules rules = ordinary();
    private final AskedRules filling = new AskedRules(new Row(VADDR, call(16)));
    private final AddressSpace process = space(
            rules.mapping(rules.module(registry), TEXT, 0x1_0000),
            filling.mapping(filling.module(registry), OTHER_TEXT, 0x20_0000));

    /** Another thread's stack, so deep and in so much code that all rules kept so far have to make room. */
    private void forgetRules() {
        int frames = 1 << 16;
        HandMadeStack deep = new HandMadeStack(USUAL - 0x1000_0000, 16 * frames);
        for (int i = 0; i < frames; i++) {
            deep.put(16 * i + 8, OTHER_TEXT + 16L * i + 1);
        }
        Registers registers = deep.registers(OTHER_TEXT + 0x10_0000);
        unwinder.unwind(process, registers, deep.dump(), new Callchain());
        rules.asked();
    }

    private HandMadeStack frames(int count) {
        long[] returns = new long[count - 1];
        for (int i = 0; i < returns.length; i++) {
            returns[i] = i == returns.length - 1 ? TEXT + OUTERMOST + 1 : TEXT + 0x10L * (i + 1) + 1;
        }
        return stack(USUAL, 16, returns);
    }

    /** By number: of which frames of such a stack a walk has looked up the rules. */
    private List<Long> asked() {
        TreeSet<Long> frames = new TreeSet<>();
        for (long vaddr : rules.asked()) {
            assertEquals(0, vaddr % 0x10, "each is looked up by the byte before its return address");
            frames.add((vaddr - VADDR) / 0x10);
        }
        return List.copyOf(frames);
    }

    private static final long LAST = OUTERMOST / 0x10;

    @ParameterizedTest
    @ValueSource(ints = {10, 127, 128, 129, 300})
    void framesThatStandAsTheyStood(int count) {
        HandMadeStack stack = frames(count);
        List<Long> expected = walk(process, stack, TEXT);
        assertEquals(count, expected.size());
        assertEquals(count, asked().size());
        for (int again = 0; again < 2; again++) {
            forgetRules();
            assertEquals(expected, walk(process, stack, TEXT));
            assertEquals(StopReason.END_OF_STACK, chain.stop());
            assertEquals(List.of(0L), asked(), "the first: why the chain ends is known, too");
        }
    }

    @Test
    void framesBehindOneThatIsAnother() {
        HandMadeStack stack = frames(20);
        walk(process, stack, TEXT);
        forgetRules();
        stack.put(16 * 7 - 8, TEXT + 0x1001); // frame 7 is another
        List<Long> pcs = walk(process, stack, TEXT);
        assertEquals(20, pcs.size());
        assertEquals(TEXT + 0x1001, pcs.get(7));
        assertEquals(List.of(0L, 1L, 2L, 3L, 4L, 5L, 6L, 0x100L), asked());
    }

    /** Frames that lie elsewhere than before, up to where they meet those that were known. */
    @Test
    void framesThatLieElsewhere() {
        HandMadeStack stack = frames(20);
        walk(process, stack, TEXT);
        forgetRules();
        // Frame 1 calls with 32 bytes: it passes frame 2, and meets frame 3.
        stack.put(8, TEXT + 0x4001);
        List<Long> pcs = walk(process, stack, TEXT);
        assertEquals(19, pcs.size());
        assertEquals(List.of(0L, 0x400L), asked());
        assertEquals(TEXT + 0x31, pcs.get(2));
    }

    @Test
    void framesOfAChainWithABound() {
        HandMadeStack stack = frames(20);
        chain.limit(12);
        List<Long> expected = walk(process, stack, TEXT);
        assertEquals(12, expected.size());
        forgetRules();
        assertEquals(expected, walk(process, stack, TEXT));
        assertEquals(StopReason.MAX_STACK, chain.stop());
        assertEquals(List.of(0L, 11L), asked());
        // Without the bound the walk goes on from there.
        forgetRules();
        chain.limit(Callchain.UNLIMITED);
        assertEquals(20, walk(process, stack, TEXT).size());
        assertEquals(List.of(0L, 11L, 12L, 13L, 14L, 15L, 16L, 17L, 18L, LAST), asked());
    }

    /** The chain ends where the recording does: where its last frame would be found, was not recorded. */
    @Test
    void framesOfADumpThatEndsEarly() {
        HandMadeStack stack = frames(20);
        Registers registers = stack.registers(TEXT);
        unwinder.unwind(process, registers, stack.dump(0, 16 * 11), chain);
        assertEquals(StopReason.DUMP_EXHAUSTED, chain.stop());
        assertEquals(12, chain.size());
        forgetRules();
        unwinder.unwind(process, registers, stack.dump(0, 16 * 11), chain);
        assertEquals(StopReason.DUMP_EXHAUSTED, chain.stop());
        assertEquals(12, chain.size());
        assertEquals(List.of(0L, 11L), asked());
    }

    /** RBP as the frames that are taken over have it is what the walk goes on with. */
    @Test
    void framesBehindThoseThatWereTakenOver() {
        AskedRules byRbp = new AskedRules(
                new Row(VADDR, call(16)),
                new Row(VADDR + 0x100, UnwindRule.of(CALL, RSP, 32, RBP_AT_CFA, -16, 0, 0)),
                new Row(VADDR + 0x200, UnwindRule.of(CALL, RBP, 16, RBP_SAME, 0, 0, 0)),
                new Row(VADDR + OUTERMOST, UnwindRule.of(END)));
        AddressSpace space = space(byRbp.mapping(byRbp.module(registry), TEXT, 0x1_0000));
        long end = TEXT + OUTERMOST + 1;
        HandMadeStack stack = new HandMadeStack(USUAL, 0x88);
        stack.put(0x08, TEXT + 1)
                .put(0x18, TEXT + 0x101)
                .put(0x30, USUAL + 0x60)
                .put(0x38, TEXT + 2);
        stack.put(0x48, TEXT + 3).put(0x58, TEXT + 0x201).put(0x68, end).put(0x78, TEXT + 4);
        List<Long> inner = List.of(TEXT, TEXT + 1, TEXT + 0x101, TEXT + 2, TEXT + 3, TEXT + 0x201);
        chain.limit(6);
        assertEquals(inner, walk(space, stack, TEXT));
        chain.limit(Callchain.UNLIMITED);
        for (int again = 0; again < 2; again++) {
            List<Long> pcs = walk(space, stack, TEXT);
            assertEquals(inner, pcs.subList(0, 6));
            assertEquals(List.of(end), pcs.subList(6, pcs.size()));
        }
        // Frame 2 has saved another RBP, and by that frame 5 is found, and what is behind it.
        stack.put(0x30, USUAL + 0x70);
        for (int again = 0; again < 2; again++) {
            List<Long> pcs = walk(space, stack, TEXT);
            assertEquals(inner, pcs.subList(0, 6));
            assertEquals(TEXT + 4, pcs.get(6));
        }
    }
}
