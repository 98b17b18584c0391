package org.backstitch.dump.kernel;

import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import org.backstitch.bytes.Bytes;

/** Writes types in the format that {@link Btf} reads ({@code Documentation/bpf/btf.rst}). */
final class BtfWriter {
    private static final int HEADER_SIZE = 24;
    private static final int KIND_INT = 1;
    private static final int KIND_PTR = 2;
    private static final int KIND_ARRAY = 3;
    private static final int KIND_STRUCT = 4;
    private static final int KIND_UNION = 5;
    private static final int KIND_ENUM = 6;
    /** The number of members has 16 bits. */
    private static final int MAX_MEMBERS = 0xffff;

    /** Each type's words, by its id less 1. */
    private final List<int[]> types = new ArrayList<>();

    private final ByteBufferSink strings = new ByteBufferSink();
    private final Map<String, Integer> stringOffsets = new HashMap<>();

    /** A byte array that grows. */
    private static final class ByteBufferSink {
        private byte[] bytes = new byte[1024];
        private int size = 1; // offset 0 is the empty string

        void add(byte[] text) {
            if (size + text.length + 1 > bytes.length) {
                bytes = Arrays.copyOf(bytes, 2 * (size + text.length + 1));
            }
            System.arraycopy(text, 0, bytes, size, text.length);
            size += text.length + 1;
        }
    }

    /** The words of a type's members or enumerators. */
    static final class Members {
        private int[] words = new int[48];
        private int size;
        private int count;

        void add(int... more) {
            if (count == MAX_MEMBERS) {
                return;
            }
            if (size + more.length > words.length) {
                words = Arrays.copyOf(words, 2 * words.length);
            }
            System.arraycopy(more, 0, words, size, more.length);
            size += more.length;
            count++;
        }
    }

    /** The offset of a string. */
    int string(String text) {
        if (text.isEmpty()) {
            return 0;
        }
        return stringOffsets.computeIfAbsent(text, key -> {
            int offset = strings.size;
            strings.add(key.getBytes(StandardCharsets.UTF_8));
            return offset;
        });
    }

    /** The id of a type that will be written later: it may contain pointers to itself. Until then it is {@code char}. */
    int reserve() {
        types.add(new int[] {0, KIND_INT << 24, 1, 8});
        return types.size();
    }

    int integer(String name, long size) {
        types.add(new int[] {string(name), KIND_INT << 24, (int) size, (int) (8 * size)});
        return types.size();
    }

    void pointer(int id, int target) {
        types.set(id - 1, new int[] {0, KIND_PTR << 24, target});
    }

    /** A structure or union of which only the name is known. */
    int opaque(boolean union, String name) {
        types.add(new int[] {string(name), (union ? KIND_UNION : KIND_STRUCT) << 24, 0});
        return types.size();
    }

    int enumeration(String name, long size, Members values) {
        types.add(withMembers(string(name), KIND_ENUM << 24 | values.count, (int) size, values));
        return types.size();
    }

    int array(int element, long length) {
        types.add(new int[] {0, KIND_ARRAY << 24, 0, element, 0, (int) length});
        return types.size();
    }

    /** Writes a structure or union under the id reserved for it. */
    void record(int id, boolean union, String name, long size, boolean bitFields, Members members) {
        int info = (bitFields ? 1 << 31 : 0) | (union ? KIND_UNION : KIND_STRUCT) << 24 | members.count;
        types.set(id - 1, withMembers(string(name), info, (int) size, members));
    }

    private static int[] withMembers(int name, int info, int size, Members members) {
        int[] words = new int[3 + members.size];
        words[0] = name;
        words[1] = info;
        words[2] = size;
        System.arraycopy(members.words, 0, words, 3, members.size);
        return words;
    }

    /** All that was written, as the contents of a {@code .BTF} section. */
    Bytes section(String source) {
        int typesSize =
                types.stream().mapToInt(words -> Integer.BYTES * words.length).sum();
        ByteBuffer section =
                ByteBuffer.allocate(HEADER_SIZE + typesSize + strings.size).order(ByteOrder.LITTLE_ENDIAN);
        section.putShort((short) 0xeb9f).put((byte) 1).put((byte) 0).putInt(HEADER_SIZE);
        section.putInt(0).putInt(typesSize).putInt(typesSize).putInt(strings.size);
        types.forEach(words -> Arrays.stream(words).forEach(section::putInt));
        section.put(strings.bytes, 0, strings.size);
        return Bytes.of(section.array(), source + "(types)");
    }
}
