package org.backstitch.cli;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTimeoutPreemptively;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.ByteArrayInputStream;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.InputStream;
import java.nio.channels.FileChannel;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Random;
import java.util.function.Supplier;
import org.backstitch.bytes.Bytes;
import org.backstitch.fixtures.BundledRecording;
import org.backstitch.fixtures.Fixtures;
import org.backstitch.perf.PerfFile;
import org.backstitch.perf.RecordCursor;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/**
 * The whole command on files that were cut off and files in which bits were turned over: it says what it can, or one line, and nothing
 * else.
 *
 * <p>{@code -Dbackstitch.hostile.rounds=N} makes it try N times as many.
 */
class HostileInputsTest {
    private static final int ROUNDS = Integer.getInteger("backstitch.hostile.rounds", 1);

    @TempDir
    Path directory;

    /** What a file can suffer: the name is for messages. */
    private record Damage(String name, Bytes bytes) {
        Damage(String name, byte[] content) {
            this(name, Bytes.of(content, name));
        }

        byte[] content() {
            return bytes.copy(0, (int) bytes.size());
        }
    }

    private static final int[] BORDERS = {0, 1, 4, 16, 63, 64, 104, 512, 4096};

    /** Cuts at the borders of structures and at random, and bits turned over, half of them near the beginning; made one by one. */
    private static List<Supplier<Damage>> damages(byte[] whole, int rounds, int seed) {
        List<Supplier<Damage>> damages = new ArrayList<>();
        for (int size : BORDERS) {
            if (size < whole.length) {
                damages.add(() -> cut(whole, size));
            }
        }
        damages.add(() -> cut(whole, whole.length / 2));
        damages.add(() -> cut(whole, whole.length - 1));
        for (int i = 0; i < rounds * ROUNDS; i++) {
            int round = i;
            Random random = new Random(seed + 31L * round);
            damages.add(() -> cut(whole, random.nextInt(whole.length)));
            damages.add(() -> flipped(whole, random, round));
        }
        return damages;
    }

    private static Damage cut(byte[] whole, int size) {
        return new Damage("cut at " + size, Arrays.copyOf(whole, size));
    }

    private static Damage flipped(byte[] whole, Random random, int round) {
        byte[] flipped = whole.clone();
        int flips = 1 << random.nextInt(10);
        for (int i = 0; i < flips; i++) {
            int at = random.nextInt(random.nextBoolean() ? Math.min(whole.length, 1024) : whole.length);
            flipped[at] ^= (byte) (1 << random.nextInt(8));
        }
        return new Damage(flips + " bits, round " + round, flipped);
    }

    /** Runs a command; whatever its input is, it ends as a command may. */
    private static int run(String what, String... arguments) {
        ByteArrayOutputStream out = new ByteArrayOutputStream();
        ByteArrayOutputStream err = new ByteArrayOutputStream();
        ExitStatus status = assertTimeoutPreemptively(
                Duration.ofSeconds(60),
                () -> new CommandRunner(Subcommands.all(), Session.of(out, err)).run(arguments),
                () -> what + ": " + String.join(" ", arguments));
        String said = err.toString(StandardCharsets.UTF_8);
        String where = what + ": " + String.join(" ", arguments) + "\n" + said;
        assertTrue(status == ExitStatus.DONE || status == ExitStatus.UNUSABLE, where);
        assertFalse(said.contains("a fault in backstitch itself"), where);
        assertFalse(said.contains("not enough memory"), where);
        assertFalse(said.contains("\tat "), where);
        if (status == ExitStatus.UNUSABLE) {
            assertEquals(
                    1,
                    said.lines().filter(line -> line.startsWith("backstitch: ")).count(),
                    where);
        }
        return status.code();
    }

    private Path write(Damage damage) throws IOException {
        return Files.write(directory.resolve("damaged"), damage.content());
    }

    @ParameterizedTest
    @ValueSource(strings = {"signals"})
    void recordings(String name) throws IOException {
        BundledRecording recording = BundledRecording.unpack(name, Files.createDirectory(directory.resolve(name)));
        byte[] whole = Files.readAllBytes(recording.data());
        String symfs = recording.symfs().toString();
        String page = directory.resolve("page.html").toString();
        String injected = directory.resolve("injected.data").toString();
        int done = 0;
        for (Supplier<Damage> damaged : damages(whole, 8, name.hashCode())) {
            Damage damage = damaged.get();
            String data = write(damage).toString();
            done += 1 - run(damage.name(), "script", "--symfs", symfs, "--format", "json", data);
            run(damage.name(), "fold", "--symfs", symfs, "--threads", "2", data);
            run(damage.name(), "flame", "--symfs", symfs, "-o", page, data);
            run(damage.name(), "inject", "--symfs", symfs, "-o", injected, data);
        }
        assertTrue(done > 5, "recordings of which something could be used: " + done);
    }

    /** Streams are read as they come, so what is wrong is met after something has been printed. */
    @ParameterizedTest
    @ValueSource(strings = {"linux72-sysw", "zpipe"})
    void streams(String name) throws IOException {
        Path recorded = Files.write(directory.resolve(name), Fixtures.bytes("perf/" + name + ".data.xz"));
        byte[] whole = Pipes.piped(recorded);
        InputStream before = System.in;
        int done = 0;
        try {
            for (Supplier<Damage> damaged : damages(whole, 12, name.hashCode())) {
                Damage damage = damaged.get();
                System.setIn(new ByteArrayInputStream(damage.content()));
                done += 1 - run(damage.name(), "script", "--symfs", directory.toString(), "--max-waiting=40", "-");
            }
        } finally {
            System.setIn(before);
        }
        assertTrue(done > 5, "streams of which something could be used: " + done);
    }

    /** The files that were mapped are as little to be trusted as the recording. */
    @ParameterizedTest
    @ValueSource(strings = {"signals"})
    void mappedFiles(String name) throws IOException {
        BundledRecording recording = BundledRecording.unpack(name, Files.createDirectory(directory.resolve(name)));
        List<Path> files;
        try (var tree = Files.walk(recording.symfs())) {
            files = tree.filter(Files::isRegularFile).toList();
        }
        for (Path file : files) {
            byte[] whole = Files.readAllBytes(file);
            for (Supplier<Damage> damaged : damages(whole, 2, file.getFileName().hashCode())) {
                Damage damage = damaged.get();
                Files.write(file, damage.content());
                String what = file.getFileName() + " " + damage.name();
                int status = run(
                        what,
                        "script",
                        "--symfs",
                        recording.symfs().toString(),
                        recording.data().toString());
                assertEquals(0, status, what);
            }
            Files.write(file, whole);
        }
    }

    @Test
    void kernelDumps() throws IOException {
        Path vmlinux = Files.write(directory.resolve("vmlinux"), Fixtures.bytes("dump/vmlinux-6.1.xz"));
        byte[] core = Fixtures.bytes("dump/v61-irq.core.xz");
        int done = 0;
        for (Supplier<Damage> damaged : damages(core, 6, 61)) {
            Damage damage = damaged.get();
            done += 1 - run(damage.name(), "kernel", write(damage).toString(), "--vmlinux", vmlinux.toString());
        }
        assertTrue(done > 2, "dumps of which something could be used: " + done);
        Path good = Files.write(directory.resolve("core"), core);
        for (Supplier<Damage> damaged : damages(Files.readAllBytes(vmlinux), 4, 62)) {
            Damage damage = damaged.get();
            run(
                    damage.name(),
                    "kernel",
                    good.toString(),
                    "--vmlinux",
                    write(damage).toString());
        }
    }

    @Test
    void tables() throws IOException {
        BundledRecording recording =
                BundledRecording.unpack("signals", Files.createDirectory(directory.resolve("signals")));
        List<byte[]> files = new ArrayList<>();
        try (var tree = Files.walk(recording.symfs())) {
            for (Path file : tree.filter(Files::isRegularFile).toList()) {
                files.add(Files.readAllBytes(file));
            }
        }
        files.add(Fixtures.bytes("orc/6.12/virtio_blk.ko.xz"));
        for (byte[] whole : files) {
            for (Supplier<Damage> damaged : damages(whole, 4, whole.length)) {
                Damage damage = damaged.get();
                String path = write(damage).toString();
                run(damage.name(), "tables", path);
                run(damage.name(), "tables", "--orc", path);
                run(damage.name(), "tables", "--compiled", path);
                run(damage.name(), "core", path);
            }
        }
    }

    /** A file that another process cuts off between the moment when it was mapped and the moment when it is read. */
    @Test
    void aFileThatShrinksWhileItIsRead() throws IOException {
        Path path = directory.resolve("perf.data");
        byte[] whole = Fixtures.bytes("perf/linux72-sysw.data.xz");
        assertTrue(whole.length > 3 * 4096);
        Map<String, Supplier<Subcommand>> commands = new LinkedHashMap<>();
        commands.put("read", () -> new Subcommand() {
            @Override
            public Syntax syntax() {
                return Syntax.of("Reads a recording while it shrinks.").operand("FILE", "Which.");
            }

            @Override
            public ExitStatus run(Arguments arguments, Session session) throws IOException {
                try (PerfFile file = PerfFile.open(arguments.requiredInput("FILE"))) {
                    try (FileChannel channel = FileChannel.open(path, StandardOpenOption.WRITE)) {
                        channel.truncate(4096);
                    }
                    for (RecordCursor record = file.records(); record.next(); ) {
                        session.out().append(record.toString()).newline();
                    }
                }
                return ExitStatus.DONE;
            }
        });
        Files.write(path, whole);
        ByteArrayOutputStream err = new ByteArrayOutputStream();
        ExitStatus status =
                new CommandRunner(commands, Session.of(new ByteArrayOutputStream(), err)).run("read", path.toString());
        assertEquals(ExitStatus.UNUSABLE, status);
        assertEquals(
                "backstitch: an input file was truncated while it was read\n", err.toString(StandardCharsets.UTF_8));
    }
}
