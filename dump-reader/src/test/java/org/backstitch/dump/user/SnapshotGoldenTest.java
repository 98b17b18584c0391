package org.backstitch.dump.user;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.ByteArrayInputStream;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.stream.Stream;
import org.apache.commons.compress.archivers.tar.TarArchiveEntry;
import org.apache.commons.compress.archivers.tar.TarArchiveInputStream;
import org.backstitch.fixtures.Fixtures;
import org.backstitch.unwind.Callchain;
import org.backstitch.unwind.StopReason;
import org.backstitch.unwind.UserUnwinder;
import org.junit.jupiter.api.DynamicTest;
import org.junit.jupiter.api.TestFactory;
import org.junit.jupiter.api.io.TempDir;

/** Kept stacks of crashed programs against gdb: every frame, every register, and none that gdb does not know. */
class SnapshotGoldenTest {
    @TempDir
    private Path directory;

    @TestFactory
    Stream<DynamicTest> everyFrameAndRegisterIsGdbs() throws IOException {
        unpack();
        List<Path> cases = new ArrayList<>();
        try (Stream<Path> all = Files.list(directory)) {
            all.filter(path -> Files.exists(path.resolve("gdb.tsv"))).sorted().forEach(cases::add);
        }
        assertEquals(24, cases.size());
        return cases.stream()
                .map(path -> DynamicTest.dynamicTest(path.getFileName().toString(), () -> check(path)));
    }

    private static void check(Path path) throws IOException {
        Callchain chain = new Callchain().recordRegisters(true);
        Callchain plain = new Callchain();
        Path copy = path.resolveSibling(path.getFileName() + ".again");
        try (Snapshot snapshot = Snapshot.open(path)) {
            ThreadState thread = snapshot.process().threads().getFirst();
            snapshot.process().unwind(thread, new UserUnwinder(), chain);
            snapshot.process().unwind(thread, new UserUnwinder(), plain);
            assertEquals(List.of(), snapshot.faults());
            SnapshotWriter.write(copy, snapshot.process(), thread);
        }
        assertEquals(Files.readAllLines(path.resolve("gdb.tsv")), GdbFrames.of(chain));
        assertEquals(StopReason.END_OF_STACK, chain.stop());
        assertTrue(plain.sameFramesAs(chain), "the walk without registers goes another way: " + plain);
        assertSame(chain, copy, "a snapshot of the snapshot");
        Path maps = copy.resolve("maps.txt");
        Files.writeString(maps, Files.readString(maps).replaceAll("(?m) /.*/", " "));
        assertSame(chain, copy, "the maps shortened to base names");
    }

    private static void assertSame(Callchain chain, Path copy, String what) throws IOException {
        Callchain again = new Callchain().recordRegisters(true);
        try (Snapshot snapshot = Snapshot.open(copy)) {
            snapshot.process().unwind(snapshot.process().threads().getFirst(), new UserUnwinder(), again);
        }
        assertEquals(GdbFrames.of(chain), GdbFrames.of(again), what);
        assertEquals(StopReason.END_OF_STACK, again.stop());
    }

    private void unpack() throws IOException {
        byte[] archive = Fixtures.bytes("snapshots/snapshots.tar.xz");
        try (TarArchiveInputStream tar = new TarArchiveInputStream(new ByteArrayInputStream(archive))) {
            for (TarArchiveEntry entry = tar.getNextEntry(); entry != null; entry = tar.getNextEntry()) {
                Path path = directory.resolve(entry.getName()).normalize();
                if (entry.isDirectory()) {
                    Files.createDirectories(path);
                } else {
                    Files.copy(tar, path);
                }
            }
        }
    }
}
