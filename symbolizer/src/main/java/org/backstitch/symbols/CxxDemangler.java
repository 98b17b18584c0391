package org.backstitch.symbols;

import java.lang.foreign.Arena;
import java.lang.foreign.FunctionDescriptor;
import java.lang.foreign.Linker;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.SymbolLookup;
import java.lang.foreign.ValueLayout;
import java.lang.invoke.MethodHandle;
import java.nio.charset.StandardCharsets;
import java.util.Optional;
import java.util.Queue;
import java.util.concurrent.ConcurrentLinkedQueue;
import java.util.concurrent.atomic.AtomicReference;

/**
 * The demangler of this system's C++ runtime: {@code __cxa_demangle} of {@code libstdc++.so.6} (Itanium C++ ABI §3.4).
 *
 * <p>It is native code that recurses as deep as the name asks for and writes as much as the name stands for, which is exponential in
 * the length of a name that wants to do harm. So a name is weighed first ({@link CxxNameWeight}): one that is too heavy stays mangled,
 * and a long one is given a thread with a stack that suffices.
 */
final class CxxDemangler {
    private static final String LIBRARY = "libstdc++.so.6";
    /** Longer names get a stack of their own. */
    private static final int SHORT_NAME = 512;
    /** Native stack that a character of a name can cost at most, in bytes; measured: under 512. */
    private static final long STACK_PER_CHARACTER = 2048;

    private static final long STACK_BASE = 1 << 20;

    /**
     * All functions by one signature, with integers for pointers, which the calling convention passes alike (System V ABI for x86-64
     * §3.2.3); arguments that a function does not have it does not look for, and what {@code free} returns is nobody's. To link a call costs
     * milliseconds for each signature, and for each argument that is a segment.
     */
    private static final FunctionDescriptor SIGNATURE = FunctionDescriptor.of(
            ValueLayout.JAVA_LONG,
            ValueLayout.JAVA_LONG,
            ValueLayout.JAVA_LONG,
            ValueLayout.JAVA_LONG,
            ValueLayout.JAVA_LONG,
            ValueLayout.JAVA_LONG);

    /** Takes the function's address as its first argument. */
    private final MethodHandle call;

    private final MemorySegment demangle;
    private final MemorySegment lengthOf;
    private final MemorySegment free;

    /** All memory, to read what a pointer points to. */
    private final MemorySegment everything = MemorySegment.NULL.reinterpret(Long.MAX_VALUE);

    /** Memory for short names that no call is using now: as much as there were ever calls at the same time. */
    private final Queue<MemorySegment> unused = new ConcurrentLinkedQueue<>();

    private CxxDemangler(MethodHandle call, MemorySegment demangle, MemorySegment lengthOf, MemorySegment free) {
        this.call = call;
        this.demangle = demangle;
        this.lengthOf = lengthOf;
        this.free = free;
    }

    /** Room for a status and a name, which in UTF-8 has at most three bytes a character. */
    private static long room(int characters) {
        return Integer.BYTES + 3L * characters + 1;
    }

    /** The runtime's demangler; empty where there is none, or native access is denied. */
    static Optional<CxxDemangler> open() {
        try {
            Linker linker = Linker.nativeLinker();
            SymbolLookup library = SymbolLookup.libraryLookup(LIBRARY, Arena.global());
            Optional<MemorySegment> demangle = library.find("__cxa_demangle");
            Optional<MemorySegment> lengthOf = linker.defaultLookup().find("strlen");
            Optional<MemorySegment> free = linker.defaultLookup().find("free");
            if (demangle.isEmpty() || lengthOf.isEmpty() || free.isEmpty()) {
                return Optional.empty();
            }
            return Optional.of(
                    new CxxDemangler(linker.downcallHandle(SIGNATURE), demangle.get(), lengthOf.get(), free.get()));
        } catch (IllegalArgumentException | IllegalCallerException | UnsupportedOperationException e) {
            // No such library; native access denied; a JVM without a linker. The caller says that C++ names stay
            // mangled.
            return Optional.empty();
        }
    }

    /** The name in its author's words; empty if it is not mangled, or too heavy. */
    Optional<String> demangle(String name) {
        if (name.indexOf('\0') >= 0 || !CxxNameWeight.isBearable(name)) {
            return Optional.empty();
        }
        if (name.length() <= SHORT_NAME) {
            MemorySegment idle = unused.poll();
            MemorySegment memory = idle == null ? Arena.global().allocate(room(SHORT_NAME)) : idle;
            try {
                return call(name, memory);
            } finally {
                unused.add(memory);
            }
        }
        AtomicReference<Optional<String>> result = new AtomicReference<>(Optional.empty());
        Runnable task = () -> {
            try (Arena arena = Arena.ofConfined()) {
                result.set(call(name, arena.allocate(room(name.length()))));
            }
        };
        Thread thread = new Thread(null, task, "demangler", STACK_BASE + name.length() * STACK_PER_CHARACTER);
        thread.setDaemon(true);
        thread.start();
        boolean interrupted = false;
        while (thread.isAlive()) {
            try {
                thread.join();
            } catch (InterruptedException e) {
                // It takes milliseconds; the interrupt is kept for whoever waits for longer.
                interrupted = true;
            }
        }
        if (interrupted) {
            Thread.currentThread().interrupt();
        }
        return result.get();
    }

    /**
     * Calls {@code char *__cxa_demangle(const char *name, char *buffer, size_t *length, int *status)}.
     *
     * @param memory room for the status and the name
     */
    private Optional<String> call(String name, MemorySegment memory) {
        // Through buffers: what copies segments takes the first compiler longer than all names take here.
        byte[] bytes = name.getBytes(StandardCharsets.UTF_8);
        memory.asByteBuffer().put(Integer.BYTES, bytes).put(Integer.BYTES + bytes.length, (byte) 0);
        long status = memory.address();
        long result = call(demangle, status + Integer.BYTES, status);
        if (result == 0) {
            return Optional.empty();
        }
        try {
            byte[] readable = new byte[Math.toIntExact(call(lengthOf, result, 0))];
            everything.asSlice(result, readable.length).asByteBuffer().get(readable);
            return Optional.of(new String(readable, StandardCharsets.UTF_8));
        } finally {
            call(free, result, 0);
        }
    }

    /** Calls a function with its first and fourth argument; the others are 0. */
    private long call(MemorySegment function, long first, long fourth) {
        try {
            return (long) call.invokeExact(function, first, 0L, 0L, fourth, 0L);
        } catch (Error | RuntimeException e) {
            throw e;
        } catch (Throwable e) {
            // A method handle declares it; a native function throws nothing.
            throw new AssertionError(e);
        }
    }
}
