package org.backstitch.unwind;

import org.jspecify.annotations.Nullable;

/**
 * A part of an address space: what lies at the addresses from {@link #start} to {@link #end}.
 *
 * <p>Immutable.
 */
public final class Mapping {
    private final long start;
    private final long end;
    private final long fileOffset;
    private final boolean executable;
    private final String path;
    private final @Nullable ElfModule module;
    private final long vaddrBias;

    /**
     * @param start the first address
     * @param end the address behind the last one; above {@code start}
     * @param fileOffset of the first byte in the file that is mapped
     * @param executable whether code can be executed there
     * @param path the file as the process knew it, or a name such as {@code [vdso]}, or empty
     * @param module the file's rules, where the file is at hand
     */
    public Mapping(long start, long end, long fileOffset, boolean executable, String path, @Nullable ElfModule module) {
        if (Long.compareUnsigned(start, end) >= 0) {
            throw new IllegalArgumentException("a mapping from 0x%x to 0x%x".formatted(start, end));
        }
        this.start = start;
        this.end = end;
        this.fileOffset = fileOffset;
        this.executable = executable;
        this.path = path;
        long bias = 0;
        boolean placed = false;
        if (module != null) {
            var vaddr = module.vaddrOfMapping(fileOffset, executable);
            placed = vaddr.isPresent() && end - start >>> ElfModule.VADDR_BITS - 1 == 0;
            bias = start - vaddr.orElse(start);
        }
        this.module = placed ? module : null;
        this.vaddrBias = bias;
    }

    private Mapping(Mapping whole, long start, long end) {
        this.start = start;
        this.end = end;
        this.fileOffset = whole.fileOffset + (start - whole.start);
        this.executable = whole.executable;
        this.path = whole.path;
        this.module = whole.module;
        this.vaddrBias = whole.vaddrBias;
    }

    /** The part of this mapping between two addresses of it. */
    Mapping part(long from, long to) {
        return from == start && to == end ? this : new Mapping(this, from, to);
    }

    /** The first address. */
    public long start() {
        return start;
    }

    /** The address behind the last one. */
    public long end() {
        return end;
    }

    /** Where in the file the first byte is, in bytes. */
    public long fileOffset() {
        return fileOffset;
    }

    /** Whether code can be executed there. */
    public boolean isExecutable() {
        return executable;
    }

    /** The file as the process knew it, or a name in brackets, or empty. */
    public String path() {
        return path;
    }

    /** The file's rules; null where the file is not at hand, or does not map to here. */
    public @Nullable ElfModule module() {
        return module;
    }

    /** What is added to a vaddr of the file to get an address here; 0 without a module. */
    public long vaddrBias() {
        return vaddrBias;
    }

    /** The vaddr of an address of this mapping; only with a module. */
    public long vaddr(long address) {
        return address - vaddrBias;
    }

    /** Whether an address lies here. */
    public boolean contains(long address) {
        return Long.compareUnsigned(address - start, end - start) < 0;
    }

    @Override
    public String toString() {
        return "%x-%x %s %x %s".formatted(start, end, executable ? "x" : "-", fileOffset, path);
    }
}
