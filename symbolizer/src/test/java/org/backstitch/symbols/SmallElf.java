package org.backstitch.symbols;

import java.io.ByteArrayOutputStream;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;
import java.util.List;
import org.backstitch.bytes.Bytes;
import org.backstitch.elf.ElfFile;

/** Makes an executable of one {@code .text} section and a symbol table, after gABI chapter 4. */
final class SmallElf {
    static final int LOCAL = 0;
    static final int GLOBAL = 0x10;
    static final int WEAK = 0x20;
    static final int UNIQUE = 0xa0;
    static final int NOTYPE = 0;
    static final int OBJECT = 1;
    static final int FUNC = 2;

    private static final int HEADER = 64;

    /** @param info binding and type, as {@code st_info} */
    record Symbol(String name, long value, long size, int info) {}

    private SmallElf() {}

    static ElfFile of(Symbol... symbols) {
        return ElfFile.of(Bytes.of(bytes(List.of(symbols)), "small"));
    }

    static byte[] bytes(List<Symbol> symbols) {
        long text = symbols.stream().mapToLong(Symbol::value).min().orElse(0) & ~0xfffL;
        ByteArrayOutputStream names = new ByteArrayOutputStream();
        names.write(0);
        byte[] tableBytes = new byte[24 * (symbols.size() + 1)];
        ByteBuffer table = little(tableBytes);
        table.position(24);
        for (Symbol symbol : symbols) {
            table.putInt(names.size());
            names.writeBytes((symbol.name + "\0").getBytes(StandardCharsets.UTF_8));
            table.put((byte) symbol.info).put((byte) 0).putShort((short) 1);
            table.putLong(symbol.value).putLong(symbol.size);
        }
        int tableAt = HEADER;
        int namesAt = tableAt + tableBytes.length;
        int headersAt = (namesAt + names.size() + 7) & ~7;
        byte[] fileBytes = new byte[headersAt + 4 * 64];
        ByteBuffer file = little(fileBytes);
        file.put(new byte[] {0x7f, 'E', 'L', 'F', 2, 1, 1});
        file.putShort(16, (short) 2).putShort(18, (short) 62).putInt(20, 1);
        file.putLong(40, headersAt).putShort(52, (short) HEADER);
        file.putShort(58, (short) 64).putShort(60, (short) 4);
        file.put(tableAt, tableBytes);
        file.put(namesAt, names.toByteArray());
        // .text: SHT_NOBITS as in a debug file, SHF_ALLOC | SHF_EXECINSTR
        section(file, headersAt + 64, 8, 6, text, 0, 0x10000, 0);
        section(file, headersAt + 128, 2, 0, 0, tableAt, tableBytes.length, 3);
        section(file, headersAt + 192, 3, 0, 0, namesAt, names.size(), 0);
        return fileBytes;
    }

    private static ByteBuffer little(byte[] bytes) {
        return ByteBuffer.wrap(bytes).order(ByteOrder.LITTLE_ENDIAN);
    }

    private static void section(
            ByteBuffer file, int at, int type, long flags, long address, long offset, long size, int link) {
        file.putInt(at + 4, type).putLong(at + 8, flags).putLong(at + 16, address);
        file.putLong(at + 24, offset).putLong(at + 32, size).putInt(at + 40, link);
    }
}
