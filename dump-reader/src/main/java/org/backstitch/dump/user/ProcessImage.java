package org.backstitch.dump.user;

import java.util.List;
import java.util.Optional;
import org.backstitch.elf.ElfFile;
import org.backstitch.symbols.SymbolIndex;
import org.backstitch.symbols.SymbolTable;
import org.backstitch.unwind.AddressSpace;
import org.backstitch.unwind.Callchain;
import org.backstitch.unwind.ElfModule;
import org.backstitch.unwind.Mapping;
import org.backstitch.unwind.UserUnwinder;
import org.backstitch.unwind.machine.Memory;
import org.backstitch.unwind.machine.StackDump;
import org.jspecify.annotations.Nullable;

/**
 * A process that stands still: its threads, what is mapped in it, and its memory as far as it was kept.
 *
 * <p>Immutable for its users, and thread-safe.
 */
public final class ProcessImage {
    private final @Nullable Integer pid;
    private final List<ThreadState> threads;
    private final AddressSpace addressSpace;
    private final Memory memory;
    private final Binaries binaries;
    private final @Nullable SymbolIndex jitSymbols;
    private final String jitSource;

    /** A process without code that was made at run time and has names. */
    ProcessImage(
            @Nullable Integer pid,
            List<ThreadState> threads,
            AddressSpace addressSpace,
            Memory memory,
            Binaries binaries) {
        this(pid, threads, addressSpace, memory, binaries, null, "");
    }

    /**
     * @param jitSymbols names of code that was made at run time, by address
     * @param jitSource where they come from
     */
    ProcessImage(
            @Nullable Integer pid,
            List<ThreadState> threads,
            AddressSpace addressSpace,
            Memory memory,
            Binaries binaries,
            @Nullable SymbolIndex jitSymbols,
            String jitSource) {
        this.pid = pid;
        this.threads = List.copyOf(threads);
        this.addressSpace = addressSpace;
        this.memory = memory;
        this.binaries = binaries;
        this.jitSymbols = jitSymbols;
        this.jitSource = jitSource;
    }

    /** Its number; null where it is not known. */
    public @Nullable Integer pid() {
        return pid;
    }

    /** Its threads: the one that crashed first, where one did. */
    public List<ThreadState> threads() {
        return threads;
    }

    /** What is mapped where. */
    public AddressSpace addressSpace() {
        return addressSpace;
    }

    /** Its memory. */
    public Memory memory() {
        return memory;
    }

    /** Memory as a thread saw it. */
    Memory memoryOf(ThreadState thread) {
        Memory own = thread.memory();
        return own == null ? memory : own;
    }

    /** The separate debug file of a module of this process, where one was found. */
    Optional<ElfFile> debugFile(ElfModule module) {
        return binaries.of(module).debug();
    }

    /**
     * Walks a thread's stack.
     *
     * @param unwinder one that has seen no modules but those of this process
     * @param chain is filled with the frames
     */
    public void unwind(ThreadState thread, UserUnwinder unwinder, Callchain chain) {
        StackDump none = new StackDump().clear(thread.registers().sp());
        unwinder.unwind(addressSpace, thread.registers(), none, memoryOf(thread), chain);
    }

    /** What is known of an address. */
    public Place place(long address) {
        Mapping mapping = addressSpace.find(address);
        ElfModule module = mapping == null ? null : mapping.module();
        if (mapping == null || module == null) {
            return placeWithoutFile(mapping, address);
        }
        SymbolTable symbols = binaries.of(module).symbols();
        int symbol = symbols.find(mapping.vaddr(address));
        return symbol == SymbolIndex.NONE
                ? new Place(null, 0, mapping.path())
                : new Place(symbols.name(symbol), symbols.start(symbol) + mapping.vaddrBias(), mapping.path());
    }

    private Place placeWithoutFile(@Nullable Mapping mapping, long address) {
        boolean anonymous = mapping != null
                && (!mapping.path().startsWith("/") || mapping.path().startsWith("/memfd:"));
        int symbol = jitSymbols == null || !anonymous ? SymbolIndex.NONE : jitSymbols.find(address);
        if (jitSymbols == null || symbol == SymbolIndex.NONE) {
            return new Place(null, 0, mapping == null || mapping.path().isEmpty() ? Place.UNKNOWN : mapping.path());
        }
        return new Place(jitSymbols.name(symbol), jitSymbols.start(symbol), jitSource);
    }
}
