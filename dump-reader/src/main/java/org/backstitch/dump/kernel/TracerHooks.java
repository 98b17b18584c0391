package org.backstitch.dump.kernel;

import java.util.ArrayList;
import java.util.List;
import java.util.OptionalLong;
import org.backstitch.unwind.ReturnHooks;
import org.jspecify.annotations.Nullable;

/**
 * The return addresses that tracers have replaced on a task's stack, and what stood there before.
 *
 * <ul>
 *   <li>The function graph tracer keeps them on a shadow stack, {@code task->ret_stack}: an array of {@code struct ftrace_ret_stack}
 *       until 6.10, since then such structures with tracers' data between them. So that both can be read without knowing how the data
 *       is marked, the used part is searched from its top for the place that was changed, which every entry records.
 *   <li>Rethooks (kretprobes since 5.18, fprobes) and kretprobes of 5.14 to 5.17 hang on lists of the task, each with the place that it
 *       changed.
 * </ul>
 *
 * <p>Immutable; knows where things are, and is given the memory to read them from.
 */
final class TracerHooks {
    /** More of a shadow stack than a kernel ever had; what is used of it is told by the task. */
    private static final long MAX_SHADOW_STACK = 1 << 16;

    private static final int MAX_NODES = 4096;

    private final @Nullable ShadowStack graph;
    private final List<HookList> lists = new ArrayList<>();

    /**
     * The shadow stack of the function graph tracer.
     *
     * @param unit size in bytes of what {@code top} counts
     * @param used how many units more than {@code top} says are in use: an index of the top entry, or a number of words
     */
    private record ShadowStack(
            long trampoline,
            Btf.Member stack,
            Btf.Member top,
            long unit,
            long used,
            long returnOffset,
            long placeOffset) {}

    /** A list of replaced return addresses. */
    private record HookList(long trampoline, Btf.Member head, long linkOffset, long returnOffset, long placeOffset) {}

    TracerHooks(Kernel kernel) {
        Btf.Struct task = kernel.struct("task_struct");
        graph = shadowStack(kernel, task);
        addList(kernel, task, "arch_rethook_trampoline", "rethooks", "rethook_node", "frame");
        addList(kernel, task, "__kretprobe_trampoline", "kretprobe_instances", "kretprobe_instance", "fp");
        addList(kernel, task, "kretprobe_trampoline", "kretprobe_instances", "kretprobe_instance", "fp");
    }

    private static @Nullable ShadowStack shadowStack(Kernel kernel, Btf.Struct task) {
        OptionalLong trampoline = kernel.symbols().address("return_to_handler");
        Btf.Struct entry = kernel.types().struct("ftrace_ret_stack");
        Btf.Member stack = task.member("ret_stack");
        Btf.Member top = task.member("curr_ret_stack");
        Btf.Member returnAddress = entry == null ? null : entry.member("ret");
        Btf.Member place = entry == null ? null : entry.member("retp");
        if (trampoline.isEmpty()
                || entry == null
                || stack == null
                || top == null
                || returnAddress == null
                || place == null) {
            return null;
        }
        boolean array = task.pointee("ret_stack") != null;
        return new ShadowStack(
                trampoline.getAsLong(),
                stack,
                top,
                array ? entry.size() : Long.BYTES,
                array ? 1 : 0,
                returnAddress.offset(),
                place.offset());
    }

    private void addList(
            Kernel kernel, Btf.Struct task, String trampoline, String head, String nodeName, String placeName) {
        OptionalLong address = kernel.symbols().address(trampoline);
        Btf.Member first = task.member(head + ".first");
        Btf.Struct node = kernel.types().struct(nodeName);
        Btf.Member link = node == null ? null : node.member("llist");
        Btf.Member returnAddress = node == null ? null : node.member("ret_addr");
        Btf.Member place = node == null ? null : node.member(placeName);
        if (address.isPresent() && first != null && link != null && returnAddress != null && place != null) {
            lists.add(new HookList(address.getAsLong(), first, link.offset(), returnAddress.offset(), place.offset()));
        }
    }

    /** The hooks on the stack of a task. */
    ReturnHooks of(KernelTask task, KernelMemory memory) {
        return graph == null && lists.isEmpty()
                ? ReturnHooks.NONE
                : (returnAddress, slot) -> original(memory, task.address(), returnAddress, slot);
    }

    /** A place may have been changed by both kinds of tracers; the graph tracer's change is the last one ({@code unwind_recover_ret_addr}). */
    private long original(KernelMemory memory, long task, long returnAddress, long slot) {
        long address = returnAddress;
        if (graph != null && address == graph.trampoline) {
            address = fromGraph(memory, graph, task, address, slot);
        }
        for (HookList list : lists) {
            if (address == list.trampoline) {
                address = fromList(memory, list, task, address, slot);
            }
        }
        return address;
    }

    private static long fromGraph(KernelMemory memory, ShadowStack shadow, long task, long returnAddress, long slot) {
        long stackAt = task + shadow.stack.offset();
        long topAt = task + shadow.top.offset();
        if (!memory.isReadable(stackAt, Long.BYTES) || !memory.isReadable(topAt, Integer.BYTES)) {
            return returnAddress;
        }
        long bottom = memory.readLong(stackAt);
        long size = Math.min((memory.readInt(topAt) + shadow.used) * shadow.unit, MAX_SHADOW_STACK);
        for (long at = (size & -Long.BYTES) - Long.BYTES; at >= 0; at -= Long.BYTES) {
            long entry = bottom + at - shadow.placeOffset;
            if (at >= shadow.placeOffset
                    && memory.isReadable(bottom + at, Long.BYTES)
                    && memory.readLong(bottom + at) == slot
                    && memory.isReadable(entry + shadow.returnOffset, Long.BYTES)) {
                return memory.readLong(entry + shadow.returnOffset);
            }
        }
        return returnAddress;
    }

    private static long fromList(KernelMemory memory, HookList list, long task, long returnAddress, long slot) {
        long headAt = task + list.head.offset();
        if (!memory.isReadable(headAt, Long.BYTES)) {
            return returnAddress;
        }
        long node = memory.readLong(headAt);
        for (int i = 0; i < MAX_NODES && node != 0; i++) {
            long hook = node - list.linkOffset;
            if (!memory.isReadable(node, Long.BYTES)
                    || !memory.isReadable(hook + list.placeOffset, Long.BYTES)
                    || !memory.isReadable(hook + list.returnOffset, Long.BYTES)) {
                return returnAddress;
            }
            long saved = memory.readLong(hook + list.returnOffset);
            if (memory.readLong(hook + list.placeOffset) == slot && saved != list.trampoline) {
                return saved;
            }
            node = memory.readLong(node);
        }
        return returnAddress;
    }
}
