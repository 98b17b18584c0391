package org.backstitch.cli.output;

import com.fasterxml.jackson.core.JsonFactory;
import com.fasterxml.jackson.core.JsonGenerator;
import com.fasterxml.jackson.core.StreamWriteFeature;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import org.jspecify.annotations.Nullable;

/**
 * Records as JSON objects, one a line (NDJSON).
 *
 * <p>{@link #begin}, the record's fields, {@link #end}. What has no method here is written through {@link #generator}. Addresses are
 * strings of lower-case hexadecimal digits without {@code 0x}: a JSON number holds 53 bits. Not thread-safe; workers write each to
 * an {@linkplain Output#inMemory() output in memory}.
 */
public final class JsonLines {
    private static final JsonFactory FACTORY = JsonFactory.builder()
            .disable(StreamWriteFeature.AUTO_CLOSE_TARGET)
            .disable(StreamWriteFeature.FLUSH_PASSED_TO_STREAM)
            .build();
    private static final byte[] HEX = "0123456789abcdef".getBytes(StandardCharsets.US_ASCII);

    private final Output output;
    private final JsonGenerator generator;
    private final byte[] digits = new byte[16];

    public JsonLines(Output output) throws IOException {
        this.output = output;
        this.generator = FACTORY.createGenerator(output);
        generator.setRootValueSeparator(null);
    }

    /** Starts the record of a line. */
    public JsonLines begin() throws IOException {
        generator.writeStartObject();
        return this;
    }

    /** Ends the record and its line. */
    public void end() throws IOException {
        generator.writeEndObject();
        generator.flush();
        output.newline();
    }

    /** A field that holds text, or null. */
    public JsonLines text(String field, @Nullable String value) throws IOException {
        generator.writeStringField(field, value);
        return this;
    }

    /** A field that holds a number. */
    public JsonLines number(String field, long value) throws IOException {
        generator.writeNumberField(field, value);
        return this;
    }

    /** A field that says that its value is not known. */
    public JsonLines unknown(String field) throws IOException {
        generator.writeNullField(field);
        return this;
    }

    /** A field that holds true or false. */
    public JsonLines truth(String field, boolean value) throws IOException {
        generator.writeBooleanField(field, value);
        return this;
    }

    /** A field that holds an address. */
    public JsonLines address(String field, long value) throws IOException {
        generator.writeFieldName(field);
        return address(value);
    }

    /** An address as an element of an array. */
    public JsonLines address(long value) throws IOException {
        int at = digits.length;
        long rest = value;
        do {
            digits[--at] = HEX[(int) rest & 15];
            rest >>>= 4;
        } while (rest != 0);
        generator.writeRawUTF8String(digits, at, digits.length - at);
        return this;
    }

    /** The generator under the record, for arrays and whatever else. */
    public JsonGenerator generator() {
        return generator;
    }
}
