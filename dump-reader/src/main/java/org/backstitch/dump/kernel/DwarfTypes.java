package org.backstitch.dump.kernel;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import org.backstitch.elf.ElfFile;
import org.jspecify.annotations.Nullable;

/**
 * Types out of DWARF, for kernels that carry no BTF (before 5.2, or built without {@code CONFIG_DEBUG_INFO_BTF}): looks the wanted ones
 * up in vmlinux's debugging information and writes them as BTF, as {@code pahole -J} does when a kernel is built. So whoever reads
 * types knows one format.
 *
 * <p>A wanted type comes with all that it contains. What pointers point to is only named: a structure of that name without members.
 */
final class DwarfTypes {
    /** Types nest; deeper than this they are no kernel's. */
    private static final int MAX_DEPTH = 64;

    private static final int POINTER_SIZE = 8;

    private final DebugInfo entries;
    private final Set<String> wantedEnumerators;
    private final BtfWriter btf = new BtfWriter();
    private final Map<Long, Integer> ids = new HashMap<>();
    private long[] units = new long[256];
    private int unitCount;

    /** An entry that defines a type, and its size in bytes. */
    private record Definition(long offset, long size) {}

    private DwarfTypes(DebugInfo entries, Set<String> wantedEnumerators) {
        this.entries = entries;
        this.wantedEnumerators = wantedEnumerators;
    }

    /**
     * The wanted types of a file.
     *
     * @param wanted names of structures, unions and enumerations
     * @param wantedEnumerators names of enumerators; enumerations without a name that have one of them are wanted too
     * @return null if the file has no debugging information, or none of these types
     * @throws org.backstitch.bytes.MalformedInputException if the debugging information is broken
     */
    static @Nullable Btf read(ElfFile file, Set<String> wanted, Set<String> wantedEnumerators) {
        DebugInfo entries = DebugInfo.of(file);
        return entries == null ? null : new DwarfTypes(entries, wantedEnumerators).read(wanted);
    }

    private @Nullable Btf read(Set<String> wanted) {
        Map<String, Definition> found = new HashMap<>();
        Map<String, Definition> enumerations = new HashMap<>();
        for (long unit = entries.firstUnit(); ; unit = entries.nextUnit()) {
            boolean entered = entries.enterUnit(unit);
            if (entered) {
                scan(wanted, found, enumerations);
            }
            if (entries.nextUnit() <= unit) {
                break;
            }
            if (unitCount == units.length) {
                units = Arrays.copyOf(units, 2 * unitCount);
            }
            units[unitCount++] = unit;
        }
        found.values().forEach(definition -> type(definition.offset(), 0));
        enumerations.values().forEach(definition -> type(definition.offset(), 0));
        return ids.isEmpty() ? null : new Btf(btf.section(entries.source()));
    }

    /** Looks through the types of a unit. Of several with one name the largest is meant, as {@link Btf#struct} has it. */
    private void scan(Set<String> wanted, Map<String, Definition> found, Map<String, Definition> enumerations) {
        if (!entries.next() || !entries.hasChildren) {
            return;
        }
        while (entries.next()) {
            boolean enumeration = entries.tag == DebugInfo.TAG_ENUMERATION;
            if ((enumeration || isRecord(entries.tag)) && !entries.isDeclaration) {
                Definition definition = new Definition(entries.offset, entries.byteSize);
                if (entries.isNamed()) {
                    String name = entries.name();
                    if (wanted.contains(name)) {
                        found.merge(name, definition, (a, b) -> b.size() > a.size() ? b : a);
                    }
                } else if (enumeration && enumerations.size() < wantedEnumerators.size() && entries.hasChildren) {
                    while (entries.next()) {
                        if (entries.isNamed() && wantedEnumerators.contains(entries.name())) {
                            enumerations.putIfAbsent(entries.name(), definition);
                        }
                        entries.skipChildren();
                    }
                    continue;
                }
            }
            entries.skipChildren();
        }
    }

    private static boolean isRecord(int tag) {
        return tag == DebugInfo.TAG_STRUCTURE || tag == DebugInfo.TAG_UNION;
    }

    private boolean goTo(long offset) {
        int unit = Arrays.binarySearch(units, 0, unitCount, offset);
        unit = unit < 0 ? -unit - 2 : unit;
        if (unit < 0) {
            throw entries.malformed(offset, "an entry outside of all units");
        }
        if (entries.unit() != units[unit]) {
            entries.enterUnit(units[unit]);
        }
        return entries.read(offset);
    }

    /** The BTF id of the type that an entry defines, written first if it has none yet; 0 for {@code void}, and what is not written. */
    private int type(long offset, int depth) {
        if (offset == DebugInfo.NONE) {
            return 0;
        }
        Integer known = ids.get(offset);
        if (known != null) {
            return known;
        }
        if (depth > MAX_DEPTH) {
            throw entries.malformed(offset, "types nest without end");
        }
        if (!goTo(offset)) {
            throw entries.malformed(offset, "expected an entry that defines a type");
        }
        int tag = entries.tag;
        String name = entries.name();
        long size = entries.byteSize == DebugInfo.NONE ? 0 : entries.byteSize;
        long target = entries.type;
        switch (tag) {
            case DebugInfo.TAG_TYPEDEF,
                    DebugInfo.TAG_CONST,
                    DebugInfo.TAG_VOLATILE,
                    DebugInfo.TAG_RESTRICT,
                    DebugInfo.TAG_ATOMIC -> {
                return type(target, depth + 1);
            }
            case DebugInfo.TAG_BASE -> {
                return remember(offset, btf.integer(name, size));
            }
            case DebugInfo.TAG_POINTER -> {
                int id = remember(offset, btf.reserve());
                btf.pointer(id, pointee(target));
                return id;
            }
            case DebugInfo.TAG_ENUMERATION -> {
                return remember(offset, enumeration(name, size));
            }
            case DebugInfo.TAG_ARRAY -> {
                return remember(offset, array(target, depth));
            }
            case DebugInfo.TAG_STRUCTURE, DebugInfo.TAG_UNION -> {
                int id = remember(offset, btf.reserve());
                members(id, tag == DebugInfo.TAG_UNION, name, size, depth);
                return id;
            }
            default -> {
                return 0;
            }
        }
    }

    private int remember(long offset, int id) {
        ids.put(offset, id);
        return id;
    }

    /** A structure that stands for what a pointer points to, if that is one; else 0. */
    private int pointee(long offset) {
        long at = offset;
        for (int depth = 0; at != DebugInfo.NONE && depth < MAX_DEPTH; depth++) {
            if (!goTo(at)) {
                return 0;
            }
            if (isRecord(entries.tag)) {
                return btf.opaque(entries.tag == DebugInfo.TAG_UNION, entries.name());
            }
            boolean qualifier = switch (entries.tag) {
                case DebugInfo.TAG_TYPEDEF,
                        DebugInfo.TAG_CONST,
                        DebugInfo.TAG_VOLATILE,
                        DebugInfo.TAG_RESTRICT,
                        DebugInfo.TAG_ATOMIC -> true;
                default -> false;
            };
            at = qualifier ? entries.type : DebugInfo.NONE;
        }
        return 0;
    }

    private int enumeration(String name, long size) {
        BtfWriter.Members values = new BtfWriter.Members();
        if (entries.hasChildren) {
            while (entries.next()) {
                if (entries.tag == DebugInfo.TAG_ENUMERATOR && entries.constant != DebugInfo.NONE) {
                    values.add(btf.string(entries.name()), (int) entries.constant);
                }
                entries.skipChildren();
            }
        }
        return btf.enumeration(name, size, values);
    }

    /** An array, of arrays if it has several dimensions; one without a bound has no elements. */
    private int array(long element, int depth) {
        long[] lengths = new long[MAX_DEPTH];
        int dimensions = 0;
        if (entries.hasChildren) {
            while (entries.next()) {
                if (entries.tag == DebugInfo.TAG_SUBRANGE && dimensions < lengths.length) {
                    lengths[dimensions++] = entries.count == DebugInfo.NONE ? 0 : entries.count;
                }
                entries.skipChildren();
            }
        }
        int id = type(element, depth + 1);
        for (int i = dimensions - 1; i >= 0; i--) {
            id = btf.array(id, lengths[i]);
        }
        return id;
    }

    /** A member as it was read, before the types of all are known: reading those moves the cursor. */
    private record Member(String name, long type, long bits, long bitSize) {}

    private void members(int id, boolean union, String name, long size, int depth) {
        List<Member> read = new ArrayList<>();
        if (entries.hasChildren) {
            while (entries.next()) {
                if (entries.tag == DebugInfo.TAG_MEMBER) {
                    read.add(new Member(entries.name(), entries.type, bitOffset(), entries.bitSize));
                }
                entries.skipChildren();
            }
        }
        boolean bitFields = read.stream().anyMatch(member -> member.bitSize != DebugInfo.NONE);
        BtfWriter.Members members = new BtfWriter.Members();
        for (Member member : read) {
            long where =
                    !bitFields || member.bitSize == DebugInfo.NONE ? member.bits : member.bitSize << 24 | member.bits;
            members.add(btf.string(member.name), type(member.type, depth + 1), (int) where);
        }
        btf.record(id, union, name, size, bitFields, members);
    }

    /** Where the member starts, in bits; DWARF 2 and 3 count a bit field from the other end of the unit that holds it. */
    private long bitOffset() {
        if (entries.dataBitOffset != DebugInfo.NONE) {
            return entries.dataBitOffset;
        }
        long start = entries.memberOffset == DebugInfo.NONE ? 0 : 8 * entries.memberOffset;
        if (entries.bitOffset == DebugInfo.NONE || entries.bitSize == DebugInfo.NONE) {
            return start;
        }
        long unit = entries.byteSize == DebugInfo.NONE ? POINTER_SIZE : entries.byteSize;
        return start + 8 * unit - entries.bitOffset - entries.bitSize;
    }
}
