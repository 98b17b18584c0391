package org.backstitch.unwind.deferred.simulation;

import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Deque;
import java.util.List;
import org.backstitch.unwind.deferred.simulation.UserImage.Function;
import org.backstitch.unwind.deferred.simulation.UserImage.Shape;
import org.backstitch.unwind.machine.X86_64;
import org.jspecify.annotations.Nullable;

/**
 * The user side of a task: its registers, its stack, its script; and beside them, the truth: a list of return addresses that is kept
 * by following calls, not by reading the stack.
 */
final class UserContext {
    static final int STACK_PAGES = 64;

    /** How much stack must be left for another call: a page for its frame, and one for a signal's. */
    private static final long CALL_ROOM = 4 * UserMemory.PAGE_SIZE;

    private static final long STACK_TOP = 0x7fff_ffff_0000L;
    private static final long IMAGE = 0x40_0000;
    private static final long IMAGE_SPACING = 0x10_0000;
    private static final int SIGNAL_FRAME_SIZE = 8 + 304;
    private static final int RED_ZONE = 128;

    private final UserImage image;
    private final long base;
    private final UserMemory memory;
    private final long[] registers = new long[X86_64.COUNT];
    private final Deque<UserAction> script;

    /** What RAX stands for at a system call: registers are all that a signal saves, so they must be enough to go on. */
    private final List<UserAction> systemCalls;

    /** The truth: return addresses and interrupted pcs, the outermost first. */
    private final List<Long> returns;

    /** How many instructions were executed: the same as long as the task does not leave the kernel. */
    private long executed;

    /** How often the kernel gave the task other registers. */
    private int rewritten;

    /** The state in which a program starts. */
    UserContext(UserImage image, int program, List<UserAction> script) {
        this.image = image;
        this.base = IMAGE + IMAGE_SPACING * program;
        this.memory = new UserMemory(STACK_TOP - STACK_PAGES * UserMemory.PAGE_SIZE, STACK_TOP);
        this.script = new ArrayDeque<>(script);
        this.systemCalls = new ArrayList<>();
        this.returns = new ArrayList<>();
        registers[X86_64.RIP] = base + image.function(Shape.START).start();
        registers[X86_64.RSP] = STACK_TOP - 64;
        registers[X86_64.RBX] = 0xb;
    }

    /** The state after an exec: another program, of the same task. */
    UserContext(UserImage image, int program, List<UserAction> script, UserContext before) {
        this(image, program, script);
        executed = before.executed;
        rewritten = before.rewritten + 1;
    }

    /** A child's copy. */
    private UserContext(UserContext parent, List<UserAction> script) {
        this.image = parent.image;
        this.base = parent.base;
        this.memory = parent.memory.copy();
        this.script = new ArrayDeque<>(script);
        this.systemCalls = new ArrayList<>(parent.systemCalls);
        this.returns = new ArrayList<>(parent.returns);
        System.arraycopy(parent.registers, 0, registers, 0, registers.length);
    }

    UserContext fork(List<UserAction> childScript) {
        return new UserContext(this, childScript);
    }

    long base() {
        return base;
    }

    UserMemory memory() {
        return memory;
    }

    long register(int number) {
        return registers[number];
    }

    long pc() {
        return registers[X86_64.RIP];
    }

    long executed() {
        return executed;
    }

    int rewritten() {
        return rewritten;
    }

    /** The true callchain: the pc, then every return address and interrupted pc, innermost first. */
    Addresses truth() {
        long[] chain = new long[returns.size() + 1];
        chain[0] = pc();
        for (int i = 1; i < chain.length; i++) {
            chain[i] = returns.get(returns.size() - i);
        }
        return Addresses.of(chain);
    }

    /**
     * Executes one instruction.
     *
     * @return what the task wants of the kernel if it was a system call, else null
     */
    @Nullable
    UserAction step() {
        Instruction instruction = image.instruction(pc() - base);
        executed++;
        switch (instruction.operation()) {
            case SYSCALL -> {
                registers[X86_64.RIP] += instruction.length();
                return systemCalls.get((int) registers[X86_64.RAX]);
            }
            case MOV_EAX_SIGRETURN -> {
                instruction.execute(registers, memory);
                registers[X86_64.RAX] = want(SIGRETURN);
            }
            case JMP_RCX -> {
                choose();
                instruction.execute(registers, memory);
            }
            case CALL_RAX -> {
                returns.add((long) instruction.end() + base);
                instruction.execute(registers, memory);
            }
            case RET -> {
                returns.removeLast();
                instruction.execute(registers, memory);
            }
            default -> instruction.execute(registers, memory);
        }
        return null;
    }

    /** What a task wants that returns from a signal's handler: not for scripts. */
    static final UserAction SIGRETURN = new UserAction.Return();

    private int want(UserAction action) {
        int number = systemCalls.indexOf(action);
        if (number < 0) {
            systemCalls.add(action);
            number = systemCalls.size() - 1;
        }
        return number;
    }

    /** Sets the registers by which the function's switch goes where the script wants. */
    private void choose() {
        UserAction action = script.isEmpty() ? new UserAction.Exit() : script.removeFirst();
        Function function = image.functionAt(pc() - base);
        if (function == null) {
            throw new IllegalStateException("no function at 0x" + Long.toHexString(pc()));
        }
        int target = switch (action) {
            case UserAction.Call(String name) -> {
                if (registers[X86_64.RSP] - memory.low() < CALL_ROOM) {
                    yield function.work();
                }
                registers[X86_64.RAX] = base + image.function(callable(name)).start();
                yield function.call();
            }
            case UserAction.Return() -> function.epilogue() < 0 ? function.work() : function.epilogue();
            case UserAction.Work() -> function.work();
            case UserAction.SystemCall _,
                    UserAction.Sleep _,
                    UserAction.Fork _,
                    UserAction.Exec _,
                    UserAction.Exit _ -> {
                registers[X86_64.RAX] = want(action);
                yield function.syscall();
            }
        };
        registers[X86_64.RCX] = base + target;
    }

    static Shape callable(String name) {
        return Arrays.stream(Shape.values())
                .filter(shape -> shape.symbol().equals(name) && shape != Shape.START && shape != Shape.RESTORER)
                .findFirst()
                .orElseThrow(() -> new IllegalArgumentException("no function " + name + " to call"));
    }

    /** The kernel sets up a signal's frame: the handler works, and returns through the restorer. */
    void setUpSignal() {
        long frame = ((registers[X86_64.RSP] - RED_ZONE - SIGNAL_FRAME_SIZE) & -16) - Long.BYTES;
        long restorer = base + image.function(Shape.RESTORER).start();
        memory.store(frame, restorer);
        for (int register = 0; register < X86_64.COUNT; register++) {
            memory.store(frame + Long.BYTES + UserImage.contextOffset(register), registers[register]);
        }
        returns.add(pc());
        returns.add(restorer);
        registers[X86_64.RSP] = frame;
        registers[X86_64.RIP] = base + image.function(Shape.HANDLER).start();
        script.addFirst(new UserAction.Return());
        script.addFirst(new UserAction.Work());
        rewritten++;
    }

    /** {@code rt_sigreturn}: the interrupted registers come back. RSP points to the context, as the handler's return left it. */
    void returnFromSignal() {
        long context = registers[X86_64.RSP];
        for (int register = 0; register < X86_64.COUNT; register++) {
            registers[register] = memory.load(context + UserImage.contextOffset(register));
        }
        returns.removeLast();
        rewritten++;
    }

    /** Whether the stack has room for a signal's frame. */
    boolean hasRoomForSignal() {
        return registers[X86_64.RSP] - memory.low() >= 2 * UserMemory.PAGE_SIZE;
    }
}
