package org.backstitch.elf;

import java.io.ByteArrayInputStream;
import java.io.IOException;
import java.io.InputStream;
import org.backstitch.bytes.Bytes;
import org.tukaani.xz.XZInputStream;

/** The files beside the tests; their README says what they are. */
public final class Fixture {
    private Fixture() {}

    public static byte[] bytes(String name) {
        try (InputStream in = Fixture.class.getResourceAsStream(name)) {
            return in.readAllBytes();
        } catch (IOException e) {
            throw new AssertionError(name, e);
        }
    }

    public static ElfFile elf(String name) {
        return ElfFile.of(Bytes.of(bytes(name), name));
    }

    static ElfFile unpacked(String name) {
        try (XZInputStream in = new XZInputStream(new ByteArrayInputStream(bytes(name)))) {
            return ElfFile.of(Bytes.of(in.readAllBytes(), name));
        } catch (IOException e) {
            throw new AssertionError(name, e);
        }
    }
}
