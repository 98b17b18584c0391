package org.backstitch.elf;

import java.util.ArrayList;
import java.util.List;
import java.util.function.Consumer;
import org.backstitch.bytes.Bytes;
import org.backstitch.bytes.MalformedInputException;

/**
 * A note (System V gABI, chapter 5, "Note Section").
 *
 * @param name who defined the type: {@code GNU}, {@code CORE}, {@code LINUX}, {@code VMCOREINFO}…
 * @param type what the note says; its meaning depends on the name
 * @param desc the note's content, without padding
 */
public record ElfNote(String name, int type, Bytes desc) {
    private static final int HEADER_SIZE = 12;

    /**
     * Reads the notes that fill {@code bytes}: a note segment, a note section, or {@code /sys/kernel/notes}.
     *
     * @param alignment of name and content: 8 pads to 8 bytes (.note.gnu.property), everything else to 4
     * @throws MalformedInputException if a note reaches beyond the end
     */
    public static List<ElfNote> readAll(Bytes bytes, long alignment) {
        List<ElfNote> notes = new ArrayList<>();
        readEach(bytes, alignment, notes::add);
        return List.copyOf(notes);
    }

    /** As {@link #readAll}, but what was readable has been handed out when the exception comes. */
    static void readEach(Bytes bytes, long alignment, Consumer<ElfNote> target) {
        long mask = alignment == 8 ? 7 : 3;
        long at = 0;
        // Less than a header is padding: linkers align a note section's end.
        while (bytes.contains(at, HEADER_SIZE)) {
            long nameSize = bytes.u32(at);
            long descSize = bytes.u32(at + 4);
            int type = bytes.i32(at + 8);
            long nameAt = at + HEADER_SIZE;
            long descAt = at + ((HEADER_SIZE + nameSize + mask) & ~mask);
            bytes.check(nameAt, nameSize);
            if (descSize == 0) {
                // The padding after a name may be cut off with nothing behind it.
                target.accept(new ElfNote(bytes.paddedString(nameAt, nameSize), type, bytes.slice(nameAt, 0)));
            } else {
                target.accept(new ElfNote(bytes.paddedString(nameAt, nameSize), type, bytes.slice(descAt, descSize)));
            }
            at = descAt + ((descSize + mask) & ~mask);
        }
    }
}
