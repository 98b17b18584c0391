package org.backstitch.dump.kernel;

import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import org.backstitch.bytes.Bytes;
import org.backstitch.elf.ElfFile;
import org.backstitch.fixtures.Fixtures;

/** The bundled dumps, and what others say of them. */
final class Dumps {
    private Dumps() {}

    static Bytes bytes(String name) {
        return Bytes.of(Fixtures.bytes("dump/" + name + ".xz"), name);
    }

    static VmCore core(String name) {
        return VmCore.of(bytes(name));
    }

    static ElfFile vmlinux(String version) {
        return ElfFile.of(bytes("vmlinux-" + version));
    }

    /** The version of the kernel in a dump that is named as those with drgn's frames are. */
    static String version(String dump) {
        return dump.startsWith("v612") ? "6.12" : dump.startsWith("v61") ? "6.1" : "7.2";
    }

    /** A frame as drgn has it. */
    record Frame(long pc, long sp, boolean interrupted, String symbol, long offset) {}

    /** A task as drgn has it; a task is known by its pid, an idle one also by its CPU. */
    record Task(int pid, int cpu, String comm, List<Frame> frames) {
        static String key(int pid, int cpu) {
            return pid == 0 ? "0/" + cpu : String.valueOf(pid);
        }
    }

    /** drgn's frames. */
    static Map<String, Task> frames(String dump) {
        Map<String, Task> tasks = new LinkedHashMap<>();
        Task task = null;
        for (String line : Fixtures.lines("dump/" + dump + ".frames.xz")) {
            String[] fields = line.split(" ", 4);
            switch (fields[0]) {
                case "task" -> {
                    int pid = Integer.parseInt(fields[1]);
                    int cpu = Integer.parseInt(fields[2]);
                    task = new Task(pid, cpu, fields[3], new ArrayList<>());
                    tasks.put(Task.key(pid, cpu), task);
                }
                case "frame" -> {
                    String[] rest = fields[3].split(" ", -1);
                    if (task == null) {
                        throw new AssertionError(line);
                    }
                    task.frames.add(new Frame(
                            Long.parseUnsignedLong(fields[1], 16),
                            Long.parseUnsignedLong(fields[2], 16),
                            rest[0].equals("1"),
                            rest[1],
                            Long.parseLong(rest[2])));
                }
                default -> {
                    // The first user frame.
                }
            }
        }
        return tasks;
    }

    /** What {@code /proc/PID/stack} said in the guest: lines {@code [<0>] symbol+0xoffset/0xsize}. */
    static Map<Integer, List<String>> stacks(String dump) {
        Map<Integer, List<String>> stacks = new LinkedHashMap<>();
        List<String> lines = new ArrayList<>();
        for (String line : Fixtures.lines("dump/" + dump + ".stacks.xz")) {
            if (line.startsWith("PID /proc/")) {
                lines = new ArrayList<>();
                stacks.put(Integer.parseInt(line.split("[/ ]", -1)[3]), lines);
            } else {
                lines.add(line.substring("[<0>] ".length(), line.lastIndexOf('/')));
            }
        }
        return stacks;
    }
}
