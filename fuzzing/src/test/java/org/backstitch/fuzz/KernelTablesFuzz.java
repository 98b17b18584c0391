package org.backstitch.fuzz;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertNotNull;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.code_intelligence.jazzer.junit.FuzzTest;
import java.util.Arrays;
import org.backstitch.bytes.Bytes;
import org.backstitch.bytes.MalformedInputException;
import org.backstitch.dump.kernel.Btf;
import org.backstitch.dump.kernel.VmCoreInfo;
import org.backstitch.symbols.Kallsyms;
import org.backstitch.symbols.PerfMap;
import org.backstitch.symbols.SymbolIndex;

/** Tables of types and names: BTF, {@code /proc/kallsyms}, {@code perf-PID.map}, VMCOREINFO. The first byte says which. */
class KernelTablesFuzz {
    private static final String[] STRUCTS = {"task_struct", "module", "list_head", "a", "s"};
    private static final String[] MEMBERS = {"tasks", "list.next", "a.b", "a", "b.a", "thread.sp", "comm"};

    @FuzzTest
    void kernelTables(byte[] data) {
        run(data);
    }

    static void run(byte[] data) {
        if (data.length == 0) {
            return;
        }
        byte[] rest = Arrays.copyOfRange(data, 1, data.length);
        try {
            switch (data[0] & 3) {
                case 0 -> btf(rest);
                case 1 -> index(Kallsyms.of(Bytes.of(rest, "input")), rest.length);
                case 2 -> index(PerfMap.of(Bytes.of(rest, "input")), rest.length);
                default -> vmCoreInfo(rest);
            }
        } catch (MalformedInputException e) {
            assertTrue(e.reason().length() > 5);
        }
    }

    private static void btf(byte[] bytes) {
        Btf types = new Btf(Bytes.of(bytes, "input"));
        assertTrue(types.typeCount() <= 1 + bytes.length / 12, "more types than fit");
        for (String name : STRUCTS) {
            try {
                Btf.Struct struct = types.struct(name);
                if (struct != null) {
                    assertNotNull(struct.memberNames());
                    for (String member : MEMBERS) {
                        assertEquals(struct.member(member), struct.member(member));
                        struct.pointee(member);
                    }
                }
            } catch (MalformedInputException e) {
                assertTrue(e.reason().length() > 5);
            }
            try {
                types.enumerator(name, "a");
            } catch (MalformedInputException e) {
                assertTrue(e.reason().length() > 5);
            }
        }
    }

    private static void index(SymbolIndex symbols, int size) {
        int count = symbols instanceof Kallsyms kallsyms ? kallsyms.count() : ((PerfMap) symbols).count();
        assertTrue(count <= size, "more symbols than bytes");
        for (long address : new long[] {0, 1, 0x1000, -1, Long.MIN_VALUE, Long.MAX_VALUE, 0xffff_ffff_8100_0000L}) {
            int found = symbols.find(address);
            if (found != SymbolIndex.NONE) {
                assertNotNull(symbols.name(found));
                assertTrue(Long.compareUnsigned(symbols.start(found), address) <= 0, "a symbol behind the address");
            }
        }
    }

    private static void vmCoreInfo(byte[] bytes) {
        VmCoreInfo info = new VmCoreInfo(Bytes.of(bytes, "input"));
        info.release();
        info.buildId();
        info.kernelOffset();
        info.number("phys_base");
        info.symbol("init_top_pgt");
    }
}
