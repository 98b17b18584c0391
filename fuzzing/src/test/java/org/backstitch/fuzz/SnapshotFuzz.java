package org.backstitch.fuzz;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertNotNull;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.code_intelligence.jazzer.junit.FuzzTest;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.file.Files;
import java.nio.file.Path;
import org.backstitch.bytes.MalformedInputException;
import org.backstitch.dump.user.ProcessImage;
import org.backstitch.dump.user.Snapshot;
import org.backstitch.dump.user.ThreadState;
import org.backstitch.unwind.Callchain;
import org.backstitch.unwind.StopReason;
import org.backstitch.unwind.UserUnwinder;

/**
 * Snapshots: registers, maps, pieces of stack and one mapped file, and the walk over them.
 *
 * <p>An input is the sizes of {@code regs.txt}, {@code maps.txt} and {@code stack.data} in two bytes each, these files, and the rest is
 * the file called {@code prog}. What an input ends before is empty.
 */
class SnapshotFuzz {
    private static final Scratch SCRATCH = new Scratch();

    @FuzzTest
    void snapshot(byte[] data) throws IOException {
        run(data);
    }

    static void run(byte[] data) throws IOException {
        Path directory = SCRATCH.directory("snapshot");
        ByteBuffer input = ByteBuffer.wrap(data).order(ByteOrder.LITTLE_ENDIAN);
        int[] sizes = new int[3];
        for (int i = 0; i < sizes.length && input.remaining() >= Short.BYTES; i++) {
            sizes[i] = Short.toUnsignedInt(input.getShort());
        }
        Files.write(directory.resolve("regs.txt"), next(input, sizes[0]));
        Files.write(directory.resolve("maps.txt"), next(input, sizes[1]));
        Files.write(directory.resolve("stack.data"), next(input, sizes[2]));
        Files.write(directory.resolve("prog"), next(input, input.remaining()));
        assertEquals(read(directory), read(directory), "what is read twice is equal");
    }

    private static byte[] next(ByteBuffer input, int size) {
        byte[] part = new byte[Math.min(size, input.remaining())];
        input.get(part);
        return part;
    }

    private static String read(Path directory) throws IOException {
        StringBuilder seen = new StringBuilder();
        try (Snapshot snapshot = Snapshot.open(directory)) {
            ProcessImage process = snapshot.process();
            Callchain chain = new Callchain().limit(300).recordRegisters(true);
            for (ThreadState thread : process.threads()) {
                process.unwind(thread, new UserUnwinder(), chain);
                assertTrue(chain.stop() != StopReason.NONE, "a reason");
                for (int i = 0; i < chain.size(); i++) {
                    assertNotNull(process.place(chain.lookupPc(i)).dso());
                }
                seen.append(chain);
            }
            seen.append(process.addressSpace().mappings())
                    .append(snapshot.faults().size());
        } catch (MalformedInputException e) {
            assertTrue(e.reason().length() > 5);
            seen.append(e.getMessage());
        }
        return seen.toString();
    }
}
