package org.backstitch.unwind;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.util.List;
import org.backstitch.unwind.machine.Memory;
import org.backstitch.unwind.machine.Registers;
import org.backstitch.unwind.machine.StackDump;
import org.backstitch.unwind.machine.X86_64;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

/** What is done where no row covers the pc, in code that only memory has: step by step, and what must hold before each is made. */
class StepsWithoutRuleTest {
    private static final long CODE = 0x7000_0000L;
    private static final long PC = CODE + 0x100;
    private static final long CALLER = CODE + 0x200;
    private static final long OUTER = CODE + 0x300;
    private static final long DATA = 0x7100_0000L;
    private static final long STACK = 0x7fff_0000_0000L;
    private static final long STACK_END = STACK + 0x2000;
    private static final long SP = STACK + 0x100;

    /** {@code e8 rel32} as the last five of eight bytes. */
    private static final long CALL = 0xe8L << 24;

    /** {@code call *%rax}, ff d0, as the last two. */
    private static final long CALL_RAX = 0xd0ffL << 48;

    /** 48 c7 c0 0f 00 00 00 0f: {@code mov $15, %rax}, and the first byte of {@code syscall}. */
    private static final long MOV_RAX = 0x0f_0000_000f_c0c7_48L;

    /** b8 0f 00 00 00 0f 05: {@code mov $15, %eax; syscall}, and a byte of what follows. */
    private static final long MOV_EAX = 0xcc05_0f00_0000_0fb8L;

    private final SparseMemory memory = new SparseMemory();
    private final Registers registers = new Registers();
    private final Callchain chain = new Callchain().recordRegisters(true);
    private final List<Mapping> mappings = List.of(
            new Mapping(CODE, CODE + 0x1000, 0, true, "", null),
            new Mapping(DATA, DATA + 0x1000, 0, false, "", null),
            new Mapping(STACK, STACK_END, 0, false, "[stack]", null));
    private AddressSpace space = AddressSpace.of(mappings);

    private StopReason walk(long pc, long sp, long bp) {
        for (int register = 0; register < X86_64.COUNT; register++) {
            registers.set(register, 0x1000 + register);
        }
        registers.set(X86_64.RIP, pc);
        registers.set(X86_64.RSP, sp);
        registers.set(X86_64.RBP, bp);
        new UserUnwinder().unwind(space, registers, new StackDump().clear(sp), memory, chain);
        return chain.stop();
    }

    private void assertFrame(int frame, long pc, long sp, FrameOrigin origin) {
        assertTrue(chain.size() > frame, chain.toString());
        assertEquals(pc, chain.pc(frame));
        assertEquals(sp, chain.register(frame, X86_64.RSP));
        assertEquals(origin, chain.origin(frame));
    }

    // ---- The word at the stack pointer ----

    @ParameterizedTest
    @ValueSource(longs = {CALL, CALL_RAX})
    void aFirstFrameThatHasPushedNothing(long call) {
        memory.put(SP, CALLER).put(CALLER - 8, call);
        assertEquals(StopReason.NO_UNWIND_INFO, walk(PC, SP, 0));
        assertEquals(2, chain.size());
        assertFrame(1, CALLER, SP + 8, FrameOrigin.RETURN_SLOT);
        assertFalse(chain.isExact(1));
        assertTrue(chain.isKnown(1, X86_64.RBX), "nothing was done to it yet");
    }

    @Test
    void aCallerIsNotOneThatHasPushedNothing() {
        memory.put(SP, CALLER).put(CALLER - 8, CALL);
        memory.put(SP + 8, OUTER).put(OUTER - 8, CALL);
        assertEquals(StopReason.NO_UNWIND_INFO, walk(PC, SP, 0));
        assertEquals(2, chain.size());
    }

    @ParameterizedTest
    @CsvSource({
        "0x70000200, 0, no call before it",
        "0x71000200, 0xe8000000, in data",
        "0x72000200, 0xe8000000, not mapped",
        "0x70000000, 0xe8000000, the first address of code: what is before it is none",
    })
    void aWordThatNoCallHasLeft(String address, String before, String why) {
        long candidate = Long.decode(address);
        memory.put(SP, candidate).put(candidate - 8, Long.decode(before));
        assertEquals(StopReason.NO_UNWIND_INFO, walk(PC, SP, 0), why);
        assertEquals(1, chain.size());
    }

    @Test
    void aCallAtTheVeryEndOfCode() {
        long end = CODE + 0x1000;
        memory.put(SP, end).put(end - 8, CALL);
        assertEquals(StopReason.NO_UNWIND_INFO, walk(PC, SP, 0));
        assertFrame(1, end, SP + 8, FrameOrigin.RETURN_SLOT);
    }

    // ---- The frame pointer ----

    private void framePointer(long bp, long outerBp, long returnAddress) {
        memory.put(bp, outerBp).put(bp + 8, returnAddress).put(returnAddress - 8, CALL);
    }

    @ParameterizedTest
    @ValueSource(longs = {SP, SP + 8, SP + 0x800})
    void framePointersLeadOn(long bp) {
        framePointer(bp, bp + 0x40, CALLER);
        framePointer(bp + 0x40, 0, OUTER);
        assertEquals(StopReason.NO_UNWIND_INFO, walk(PC, SP, bp));
        assertEquals(3, chain.size());
        assertFrame(1, CALLER, bp + 16, FrameOrigin.FRAME_POINTER);
        assertEquals(bp + 0x40, chain.register(1, X86_64.RBP));
        assertFalse(chain.isKnown(1, X86_64.RBX), "what the code has done to it is not known");
        assertFalse(chain.isExact(1));
        assertFrame(2, OUTER, bp + 0x50, FrameOrigin.FRAME_POINTER);
    }

    @Test
    void theWordAtTheStackPointerComesFirst() {
        memory.put(SP, OUTER).put(OUTER - 8, CALL);
        framePointer(SP + 0x40, 0, CALLER);
        walk(PC, SP, SP + 0x40);
        assertFrame(1, OUTER, SP + 8, FrameOrigin.RETURN_SLOT);
        assertFrame(2, CALLER, SP + 0x50, FrameOrigin.FRAME_POINTER);
    }

    @Test
    void framePointersThatLeadNowhere() {
        framePointer(SP - 16, 0, CALLER);
        assertEquals(StopReason.NO_UNWIND_INFO, walk(PC, SP, SP - 16), "below the stack pointer");
        assertEquals(1, chain.size());
        framePointer(SP + 0x40, 0, CALLER);
        memory.put(CALLER - 8, 0);
        assertEquals(StopReason.NO_UNWIND_INFO, walk(PC, SP, SP + 0x40), "no call before the return address");
        assertEquals(1, chain.size());
        memory.put(CALLER - 8, CALL);
        assertEquals(StopReason.NO_UNWIND_INFO, walk(PC, SP, SP + 0x44), "words that are not there");
        assertEquals(1, chain.size());
        memory.put(SP + 0x80, 0);
        assertEquals(StopReason.NO_UNWIND_INFO, walk(PC, SP, SP + 0x80), "only one of the two is there");
        assertEquals(1, chain.size());
        framePointer(STACK_END, 0, CALLER);
        assertEquals(StopReason.NO_UNWIND_INFO, walk(PC, SP, STACK_END), "behind the stack");
        assertEquals(1, chain.size());
        // Where the stack's own mapping is not known, as in most recordings, nothing says that it is another one.
        space = AddressSpace.of(mappings.subList(0, 2));
        walk(PC, SP, STACK_END);
        assertFrame(1, CALLER, STACK_END + 16, FrameOrigin.FRAME_POINTER);
    }

    // ---- Signal handlers' returns ----

    private void context(long at, long pc, long sp, long bp) {
        // struct ucontext: flags, link, stack (3 words), then struct sigcontext_64: R8 to R15, RDI, RSI, RBP, RBX, RDX,
        // RAX, RCX, RSP, RIP.
        for (int word = 0; word < 22; word++) {
            memory.put(at + 8L * word, 0x2000 + word);
        }
        memory.put(at + 40 + 8 * 10, bp).put(at + 40 + 8 * 15, sp).put(at + 40 + 8 * 16, pc);
    }

    @ParameterizedTest
    @ValueSource(longs = {MOV_RAX, MOV_EAX})
    void aHandlersReturnIsKnownByItsCode(long code) {
        memory.put(CALLER, code);
        context(SP, OUTER, STACK + 0x1000, 0x77);
        assertEquals(StopReason.NO_UNWIND_INFO, walk(CALLER, SP, 0));
        assertFrame(1, OUTER, STACK + 0x1000, FrameOrigin.SYNTHESIZED);
        assertTrue(chain.isExact(1), "it was interrupted there");
        assertEquals(0x77, chain.register(1, X86_64.RBP));
        assertEquals(0x2000 + 5, chain.register(1, X86_64.R8));
        assertEquals(0x2000 + 5 + 4, chain.register(1, X86_64.R12));
        assertEquals(0x2000 + 5 + 11, chain.register(1, X86_64.RBX));
        assertEquals(0x2000 + 5 + 14, chain.register(1, X86_64.RCX));
    }

    @Test
    void aHandlerReturnsToItThoughNothingHasCalledIt() {
        memory.put(SP, CALLER).put(CALLER - 8, 0).put(CALLER, MOV_RAX);
        context(SP + 8, OUTER, STACK + 0x1000, 0);
        walk(PC, SP, 0);
        assertFrame(1, CALLER, SP + 8, FrameOrigin.RETURN_SLOT);
        assertFrame(2, OUTER, STACK + 0x1000, FrameOrigin.SYNTHESIZED);
    }

    @Test
    void aContextThatWasCutOff() {
        memory.put(CALLER, MOV_RAX);
        for (int word = 0; word < 21; word++) { // all but RIP
            memory.put(SP + 8L * word, 0);
        }
        assertEquals(StopReason.DUMP_EXHAUSTED, walk(CALLER, SP, 0));
        assertEquals(1, chain.size());
    }

    @Test
    void codeThatDoesAlmostThat() {
        context(SP, OUTER, STACK + 0x1000, 0);
        for (long code : new long[] {MOV_RAX + 0x100_0000, MOV_EAX ^ 0x01_0000_0000_0000L, MOV_EAX + 0x100}) {
            memory.put(CALLER, code);
            assertEquals(StopReason.NO_UNWIND_INFO, walk(CALLER, SP, 0));
            assertEquals(1, chain.size());
        }
        memory.put(DATA, MOV_RAX);
        assertEquals(StopReason.NO_UNWIND_INFO, walk(DATA, SP, 0), "data that looks like it");
        assertEquals(1, chain.size());
    }

    // ---- Calls of what is not there ----

    @ParameterizedTest
    @ValueSource(longs = {0, 0xffff, DATA + 8, 0x4141_4141_4141_4141L, -8})
    void aCallOfNothing(long pc) {
        assertEquals(StopReason.DUMP_EXHAUSTED, walk(pc, SP, 0), "only the word at the stack pointer would tell");
        assertEquals(1, chain.size());
        memory.put(SP, CALLER).put(CALLER - 8, CALL);
        assertEquals(StopReason.NO_UNWIND_INFO, walk(pc, SP, 0));
        assertFrame(1, CALLER, SP + 8, FrameOrigin.RETURN_SLOT);
    }

    @ParameterizedTest
    @ValueSource(longs = {0x1_0000, 0x40_1000, (1L << 56) - 1, PC})
    void codeThatWasOnlyNotRecorded(long pc) {
        assertEquals(StopReason.NO_UNWIND_INFO, walk(pc, SP, 0));
    }

    @Test
    void aCallOfNothingOnAStackThatIsNone() {
        Memory none = new Memory() {
            @Override
            public boolean isReadable(long address, int length) {
                return false;
            }

            @Override
            public long readLong(long address) {
                throw new IllegalArgumentException();
            }

            @Override
            public Absence absence(long address) {
                return Absence.NOT_MAPPED;
            }
        };
        registers.set(X86_64.RIP, 0);
        registers.set(X86_64.RSP, SP);
        new UserUnwinder().unwind(space, registers, new StackDump().clear(SP), none, chain);
        assertEquals(StopReason.NO_UNWIND_INFO, chain.stop());
    }

    /** A frame pointer tells who called it all the same, where the word at the stack pointer is there and is none. */
    @Test
    void aJumpToNothing() {
        memory.put(SP, 0x1234);
        framePointer(SP + 0x40, 0, CALLER);
        walk(0, SP, SP + 0x40);
        assertFrame(1, CALLER, SP + 0x50, FrameOrigin.FRAME_POINTER);
    }
}
