package org.backstitch.cli.flame;

import com.fasterxml.jackson.core.JsonFactory;
import com.fasterxml.jackson.core.JsonGenerator;
import com.fasterxml.jackson.core.SerializableString;
import com.fasterxml.jackson.core.StreamWriteFeature;
import com.fasterxml.jackson.core.io.CharacterEscapes;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.InputStream;
import java.io.Serial;
import java.nio.charset.StandardCharsets;
import java.util.Arrays;
import java.util.Base64;
import java.util.Comparator;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import org.backstitch.cli.output.Output;
import org.jspecify.annotations.Nullable;

/**
 * A flame graph as one HTML file that needs nothing else: no network, no library, no font.
 *
 * <p>The page holds the tree as data (names once each, nodes as a few bytes each) and draws what is visible of it on a canvas, so
 * that hundred thousands of nodes are no burden. Names come from strangers' files: they reach the page only as JSON text in which
 * {@code <}, {@code >} and {@code &} are escaped, and the document only as text nodes; a content security policy forbids the page to
 * load anything.
 */
public final class FlamePage {
    /**
     * What stands above the graph.
     *
     * @param title what was recorded; also the title of the document
     * @param command how it was recorded, in full
     * @param facts short statements about the samples, such as {@code 3,670 samples}
     * @param unit what the counts count, in the plural
     */
    public record Heading(String title, String command, List<String> facts, String unit) {
        public Heading {
            facts = List.copyOf(facts);
        }
    }

    private static final JsonFactory JSON =
            JsonFactory.builder().disable(StreamWriteFeature.AUTO_CLOSE_TARGET).build();

    private FlamePage() {}

    /** Writes the page of a tree whose frames {@code frames} explains. */
    public static void write(StackTree tree, FrameTable frames, Heading heading, Output output) throws IOException {
        String page = resource("page.html")
                .replace("/*STYLE*/", resource("page.css"))
                .replace("/*SCRIPT*/", resource("page.js"));
        String[] parts = page.split("/\\*DATA\\*/", -1);
        if (parts.length != 2) {
            throw new IllegalStateException("page.html must have one place for the data");
        }
        output.append(parts[0]);
        writeData(tree, frames, heading, output);
        output.append(parts[1]);
    }

    private static String resource(String name) throws IOException {
        try (InputStream in = FlamePage.class.getResourceAsStream(name)) {
            if (in == null) {
                throw new IOException("the build left out " + name);
            }
            return new String(in.readAllBytes(), StandardCharsets.UTF_8);
        }
    }

    /** What {@code page.js} reads; the fields are described there. */
    private static void writeData(StackTree tree, FrameTable frames, Heading heading, Output output)
            throws IOException {
        try (JsonGenerator json = JSON.createGenerator(output)) {
            json.setCharacterEscapes(new ScriptSafe());
            json.writeStartObject();
            json.writeStringField("title", heading.title());
            json.writeStringField("command", heading.command());
            writeStrings(json, "facts", heading.facts());
            json.writeStringField("unit", heading.unit());
            StackFrame[] sorted = sorted(frames);
            Map<String, Integer> dsos = new LinkedHashMap<>();
            json.writeArrayFieldStart("frames");
            for (StackFrame frame : sorted) {
                Integer dso = dsos.putIfAbsent(frame.dso(), dsos.size());
                json.writeString(frame.label());
                json.writeNumber(dso == null ? dsos.size() - 1 : dso);
                json.writeNumber(
                        switch (frame.kind()) {
                            case PROCESS -> 0;
                            case USER -> 1;
                            case KERNEL -> 2;
                        });
            }
            json.writeEndArray();
            writeStrings(json, "dsos", dsos.keySet());
            json.writeStringField("nodes", Base64.getEncoder().encodeToString(nodes(tree, ranks(sorted, frames))));
            json.writeEndObject();
        }
    }

    private static void writeStrings(JsonGenerator json, String field, Iterable<String> strings) throws IOException {
        json.writeArrayFieldStart(field);
        for (String string : strings) {
            json.writeString(string);
        }
        json.writeEndArray();
    }

    /** The frames by name: a page must not depend on the order in which threads met them. */
    private static StackFrame[] sorted(FrameTable frames) {
        StackFrame[] sorted = new StackFrame[frames.size()];
        Arrays.setAll(sorted, frames::frame);
        Arrays.sort(
                sorted,
                Comparator.comparing(StackFrame::label)
                        .thenComparing(StackFrame::dso)
                        .thenComparing(StackFrame::kind)
                        .thenComparing(frame -> frame.name() == null));
        return sorted;
    }

    /** For each frame's number in the table its place among the sorted. */
    private static int[] ranks(StackFrame[] sorted, FrameTable frames) {
        int[] rank = new int[sorted.length];
        for (int i = 0; i < sorted.length; i++) {
            rank[frames.number(sorted[i])] = i;
        }
        return rank;
    }

    /**
     * The nodes below the root in preorder, siblings by name: for each three unsigned LEB128 numbers, namely how many levels its
     * parent lies above the node before it (0: that node is the parent), its frame, and its count.
     */
    private static byte[] nodes(StackTree tree, int[] rank) {
        ChildLists children = new ChildLists(tree, rank);
        ByteArrayOutputStream bytes = new ByteArrayOutputStream();
        int levels = 0;
        int node = children.first(StackTree.ROOT);
        while (node != ChildLists.NONE) {
            writeNumber(bytes, levels);
            writeNumber(bytes, rank[tree.frame(node)]);
            writeNumber(bytes, tree.count(node));
            levels = 0;
            int next = children.first(node);
            if (next == ChildLists.NONE) {
                next = children.next(node);
                levels = 1;
                while (next == ChildLists.NONE && tree.parent(node) != StackTree.ROOT) {
                    node = tree.parent(node);
                    levels++;
                    next = children.next(node);
                }
            }
            node = next;
        }
        return bytes.toByteArray();
    }

    private static void writeNumber(ByteArrayOutputStream bytes, long number) {
        long rest = number;
        for (; rest >= 0x80; rest >>>= 7) {
            bytes.write(((int) rest & 0x7f) | 0x80);
        }
        bytes.write((int) rest);
    }

    /** Escapes what could end a script element, or be taken for markup. */
    private static final class ScriptSafe extends CharacterEscapes {
        @Serial
        private static final long serialVersionUID = 1L;

        @Override
        public int[] getEscapeCodesForAscii() {
            int[] codes = standardAsciiEscapesForJSON();
            codes['<'] = ESCAPE_STANDARD;
            codes['>'] = ESCAPE_STANDARD;
            codes['&'] = ESCAPE_STANDARD;
            return codes;
        }

        @Override
        public @Nullable SerializableString getEscapeSequence(int character) {
            return null;
        }
    }
}
