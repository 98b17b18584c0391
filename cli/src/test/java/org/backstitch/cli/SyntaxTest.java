package org.backstitch.cli;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Optional;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

class SyntaxTest {
    @TempDir
    private Path directory;

    private static Syntax syntax() {
        return Syntax.of("Does.")
                .operand("IN", "")
                .optionalOperand("SECOND", "")
                .flag("-v, --verbose", "")
                .option("-o, --output", "FILE", "")
                .option("--format", "WORD", "")
                .repeatable("--event", "NAME", "");
    }

    private static Arguments parse(String line) {
        return syntax().parse(line.isEmpty() ? new String[0] : line.split(" "));
    }

    @ParameterizedTest
    @CsvSource({
        "in -o f",
        "-o f in",
        "-of in",
        "--output f in",
        "--output=f in",
        "-o x in --output f",
        "-o f -- in",
    })
    void anOptionsValueInEveryWayToWriteIt(String line) {
        Arguments arguments = parse(line);
        assertEquals(Optional.of("f"), arguments.text("-o"));
        assertEquals(Optional.of("f"), arguments.text("--output"));
        assertEquals(List.of("in"), arguments.all("IN"));
        assertFalse(arguments.has("SECOND"));
        assertFalse(arguments.has("-v"));
    }

    @Test
    void whatLooksLikeAnOption() {
        assertEquals(List.of("-v"), parse("-- -v").all("IN"));
        assertEquals(List.of("-"), parse("-").all("IN"), "a lone hyphen is an operand");
        assertEquals(Optional.of("-v"), parse("in -o -v").text("-o"), "an option takes the next word, whatever it is");
        assertEquals(Optional.of(""), parse("in --output=").text("-o"), "an empty value is a value");
        assertEquals(Optional.of("a=b"), parse("in --output=a=b").text("-o"));
    }

    @Test
    void repeatableOptionsAddUp() {
        assertEquals(List.of("a", "b"), parse("in --event a --event=b").all("--event"));
        assertEquals(List.of(), parse("in").all("--event"));
    }

    @Test
    void operandsFillInOrder() {
        Arguments arguments = parse("a -v b");
        assertEquals(List.of("a"), arguments.all("IN"));
        assertEquals(Optional.of("b"), arguments.text("SECOND"));
        assertTrue(arguments.has("--verbose"));
        Syntax many = Syntax.of("").operands("FILE", "");
        assertEquals(List.of("a", "b", "c"), many.parse("a", "b", "c").all("FILE"));
        assertThrows(UsageException.class, many::parse);
    }

    @ParameterizedTest
    @CsvSource(
            delimiter = '|',
            value = {
                "''            | missing IN",
                "-v            | missing IN",
                "a b c         | one argument too many: 'c'",
                "a --verbos    | unknown option '--verbos'; did you mean '--verbose'?",
                "a -x          | unknown option '-x'",
                "a -vx         | option '-v' takes no value, but was given 'x'",
                "a --verbose=1 | option '--verbose' takes no value, but was given '1'",
                "a -o          | option '-o' needs a value: FILE",
            })
    void whatMakesNoSense(String line, String complaint) {
        assertEquals(
                complaint, assertThrows(UsageException.class, () -> parse(line)).getMessage());
    }

    @ParameterizedTest
    @CsvSource({"0", "129", "-1", "x", "''", "1.5", "99999999999"})
    void numbersOutOfRange(String value) {
        Arguments arguments = syntax().parse("in", "--format", value);
        UsageException e = assertThrows(UsageException.class, () -> arguments.number("--format", 5, 1, 128));
        assertEquals("option '--format' needs a whole number, from 1 to 128: not '" + value + "'", e.getMessage());
    }

    @Test
    void numbersInRange() {
        assertEquals(5, parse("in").number("--format", 5, 1, 128));
        assertEquals(128, parse("in --format 128").number("--format", 5, 1, 128));
        assertEquals(
                "option '--format' needs a whole number, 1 or more: not '0'",
                assertThrows(
                                UsageException.class,
                                () -> parse("in --format 0").number("--format", 5, 1, Integer.MAX_VALUE))
                        .getMessage());
    }

    @Test
    void choices() {
        assertEquals("text", parse("in").choice("--format", "text", "json"));
        assertEquals("json", parse("in --format=json").choice("--format", "text", "json"));
        assertEquals(
                "option '--format' knows text, json: not 'xml'",
                assertThrows(
                                UsageException.class,
                                () -> parse("in --format xml").choice("--format", "text", "json"))
                        .getMessage());
    }

    @Test
    void namesThatAreNotDeclaredAreADefectOfTheCommand() {
        assertThrows(IllegalArgumentException.class, () -> parse("in").has("--nothing"));
        Syntax syntax = syntax();
        assertThrows(IllegalArgumentException.class, () -> syntax.flag("--output", ""));
    }

    @Test
    void inputsThatCannotBeOpenedSayWhy() throws Exception {
        Path file = Files.writeString(directory.resolve("file"), "x");
        assertEquals(file, syntax().parse(file.toString()).requiredInput("IN"));
        assertRefused("no such file or directory", directory.resolve("missing"));
        assertRefused("no such file or directory", file.resolve("below-a-file"));
        assertRefused("is a directory", directory);
        assertRefused(
                "not a regular file (pipes and devices cannot be mapped: copy it into a file first)",
                Path.of("/dev/null"));
    }

    private static void assertRefused(String reason, Path path) {
        Arguments arguments = syntax().parse(path.toString());
        UnusableInputException e = assertThrows(UnusableInputException.class, () -> arguments.requiredInput("IN"));
        assertEquals(path + ": " + reason, e.getMessage());
    }

    @Test
    void directories() throws Exception {
        assertEquals(Optional.empty(), parse("in").directory("-o"));
        assertEquals(
                Optional.of(directory),
                syntax().parse("in", "-o", directory.toString()).directory("-o"));
        Arguments file = syntax().parse(
                        "in",
                        "-o",
                        Files.writeString(directory.resolve("f"), "").toString());
        assertEquals(
                directory.resolve("f") + ": not a directory",
                assertThrows(UnusableInputException.class, () -> file.directory("-o"))
                        .getMessage());
    }
}
