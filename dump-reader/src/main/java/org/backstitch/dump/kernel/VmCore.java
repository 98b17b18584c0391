package org.backstitch.dump.kernel;

import java.io.IOException;
import java.lang.foreign.Arena;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Objects;
import org.backstitch.bytes.Bytes;
import org.backstitch.bytes.MalformedInputException;
import org.backstitch.dump.ExtentMap;
import org.backstitch.dump.PrStatus;
import org.backstitch.elf.ElfConstants;
import org.backstitch.elf.ElfFile;
import org.backstitch.elf.ElfNote;
import org.backstitch.elf.ElfSegment;
import org.jspecify.annotations.Nullable;

/**
 * A kernel crash dump as a file: which memory it holds, the CPUs' registers, and what the kernel said about itself. Immutable and
 * thread-safe.
 *
 * <p>Formats:
 *
 * <ul>
 *   <li>ELF cores with physical addresses, as QEMU's {@code dump-guest-memory} writes them;
 *   <li>ELF cores with physical and kernel virtual addresses: {@code /proc/vmcore} and copies of it;
 *   <li>ELF cores with virtual addresses only;
 *   <li>kdump-compressed files of {@code makedumpfile} and of QEMU, in their plain and in their flattened form.
 * </ul>
 */
public final class VmCore {
    /** Where x86-64 maps the kernel's image, minus its physical base ({@code __START_KERNEL_map}; part of the memory map's ABI). */
    static final long KERNEL_MAP = 0xffff_ffff_8000_0000L;

    /** Virtual addresses at or above this one, as unsigned numbers, are the kernel's. */
    private static final long KERNEL_HALF = 1L << 63;

    private final String source;
    private final PhysicalMemory physical;
    private final ExtentMap virtual;
    private final @Nullable VmCoreInfo info;
    private final List<CpuState> cpus;
    private final long missingBytes;
    /** Where the physical base of the kernel is given outside of VMCOREINFO (kdump-compressed files of older kernels). */
    private final @Nullable Long physBase;

    private VmCore(
            String source,
            PhysicalMemory physical,
            ExtentMap virtual,
            List<ElfNote> notes,
            @Nullable VmCoreInfo fallbackInfo,
            @Nullable Long physBase,
            long missingBytes) {
        this.source = source;
        this.physical = physical;
        this.virtual = virtual;
        this.physBase = physBase;
        this.missingBytes = missingBytes;
        List<PrStatus> statuses = new ArrayList<>();
        List<@Nullable QemuCpuState> qemuStates = new ArrayList<>();
        VmCoreInfo found = fallbackInfo;
        for (ElfNote note : notes) {
            if (note.name().equals("CORE") && note.type() == PrStatus.NOTE_TYPE) {
                statuses.add(new PrStatus(note.desc()));
            } else if (note.name().equals(QemuCpuState.NOTE_NAME)) {
                qemuStates.add(QemuCpuState.read(note.desc()));
            } else if (note.name().equals(VmCoreInfo.NOTE_NAME)) {
                found = new VmCoreInfo(note.desc());
            }
        }
        this.info = found;
        List<CpuState> states = new ArrayList<>();
        for (int i = 0; i < statuses.size(); i++) {
            states.add(new CpuState(statuses.get(i), qemuStates.size() == statuses.size() ? qemuStates.get(i) : null));
        }
        this.cpus = List.copyOf(states);
    }

    /**
     * Maps a dump and reads its headers.
     *
     * @param arena owns the mapping
     * @throws IOException if the file cannot be opened or mapped
     * @throws MalformedInputException if it is of no format that can be read; formats that are known but cannot be read are named
     */
    public static VmCore open(Path file, Arena arena) throws IOException {
        return of(Bytes.map(file, arena));
    }

    /** The dump in {@code bytes}; see {@link #open}. */
    public static VmCore of(Bytes bytes) {
        if (CompressedCore.isCompressed(bytes)) {
            return of(CompressedCore.read(new ByteStore.Plain(bytes)), bytes.source());
        }
        if (FlattenedFile.isFlattened(bytes)) {
            return of(CompressedCore.read(FlattenedFile.read(bytes)), bytes.source());
        }
        return ofElf(ElfFile.of(bytes));
    }

    private static VmCore of(CompressedCore core, String source) {
        return new VmCore(source, core, ExtentMap.EMPTY, core.notes(), core.info(), core.physBase(), 0);
    }

    private static VmCore ofElf(ElfFile file) {
        if (file.type() != ElfConstants.ET_CORE) {
            throw file.bytes().malformed(16, "an ELF file, but not a core: its type is " + file.type());
        }
        if (file.machine() != ElfConstants.EM_X86_64) {
            throw file.bytes().malformed(18, "a core of machine " + file.machine() + ", not of x86-64 (62)");
        }
        List<ElfSegment> loads = file.segments().stream()
                .filter(s -> s.type() == ElfConstants.PT_LOAD && s.fileSize() != 0)
                .toList();
        // A core that knows only virtual addresses has 0 for all physical ones.
        boolean physicalKnown = loads.stream().filter(s -> s.paddr() == 0).count() <= 1;
        ExtentMap.Builder physical = new ExtentMap.Builder();
        ExtentMap.Builder virtual = new ExtentMap.Builder();
        long missing = 0;
        for (ElfSegment load : loads) {
            Bytes data = inFile(file.bytes(), load);
            long lacking = Math.max(0, load.fileSize() < 0 ? Long.MAX_VALUE : load.fileSize() - data.size());
            missing = Math.min(missing, Long.MAX_VALUE - lacking) + lacking;
            if (physicalKnown && load.paddr() != -1) {
                physical.addBehind(load.paddr(), data);
            }
            if (Long.compareUnsigned(load.vaddr(), KERNEL_HALF) >= 0
                    && load.vaddr() != -1
                    && load.vaddr() != load.paddr()) {
                virtual.addBehind(load.vaddr(), data);
            }
        }
        return new VmCore(
                file.bytes().source(), physical.build()::at, virtual.build(), file.notes(), null, null, missing);
    }

    /** The segment's bytes as far as the file has them; a dump that was cut off is still worth reading. */
    private static Bytes inFile(Bytes file, ElfSegment load) {
        long offset = load.fileOffset();
        if (offset < 0 || offset >= file.size()) {
            return file.slice(0, 0);
        }
        long available = file.size() - offset;
        long size = Long.compareUnsigned(load.fileSize(), available) < 0 ? load.fileSize() : available;
        return file.slice(offset, size);
    }

    /** The file, as error messages name it. */
    public String source() {
        return source;
    }

    /** What the kernel wrote for the readers of its dump, or null if the dump does not have it. */
    public @Nullable VmCoreInfo info() {
        return info;
    }

    /** How many bytes of memory the headers promise beyond the end of the file: more than 0 if the dump was cut off. */
    public long missingBytes() {
        return missingBytes;
    }

    /** The CPUs in the order of their notes. */
    List<CpuState> cpus() {
        return cpus;
    }

    /** The kernel's virtual memory, for one thread. */
    public KernelMemory memory() {
        PageTables tables = pageTables();
        return new KernelMemory(physical, tables, virtual);
    }

    private @Nullable PageTables pageTables() {
        PageTables ofKernel = kernelPageTables();
        return ofKernel != null && ofKernel.isReadable() ? ofKernel : cpuPageTables();
    }

    /** The kernel's own page tables, as VMCOREINFO knows them. */
    private @Nullable PageTables kernelPageTables() {
        VmCoreInfo known = info;
        if (known == null) {
            return null;
        }
        Long root = known.symbol("swapper_pg_dir");
        if (root == null) {
            root = known.symbol("init_top_pgt");
        }
        Long base = known.number("phys_base");
        if (base == null) {
            base = physBase;
        }
        if (root == null || base == null) {
            return null;
        }
        Long fiveLevels = known.number("pgtable_l5_enabled");
        long encryption = Objects.requireNonNullElse(known.number("sme_mask"), 0L);
        return new PageTables(
                physical, root - KERNEL_MAP + base, fiveLevels != null && fiveLevels != 0 ? 5 : 4, encryption);
    }

    /**
     * The page tables that a CPU was using, by QEMU's notes. Under page table isolation a CPU in user mode (or just leaving or
     * entering the kernel) uses tables that map hardly anything of the kernel; the kernel's then lie 4 KiB below. So of all
     * candidates the one counts that maps most of the upper half.
     */
    private @Nullable PageTables cpuPageTables() {
        PageTables best = null;
        int bestEntries = 0;
        for (CpuState cpu : cpus) {
            QemuCpuState qemu = cpu.qemu();
            if (qemu == null) {
                continue;
            }
            for (long root : new long[] {qemu.cr3(), qemu.cr3() & ~(long) PageTables.PAGE_SIZE}) {
                PageTables candidate = new PageTables(physical, root, qemu.pageTableLevels(), 0);
                int entries = candidate.isReadable() ? candidate.kernelEntries() : 0;
                if (entries > bestEntries) {
                    best = candidate;
                    bestEntries = entries;
                }
            }
        }
        return best;
    }
}
