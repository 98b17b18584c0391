package org.backstitch.code.capstone;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.List;
import org.backstitch.bytes.Bytes;

/**
 * A disassembler for x86-64 code: one handle of the library Capstone, release 4 or 5.
 *
 * <p>It walks over code from {@link #start} on, one instruction a {@link #next}, and shows each as {@link #instruction}. What Capstone
 * cannot decode is not guessed: there the walk ends. It holds native memory until it is closed, and belongs to one thread at a time.
 */
public final class Capstone implements AutoCloseable {
    private static final int ARCHITECTURE_X86 = 3;
    private static final int MODE_64 = 1 << 3;
    private static final int OPTION_DETAIL = 2;
    private static final long ON = 3;
    private static final int OK = 0;

    /** Where in {@link #cells} each is. */
    private static final long CODE = 0;

    private static final long SIZE = Long.BYTES;
    private static final long ADDRESS = 2 * Long.BYTES;

    private final Arena arena;
    private final Library library;
    private final int version;
    private final MemorySegment handleCell;
    private final long handle;

    /** What {@code cs_disasm_iter} moves on: the code's address, how much of it is left, and the address that it is to be shown at. */
    private final MemorySegment cells;

    private final long cellsAddress;
    private final long structure;
    private final Instruction instruction;

    /** Keeps the memory that {@link #cells} points into from being freed under the disassembler. */
    @SuppressWarnings("UnusedVariable") // that it is held is what counts
    private MemorySegment code = MemorySegment.NULL;

    private Capstone(Arena arena, List<String> names) {
        this.arena = arena;
        library = Library.load(names, arena);
        version = library.version();
        Layout layout = Layout.of(major());
        if (layout == null) {
            throw new CapstoneUnavailableException("Capstone " + major() + "." + minor()
                    + " is installed, but only releases 4 and 5 are supported: " + Library.INSTALL);
        }
        handleCell = arena.allocate(ValueLayout.JAVA_LONG);
        cells = arena.allocate(ValueLayout.JAVA_LONG, 3);
        cellsAddress = cells.address();
        check(library.open(ARCHITECTURE_X86, MODE_64, handleCell.address()), "cs_open");
        handle = handleCell.get(ValueLayout.JAVA_LONG, 0);
        check(library.option(handle, OPTION_DETAIL, ON), "cs_option");
        structure = library.malloc(handle);
        instruction =
                new Instruction(structure, layout, new Registers(library, handle), new Operations(library, handle));
    }

    /**
     * A disassembler of the best Capstone installed.
     *
     * @throws CapstoneUnavailableException if there is none, or only one of a release that is not known; the message says what to
     *     install
     */
    public static Capstone open() {
        return open(Library.NAMES);
    }

    /** A disassembler of the Capstone of a given name ({@code libcapstone.so.4}) or path. */
    public static Capstone open(String library) {
        return open(List.of(library));
    }

    @SuppressWarnings(
            "MustBeClosedChecker") // close() closes the arena, after the last call into the library that it holds.
    private static Capstone open(List<String> names) {
        Arena arena = Arena.ofShared();
        try {
            return new Capstone(arena, names);
        } catch (RuntimeException e) {
            arena.close();
            throw e;
        }
    }

    private static void check(int error, String function) {
        if (error != OK) {
            throw new CapstoneUnavailableException(function + " of Capstone failed with error " + error);
        }
    }

    /** The release's first number: 4 or 5. */
    public int major() {
        return version >>> 8;
    }

    /** The release's second number. */
    public int minor() {
        return version & 0xff;
    }

    /**
     * Begins a walk at the start of {@code code}.
     *
     * @param code native memory (a mapped file, or a copy as {@link #nativeCode} makes it), which must stay alive during the walk
     * @param address the address of its first byte
     * @throws IllegalArgumentException if the memory is not native
     */
    public void start(MemorySegment code, long address) {
        if (!code.isNative()) {
            throw new IllegalArgumentException("code must lie in native memory");
        }
        this.code = code;
        cells.set(ValueLayout.JAVA_LONG, CODE, code.address());
        cells.set(ValueLayout.JAVA_LONG, SIZE, code.byteSize());
        cells.set(ValueLayout.JAVA_LONG, ADDRESS, address);
    }

    /**
     * Decodes the next instruction.
     *
     * @return false at the end of the code, and at bytes that are no instruction to Capstone: {@link #position} is then there
     */
    public boolean next() {
        return cells.get(ValueLayout.JAVA_LONG, SIZE) != 0
                && library.disassemble(
                        handle, cellsAddress + CODE, cellsAddress + SIZE, cellsAddress + ADDRESS, structure);
    }

    /** The address of the byte after the instruction that was decoded last. */
    public long position() {
        return cells.get(ValueLayout.JAVA_LONG, ADDRESS);
    }

    /** The instruction that {@link #next} decoded last. The object is always the same one. */
    public Instruction instruction() {
        return instruction;
    }

    /** The bytes as native memory, which {@link #start} needs: themselves where they are (mapped files), a copy in {@code arena} otherwise. */
    public static MemorySegment nativeCode(Bytes bytes, Arena arena) {
        MemorySegment segment = bytes.segment();
        if (segment.isNative()) {
            return segment;
        }
        MemorySegment copy = arena.allocate(Math.max(1, segment.byteSize())).asSlice(0, segment.byteSize());
        return copy.copyFrom(segment);
    }

    @Override
    public void close() {
        if (arena.scope().isAlive()) {
            library.free(structure, 1);
            check(library.close(handleCell.address()), "cs_close");
            arena.close();
        }
    }
}
