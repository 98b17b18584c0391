package org.backstitch.dump.kernel;

import java.io.ByteArrayOutputStream;
import java.nio.charset.StandardCharsets;
import java.util.List;
import java.util.Map;
import java.util.OptionalLong;
import java.util.Set;
import org.backstitch.bytes.Bytes;
import org.backstitch.bytes.MalformedInputException;
import org.backstitch.elf.ElfFile;
import org.backstitch.elf.ElfSection;
import org.backstitch.elf.ElfSymbols;
import org.backstitch.elf.orc.KernelRelease;
import org.backstitch.elf.orc.OrcTable;
import org.backstitch.symbols.Kallsyms;
import org.backstitch.unwind.KernelCallchain;
import org.backstitch.unwind.KernelStacks;
import org.backstitch.unwind.KernelText;
import org.backstitch.unwind.KernelUnwinder;
import org.backstitch.unwind.ReturnHooks;
import org.backstitch.unwind.StopReason;
import org.jspecify.annotations.Nullable;

/**
 * A crashed kernel: its tasks, its modules, and walks of its stacks.
 *
 * <p>What a walk needs is looked for in vmlinux and, where that has it not, in the dump: symbols, types (BTF) and unwind tables (ORC).
 * A complete dump of a kernel with BTF needs no vmlinux at all.
 *
 * {@snippet :
 * VmCore core = VmCore.open(path, arena);
 * KernelDump dump = KernelDump.read(core, ElfFile.map(vmlinuxPath, arena));
 * KernelDump.Walker walker = dump.walker();
 * KernelCallchain chain = new KernelCallchain();
 * for (KernelTask task : dump.tasks()) {
 *     StopReason stop = walker.walk(task, chain);
 * }
 * }
 *
 * <p>Reading is done by one thread; afterwards, any number of threads may have a {@link Walker} of their own.
 */
public final class KernelDump {
    private static final long UNWIND_TABLE_LIMIT = 1L << 28;

    /** All types that are asked for in this package; each is looked for in DWARF only if there is no BTF. */
    private static final Set<String> KERNEL_TYPES = Set.of(
            "bin_attribute",
            "bpf_ksym",
            "cea_exception_stacks",
            "cpu_entry_area",
            "ftrace_ops",
            "ftrace_ret_stack",
            "inactive_task_frame",
            "irq_stack",
            "kretprobe_instance",
            "mod_kallsyms",
            "mod_mem_type",
            "module",
            "module_sect_attr",
            "module_sect_attrs",
            "orig_ist",
            "pcpu_hot",
            "rethook_node",
            "rq",
            "signal_struct",
            "task_struct",
            "thread_union");

    private static final Set<String> KERNEL_ENUMERATORS = Set.of("FTRACE_OPS_FL_SAVE_REGS");

    private final VmCore core;
    private final long kernelOffset;
    private final Kernel kernel;
    private final DumpSymbols ownSymbols;
    private final CpuMap cpus;
    private final StackMap stacks;
    private final TaskList.Result tasks;
    private final ModuleList.Result modules;
    private final GeneratedCode generated;
    private final OrcRows rows;
    private final KernelText text;
    private final InactiveFrame inactiveFrame;
    private final TracerHooks hooks;

    private KernelDump(VmCore core, @Nullable ElfFile vmlinux, @Nullable Kallsyms kallsyms) {
        this.core = core;
        KernelMemory memory = core.memory();
        ElfSymbols table = vmlinux == null ? null : vmlinux.symbols().orElse(null);
        kernelOffset = KernelOffset.find(core, memory, table == null ? null : new VmlinuxSymbols(table, 0));
        ownSymbols = new DumpSymbols(core, memory);
        SymbolAddresses symbols = symbols(table, kallsyms);
        kernel = new Kernel(memory, types(core, memory, vmlinux, symbols), symbols, core.source());
        ImageTable image = imageTable(core, memory, vmlinux, symbols);
        cpus = CpuMap.read(kernel, core.cpus());
        stacks = new StackMap(kernel, cpus);
        inactiveFrame = new InactiveFrame(kernel);
        tasks = TaskList.read(kernel, cpus, inactiveFrame);
        modules = ModuleList.read(kernel, image.table.format());
        hooks = new TracerHooks(kernel);
        generated = GeneratedCode.read(kernel);
        rows = new OrcRows(image.table, image.offset, modules.modules(), generated);
        text = text(image, modules.modules(), generated);
    }

    /** A symbol that a whole list does not have, the kernel does not have: no need to decode all that the dump has for it. */
    private SymbolAddresses symbols(@Nullable ElfSymbols table, @Nullable Kallsyms kallsyms) {
        if (table != null) {
            return new VmlinuxSymbols(table, kernelOffset).or(ownSymbols::inInfo);
        }
        if (kallsyms != null) {
            Map<String, Long> addresses = kallsyms.kernelAddresses();
            SymbolAddresses listed = name -> {
                Long address = addresses.get(name);
                return address == null ? OptionalLong.empty() : OptionalLong.of(address);
            };
            return listed.or(ownSymbols::inInfo);
        }
        return ownSymbols;
    }

    /** {@link #read(VmCore, ElfFile, Kallsyms)} without a list of symbols. */
    public static KernelDump read(VmCore core, @Nullable ElfFile vmlinux) {
        return read(core, vmlinux, null);
    }

    /**
     * Reads the kernel's state out of a dump.
     *
     * @param vmlinux the kernel's image: with symbols, BTF and ORC, or as much of them as there is; null to use only what the dump has
     * @param kallsyms a copy of {@code /proc/kallsyms} from the boot that crashed, for where vmlinux has no symbols; null if there is none
     * @throws MalformedInputException if the image is of another kernel, or symbols, types or unwind tables are missing from both
     */
    public static KernelDump read(VmCore core, @Nullable ElfFile vmlinux, @Nullable Kallsyms kallsyms) {
        if (vmlinux != null) {
            checkBuildId(core, vmlinux);
        }
        return new KernelDump(core, vmlinux, kallsyms);
    }

    private static void checkBuildId(VmCore core, ElfFile vmlinux) {
        VmCoreInfo info = core.info();
        String recorded = info == null ? null : info.buildId();
        String actual = vmlinux.buildId().map(Object::toString).orElse(null);
        if (recorded != null && actual != null && !recorded.equalsIgnoreCase(actual)) {
            throw vmlinux.bytes()
                    .malformed(
                            0,
                            "not the kernel of " + core.source() + ": its build id is " + actual + ", expected "
                                    + recorded);
        }
    }

    private static Btf types(VmCore core, KernelMemory memory, @Nullable ElfFile vmlinux, SymbolAddresses symbols) {
        Bytes section = vmlinux == null ? null : section(vmlinux, ".BTF");
        if (section == null) {
            section = between(memory, symbols, "__start_BTF", "__stop_BTF");
        }
        if (section != null) {
            return new Btf(section);
        }
        Btf fromDwarf = vmlinux == null ? null : DwarfTypes.read(vmlinux, KERNEL_TYPES, KERNEL_ENUMERATORS);
        if (fromDwarf == null) {
            throw missing(core, vmlinux, "type information (BTF or DWARF)");
        }
        return fromDwarf;
    }

    /**
     * The kernel's unwind table.
     *
     * @param offset what the kernel's addresses have more than the table's
     */
    private record ImageTable(OrcTable table, long offset) {}

    private ImageTable imageTable(
            VmCore core, KernelMemory memory, @Nullable ElfFile vmlinux, SymbolAddresses symbols) {
        KernelRelease release = release(core);
        if (vmlinux != null && section(vmlinux, ".orc_unwind") != null && section(vmlinux, ".orc_unwind_ip") != null) {
            return new ImageTable(OrcTable.of(vmlinux, release), kernelOffset);
        }
        Bytes entries = between(memory, symbols, "__start_orc_unwind", "__stop_orc_unwind");
        Bytes ips = between(memory, symbols, "__start_orc_unwind_ip", "__stop_orc_unwind_ip");
        if (entries == null || ips == null) {
            throw missing(core, vmlinux, "unwind tables (ORC)");
        }
        Bytes header = between(memory, symbols, "__start_orc_header", "__stop_orc_header");
        long ipsAddress = symbols.address("__start_orc_unwind_ip").orElseThrow();
        return new ImageTable(OrcTable.read(entries, ips, ipsAddress, header, release), 0);
    }

    private static KernelText text(ImageTable image, List<KernelModule> modules, GeneratedCode generated) {
        KernelText.Builder text = KernelText.builder();
        if (image.table.size() != 0) {
            OrcLookup rows = new OrcLookup(image.table);
            text.tables(rows.start() + image.offset, rows.end() + image.offset, rows, image.offset);
        }
        for (KernelModule module : modules) {
            OrcTable table = module.orc();
            if (table != null) {
                OrcLookup rows = new OrcLookup(table);
                module.text().forEach(range -> text.tables(range.start(), range.end(), rows, 0));
            }
        }
        generated.addTo(text);
        return text.build();
    }

    private static @Nullable KernelRelease release(VmCore core) {
        VmCoreInfo info = core.info();
        String release = info == null ? null : info.release();
        return release == null ? null : KernelRelease.parse(release).orElse(null);
    }

    /** A section's bytes, or null if the file does not have it or has it without bytes. */
    private static @Nullable Bytes section(ElfFile file, String name) {
        return file.section(name)
                .filter(section -> !section.isNoBits() && section.size() != 0)
                .map(ElfSection::data)
                .orElse(null);
    }

    /** What lies between two symbols, or null if they or the bytes are not there. */
    private static @Nullable Bytes between(KernelMemory memory, SymbolAddresses symbols, String from, String to) {
        OptionalLong start = symbols.address(from);
        OptionalLong end = symbols.address(to);
        if (start.isEmpty() || end.isEmpty()) {
            return null;
        }
        long size = end.getAsLong() - start.getAsLong();
        return size <= 0 || size > UNWIND_TABLE_LIMIT ? null : memory.bytes(start.getAsLong(), size, from);
    }

    private static MalformedInputException missing(VmCore core, @Nullable ElfFile vmlinux, String what) {
        String where = vmlinux == null
                ? " in the dump: the kernel's vmlinux is needed"
                : ", neither in the dump nor in " + vmlinux.bytes().source();
        return new MalformedInputException(core.source(), 0, "no " + what + " of the kernel" + where);
    }

    /** The dump itself. */
    public VmCore core() {
        return core;
    }

    /** How far KASLR moved the kernel from where it was linked, in bytes. */
    public long kernelOffset() {
        return kernelOffset;
    }

    /** All tasks that have a stack: the idle ones by CPU, then the others in the order of the kernel's lists. */
    public List<KernelTask> tasks() {
        return tasks.tasks();
    }

    /** The modules, in the order of the kernel's list: last loaded first. */
    public List<KernelModule> modules() {
        return modules.modules();
    }

    /** The module whose code is at {@code address}, or null. */
    public @Nullable KernelModule module(long address) {
        for (KernelModule module : modules()) {
            if (module.covers(address)) {
                return module;
            }
        }
        return null;
    }

    /**
     * The symbols in the dump's own memory, of the kernel and of its modules, as {@code /proc/kallsyms} would have shown them. To be called
     * by the thread that read the dump.
     *
     * @return null if the dump does not hold them
     * @throws MalformedInputException if what is there cannot be such tables
     */
    public @Nullable Kallsyms kallsyms() {
        Bytes text = kallsymsText();
        return text == null ? null : Kallsyms.inKernelOrder(text);
    }

    /** The same as text. */
    @Nullable
    Bytes kallsymsText() {
        ByteArrayOutputStream text = new ByteArrayOutputStream();
        KallsymsTables tables = ownSymbols.kallsyms(kernel.symbols());
        if (tables != null) {
            tables.writeTo(text);
        }
        ModuleSymbols ofModules = new ModuleSymbols(kernel);
        for (KernelModule module : modules()) {
            byte[] suffix = ("\t[" + module.name() + "]\n").getBytes(StandardCharsets.UTF_8);
            ofModules.forEach(module, (address, letter, name) -> {
                KallsymsTables.writeLine(text, address, letter);
                text.writeBytes(name.getBytes(StandardCharsets.UTF_8));
                text.writeBytes(suffix);
            });
        }
        for (GeneratedCode.Trampoline trampoline : generated.trampolines()) {
            KallsymsTables.writeLine(text, trampoline.start(), 't');
            text.writeBytes("ftrace_trampoline\t[__builtin__ftrace]\n".getBytes(StandardCharsets.UTF_8));
        }
        for (GeneratedCode.BpfCode code : generated.bpf()) {
            KallsymsTables.writeLine(text, code.start(), 't');
            text.writeBytes((code.name() + "\t[bpf]\n").getBytes(StandardCharsets.UTF_8));
        }
        return text.size() == 0 ? null : Bytes.of(text.toByteArray(), core.source() + "(kallsyms)");
    }

    /** How many tasks and modules the kernel's lists name that the dump does not hold, or not completely. */
    public long unreadable() {
        return tasks.unreadable() + modules.unreadable();
    }

    /** Where the walk of a task's stack begins. */
    WalkStart walkStart(KernelTask task) {
        KernelMemory memory = core.memory();
        CpuMap.Cpu cpu = task.running() ? cpus.cpu(task.cpu()) : null;
        CpuState state = cpu == null ? null : cpu.state();
        KernelStacks knownStacks = stacks.of(task);
        ReturnHooks replaced = hooks.of(task, memory);
        if (state != null) {
            return WalkStart.ofCpu(state.status().registers(), state.status().codeSegment(), knownStacks, replaced);
        }
        if (task.running()) {
            // What the task left when it last slept is no stack any more.
            return WalkStart.none(StopReason.MISSING_REGISTER);
        }
        long frame = task.savedStackPointer();
        if (!inactiveFrame.isReadable(memory, frame)) {
            return WalkStart.none(StopReason.BAD_MEMORY);
        }
        return WalkStart.ofSleeping(
                frame + inactiveFrame.size(),
                inactiveFrame.rbp(memory, frame),
                task.resumeAddress(),
                task.isNew(),
                knownStacks,
                replaced);
    }

    /** The unwind tables as they were read. */
    OrcRows rows() {
        return rows;
    }

    /** The same as the walk wants them. */
    KernelText text() {
        return text;
    }

    /** A walker for one thread. */
    public Walker walker() {
        return new Walker();
    }

    /** Walks the stacks of tasks. Belongs to one thread. */
    public final class Walker {
        private final KernelMemory memory = core.memory();
        private final KernelUnwinder unwinder = new KernelUnwinder(text, memory);

        private Walker() {}

        /** Chains end after so many kernel frames, at least 1; without a limit at first. */
        public void setMaxFrames(int limit) {
            unwinder.setMaxFrames(limit);
        }

        /**
         * Walks the stack of a task: from its CPU's registers if it runs, else from where it gave up its CPU.
         *
         * @param chain is filled with the frames
         * @return why the walk ended; {@link StopReason#BAD_MEMORY} without any frame if the dump does not hold what it starts from,
         *     {@link StopReason#MISSING_REGISTER} if it does not hold the registers of the CPU that the task runs on
         */
        public StopReason walk(KernelTask task, KernelCallchain chain) {
            return walkStart(task).walk(unwinder, chain);
        }

        /** How many pages of the dump were broken when they were needed. */
        public long brokenPages() {
            return memory.brokenPages();
        }
    }
}
