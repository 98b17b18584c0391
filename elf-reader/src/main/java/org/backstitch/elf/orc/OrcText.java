package org.backstitch.elf.orc;

import java.io.IOException;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import java.util.stream.Stream;

/** ORC tables as text, in the words of {@code objtool --dump=orc}. */
public final class OrcText {
    /** An entry's words; a register is {@code (und)}, {@code sp+8}, {@code (bp-8)} or {@code (sp)+8}. */
    private static final Pattern ENTRY = Pattern.compile("type:(.+) sp:([^ ]+) bp:([^ ]+) signal:([01])");

    private static final Pattern REGISTER = Pattern.compile("(?<direct>[a-z0-9]+)(?<o1>[+-]\\d{1,5})"
            + "|\\((?<inner>[a-z]+)(?<o2>[+-]\\d{1,5})\\)"
            + "|\\((?<outer>[a-z]+)\\)(?<o3>[+-]\\d{1,5})");

    private OrcText() {}

    /**
     * Reads what {@link OrcEntry#toString} writes.
     *
     * @throws IllegalArgumentException if it is no entry
     */
    public static OrcEntry entry(String words) {
        Matcher entry = ENTRY.matcher(words);
        if (!entry.matches()) {
            throw new IllegalArgumentException(
                    "expected an ORC entry, as in \"type:call sp:sp+8 bp:(und) signal:0\": not '" + words + "'");
        }
        OrcType type = Stream.of(OrcType.values())
                .filter(each -> each.label().equals(entry.group(1)))
                .findFirst()
                .orElseThrow(() -> new IllegalArgumentException("no type of ORC entries: " + entry.group(1)));
        Location sp = location(entry.group(2));
        Location bp = location(entry.group(3));
        return new OrcEntry(
                type,
                sp.register,
                sp.offset,
                bp.register,
                bp.offset,
                entry.group(4).equals("1"));
    }

    private record Location(OrcRegister register, int offset) {}

    private static Location location(String words) {
        if (words.equals(OrcRegister.UNDEFINED.label())) {
            return new Location(OrcRegister.UNDEFINED, 0);
        }
        Matcher register = REGISTER.matcher(words);
        if (!register.matches()) {
            throw new IllegalArgumentException("no place that an ORC entry can name: " + words);
        }
        if (register.group("direct") != null) {
            for (OrcRegister each : OrcRegister.values()) {
                boolean direct = switch (each) {
                    case UNDEFINED, SP_INDIRECT, BP_INDIRECT, SP_OFFSET_INDIRECT -> false;
                    case AX, DX, SP, BP, DI, R10, R13, PREV_SP -> true;
                };
                if (direct && each.label().equals(register.group("direct"))) {
                    return new Location(each, Integer.parseInt(register.group("o1")));
                }
            }
        } else if (OrcRegister.SP.label().equals(register.group("outer"))) {
            return new Location(OrcRegister.SP_INDIRECT, Integer.parseInt(register.group("o3")));
        } else if (OrcRegister.BP.label().equals(register.group("inner"))) {
            return new Location(OrcRegister.BP_INDIRECT, Integer.parseInt(register.group("o2")));
        } else if (OrcRegister.SP.label().equals(register.group("inner"))) {
            return new Location(OrcRegister.SP_OFFSET_INDIRECT, Integer.parseInt(register.group("o2")));
        }
        throw new IllegalArgumentException("no place that an ORC entry can name: " + words);
    }

    /**
     * Writes a line a row: {@code ADDRESS type:call sp:sp+8 bp:prevsp-16 signal:0}, the address in hexadecimal, of a relocatable file
     * as {@code SECTION+OFFSET}.
     *
     * @throws IOException if {@code out} throws it
     */
    public static void write(OrcTable table, Appendable out) throws IOException {
        String[] texts = new String[table.distinctEntries()];
        for (int i = 0; i < texts.length; i++) {
            texts[i] = " " + table.distinctEntry(i) + "\n";
        }
        StringBuilder line = new StringBuilder();
        for (int row = 0; row < table.size(); row++) {
            line.setLength(0);
            if (table.isRelocatable()) {
                line.append(table.sectionName(row)).append('+');
                appendHex(line, table.sectionOffset(row));
            } else {
                appendHex(line, table.address(row));
            }
            out.append(line).append(texts[table.entryIndex(row)]);
        }
    }

    private static void appendHex(StringBuilder text, long value) {
        int shift = (Long.SIZE - 1 - Long.numberOfLeadingZeros(value | 1)) & ~3;
        for (; shift >= 0; shift -= 4) {
            text.append(Character.forDigit((int) (value >>> shift) & 0xf, 16));
        }
    }
}
