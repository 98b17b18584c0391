package org.backstitch.elf.dwarf;

/** The names of x86-64 registers by their DWARF numbers (System V ABI x86-64 psABI, figure 3.36), as binutils write them. */
public final class DwarfRegisters {
    private static final String[] GENERAL = {
        "rax", "rdx", "rcx", "rbx", "rsi", "rdi", "rbp", "rsp", "r8", "r9", "r10", "r11", "r12", "r13", "r14", "r15",
        "ra"
    };
    private static final String[] SYSTEM = {"rflags", "es", "cs", "ss", "ds", "fs", "gs"};

    private DwarfRegisters() {}

    /** The register's name, {@code ra} for the return address column 16, {@code rN} for a number without a name. */
    public static String name(int number) {
        if (number >= 0 && number < GENERAL.length) {
            return GENERAL[number];
        }
        if (number >= 17 && number <= 32) {
            return "xmm" + (number - 17);
        }
        if (number >= 33 && number <= 40) {
            return "st" + (number - 33);
        }
        if (number >= 41 && number <= 48) {
            return "mm" + (number - 41);
        }
        if (number >= 49 && number <= 55) {
            return SYSTEM[number - 49];
        }
        return switch (number) {
            case 58 -> "fs.base";
            case 59 -> "gs.base";
            case 62 -> "tr";
            case 63 -> "ldtr";
            case 64 -> "mxcsr";
            case 65 -> "fcw";
            case 66 -> "fsw";
            default -> {
                if (number >= 67 && number <= 82) {
                    yield "xmm" + (number - 67 + 16);
                }
                yield number >= 118 && number <= 125 ? "k" + (number - 118) : "r" + number;
            }
        };
    }
}
