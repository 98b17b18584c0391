package org.backstitch.dump.kernel;

import java.util.ArrayList;
import java.util.HashSet;
import java.util.List;
import java.util.OptionalLong;
import java.util.Set;
import org.backstitch.unwind.KernelText;

/**
 * Finds the code that a kernel made at run time: the trampolines that ftrace copied from its templates, and the programs that the BPF
 * compiler translated. Neither has an ORC table; what is known of both is how they were made ({@code orc_ftrace_find},
 * {@code orc_bpf_find}).
 */
final class GeneratedCode {
    private static final int MAX_NAME = 512; // KSYM_NAME_LEN

    /**
     * A translated BPF program or trampoline.
     *
     * @param frameStart from where on its frame pointer is set up
     * @param frameEnd up to where it is
     */
    record BpfCode(long start, long end, long frameStart, long frameEnd, String name) {}

    /** A copy of a template. */
    record Trampoline(long start, long end, long template) {}

    private final List<Trampoline> trampolines;
    private final List<BpfCode> bpf;

    private GeneratedCode(List<Trampoline> trampolines, List<BpfCode> bpf) {
        this.trampolines = List.copyOf(trampolines);
        this.bpf = List.copyOf(bpf);
    }

    /** What the dump shows; nothing where it does not hold the kernel's lists of it. */
    static GeneratedCode read(Kernel kernel) {
        return new GeneratedCode(trampolines(kernel), bpf(kernel));
    }

    /** BPF programs and trampolines. */
    List<BpfCode> bpf() {
        return bpf;
    }

    /** ftrace's trampolines. */
    List<Trampoline> trampolines() {
        return trampolines;
    }

    /** Adds what is known of the unwind rules. */
    void addTo(KernelText.Builder text) {
        trampolines.forEach(each -> text.copy(each.start, each.end, each.template));
        bpf.forEach(each -> text.framePointerCode(each.frameStart, each.frameEnd));
    }

    /** All of {@code ftrace_ops_list}: each user of ftrace has a trampoline of its own, or none. */
    private static List<Trampoline> trampolines(Kernel kernel) {
        List<Trampoline> found = new ArrayList<>();
        Btf.Struct ops = kernel.types().struct("ftrace_ops");
        OptionalLong head = kernel.symbols().address("ftrace_ops_list");
        OptionalLong plain = kernel.symbols().address("ftrace_caller");
        OptionalLong withRegisters = kernel.symbols().address("ftrace_regs_caller");
        Long saveRegisters = kernel.types().enumerator("", "FTRACE_OPS_FL_SAVE_REGS");
        if (ops == null
                || head.isEmpty()
                || plain.isEmpty()
                || withRegisters.isEmpty()
                || saveRegisters == null
                || !kernel.isReadable(head.getAsLong(), Long.BYTES)) {
            return found;
        }
        Btf.Member next = ops.member("next");
        Btf.Member flags = ops.member("flags");
        Btf.Member start = ops.member("trampoline");
        Btf.Member size = ops.member("trampoline_size");
        if (next == null || flags == null || start == null || size == null) {
            return found;
        }
        Set<Long> seen = new HashSet<>();
        long each = kernel.memory().readLong(head.getAsLong());
        while (each != 0
                && seen.add(each)
                && kernel.isReadable(each, next)
                && kernel.isReadable(each, flags)
                && kernel.isReadable(each, start)
                && kernel.isReadable(each, size)) {
            long address = kernel.read(each, start);
            long length = kernel.read(each, size);
            if (address != 0 && length != 0) {
                boolean full = (kernel.read(each, flags) & saveRegisters) != 0;
                found.add(new Trampoline(
                        address, address + length, full ? withRegisters.getAsLong() : plain.getAsLong()));
            }
            each = kernel.read(each, next);
        }
        return found;
    }

    /** All of {@code bpf_kallsyms}. Since 6.18 its entries say where the frame pointer is set up; before that, assume everywhere. */
    private static List<BpfCode> bpf(Kernel kernel) {
        List<BpfCode> found = new ArrayList<>();
        Btf.Struct symbol = kernel.types().struct("bpf_ksym");
        OptionalLong head = kernel.symbols().address("bpf_kallsyms");
        Btf.Member start = symbol == null ? null : symbol.member("start");
        Btf.Member end = symbol == null ? null : symbol.member("end");
        Btf.Member name = symbol == null ? null : symbol.member("name");
        Btf.Member node = symbol == null ? null : symbol.member("lnode");
        if (symbol == null || start == null || end == null || name == null || node == null || head.isEmpty()) {
            return found;
        }
        Btf.Member frameStart = symbol.member("fp_start");
        Btf.Member frameEnd = symbol.member("fp_end");
        Set<Long> seen = new HashSet<>();
        long link = head.getAsLong();
        while (kernel.isReadable(link, Long.BYTES)) {
            link = kernel.memory().readLong(link);
            long each = link - node.offset();
            if (link == head.getAsLong()
                    || !seen.add(link)
                    || !kernel.isReadable(each, start)
                    || !kernel.isReadable(each, end)) {
                break;
            }
            long from = kernel.read(each, start);
            long to = kernel.read(each, end);
            boolean told = frameStart != null
                    && frameEnd != null
                    && kernel.isReadable(each, frameStart)
                    && kernel.isReadable(each, frameEnd);
            found.add(new BpfCode(
                    from,
                    to,
                    told && frameStart != null ? from + kernel.read(each, frameStart) : from,
                    told && frameEnd != null ? from + kernel.read(each, frameEnd) : to,
                    kernel.memory().readString(each + name.offset(), (int) Math.min(name.size(), MAX_NAME))));
        }
        return found;
    }
}
