package org.backstitch.symbols;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import java.io.IOException;
import java.lang.foreign.Arena;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import org.backstitch.elf.ElfFile;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** The names of the system's own binaries, against what binutils reads of them. */
class SystemSymbolsTest {
    private static final Pattern SYMBOL =
            Pattern.compile("^ *\\d+: ([0-9a-f]{16}) +(0x[0-9a-f]+|\\d+) (FUNC|IFUNC) +(\\S+) +\\S+ +(\\d+) (\\S+).*$");
    private static final Pattern STUB = Pattern.compile("^([0-9a-f]{16}) <(\\S+@plt)>:$");

    private static List<String> run(String... command) throws IOException, InterruptedException {
        Process process = new ProcessBuilder(command)
                .redirectError(ProcessBuilder.Redirect.DISCARD)
                .start();
        String out = new String(process.getInputStream().readAllBytes(), StandardCharsets.UTF_8);
        process.waitFor();
        return out.lines().toList();
    }

    private record Function(long value, long size, int binding, String name) {
        boolean covers(long address) {
            return value <= address && address < value + size;
        }
    }

    @ParameterizedTest
    @ValueSource(
            strings = {
                "/lib/x86_64-linux-gnu/libc.so.6",
                "/lib64/ld-linux-x86-64.so.2",
                "/bin/bash",
                "/usr/lib/x86_64-linux-gnu/libstdc++.so.6",
                "/usr/lib/x86_64-linux-gnu/libcrypto.so.3"
            })
    void namesFunctionsByTheRulesOfTheContract(String name) throws Exception {
        assumeTrue(Files.exists(Path.of(name)) && Files.isExecutable(Path.of("/usr/bin/readelf")));
        List<Function> functions = new ArrayList<>();
        for (String line : run("readelf", "-sW", name)) {
            Matcher m = SYMBOL.matcher(line);
            if (m.matches()) {
                int binding = switch (m.group(4)) {
                    case "GLOBAL", "UNIQUE" -> 0;
                    case "WEAK" -> 1;
                    default -> 2;
                };
                long value = Long.parseUnsignedLong(m.group(1), 16);
                functions.add(new Function(
                        value, Long.decode(m.group(2)), binding, m.group(6).replaceFirst("@.*", "")));
            }
        }
        assumeTrue(!functions.isEmpty());
        TreeMap<Long, List<Function>> byValue = new TreeMap<>();
        functions.forEach(
                f -> byValue.computeIfAbsent(f.value, v -> new ArrayList<>()).add(f));
        try (Arena arena = Arena.ofConfined()) {
            SymbolTable table = SymbolTable.of(ElfFile.map(Path.of(name), arena));
            assertEquals(List.of(), table.faults());
            int asked = 0;
            for (Function function : functions) {
                for (long address : new long[] {
                    function.value, function.value + function.size / 2, function.value + function.size - 1
                }) {
                    if (!function.covers(address)) {
                        continue;
                    }
                    // Functions are rarely longer than this; a longer one that covers is found by its own addresses.
                    List<Function> covering = byValue.subMap(address - 0x8000, true, address, true).values().stream()
                            .flatMap(List::stream)
                            .filter(f -> f.covers(address))
                            .toList();
                    int best =
                            covering.stream().mapToInt(Function::binding).min().orElse(function.binding);
                    int symbol = table.find(address);
                    String found = table.name(symbol);
                    long start = table.start(symbol);
                    assertTrue(
                            covering.stream()
                                    .anyMatch(f -> f.binding == best && f.value == start && f.name.equals(found)),
                            () -> Long.toHexString(address) + " is called " + found + "+"
                                    + Long.toHexString(address - start) + ", but is " + covering);
                    asked++;
                }
            }
            assertTrue(asked > 10);
        }
    }

    @ParameterizedTest
    @ValueSource(
            strings = {
                "/bin/bash",
                "/usr/bin/python3",
                "/usr/bin/objdump",
                "/usr/lib/x86_64-linux-gnu/libstdc++.so.6",
                "/usr/lib/x86_64-linux-gnu/libcrypto.so.3",
                "/usr/bin/git"
            })
    void namesStubsAsObjdumpDoes(String name) throws Exception {
        assumeTrue(Files.exists(Path.of(name)) && Files.isExecutable(Path.of("/usr/bin/objdump")));
        Map<Long, String> stubs = new HashMap<>();
        for (String line : run("objdump", "-d", "-j", ".plt", "-j", ".plt.sec", "-j", ".plt.got", name)) {
            Matcher m = STUB.matcher(line);
            if (m.matches()) {
                stubs.put(Long.parseUnsignedLong(m.group(1), 16), m.group(2));
            }
        }
        assumeTrue(!stubs.isEmpty());
        try (Arena arena = Arena.ofConfined()) {
            SymbolTable table = SymbolTable.of(ElfFile.map(Path.of(name).toRealPath(), arena));
            stubs.forEach((vaddr, stub) -> {
                int symbol = table.find(vaddr + 5);
                assertTrue(symbol != SymbolIndex.NONE, () -> Long.toHexString(vaddr) + " is " + stub);
                assertEquals(stub.replaceFirst("@[^@]*@plt", "@plt"), table.name(symbol));
                assertEquals(vaddr, table.start(symbol));
            });
        }
    }
}
