package org.backstitch.symbols;

import java.io.Serial;
import java.nio.ByteBuffer;
import java.nio.CharBuffer;
import java.nio.charset.CharacterCodingException;
import java.nio.charset.StandardCharsets;
import java.util.HexFormat;
import java.util.Optional;
import org.jspecify.annotations.Nullable;

/**
 * Rust's v0 mangling (RFC 2603; rustc book, "v0 Symbol Format"), as recursive descent: each method is a production of the grammar and
 * writes what it reads. Hashes of crates and types of integer constants are left out.
 *
 * <p>A back reference sends the reader to an earlier place; since a few bytes can thereby stand for very much, the depth of recursion
 * and the size of the output are bounded. A name that exceeds them, or that does not follow the grammar, is none.
 */
final class RustV0Demangler {
    private static final int MAX_DEPTH = 500;
    private static final int MAX_OUTPUT = 1 << 20;
    private static final int PREFIX_LENGTH = 2;

    /** The name is not of this format; carries nothing, since the caller then leaves the name as it is. */
    private static final class NotRust extends Exception {
        @Serial
        private static final long serialVersionUID = 1L;

        NotRust() {
            super(null, null, false, false);
        }
    }

    /** A production, for places that can hold any of several. */
    @FunctionalInterface
    private interface Production {
        void read() throws NotRust;
    }

    /** The symbol without its prefix: back references count from here. */
    private final String symbol;

    private int next;
    private int depth;
    /** Where to write; nowhere while something is only read over. */
    private @Nullable StringBuilder out = new StringBuilder();
    /** Number of lifetimes that the binders around this place have bound. */
    private long boundLifetimes;

    private RustV0Demangler(String symbol) {
        this.symbol = symbol;
    }

    /** The path that a name stands for; empty if it is none of this format. */
    static Optional<String> demangle(String name) {
        if (!name.startsWith("_R") || name.length() == PREFIX_LENGTH || !isUpper(name.charAt(PREFIX_LENGTH))) {
            return Optional.empty();
        }
        RustV0Demangler demangler = new RustV0Demangler(name.substring(PREFIX_LENGTH));
        try {
            return demangler.symbolName();
        } catch (NotRust e) {
            // Not an error: whatever follows another grammar keeps its name.
            return Optional.empty();
        }
    }

    private static boolean isUpper(char c) {
        return c >= 'A' && c <= 'Z';
    }

    /** symbol-name = "_R" [decimal-number] path [instantiating-crate] [vendor-specific-suffix]. */
    private Optional<String> symbolName() throws NotRust {
        path(true);
        String result = String.valueOf(out);
        if (next < symbol.length() && isUpper(symbol.charAt(next))) {
            silently(() -> path(false));
        }
        return Demangler.rustSuffix(symbol.substring(next)).map(suffix -> result + suffix);
    }

    // ---- the reader ----

    private int peek() {
        return next < symbol.length() ? symbol.charAt(next) : -1;
    }

    private boolean eat(char c) {
        if (peek() == c) {
            next++;
            return true;
        }
        return false;
    }

    private char take() throws NotRust {
        if (next == symbol.length()) {
            throw new NotRust();
        }
        return symbol.charAt(next++);
    }

    private void enter() throws NotRust {
        if (++depth > MAX_DEPTH) {
            throw new NotRust();
        }
    }

    private void leave() {
        depth--;
    }

    /** base-62-number = {digit} "_": nothing is 0, everything else one less than it means. Unsigned, of at most 64 bits. */
    private long base62() throws NotRust {
        if (eat('_')) {
            return 0;
        }
        long value = 0;
        while (!eat('_')) {
            char c = take();
            int digit;
            if (c >= '0' && c <= '9') {
                digit = c - '0';
            } else if (c >= 'a' && c <= 'z') {
                digit = 10 + c - 'a';
            } else if (isUpper(c)) {
                digit = 36 + c - 'A';
            } else {
                throw new NotRust();
            }
            long scaled = value * 62;
            boolean overflows = Math.unsignedMultiplyHigh(value, 62) != 0
                    || Long.compareUnsigned(scaled + digit, scaled) < 0
                    || scaled + digit == -1;
            if (overflows) {
                throw new NotRust();
            }
            value = scaled + digit;
        }
        return value + 1;
    }

    private long optionalBase62(char tag) throws NotRust {
        return eat(tag) ? base62() + 1 : 0;
    }

    private long disambiguator() throws NotRust {
        return optionalBase62('s');
    }

    /** undisambiguated-identifier = ["u"] decimal-number ["_"] bytes. */
    private String identifier() throws NotRust {
        boolean punycode = eat('u');
        int first = take();
        if (first < '0' || first > '9') {
            throw new NotRust();
        }
        int length = first - '0';
        if (length != 0) {
            while (peek() >= '0' && peek() <= '9') {
                length = length * 10 + (take() - '0');
                if (length > symbol.length()) {
                    throw new NotRust();
                }
            }
        }
        eat('_');
        if (length > symbol.length() - next) {
            throw new NotRust();
        }
        String bytes = symbol.substring(next, next + length);
        next += length;
        if (!punycode) {
            return bytes;
        }
        int separator = bytes.lastIndexOf('_');
        String ascii = separator < 0 ? "" : bytes.substring(0, separator);
        return Punycode.decode(ascii, bytes.substring(separator + 1)).orElseThrow(NotRust::new);
    }

    /** Hexadecimal digits up to an underscore. */
    private String hexDigits() throws NotRust {
        int start = next;
        for (char c = take(); c != '_'; c = take()) {
            if (!((c >= '0' && c <= '9') || (c >= 'a' && c <= 'f'))) {
                throw new NotRust();
            }
        }
        return symbol.substring(start, next - 1);
    }

    // ---- the writer ----

    private void print(String text) throws NotRust {
        if (out != null) {
            if (out.length() + text.length() > MAX_OUTPUT) {
                throw new NotRust();
            }
            out.append(text);
        }
    }

    /** Reads without writing. Back references are not followed then: what they lead to has been read before. */
    private void silently(Production production) throws NotRust {
        StringBuilder before = out;
        out = null;
        production.read();
        out = before;
    }

    /** backref = "B" base-62-number: what stands at that place, which must lie before this one. */
    private void backReference(Production production) throws NotRust {
        int start = next - 1;
        long target = base62();
        if (Long.compareUnsigned(target, start) >= 0) {
            throw new NotRust();
        }
        if (out == null) {
            return;
        }
        enter();
        int after = next;
        next = (int) target;
        production.read();
        next = after;
        leave();
    }

    /** Elements up to "E"; returns how many. */
    private int list(Production element, String separator) throws NotRust {
        int count = 0;
        while (!eat('E')) {
            if (count++ > 0) {
                print(separator);
            }
            element.read();
        }
        return count;
    }

    // ---- paths ----

    /** Whether a path stands in an expression, where generic arguments need a turbofish. */
    private void path(boolean inValue) throws NotRust {
        enter();
        char tag = take();
        switch (tag) {
            case 'C' -> { // crate root
                disambiguator();
                print(identifier());
            }
            case 'N' -> nestedPath(inValue);
            case 'M', 'X', 'Y' -> { // inherent impl, trait impl, trait definition
                if (tag != 'Y') {
                    disambiguator();
                    silently(() -> path(false));
                }
                print("<");
                type();
                if (tag != 'M') {
                    print(" as ");
                    path(false);
                }
                print(">");
            }
            case 'I' -> {
                path(inValue);
                print(inValue ? "::<" : "<");
                list(this::genericArgument, ", ");
                print(">");
            }
            case 'B' -> backReference(() -> path(inValue));
            default -> throw new NotRust();
        }
        leave();
    }

    private void nestedPath(boolean inValue) throws NotRust {
        char namespace = take();
        path(inValue);
        long disambiguator = disambiguator();
        String name = identifier();
        if (isUpper(namespace)) { // something that has no name in the source
            String kind = switch (namespace) {
                case 'C' -> "closure";
                case 'S' -> "shim";
                default -> String.valueOf(namespace);
            };
            print("::{" + kind + (name.isEmpty() ? "" : ":" + name) + "#" + Long.toUnsignedString(disambiguator) + "}");
        } else if (namespace >= 'a' && namespace <= 'z') {
            print(name.isEmpty() ? "" : "::" + name);
        } else {
            throw new NotRust();
        }
    }

    /** generic-arg = lifetime | type | "K" const. */
    private void genericArgument() throws NotRust {
        if (eat('L')) {
            lifetime(base62());
        } else if (eat('K')) {
            constant(false);
        } else {
            type();
        }
    }

    /** 0 is an erased lifetime; the others count from the innermost one that is bound. */
    private void lifetime(long index) throws NotRust {
        if (out == null) {
            return;
        }
        if (index == 0) {
            print("'_");
            return;
        }
        if (Long.compareUnsigned(index, boundLifetimes) > 0) {
            throw new NotRust();
        }
        long fromOutside = boundLifetimes - index;
        print(fromOutside < 26 ? "'" + (char) ('a' + fromOutside) : "'_" + fromOutside);
    }

    /** binder = "G" base-62-number: binds lifetimes for what follows. */
    private void inBinder(Production production) throws NotRust {
        long count = optionalBase62('G');
        if (out == null) {
            production.read();
            return;
        }
        long before = boundLifetimes;
        if (count != 0) {
            print("for<");
            // A claim of more lifetimes than the output can hold ends in print().
            for (long i = 0; i != count; i++) {
                boundLifetimes++;
                print(i > 0 ? ", " : "");
                lifetime(1);
            }
            print("> ");
        }
        production.read();
        boundLifetimes = before;
    }

    // ---- types ----

    private static @Nullable String basicType(char tag) {
        return switch (tag) {
            case 'a' -> "i8";
            case 'b' -> "bool";
            case 'c' -> "char";
            case 'd' -> "f64";
            case 'e' -> "str";
            case 'f' -> "f32";
            case 'h' -> "u8";
            case 'i' -> "isize";
            case 'j' -> "usize";
            case 'l' -> "i32";
            case 'm' -> "u32";
            case 'n' -> "i128";
            case 'o' -> "u128";
            case 'p' -> "_";
            case 's' -> "i16";
            case 't' -> "u16";
            case 'u' -> "()";
            case 'v' -> "...";
            case 'x' -> "i64";
            case 'y' -> "u64";
            case 'z' -> "!";
            default -> null;
        };
    }

    private void type() throws NotRust {
        char tag = take();
        String basic = basicType(tag);
        if (basic != null) {
            print(basic);
            return;
        }
        enter();
        switch (tag) {
            case 'R', 'Q' -> {
                print("&");
                if (eat('L')) {
                    long lifetime = base62();
                    if (lifetime != 0) {
                        lifetime(lifetime);
                        print(" ");
                    }
                }
                print(tag == 'Q' ? "mut " : "");
                type();
            }
            case 'P', 'O' -> {
                print(tag == 'P' ? "*const " : "*mut ");
                type();
            }
            case 'A', 'S' -> {
                print("[");
                type();
                if (tag == 'A') {
                    print("; ");
                    constant(true);
                }
                print("]");
            }
            case 'T' -> {
                print("(");
                print(list(this::type, ", ") == 1 ? ",)" : ")");
            }
            case 'F' -> inBinder(this::functionType);
            case 'D' -> dynType();
            case 'W' -> { // a type that is narrowed to what a pattern matches
                type();
                print(" is ");
                pattern();
            }
            case 'B' -> backReference(this::type);
            default -> {
                next--;
                path(false);
            }
        }
        leave();
    }

    /** fn-sig = ["U"] ["K" abi] {type} "E" type, behind its binder. */
    private void functionType() throws NotRust {
        boolean isUnsafe = eat('U');
        String abi = "";
        if (eat('K')) {
            if (eat('C')) {
                abi = "C";
            } else {
                boolean punycode = peek() == 'u';
                abi = identifier();
                if (punycode || abi.isEmpty()) {
                    throw new NotRust();
                }
            }
        }
        print(isUnsafe ? "unsafe " : "");
        // An ABI's hyphens are written as underscores.
        print(abi.isEmpty() ? "" : "extern \"" + abi.replace('_', '-') + "\" ");
        print("fn(");
        list(this::type, ", ");
        print(")");
        if (!eat('u')) { // the unit type as a result is left out, as in source
            print(" -> ");
            type();
        }
    }

    private void dynType() throws NotRust {
        print("dyn ");
        inBinder(() -> list(this::dynTrait, " + "));
        if (!eat('L')) {
            throw new NotRust();
        }
        long lifetime = base62();
        if (lifetime != 0) {
            print(" + ");
            lifetime(lifetime);
        }
    }

    /** dyn-trait = path {"p" identifier type}: associated types join the generic arguments in their angle brackets. */
    private void dynTrait() throws NotRust {
        boolean open = pathWithOpenGenerics();
        while (eat('p')) {
            print(open ? ", " : "<");
            open = true;
            print(identifier());
            print(" = ");
            type();
        }
        print(open ? ">" : "");
    }

    /** A path whose last closing bracket, if it has generic arguments, is left to the caller; tells whether it has. */
    private boolean pathWithOpenGenerics() throws NotRust {
        if (eat('B')) {
            boolean[] open = {false};
            backReference(() -> open[0] = pathWithOpenGenerics());
            return open[0];
        }
        if (eat('I')) {
            path(false);
            print("<");
            list(this::genericArgument, ", ");
            return true;
        }
        path(false);
        return false;
    }

    private void pattern() throws NotRust {
        enter();
        switch (take()) {
            case 'R' -> {
                constant(false);
                print("..=");
                constant(false);
            }
            case 'O' -> {
                print("(");
                list(this::pattern, " | ");
                print(")");
            }
            case 'N' -> print("!null");
            default -> throw new NotRust();
        }
        leave();
    }

    // ---- constants ----

    /** Only literals may stand for themselves among generic arguments; every other expression needs braces, once. */
    private void constant(boolean inExpression) throws NotRust {
        enter();
        char tag = take();
        switch (tag) {
            case 'p' -> print("_");
            case 'h', 't', 'm', 'y', 'o', 'j' -> integer();
            case 'a', 's', 'l', 'x', 'n', 'i' -> {
                print(eat('n') ? "-" : "");
                integer();
            }
            case 'b' -> {
                long value = smallNumber(hexDigits());
                if (value != 0 && value != 1) {
                    throw new NotRust();
                }
                print(value == 1 ? "true" : "false");
            }
            case 'c' -> {
                long value = smallNumber(hexDigits());
                if (value < 0 || value > Character.MAX_CODE_POINT || (value >= 0xd800 && value <= 0xdfff)) {
                    throw new NotRust();
                }
                quoted(Character.toString((int) value), '\'');
            }
            case 'B' -> backReference(() -> constant(inExpression));
            case 'R' -> {
                if (eat('e')) { // &str is how a string literal is typed
                    stringLiteral();
                } else {
                    expression(inExpression, () -> {
                        print("&");
                        constant(true);
                    });
                }
            }
            case 'Q', 'e', 'A', 'T', 'V' -> expression(inExpression, () -> compound(tag));
            default -> throw new NotRust();
        }
        leave();
    }

    private void expression(boolean inExpression, Production production) throws NotRust {
        print(inExpression ? "" : "{");
        production.read();
        print(inExpression ? "" : "}");
    }

    private void compound(char tag) throws NotRust {
        switch (tag) {
            case 'Q' -> {
                print("&mut ");
                constant(true);
            }
            case 'e' -> { // a str itself, not a reference to one
                print("*");
                stringLiteral();
            }
            case 'A' -> {
                print("[");
                list(() -> constant(true), ", ");
                print("]");
            }
            case 'T' -> {
                print("(");
                print(list(() -> constant(true), ", ") == 1 ? ",)" : ")");
            }
            default -> aggregate();
        }
    }

    /** "V" path and fields: unit, tuple or struct. */
    private void aggregate() throws NotRust {
        path(true);
        switch (take()) {
            case 'U' -> {}
            case 'T' -> {
                print("(");
                list(() -> constant(true), ", ");
                print(")");
            }
            case 'S' -> {
                print(" { ");
                list(
                        () -> {
                            disambiguator();
                            print(identifier());
                            print(": ");
                            constant(true);
                        },
                        ", ");
                print(" }");
            }
            default -> throw new NotRust();
        }
    }

    /** The number in decimal if it fits 64 bits, as it is written otherwise. */
    private void integer() throws NotRust {
        String digits = hexDigits();
        String significant = significant(digits);
        print(significant.length() <= 16 ? Long.toUnsignedString(parse(significant)) : "0x" + digits);
    }

    private static String significant(String digits) {
        int zeros = 0;
        while (zeros < digits.length() && digits.charAt(zeros) == '0') {
            zeros++;
        }
        return digits.substring(zeros);
    }

    private static long parse(String digits) {
        return digits.isEmpty() ? 0 : Long.parseUnsignedLong(digits, 16);
    }

    private static long smallNumber(String digits) throws NotRust {
        String significant = significant(digits);
        if (significant.length() > 15) {
            throw new NotRust();
        }
        return parse(significant);
    }

    /** UTF-8 bytes in hexadecimal. */
    private void stringLiteral() throws NotRust {
        String digits = hexDigits();
        if (digits.length() % 2 != 0) {
            throw new NotRust();
        }
        try {
            CharBuffer text = StandardCharsets.UTF_8
                    .newDecoder()
                    .decode(ByteBuffer.wrap(HexFormat.of().parseHex(digits)));
            quoted(text.toString(), '"');
        } catch (CharacterCodingException e) {
            throw new NotRust();
        }
    }

    /** In quotes, escaped as Rust's {@code escape_debug} does; the other kind of quote stands for itself. */
    private void quoted(String text, char quote) throws NotRust {
        StringBuilder escaped = new StringBuilder().append(quote);
        text.codePoints().forEach(c -> {
            switch (c) {
                case '\0' -> escaped.append("\\0");
                case '\t' -> escaped.append("\\t");
                case '\n' -> escaped.append("\\n");
                case '\r' -> escaped.append("\\r");
                case '\\' -> escaped.append("\\\\");
                case '\'', '"' -> escaped.append(c == quote ? "\\" : "").append((char) c);
                default -> {
                    if (isPrintable(c)) {
                        escaped.appendCodePoint(c);
                    } else {
                        escaped.append("\\u{").append(Integer.toHexString(c)).append('}');
                    }
                }
            }
        });
        print(escaped.append(quote).toString());
    }

    private static boolean isPrintable(int c) {
        return switch (Character.getType(c)) {
            case Character.CONTROL,
                    Character.FORMAT,
                    Character.SURROGATE,
                    Character.PRIVATE_USE,
                    Character.UNASSIGNED,
                    Character.LINE_SEPARATOR,
                    Character.PARAGRAPH_SEPARATOR,
                    // combining characters would change the quote before them
                    Character.NON_SPACING_MARK,
                    Character.ENCLOSING_MARK -> false;
            case Character.SPACE_SEPARATOR -> c == ' ';
            default -> true;
        };
    }
}
