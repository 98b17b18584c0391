package org.backstitch.dump.kernel;

import java.io.IOException;
import java.lang.foreign.Arena;
import java.nio.file.DirectoryStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.TreeMap;
import java.util.TreeSet;
import org.backstitch.bytes.Bytes;
import org.backstitch.bytes.MalformedInputException;
import org.backstitch.dump.Extent;
import org.backstitch.dump.ExtentMap;
import org.backstitch.dump.text.MapsLine;
import org.backstitch.dump.text.TextLine;
import org.backstitch.elf.orc.OrcEntry;
import org.backstitch.elf.orc.OrcText;
import org.backstitch.unwind.KernelCallchain;
import org.backstitch.unwind.KernelStack;
import org.backstitch.unwind.KernelStacks;
import org.backstitch.unwind.KernelUnwinder;
import org.backstitch.unwind.StopReason;
import org.backstitch.unwind.machine.Memory;
import org.backstitch.unwind.machine.X86_64;
import org.backstitch.unwind.table.OrcCompiler;
import org.backstitch.unwind.table.UnwindRule;

/**
 * One task of a kernel as a directory holds it, with everything that its stack is unwound from.
 *
 * <pre>
 * task.txt     what it is: pid, tgid, comm, cpu; and start: running, sleeping or new, which says what regs.txt is
 * regs.txt     a register a line, in hexadecimal: all of the CPU that it runs on and CS, or RIP, RSP and RBP where it was switched away
 * maps.txt     the stacks that it may be on, as /proc/PID/maps would have them: [stack:task], [stack:irq]…
 * stack.data   the address of the first byte, little-endian in 8 bytes, then the bytes; several as stack0.data, stack1.data, …
 * orc.txt      the unwind rows that its walk looked up, in objtool's words; each holds up to the next line's address
 * names.txt    the functions that it leads through, as /proc/kallsyms has them
 * replaced.txt where tracers have replaced a return address: its place on the stack, and what stood there before
 * </pre>
 *
 * <p>{@link KernelSnapshotWriter} makes such directories. All files are text, so that a case can be made, or changed, by hand.
 */
public final class KernelSnapshot {
    static final String TASK = "task.txt";
    static final String REGISTERS = "regs.txt";
    static final String MAPS = "maps.txt";
    static final String ROWS = "orc.txt";
    static final String NAMES = "names.txt";
    static final String REPLACED = "replaced.txt";
    static final String STACK_PREFIX = "[stack:";

    /** The name of an address that has none. */
    static final String NAMELESS = "-";

    private static final String STACKS = "stack*.data";

    private final KernelTask task;
    private final WalkStart start;
    private final Memory memory;
    private final TreeMap<Long, Long> rules = new TreeMap<>(Long::compareUnsigned);
    private final TreeMap<Long, KernelNames.Name> names = new TreeMap<>(Long::compareUnsigned);

    private KernelSnapshot(Path directory, Arena arena) throws IOException {
        Map<String, String> fields = fields(Bytes.map(directory.resolve(TASK), arena));
        WalkStart.Kind kind = kind(fields.getOrDefault("start", ""), directory.resolve(TASK));
        Bytes registerFile = Bytes.map(directory.resolve(REGISTERS), arena);
        long[] registers = new long[X86_64.COUNT];
        long codeSegment = readRegisters(registerFile, registers);
        Map<Long, Long> replaced = new HashMap<>();
        if (Files.exists(directory.resolve(REPLACED))) {
            forEachPair(
                    Bytes.map(directory.resolve(REPLACED), arena),
                    (slot, rest, line, source) -> replaced.put(slot, line.hexadecimal(rest, source)));
        }
        forEachPair(
                Bytes.map(directory.resolve(ROWS), arena),
                (address, rest, line, source) -> rules.put(address, rule(rest, line, source)));
        forEachPair(
                Bytes.map(directory.resolve(NAMES), arena), (address, rest, _, _) -> names.put(address, name(rest)));
        KernelStacks stacks = KernelStacks.of(readStacks(Bytes.map(directory.resolve(MAPS), arena)));
        start = kind == WalkStart.Kind.NOWHERE
                ? WalkStart.none(stop(fields.getOrDefault("stop", "")))
                : new WalkStart(
                        kind,
                        registers,
                        codeSegment,
                        stacks,
                        (returnAddress, slot) -> replaced.getOrDefault(slot, returnAddress),
                        StopReason.NONE);
        memory = new StackMemory(readMemory(directory, arena));
        task = new KernelTask(
                0,
                number(fields, "pid"),
                number(fields, "tgid"),
                fields.getOrDefault("comm", ""),
                number(fields, "cpu"),
                0,
                0,
                registers[X86_64.RIP],
                kind == WalkStart.Kind.NEW,
                kind == WalkStart.Kind.RUNNING
                        || kind == WalkStart.Kind.NOWHERE && start.failure() == StopReason.MISSING_REGISTER);
    }

    /** Whether a directory holds a task of a kernel, rather than a thread of a process. */
    public static boolean isIn(Path directory) {
        return Files.isRegularFile(directory.resolve(ROWS));
    }

    /**
     * Opens a snapshot.
     *
     * @param arena owns the mappings of its files
     * @throws MalformedInputException if a file says something that it cannot
     * @throws IOException if a file cannot be read, or is missing
     */
    public static KernelSnapshot open(Path directory, Arena arena) throws IOException {
        return new KernelSnapshot(directory, arena);
    }

    static String label(WalkStart.Kind kind) {
        return kind.name().toLowerCase(Locale.ROOT);
    }

    private static WalkStart.Kind kind(String label, Path file) {
        for (WalkStart.Kind kind : WalkStart.Kind.values()) {
            if (label(kind).equals(label)) {
                return kind;
            }
        }
        throw new MalformedInputException(
                file.toString(), 0, "expected \"start: running\", sleeping, new or nowhere: not '" + label + "'");
    }

    private static StopReason stop(String label) {
        for (StopReason reason : StopReason.values()) {
            if (reason.label().equals(label)) {
                return reason;
            }
        }
        return StopReason.BAD_MEMORY;
    }

    private static int number(Map<String, String> fields, String name) {
        String value = fields.getOrDefault(name, "");
        return value.matches("[0-9]{1,9}") ? Integer.parseInt(value) : 0;
    }

    /** Lines {@code name: value}. */
    private static Map<String, String> fields(Bytes file) {
        Map<String, String> fields = new HashMap<>();
        for (TextLine line : TextLine.split(file)) {
            int colon = line.text().indexOf(':');
            if (colon > 0) {
                fields.put(
                        line.text().substring(0, colon).strip(),
                        line.text().substring(colon + 1).strip());
            }
        }
        return fields;
    }

    private static long readRegisters(Bytes file, long[] registers) {
        Map<String, Integer> numbers = new HashMap<>();
        for (int register = 0; register < X86_64.COUNT; register++) {
            numbers.put(X86_64.name(register), register);
        }
        long codeSegment = 0;
        for (TextLine line : TextLine.split(file)) {
            int colon = line.text().indexOf(':');
            if (line.text().isBlank()) {
                continue;
            }
            String name = line.text().substring(0, Math.max(0, colon)).strip();
            long value = line.hexadecimal(line.text().substring(colon + 1).strip(), file);
            Integer number = numbers.get(name);
            if (number != null) {
                registers[number] = value;
            } else if (name.equals("cs")) {
                codeSegment = value;
            } else {
                throw file.malformed(line.offset(), "expected a register of x86-64, as in \"rip: ffffffff81000000\"");
            }
        }
        return codeSegment;
    }

    private static List<KernelStack> readStacks(Bytes file) {
        List<MalformedInputException> faults = new ArrayList<>();
        List<KernelStack> stacks = new ArrayList<>();
        for (MapsLine line : MapsLine.readAll(file, faults)) {
            if (line.path().startsWith(STACK_PREFIX)) {
                String name = line.path().substring(STACK_PREFIX.length()).replace("]", "");
                stacks.add(new KernelStack(name, line.start(), line.end()));
            }
        }
        if (!faults.isEmpty()) {
            throw faults.getFirst();
        }
        if (stacks.size() > KernelStacks.MAX_COUNT) {
            throw file.malformed(0, stacks.size() + " stacks, more than there are");
        }
        return stacks;
    }

    private static ExtentMap readMemory(Path directory, Arena arena) throws IOException {
        TreeSet<Path> paths = new TreeSet<>();
        try (DirectoryStream<Path> found = Files.newDirectoryStream(directory, STACKS)) {
            found.forEach(paths::add);
        }
        ExtentMap.Builder pieces = new ExtentMap.Builder();
        for (Path path : paths) {
            Bytes file = Bytes.map(path, arena);
            pieces.addBehind(file.i64(0), file.from(Long.BYTES));
        }
        return pieces.build();
    }

    /** What is done with a line that begins with an address. */
    private interface PairReader {
        void read(long address, String rest, TextLine line, Bytes source);
    }

    private static void forEachPair(Bytes file, PairReader reader) {
        for (TextLine line : TextLine.split(file)) {
            String text = line.text().strip();
            if (!text.isEmpty()) {
                int space = text.indexOf(' ');
                if (space < 0) {
                    throw file.malformed(line.offset(), "expected an address, and what it stands for");
                }
                long address = line.hexadecimal(text.substring(0, space), file);
                reader.read(address, text.substring(space + 1).strip(), line, file);
            }
        }
    }

    private static long rule(String words, TextLine line, Bytes source) {
        try {
            OrcEntry entry = OrcText.entry(words);
            return OrcCompiler.rule(entry);
        } catch (IllegalArgumentException e) {
            throw source.malformed(line.offset(), String.valueOf(e.getMessage()));
        }
    }

    /** A line of kallsyms behind its address: a letter, a name, and perhaps the module's. */
    private static KernelNames.Name name(String line) {
        String[] words = line.split("[ \t]+", 3);
        String symbol = words.length > 1 ? words[1] : NAMELESS;
        return new KernelNames.Name(symbol.equals(NAMELESS) ? null : symbol, 0, words.length > 2 ? words[2] : "");
    }

    /** The pieces of stacks that were kept. */
    private record StackMemory(ExtentMap pieces) implements Memory {
        @Override
        public boolean isReadable(long address, int length) {
            Extent piece = pieces.at(address);
            return piece != null && piece.contains(address, length);
        }

        @Override
        public long readLong(long address) {
            Extent piece = pieces.at(address);
            if (piece == null) {
                throw new IllegalArgumentException("0x%x was not kept".formatted(address));
            }
            return piece.bytes().i64(address - piece.address());
        }

        @Override
        public Absence absence(long address) {
            return Absence.NOT_RECORDED;
        }
    }

    /** The task. */
    public KernelTask task() {
        return task;
    }

    /**
     * Walks its stack.
     *
     * @param maxFrames at most so many frames
     * @param chain is filled with the frames
     * @return why the walk ended
     */
    public StopReason walk(int maxFrames, KernelCallchain chain) {
        KernelUnwinder unwinder = new KernelUnwinder(
                pc -> {
                    Map.Entry<Long, Long> row = rules.floorEntry(pc);
                    return row == null ? UnwindRule.NONE : row.getValue();
                },
                memory);
        unwinder.setMaxFrames(maxFrames);
        return start.walk(unwinder, chain);
    }

    /**
     * The name of an address.
     *
     * @param pc where the CPU is or will return to
     * @param exact whether the instruction at {@code pc} itself is meant; for a return address it is the call before it
     */
    public KernelNames.Name name(long pc, boolean exact) {
        Map.Entry<Long, KernelNames.Name> entry = names.floorEntry(exact ? pc : pc - 1);
        if (entry == null) {
            return new KernelNames.Name(null, 0, "");
        }
        KernelNames.Name name = entry.getValue();
        return new KernelNames.Name(name.symbol(), name.symbol() == null ? 0 : pc - entry.getKey(), name.module());
    }
}
