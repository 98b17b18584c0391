package org.backstitch.dump.user;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.file.FileAlreadyExistsException;
import java.nio.file.Files;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.util.Set;
import org.backstitch.bytes.MalformedInputException;
import org.backstitch.unwind.AddressSpace;
import org.backstitch.unwind.Callchain;
import org.backstitch.unwind.Mapping;
import org.backstitch.unwind.StopReason;
import org.backstitch.unwind.UserUnwinder;
import org.backstitch.unwind.machine.Memory.Absence;
import org.backstitch.unwind.machine.X86_64;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** The parts of a snapshot by themselves, written by hand. */
class SnapshotTest {
    private static final String STACK_LINE = "7ffc00000000-7ffc00021000 rw-p 00000000 00:00 0          [stack]\n";

    @TempDir
    private Path directory;

    private void write(String registers, String maps) throws IOException {
        Files.writeString(directory.resolve("regs.txt"), registers);
        Files.writeString(directory.resolve("maps.txt"), maps);
    }

    private void writeStack(String name, long address, long... words) throws IOException {
        ByteBuffer bytes = ByteBuffer.allocate(8 + 8 * words.length).order(ByteOrder.LITTLE_ENDIAN);
        bytes.putLong(address);
        for (long word : words) {
            bytes.putLong(word);
        }
        Files.write(directory.resolve(name), bytes.array());
    }

    @Test
    void registersMapsAndStacks() throws IOException {
        write(
                "rip: 401000\nRSP: 0x7ffc00001000\nrbp: 0\neflags: 246\n",
                "00400000-00402000 r-xp 00000000 fe:00 12 /usr/bin/a program (deleted)\n" + STACK_LINE);
        writeStack("stack0.data", 0x7ffc0000_1000L, 1, 2);
        writeStack("stack1.data", 0x7ffc0000_3000L, 3);
        try (Snapshot snapshot = Snapshot.open(directory)) {
            ProcessImage process = snapshot.process();
            ThreadState thread = process.threads().getFirst();
            assertEquals("rbp=0 rsp=7ffc00001000 rip=401000", thread.registers().toString());
            assertEquals(2, process.memory().readLong(0x7ffc0000_1008L));
            assertEquals(3, process.memory().readLong(0x7ffc0000_3000L));
            assertEquals("/usr/bin/a program (deleted)", process.place(0x401000).dso());
            assertEquals(Set.of("/usr/bin/a program (deleted)"), snapshot.missingFiles());
            assertEquals(0, snapshot.faults().size());
            assertTrue(thread.tid() == null && process.pid() == null && thread.comm() == null);
        }
    }

    @Test
    void whatIsSaidOfMemoryThatIsNotThere() throws IOException {
        write(
                "rip: 401000\nrsp: 7ffc00001000\n",
                "00400000-00402000 r-xp 00000000 fe:00 12 /bin/x\n"
                        + "7f0000000000-7f0000100000 rw-p 00000000 00:00 0\n"
                        + "7f0000100000-7f0000101000 ---p 00000000 00:00 0\n"
                        + STACK_LINE);
        writeStack("stack.data", 0x7ffc0000_1000L, 1, 2);
        try (Snapshot snapshot = Snapshot.open(directory)) {
            var memory = snapshot.process().memory();
            assertEquals(Absence.NOT_RECORDED, memory.absence(0x7ffc0000_1010L), "behind the stack that was kept");
            assertEquals(Absence.NOT_RECORDED, memory.absence(0x7ffc0000_100cL), "across its end");
            assertEquals(Absence.NOT_MAPPED, memory.absence(0x7ffc0000_0ff8L), "below it");
            assertEquals(Absence.NOT_RECORDED, memory.absence(0x7f00_0000_1000L), "another stack, perhaps");
            assertEquals(Absence.NOT_MAPPED, memory.absence(0x7f00_0010_0000L), "a guard page");
            assertEquals(Absence.NOT_MAPPED, memory.absence(0x400000), "a file's");
            assertEquals(
                    Absence.NOT_MAPPED, memory.absence(0x7fff_0000_0000L), "not mapped, and the maps are complete");
            assertEquals(Absence.NOT_MAPPED, memory.absence(8), "where nothing can be");
        }
    }

    @Test
    void mapsOfCodeAloneLeaveOpenWhereStacksAre() throws IOException {
        write("rip: 401000\nrsp: 7ffc00001000\n", "00400000-00402000 r-xp 00000000 fe:00 12 /bin/x\n");
        writeStack("stack.data", 0x7ffc0000_1000L, 1, 2);
        try (Snapshot snapshot = Snapshot.open(directory)) {
            var memory = snapshot.process().memory();
            assertEquals(Absence.NOT_RECORDED, memory.absence(0x7ffc0000_1010L));
            assertEquals(Absence.NOT_RECORDED, memory.absence(0x7f00_0000_1000L));
            assertEquals(Absence.NOT_MAPPED, memory.absence(0x7ffc0000_0ff8L), "just below the stack pointer");
        }
    }

    @Test
    void brokenLinesCostThemselves() throws IOException {
        write(
                "rip: 401000\nrsp: 7ffc00001000\nnonsense\nr99: 12\n",
                "00402000-00400000 r-xp 00000000 fe:00 12 /bin/x\nzzz\n" + STACK_LINE);
        Files.write(directory.resolve("stack.data"), new byte[3]);
        try (Snapshot snapshot = Snapshot.open(directory)) {
            assertEquals(5, snapshot.faults().size(), snapshot.faults().toString());
            assertTrue(String.valueOf(snapshot.faults().getFirst().getMessage()).contains("(at offset 0x1e)"));
            assertEquals(1, snapshot.process().addressSpace().mappings().size());
            Callchain chain = new Callchain();
            snapshot.process().unwind(snapshot.process().threads().getFirst(), new UserUnwinder(), chain);
            assertEquals("401000 no-unwind-info", chain.toString());
        }
    }

    @Test
    void withoutTheStackPointerThereIsNoSnapshot() throws IOException {
        write("rip: 401000\nrbp: 12\n", STACK_LINE);
        MalformedInputException e = assertThrows(MalformedInputException.class, () -> Snapshot.open(directory));
        String message = String.valueOf(e.getMessage());
        assertTrue(message.contains("regs.txt") && message.contains("rsp"), message);
        write("rip: 12345678123456781\nrsp: 0\n", STACK_LINE);
        assertThrows(MalformedInputException.class, () -> Snapshot.open(directory));
        Files.delete(directory.resolve("maps.txt"));
        write("rip: 1\nrsp: 8\n", "");
        Files.delete(directory.resolve("maps.txt"));
        assertThrows(NoSuchFileException.class, () -> Snapshot.open(directory));
    }

    @Test
    void theWriterNeverWritesOverAnything() throws IOException {
        write("rip: 401000\nrsp: 7ffc00001000\n", STACK_LINE);
        try (Snapshot snapshot = Snapshot.open(directory)) {
            ThreadState thread = snapshot.process().threads().getFirst();
            assertThrows(
                    FileAlreadyExistsException.class,
                    () -> SnapshotWriter.write(directory, snapshot.process(), thread));
        }
    }

    @Test
    void aCutStackKeepsWhatFollows() throws IOException {
        write(
                "rip: 401000\nrsp: 7ffc00001000\nrbp: 1\n",
                "00400000-00402000 r-xp 00000000 fe:00 12 /bin/x\n" + STACK_LINE);
        long[] words = new long[2000];
        words[1999] = 42;
        writeStack("stack.data", 0x7ffc0000_1000L, words);
        Path copy = directory.resolve("copy");
        try (Snapshot snapshot = Snapshot.open(directory)) {
            ThreadState thread = snapshot.process().threads().getFirst();
            SnapshotWriter.Saved saved = SnapshotWriter.write(copy, snapshot.process(), thread);
            assertEquals(StopReason.NO_UNWIND_INFO, saved.chain().stop());
        }
        try (Snapshot snapshot = Snapshot.open(copy)) {
            assertEquals(42, snapshot.process().memory().readLong(0x7ffc0000_1000L + 8 * 1999));
            AddressSpace space = snapshot.process().addressSpace();
            Mapping code = space.find(0x401000);
            assertTrue(code != null && code.isExecutable() && code.path().equals("/bin/x"));
            assertEquals(1, snapshot.process().threads().getFirst().registers().get(X86_64.RBP));
        }
    }
}
