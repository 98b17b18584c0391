package org.backstitch.elf;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import java.io.IOException;
import java.lang.foreign.Arena;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import org.backstitch.bytes.Bytes;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** What this library reads of the system's own binaries is what binutils reads. */
class SystemBinariesTest {
    private static final Pattern SECTION = Pattern.compile(
            "^ *\\[ *(\\d+)] (.*?) +(\\S+) +([0-9a-f]{16}) ([0-9a-f]{6,}) ([0-9a-f]{6,}) ([0-9a-f]{2,})(?: +([A-Zxop]+))? +(\\d+) +(\\d+) +(\\d+)$");
    private static final Pattern SEGMENT = Pattern.compile(
            "^ +(\\S+) +0x([0-9a-f]+) 0x([0-9a-f]{16}) 0x([0-9a-f]{16}) 0x([0-9a-f]+) 0x([0-9a-f]+) ([R ][W ][E ]) 0x([0-9a-f]+)$");
    private static final Pattern BUILD_ID = Pattern.compile("Build ID: ([0-9a-f]+)");

    private static List<String> readelf(String... options) throws IOException, InterruptedException {
        List<String> command = new ArrayList<>(List.of("readelf"));
        command.addAll(List.of(options));
        Process process = new ProcessBuilder(command)
                .redirectError(ProcessBuilder.Redirect.DISCARD)
                .start();
        String out = new String(process.getInputStream().readAllBytes(), StandardCharsets.UTF_8);
        process.waitFor();
        return out.lines().toList();
    }

    @ParameterizedTest
    @ValueSource(
            strings = {
                "/lib/x86_64-linux-gnu/libc.so.6",
                "/lib64/ld-linux-x86-64.so.2",
                "/bin/bash",
                "/usr/lib/x86_64-linux-gnu/libstdc++.so.6",
                "/usr/lib/x86_64-linux-gnu/crt1.o",
                "/usr/lib/x86_64-linux-gnu/libcrypto.so.3"
            })
    void agreesWithReadelf(String name) throws Exception {
        Path path = Path.of(name);
        assumeTrue(Files.exists(path) && Files.isExecutable(Path.of("/usr/bin/readelf")));
        try (Arena arena = Arena.ofConfined()) {
            ElfFile elf = ElfFile.map(path, arena);
            assertEquals(List.of(), elf.faults());
            int sections = 0;
            int segments = 0;
            for (String line : readelf("-SlW", name)) {
                Matcher m = SECTION.matcher(line);
                if (m.matches()) {
                    ElfSection section = elf.sections().get(Integer.parseInt(m.group(1)));
                    sections++;
                    assertEquals(m.group(2), section.name());
                    assertEquals(Long.parseUnsignedLong(m.group(4), 16), section.address(), line);
                    assertEquals(Long.parseUnsignedLong(m.group(5), 16), section.fileOffset(), line);
                    assertEquals(Long.parseUnsignedLong(m.group(6), 16), section.size(), line);
                    assertEquals(Long.parseUnsignedLong(m.group(7), 16), section.entrySize(), line);
                    String flags = m.group(8) == null ? "" : m.group(8);
                    assertEquals(flags.contains("A"), section.isAllocated(), line);
                    assertEquals(flags.contains("X"), section.hasFlags(ElfConstants.SHF_EXECINSTR), line);
                    assertEquals(Integer.parseInt(m.group(9)), section.link(), line);
                    assertEquals(Integer.parseInt(m.group(10)), section.info(), line);
                    assertEquals(Long.parseLong(m.group(11)), section.alignment(), line);
                    checkData(elf, section);
                }
                Matcher s = SEGMENT.matcher(line);
                if (s.matches()) {
                    ElfSegment segment = elf.segments().get(segments++);
                    assertEquals(Long.parseUnsignedLong(s.group(2), 16), segment.fileOffset(), line);
                    assertEquals(Long.parseUnsignedLong(s.group(3), 16), segment.vaddr(), line);
                    assertEquals(Long.parseUnsignedLong(s.group(4), 16), segment.paddr(), line);
                    assertEquals(Long.parseUnsignedLong(s.group(5), 16), segment.fileSize(), line);
                    assertEquals(Long.parseUnsignedLong(s.group(6), 16), segment.memorySize(), line);
                    assertEquals(s.group(7).contains("E"), segment.isExecutable(), line);
                    assertEquals(Long.parseUnsignedLong(s.group(8), 16), segment.alignment(), line);
                }
            }
            assertEquals(sections, elf.sections().size());
            assertEquals(segments, elf.segments().size());
            assertTrue(sections > 0);
            Matcher id = BUILD_ID.matcher(String.join("\n", readelf("-nW", name)));
            assertEquals(
                    id.find() ? id.group(1) : "",
                    elf.buildId().map(BuildId::hex).orElse(""));
        }
    }

    /** An allocated section's bytes are also found by its address, and a section without bytes is not. */
    private static void checkData(ElfFile elf, ElfSection section) {
        if (!section.isAllocated() || elf.isRelocatable() || section.size() == 0) {
            return;
        }
        if (section.isNoBits()) {
            if (!section.hasFlags(ElfConstants.SHF_TLS)) {
                assertTrue(elf.bytesAt(section.address(), section.size()).isEmpty(), section::toString);
            }
            return;
        }
        Bytes data = section.data();
        Bytes mapped = elf.bytesAt(section.address(), section.size()).orElseThrow();
        assertEquals(-1, data.segment().mismatch(mapped.segment()), section::toString);
    }
}
