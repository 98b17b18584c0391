package org.backstitch.dump.kernel;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.lang.foreign.Arena;
import java.nio.file.FileAlreadyExistsException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.EnumMap;
import java.util.List;
import java.util.Map;
import org.backstitch.bytes.MalformedInputException;
import org.backstitch.elf.ElfFile;
import org.backstitch.unwind.KernelCallchain;
import org.backstitch.unwind.StopReason;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** Tasks of real dumps kept as snapshots: from there, the same chains with the same names, whatever they end by. */
class KernelSnapshotTest {
    @TempDir
    private Path directory;

    private static List<String> frames(KernelTask task, KernelCallchain chain, Namer names) {
        List<String> lines = new ArrayList<>();
        for (int i = 0; i < chain.size(); i++) {
            boolean exact = chain.isInterrupted(i) || i == 0 && task.isNew();
            lines.add("%x %x %s %s"
                    .formatted(chain.pc(i), chain.sp(i), chain.isInterrupted(i), names.name(chain.pc(i), exact)));
        }
        lines.add(chain.hasUserFrame() ? "user %x %x".formatted(chain.userPc(), chain.userSp()) : "no user frame");
        return lines;
    }

    private interface Namer {
        KernelNames.Name name(long pc, boolean exact);
    }

    private static KernelDump dump(String name, String vmlinux) {
        ElfFile elf = vmlinux.isEmpty() ? null : Dumps.vmlinux(vmlinux);
        return KernelDump.read(Dumps.core(name + ".core"), elf);
    }

    @ParameterizedTest
    @CsvSource({
        "v61-irq, 6.1, 9",
        "v61-tcp, 6.1, 11",
        "v612-nmi, 6.12, 9",
        "v612-tcp, 6.12, 11",
        "k-rand1, 7.2, 9",
        "n-error-entry, 7.2, 13",
        "n-syscall-hwframe, 7.2, 13",
        "n-virtio-irq, 7.2, 13",
        "traced-61, 6.1, 1",
        "function-61, 6.1, 3"
    })
    void everyKeptTaskHasItsChain(String name, String vmlinux, int step) throws IOException {
        KernelDump dump = dump(name, vmlinux);
        KernelNames names = KernelNames.of(dump, Dumps.vmlinux(vmlinux), null, null, Arena.ofAuto());
        KernelDump.Walker walker = dump.walker();
        KernelCallchain chain = new KernelCallchain();
        KernelCallchain again = new KernelCallchain();
        Map<WalkStart.Kind, Integer> kinds = new EnumMap<>(WalkStart.Kind.class);
        int number = 0;
        for (KernelTask task : dump.tasks()) {
            if (number++ % step != 0 && !task.running() && !task.isNew()) {
                continue;
            }
            kinds.merge(dump.walkStart(task).kind(), 1, Integer::sum);
            StopReason stop = walker.walk(task, chain);
            Path copy = directory.resolve(name + number);
            KernelSnapshotWriter.Saved saved = KernelSnapshotWriter.write(copy, dump, task, names);
            assertEquals(stop, saved.stop());
            try (Arena arena = Arena.ofConfined()) {
                assertTrue(KernelSnapshot.isIn(copy));
                KernelSnapshot snapshot = KernelSnapshot.open(copy, arena);
                assertEquals(stop, snapshot.walk(Integer.MAX_VALUE, again), task.toString());
                assertEquals(
                        frames(task, chain, names::find),
                        frames(snapshot.task(), again, snapshot::name),
                        task.toString());
                assertTrue(saved.chain().sameFramesAs(again));
                assertEquals(task.pid(), snapshot.task().pid());
                assertEquals(task.tgid(), snapshot.task().tgid());
                assertEquals(task.comm().strip(), snapshot.task().comm());
                assertEquals(task.cpu(), snapshot.task().cpu());
                assertEquals(task.running(), snapshot.task().running());
            }
        }
        assertTrue(kinds.getOrDefault(WalkStart.Kind.SLEEPING, 0) > 3, kinds.toString());
    }

    private Path oneOf(String name, String vmlinux) throws IOException {
        KernelDump dump = dump(name, vmlinux);
        KernelNames names = KernelNames.of(dump, Dumps.vmlinux(vmlinux), null, null, Arena.ofAuto());
        KernelTask task = dump.tasks().stream()
                .filter(each -> !each.running())
                .findFirst()
                .orElseThrow();
        Path copy = directory.resolve("one");
        KernelSnapshotWriter.Saved saved = KernelSnapshotWriter.write(copy, dump, task, names);
        assertTrue(saved.chain().size() > 3);
        assertTrue(saved.bytes() < 16 << 10, "a stack's worth and little more: " + saved.bytes());
        assertThrows(FileAlreadyExistsException.class, () -> KernelSnapshotWriter.write(copy, dump, task, names));
        return copy;
    }

    private static void assertRefused(Path copy, String file, String from, String to, String expected)
            throws IOException {
        String text = Files.readString(copy.resolve(file));
        String changed = text.replaceFirst(from, to);
        assertFalse(text.equals(changed), file + " has no " + from);
        Files.writeString(copy.resolve(file), changed);
        try (Arena arena = Arena.ofConfined()) {
            MalformedInputException refusal =
                    assertThrows(MalformedInputException.class, () -> KernelSnapshot.open(copy, arena));
            assertTrue(String.valueOf(refusal.getMessage()).contains(expected), refusal.getMessage());
        }
        Files.writeString(copy.resolve(file), text);
    }

    @Test
    void whatAFileCannotSayIsRefused() throws IOException {
        Path copy = oneOf("v612-tcp", "6.12");
        assertRefused(copy, "task.txt", "start: sleeping", "start: dancing", "not 'dancing'");
        assertRefused(copy, "regs.txt", "rip: ", "rip; ", "hexadecimal");
        assertRefused(copy, "regs.txt", "rip: ", "r17: ", "expected a register");
        assertRefused(copy, "orc.txt", "type:call", "type:jump", "no type of ORC entries: jump");
        assertRefused(copy, "orc.txt", "sp:sp\\+", "sp:sp", "no place that an ORC entry can name");
        assertRefused(copy, "orc.txt", "signal:0", "signal:2", "expected an ORC entry");
        assertRefused(copy, "maps.txt", "rw-p", "", "hexadecimal");
        Files.write(copy.resolve("stack9.data"), new byte[3]);
        try (Arena arena = Arena.ofConfined()) {
            assertThrows(MalformedInputException.class, () -> KernelSnapshot.open(copy, arena));
        }
    }

    /** Cases are text, to be changed by hand: without the row of its third frame, the chain ends there. */
    @Test
    void aRowThatIsTakenAway() throws IOException {
        Path copy = oneOf("v612-tcp", "6.12");
        KernelCallchain chain = new KernelCallchain();
        try (Arena arena = Arena.ofConfined()) {
            assertEquals(
                    StopReason.END_OF_STACK, KernelSnapshot.open(copy, arena).walk(Integer.MAX_VALUE, chain));
            long third = chain.pc(2) - 1;
            List<String> rows = new ArrayList<>(Files.readAllLines(copy.resolve("orc.txt")));
            int covering = 0;
            for (int i = 0; i < rows.size(); i++) {
                long start = Long.parseUnsignedLong(
                        rows.get(i).substring(0, rows.get(i).indexOf(' ')), 16);
                covering = Long.compareUnsigned(start, third) <= 0 ? i : covering;
            }
            String row = rows.get(covering);
            rows.set(covering, row.substring(0, row.indexOf(' ')) + " type:(und) sp:(und) bp:(und) signal:0");
            Files.write(copy.resolve("orc.txt"), rows);
            assertEquals(
                    StopReason.NO_UNWIND_INFO, KernelSnapshot.open(copy, arena).walk(Integer.MAX_VALUE, chain));
            assertEquals(3, chain.size());
            assertEquals(StopReason.MAX_STACK, KernelSnapshot.open(copy, arena).walk(2, chain));
        }
    }
}
