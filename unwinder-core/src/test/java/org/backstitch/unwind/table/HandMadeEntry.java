package org.backstitch.unwind.table;

import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;
import java.util.HexFormat;
import java.util.OptionalLong;
import org.backstitch.bytes.Bytes;
import org.backstitch.elf.dwarf.CallFrameInfo;
import org.backstitch.elf.dwarf.FrameDescriptionEntry;

/**
 * Call frame information of one function, of bytes written down by hand (LSB 5.0 §10.6, DWARF 5 §6.4.1, §7.24): an entry for [0x1000,
 * 0x1100) whose addresses are plain eight bytes. By the CIE the CFA is rsp+8; code alignment is 1, and RIP lies at c-8.
 *
 * @param program the function's instructions, as hex digits; blanks between them are left out
 * @param dataAlignment the CIE's, -64 to 63
 * @param returnColumn the CIE's return address register
 * @param signalFrame whether the CIE says so (augmentation {@code S})
 */
public record HandMadeEntry(String program, int dataAlignment, int returnColumn, boolean signalFrame) {
    static final long START = 0x1000;
    static final int LENGTH = 0x100;

    /** As compilers have it. */
    public static HandMadeEntry of(String program) {
        return new HandMadeEntry(program, -8, 16, false);
    }

    /** The entry. */
    public FrameDescriptionEntry parse() {
        HexFormat hex = HexFormat.of();
        byte[] augmentation = (signalFrame ? "zS\0" : "z\0").getBytes(StandardCharsets.US_ASCII);
        byte[] initial = hex.parseHex("0c0708"); // def_cfa rsp+8
        // RIP at c-8 where the data alignment can say it: offset, register 16.
        byte[] returnSlot =
                -8 % dataAlignment == 0 ? new byte[] {(byte) 0x90, (byte) (-8 / dataAlignment)} : new byte[0];
        byte[] code = hex.parseHex(program.replace(" ", ""));
        ByteBuffer bytes = ByteBuffer.allocate(256).order(ByteOrder.LITTLE_ENDIAN);
        bytes.putInt(0).putInt(0).put((byte) 1).put(augmentation);
        bytes.put((byte) 1)
                .put((byte) (dataAlignment & 0x7f))
                .put((byte) returnColumn)
                .put((byte) 0);
        bytes.put(initial).put(returnSlot);
        bytes.putInt(0, bytes.position() - 4);
        int fde = bytes.position();
        bytes.putInt(21 + code.length)
                .putInt(fde + 4)
                .putLong(START)
                .putLong(LENGTH)
                .put((byte) 0)
                .put(code);
        bytes.putInt(0);
        CallFrameInfo info = new CallFrameInfo(
                Bytes.of(bytes.array(), "by hand").slice(0, bytes.position()),
                0,
                CallFrameInfo.Flavor.EH_FRAME,
                0,
                0,
                vaddr -> OptionalLong.empty());
        return info.fdeAt(fde);
    }
}
