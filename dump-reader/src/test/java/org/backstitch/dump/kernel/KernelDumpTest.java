package org.backstitch.dump.kernel;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertNotNull;
import static org.junit.jupiter.api.Assertions.assertNull;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.lang.foreign.Arena;
import java.nio.file.Files;
import java.nio.file.Path;
import java.security.MessageDigest;
import java.security.NoSuchAlgorithmException;
import java.util.ArrayList;
import java.util.HexFormat;
import java.util.List;
import java.util.Map;
import java.util.OptionalLong;
import java.util.Set;
import java.util.TreeSet;
import org.backstitch.bytes.Bytes;
import org.backstitch.bytes.MalformedInputException;
import org.backstitch.elf.ElfFile;
import org.backstitch.fixtures.Fixtures;
import org.backstitch.symbols.Kallsyms;
import org.backstitch.unwind.KernelCallchain;
import org.backstitch.unwind.StopReason;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** Dumps of real kernels, read from end to end, against what drgn and the kernels themselves say of the same tasks. */
class KernelDumpTest {
    /** Tasks that never sleep for long: they have moved on between the guest's look at their stacks and the dump. */
    private static final Set<Integer> BUSY_IN_SOFTIRQ_510 =
            Set.of(129, 130, 131, 132, 133, 134, 135, 136, 137, 138, 139);

    private static KernelNames names(KernelDump dump, @Nullable ElfFile vmlinux, @Nullable Path modules) {
        try {
            return KernelNames.of(dump, vmlinux, null, modules, Arena.ofAuto());
        } catch (IOException e) {
            throw new AssertionError(e);
        }
    }

    @ParameterizedTest
    @ValueSource(
            strings = {
                "v61-irq",
                "v61-tcp",
                "v612-nmi",
                "v612-tcp",
                "k-rand1",
                "n-error-entry",
                "n-switch",
                "n-syscall-hwframe",
                "n-virtio-irq"
            })
    void everyFrameOfEveryTaskIsDrgns(String name, @TempDir Path modules) throws IOException {
        // Modules of 7.2, of which the other kernels' build ids must not match.
        Files.write(modules.resolve("jbd2.ko.xz"), raw("dump/jbd2.ko.xz"));
        Files.write(modules.resolve("virtio-blk.ko.xz"), raw("orc/7.2/virtio_blk.ko.xz"));
        ElfFile vmlinux = Dumps.vmlinux(Dumps.version(name));
        KernelDump dump = KernelDump.read(Dumps.core(name + ".core"), vmlinux);
        KernelNames names = names(dump, vmlinux, modules);
        KernelDump.Walker walker = dump.walker();
        KernelCallchain chain = new KernelCallchain();
        Map<String, Dumps.Task> expected = Dumps.frames(name);
        int named = 0;
        Set<String> seen = new TreeSet<>();
        for (KernelTask task : dump.tasks()) {
            Dumps.Task golden = expected.get(Dumps.Task.key(task.pid(), task.cpu()));
            if (golden == null) {
                continue; // not trusted by who recorded it
            }
            assertTrue(seen.add(Dumps.Task.key(task.pid(), task.cpu())), "twice: " + task);
            assertEquals(golden.comm(), task.comm());
            assertEquals(golden.cpu(), task.cpu(), task.toString());
            StopReason stop = walker.walk(task, chain);
            List<Dumps.Frame> frames = new ArrayList<>();
            for (int i = 0; i < chain.size(); i++) {
                Dumps.Frame theirs =
                        i < golden.frames().size() ? golden.frames().get(i) : null;
                String symbol = "-";
                long offset = 0;
                KernelNames.Name found = names.find(chain.pc(i), chain.isInterrupted(i));
                boolean fileAtHand = found.module().isEmpty()
                        || Set.of("[jbd2]", "[virtio_blk]").contains(found.module());
                if (theirs != null && !theirs.symbol().equals("-") && fileAtHand) {
                    symbol = String.valueOf(found.symbol());
                    offset = found.offset();
                    named++;
                } else if (theirs != null) {
                    symbol = theirs.symbol();
                    offset = theirs.offset();
                }
                frames.add(new Dumps.Frame(chain.pc(i), chain.sp(i), chain.isInterrupted(i), symbol, offset));
            }
            assertEquals(golden.frames(), frames, task + " " + stop);
            boolean complete = stop == StopReason.END_OF_STACK
                    || stop == StopReason.USER_REGISTERS
                    || task.isNew() && stop == StopReason.NO_UNWIND_INFO;
            assertTrue(complete || isInEntryCode(name), () -> task + " " + stop);
        }
        assertEquals(expected.keySet().size(), seen.size());
        assertTrue(named > 700, "frames with names: " + named);
        assertEquals(name.startsWith("v") ? 1 : 0, names.rejectedFiles(), "jbd2 of another build");
    }

    /** Where a CPU stands in {@code entry_SYSCALL_64} with the hardware's frame half pushed, or at an indirect call's thunk, ORC says "undefined". */
    private static boolean isInEntryCode(String dump) {
        return dump.equals("n-syscall-hwframe") || dump.startsWith("n-") || dump.startsWith("k-");
    }

    private static byte[] raw(String fixture) throws IOException {
        try (var in = Fixtures.class.getResourceAsStream(fixture)) {
            return in == null ? new byte[0] : in.readAllBytes();
        }
    }

    private static void assertStacksAreTheKernels(
            KernelDump dump,
            KernelNames names,
            SymbolAddresses symbols,
            Map<Integer, List<String>> expected,
            Set<Integer> ran) {
        KernelDump.Walker walker = dump.walker();
        KernelCallchain chain = new KernelCallchain();
        int same = 0;
        for (KernelTask task : dump.tasks()) {
            List<String> golden = expected.get(task.pid());
            if (task.pid() == 0 || golden == null || ran.contains(task.pid())) {
                continue;
            }
            StopReason stop = walker.walk(task, chain);
            assertTrue(stop == StopReason.END_OF_STACK || stop == StopReason.USER_REGISTERS, task + " " + stop);
            // The kernel leaves out the scheduler's functions on top: compare from the outermost frame on.
            assertTrue(chain.size() >= golden.size(), task.toString());
            int top = chain.size() - golden.size();
            assertTrue(top > 0 && top <= 5, task + ": " + top + " frames of the scheduler");
            for (int i = 0; i < golden.size(); i++) {
                String[] place = golden.get(i).split("\\+0x", -1);
                long pc = chain.pc(top + i);
                OptionalLong start = symbols.address(place[0]);
                if (start.isPresent() && start.getAsLong() + Long.parseLong(place[1], 16) == pc) {
                    continue; // another label of the same place
                }
                KernelNames.Name name = names.find(pc, false);
                assertEquals(golden.get(i), name.symbol() + "+0x" + Long.toHexString(name.offset()), task.toString());
            }
            same++;
        }
        assertTrue(same > 45, "tasks compared: " + same);
    }

    /**
     * A dump alone: symbols, types and unwind tables come out of its own memory. Tasks sleep behind return addresses that the function
     * graph tracer and kretprobes have replaced; the kernel's own stack traces show what stood there.
     */
    @Test
    void aCompleteDumpNeedsNoVmlinux() throws NoSuchAlgorithmException {
        KernelDump dump = KernelDump.read(Dumps.core("traced-61.core"), null);
        KernelNames names = names(dump, null, null);
        assertEquals(0x3220_0000L, dump.kernelOffset());
        assertEquals(
                List.of("dummy", "loop", "qemu_fw_cfg"),
                dump.modules().stream().map(KernelModule::name).sorted().toList());
        assertTrue(dump.modules().stream().allMatch(module -> module.orc() != null));
        assertStacksAreTheKernels(
                dump, names, name -> OptionalLong.empty(), Dumps.stacks("traced-61"), Set.of(1, 108, 109));
        Bytes text = dump.kallsymsText();
        assertNotNull(text);
        byte[] digest = MessageDigest.getInstance("SHA-256").digest(text.copy(0, (int) text.size()));
        assertEquals(
                "2ecc81329cad2b45e1d9804a921f674f4b1d48bb01bd372caeb8935b85f368c2",
                HexFormat.of().formatHex(digest),
                "SHA-256 of the guest's /proc/kallsyms");
    }

    /**
     * A kernel before 6.0, whose VMCOREINFO does not say where kallsyms's tables are: they are found by what they hold. One CPU stands in
     * a softirq on the interrupt stack, which an assembler routine switched to by RBP (before 5.12 without {@code SP_INDIRECT}).
     */
    @Test
    void kallsymsAreFoundInDumpsBefore60() {
        KernelDump dump = KernelDump.read(Dumps.core("softirq-510.core"), null);
        assertEquals(0x3b20_0000L, dump.kernelOffset());
        KernelNames names = names(dump, null, null);
        assertStacksAreTheKernels(
                dump, names, name -> OptionalLong.empty(), Dumps.stacks("softirq-510"), BUSY_IN_SOFTIRQ_510);
        Bytes list = dump.kallsymsText();
        assertNotNull(list);
        KernelDump byList = KernelDump.read(Dumps.core("softirq-510.core"), null, Kallsyms.inKernelOrder(list));
        assertEquals(dump.tasks(), byList.tasks(), "symbols from a copy of /proc/kallsyms instead");
        KernelTask task = dump.tasks().stream()
                .filter(each -> each.running() && each.comm().equals("spin-urandom"))
                .findFirst()
                .orElseThrow();
        KernelCallchain chain = new KernelCallchain();
        assertEquals(StopReason.USER_REGISTERS, dump.walker().walk(task, chain));
        List<String> frames = new ArrayList<>();
        for (int i = 0; i < chain.size(); i++) {
            frames.add(names.find(chain.pc(i), chain.isInterrupted(i)).symbol() + (chain.isInterrupted(i) ? "!" : ""));
        }
        assertEquals(
                List.of(
                        "native_queued_spin_lock_slowpath!",
                        "_raw_spin_lock_irqsave",
                        "load_balance",
                        "rebalance_domains",
                        "__do_softirq",
                        "asm_call_irq_on_stack",
                        "do_softirq_own_stack",
                        "irq_exit_rcu",
                        "sysvec_apic_timer_interrupt",
                        "asm_sysvec_apic_timer_interrupt",
                        "copy_user_enhanced_fast_string!",
                        "_copy_to_iter",
                        "get_random_bytes_user",
                        "__x64_sys_getrandom",
                        "do_syscall_64",
                        "entry_SYSCALL_64_after_hwframe"),
                frames);
        assertTrue(chain.sp(5) > chain.sp(4), "on the interrupt stack still");
        assertTrue(chain.sp(6) >= task.stack() && chain.sp(6) < task.stack() + 0x4000, "back on the task's");
        assertFalse(chain.sp(4) >= task.stack() && chain.sp(4) < task.stack() + 0x4000, "on the interrupt stack");
    }

    /** The same kernel through makedumpfile: kdump-compressed and flattened. */
    @Test
    void aDumpOfMakedumpfileGivesTheSameStacks() {
        ElfFile vmlinux = Dumps.vmlinux("6.1");
        VmCore core = Dumps.core("traced-61.flat");
        KernelDump dump = KernelDump.read(core, vmlinux);
        assertStacksAreTheKernels(
                dump,
                names(dump, vmlinux, null),
                new VmlinuxSymbols(vmlinux.symbols().orElseThrow(), dump.kernelOffset()),
                Dumps.stacks("traced-61"),
                Set.of(1, 108, 109));
        VmCoreInfo info = core.info();
        assertEquals("6.1.0-56-amd64", info == null ? null : info.release());
    }

    /** Page table isolation, four levels, no VMCOREINFO: all comes from QEMU's notes of the CPUs. */
    @Test
    void aDumpWithoutVmCoreInfoIsReadThroughTheCpus() {
        ElfFile vmlinux = Dumps.vmlinux("6.1");
        VmCore core = Dumps.core("isolated-61.core");
        assertNull(core.info());
        KernelDump dump = KernelDump.read(core, vmlinux);
        assertEquals(0x2e20_0000L, dump.kernelOffset());
        assertStacksAreTheKernels(
                dump,
                names(dump, vmlinux, null),
                new VmlinuxSymbols(vmlinux.symbols().orElseThrow(), dump.kernelOffset()),
                Dumps.stacks("isolated-61"),
                Set.of(1, 15, 107, 108));
    }

    /**
     * Both CPUs stand in the function tracer, which was called from a trampoline made at run time: its rules are those of the template
     * that it was copied from.
     */
    @Test
    void trampolinesUnwindByTheirTemplates() {
        ElfFile vmlinux = Dumps.vmlinux("6.1");
        KernelDump dump = KernelDump.read(Dumps.core("function-61.core"), vmlinux);
        KernelDump.Walker walker = dump.walker();
        KernelCallchain chain = new KernelCallchain();
        int behindTrampoline = 0;
        for (KernelTask task : dump.tasks()) {
            if (task.running()) {
                assertEquals(StopReason.USER_REGISTERS, walker.walk(task, chain), task.toString());
                for (int i = 1; i + 1 < chain.size(); i++) {
                    boolean outside = dump.module(chain.pc(i)) == null && chain.pc(i) >= 0xffff_ffff_c000_0000L;
                    behindTrampoline += outside ? 1 : 0;
                }
            }
        }
        assertEquals(2, behindTrampoline);
    }

    /** The dump's virtual addresses alone, without page tables: the tasks whose stacks are there walk as in the complete dump. */
    @ParameterizedTest
    @ValueSource(strings = {"n-error-entry", "v61-irq"})
    void virtualAddressesAloneAreEnoughForWalks(String name) {
        ElfFile vmlinux = Dumps.vmlinux(Dumps.version(name));
        KernelDump complete = KernelDump.read(Dumps.core(name + ".core"), vmlinux);
        KernelMemory memory = VmCore.of(Bytes.of(Fixtures.bytes("kernel/" + name + ".core.xz"), name))
                .memory();
        int readable = 0;
        for (KernelTask task : complete.tasks()) {
            if (memory.isReadable(task.savedStackPointer(), 56)) {
                readable++;
                assertEquals(task.resumeAddress(), memory.readLong(task.savedStackPointer() + 48), task.toString());
            }
        }
        assertTrue(readable > 100, "stacks found: " + readable);
    }

    @Test
    void anotherKernelsFileIsRefused() {
        MalformedInputException e = assertThrows(
                MalformedInputException.class,
                () -> KernelDump.read(Dumps.core("v61-irq.core"), Dumps.vmlinux("6.12")));
        assertTrue(e.reason().startsWith("not the kernel of v61-irq.core: its build id is "), e.reason());
    }

    @Test
    void whatIsMissingIsNamed() {
        MalformedInputException noTypes =
                assertThrows(MalformedInputException.class, () -> KernelDump.read(Dumps.core("v61-irq.core"), null));
        assertTrue(noTypes.reason().startsWith("no type information (BTF or DWARF)"), noTypes.reason());
    }

    /** A task that has yet to run has one frame, the exact address of {@code ret_from_fork}, though nothing was interrupted there. */
    @Test
    void aNewTaskBeginsAtRetFromFork() {
        ElfFile vmlinux = Dumps.vmlinux("6.1");
        KernelDump dump = KernelDump.read(Dumps.core("v61-irq.core"), vmlinux);
        KernelTask task =
                dump.tasks().stream().filter(KernelTask::isNew).findFirst().orElseThrow();
        KernelNames.Name name = names(dump, vmlinux, null).find(task.resumeAddress(), true);
        assertEquals("ret_from_fork", name.symbol());
        assertEquals(0, name.offset());
        KernelCallchain chain = new KernelCallchain();
        dump.walker().walk(task, chain);
        assertEquals(1, chain.size());
        assertFalse(chain.isInterrupted(0));
    }

    @Test
    void chainsAreCutWhereTheCallerWants() {
        KernelDump dump = KernelDump.read(Dumps.core("v612-nmi.core"), Dumps.vmlinux("6.12"));
        KernelDump.Walker walker = dump.walker();
        walker.setMaxFrames(3);
        KernelCallchain chain = new KernelCallchain();
        assertEquals(StopReason.MAX_STACK, walker.walk(dump.tasks().getFirst(), chain));
        assertEquals(3, chain.size());
    }

    @Test
    void aDumpThatWasCutOffSaysHowMuchIsMissing() {
        byte[] whole = Fixtures.bytes("dump/v61-irq.core.xz");
        VmCore cut = VmCore.of(Bytes.of(java.util.Arrays.copyOf(whole, whole.length - 10000), "cut"));
        assertEquals(10000, cut.missingBytes());
    }
}
