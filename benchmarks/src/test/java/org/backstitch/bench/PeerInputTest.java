package org.backstitch.bench;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.lang.foreign.Arena;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import org.backstitch.fixtures.BundledRecording;
import org.backstitch.unwind.Mapping;
import org.backstitch.unwind.machine.StackDump;
import org.backstitch.unwind.machine.X86_64;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** What is written for other unwinders, read again word by word. */
class PeerInputTest {
    @TempDir
    private Path directory;

    @Test
    void holdsAllStacksAndWhatWasMapped() throws IOException {
        Path file = directory.resolve("input");
        try (Arena arena = Arena.ofConfined();
                RecordedStacks stacks =
                        RecordedStacks.open(BenchmarkRecording.of(BundledRecording.DEMO, "", ""), arena)) {
            PeerInput.write(stacks, file);
            ByteBuffer in = ByteBuffer.wrap(Files.readAllBytes(file)).order(ByteOrder.LITTLE_ENDIAN);
            assertEquals("BSPEERS1", new String(take(in, 8), StandardCharsets.US_ASCII));
            String[] files = new String[(int) in.getLong()];
            long[][] spaces = new long[(int) in.getLong()][];
            assertEquals(stacks.size(), in.getLong());
            for (int i = 0; i < files.length; i++) {
                files[i] = new String(take(in, (int) in.getLong()), StandardCharsets.UTF_8);
                assertTrue(Files.isRegularFile(Path.of(files[i])), files[i]);
            }
            for (int i = 0; i < spaces.length; i++) {
                spaces[i] = new long[(int) in.getLong() * 4];
                for (int j = 0; j < spaces[i].length; j++) {
                    spaces[i][j] = in.getLong();
                }
            }
            for (int i = 0; i < stacks.size(); i++) {
                checkSpace(stacks, i, spaces[(int) in.getLong()], files);
                checkSample(stacks, i, in);
            }
            assertFalse(in.hasRemaining());
        }
    }

    /** Everything that was mapped when the sample was taken is in its space, at the same place and from the same file. */
    private static void checkSpace(RecordedStacks stacks, int sample, long[] space, String[] files) {
        for (Mapping mapping : stacks.spaces().get(sample).mappings()) {
            if (mapping.module() == null) {
                continue;
            }
            int found = 0;
            while (space[found + 1] != mapping.start()) {
                found += 4;
            }
            assertEquals(mapping.end(), space[found + 2]);
            assertEquals(mapping.fileOffset(), space[found + 3]);
            String path = files[(int) space[found]];
            assertTrue(path.endsWith(mapping.path().equals("[vdso]") ? "/vdso.so" : mapping.path()), path);
        }
    }

    private static void checkSample(RecordedStacks stacks, int sample, ByteBuffer in) {
        for (int register = 0; register < X86_64.COUNT; register++) {
            assertEquals(stacks.registers(sample).get(register), in.getLong());
        }
        StackDump dump = stacks.dump(sample);
        assertEquals(dump.address(), in.getLong());
        assertEquals(dump.length(), in.getLong());
        ByteBuffer stack = ByteBuffer.wrap(take(in, (int) dump.length()));
        assertEquals(dump.segment().asSlice(dump.offset(), dump.length()).asByteBuffer(), stack);
    }

    private static byte[] take(ByteBuffer in, int length) {
        byte[] bytes = new byte[length];
        in.get(bytes);
        in.position(in.position() + (-length & 7));
        return bytes;
    }
}
