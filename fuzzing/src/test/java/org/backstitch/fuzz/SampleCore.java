package org.backstitch.fuzz;

import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;
import org.backstitch.fixtures.SyntheticElf;

/** A small core file as the kernel writes them ({@code fs/binfmt_elf.c}): one thread, one mapped file, a binary in memory, a stack. */
final class SampleCore {
    private static final int CORE = 4;
    private static final int LOAD = 1;
    private static final int NOTE = 4;
    private static final int PRSTATUS = 1;
    private static final int PRPSINFO = 3;
    private static final int AUXV = 6;
    private static final int FILE = 0x46494c45;
    private static final int SIGINFO = 0x53494749;
    private static final long BASE = 0x5555_5555_0000L;
    private static final long STACK = 0x7fff_0000_0000L;
    private static final int REGISTERS = 112;
    private static final int RIP = 16;
    private static final int RSP = 19;

    private SampleCore() {}

    static byte[] bytes() {
        byte[] text = new byte[0x400];
        byte[] binary = new SyntheticElf(3)
                .segment(LOAD, 5, CfiModule.TEXT, text)
                .section(".text", SyntheticElf.ALLOC | SyntheticElf.EXECINSTR, CfiModule.TEXT, text)
                .section(".eh_frame", SyntheticElf.ALLOC, CfiModule.EH_FRAME, SampleCfi.ehFrame())
                .bytes();
        byte[] stack = new byte[256];
        ByteBuffer stackWords = little(stack);
        for (int i = 0; i < 32; i++) {
            stackWords.putLong(i % 2 == 0 ? BASE + CfiModule.TEXT + 0x20 + i : STACK + i * 8L + 16);
        }
        return new SyntheticElf(CORE)
                .segment(NOTE, 0, 0, notes())
                .segment(LOAD, 5, BASE, binary)
                .segment(LOAD, 6, STACK, stack)
                .bytes();
    }

    private static byte[] notes() {
        byte[] status = new byte[336];
        little(status).putInt(0, 11).putShort(12, (short) 11).putInt(32, 1234);
        little(status).putLong(REGISTERS + RIP * 8, BASE + CfiModule.TEXT + 8).putLong(REGISTERS + RSP * 8, STACK);
        byte[] process = new byte[136];
        little(process).put(40, "sample".getBytes(StandardCharsets.US_ASCII));
        byte[] files = new byte[16 + 24 + 8];
        little(files)
                .putLong(1)
                .putLong(4096)
                .putLong(BASE)
                .putLong(BASE + 0x4000)
                .putLong(0)
                .put("/bin/a".getBytes(StandardCharsets.US_ASCII));
        byte[] auxiliary = new byte[64];
        little(auxiliary)
                .putLong(3)
                .putLong(BASE + 64)
                .putLong(4)
                .putLong(56)
                .putLong(5)
                .putLong(1);
        byte[] signal = new byte[128];
        signal[0] = 11;
        return Seeds.join(
                note(PRSTATUS, status),
                note(PRPSINFO, process),
                note(SIGINFO, signal),
                note(AUXV, auxiliary),
                note(FILE, files));
    }

    private static byte[] note(int type, byte[] content) {
        byte[] note = new byte[20 + (content.length + 3 & -4)];
        little(note)
                .putInt(5)
                .putInt(content.length)
                .putInt(type)
                .put("CORE".getBytes(StandardCharsets.US_ASCII))
                .put(20, content);
        return note;
    }

    private static ByteBuffer little(byte[] bytes) {
        return ByteBuffer.wrap(bytes).order(ByteOrder.LITTLE_ENDIAN);
    }
}
