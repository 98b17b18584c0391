package org.backstitch.dump.user;

import java.util.ArrayList;
import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.OptionalLong;
import java.util.Set;
import org.backstitch.bytes.Bytes;
import org.backstitch.bytes.MalformedInputException;
import org.backstitch.dump.ExtentMap;
import org.backstitch.elf.ElfConstants;
import org.backstitch.elf.ElfFile;
import org.backstitch.elf.ElfSegment;
import org.backstitch.unwind.AddressSpace;
import org.backstitch.unwind.Mapping;

/**
 * Puts together what lay where in a crashed process: the core says what was mapped, its notes (or the dynamic linker's list in its
 * memory) from which files, and the files fill in the pages that a core leaves out because nobody had written to them.
 */
final class CoreLayout {
    private static final String VDSO = "[vdso]";

    /** The program itself, where nothing tells its path. */
    private static final String PROGRAM = "[program]";

    private static final long PAGE = 4096;
    private static final long LARGEST_VDSO = 16 * PAGE;

    private final CoreFile core;
    private final Binaries binaries;
    private final ProcessMemory kept;
    private final AuxiliaryVector auxiliaryVector;
    private final List<MappedFile> files;

    /** Files that fill in what the core leaves out: behind what it has. */
    private final List<MappedBytes> fillers = new ArrayList<>();

    private final List<Mapping> mappings = new ArrayList<>();

    private record MappedBytes(long address, Bytes bytes) {}

    CoreLayout(CoreFile core, Binaries binaries) {
        this.core = core;
        this.binaries = binaries;
        this.kept = new ProcessMemory(core.extents(), ranges(core, List.of()), core.knowsAllRegions());
        this.auxiliaryVector = core.notes().auxiliaryVector();
        this.files = core.notes().files();
        addRegions();
        addNotedFiles();
        addLoadedObjects();
        addVdso();
    }

    /** What was mapped where. */
    AddressSpace addressSpace() {
        return AddressSpace.of(mappings);
    }

    /** The core's memory, and the files' where the core leaves it to them. */
    ProcessMemory memory() {
        ExtentMap.Builder builder = new ExtentMap.Builder();
        core.extents().extents().forEach(extent -> builder.addBehind(extent.address(), extent.bytes()));
        for (MappedBytes filler : fillers) {
            builder.addBehind(filler.address, filler.bytes);
        }
        return new ProcessMemory(builder.build(), ranges(core, files), core.knowsAllRegions());
    }

    private static AddressRanges ranges(CoreFile core, List<MappedFile> files) {
        AddressRanges.Builder ranges = new AddressRanges.Builder();
        for (CoreFile.Region region : core.regions()) {
            if (region.isReadable()) {
                ranges.add(region.start(), region.end());
            }
        }
        files.forEach(file -> ranges.add(file.start(), file.end()));
        return ranges.build();
    }

    private void addRegions() {
        for (CoreFile.Region region : core.regions()) {
            mappings.add(new Mapping(region.start(), region.end(), 0, region.isExecutable(), "", null));
        }
    }

    // By NT_FILE.

    private void addNotedFiles() {
        if (files.isEmpty()) {
            return;
        }
        Map<Long, CoreFile.Region> regions = new HashMap<>();
        core.regions().forEach(region -> regions.put(region.start(), region));
        String program = programPath();
        Map<String, Long> bases = new HashMap<>();
        Set<String> rebuilt = new HashSet<>();
        Set<String> tried = new HashSet<>();
        for (MappedFile file : files) {
            if (file.fileOffset() == 0) {
                bases.putIfAbsent(file.path(), file.start());
            }
        }
        for (MappedFile file : files) {
            CoreFile.Region region = regions.get(file.start());
            if (!isElfFile(file.path())) {
                mappings.add(mapping(file, region, Optional.empty()));
                continue;
            }
            if (rebuilt.contains(file.path())) {
                continue;
            }
            Long base = bases.get(file.path());
            MappedBinary mapped = base == null ? MappedBinary.UNKNOWN : MappedBinary.at(kept, base);
            Optional<Binary> binary = binaries.find(file.path(), file.path().equals(program), mapped);
            if (binary.isEmpty() && base != null && tried.add(file.path())) {
                Optional<MemoryElf.Loaded> loaded = MemoryElf.read(kept, base, file.path());
                if (loaded.isPresent()) {
                    rebuilt.add(file.path());
                    place(
                            binaries.ofMemory(file.path(), loaded.get().elf()),
                            loaded.get().bias(),
                            false);
                    continue;
                }
            }
            mappings.add(mapping(file, region, binary));
            binary.ifPresent(found -> fill(file.start(), file.end(), file.fileOffset(), found.elf()));
        }
    }

    /** Devices and shared memory are mapped as files, too, and are none. */
    private static boolean isElfFile(String path) {
        return path.startsWith("/") && !path.startsWith("/dev/") && !path.startsWith("/SYSV");
    }

    /** The path of the program itself: of the file that its program headers, or its entry point, are mapped from. */
    private String programPath() {
        for (int type : new int[] {AuxiliaryVector.AT_PHDR, AuxiliaryVector.AT_ENTRY}) {
            OptionalLong address = auxiliaryVector.get(type);
            if (address.isPresent()) {
                for (MappedFile file : files) {
                    if (file.contains(address.getAsLong())) {
                        return file.path();
                    }
                }
            }
        }
        return files.getFirst().path();
    }

    private static Mapping mapping(
            MappedFile file, CoreFile.@org.jspecify.annotations.Nullable Region region, Optional<Binary> binary) {
        boolean executable = region != null ? region.isExecutable() : isExecutable(binary, file.fileOffset());
        return new Mapping(
                file.start(),
                file.end(),
                file.fileOffset(),
                executable,
                file.path(),
                executable ? binary.map(Binary::module).orElse(null) : null);
    }

    /** What a file's own headers say, for a mapping that the core has no segment for. */
    private static boolean isExecutable(Optional<Binary> binary, long fileOffset) {
        return binary.isPresent()
                && binary.get().elf().segments().stream()
                        .anyMatch(segment -> segment.type() == ElfConstants.PT_LOAD
                                && segment.isExecutable()
                                && Long.compareUnsigned(fileOffset - (segment.fileOffset() & -PAGE), segment.fileSize())
                                        < 0);
    }

    /** Lets a file say what was in the part of a mapping that the core leaves out. */
    private void fill(long start, long end, long fileOffset, ElfFile elf) {
        Bytes file = elf.bytes();
        if (!file.contains(fileOffset, 1)) {
            return;
        }
        long size = Math.min(file.size() - fileOffset, end - start);
        if (size <= 0) {
            return;
        }
        for (CoreFile.Region region : core.regions()) {
            boolean overlaps =
                    Long.compareUnsigned(region.start(), end) < 0 && Long.compareUnsigned(start, region.end()) < 0;
            if (overlaps && region.cut() && region.isWritable()) {
                return; // what was written to is what is lost
            }
        }
        fillers.add(new MappedBytes(start, file.slice(fileOffset, size)));
    }

    // By the dynamic linker's list.

    /** Whatever the notes did not tell of: all of it where there are no notes about files. */
    private void addLoadedObjects() {
        OptionalLong headersAddress = auxiliaryVector.get(AuxiliaryVector.AT_PHDR);
        if (headersAddress.isEmpty() || isNoted(headersAddress.getAsLong())) {
            return;
        }
        String name = auxiliaryVector.get(AuxiliaryVector.AT_EXECFN).stream()
                .mapToObj(address -> kept.string(address, 4096).orElse(""))
                .filter(path -> !path.isEmpty())
                .findFirst()
                .orElse(PROGRAM);
        long bias;
        OptionalLong dynamic = OptionalLong.empty();
        Optional<Bytes> headers = headersInMemory(headersAddress.getAsLong());
        MappedBinary mapped = MappedBinary.UNKNOWN;
        if (headers.isPresent()) {
            bias = LinkMap.bias(headersAddress.getAsLong(), headers.get());
            dynamic = LinkMap.dynamicVaddr(headers.get());
            mapped = MappedBinary.at(kept, headersAddress.getAsLong() - ElfHeaders.ELF_HEADER);
        } else {
            Optional<Binary> program = binaries.find(name, true, MappedBinary.UNKNOWN);
            OptionalLong entry = auxiliaryVector.get(AuxiliaryVector.AT_ENTRY);
            if (program.isEmpty() || entry.isEmpty()) {
                return;
            }
            bias = entry.getAsLong() - program.get().elf().entry();
            dynamic = dynamicVaddr(program.get().elf());
        }
        addObject(new LinkMap.Loaded(bias, name, bias + dynamic.orElse(0)), dynamic.isPresent(), true, mapped);
        if (dynamic.isEmpty()) {
            return;
        }
        Set<Long> placed = new HashSet<>(Set.of(bias + dynamic.getAsLong()));
        for (LinkMap.Loaded object : LinkMap.read(kept, bias + dynamic.getAsLong())) {
            boolean new_ = !object.name().isEmpty() && placed.add(object.dynamic());
            if (new_ && !isNoted(object.dynamic()) && !isVdso(object)) {
                addObject(object, true, false, MappedBinary.UNKNOWN);
            }
        }
    }

    private Optional<Bytes> headersInMemory(long address) {
        long count = auxiliaryVector.get(AuxiliaryVector.AT_PHNUM).orElse(0);
        long size = auxiliaryVector.get(AuxiliaryVector.AT_PHENT).orElse(ElfHeaders.PROGRAM_HEADER);
        boolean usable = size == ElfHeaders.PROGRAM_HEADER && count > 0 && count <= ElfConstants.PN_XNUM;
        return usable ? kept.bytesAt(address, count * size) : Optional.empty();
    }

    private static OptionalLong dynamicVaddr(ElfFile elf) {
        return elf.segments().stream()
                .filter(segment -> segment.type() == ElfConstants.PT_DYNAMIC)
                .mapToLong(ElfSegment::vaddr)
                .findFirst();
    }

    private boolean isNoted(long address) {
        return files.stream().anyMatch(file -> file.contains(address));
    }

    private boolean isVdso(LinkMap.Loaded object) {
        OptionalLong vdso = auxiliaryVector.get(AuxiliaryVector.AT_SYSINFO_EHDR);
        return vdso.isPresent() && Long.compareUnsigned(object.dynamic() - vdso.getAsLong(), 1 << 16) < 0;
    }

    private void addObject(LinkMap.Loaded object, boolean dynamic, boolean program, MappedBinary mappedProgram) {
        Optional<Long> base = baseOf(object);
        MappedBinary mapped = program || base.isEmpty() ? mappedProgram : MappedBinary.at(kept, base.get());
        Optional<Binary> binary = binaries.find(object.name(), program, mapped);
        if (binary.isPresent() && dynamic && !LinkMap.isAt(binary.get().elf(), object)) {
            binaries.unusable().put(object.name(), "its dynamic section is not where that of the process is");
            binary = Optional.empty();
        }
        if (binary.isPresent()) {
            place(binary.get(), object.bias(), true);
        } else if (base.isPresent()) {
            Optional<MemoryElf.Loaded> loaded = MemoryElf.read(kept, base.get(), object.name());
            if (loaded.isPresent()) {
                place(
                        binaries.ofMemory(object.name(), loaded.get().elf()),
                        loaded.get().bias(),
                        false);
            } else {
                mappings.addAll(mapped.mappings(object.name(), object.bias()));
            }
        }
    }

    /** Where an object's ELF header is: at the bias for all that is linked to 0, else at the last one before its dynamic section. */
    private Optional<Long> baseOf(LinkMap.Loaded object) {
        if (object.bias() != 0 && kept.word(object.bias()).isPresent()) {
            return Optional.of(object.bias());
        }
        return Optional.empty();
    }

    /** Maps all segments of a binary whose bias is known. */
    private void place(Binary binary, long bias, boolean fromFile) {
        for (ElfSegment segment : binary.elf().segments()) {
            Placement.mapping(binary, segment, bias).ifPresent(mapping -> {
                mappings.add(mapping);
                if (fromFile) {
                    long end = bias + segment.vaddr() + segment.fileSize();
                    fill(mapping.start(), end, mapping.fileOffset(), binary.elf());
                }
            });
        }
    }

    // The vDSO is in no file: cores have it whole.

    private void addVdso() {
        OptionalLong address = auxiliaryVector.get(AuxiliaryVector.AT_SYSINFO_EHDR);
        for (CoreFile.Region region : core.regions()) {
            if (address.isPresent() ? region.start() == address.getAsLong() : mayBeVdso(region)) {
                kept.bytesFrom(region.start()).ifPresent(image -> {
                    try {
                        Binary vdso = binaries.ofMemory(VDSO, ElfFile.of(image.named(VDSO)));
                        mappings.add(new Mapping(region.start(), region.end(), 0, true, VDSO, vdso.module()));
                    } catch (MalformedInputException e) {
                        binaries.unusable().put(VDSO, e.reason());
                    }
                });
            }
        }
    }

    /** Without a vector that says where it is: what else is executable, in no file, and begins as a shared object does? */
    private boolean mayBeVdso(CoreFile.Region region) {
        return region.isExecutable()
                && !region.isWritable()
                && region.end() - region.start() <= LARGEST_VDSO
                && !isNoted(region.start())
                && kept.bytesFrom(region.start()).stream().anyMatch(ElfHeaders::isSharedObject);
    }
}
