package org.backstitch.code.capstone;

import java.lang.foreign.AddressLayout;
import java.lang.foreign.Arena;
import java.lang.foreign.FunctionDescriptor;
import java.lang.foreign.Linker;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.SymbolLookup;
import java.lang.foreign.ValueLayout;
import java.lang.invoke.MethodHandle;
import java.util.List;
import org.jspecify.annotations.Nullable;

/**
 * The functions of {@code libcapstone} that the binding calls, by the names and signatures of {@code capstone/capstone.h}.
 *
 * <p>The method handles are constants that take the function's address as their first argument, so that the JIT compiles a call into
 * a plain native call although the library is found at run time.
 */
final class Library {
    /** The names under which the library is looked for, the best first. */
    static final List<String> NAMES = List.of("libcapstone.so.5", "libcapstone.so.4", "libcapstone.so");

    static final String INSTALL = "install it with `apt-get install libcapstone5` (or libcapstone4)";

    private static final AddressLayout POINTER = ValueLayout.ADDRESS;
    private static final ValueLayout.OfInt INT = ValueLayout.JAVA_INT;
    private static final ValueLayout.OfLong SIZE = ValueLayout.JAVA_LONG;

    private static final MethodHandle VERSION = handle(FunctionDescriptor.of(INT, POINTER, POINTER));
    private static final MethodHandle OPEN = handle(FunctionDescriptor.of(INT, INT, INT, POINTER));
    private static final MethodHandle CLOSE = handle(FunctionDescriptor.of(INT, POINTER));
    private static final MethodHandle OPTION = handle(FunctionDescriptor.of(INT, SIZE, INT, SIZE));
    private static final MethodHandle MALLOC = handle(FunctionDescriptor.of(POINTER, SIZE));
    private static final MethodHandle FREE = handle(FunctionDescriptor.ofVoid(POINTER, SIZE));
    private static final MethodHandle NAME = handle(FunctionDescriptor.of(POINTER, SIZE, INT));

    /** A call of a microsecond that neither blocks nor calls back: it need not leave the thread's Java state. */
    private static final MethodHandle DISASM_ITER = Linker.nativeLinker()
            .downcallHandle(
                    FunctionDescriptor.of(ValueLayout.JAVA_BOOLEAN, SIZE, POINTER, POINTER, POINTER, POINTER),
                    Linker.Option.critical(false));

    /** The longest name of an instruction or register that is read, in bytes; Capstone's are shorter than 32. */
    private static final long LONGEST_NAME = 64;

    private final MemorySegment version;
    private final MemorySegment open;
    private final MemorySegment close;
    private final MemorySegment option;
    private final MemorySegment malloc;
    private final MemorySegment free;
    private final MemorySegment disasmIter;
    private final MemorySegment insnName;
    private final MemorySegment regName;

    private Library(SymbolLookup lookup) {
        version = lookup.findOrThrow("cs_version");
        open = lookup.findOrThrow("cs_open");
        close = lookup.findOrThrow("cs_close");
        option = lookup.findOrThrow("cs_option");
        malloc = lookup.findOrThrow("cs_malloc");
        free = lookup.findOrThrow("cs_free");
        disasmIter = lookup.findOrThrow("cs_disasm_iter");
        insnName = lookup.findOrThrow("cs_insn_name");
        regName = lookup.findOrThrow("cs_reg_name");
    }

    private static MethodHandle handle(FunctionDescriptor descriptor) {
        return Linker.nativeLinker().downcallHandle(descriptor);
    }

    /**
     * Loads the first library of {@code names} that there is; it stays loaded as long as {@code arena} lives.
     *
     * @throws CapstoneUnavailableException if there is none
     */
    static Library load(List<String> names, Arena arena) {
        for (String name : names) {
            SymbolLookup lookup;
            try {
                lookup = SymbolLookup.libraryLookup(name, arena);
            } catch (IllegalArgumentException notThere) {
                continue;
            }
            return new Library(lookup);
        }
        throw new CapstoneUnavailableException("Capstone (" + String.join(", ", names) + ") not found: " + INSTALL);
    }

    /** {@code cs_version}: major in the upper, minor in the lower byte. */
    int version() {
        try {
            return (int) VERSION.invokeExact(version, MemorySegment.NULL, MemorySegment.NULL);
        } catch (Throwable e) {
            throw unexpected(e);
        }
    }

    /** {@code cs_open}; returns {@code cs_err}. */
    int open(int architecture, int mode, MemorySegment handle) {
        try {
            return (int) OPEN.invokeExact(open, architecture, mode, handle);
        } catch (Throwable e) {
            throw unexpected(e);
        }
    }

    /** {@code cs_close}; returns {@code cs_err}. */
    int close(MemorySegment handle) {
        try {
            return (int) CLOSE.invokeExact(close, handle);
        } catch (Throwable e) {
            throw unexpected(e);
        }
    }

    /** {@code cs_option}; returns {@code cs_err}. */
    int option(long handle, int type, long value) {
        try {
            return (int) OPTION.invokeExact(option, handle, type, value);
        } catch (Throwable e) {
            throw unexpected(e);
        }
    }

    /** {@code cs_malloc}. */
    MemorySegment malloc(long handle) {
        try {
            return (MemorySegment) MALLOC.invokeExact(malloc, handle);
        } catch (Throwable e) {
            throw unexpected(e);
        }
    }

    /** {@code cs_free}. */
    void free(MemorySegment instructions, long count) {
        try {
            FREE.invokeExact(free, instructions, count);
        } catch (Throwable e) {
            throw unexpected(e);
        }
    }

    /** {@code cs_disasm_iter}. */
    boolean disassemble(
            long handle, MemorySegment code, MemorySegment size, MemorySegment address, MemorySegment instruction) {
        try {
            return (boolean) DISASM_ITER.invokeExact(disasmIter, handle, code, size, address, instruction);
        } catch (Throwable e) {
            throw unexpected(e);
        }
    }

    /** {@code cs_insn_name}; null beyond the last instruction. */
    @Nullable
    String instructionName(long handle, int id) {
        return name(insnName, handle, id);
    }

    /** {@code cs_reg_name}; null beyond the last register. */
    @Nullable
    String registerName(long handle, int id) {
        return name(regName, handle, id);
    }

    private static @Nullable String name(MemorySegment function, long handle, int id) {
        MemorySegment text;
        try {
            text = (MemorySegment) NAME.invokeExact(function, handle, id);
        } catch (Throwable e) {
            throw unexpected(e);
        }
        return text.address() == 0 ? null : text.reinterpret(LONGEST_NAME).getString(0);
    }

    /** None of the calls throws: whatever comes out of them is an error of the virtual machine, or a fault in this class. */
    private static RuntimeException unexpected(Throwable e) {
        if (e instanceof Error error) {
            throw error;
        }
        if (e instanceof RuntimeException unchecked) {
            throw unchecked;
        }
        return new IllegalStateException(e);
    }
}
