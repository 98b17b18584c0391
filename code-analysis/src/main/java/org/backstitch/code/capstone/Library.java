package org.backstitch.code.capstone;

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

    private static final ValueLayout.OfLong WORD = ValueLayout.JAVA_LONG;

    /**
     * All functions are called by one signature, with words for integers and pointers, which the calling convention passes alike
     * (System V ABI for x86-64 §3.2.3): arguments that a function does not have it does not look for, and of what comes back only as much
     * counts as the function returns. To link a call costs milliseconds for each signature, and walks may ask a single question. The
     * demangler's is the same.
     */
    private static final MethodHandle CALL =
            Linker.nativeLinker().downcallHandle(FunctionDescriptor.of(WORD, WORD, WORD, WORD, WORD, WORD));

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

    private static long call(MemorySegment function, long first, long second, long third) {
        return call(function, first, second, third, 0, 0);
    }

    private static long call(MemorySegment function, long first, long second, long third, long fourth, long fifth) {
        try {
            return (long) CALL.invokeExact(function, first, second, third, fourth, fifth);
        } catch (Throwable e) {
            throw unexpected(e);
        }
    }

    /** {@code cs_version}: major in the upper, minor in the lower byte. */
    int version() {
        return (int) call(version, 0, 0, 0);
    }

    /**
     * {@code cs_open}; returns {@code cs_err}.
     *
     * @param handle the address of the handle's cell
     */
    int open(int architecture, int mode, long handle) {
        return (int) call(open, architecture, mode, handle);
    }

    /**
     * {@code cs_close}; returns {@code cs_err}.
     *
     * @param handle the address of the handle's cell
     */
    int close(long handle) {
        return (int) call(close, handle, 0, 0);
    }

    /** {@code cs_option}; returns {@code cs_err}. */
    int option(long handle, int type, long value) {
        return (int) call(option, handle, type, value);
    }

    /** {@code cs_malloc}: the address of what it gives. */
    long malloc(long handle) {
        return call(malloc, handle, 0, 0);
    }

    /** {@code cs_free}. */
    void free(long instructions, long count) {
        call(free, instructions, count, 0);
    }

    /**
     * {@code cs_disasm_iter}.
     *
     * @param code the address of the cell that holds the code's address; so are {@code size} and {@code address}
     * @param instruction what {@code cs_malloc} gave
     */
    boolean disassemble(long handle, long code, long size, long address, long instruction) {
        // A C++ bool: of the register only the lowest byte is the function's.
        return (call(disasmIter, handle, code, size, address, instruction) & 0xff) != 0;
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

    private @Nullable String name(MemorySegment function, long handle, int id) {
        long text = call(function, handle, id, 0);
        return text == 0
                ? null
                : MemorySegment.ofAddress(text).reinterpret(LONGEST_NAME).getString(0);
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
