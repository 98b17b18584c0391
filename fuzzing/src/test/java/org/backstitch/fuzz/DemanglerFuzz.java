package org.backstitch.fuzz;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.code_intelligence.jazzer.junit.FuzzTest;
import java.nio.charset.StandardCharsets;
import org.backstitch.symbols.Demangler;

/** Names of C++ and Rust, mangled by strangers; C++ ones go to the system's own demangler, in native code. */
class DemanglerFuzz {
    private static final Demangler DEMANGLER = Demangler.create();

    @FuzzTest
    void demangler(byte[] data) {
        run(data);
    }

    static void run(byte[] data) {
        String name = new String(data, StandardCharsets.ISO_8859_1);
        for (String prefix : new String[] {"", "_Z", "_R", "_ZN"}) {
            String demangled = DEMANGLER.demangle(prefix + name);
            assertEquals(demangled, DEMANGLER.demangle(prefix + name));
            assertTrue(demangled.length() < 10_000_000, "a name of " + demangled.length() + " letters");
        }
    }
}
