package org.backstitch.dump.kernel;

import java.util.ArrayList;
import java.util.HashSet;
import java.util.HexFormat;
import java.util.List;
import java.util.Set;
import org.backstitch.bytes.Bytes;
import org.backstitch.bytes.MalformedInputException;
import org.backstitch.elf.BuildId;
import org.backstitch.elf.orc.OrcFormat;
import org.backstitch.elf.orc.OrcTable;
import org.jspecify.annotations.Nullable;

/**
 * Walks a kernel's list of modules. Each module's ORC table is read from the memory of the dump, sorted by the kernel when it loaded the
 * module, so that modules unwind whose files nobody has.
 */
final class ModuleList {
    private static final int MAX_NAME = 64;
    private static final int NOTE_HEADER_SIZE = 12;
    private static final int MAX_SECTIONS = 1024;
    private static final int MAX_SECTION_NAME = 128;
    /** Types of module memory that may hold code ({@code enum mod_mem_type}). */
    private static final List<String> TEXT_TYPES = List.of("MOD_TEXT", "MOD_INIT_TEXT");

    private final Kernel kernel;
    private final @Nullable OrcFormat format;
    private final Btf.Struct module;
    private final List<KernelModule> modules = new ArrayList<>();
    private long unreadable;

    private ModuleList(Kernel kernel, @Nullable OrcFormat format) {
        this.kernel = kernel;
        this.format = format;
        this.module = kernel.struct("module");
    }

    /** What a walk found. */
    record Result(List<KernelModule> modules, long unreadable) {}

    /** @param format of the kernel's ORC tables; without it, modules have none */
    static Result read(Kernel kernel, @Nullable OrcFormat format) {
        if (kernel.types().struct("module") == null
                || kernel.symbols().address("modules").isEmpty()) {
            return new Result(List.of(), 0); // a kernel without modules
        }
        ModuleList list = new ModuleList(kernel, format);
        list.walk();
        return new Result(List.copyOf(list.modules), list.unreadable);
    }

    private void walk() {
        long listOffset = kernel.member(module, "module", "list").offset();
        Btf.Member name = kernel.member(module, "module", "name");
        long head = kernel.symbol("modules");
        Set<Long> seen = new HashSet<>();
        if (!walk(head, 0, listOffset, name, seen)) {
            walk(head, Long.BYTES, listOffset, name, seen);
        }
    }

    /**
     * Reads the modules in one direction of the list.
     *
     * @param link 0 for {@code next}, 8 for {@code prev}: what lies behind a page that is not in the dump is reached from the other end
     * @return whether the list's head was reached
     */
    private boolean walk(long head, int link, long listOffset, Btf.Member name, Set<Long> seen) {
        long node = head;
        while (kernel.isReadable(node + link, Long.BYTES)) {
            node = kernel.memory().readLong(node + link);
            if (node == head || !seen.add(node)) {
                return true;
            }
            long address = node - listOffset;
            if (!kernel.isReadable(address + name.offset(), 1)) {
                unreadable++;
                continue;
            }
            List<KernelModule.Section> sections = sections(address);
            modules.add(new KernelModule(
                    address,
                    kernel.memory().readString(address + name.offset(), (int) Math.min(name.size(), MAX_NAME)),
                    buildId(address, sections),
                    text(address),
                    sections,
                    orc(address)));
        }
        unreadable += node == head ? 1 : 0;
        return false;
    }

    /** Since 6.4 an array of memories by type; before that a core and an init layout, whose first part is text. */
    private List<KernelModule.Range> text(long address) {
        List<KernelModule.Range> ranges = new ArrayList<>();
        if (module.member("mem") != null) {
            for (String type : TEXT_TYPES) {
                Long index = kernel.types().enumerator("mod_mem_type", type);
                if (index != null) {
                    addRange(ranges, address, "mem[" + index + "].base", "mem[" + index + "].size");
                }
            }
        } else {
            addRange(ranges, address, "core_layout.base", "core_layout.text_size");
            addRange(ranges, address, "init_layout.base", "init_layout.text_size");
        }
        return List.copyOf(ranges);
    }

    private void addRange(List<KernelModule.Range> ranges, long address, String basePath, String sizePath) {
        Btf.Member base = module.member(basePath);
        Btf.Member size = module.member(sizePath);
        if (base == null || size == null) {
            return;
        }
        if (!kernel.isReadable(address, base) || !kernel.isReadable(address, size)) {
            unreadable++;
            return;
        }
        long start = kernel.read(address, base);
        long length = kernel.read(address, size);
        if (start != 0 && length != 0) {
            ranges.add(new KernelModule.Range(start, start + length));
        }
    }

    /**
     * The build id, from {@code struct module} (kernels with {@code CONFIG_STACKTRACE_BUILD_ID}), or from the note that lies in the module's
     * memory.
     */
    private String buildId(long address, List<KernelModule.Section> sections) {
        Btf.Member member = module.member("build_id");
        if (member != null) {
            return hex(kernel.memory().bytes(address + member.offset(), member.size(), "build id"));
        }
        for (KernelModule.Section section : sections) {
            if (section.name().equals(".note.gnu.build-id") && kernel.isReadable(section.address(), NOTE_HEADER_SIZE)) {
                long nameSize = (kernel.memory().read(section.address(), Integer.BYTES) + 3) & -4;
                long size = Math.min(kernel.memory().read(section.address() + 4, Integer.BYTES), BuildId.MAX_SIZE);
                return hex(kernel.memory().bytes(section.address() + NOTE_HEADER_SIZE + nameSize, size, "build id"));
            }
        }
        return "";
    }

    private static String hex(@Nullable Bytes id) {
        return id == null ? "" : HexFormat.of().formatHex(id.copy(0, (int) id.size()));
    }

    /**
     * Where the sections are, from what sysfs shows under {@code /sys/module/NAME/sections}. The attributes' array ends by their count,
     * or since 6.14 by the sysfs group, which is a list of pointers to them that ends with null.
     */
    private List<KernelModule.Section> sections(long address) {
        Btf.Member pointer = module.member("sect_attrs");
        Btf.Struct attributes = kernel.types().struct("module_sect_attrs");
        Btf.Member array = attributes == null ? null : attributes.member("attrs");
        if (pointer == null || array == null || attributes == null || !kernel.isReadable(address, pointer)) {
            return List.of();
        }
        long base = kernel.read(address, pointer);
        Btf.Member count = attributes.member("nsections");
        if (base == 0) {
            return List.of();
        }
        List<KernelModule.Section> sections = new ArrayList<>();
        Btf.Struct old = kernel.types().struct("module_sect_attr");
        if (old != null && count != null && kernel.isReadable(base, count)) {
            Btf.Member name = firstPresent(old, "battr.attr.name", "mattr.attr.name");
            Btf.Member place = old.member("address");
            long elements = Math.min(kernel.read(base, count), MAX_SECTIONS);
            for (int i = 0; name != null && place != null && i < elements; i++) {
                addSection(sections, base + array.offset() + i * old.size(), name, place);
            }
            return List.copyOf(sections);
        }
        Btf.Struct binary = kernel.types().struct("bin_attribute");
        if (binary != null) {
            Btf.Member name = binary.member("attr.name");
            Btf.Member place = binary.member("private");
            for (int i = 0; name != null && place != null && i < MAX_SECTIONS; i++) {
                if (!addSection(sections, base + array.offset() + i * binary.size(), name, place)) {
                    break;
                }
            }
        }
        return List.copyOf(sections);
    }

    private static Btf.@Nullable Member firstPresent(Btf.Struct struct, String path, String otherPath) {
        Btf.Member member = struct.member(path);
        return member != null ? member : struct.member(otherPath);
    }

    /** Adds the section that the attribute at {@code at} describes; false if there is none. */
    private boolean addSection(List<KernelModule.Section> sections, long at, Btf.Member name, Btf.Member place) {
        if (!kernel.isReadable(at, name) || !kernel.isReadable(at, place)) {
            return false;
        }
        long nameAt = kernel.read(at, name);
        long address = kernel.read(at, place);
        String text = kernel.isReadable(nameAt, 1) ? kernel.memory().readString(nameAt, MAX_SECTION_NAME) : "";
        if (text.isEmpty()) {
            return false;
        }
        sections.add(new KernelModule.Section(text, address));
        return true;
    }

    private @Nullable OrcTable orc(long address) {
        OrcFormat known = format;
        Btf.Member count = module.member("arch.num_orcs");
        Btf.Member entries = module.member("arch.orc_unwind");
        Btf.Member ips = module.member("arch.orc_unwind_ip");
        if (known == null
                || count == null
                || entries == null
                || ips == null
                || !kernel.isReadable(address, count)
                || !kernel.isReadable(address, entries)
                || !kernel.isReadable(address, ips)) {
            return null;
        }
        long rows = kernel.read(address, count);
        long ipsAddress = kernel.read(address, ips);
        String name = "ORC of the module at 0x" + Long.toHexString(address);
        Bytes entryBytes = kernel.memory().bytes(kernel.read(address, entries), rows * OrcFormat.ENTRY_SIZE, name);
        Bytes ipBytes = kernel.memory().bytes(ipsAddress, rows * OrcFormat.IP_SIZE, name);
        if (rows == 0) {
            return null;
        }
        if (entryBytes == null || ipBytes == null) {
            unreadable++;
            return null;
        }
        try {
            return OrcTable.read(entryBytes, ipBytes, ipsAddress, known);
        } catch (MalformedInputException e) {
            unreadable++;
            return null;
        }
    }
}
