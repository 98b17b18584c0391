package org.backstitch.unwind;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import org.backstitch.bytes.Bytes;
import org.backstitch.elf.ElfConstants;
import org.backstitch.elf.ElfFile;
import org.backstitch.elf.ElfNote;
import org.backstitch.elf.ElfSegment;
import org.backstitch.elf.orc.OrcTable;
import org.backstitch.fixtures.Fixtures;
import org.backstitch.unwind.machine.Memory;
import org.backstitch.unwind.machine.PtRegs;
import org.backstitch.unwind.machine.X86_64;
import org.backstitch.unwind.table.OrcCompiler;
import org.backstitch.unwind.table.UnwindInfo;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** Every task of whole dumps against drgn: pc, sp, exactness, RBP, and the user frame. */
class KernelGoldenTest {
    /** Where {@code pr_reg} lies in the descriptor of an NT_PRSTATUS note. */
    private static final int PR_REG = 112;

    /** {@code THREAD_SIZE}: 16 KiB. */
    private static final long TASK_STACK_SIZE = 0x4000;

    /** {@code ret_addr} and {@code bp} of {@code struct inactive_task_frame}, and its size. */
    private static final int INACTIVE_BP = 40;

    private static final int INACTIVE_RETURN_ADDRESS = 48;
    private static final int INACTIVE_SIZE = 56;

    /** The segments of a core with virtual addresses. */
    private static final class CoreMemory implements Memory {
        private final TreeMap<Long, Bytes> segments = new TreeMap<>(Long::compareUnsigned);

        CoreMemory(ElfFile core) {
            for (ElfSegment segment : core.segments()) {
                if (segment.type() == ElfConstants.PT_LOAD) {
                    segments.put(segment.vaddr(), core.data(segment));
                }
            }
        }

        @Override
        public boolean isReadable(long address, int length) {
            Map.Entry<Long, Bytes> segment = segments.floorEntry(address);
            return segment != null && segment.getValue().contains(address - segment.getKey(), length);
        }

        @Override
        public long readLong(long address) {
            Map.Entry<Long, Bytes> segment = segments.floorEntry(address);
            if (segment == null) {
                throw new IllegalArgumentException("0x" + Long.toHexString(address));
            }
            return segment.getValue().i64(address - segment.getKey());
        }

        @Override
        public Absence absence(long address) {
            return Absence.NOT_RECORDED;
        }

        /** Bytes that may reach over several segments. */
        Bytes copy(long address, int length) {
            byte[] bytes = new byte[length];
            for (int i = 0; i < length; i++) {
                Map.Entry<Long, Bytes> segment = segments.floorEntry(address + i);
                if (segment == null) {
                    throw new IllegalArgumentException("0x" + Long.toHexString(address));
                }
                bytes[i] = (byte) segment.getValue().u8(address + i - segment.getKey());
            }
            return Bytes.of(bytes, "memory");
        }
    }

    private static long hex(String text) {
        return Long.parseUnsignedLong(text, 16);
    }

    /** What a {@code .walk} file tells beside the frames. */
    private static final class Dump {
        final CoreMemory memory;
        final List<long[]> registers = new ArrayList<>();
        final List<Long> codeSegments = new ArrayList<>();
        final OrcTable vmlinux;
        final KernelText.Builder text = KernelText.builder();
        final Map<Integer, List<KernelStack>> stacks = new TreeMap<>();

        Dump(String name, String version) {
            ElfFile core = ElfFile.of(Bytes.of(Fixtures.bytes("kernel/" + name + ".core.xz"), name));
            memory = new CoreMemory(core);
            for (ElfNote note : core.notes()) {
                if (note.type() == ElfConstants.NT_PRSTATUS && note.name().equals("CORE")) {
                    long[] values = new long[X86_64.COUNT];
                    for (int register = 0; register < values.length; register++) {
                        values[register] = note.desc().i64(PR_REG + PtRegs.offset(register));
                    }
                    registers.add(values);
                    codeSegments.add(note.desc().i64(PR_REG + PtRegs.CS));
                }
            }
            String image = "orc/" + version + "/vmlinux.xz";
            vmlinux = OrcTable.of(ElfFile.of(Bytes.of(Fixtures.bytes(image), image)), null);
        }

        void bias(long bias) {
            long start = vmlinux.address(0);
            long end = vmlinux.address(vmlinux.size() - 1);
            text.tables(start + bias, end + bias, OrcCompiler.compile(vmlinux, end), bias);
        }

        void module(String[] words) {
            int count = Integer.parseInt(words[4]);
            Bytes ips = memory.copy(hex(words[2]), count * 4);
            Bytes entries = memory.copy(hex(words[3]), count * 6);
            OrcTable table = OrcTable.read(entries, ips, hex(words[2]), vmlinux.format());
            assertEquals(0, table.invalidRows());
            for (int i = 5; i + 1 < words.length; i += 2) {
                long start = hex(words[i]);
                long end = start + hex(words[i + 1]);
                UnwindInfo info = OrcCompiler.compile(table, end);
                text.tables(start, end, info, 0);
            }
        }

        void stack(String[] words) {
            stacks.computeIfAbsent(Integer.valueOf(words[1]), cpu -> new ArrayList<>())
                    .add(new KernelStack(words[2], hex(words[3]), hex(words[4])));
        }

        KernelStacks stacksOf(int cpu) {
            return KernelStacks.of(stacks.getOrDefault(cpu, List.of()));
        }
    }

    @ParameterizedTest
    @CsvSource({
        "n-nmi, 7.2, 125",
        "n-softirq, 7.2, 126",
        "n-error-entry, 7.2, 126",
        "n-syscall-pushregs, 7.2, 126",
        "n-retuser, 7.2, 126",
        "k-rand2, 7.2, 126",
        "v61-irq, 6.1, 116",
        "v612-nmi, 6.12, 126"
    })
    void everyTask(String name, String version, int tasks) {
        Dump dump = new Dump(name, version);
        KernelUnwinder unwinder = null;
        KernelCallchain chain = new KernelCallchain();
        List<String> lines = Fixtures.lines("kernel/" + name + ".walk.xz");
        int seen = 0;
        for (int i = 0; i < lines.size(); i++) {
            String[] words = lines.get(i).split(" ", -1);
            switch (words[0]) {
                case "bias" -> dump.bias(hex(words[1]));
                case "stack" -> dump.stack(words);
                case "module" -> dump.module(words);
                default -> {
                    if (unwinder == null) {
                        unwinder = new KernelUnwinder(dump.text.build(), dump.memory);
                    }
                    StopReason stop = walk(dump, unwinder, words, chain);
                    assertFrames(lines.get(i), lines.get(++i), stop, chain);
                    seen++;
                }
            }
        }
        assertEquals(tasks, seen);
    }

    private static StopReason walk(Dump dump, KernelUnwinder unwinder, String[] words, KernelCallchain chain) {
        long stack = hex(words[2]);
        if (words[0].equals("running")) {
            int cpu = Integer.parseInt(words[3]);
            KernelStacks stacks = dump.stacksOf(cpu).withTask(stack, stack + TASK_STACK_SIZE);
            return unwinder.walkRegisters(dump.registers.get(cpu), dump.codeSegments.get(cpu), stacks, chain);
        }
        long frame = hex(words[3]);
        return unwinder.walkSleeping(
                frame + INACTIVE_SIZE,
                dump.memory.readLong(frame + INACTIVE_BP),
                dump.memory.readLong(frame + INACTIVE_RETURN_ADDRESS),
                false,
                KernelStacks.ofTask(stack, stack + TASK_STACK_SIZE),
                chain);
    }

    private static void assertFrames(String task, String golden, StopReason stop, KernelCallchain chain) {
        List<String> expected = new ArrayList<>();
        List<String> actual = new ArrayList<>();
        boolean user = false;
        for (String frame : golden.split(" ", -1)) {
            if (frame.startsWith("user:")) {
                user = true;
                expected.add(frame);
            } else if (frame.contains(":")) {
                expected.add(frame);
            }
        }
        for (int i = 0; i < chain.size(); i++) {
            // drgn does not know every frame's RBP.
            boolean rbpKnown = i < expected.size() && expected.get(i).split(":", -1).length > 3;
            actual.add(Long.toHexString(chain.pc(i)) + ":" + Long.toHexString(chain.sp(i)) + ":"
                    + (chain.isInterrupted(i) ? 1 : 0) + (rbpKnown ? ":" + Long.toHexString(chain.rbp(i)) : ""));
        }
        if (chain.hasUserFrame()) {
            actual.add("user:" + Long.toHexString(chain.userPc()) + ":" + Long.toHexString(chain.userSp()));
        }
        assertEquals(expected, actual, task);
        assertEquals(user, stop == StopReason.USER_REGISTERS, task);
        // A task that has never run stands at ret_from_fork; what is one byte before it, nobody knows.
        assertTrue(
                user || stop == StopReason.END_OF_STACK || (chain.size() == 1 && stop == StopReason.NO_UNWIND_INFO),
                task + " " + stop);
    }
}
