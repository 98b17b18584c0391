package org.backstitch.recording;

import org.backstitch.unwind.ElfModule;
import org.jspecify.annotations.Nullable;

/**
 * What is known of a place in code: its symbol and its file. One object stands for every sample and every process that was there, so
 * outputs can keep what they make of it ({@link #id}).
 */
public final class Frame {
    /** What stands for every place where no names are wanted. */
    static final Frame NAMELESS = new Frame(0, null, 0, false, null, 0, "");

    /** The file and the address in it that it was named for, which {@link KnownFrames} finds it by; null for the kernel. */
    final @Nullable ElfModule module;

    final long vaddr;

    private final int id;
    private final boolean kernel;
    private final @Nullable String symbol;
    private final long distance;
    private final String dso;

    Frame(
            int id,
            @Nullable ElfModule module,
            long vaddr,
            boolean kernel,
            @Nullable String symbol,
            long distance,
            String dso) {
        this.id = id;
        this.module = module;
        this.vaddr = vaddr;
        this.kernel = kernel;
        this.symbol = symbol;
        this.distance = distance;
        this.dso = dso;
    }

    /** A small number, unique among the frames of a recording. */
    public int id() {
        return id;
    }

    /** Whether it is in the kernel. */
    public boolean isKernel() {
        return kernel;
    }

    /** The symbol's name, demangled if that was wanted; null where unknown. */
    public @Nullable String symbol() {
        return symbol;
    }

    /** The distance from the symbol's start to the address that was looked up, in bytes: for callers the byte before the ip. */
    public long distance() {
        return distance;
    }

    /** Whether it is the space that the kernel's build leaves ahead of a function, whose name is the function's with a prefix. */
    boolean isPadding() {
        return kernel && symbol != null && symbol.startsWith("__pfx_");
    }

    /** The file, as the process knew it; {@code [kernel.kallsyms]}, a module in brackets, or {@code [unknown]}. */
    public String dso() {
        return dso;
    }

    @Override
    public String toString() {
        return (symbol == null ? "[unknown]" : symbol) + " (" + dso + ")";
    }
}
