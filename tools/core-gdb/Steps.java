import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.channels.FileChannel;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.TreeMap;
import java.util.stream.Stream;
import org.backstitch.bytes.Bytes;
import org.backstitch.elf.ElfFile;
import org.backstitch.elf.image.DebugFiles;
import org.backstitch.elf.image.FileTree;
import org.backstitch.unwind.AddressSpace;
import org.backstitch.unwind.Callchain;
import org.backstitch.unwind.ElfModule;
import org.backstitch.unwind.Mapping;
import org.backstitch.unwind.ModuleRegistry;
import org.backstitch.unwind.UserUnwinder;
import org.backstitch.unwind.machine.Memory;
import org.backstitch.unwind.machine.Registers;
import org.backstitch.unwind.machine.StackDump;
import org.backstitch.unwind.machine.X86_64;
import org.backstitch.unwind.table.CfiUnwindInfo;

/** Unwinds the stacks that {@code step.py} has written, and says where gdb has other frames or registers. */
public final class Steps {
    private static final int[] SHOWN = {
        X86_64.RIP, X86_64.RSP, X86_64.RBP, X86_64.RBX, X86_64.R12, X86_64.R13, X86_64.R14, X86_64.R15
    };

    private record Piece(long start, long length, long offset) {}

    private record Kept(MemorySegment bytes, List<Piece> pieces) implements Memory {
        private Optional<Piece> at(long address, int length) {
            return pieces.stream()
                    .filter(piece -> address >= piece.start && address + length <= piece.start + piece.length)
                    .findFirst();
        }

        @Override
        public boolean isReadable(long address, int length) {
            return at(address, length).isPresent();
        }

        @Override
        public long readLong(long address) {
            Piece piece = at(address, Long.BYTES).orElseThrow(IllegalArgumentException::new);
            return bytes.get(ValueLayout.JAVA_LONG_UNALIGNED, piece.offset + address - piece.start);
        }

        @Override
        public Absence absence(long address) {
            return Absence.NOT_RECORDED;
        }
    }

    private final Path directory;
    private final Arena arena = Arena.global();
    private final ModuleRegistry registry = new ModuleRegistry();
    private final Map<String, Optional<ElfModule>> modules = new HashMap<>();
    private final Map<String, AddressSpace> spaces = new HashMap<>();
    private final Map<String, Integer> stops = new TreeMap<>();
    private final Set<String> places = new HashSet<>();
    private long stacks;
    private long frames;
    private long registers;
    private long differing;

    private Steps(Path directory) {
        this.directory = directory;
    }

    private static long hex(String text) {
        return Long.parseUnsignedLong(text, 16);
    }

    private Optional<ElfModule> module(String path) {
        return modules.computeIfAbsent(path, _ -> {
            try {
                boolean vdso = path.equals("[vdso]");
                if (!vdso && FileTree.host().find(path).isEmpty()) {
                    return Optional.empty();
                }
                ElfFile elf = ElfFile.map(vdso ? directory.resolve("vdso") : Path.of(path), arena);
                Optional<ElfFile> debug = DebugFiles.in(FileTree.host()).find(elf, path, arena).file();
                return Optional.of(registry.module(path, elf, CfiUnwindInfo.of(elf, debug)));
            } catch (Exception e) {
                throw new IllegalStateException(path, e);
            }
        });
    }

    private AddressSpace space(String number) {
        return spaces.computeIfAbsent(number, _ -> {
            List<Mapping> mappings = new ArrayList<>();
            try (Stream<String> lines = Files.lines(directory.resolve("maps" + number + ".txt"))) {
                lines.map(line -> line.split(" +", 6)).forEach(words -> {
                    String[] ends = words[0].split("-");
                    boolean code = words[1].charAt(2) == 'x';
                    String path = words.length > 5 ? words[5] : "";
                    ElfModule module = code && !path.isEmpty() ? module(path).orElse(null) : null;
                    mappings.add(new Mapping(hex(ends[0]), hex(ends[1]), hex(words[2]), code, path, module));
                });
            } catch (Exception e) {
                throw new IllegalStateException(e);
            }
            return AddressSpace.of(mappings);
        });
    }

    private static String frame(Callchain chain, int index) {
        List<String> words = new ArrayList<>();
        for (int register : SHOWN) {
            if (chain.isKnown(index, register)) {
                words.add(X86_64.name(register) + "=" + Long.toHexString(chain.register(index, register)));
            }
        }
        return String.join(" ", words);
    }

    private static String place(AddressSpace space, long pc) {
        Mapping mapping = space.find(pc);
        return mapping == null || mapping.module() == null
                ? Long.toHexString(pc)
                : mapping.path() + " " + Long.toHexString(mapping.vaddr(pc));
    }

    private void compare(AddressSpace space, Callchain chain, List<String> gdb) {
        stacks++;
        stops.merge(chain.stop().label(), 1, Integer::sum);
        int same = 0;
        while (same < Math.min(gdb.size(), chain.size()) && frame(chain, same).equals(gdb.get(same))) {
            registers += gdb.get(same).split(" ").length;
            same++;
        }
        frames += same;
        if (same == gdb.size() && same == chain.size()) {
            return;
        }
        differing++;
        String below = same == 0 ? "the first frame" : place(space, chain.pc(same - 1)) + (same == 1 ? " (first)" : "");
        if (places.add(below)) {
            String ours = same < chain.size()
                    ? frame(chain, same) + " via " + chain.origin(same).label()
                    : "ends: " + chain.stop().label();
            System.out.println("behind " + below + "\n    ours " + ours + "\n    gdb  "
                    + (same < gdb.size() ? gdb.get(same) : "ends"));
        }
    }

    private void run() throws Exception {
        MemorySegment bytes;
        try (FileChannel file = FileChannel.open(directory.resolve("memory"))) {
            bytes = file.map(FileChannel.MapMode.READ_ONLY, 0, file.size(), arena);
        }
        UserUnwinder unwinder = new UserUnwinder();
        Callchain chain = new Callchain().recordRegisters(true);
        AddressSpace space = AddressSpace.EMPTY;
        List<String> gdb = new ArrayList<>();
        for (String line : Files.readAllLines(directory.resolve("steps.txt"))) {
            switch (line.charAt(0)) {
                case 'S' -> {
                    String[] halves = line.substring(2).split(" \\| ?");
                    String[] words = halves[0].split(" ");
                    space = space(words[0]);
                    Registers start = new Registers();
                    for (int register = 0; register < X86_64.COUNT; register++) {
                        start.set(register, hex(words[1 + register])); // in the order of DWARF's numbers
                    }
                    List<Piece> pieces = new ArrayList<>();
                    for (String piece : halves.length > 1 ? halves[1].split(" ") : new String[0]) {
                        String[] numbers = piece.split(":");
                        pieces.add(new Piece(hex(numbers[0]), hex(numbers[1]), hex(numbers[2])));
                    }
                    StackDump none = new StackDump().clear(start.sp());
                    unwinder.unwind(space, start, none, new Kept(bytes, pieces), chain);
                    gdb.clear();
                }
                case 'F' -> gdb.add(line.substring(2));
                default -> compare(space, chain, gdb);
            }
        }
        System.err.printf(
                "%,d stacks, %,d frames and %,d registers equal, %,d stacks differ, at %,d places; %s%n",
                stacks, frames, registers, differing, places.size(), stops);
    }

    /** @param arguments the directory that {@code step.py} has written */
    public static void main(String[] arguments) throws Exception {
        new Steps(Path.of(arguments[0])).run();
    }
}
