package org.backstitch.cli.output;

import static org.junit.jupiter.api.Assertions.assertEquals;

import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import org.junit.jupiter.api.Test;

class JsonLinesTest {
    private final ByteArrayOutputStream bytes = new ByteArrayOutputStream();
    private final Output output = Output.to(bytes, "test");

    private String text() throws IOException {
        output.flush();
        return bytes.toString(StandardCharsets.UTF_8);
    }

    @Test
    void oneObjectALineAndNothingElse() throws IOException {
        JsonLines json = new JsonLines(output);
        json.begin().text("comm", "a.out").number("tid", -2).unknown("cpu").end();
        json.begin().truth("interrupted", true).text("sym", null).end();
        assertEquals("{\"comm\":\"a.out\",\"tid\":-2,\"cpu\":null}\n{\"interrupted\":true,\"sym\":null}\n", text());
    }

    @Test
    void addressesAreUnsignedHexWithoutPrefix() throws IOException {
        JsonLines json = new JsonLines(output);
        json.begin().address("ip", 0xffff_ffff_8100_0000L).address("sp", 0);
        json.generator().writeArrayFieldStart("ips");
        json.address(0x7f00_dead_beefL).address(Long.MIN_VALUE);
        json.generator().writeEndArray();
        json.end();
        assertEquals(
                "{\"ip\":\"ffffffff81000000\",\"sp\":\"0\",\"ips\":[\"7f00deadbeef\",\"8000000000000000\"]}\n", text());
    }

    @Test
    void hostileTextStaysInsideOfItsString() throws IOException {
        JsonLines json = new JsonLines(output);
        json.begin().text("sym", "a\"}\n\\\u0000\u001b\u2028日🧵").end();
        // RFC 8259 §7: the quotation mark, the reverse solidus and U+0000 to U+001F must be escaped; what is beyond
        // U+FFFF may be, as a pair of surrogates.
        assertEquals("{\"sym\":\"a\\\"}\\n\\\\\\u0000\\u001B\u2028日\\uD83E\\uDDF5\"}\n", text());
    }

    @Test
    void sharesOfWorkersJoinInOrder() throws IOException {
        Output second = Output.inMemory();
        new JsonLines(second).begin().number("n", 2).end();
        new JsonLines(output).begin().number("n", 1).end();
        output.append(second);
        assertEquals("{\"n\":1}\n{\"n\":2}\n", text());
    }
}
