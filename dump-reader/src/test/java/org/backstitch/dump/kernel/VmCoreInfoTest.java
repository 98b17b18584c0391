package org.backstitch.dump.kernel;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertNull;
import static org.junit.jupiter.api.Assertions.assertThrows;

import org.backstitch.bytes.MalformedInputException;
import org.junit.jupiter.api.Test;

class VmCoreInfoTest {
    /** Lines of a real note of 6.1. */
    @Test
    void readsNumbersAndSymbols() {
        VmCoreInfo info = VmCoreInfo.of("""
                OSRELEASE=6.1.0-56-amd64
                BUILD-ID=f8da1e460d1343b62f4a8880ae5ce63634756e7a
                SYMBOL(swapper_pg_dir)=ffffffffb0a10000
                NUMBER(phys_base)=-643825664
                NUMBER(VMALLOC_START)=0xffa0000000000000
                NUMBER(pgtable_l5_enabled)=1
                KERNELOFFSET=2e000000
                SIZE(page)=64
                """);
        assertEquals("6.1.0-56-amd64", info.release());
        assertEquals("f8da1e460d1343b62f4a8880ae5ce63634756e7a", info.buildId());
        assertEquals(0xffff_ffff_b0a1_0000L, info.symbol("swapper_pg_dir"));
        assertEquals(-643825664L, info.number("phys_base"));
        assertEquals(0xffa0_0000_0000_0000L, info.number("VMALLOC_START"));
        assertEquals(1L, info.number("pgtable_l5_enabled"));
        assertEquals(0x2e00_0000L, info.kernelOffset());
        assertEquals("64", info.value("SIZE(page)"));
        assertNull(info.symbol("init_task"));
        assertNull(info.number("sme_mask"));
    }

    @Test
    void namesALineThatIsNoNumber() {
        VmCoreInfo info = VmCoreInfo.of("KERNELOFFSET=2x\n=\nno equals sign\n\0\0");
        MalformedInputException e = assertThrows(MalformedInputException.class, info::kernelOffset);
        assertEquals("VMCOREINFO line KERNELOFFSET=2x is not a number", e.reason());
    }
}
