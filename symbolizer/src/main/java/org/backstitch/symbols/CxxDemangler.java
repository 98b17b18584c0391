package org.backstitch.symbols;

import java.lang.foreign.Arena;
import java.lang.foreign.FunctionDescriptor;
import java.lang.foreign.Linker;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.SymbolLookup;
import java.lang.foreign.ValueLayout;
import java.lang.invoke.MethodHandle;
import java.util.Optional;
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

    private final MethodHandle demangle;
    private final MethodHandle free;

    private CxxDemangler(MethodHandle demangle, MethodHandle free) {
        this.demangle = demangle;
        this.free = free;
    }

    /** The runtime's demangler; empty where there is none, or native access is denied. */
    static Optional<CxxDemangler> open() {
        try {
            Linker linker = Linker.nativeLinker();
            SymbolLookup library = SymbolLookup.libraryLookup(LIBRARY, Arena.global());
            Optional<MemorySegment> demangle = library.find("__cxa_demangle");
            Optional<MemorySegment> free = linker.defaultLookup().find("free");
            if (demangle.isEmpty() || free.isEmpty()) {
                return Optional.empty();
            }
            // char *__cxa_demangle(const char *name, char *buffer, size_t *length, int *status)
            return Optional.of(new CxxDemangler(
                    linker.downcallHandle(
                            demangle.get(),
                            FunctionDescriptor.of(
                                    ValueLayout.ADDRESS,
                                    ValueLayout.ADDRESS,
                                    ValueLayout.ADDRESS,
                                    ValueLayout.ADDRESS,
                                    ValueLayout.ADDRESS)),
                    linker.downcallHandle(free.get(), FunctionDescriptor.ofVoid(ValueLayout.ADDRESS))));
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
            return call(name);
        }
        AtomicReference<Optional<String>> result = new AtomicReference<>(Optional.empty());
        Thread thread = new Thread(
                null, () -> result.set(call(name)), "demangler", STACK_BASE + name.length() * STACK_PER_CHARACTER);
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

    private Optional<String> call(String name) {
        try (Arena arena = Arena.ofConfined()) {
            MemorySegment status = arena.allocate(ValueLayout.JAVA_INT);
            MemorySegment result = (MemorySegment)
                    demangle.invokeExact(arena.allocateFrom(name), MemorySegment.NULL, MemorySegment.NULL, status);
            if (result.equals(MemorySegment.NULL)) {
                return Optional.empty();
            }
            try {
                return Optional.of(result.reinterpret(Long.MAX_VALUE).getString(0));
            } finally {
                free.invokeExact(result);
            }
        } catch (Error | RuntimeException e) {
            throw e;
        } catch (Throwable e) {
            // A method handle declares it; a native function throws nothing.
            throw new AssertionError(e);
        }
    }
}
