package org.backstitch.cli;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.stream.IntStream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** A core of more threads than one worker is given: the same output with any number of workers. */
class ManyThreadsTest {
    private static final int THREADS = 200;
    private static final int FIRST = 1000;

    /** {@code call *%rax; nop; ret}, over and over: every fourth address is a return address, and no row covers any. */
    private static final long CODE = 0x40_0000;

    private static final long STACK = 0x7f00_0000_0000L;
    private static final int STACK_SIZE = 4096;
    private static final int NOTE = 12 + 8 + 336;

    @TempDir
    private Path directory;

    /** Each thread n has n % 7 return addresses on its stack, by frame pointers, and stands in code without rows. */
    private Path core() throws IOException {
        int notes = 64 + 3 * 56;
        int code = notes + THREADS * NOTE;
        int stacks = code + 4096;
        ByteBuffer file = ByteBuffer.allocate(stacks + THREADS * STACK_SIZE).order(ByteOrder.LITTLE_ENDIAN);
        file.put(new byte[] {0x7f, 'E', 'L', 'F', 2, 1, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0});
        file.putShort((short) 4)
                .putShort((short) 62)
                .putInt(1)
                .putLong(0)
                .putLong(64)
                .putLong(0); // ET_CORE
        file.putInt(0).putShort((short) 64).putShort((short) 56).putShort((short) 3);
        segment(file.position(64), 4, 0, notes, 0, THREADS * NOTE);
        segment(file, 1, 5, code, CODE, 4096);
        segment(file, 1, 6, stacks, STACK, THREADS * STACK_SIZE);
        for (int n = 0; n < THREADS; n++) {
            int note = notes + n * NOTE;
            file.putInt(note, 5).putInt(note + 4, 336).putInt(note + 8, 1); // NT_PRSTATUS
            file.position(note + 12).put("CORE".getBytes(StandardCharsets.US_ASCII));
            int status = note + 20;
            long sp = STACK + (long) n * STACK_SIZE;
            file.putInt(status + 32, FIRST + n);
            file.putLong(status + 112 + 4 * 8, sp + 64); // struct user_regs_struct: RBP, RIP, RSP
            file.putLong(status + 112 + 16 * 8, CODE + 4L * (n + 16));
            file.putLong(status + 112 + 19 * 8, sp);
            for (int frame = 0; frame < n % 7; frame++) {
                int at = stacks + n * STACK_SIZE + 64 + 16 * frame;
                file.putLong(at, sp + 64 + 16L * (frame + 1)).putLong(at + 8, CODE + 4L * (n + frame + 16) + 2);
            }
        }
        for (int at = 0; at < 4096; at += 4) {
            file.position(code + at).put(new byte[] {(byte) 0xff, (byte) 0xd0, (byte) 0x90, (byte) 0xc3});
        }
        return Files.write(directory.resolve("core"), file.array());
    }

    private static void segment(ByteBuffer file, int type, int flags, long offset, long vaddr, long size) {
        file.putInt(type).putInt(flags).putLong(offset).putLong(vaddr).putLong(0);
        file.putLong(size).putLong(size).putLong(4096);
    }

    private static String run(String... arguments) {
        ByteArrayOutputStream out = new ByteArrayOutputStream();
        ByteArrayOutputStream err = new ByteArrayOutputStream();
        ExitStatus status = new CommandRunner(Subcommands.all(), Session.of(out, err)).run(arguments);
        assertEquals(ExitStatus.DONE, status, err.toString(StandardCharsets.UTF_8));
        return out.toString(StandardCharsets.UTF_8);
    }

    @Test
    void workersNeverChangeTheOutput() throws IOException {
        String core = core().toString();
        for (String form : List.of("--format=json", "--format=text", "--registers")) {
            String alone = run("core", core, form, "--threads", "1");
            for (String workers : List.of("2", "3", "1024")) {
                assertEquals(alone, run("core", core, form, "--threads", workers), workers);
            }
            assertEquals(alone, run("core", core, form), "all processors");
        }
        List<String> records =
                run("core", core, "--format=json", "--threads=4").lines().toList();
        assertEquals(THREADS, records.size());
        IntStream.range(0, THREADS).forEach(n -> {
            String record = records.get(n);
            assertTrue(record.contains("\"tid\":" + (FIRST + n) + ","), record);
            assertEquals(1 + n % 7, record.split("\"ip\":", -1).length - 1, record);
        });
    }
}
