package org.backstitch.code.capstone;

import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import org.backstitch.unwind.machine.X86_64;

/** What Capstone's register numbers mean, found by name: which general register each is, or is a part of. */
final class Registers {
    /** For a register that is not a general one. */
    static final int NOT_GENERAL = -1;

    /** More registers than any release knows; the loop over their names ends at the first that has none. */
    private static final int MOST_REGISTERS = 1 << 10;

    private static final Map<String, Integer> GENERAL = generalByName();

    private final List<String> names = new ArrayList<>();
    private final byte[] general;

    Registers(Library library, long handle) {
        String next = "";
        while (next != null && names.size() < MOST_REGISTERS) {
            names.add(next);
            next = library.registerName(handle, names.size());
        }
        general = new byte[names.size()];
        for (int id = 0; id < general.length; id++) {
            general[id] = (byte) (int) GENERAL.getOrDefault(names.get(id), NOT_GENERAL);
        }
    }

    /**
     * The DWARF number of the general register, or RIP (16), that register {@code id} is or is a part of; {@link #NOT_GENERAL} for
     * any other.
     */
    int general(int id) {
        return id >= 0 && id < general.length ? general[id] : NOT_GENERAL;
    }

    /** The name of register {@code id}; empty for none. */
    String name(int id) {
        return id >= 0 && id < names.size() ? names.get(id) : "";
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
