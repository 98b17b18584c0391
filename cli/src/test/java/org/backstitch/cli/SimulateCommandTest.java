package org.backstitch.cli;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.fasterxml.jackson.core.JsonFactory;
import com.fasterxml.jackson.core.JsonParser;
import com.fasterxml.jackson.core.JsonToken;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import org.backstitch.unwind.deferred.simulation.Scenario;
import org.backstitch.unwind.deferred.simulation.Scenarios;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** What the simulated kernel writes, read again by the script command and held against the oracle's answers beside it. */
class SimulateCommandTest {
    @TempDir
    private Path directory = Path.of("");

    private static String run(Subcommand command, String... words) throws IOException {
        ByteArrayOutputStream out = new ByteArrayOutputStream();
        Session session = Session.of(out, new ByteArrayOutputStream());
        command.run(command.syntax().parse(words), session);
        session.out().flush();
        return out.toString(StandardCharsets.UTF_8);
    }

    /** The fields of each line: values as text, arrays of them in brackets; of objects in arrays, the field named {@code ip}. */
    private static List<Map<String, String>> lines(String text) throws IOException {
        List<Map<String, String>> lines = new ArrayList<>();
        for (String line : text.lines().toList()) {
            Map<String, String> fields = new LinkedHashMap<>();
            try (JsonParser json = new JsonFactory().createParser(line)) {
                json.nextToken();
                while (json.nextToken() == JsonToken.FIELD_NAME) {
                    String name = json.currentName();
                    if (json.nextToken() == JsonToken.START_ARRAY) {
                        fields.putAll(array(json, name));
                    } else {
                        fields.put(name, json.getText());
                    }
                }
            }
            lines.add(fields);
        }
        return lines;
    }

    private static Map<String, String> array(JsonParser json, String name) throws IOException {
        Map<String, StringBuilder> parts = new LinkedHashMap<>();
        parts.put(name, new StringBuilder());
        String ip = "";
        while (json.nextToken() != JsonToken.END_ARRAY) {
            if (json.currentToken() == JsonToken.VALUE_STRING && json.currentName() == null) {
                parts.getOrDefault(name, new StringBuilder())
                        .append(json.getText())
                        .append(' ');
            } else if (json.currentToken() == JsonToken.FIELD_NAME) {
                String field = json.currentName();
                json.nextToken();
                if (field.equals("ip")) {
                    ip = json.getText();
                } else if (field.equals("kind")) {
                    parts.computeIfAbsent(json.getText(), _ -> new StringBuilder())
                            .append(ip)
                            .append(' ');
                }
            }
        }
        Map<String, String> result = new LinkedHashMap<>();
        parts.forEach((key, value) -> result.put(key, value.toString()));
        return result;
    }

    @Test
    void everyScenarioIsReadAsTheOracleSaysItIs() throws IOException {
        for (Scenario scenario : Scenarios.all()) {
            for (String protocol : List.of("mainline", "immediate", "rfc2017")) {
                Path file = directory.resolve(scenario.name() + "." + protocol);
                run(
                        new SimulateCommand(),
                        "--scenario",
                        scenario.name(),
                        "--protocol",
                        protocol,
                        "-o",
                        file.toString(),
                        "--symfs",
                        directory.resolve("fs").toString());
                List<Map<String, String>> truth = lines(Files.readString(Path.of(file + ".oracle.jsonl"))).stream()
                        .filter(line -> "true".equals(line.get("written")))
                        .toList();
                List<Map<String, String>> read = lines(run(
                        new ScriptCommand(),
                        "--format",
                        "json",
                        "--abi",
                        protocol.equals("rfc2017") ? "rfc2017" : "linux",
                        "--symfs",
                        directory.resolve("fs").toString(),
                        file.toString()));
                assertEquals(truth.size(), read.size(), file.toString());
                for (int i = 0; i < read.size(); i++) {
                    Map<String, String> expected = truth.get(i);
                    Map<String, String> sample = read.get(i);
                    String which = file + " sample " + i;
                    assertEquals(expected.get("time_ns"), sample.get("time_ns"), which);
                    assertEquals(expected.get("kernel"), sample.getOrDefault("kernel", ""), which);
                    assertEquals(kind(expected.get("deferred")), kind(sample.get("deferred")), which);
                    if (!protocol.equals("rfc2017")) {
                        assertEquals(expected.get("deferred"), sample.get("deferred"), which);
                    }
                    if ("complete".equals(expected.get("outcome"))) {
                        assertEquals(expected.get("user"), sample.getOrDefault("user", ""), which);
                    }
                }
            }
        }
    }

    /**
     * The word without its reason: without cookies a stream sees all that a task has asked for as one request, and a loss after the
     * first as a loss of all; a reader of files looks at each sample's own time.
     */
    private static String kind(@Nullable String deferred) {
        return String.valueOf(deferred).replaceFirst(":.*", "");
    }

    @Test
    void framesHaveTheNamesOfTheSimulatedProgram() throws IOException {
        Path file = directory.resolve("window.data");
        String files = directory.resolve("fs").toString();
        run(
                new SimulateCommand(),
                "--scenario",
                "window",
                "--protocol",
                "mainline",
                "-o",
                file.toString(),
                "--symfs",
                files);
        String text = run(new ScriptCommand(), "--symfs", files, "--kallsyms", files + "/kallsyms", file.toString());
        assertTrue(text.contains("do_syscall_64") || text.contains("entry_SYSCALL_64"), text);
        assertTrue(text.contains("rbp_frame+0x13 (/simulated/program)"), text);
        assertTrue(text.contains("_start+0x4 (/simulated/program)"), text);
    }

    @Test
    void theComparisonHasAColumnForEachProtocol() throws IOException {
        String table = run(new SimulateCommand(), "--scenario", "workload", "--rounds", "200", "--compare");
        assertTrue(table.startsWith("| | immediate | rfc2017 | mainline |\n| --- | ---: | ---: | ---: |\n"), table);
        assertTrue(table.contains("| samples taken | 200 | 200 | 200 |"), table);
        assertTrue(
                table.lines().anyMatch(line -> line.matches("\\| … of another entry \\| 0 \\| \\d+ \\| 0 \\|")), table);
    }

    @Test
    void aScenarioOfOnesOwnIsReadFromAFile() throws IOException {
        Path scenario = directory.resolve("own.txt");
        Files.writeString(scenario, "task call leaf syscall\nuntil 0 syscall_body\nnmi 0\nrun 0 60\n");
        Path file = directory.resolve("own.data");
        run(new SimulateCommand(), "--scenario", scenario.toString(), "-o", file.toString());
        assertEquals(
                1, Files.readString(Path.of(file + ".oracle.jsonl")).lines().count());
    }

    @Test
    void whatMakesNoSenseIsSaid() {
        assertThrows(UsageException.class, () -> run(new SimulateCommand(), "--scenario", "window"));
        assertThrows(UsageException.class, () -> run(new SimulateCommand(), "-o", "x"));
        assertThrows(
                UnusableInputException.class, () -> run(new SimulateCommand(), "--scenario", "nowhere", "-o", "x"));
    }
}
