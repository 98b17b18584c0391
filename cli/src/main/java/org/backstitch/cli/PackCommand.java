package org.backstitch.cli;

import java.io.IOException;
import java.nio.file.FileAlreadyExistsException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.Locale;
import java.util.Map;
import java.util.Objects;
import java.util.stream.Stream;
import org.backstitch.cli.pack.SlimKallsyms;
import org.backstitch.elf.ElfFile;
import org.backstitch.elf.image.SlimElf;
import org.backstitch.recording.Recording;
import org.backstitch.recording.RecordingOptions;
import org.backstitch.recording.ResolvedSample;

/** {@code backstitch pack}: a recording with slim copies of the files that it needs, to be unwound elsewhere. */
public final class PackCommand implements Subcommand {
    private static final String VDSO = "[vdso]";

    @Override
    public Syntax syntax() {
        Syntax syntax = Syntax.of("Copy a recording and the little of its files that unwinding and naming read.")
                .detail(
                        "The copy can be sent to another machine, or kept as a test. Afterwards the copy is unwound too, and"
                                + " samples that come out otherwise are counted: where a return address was proved by the code before it,"
                                + " use --code.")
                .detail(
                        "A recording holds pieces of the stacks of the recorded processes: whatever secrets lay there, are in it.")
                .operand("PERF_DATA", "A recording by perf record.")
                .option("-o, --output", "DIR", "The directory to make.")
                .flag("--code", "Keep machine code.");
        return RecordingArguments.addTo(syntax)
                .example("backstitch pack -o case perf.data && tar -cJf case.tar.xz case", "a recording to send")
                .example(
                        "backstitch script --symfs case/symfs --vdso case/vdso.so --kallsyms case/kallsyms case/perf.data",
                        "read it there");
    }

    /** What came of a recording's samples: a hash of each, and the kernel's addresses. */
    private static final class Account {
        private long[] hashes = new long[1 << 10];
        private int samples;
        private long[] kernel = new long[1 << 10];
        private int kernelSize;

        void add(ResolvedSample sample) {
            long hash = Objects.hash(sample.userStop(), sample.deferral(), sample.comm(), sample.time());
            for (int i = 0; i < sample.size(); i++) {
                hash = hash * 0x9e37_79b9_7f4a_7c15L + sample.ip(i);
                hash = hash * 31
                        + Objects.hash(
                                sample.origin(i),
                                sample.frame(i).symbol(),
                                sample.frame(i).dso());
                if (sample.frame(i).isKernel()) {
                    addKernel(sample.isExact(i) ? sample.ip(i) : sample.ip(i) - 1);
                }
            }
            if (samples == hashes.length) {
                hashes = Arrays.copyOf(hashes, 2 * samples);
            }
            hashes[samples++] = hash;
        }

        private void addKernel(long address) {
            if (kernelSize == kernel.length) {
                // Recordings see few places of the kernel, often.
                long[] distinct = Arrays.stream(kernel).distinct().toArray();
                kernelSize = distinct.length;
                kernel = Arrays.copyOf(distinct, Math.max(kernel.length, 2 * kernelSize));
            }
            kernel[kernelSize++] = address;
        }

        long[] kernelAddresses() {
            return Arrays.stream(kernel, 0, kernelSize).distinct().toArray();
        }

        int differences(Account other) {
            int differences = Math.abs(samples - other.samples);
            for (int i = 0; i < Math.min(samples, other.samples); i++) {
                differences += hashes[i] == other.hashes[i] ? 0 : 1;
            }
            return differences;
        }
    }

    @Override
    public ExitStatus run(Arguments arguments, Session session) throws IOException {
        RecordingOptions options = RecordingArguments.options(arguments);
        Path path = arguments.requiredInput("PERF_DATA");
        Path directory = arguments.path("--output").orElseThrow(() -> new UsageException("say where to with -o DIR"));
        try {
            Files.createDirectory(directory);
        } catch (FileAlreadyExistsException e) {
            try (Stream<Path> inside = Files.list(directory)) {
                if (inside.findAny().isPresent()) {
                    throw new UnusableInputException(directory.toString(), "it exists already, and is not empty");
                }
            }
        }
        Account account = new Account();
        RecordingOptions there = options.withSymfs(Files.createDirectory(directory.resolve("symfs")))
                .withVdso(null)
                .withKallsyms(null);
        try (Recording recording = Recording.open(path, options)) {
            walk(recording, "unwinding", account, session);
            long whole = 0;
            long kept = 0;
            for (Map.Entry<String, ElfFile> file : recording.files().entrySet()) {
                Path copy = copyOf(file.getKey(), directory);
                whole += file.getValue().bytes().size();
                kept += SlimElf.write(file.getValue(), arguments.has("--code"), copy);
                if (file.getKey().equals(VDSO)) {
                    there = there.withVdso(copy);
                }
            }
            if (options.kallsyms() != null) {
                Path copy = directory.resolve("kallsyms");
                SlimKallsyms.write(options.kallsyms(), account.kernelAddresses(), copy);
                there = there.withKallsyms(copy);
            }
            session.say(String.format(
                    Locale.ROOT,
                    "%d files, %,d of their %,d bytes kept",
                    recording.files().size(),
                    kept,
                    whole));
        }
        Path copy = directory.resolve("perf.data");
        Files.copy(path, copy);
        Account again = new Account();
        try (Recording recording = Recording.open(copy, there)) {
            walk(recording, "comparing", again, session);
        }
        int differences = account.differences(again);
        session.say(String.format(
                Locale.ROOT,
                "%,d samples, %s",
                account.samples,
                differences == 0
                        ? "all of them the same from the copy"
                        : String.format(Locale.ROOT, "%,d of them different from the copy", differences)));
        return ExitStatus.DONE;
    }

    private static void walk(Recording recording, String what, Account account, Session session) throws IOException {
        try (Progress progress = session.progress(what, recording.sampleCount(), "samples", 1)) {
            long[] done = {0};
            recording.forEach(sample -> {
                account.add(sample);
                progress.reached(++done[0]);
            });
        }
    }

    /** Where in the copy a file of the recorded system lies. */
    private static Path copyOf(String recordedPath, Path directory) throws IOException {
        if (recordedPath.equals(VDSO)) {
            return directory.resolve("vdso.so");
        }
        Path root = directory.resolve("symfs").toAbsolutePath().normalize();
        // The path comes from the recording: it must not lead out of the directory.
        Path copy = root.resolve(Path.of(recordedPath).normalize().toString().substring(1))
                .normalize();
        if (!copy.startsWith(root) || copy.equals(root)) {
            throw new UnusableInputException(recordedPath, "the recording names a file that is none");
        }
        Files.createDirectories(Objects.requireNonNull(copy.getParent()));
        return copy;
    }
}
