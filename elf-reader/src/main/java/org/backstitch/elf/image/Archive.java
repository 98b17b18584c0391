package org.backstitch.elf.image;

import java.io.FilterInputStream;
import java.io.IOException;
import java.io.InputStream;
import java.lang.foreign.Arena;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.function.Predicate;
import java.util.regex.Pattern;
import org.apache.commons.compress.archivers.ar.ArArchiveEntry;
import org.apache.commons.compress.archivers.ar.ArArchiveInputStream;
import org.apache.commons.compress.archivers.tar.TarArchiveEntry;
import org.apache.commons.compress.archivers.tar.TarArchiveInputStream;
import org.backstitch.bytes.Bytes;
import org.backstitch.bytes.MalformedInputException;
import org.backstitch.elf.internal.BytesInputStream;
import org.backstitch.elf.internal.GrowingBuffer;
import org.backstitch.elf.internal.Inflation;
import org.jspecify.annotations.Nullable;

/**
 * A Debian package (deb(5): an {@code ar} archive with a {@code data.tar} in some compression) or a plain {@code ar} archive, read as
 * a stream: only the wanted member is kept.
 */
final class Archive {
    private static final long MAGIC = 0x0a3e686372613c21L; // "!<arch>\n"
    private static final String DATA = "data.tar";
    /** How often a link in an archive may lead to another link. */
    private static final int MAX_LINKS = 8;
    /** How many names an error message lists. */
    private static final int MAX_LISTED = 8;
    /** A stream is given up after this many times the limit of a member: no package is as large, only a bomb. */
    private static final int STREAM_LIMIT_FACTOR = 32;

    /** Modules, packed or not: what is in a packed one shows only when it is opened. */
    private static final Pattern MODULE = Pattern.compile("(.*/)?[^/]+\\.ko(\\.(gz|xz|zst|bz2|lzma))?");

    private static final Pattern KERNEL = Pattern.compile("(.*/)?vmlinu[xz](-[^/]*)?(\\.debug)?");
    private static final Pattern COMPRESSION_SUFFIX = Pattern.compile("\\.(gz|xz|zst|lz4|bz2|lzma)$");

    private final Bytes bytes;
    private final long limit;

    Archive(Bytes bytes, long limit) {
        this.bytes = bytes;
        this.limit = limit;
    }

    static boolean isArchive(Bytes bytes) {
        return bytes.contains(0, 8) && bytes.i64(0) == MAGIC;
    }

    /** A member as the archive has it: with its content, or the name of the member that it is a link to. */
    private record Member(
            String path, @Nullable Bytes content, @Nullable String link) {}

    /** What a walk over the archive says of a member before its content is read. */
    private interface Visitor {
        /** Whether the member is to be kept. {@code head} are its first bytes, none for a link. */
        boolean wants(String path, Bytes head);

        /** Takes a member that was wanted; false ends the walk. */
        boolean take(Member member);
    }

    /**
     * The content of a member.
     *
     * @throws MalformedInputException if there is none, or more than one, that matches, or the archive is broken
     */
    Bytes find(Optional<String> name) {
        String wanted = name.map(Archive::normalize).orElse("");
        return wanted.isEmpty() ? theOnlyImage() : named(wanted);
    }

    private Bytes named(String wanted) {
        Predicate<String> matcher = matcher(wanted);
        String exact = wanted;
        for (int links = 0; links < MAX_LINKS; links++) {
            Member member = search(matcher, exact, wanted);
            if (member.content != null) {
                return member.content;
            }
            exact = target(member);
            matcher = exact::equals;
        }
        throw bytes.malformed(0, "too many links lead on from " + wanted);
    }

    /** The member that matches; the one of exactly that path goes before all others. */
    private Member search(Predicate<String> matcher, String exact, String wanted) {
        List<Member> found = new ArrayList<>();
        List<String> others = new ArrayList<>();
        walk(new Visitor() {
            @Override
            public boolean wants(String path, Bytes head) {
                if (!matcher.test(path)) {
                    return false;
                }
                others.add(path);
                return found.isEmpty() || path.equals(exact);
            }

            @Override
            public boolean take(Member member) {
                found.clear();
                found.add(member);
                return !member.path.equals(exact);
            }
        });
        if (found.isEmpty()) {
            throw bytes.malformed(0, "the archive has no member " + wanted);
        }
        if (others.size() > 1 && !found.getFirst().path.equals(exact)) {
            throw ambiguous(wanted + " means more than one member", others);
        }
        return found.getFirst();
    }

    private Bytes theOnlyImage() {
        List<Member> kernels = new ArrayList<>();
        List<Member> others = new ArrayList<>();
        List<String> kernelPaths = new ArrayList<>();
        List<String> otherPaths = new ArrayList<>();
        walk(new Visitor() {
            @Override
            public boolean wants(String path, Bytes head) {
                boolean kernel = head.size() > 0 && KERNEL.matcher(path).matches();
                if (kernel) {
                    kernelPaths.add(path);
                    return kernels.isEmpty();
                }
                if (isElf(head) || head.size() > 0 && MODULE.matcher(path).matches()) {
                    otherPaths.add(path);
                    return others.isEmpty();
                }
                return false;
            }

            @Override
            public boolean take(Member member) {
                (KERNEL.matcher(member.path).matches() ? kernels : others).add(member);
                return true;
            }
        });
        List<Member> chosen = kernels.isEmpty() ? others : kernels;
        List<String> paths = kernels.isEmpty() ? otherPaths : kernelPaths;
        if (chosen.isEmpty()) {
            throw bytes.malformed(0, "the archive holds neither a kernel nor an ELF file");
        }
        if (paths.size() > 1) {
            throw ambiguous("the archive holds more than one; name it as FILE!/MEMBER", paths);
        }
        Bytes content = chosen.getFirst().content;
        if (content == null) {
            throw bytes.malformed(0, "the archive holds only a link to " + chosen.getFirst().link);
        }
        return content;
    }

    private MalformedInputException ambiguous(String reason, List<String> paths) {
        List<String> listed = paths.subList(0, Math.min(MAX_LISTED, paths.size()));
        int more = paths.size() - listed.size();
        return bytes.malformed(
                0, reason + ": " + String.join(", ", listed) + (more > 0 ? ", and " + more + " more" : ""));
    }

    private static boolean isElf(Bytes head) {
        return head.contains(0, 4) && head.i32(0) == 0x464c457f;
    }

    /** Without the leading dot and slashes that tar writes and users type. */
    private static String normalize(String path) {
        String result = path;
        while (result.startsWith("./") || result.startsWith("/")) {
            result = result.substring(result.indexOf('/') + 1);
        }
        return result;
    }

    /** The path that a link leads to, inside of the archive. */
    private static String target(Member member) {
        String link = member.link == null ? "" : member.link;
        List<String> parts = new ArrayList<>();
        if (!link.startsWith("/")) {
            int slash = member.path.lastIndexOf('/');
            parts.addAll(
                    slash < 0
                            ? List.of()
                            : List.of(member.path.substring(0, slash).split("/", -1)));
        }
        for (String part : link.split("/", -1)) {
            if (part.equals("..")) {
                if (!parts.isEmpty()) {
                    parts.removeLast();
                }
            } else if (!part.isEmpty() && !part.equals(".")) {
                parts.add(part);
            }
        }
        return String.join("/", parts);
    }

    /** A whole path, the end of one, or either with wildcards; with or without the suffix of a compressed file. */
    private static Predicate<String> matcher(String wanted) {
        StringBuilder regex = new StringBuilder("(.*/)?");
        for (int i = 0; i < wanted.length(); i++) {
            char c = wanted.charAt(i);
            switch (c) {
                case '*' -> regex.append("[^/]*");
                case '?' -> regex.append("[^/]");
                default -> regex.append(Pattern.quote(String.valueOf(c)));
            }
        }
        Pattern pattern = Pattern.compile(regex.toString());
        return path -> pattern.matcher(path).matches()
                || pattern.matcher(COMPRESSION_SUFFIX.matcher(path).replaceFirst(""))
                        .matches();
    }

    private void walk(Visitor visitor) {
        try (ArArchiveInputStream ar = new ArArchiveInputStream(new BytesInputStream(bytes))) {
            for (ArArchiveEntry entry = ar.getNextEntry(); entry != null; entry = ar.getNextEntry()) {
                String name = normalize(entry.getName());
                if (name.startsWith(DATA)) {
                    walkTar(ar, name, visitor);
                    return;
                }
                if (!visit(visitor, name, ar)) {
                    return;
                }
            }
        } catch (IOException e) {
            throw broken(e);
        } catch (RuntimeException e) {
            throw Inflation.refused(bytes, "the archive cannot be read", e);
        }
    }

    private void walkTar(InputStream member, String name, Visitor visitor) throws IOException {
        InputStream plain = name.equals(DATA) ? member : decompress(member, name);
        long streamLimit = Math.min(
                Math.multiplyExact(Math.min(limit, Long.MAX_VALUE / STREAM_LIMIT_FACTOR), STREAM_LIMIT_FACTOR),
                Inflation.allowance(bytes.size()));
        try (TarArchiveInputStream tar = new TarArchiveInputStream(new LimitedStream(plain, streamLimit))) {
            for (TarArchiveEntry entry = tar.getNextEntry(); entry != null; entry = tar.getNextEntry()) {
                String path = normalize(entry.getName());
                if (entry.isSymbolicLink() || entry.isLink()) {
                    // A hard link names its target from the archive's root.
                    String link = entry.isLink() ? "/" + normalize(entry.getLinkName()) : entry.getLinkName();
                    if (visitor.wants(path, empty()) && !visitor.take(new Member(path, null, link))) {
                        return;
                    }
                } else if (entry.isFile() && !visit(visitor, path, tar)) {
                    return;
                }
            }
        }
    }

    private InputStream decompress(InputStream member, String name) throws IOException {
        String suffix = name.substring(DATA.length());
        return switch (suffix) {
            case ".gz" -> Compression.GZIP.open(member);
            case ".xz" -> Compression.XZ.open(member);
            case ".zst" -> Compression.ZSTD.open(member);
            case ".bz2" -> Compression.BZIP2.open(member);
            case ".lzma" -> Compression.LZMA.open(member);
            default -> throw new IOException("a package of unknown compression " + suffix);
        };
    }

    private boolean visit(Visitor visitor, String path, InputStream content) throws IOException {
        byte[] head = content.readNBytes(4);
        if (!visitor.wants(path, Bytes.of(head, path))) {
            return true;
        }
        try (GrowingBuffer buffer = new GrowingBuffer(limit)) {
            buffer.append(head);
            buffer.readAll(content);
            Bytes member = Bytes.of(buffer.toSegment(Arena.ofAuto()), bytes.source() + "!/" + path);
            return visitor.take(new Member(path, member, null));
        }
    }

    private static Bytes empty() {
        return Bytes.of(new byte[0], "");
    }

    private MalformedInputException broken(IOException e) {
        String message = e.getMessage();
        return bytes.malformed(
                0,
                "the archive cannot be read: " + (message == null ? e.getClass().getSimpleName() : message));
    }

    /** Ends with an exception once more than a number of bytes have passed. */
    private static final class LimitedStream extends FilterInputStream {
        private long left;

        LimitedStream(InputStream in, long limit) {
            super(in);
            this.left = limit;
        }

        @Override
        public int read() throws IOException {
            int value = super.read();
            if (value >= 0) {
                pass(1);
            }
            return value;
        }

        @Override
        public int read(byte[] target, int offset, int length) throws IOException {
            int n = super.read(target, offset, length);
            if (n > 0) {
                pass(n);
            }
            return n;
        }

        @Override
        public long skip(long n) throws IOException {
            long skipped = super.skip(n);
            pass(skipped);
            return skipped;
        }

        private void pass(long n) throws IOException {
            left -= n;
            if (left < 0) {
                throw new IOException("it unpacks to more than any package does");
            }
        }
    }
}
