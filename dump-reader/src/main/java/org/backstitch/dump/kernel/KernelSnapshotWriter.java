package org.backstitch.dump.kernel;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.file.FileAlreadyExistsException;
import java.nio.file.Files;
import java.nio.file.NotDirectoryException;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import java.util.stream.Stream;
import org.backstitch.dump.text.MapsLine;
import org.backstitch.elf.orc.OrcEntry;
import org.backstitch.unwind.KernelCallchain;
import org.backstitch.unwind.KernelStack;
import org.backstitch.unwind.KernelUnwinder;
import org.backstitch.unwind.StopReason;
import org.backstitch.unwind.machine.X86_64;

/**
 * Makes a {@link KernelSnapshot} of one task: its stack is walked, and what the walk reads is kept. Of memory these are the words that
 * it loads and what lies between them on the same stack; where the walk does not come to the end, the rest of each stack, too, so that a
 * better walk could go on.
 */
public final class KernelSnapshotWriter {
    /** No stack of the kernel is larger, in bytes. */
    private static final long REST = 1 << 20;

    /**
     * What was written.
     *
     * @param chain of the task that was kept
     * @param stop why the walk ended
     * @param bytes of all files
     */
    public record Saved(KernelCallchain chain, StopReason stop, long bytes) {}

    private final Path directory;
    private long bytes;

    private KernelSnapshotWriter(Path directory) {
        this.directory = directory;
    }

    /**
     * Writes a task of a dump.
     *
     * @param directory is made; if it is there it must be empty
     * @param names of the dump's addresses
     * @throws IOException if it cannot be written
     */
    public static Saved write(Path directory, KernelDump dump, KernelTask task, KernelNames names) throws IOException {
        return new KernelSnapshotWriter(directory).write(dump, task, names);
    }

    private Saved write(KernelDump dump, KernelTask task, KernelNames names) throws IOException {
        makeDirectory();
        WalkStart start = dump.walkStart(task);
        WalkedMemory memory = new WalkedMemory(dump.core().memory());
        Map<Long, OrcRows.Row> rows = new TreeMap<>(Long::compareUnsigned);
        Map<Long, Long> replaced = new TreeMap<>(Long::compareUnsigned);
        KernelUnwinder unwinder = new KernelUnwinder(
                pc -> {
                    OrcRows.Row row = dump.rows().find(pc);
                    if (row != null) {
                        rows.put(row.start(), row);
                    }
                    return dump.text().rule(pc);
                },
                memory);
        WalkStart remembering = start.withHooks((returnAddress, slot) -> {
            long original = start.hooks().original(returnAddress, slot);
            if (original != returnAddress) {
                replaced.put(slot, original);
            }
            return original;
        });
        KernelCallchain chain = new KernelCallchain();
        StopReason stop = remembering.walk(unwinder, chain);
        boolean complete = stop == StopReason.END_OF_STACK || stop == StopReason.USER_REGISTERS;
        writeTask(task, start.kind(), stop);
        writeRegisters(start);
        writeMaps(start);
        writeStacks(dump, memory.spans(start.stacks(), complete ? 0 : REST));
        writeRows(rows);
        writeNames(task, chain, names);
        writeReplaced(replaced);
        return new Saved(chain, stop, bytes);
    }

    private void makeDirectory() throws IOException {
        if (Files.exists(directory) && !Files.isDirectory(directory)) {
            throw new NotDirectoryException(directory.toString());
        }
        Files.createDirectories(directory);
        try (Stream<Path> inside = Files.list(directory)) {
            if (inside.findAny().isPresent()) {
                throw new FileAlreadyExistsException(directory.toString(), null, "it exists, and is not empty");
            }
        }
    }

    private void writeText(String name, StringBuilder text) throws IOException {
        Files.writeString(directory.resolve(name), text);
        bytes += text.length();
    }

    private void writeTask(KernelTask task, WalkStart.Kind kind, StopReason stop) throws IOException {
        StringBuilder text = new StringBuilder();
        text.append("pid: ").append(task.pid()).append('\n');
        text.append("tgid: ").append(task.tgid()).append('\n');
        text.append("comm: ").append(task.comm().replace('\n', ' ')).append('\n');
        text.append("cpu: ").append(task.cpu()).append('\n');
        text.append("start: ").append(KernelSnapshot.label(kind)).append('\n');
        if (kind == WalkStart.Kind.NOWHERE) {
            text.append("stop: ").append(stop.label()).append('\n');
        }
        writeText(KernelSnapshot.TASK, text);
    }

    private void writeRegisters(WalkStart start) throws IOException {
        StringBuilder text = new StringBuilder();
        boolean all = start.kind() == WalkStart.Kind.RUNNING;
        for (int register = X86_64.COUNT - 1; register >= 0; register--) { // RIP first, as people read it
            if (all || register == X86_64.RIP || register == X86_64.RSP || register == X86_64.RBP) {
                text.append(X86_64.name(register)).append(": ");
                text.append(Long.toHexString(start.register(register))).append('\n');
            }
        }
        if (all) {
            text.append("cs: ").append(Long.toHexString(start.codeSegment())).append('\n');
        }
        writeText(KernelSnapshot.REGISTERS, text);
    }

    private void writeMaps(WalkStart start) throws IOException {
        StringBuilder text = new StringBuilder();
        for (int number = 0; number < start.stacks().size(); number++) {
            KernelStack stack = start.stacks().get(number);
            String name = KernelSnapshot.STACK_PREFIX + stack.name() + "]";
            text.append(new MapsLine(stack.start(), stack.end(), "rw-p", 0, 0, name))
                    .append('\n');
        }
        writeText(KernelSnapshot.MAPS, text);
    }

    private void writeStacks(KernelDump dump, List<WalkedMemory.Span> spans) throws IOException {
        int digits = Integer.toString(Math.max(0, spans.size() - 1)).length();
        for (int i = 0; i < spans.size(); i++) {
            WalkedMemory.Span span = spans.get(i);
            int size = Math.toIntExact(span.end() - span.start());
            ByteBuffer file = ByteBuffer.allocate(Long.BYTES + size).order(ByteOrder.LITTLE_ENDIAN);
            file.putLong(span.start());
            for (long at = span.start(); at != span.end(); at += Long.BYTES) {
                file.putLong(dump.core().memory().readLong(at));
            }
            String number = spans.size() == 1 ? "" : ("%0" + digits + "d").formatted(i);
            Files.write(directory.resolve("stack" + number + ".data"), file.array());
            bytes += file.capacity();
        }
    }

    /** A row holds to the next line; where the next row that was looked up does not follow at once, one that says nothing ends it. */
    private void writeRows(Map<Long, OrcRows.Row> rows) throws IOException {
        StringBuilder text = new StringBuilder();
        for (OrcRows.Row row : rows.values()) {
            line(text, row.start(), row.entry());
            if (!rows.containsKey(row.end())) {
                line(text, row.end(), OrcEntry.UNDEFINED);
            }
        }
        writeText(KernelSnapshot.ROWS, text);
    }

    private static void line(StringBuilder text, long address, OrcEntry entry) {
        text.append(Long.toHexString(address)).append(' ').append(entry).append('\n');
    }

    private void writeNames(KernelTask task, KernelCallchain chain, KernelNames names) throws IOException {
        Map<Long, String> lines = new TreeMap<>(Long::compareUnsigned);
        for (int frame = 0; frame < chain.size(); frame++) {
            boolean exact = chain.isInterrupted(frame) || frame == 0 && task.isNew();
            KernelNames.Name name = names.find(chain.pc(frame), exact);
            String module = name.module().isEmpty() ? "" : "\t" + name.module();
            String symbol = name.symbol();
            if (symbol != null) {
                lines.put(chain.pc(frame) - name.offset(), " t " + symbol + module);
            } else {
                // A line that names nothing: its address belongs to no function named above.
                lines.put(exact ? chain.pc(frame) : chain.pc(frame) - 1, " t " + KernelSnapshot.NAMELESS + module);
            }
        }
        StringBuilder text = new StringBuilder();
        lines.forEach((address, rest) ->
                text.append(Long.toHexString(address)).append(rest).append('\n'));
        writeText(KernelSnapshot.NAMES, text);
    }

    private void writeReplaced(Map<Long, Long> replaced) throws IOException {
        if (!replaced.isEmpty()) {
            StringBuilder text = new StringBuilder();
            replaced.forEach((slot, original) -> text.append(Long.toHexString(slot))
                    .append(' ')
                    .append(Long.toHexString(original))
                    .append('\n'));
            writeText(KernelSnapshot.REPLACED, text);
        }
    }
}
