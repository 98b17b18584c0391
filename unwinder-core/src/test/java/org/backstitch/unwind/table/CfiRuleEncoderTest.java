package org.backstitch.unwind.table;

import static org.junit.jupiter.api.Assertions.assertEquals;

import java.util.Objects;
import org.backstitch.elf.dwarf.CallFrameInterpreter;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

/**
 * Rows, as bytes of call frame instructions and expressions (DWARF 5 §7.24, §7.7.1), and the words that say the same. A row that a word
 * can say and that goes to the side table all the same would be walked rightly, and slowly: only this test would tell.
 */
class CfiRuleEncoderTest {
    private static String encode(HandMadeEntry entry) {
        CallFrameInterpreter rows = new CallFrameInterpreter();
        rows.start(entry.parse());
        CfiRuleEncoder encoder = new CfiRuleEncoder();
        while (rows.nextRow()) {
            encoder.encode(rows);
        }
        // Complete rows are as the interpreter has them, and there is one if and only if the word says so.
        assertEquals(UnwindRule.hasSide(encoder.rule()), Objects.equals(rows.row(), encoder.side()));
        assertEquals(UnwindRule.hasSide(encoder.rule()), encoder.side() != null);
        String saved = SavedRegisters.toString(encoder.saved());
        return UnwindRule.toString(encoder.rule()) + (saved.isEmpty() ? "" : ", " + saved);
    }

    @ParameterizedTest
    @CsvSource(
            delimiter = '|',
            value = {
                "| call rsp+8",
                "0e10 8602 | call rsp+16 rbp=c-16", // def_cfa_offset 16, rbp at c-16
                "0e10 8602 0d06 | call rbp+16 rbp=c-16", // def_cfa_register rbp
                "0c0000 | call rax+0",
                "0c0f08 | call r15+8", // def_cfa r15+8
                "0c1008 | side +side", // RIP is no base
                "0c1108 | side +side", // nor is XMM0
                "0effffff03 | call rsp+8388607", // 2^23 - 1, the most that 24 bits hold
                "0e80808004 | side +side",
                "138080c000 | call rsp-8388608", // def_cfa_offset_sf 2^20 * -8
                "138180c000 | side +side",
            })
    void bases(String program, String expected) {
        assertEquals(expected, encode(HandMadeEntry.of(program == null ? "" : program)));
    }

    @ParameterizedTest
    @CsvSource(
            delimiter = '|',
            value = {
                "0806 | call rsp+8", // same_value
                "0706 | call rsp+8 rbp=u", // undefined
                "868020 | call rsp+8 rbp=c-32768", // offset 4096 * -8: the most that 16 bits hold
                "868120 | side +side",
                "11068160 | call rsp+8 rbp=c+32760", // offset_extended_sf -4095 * -8
                "11068060 | side +side",
                "090603 | side +side", // register: RBP is in RBX
                "140602 | side +side", // val_offset
                "1006027708 | call rsp+8 rbp=b+8", // expression: breg7 8
                "1006027610 | call rsp+8 rbp=*(rbp+16)", // breg6 16
                "0c0610 10060276 70 | call rbp+16 rbp=b-16", // breg6 -16 is the base
                "1006027308 | side +side", // breg3 8 is neither
                "100603770806 | side +side", // breg7 8; deref: the place itself would have to be loaded
                "10060131 | side +side", // lit1
                "100600 | side +side", // no operation at all
                "10060477ffff01 | call rsp+8 rbp=b+32767",
                "10060477808002 | side +side", // 32768
                "100604 77082308 | call rsp+8 rbp=b+16", // breg7 8; plus_uconst 8
                "100604 77083822 | call rsp+8 rbp=b+16", // breg7 8; lit8; plus
                "100604 77083022 | call rsp+8 rbp=b+8", // lit0
                "100604 77084f22 | call rsp+8 rbp=b+39", // lit31
                "100604 77085022 | side +side", // reg0 is no literal
                "100604 77082f22 | side +side", // nor is skip
                "100604 7708381c | side +side", // minus
                "100603 770838 | side +side", // nothing is done with it
                "100602 7780 | side +side", // ends within its offset
                "160602 7708 | side +side", // val_expression
            })
    void framePointers(String program, String expected) {
        assertEquals(expected, encode(HandMadeEntry.of(program)));
    }

    @ParameterizedTest
    @CsvSource(
            delimiter = '|',
            value = {
                "0f027008 | call rax+8", // def_cfa_expression: breg0 8
                "0f027f08 | call r15+8",
                "0f028008 | side +side", // breg16, RIP
                "0f016f | side +side", // reg31
                "0f03760806 | call *(rbp+8)+0", // breg6 8; deref: GCC's DRAP
                "0f0376 78 06 | call *(rbp-8)+0",
                "0f0476080606 | side +side", // loaded twice
                "0f05760806237f | call *(rbp+8)+127",
                "0f067608062380 01 | side +side", // 128
                "0f0e76080623f8ffffffffffffffff01 | call *(rbp+8)-8", // an unsigned 2^64 - 8 is -8
                "0f0e7608 23f8ffffffffffffffff01 06 | call *(rbp+0)+0",
                "0f05760806 3822 | call *(rbp+8)+8", // lit8; plus
                "0f0577ffffff03 | call rsp+8388607",
                "0f057780808004 | side +side",
                "0f0131 | side +side", // lit1
                "0f03760806 10060276 78 | call *(rbp+8)+0 rbp=b-8",
            })
    void expressions(String program, String expected) {
        assertEquals(expected, encode(HandMadeEntry.of(program)));
    }

    /** {@code breg7 8; breg16 0; lit15; and; lit11; ge; lit3; shl; plus}, as GNU ld writes it; changed in one place each. */
    @ParameterizedTest
    @CsvSource(
            delimiter = '|',
            value = {
                "0f0b 7708 8000 3f1a 3b2a 33 24 22 | plt rsp+8+8*(rip&15>=11)",
                "0f0b 7708 8000 3f1a 302a 33 24 22 | plt rsp+8+8*(rip&15>=0)",
                "0f0b 7708 8000 3f1a 3f2a 33 24 22 | plt rsp+8+8*(rip&15>=15)",
                "0f0b 7608 8000 3f1a 3b2a 33 24 22 | plt rbp+8+8*(rip&15>=11)",
                "0f0d 7708 2308 8000 3f1a 3b2a 33 24 22 | plt rsp+16+8*(rip&15>=11)",
                "0f0b 7708 8000 3f1a 402a 33 24 22 | side +side", // 16
                "0f0b 7708 8000 3f1a 2f2a 33 24 22 | side +side",
                "0f0b 7708 8001 3f1a 3b2a 33 24 22 | side +side", // breg16 1
                "0f0b 7708 7f00 3f1a 3b2a 33 24 22 | side +side", // breg15
                "0f0b 7708 8000 3e1a 3b2a 33 24 22 | side +side", // lit14
                "0f0b 7708 8000 3f1b 3b2a 33 24 22 | side +side", // div
                "0f0b 7708 8000 3f1a 3b2b 33 24 22 | side +side", // gt
                "0f0b 7708 8000 3f1a 3b2a 32 24 22 | side +side", // lit2
                "0f0b 7708 8000 3f1a 3b2a 33 25 22 | side +side", // shr
                "0f0b 7708 8000 3f1a 3b2a 33 24 1c | side +side", // minus
                "0f0d 7708 8000 3f1a 3b2a 33 24 22 2308 | side +side",
                "0f0a 7708 8000 3f1a 3b2a 33 24 | side +side",
                "0f0c 7708 06 8000 3f1a 3b2a 33 24 22 | side +side", // with a deref in between
                "0f0b 7708 8000 3f1a 3b2a 33 24 22 9002 | side +side", // the return address elsewhere
                "10060b 7708 8000 3f1a 3b2a 33 24 22 | side +side", // as RBP's place
            })
    void pltEntries(String program, String expected) {
        assertEquals(expected, encode(HandMadeEntry.of(program)));
    }

    /** The kernel puts a {@code struct sigcontext} on the stack, in which RIP follows RSP: 160 and 168 above RSP in the handler's return. */
    @ParameterizedTest
    @CsvSource(
            delimiter = '|',
            value = {
                // def_cfa_expression: breg7 160; deref. RIP: expression breg7 168
                "0f0477a00106 10100377a801 | signal *(rsp+160)+0",
                "0f0477a00106 10100377a801 10070377a001 | signal *(rsp+160)+0", // RSP: expression breg7 160
                "0f0477a00106 10100377a801 10060377f800 | signal *(rsp+160)+0 rbp=b+120",
                "0f0477a00106 10100377a801 100703779801 | side +side", // RSP at 152
                "0f0477a00106 10100377a001 | side +side", // RIP at 160
                "0f0477a00106 10100377b001 | side +side", // at 176
                "0f0477a00106 10100376a801 | side +side", // RBP's, not RSP's
                "0f0477a00106 10100477a80106 | side +side", // loaded from there
                "0f0477a00106 10100131 | side +side", // lit1
                "0f0477a00106 16100377a801 | side +side", // val_expression
                "0f0677a001062308 10100377a801 | side +side", // the CFA is 8 above what was saved
                "0f0377a001 10100377a801 | side +side", // the CFA is not loaded
                "0f0477a00106 10070377a001 | call *(rsp+160)+0", // RIP at c-8
                "0f0477a00106 10070376a001 | side +side",
                "140700 | call rsp+8", // RSP is the CFA: val_offset 0
                "140701 | side +side",
                "0707 | side +side",
                "0807 | side +side",
                "9002 | side +side", // RIP at c-16
                "141001 | side +side", // val_offset is not where it lies
                "091003 | side +side", // RIP is in RBX
                "0710 | end", // undefined
                "0710 8303 | end", // whatever else is said
            })
    void returnAddresses(String program, String expected) {
        assertEquals(expected, encode(HandMadeEntry.of(program)));
    }

    @ParameterizedTest
    @CsvSource(
            delimiter = '|',
            value = {
                "8303 | call rsp+8, rbx=c-24",
                "0e38 8602 8f03 8e04 8d05 8c06 8307 | call rsp+56 rbp=c-16, rbx=c-56 r12=c-48 r13=c-40 r14=c-32 r15=c-24",
                "0803 | call rsp+8", // same_value
                "070c | call rsp+8, r12=u",
                "83ff0f | call rsp+8, rbx=c-16376", // 2047 words
                "838010 | call rsp+8 +side",
                "11038170 | call rsp+8, rbx=c+16376",
                "11038070 | call rsp+8 +side",
                "8300 | call rsp+8 +side", // 0 stands for something else
                "838010 8f03 | call rsp+8 +side, r15=c-24",
                "090305 | call rsp+8 +side", // RBX is in RDI
                "140302 | call rsp+8 +side", // val_offset
                "1003027708 | call rsp+8 +side", // expression
                "9102 | call rsp+8", // XMM0 is nothing that a walk recovers
                "090603 8303 | side +side, rbx=c-24",
            })
    void savedRegisters(String program, String expected) {
        assertEquals(expected, encode(HandMadeEntry.of(program)));
    }

    /** RAX, RDX, RCX, RSI, RDI and R8 to R11 belong to the callee: a rule for one is for walks by rows. */
    @ParameterizedTest
    @ValueSource(ints = {0, 1, 2, 4, 5, 8, 9, 10, 11})
    void registersOfTheCallee(int register) {
        assertEquals("call rsp+8 +side", encode(HandMadeEntry.of("%02x02".formatted(0x80 + register))));
    }

    @ParameterizedTest
    @CsvSource(
            delimiter = '|',
            value = {
                // data alignment, return column, signal frame, program; the word
                "-8, 16, true, | call rsp+8 exact-caller",
                "-8, 16, true, 0f027f08 | call r15+8 exact-caller",
                "-8, 16, true, 140602 | side exact-caller +side",
                "-8, 16, true, 0710 | end",
                "-8, 3, false, 8301 | side +side, rbx=c-8", // RBX's column holds the return address
                "-8, 3, false, 0710 | side +side",
                "-4, 16, false, 8305 | call rsp+8 +side", // c-20
                "-4, 16, false, 8306 | call rsp+8, rbx=c-24",
                "-4, 16, false, 8605 | call rsp+8 rbp=c-20",
                "-4, 16, false, 9003 | side +side", // RIP at c-12
            })
    void commonEntries(String entry, String expected) {
        String[] parts = entry.split(",", -1);
        HandMadeEntry made = new HandMadeEntry(
                parts[3].strip(),
                Integer.parseInt(parts[0].strip()),
                Integer.parseInt(parts[1].strip()),
                Boolean.parseBoolean(parts[2].strip()));
        assertEquals(expected, encode(made));
    }
}
