package org.backstitch.elf.orc;

import java.io.IOException;

/** ORC tables as text, in the words of {@code objtool --dump=orc}. */
public final class OrcText {
    private OrcText() {}

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
