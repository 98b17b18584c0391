package org.backstitch.recording;

import java.util.Map;
import java.util.TreeMap;
import org.jspecify.annotations.Nullable;

/**
 * The kernel's text and its modules, as the recording tells them, and the text that came later (BPF programs, trampolines).
 *
 * <p>Filled by one thread, and read by any: of a stream, while it is being filled.
 */
final class KernelMap {
    static final String KERNEL = "[kernel.kallsyms]";

    private record Range(long end, String dso, String symbol) {}

    private final TreeMap<Long, Range> ranges = new TreeMap<>(Long::compareUnsigned);
    private final TreeMap<Long, Range> symbols = new TreeMap<>(Long::compareUnsigned);
    private long textAddress;
    private long textReference;
    private int version;

    /** The kernel's own mapping; its file offset holds the address of the reference symbol ({@code _text}) as it was then. */
    synchronized void kernel(MappedRange range, String reference) {
        ranges.put(range.address(), new Range(range.address() + range.length(), KERNEL, reference));
        textAddress = range.address();
        textReference = range.fileOffset();
    }

    /** A module's mapping: its path, or its name in brackets. */
    synchronized void module(MappedRange range) {
        version++;
        ranges.put(range.address(), new Range(range.address() + range.length(), moduleName(range.path()), ""));
    }

    /** Text with a name of its own. */
    synchronized void symbol(long address, long length, String name) {
        version++;
        symbols.put(address, new Range(address + length, name.startsWith("bpf_") ? name : KERNEL, name));
    }

    /** {@code /lib/modules/…/xfs.ko.xz} as the kernel calls it: {@code [xfs]}. */
    static String moduleName(String path) {
        if (path.startsWith("[")) {
            return path;
        }
        String file = path.substring(path.lastIndexOf('/') + 1);
        int suffix = file.indexOf(".ko");
        return "[" + (suffix < 0 ? file : file.substring(0, suffix)).replace('-', '_') + "]";
    }

    /** A number that changes whenever text comes that may lie where other text was. */
    synchronized int version() {
        return version;
    }

    /** Where the kernel's text was, or 0 if the recording does not say. */
    synchronized long textAddress() {
        return textAddress;
    }

    /** Where the reference symbol was in the recorded boot, or 0. */
    synchronized long textReference() {
        return textReference;
    }

    /** The dso of a kernel address. */
    synchronized String dso(long address) {
        Map.Entry<Long, Range> found = ranges.floorEntry(address);
        boolean inside = found != null && Long.compareUnsigned(address, found.getValue().end) < 0;
        return inside ? found.getValue().dso : KERNEL;
    }

    /** The name of text that came while recording, and its start; null for other text. */
    synchronized Map.@Nullable Entry<Long, String> symbolAt(long address) {
        Map.Entry<Long, Range> found = symbols.floorEntry(address);
        if (found == null || Long.compareUnsigned(address, found.getValue().end) >= 0) {
            return null;
        }
        return Map.entry(found.getKey(), found.getValue().symbol);
    }
}
