package org.backstitch.recording;

import java.util.Map;
import java.util.TreeMap;

/**
 * The kernel's text and its modules, as the recording tells them, and the text that came later (BPF programs, trampolines).
 *
 * <p>Filled by one thread, then read by any.
 */
final class KernelMap {
    static final String KERNEL = "[kernel.kallsyms]";

    private record Range(long end, String dso, String symbol) {}

    private final TreeMap<Long, Range> ranges = new TreeMap<>(Long::compareUnsigned);
    private final TreeMap<Long, Range> symbols = new TreeMap<>(Long::compareUnsigned);
    private long textAddress;
    private long textReference;

    /** The kernel's own mapping; its file offset holds the address of the reference symbol ({@code _text}) as it was then. */
    void kernel(MappedRange range, String reference) {
        ranges.put(range.address(), new Range(range.address() + range.length(), KERNEL, reference));
        textAddress = range.address();
        textReference = range.fileOffset();
    }

    /** A module's mapping: its path, or its name in brackets. */
    void module(MappedRange range) {
        ranges.put(range.address(), new Range(range.address() + range.length(), moduleName(range.path()), ""));
    }

    /** Text with a name of its own. */
    void symbol(long address, long length, String name) {
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

    /** Where the kernel's text was, or 0 if the recording does not say. */
    long textAddress() {
        return textAddress;
    }

    /** Where the reference symbol was in the recorded boot, or 0. */
    long textReference() {
        return textReference;
    }

    /** The dso of a kernel address. */
    String dso(long address) {
        Map.Entry<Long, Range> found = ranges.floorEntry(address);
        boolean inside = found != null && Long.compareUnsigned(address, found.getValue().end) < 0;
        return inside ? found.getValue().dso : KERNEL;
    }

    /** The name of text that came while recording, and its start; null for other text. */
    Map.@org.jspecify.annotations.Nullable Entry<Long, String> symbolAt(long address) {
        Map.Entry<Long, Range> found = symbols.floorEntry(address);
        if (found == null || Long.compareUnsigned(address, found.getValue().end) >= 0) {
            return null;
        }
        return Map.entry(found.getKey(), found.getValue().symbol);
    }
}
