package org.backstitch.fuzz;

import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.TreeMap;
import org.backstitch.bytes.Bytes;
import org.backstitch.elf.ElfFile;
import org.backstitch.fixtures.Fixtures;
import org.backstitch.fixtures.KdumpFile;

/**
 * What campaigns start from, taken from the recorded fixtures: small real files, and small parts of large ones.
 *
 * <p>As a program it writes them to a directory, for {@code tools/fuzz}.
 */
final class Seeds {
    private static final int LARGEST = 32_000;

    private Seeds() {}

    /** The seeds of each target that has any. */
    static Map<String, List<byte[]>> all() {
        Map<String, List<byte[]>> seeds = new TreeMap<>();
        for (String target : Targets.ALL.keySet()) {
            seeds.put(target, new ArrayList<>());
        }
        recordings(seeds);
        binaries(seeds);
        kernels(seeds);
        smallOnes(seeds);
        return seeds;
    }

    private static void add(Map<String, List<byte[]>> seeds, String target, byte[] seed) {
        List<byte[]> list = seeds.get(target);
        if (list == null) {
            throw new IllegalArgumentException(target);
        }
        if (seed.length <= LARGEST) {
            list.add(seed);
        }
    }

    private static void recordings(Map<String, List<byte[]>> seeds) {
        for (String name : List.of(
                "breakpoint",
                "dwarf3",
                "group",
                "inherit",
                "intr",
                "switch",
                "tppipe",
                "tracepoint",
                "zpipe",
                "zstd")) {
            add(seeds, "Perf", Fixtures.bytes("perf/" + name + ".data.xz"));
        }
        for (String name : List.of("dataaddr", "multi", "perthread", "pipe", "regs", "zstd")) {
            byte[] recording = Fixtures.bytes("perf/linux72-" + name + ".data.xz");
            add(seeds, "Perf", recording);
            byte[] packed =
                    join(new byte[] {16, 0}, Arrays.copyOfRange(recording, 0x200, Math.min(recording.length, 6000)));
            add(seeds, "CompressedRecords", packed);
        }
    }

    private static void binaries(Map<String, List<byte[]>> seeds) {
        for (String name : List.of("prog", "prog.full", "prog.debug", "prog.mini", "noid.debug", "relocs.o")) {
            add(seeds, "Elf", file("elf/" + name));
        }
        for (String compression : List.of("zlib", "zlib-gnu", "zstd")) {
            add(seeds, "Elf", file("elf/prog." + compression + ".debug"));
        }
        byte[] debugFrame = Arrays.copyOf(Fixtures.bytes("orc/6.1/debug_frame.xz"), 2000);
        add(seeds, "Cfi", join(new byte[] {2}, debugFrame, new byte[] {0x7f}));
        byte[] frame = SampleCfi.ehFrame();
        add(seeds, "Cfi", join(new byte[] {0}, frame));
        add(seeds, "Cfi", join(new byte[] {4 | 1}, frame, SampleCfi.header(), new byte[] {
            (byte) (SampleCfi.header().length / 8)
        }));
        byte[] words = new byte[1 + 64 * 4];
        words[0] = 64;
        for (int i = 0; i < 64; i++) {
            words[1 + i * 4] = (byte) (i % 3 == 2 ? 0x85 : 0x40 + i * 4);
        }
        add(seeds, "UserWalk", join(words, new byte[] {0}, frame));
        for (byte[] expression : SampleCfi.expressions()) {
            add(seeds, "Expression", expression);
        }
    }

    private static void kernels(Map<String, List<byte[]>> seeds) {
        ElfFile module = ElfFile.of(Bytes.of(Fixtures.bytes("orc/7.2/veth.ko.xz"), "veth"));
        Bytes entries = module.section(".orc_unwind").orElseThrow().data();
        Bytes ips = module.section(".orc_unwind_ip").orElseThrow().data();
        int rows = 200;
        for (byte version = 0; version <= 5; version++) {
            add(seeds, "Orc", join(new byte[] {version, 3}, ips.copy(0, rows * 4), entries.copy(0, rows * 6)));
        }
        byte[] core = Fixtures.bytes("dump/v61-irq.core.xz");
        add(seeds, "VmCore", Arrays.copyOf(core, 20_000));
        byte[] kdump = new KdumpFile(6)
                .page(1, new byte[4096], 0)
                .page(3, new byte[4096], 0)
                .info("OSRELEASE=6.1.0\nPAGESIZE=4096\nSYMBOL(init_top_pgt)=ffffffff80003000\nNUMBER(phys_base)=0\n")
                .bytes();
        add(seeds, "VmCore", kdump);
        add(seeds, "VmCore", KdumpFile.flatten(kdump, 5000));
        add(seeds, "KernelDump", new byte[8]);
        ElfFile vmlinux = ElfFile.of(Bytes.of(Fixtures.bytes("dump/vmlinux-6.1.xz"), "vmlinux"));
        Bytes btf = vmlinux.section(".BTF").orElseThrow().data();
        add(seeds, "KernelTables", join(new byte[] {0}, btf.copy(0, (int) Math.min(btf.size(), 100_000))));
        add(seeds, "KernelWalk", Arrays.copyOfRange(core, 16_384, 18_384));
    }

    private static void smallOnes(Map<String, List<byte[]>> seeds) {
        add(
                seeds,
                "KernelTables",
                text(1, "ffffffff81000000 T _text\nffffffff81000010 t a\t[m]\n0000000000000000 A x\n"));
        add(seeds, "KernelTables", text(2, "7f0000001000 20 Interpreter\n1000 10 LFoo;::bar(I)V\nzz 1 x\n"));
        add(
                seeds,
                "KernelTables",
                text(3, "OSRELEASE=6.1.0\nBUILD-ID=00ff\nSYMBOL(a)=ff\nNUMBER(b)=-1\nKERNELOFFSET=1000\n"));
        add(seeds, "Core", SampleCore.bytes());
        add(seeds, "Snapshot", snapshot());
        for (String name : List.of(
                "N3foo3barEi",
                "NvCs1234_7mycrate3foo",
                "3fooIiSt6vectorIiSaIiEEEvT_",
                "INvCs_1a3fooRyE",
                "N4core3fmt17h0123456789abcdefE")) {
            add(seeds, "Demangler", name.getBytes(StandardCharsets.ISO_8859_1));
        }
        for (String name : List.of("gz", "xz", "zst", "lz4", "frame.lz4", "bz2", "lzma")) {
            add(seeds, "Image", file("elf/image/tiny.o." + name));
        }
        for (String name : List.of("tiny-gzip.deb", "tiny-xz.deb", "tiny-zstd.deb", "tiny.a")) {
            add(seeds, "Image", file("elf/image/" + name));
        }
        for (byte[] image : SampleImages.all()) {
            add(seeds, "Image", image);
        }
    }

    /** A thread that stands in a mapped program, whose stack has no more than a return address into it. */
    private static byte[] snapshot() {
        byte[] registers = "rip: 401000\nrsp: 7ffc00001000\nrbp: 7ffc00001010\n".getBytes(StandardCharsets.US_ASCII);
        byte[] maps = """
                00400000-00402000 r-xp 00000000 fe:00 12 /usr/bin/prog
                7ffc00000000-7ffc00021000 rw-p 00000000 00:00 0          [stack]
                """.getBytes(StandardCharsets.US_ASCII);
        ByteBuffer stack = ByteBuffer.allocate(8 * 5).order(ByteOrder.LITTLE_ENDIAN);
        stack.putLong(0x7ffc_0000_1000L)
                .putLong(0x40_1040)
                .putLong(0)
                .putLong(0)
                .putLong(0x40_1080);
        ByteBuffer sizes = ByteBuffer.allocate(3 * Short.BYTES).order(ByteOrder.LITTLE_ENDIAN);
        sizes.putShort((short) registers.length).putShort((short) maps.length).putShort((short) stack.capacity());
        return join(sizes.array(), registers, maps, stack.array(), file("elf/prog"));
    }

    /** A file that the tests of the ELF reader have. */
    private static byte[] file(String name) {
        Path directory = Path.of("").toAbsolutePath();
        while (!Files.isDirectory(directory.resolve("elf-reader"))) {
            directory = Objects.requireNonNull(directory.getParent(), "not within the source tree");
        }
        try {
            return Files.readAllBytes(directory
                    .resolve("elf-reader/src/test/resources/org/backstitch")
                    .resolve(name));
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }

    private static byte[] text(int kind, String text) {
        return join(new byte[] {(byte) kind}, text.getBytes(StandardCharsets.US_ASCII));
    }

    static byte[] join(byte[]... parts) {
        ByteArrayOutputStream out = new ByteArrayOutputStream();
        for (byte[] part : parts) {
            out.writeBytes(part);
        }
        return out.toByteArray();
    }

    /** Writes the seeds to {@code DIRECTORY/TARGET/seed-N}. */
    public static void main(String[] arguments) throws IOException {
        for (Map.Entry<String, List<byte[]>> entry : all().entrySet()) {
            Path directory = Files.createDirectories(Path.of(arguments[0]).resolve(entry.getKey()));
            int number = 0;
            for (byte[] seed : entry.getValue()) {
                Files.write(directory.resolve("seed-" + number++), seed);
            }
        }
    }
}
