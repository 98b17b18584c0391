package org.backstitch.bench;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import org.backstitch.bytes.Bytes;
import org.backstitch.elf.ElfConstants;
import org.backstitch.elf.ElfFile;
import org.backstitch.elf.ElfSegment;
import org.backstitch.elf.orc.OrcTable;
import org.backstitch.fixtures.Fixtures;
import org.backstitch.unwind.KernelStacks;
import org.backstitch.unwind.KernelText;
import org.backstitch.unwind.machine.Memory;
import org.backstitch.unwind.table.OrcCompiler;
import org.backstitch.unwind.table.UnwindTable;

/** The sleeping tasks of a bundled dump, their stacks in arrays: so that what is measured is the unwinder, not a dump's reader. */
final class KernelStacksOfDump {
    /** A task that is on no CPU: where its walk starts. */
    record Task(long sp, long rbp, long pc, KernelStacks stacks) {}

    private static final long STACK_SIZE = 0x4000;

    final ArrayMemory memory;
    final UnwindTable image;
    final KernelText text;
    final long bias;
    final List<Task> tasks;

    KernelStacksOfDump(String name, String version) {
        memory = new ArrayMemory(ElfFile.of(Bytes.of(Fixtures.bytes("kernel/" + name + ".core.xz"), name)));
        String file = "orc/" + version + "/vmlinux.xz";
        OrcTable table = OrcTable.of(ElfFile.of(Bytes.of(Fixtures.bytes(file), file)), null);
        long end = table.address(table.size() - 1);
        image = OrcCompiler.compile(table, end);
        KernelText.Builder builder = KernelText.builder();
        List<Task> found = new ArrayList<>();
        long offset = 0;
        for (String line : Fixtures.lines("kernel/" + name + ".walk.xz")) {
            String[] words = line.split(" ", -1);
            switch (words[0]) {
                case "bias" -> {
                    offset = hex(words[1]);
                    builder.tables(table.address(0) + offset, end + offset, image, offset);
                }
                case "module" -> {
                    int count = Integer.parseInt(words[4]);
                    OrcTable module = OrcTable.read(
                            memory.copy(hex(words[3]), count * 6),
                            memory.copy(hex(words[2]), count * 4),
                            hex(words[2]),
                            table.format());
                    for (int i = 5; i + 1 < words.length; i += 2) {
                        long start = hex(words[i]);
                        long behind = start + hex(words[i + 1]);
                        builder.tables(start, behind, OrcCompiler.compile(module, behind), 0);
                    }
                }
                case "sleeping" -> {
                    long stack = hex(words[2]);
                    long frame = hex(words[3]);
                    found.add(new Task(
                            frame + 56,
                            memory.readLong(frame + 40),
                            memory.readLong(frame + 48),
                            KernelStacks.ofTask(stack, stack + STACK_SIZE)));
                }
                default -> {
                    // Stacks of CPUs, running tasks, and the frames that tests compare with.
                }
            }
        }
        bias = offset;
        text = builder.build();
        tasks = List.copyOf(found);
    }

    private static long hex(String text) {
        return Long.parseUnsignedLong(text, 16);
    }

    /** The segments of a core with virtual addresses; the last one found is tried first. */
    static final class ArrayMemory implements Memory {
        private final long[] starts;
        private final Bytes[] segments;
        private int last;

        ArrayMemory(ElfFile core) {
            List<ElfSegment> loads = core.segments().stream()
                    .filter(segment -> segment.type() == ElfConstants.PT_LOAD)
                    .sorted((a, b) -> Long.compareUnsigned(a.vaddr(), b.vaddr()))
                    .toList();
            starts = new long[loads.size()];
            segments = new Bytes[loads.size()];
            for (int i = 0; i < starts.length; i++) {
                starts[i] = loads.get(i).vaddr();
                segments[i] = core.data(loads.get(i));
            }
        }

        private int find(long address, int length) {
            if (segments[last].contains(address - starts[last], length)) {
                return last;
            }
            int low = 0;
            int high = starts.length - 1;
            while (low <= high) {
                int middle = (low + high) >>> 1;
                if (Long.compareUnsigned(starts[middle], address) <= 0) {
                    low = middle + 1;
                } else {
                    high = middle - 1;
                }
            }
            if (high < 0 || !segments[high].contains(address - starts[high], length)) {
                return -1;
            }
            last = high;
            return high;
        }

        @Override
        public boolean isReadable(long address, int length) {
            return find(address, length) >= 0;
        }

        @Override
        public long readLong(long address) {
            int segment = find(address, Long.BYTES);
            if (segment < 0) {
                throw new IllegalArgumentException("0x" + Long.toHexString(address));
            }
            return segments[segment].i64(address - starts[segment]);
        }

        @Override
        public Absence absence(long address) {
            return Absence.NOT_RECORDED;
        }

        Bytes copy(long address, int length) {
            byte[] bytes = new byte[length];
            for (int i = 0; i < length; i++) {
                int segment = find(address + i, 1);
                bytes[i] = (byte) segments[segment].u8(address + i - starts[segment]);
            }
            return Bytes.of(bytes, "memory");
        }

        @Override
        public String toString() {
            return Arrays.toString(starts);
        }
    }
}
