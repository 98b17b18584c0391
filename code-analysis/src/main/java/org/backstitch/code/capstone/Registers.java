package org.backstitch.code.capstone;

import java.util.Arrays;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import org.backstitch.unwind.machine.X86_64;
import org.jspecify.annotations.Nullable;

/** What Capstone's register numbers mean, found by name: which general register each is, or is a part of. */
final class Registers {
    /** For a register that is not a general one. */
    static final int NOT_GENERAL = -1;

    /** More registers than any release knows. */
    private static final int MOST_REGISTERS = 1 << 10;

    /** For a register whose name nobody has asked for yet. */
    private static final byte NOT_MET = -2;

    private static final Map<String, Integer> GENERAL = generalByName();

    private final Library library;
    private final long handle;
    private final @Nullable String[] names = new @Nullable String[MOST_REGISTERS];
    private final byte[] general = new byte[MOST_REGISTERS];

    Registers(Library library, long handle) {
        this.library = library;
        this.handle = handle;
        Arrays.fill(general, NOT_MET);
    }

    /**
     * The DWARF number of the general register, or RIP (16), that register {@code id} is or is a part of; {@link #NOT_GENERAL} for
     * any other.
     */
    int general(int id) {
        if (id < 0 || id >= MOST_REGISTERS) {
            return NOT_GENERAL;
        }
        int known = general[id];
        if (known == NOT_MET) {
            known = GENERAL.getOrDefault(name(id), NOT_GENERAL);
            general[id] = (byte) known;
        }
        return known;
    }

    /** The name of register {@code id}; empty for none. */
    String name(int id) {
        if (id <= 0 || id >= MOST_REGISTERS) {
            return "";
        }
        String name = names[id];
        if (name == null) {
            name = Objects.requireNonNullElse(library.registerName(handle, id), "");
            names[id] = name;
        }
        return name;
    }

    private static Map<String, Integer> generalByName() {
        Map<String, Integer> map = new HashMap<>();
        for (int number = X86_64.R8; number <= X86_64.R15; number++) {
            String name = X86_64.name(number);
            for (String suffix : List.of("", "d", "w", "b")) {
                map.put(name + suffix, number);
            }
        }
        for (int number : List.of(X86_64.RAX, X86_64.RBX, X86_64.RCX, X86_64.RDX)) {
            String letter = X86_64.name(number).substring(1, 2);
            for (String name : List.of("r%sx", "e%sx", "%sx", "%sl", "%sh")) {
                map.put(name.replace("%s", letter), number);
            }
        }
        for (int number : List.of(X86_64.RSI, X86_64.RDI, X86_64.RBP, X86_64.RSP, X86_64.RIP)) {
            String letters = X86_64.name(number).substring(1);
            for (String name : List.of("r%s", "e%s", "%s", "%sl")) {
                map.put(name.replace("%s", letters), number);
            }
        }
        return map;
    }
}
