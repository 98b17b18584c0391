package org.backstitch.bench;

import java.io.BufferedOutputStream;
import java.io.IOException;
import java.io.OutputStream;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.HashMap;
import java.util.IdentityHashMap;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.stream.Collectors;
import java.util.stream.Stream;
import org.backstitch.unwind.AddressSpace;
import org.backstitch.unwind.ElfModule;
import org.backstitch.unwind.Mapping;
import org.backstitch.unwind.machine.Registers;
import org.backstitch.unwind.machine.StackDump;
import org.backstitch.unwind.machine.X86_64;
import org.jspecify.annotations.Nullable;

/**
 * The stacks of a recording as a flat file, for unwinders that are not ours: {@code benchmarks/peers} has programs that read it.
 *
 * <p>Everything is little endian and a multiple of eight bytes. Bytes whose number is none are followed by zeros.
 *
 * <pre>
 * char magic[8] "BSPEERS1"
 * u64  files, spaces, samples                    how many follow
 * file:    u64 length, char path[length]         on this machine; UTF-8
 * space:   u64 mappings
 * mapping: u64 file, start, end, fileOffset      code only, by ascending address; the file as an index
 * sample:  u64 space, registers[17]              in DWARF's order: RAX RDX RCX RBX RSI RDI RBP RSP R8…R15 RIP
 *          u64 address, length, u8 stack[length] the stack's bytes and where the first lay
 * </pre>
 *
 * <p>An address space is made anew whenever something is mapped. Where all mappings of one are in another as well, its samples are given
 * to the larger one, so that an unwinder that keeps a cache or a session for each space has as few as there are processes and programs.
 */
final class PeerInput {
    static final String MAGIC = "BSPEERS1";

    /** Code that is mapped, as the file says it. */
    private record Region(Path file, long start, long end, long fileOffset) {}

    private final OutputStream out;
    private final ByteBuffer words =
            ByteBuffer.allocate((X86_64.COUNT + 3) * Long.BYTES).order(ByteOrder.LITTLE_ENDIAN);

    private PeerInput(OutputStream out) {
        this.out = out;
    }

    /** Writes the stacks of a recording, in the order in which they are walked. */
    static void write(RecordedStacks stacks, Path target) throws IOException {
        try (OutputStream file = new BufferedOutputStream(Files.newOutputStream(target), 1 << 20)) {
            new PeerInput(file).write(stacks);
        }
    }

    private void write(RecordedStacks stacks) throws IOException {
        IdentityHashMap<AddressSpace, Set<Region>> regions = new IdentityHashMap<>();
        for (AddressSpace space : stacks.spaces()) {
            regions.computeIfAbsent(space, PeerInput::regions);
        }
        List<Set<Region>> spaces = new ArrayList<>();
        Map<Set<Region>, Integer> numbers = number(regions, stacks.spaces(), spaces);
        Map<Path, Integer> files = new LinkedHashMap<>();
        spaces.forEach(space -> space.forEach(region -> files.putIfAbsent(region.file, files.size())));

        out.write(MAGIC.getBytes(StandardCharsets.US_ASCII));
        writeWords(files.size(), spaces.size(), stacks.size());
        for (Path file : files.keySet()) {
            byte[] path = file.toString().getBytes(StandardCharsets.UTF_8);
            writeWords(path.length);
            writePadded(path);
        }
        for (Set<Region> space : spaces) {
            writeSpace(space, files);
        }
        for (int i = 0; i < stacks.size(); i++) {
            writeSample(
                    numbers.getOrDefault(regions.get(stacks.spaces().get(i)), 0), stacks.registers(i), stacks.dump(i));
        }
    }

    private static Set<Region> regions(AddressSpace space) {
        return space.mappings().stream()
                .filter(mapping -> mapping.isExecutable() && mapping.start() >= 0)
                .flatMap(mapping -> Stream.ofNullable(region(mapping)))
                .collect(Collectors.toUnmodifiableSet());
    }

    private static @Nullable Region region(Mapping mapping) {
        ElfModule module = mapping.module();
        if (module == null) {
            return null;
        }
        Path file = Path.of(module.elf().bytes().source()).toAbsolutePath();
        // The running kernel's vDSO lies in no file.
        return Files.isRegularFile(file)
                ? new Region(file, mapping.start(), mapping.end(), mapping.fileOffset())
                : null;
    }

    /** Gives each set of mappings the number of the largest that has them all; {@code kept} gets those that are left. */
    private static Map<Set<Region>, Integer> number(
            IdentityHashMap<AddressSpace, Set<Region>> regions, List<AddressSpace> order, List<Set<Region>> kept) {
        List<Set<Region>> distinct = order.stream().map(regions::get).distinct().toList();
        List<Set<Region>> descending = new ArrayList<>(distinct);
        descending.sort(Comparator.<Set<Region>>comparingInt(Set::size).reversed());
        Map<Set<Region>, Integer> numbers = new HashMap<>();
        for (Set<Region> space : descending) {
            int number = 0;
            while (number < kept.size() && !kept.get(number).containsAll(space)) {
                number++;
            }
            if (number == kept.size()) {
                kept.add(space);
            }
            numbers.put(space, number);
        }
        return numbers;
    }

    private void writeSpace(Set<Region> space, Map<Path, Integer> files) throws IOException {
        writeWords(space.size());
        List<Region> ascending = new ArrayList<>(space);
        ascending.sort(Comparator.comparingLong(Region::start));
        for (Region region : ascending) {
            writeWords(files.getOrDefault(region.file, 0), region.start, region.end, region.fileOffset);
        }
    }

    private void writeSample(int space, Registers registers, StackDump dump) throws IOException {
        long[] sample = new long[X86_64.COUNT + 3];
        sample[0] = space;
        registers.copyTo(sample, 1);
        sample[X86_64.COUNT + 1] = dump.address();
        sample[X86_64.COUNT + 2] = dump.length();
        writeWords(sample);
        byte[] stack = new byte[Math.toIntExact(dump.length())];
        dump.segment().asSlice(dump.offset(), dump.length()).asByteBuffer().get(stack);
        writePadded(stack);
    }

    private void writeWords(long... values) throws IOException {
        words.clear();
        for (long value : values) {
            words.putLong(value);
        }
        out.write(words.array(), 0, words.position());
    }

    private void writePadded(byte[] bytes) throws IOException {
        out.write(bytes);
        out.write(new byte[-bytes.length & Long.BYTES - 1]);
    }
}
