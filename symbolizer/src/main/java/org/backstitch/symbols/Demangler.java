package org.backstitch.symbols;

import java.util.Optional;
import org.jspecify.annotations.Nullable;

/**
 * Turns the names that compilers give to functions into those that their authors gave them: C++ (Itanium ABI) through the C++ runtime
 * of this system, Rust (legacy, and v0 after RFC 2603) by itself. Thread-safe; it remembers nothing, so ask once for each name.
 *
 * <p>What is no mangled name, or a broken one, stays as it is.
 */
public final class Demangler {
    private static final String PLT_SUFFIX = "@plt";
    private static final String CLONE_SUFFIX_START = ".";

    private @Nullable CxxDemangler cxx;

    /** Whether {@link #cxx} is what it will be. It is opened when the first name wants it: to link it takes milliseconds. */
    private boolean isCxxSettled;

    private Demangler(boolean withCxx) {
        isCxxSettled = !withCxx;
    }

    /**
     * A demangler with C++ where this system's {@code libstdc++.so.6} can be called: it must be installed, and the JVM must allow this
     * module native access ({@code --enable-native-access}). Else C++ names stay mangled.
     */
    public static Demangler create() {
        return new Demangler(true);
    }

    /** A demangler for Rust only, which calls no native code. */
    public static Demangler withoutCxx() {
        return new Demangler(false);
    }

    /**
     * Links the C++ runtime in a thread of its own, so that the first C++ name need not wait for it; for those who have a processor to
     * spare.
     */
    public void prepare() {
        Thread.ofPlatform().daemon().name("demangler").start(() -> demangleCxx("_Z1fv"));
    }

    /** Whether C++ names are demangled. */
    public boolean isCxxAvailable() {
        return cxx() != null;
    }

    private synchronized @Nullable CxxDemangler cxx() {
        if (!isCxxSettled) {
            cxx = CxxDemangler.open().orElse(null);
            isCxxSettled = true;
        }
        return cxx;
    }

    private String demangleCxx(String name) {
        CxxDemangler demangler = cxx();
        return demangler == null ? name : demangler.demangle(name).orElse(name);
    }

    /**
     * A name in its author's words.
     *
     * @param name as a symbol table has it; {@code @plt} behind it stays there
     * @return the name itself if it is not mangled
     */
    public String demangle(String name) {
        if (name.length() < 3 || name.charAt(0) != '_') {
            return name;
        }
        if (name.endsWith(PLT_SUFFIX)) {
            String target = name.substring(0, name.length() - PLT_SUFFIX.length());
            return demangle(target) + PLT_SUFFIX;
        }
        return switch (name.charAt(1)) {
            case 'R' -> RustV0Demangler.demangle(name).orElse(name);
            case 'Z' -> {
                Optional<String> rust = RustLegacyDemangler.demangle(name);
                yield rust.isPresent() ? rust.get() : demangleCxx(name);
            }
            case 'G' -> name.startsWith("_GLOBAL_") ? demangleCxx(name) : name;
            default -> name;
        };
    }

    /**
     * What stands behind a complete Rust name: LLVM's and GCC's marks of a function that they cut or copied ({@code .cold},
     * {@code .llvm.1234}). ThinLTO's, which is a hash, is dropped.
     *
     * @return empty if it is no such suffix
     */
    static Optional<String> rustSuffix(String rest) {
        if (rest.isEmpty()) {
            return Optional.of("");
        }
        if (!rest.startsWith(CLONE_SUFFIX_START)) {
            return Optional.empty();
        }
        for (int i = 0; i < rest.length(); i++) {
            if (rest.charAt(i) <= ' ' || rest.charAt(i) >= 0x7f) {
                return Optional.empty();
            }
        }
        int llvm = rest.indexOf(".llvm.");
        if (llvm >= 0) {
            String hash = rest.substring(llvm + ".llvm.".length());
            boolean isHash = hash.chars().allMatch(c -> (c >= '0' && c <= '9') || (c >= 'A' && c <= 'F') || c == '@');
            return Optional.of(isHash ? rest.substring(0, llvm) : rest);
        }
        return Optional.of(rest);
    }
}
