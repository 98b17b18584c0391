package org.backstitch.cli;

import java.io.IOException;
import java.nio.charset.StandardCharsets;
import org.backstitch.bytes.MalformedInputException;
import org.backstitch.cli.output.Output;
import org.backstitch.elf.dwarf.CallFrameInfo;
import org.backstitch.elf.dwarf.CallFrameInterpreter;
import org.backstitch.elf.dwarf.FrameDescriptionEntry;
import org.jspecify.annotations.Nullable;

/** Call frame information as text, row by row, in the words of {@code readelf -wF}. */
final class CfiText {
    private static final byte[] FDE = "FDE ".getBytes(StandardCharsets.US_ASCII);

    private final CallFrameInterpreter rows = new CallFrameInterpreter();
    private final Output out;
    private final CfiWords words;
    private int malformed;
    private @Nullable MalformedInputException firstMalformed;

    CfiText(Output out) {
        this.out = out;
        words = new CfiWords(rows, out);
    }

    /** How many entries were malformed; their good rows were written all the same. */
    int malformed() {
        return malformed;
    }

    /** What is wrong with the first malformed entry. */
    @Nullable
    MalformedInputException firstMalformed() {
        return firstMalformed;
    }

    /** Writes every entry of a section. */
    void write(CallFrameInfo info) throws IOException {
        CallFrameInfo.EntryCursor entries = info.entries();
        for (boolean more = true; more; ) {
            try {
                more = entries.next();
                if (more && !entries.isCie()) {
                    write(entries.parseFde());
                }
            } catch (MalformedInputException e) {
                malformed++;
                firstMalformed = firstMalformed == null ? e : firstMalformed;
            }
        }
    }

    private void write(FrameDescriptionEntry fde) throws IOException {
        out.append(FDE).hex(fde.start()).append(' ').hex(fde.end()).newline();
        rows.start(fde);
        while (rows.nextRow()) {
            out.hex(rows.rowStart()).append(' ');
            words.write();
            out.newline();
        }
    }
}
