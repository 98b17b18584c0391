package org.backstitch.dump.kernel;

import java.nio.charset.StandardCharsets;
import java.util.Arrays;
import java.util.function.IntPredicate;
import org.backstitch.bytes.Bytes;
import org.jspecify.annotations.Nullable;

/**
 * The BPF Type Format: the types of a kernel, as its {@code .BTF} section describes them
 * ({@code Documentation/bpf/btf.rst}, {@code include/uapi/linux/btf.h}).
 *
 * <p>Types have ids from 1 on, in the order in which they stand in the section; 0 is {@code void}. This class finds structures by
 * name and members in them, with offsets in bits as the format has them. Immutable and thread-safe.
 */
public final class Btf {
    private static final int MAGIC = 0xeb9f;
    private static final int MIN_HEADER_SIZE = 24;
    private static final int TYPE_SIZE = 12;
    /** Types nest (arrays of typedefs of structures…); a chain longer than this is one that bites its tail. */
    private static final int MAX_DEPTH = 64;

    /** Anonymous structures are searched too; real ones have some hundred members in all. One that contains itself would have no end. */
    private static final int MAX_MEMBERS_LOOKED_AT = 4096;

    private static final int KIND_INT = 1;
    private static final int KIND_PTR = 2;
    private static final int KIND_ARRAY = 3;
    private static final int KIND_STRUCT = 4;
    private static final int KIND_UNION = 5;
    private static final int KIND_ENUM = 6;
    private static final int KIND_FWD = 7;
    private static final int KIND_TYPEDEF = 8;
    private static final int KIND_VOLATILE = 9;
    private static final int KIND_CONST = 10;
    private static final int KIND_RESTRICT = 11;
    private static final int KIND_FUNC = 12;
    private static final int KIND_FUNC_PROTO = 13;
    private static final int KIND_VAR = 14;
    private static final int KIND_DATASEC = 15;
    private static final int KIND_FLOAT = 16;
    private static final int KIND_DECL_TAG = 17;
    private static final int KIND_TYPE_TAG = 18;
    private static final int KIND_ENUM64 = 19;

    private final Bytes types;
    private final Bytes strings;
    /** Offset of each type in {@code types}, by its id; the first element stands for {@code void}. */
    private final int[] offsets;
    /** Ids of the structures, unions and enumerations, hashed by name with linear probing; 0 is a free slot. */
    private final int[] byName;

    /**
     * Reads the types; the section may have come from a file or from the memory of the kernel.
     *
     * @throws org.backstitch.bytes.MalformedInputException if it is no BTF, of another byte order, or its types do not fill the space
     *     that the header gives them
     */
    public Btf(Bytes section) {
        if (section.size() < MIN_HEADER_SIZE || section.u16(0) != MAGIC) {
            throw section.malformed(0, "not BTF (little-endian): the magic number 0xeb9f is missing");
        }
        int version = section.u8(2);
        if (version != 1) {
            throw section.malformed(2, "BTF version " + version + " is not known");
        }
        long headerSize = section.u32(4);
        types = section.slice(headerSize + section.u32(8), section.u32(12));
        strings = section.slice(headerSize + section.u32(16), section.u32(20));
        offsets = index();
        byName = hashNames();
    }

    private int[] index() {
        // The section holds no more types than fit into it, so the array is bounded by what is really there.
        int[] found = new int[1024];
        int count = 1;
        long at = 0;
        while (at < types.size()) {
            if (count == found.length) {
                found = Arrays.copyOf(found, 2 * count);
            }
            found[count++] = (int) at;
            long next = at + TYPE_SIZE + payload(at);
            types.check(at, next - at);
            at = next;
        }
        return Arrays.copyOf(found, count);
    }

    private int[] hashNames() {
        int named = 0;
        for (int id = 1; id < offsets.length; id++) {
            named += hasOwnName(id) ? 1 : 0;
        }
        int[] table = new int[Math.max(2, Integer.highestOneBit(named + 1) << 2)];
        for (int id = 1; id < offsets.length; id++) {
            if (hasOwnName(id)) {
                int slot = hash(nameOffset(id)) & (table.length - 1);
                while (table[slot] != 0) {
                    slot = (slot + 1) & (table.length - 1);
                }
                table[slot] = id;
            }
        }
        return table;
    }

    private boolean hasOwnName(int id) {
        return switch (kind(id)) {
            case KIND_STRUCT, KIND_UNION, KIND_ENUM, KIND_ENUM64 -> nameOffset(id) != 0;
            default -> false;
        };
    }

    private int hash(long nameOffset) {
        int hash = 0;
        for (long at = nameOffset; at < strings.size() && strings.u8(at) != 0; at++) {
            hash = 31 * hash + (byte) strings.u8(at);
        }
        return spread(hash);
    }

    private static int hash(byte[] name) {
        int hash = 0;
        for (byte b : name) {
            hash = 31 * hash + b;
        }
        return spread(hash);
    }

    private static int spread(int hash) {
        return hash ^ hash >>> 16;
    }

    /** Number of bytes that follow the twelve of every type, by its kind. */
    private long payload(long at) {
        int info = types.i32(at + 4);
        int kind = info >>> 24 & 0x1f;
        long elements = info & 0xffff;
        return switch (kind) {
            case KIND_PTR, KIND_FWD, KIND_TYPEDEF, KIND_VOLATILE, KIND_CONST, KIND_RESTRICT, KIND_FUNC -> 0;
            case KIND_FLOAT, KIND_TYPE_TAG -> 0;
            case KIND_INT, KIND_VAR, KIND_DECL_TAG -> 4;
            case KIND_ARRAY -> 12;
            case KIND_STRUCT, KIND_UNION, KIND_DATASEC, KIND_ENUM64 -> 12 * elements;
            case KIND_ENUM, KIND_FUNC_PROTO -> 8 * elements;
            default -> throw types.malformed(at, "BTF type of an unknown kind " + kind);
        };
    }

    /** Number of types, {@code void} not counted. */
    public int typeCount() {
        return offsets.length - 1;
    }

    /**
     * The structure or union with this name and the largest size: where a forward declaration or a smaller namesake (a driver's
     * private structure) exists too, the real one is meant.
     *
     * @return null if there is none
     */
    public @Nullable Struct struct(String name) {
        int best = largest(name, kind -> kind == KIND_STRUCT || kind == KIND_UNION);
        return best == 0 ? null : new Struct(best);
    }

    /**
     * The value of an enumerator.
     *
     * @param enumName the name of the enumeration; empty to look through all that have none
     * @return null if there is no such enumeration, or it has no such enumerator
     */
    public @Nullable Long enumerator(String enumName, String name) {
        byte[] wanted = name.getBytes(StandardCharsets.UTF_8);
        if (!enumName.isEmpty()) {
            int id = largest(enumName, Btf::isEnumeration);
            return id == 0 ? null : enumerator(id, wanted);
        }
        for (int id = 1; id < offsets.length; id++) {
            Long value = isEnumeration(kind(id)) && nameOffset(id) == 0 ? enumerator(id, wanted) : null;
            if (value != null) {
                return value;
            }
        }
        return null;
    }

    private static boolean isEnumeration(int kind) {
        return kind == KIND_ENUM || kind == KIND_ENUM64;
    }

    private @Nullable Long enumerator(int id, byte[] wanted) {
        boolean wide = kind(id) == KIND_ENUM64;
        int stride = wide ? 12 : 8;
        for (int i = 0; i < elements(id); i++) {
            long at = offsets[id] + TYPE_SIZE + (long) stride * i;
            if (isString(types.u32(at), wanted)) {
                return wide ? types.i64(at + 4) : Long.valueOf(types.i32(at + 4));
            }
        }
        return null;
    }

    /** The type with this name, a kind that is wanted, and the largest size; 0 if there is none. */
    private int largest(String name, IntPredicate wantedKind) {
        byte[] wanted = name.getBytes(StandardCharsets.UTF_8);
        int best = 0;
        int slot = hash(wanted) & (byName.length - 1);
        for (int id = byName[slot]; id != 0; id = byName[slot]) {
            if (wantedKind.test(kind(id))
                    && isString(nameOffset(id), wanted)
                    && (best == 0 || sizeField(id) > sizeField(best))) {
                best = id;
            }
            slot = (slot + 1) & (byName.length - 1);
        }
        return best;
    }

    private boolean isString(long offset, byte[] wanted) {
        if (!strings.contains(offset, wanted.length + 1L) || strings.u8(offset + wanted.length) != 0) {
            return false;
        }
        for (int i = 0; i < wanted.length; i++) {
            if ((byte) strings.u8(offset + i) != wanted[i]) {
                return false;
            }
        }
        return true;
    }

    private long nameOffset(int id) {
        return types.u32(offsets[id]);
    }

    private int kind(int id) {
        return types.i32(offsets[id] + 4L) >>> 24 & 0x1f;
    }

    /** Whether {@code kind_flag} is set: member offsets then carry the size of a bit field. */
    private boolean hasBitFields(int id) {
        return types.i32(offsets[id] + 4L) < 0;
    }

    private int elements(int id) {
        return types.u16(offsets[id] + 4L);
    }

    /** The size of a structure, or the type that a pointer or modifier refers to. */
    private long sizeField(int id) {
        return types.u32(offsets[id] + 8L);
    }

    /** {@code id} as it stands at {@code at}, checked. */
    private int typeId(long at) {
        long id = types.u32(at);
        if (id >= offsets.length) {
            throw types.malformed(at, "BTF type id " + id + " of " + offsets.length + " types");
        }
        return (int) id;
    }

    /** The type behind typedefs and qualifiers. */
    private int resolve(int id) {
        int resolved = id;
        for (int depth = 0; depth < MAX_DEPTH; depth++) {
            if (resolved == 0) {
                return 0;
            }
            switch (kind(resolved)) {
                case KIND_TYPEDEF, KIND_VOLATILE, KIND_CONST, KIND_RESTRICT, KIND_TYPE_TAG, KIND_VAR ->
                    resolved = typeId(offsets[resolved] + 8L);
                default -> {
                    return resolved;
                }
            }
        }
        throw types.malformed(offsets[id], "BTF type " + id + " refers to itself");
    }

    /** Size of a type in bytes; 0 for {@code void} and functions. */
    private long size(int id) {
        long factor = 1;
        int at = id;
        for (int depth = 0; depth < MAX_DEPTH; depth++) {
            int resolved = resolve(at);
            if (resolved == 0) {
                return 0;
            }
            switch (kind(resolved)) {
                case KIND_INT, KIND_STRUCT, KIND_UNION, KIND_ENUM, KIND_ENUM64, KIND_FLOAT -> {
                    return factor * sizeField(resolved);
                }
                case KIND_PTR -> {
                    return factor * Long.BYTES;
                }
                case KIND_ARRAY -> {
                    // A product of lengths that overflows is of no use to anyone, but does no harm: offsets are checked
                    // when used.
                    factor *= types.u32(offsets[resolved] + TYPE_SIZE + 8L);
                    at = typeId(offsets[resolved] + TYPE_SIZE);
                }
                default -> {
                    return 0;
                }
            }
        }
        throw types.malformed(offsets[id], "BTF type " + id + " nests without end");
    }

    /**
     * A member of a structure, found by its path.
     *
     * @param bitOffset from the start of the structure, in bits
     * @param bitSize in bits; of a bit field its width
     * @param size of the member's type, in bytes
     * @param elements how many elements the member has if it is an array, else 1
     */
    public record Member(long bitOffset, long bitSize, long size, long elements) {
        /** The offset in bytes; of a bit field that of the byte in which it starts. */
        public long offset() {
            return bitOffset >> 3;
        }
    }

    /** A structure or union. */
    public final class Struct {
        private final int id;

        private Struct(int id) {
            this.id = id;
        }

        /** In bytes. */
        public long size() {
            return sizeField(id);
        }

        /**
         * A member, also of anonymous structures inside of this one, and of members of members: {@code thread.sp},
         * {@code mem[2].base}.
         *
         * @return null if there is no such member
         */
        public @Nullable Member member(String path) {
            Found found = follow(path);
            if (found == null) {
                return null;
            }
            int type = resolve(found.type);
            long size = Btf.this.size(found.type);
            long bits = found.bitFieldSize != 0 ? found.bitFieldSize : 8 * size;
            return new Member(
                    found.bitOffset, bits, size, type != 0 && kind(type) == KIND_ARRAY ? arrayLength(type) : 1);
        }

        /**
         * What a member that is a pointer points to.
         *
         * @return null if there is no such member, or it is no pointer to a structure
         */
        public @Nullable Struct pointee(String path) {
            Found found = follow(path);
            int pointer = found == null ? 0 : resolve(found.type);
            int target = pointer == 0 || kind(pointer) != KIND_PTR ? 0 : resolve(typeId(offsets[pointer] + 8L));
            return target != 0 && (kind(target) == KIND_STRUCT || kind(target) == KIND_UNION)
                    ? new Struct(target)
                    : null;
        }

        private @Nullable Found follow(String path) {
            int type = id;
            long bitOffset = 0;
            Found found = null;
            for (String step : path.split("\\.", -1)) {
                int bracket = step.indexOf('[');
                String name = bracket < 0 ? step : step.substring(0, bracket);
                found = find(
                        type, name.getBytes(StandardCharsets.UTF_8), bitOffset, 0, new int[] {MAX_MEMBERS_LOOKED_AT});
                if (found == null) {
                    return null;
                }
                bitOffset = found.bitOffset;
                type = resolve(found.type);
                if (bracket >= 0) {
                    long index = Long.parseLong(step, bracket + 1, step.length() - 1, 10);
                    if (type == 0 || kind(type) != KIND_ARRAY || index >= arrayLength(type)) {
                        return null;
                    }
                    int element = typeId(offsets[type] + TYPE_SIZE);
                    bitOffset += 8 * index * Btf.this.size(element);
                    found = new Found(bitOffset, 0, element);
                    type = resolve(element);
                }
            }
            return found;
        }

        /**
         * The names of the members of this structure itself, in their order; empty for anonymous ones.
         */
        public String[] memberNames() {
            String[] names = new String[elements(id)];
            for (int i = 0; i < names.length; i++) {
                names[i] = strings.cString(types.u32(offsets[id] + TYPE_SIZE + 12L * i));
            }
            return names;
        }

        private record Found(long bitOffset, long bitFieldSize, int type) {}

        private long arrayLength(int array) {
            return types.u32(offsets[array] + TYPE_SIZE + 8L);
        }

        private @Nullable Found find(int type, byte[] name, long base, int depth, int[] budget) {
            int struct = resolve(type);
            if (struct == 0 || kind(struct) != KIND_STRUCT && kind(struct) != KIND_UNION) {
                return null;
            }
            boolean bitFields = hasBitFields(struct);
            for (int i = 0; i < elements(struct); i++) {
                if (budget[0]-- == 0 || depth > MAX_DEPTH) {
                    throw types.malformed(offsets[struct], "BTF type " + struct + " contains itself");
                }
                long at = offsets[struct] + TYPE_SIZE + 12L * i;
                long nameOffset = types.u32(at);
                long where = types.u32(at + 8);
                long bitOffset = base + (bitFields ? where & 0xff_ffff : where);
                int memberType = typeId(at + 4);
                if (isString(nameOffset, name)) {
                    return new Found(bitOffset, bitFields ? where >>> 24 : 0, memberType);
                }
                if (isString(nameOffset, ANONYMOUS)) {
                    Found inside = find(memberType, name, bitOffset, depth + 1, budget);
                    if (inside != null) {
                        return inside;
                    }
                }
            }
            return null;
        }
    }

    private static final byte[] ANONYMOUS = {};
}
