package org.backstitch.dump.kernel;

import java.nio.charset.StandardCharsets;
import java.util.HashMap;
import java.util.Map;
import org.backstitch.bytes.Bytes;
import org.jspecify.annotations.Nullable;

/**
 * What a kernel says about itself for whoever reads its dump: the text of its VMCOREINFO note, lines of {@code KEY=VALUE}
 * ({@code Documentation/admin-guide/kdump/vmcoreinfo.rst}).
 */
public final class VmCoreInfo {
    /** The name under which notes carry the text. */
    public static final String NOTE_NAME = "VMCOREINFO";

    private final Bytes text;
    private final Map<String, String> values = new HashMap<>();

    /** Lines without {@code =} are ignored, of a repeated key the last value counts. */
    public VmCoreInfo(Bytes text) {
        this.text = text;
        // The text is as long as the note, which lies in the file; NULs pad it in kdump's sub header.
        String all = text.paddedString(0, text.size());
        for (String line : all.split("\n", -1)) {
            int equals = line.indexOf('=');
            if (equals > 0) {
                values.put(line.substring(0, equals), line.substring(equals + 1).strip());
            }
        }
    }

    /** For tests and tools: from the text itself. */
    public static VmCoreInfo of(String text) {
        return new VmCoreInfo(Bytes.of(text.getBytes(StandardCharsets.UTF_8), NOTE_NAME));
    }

    /** The value of a line, or null if there is none. */
    public @Nullable String value(String key) {
        return values.get(key);
    }

    /** {@code OSRELEASE}, as {@code uname -r} prints it; null if it is not there. */
    public @Nullable String release() {
        return value("OSRELEASE");
    }

    /** {@code BUILD-ID} of vmlinux in hexadecimal digits (since 5.9); null if it is not there. */
    public @Nullable String buildId() {
        return value("BUILD-ID");
    }

    /** How far KASLR moved the kernel from where it was linked, in bytes; null where the note does not say. */
    public @Nullable Long kernelOffset() {
        return hexadecimal("KERNELOFFSET");
    }

    /** The address of a symbol in the running kernel, KASLR included; null where the note does not name it. */
    public @Nullable Long symbol(String name) {
        return hexadecimal("SYMBOL(" + name + ")");
    }

    /** The number called {@code name}: decimal, or hexadecimal after {@code 0x}; null where the note does not name it. */
    public @Nullable Long number(String name) {
        String key = "NUMBER(" + name + ")";
        String value = value(key);
        if (value == null) {
            return null;
        }
        try {
            return value.startsWith("0x") ? Long.parseUnsignedLong(value, 2, value.length(), 16) : Long.decode(value);
        } catch (NumberFormatException e) {
            throw malformed(key, value);
        }
    }

    private @Nullable Long hexadecimal(String key) {
        String value = value(key);
        if (value == null) {
            return null;
        }
        try {
            return Long.parseUnsignedLong(value, 16);
        } catch (NumberFormatException e) {
            throw malformed(key, value);
        }
    }

    private RuntimeException malformed(String key, String value) {
        return text.malformed(0, "VMCOREINFO line " + key + "=" + value + " is not a number");
    }
}
