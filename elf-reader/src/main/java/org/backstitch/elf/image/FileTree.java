package org.backstitch.elf.image;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.InvalidPathException;
import java.nio.file.Path;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.Deque;
import java.util.List;
import java.util.Optional;

/**
 * The files of a system: this one, or another one whose root lies in a directory here.
 *
 * <p>Under a directory, absolute symbolic links lead to that directory and {@code ..} does not lead out of it, as after
 * {@code chroot}: files of this system are never taken for those of the other one.
 */
public final class FileTree {
    /** As Linux ({@code MAXSYMLINKS}): more links on the way to a file are a loop. */
    private static final int MAX_LINKS = 40;

    private final Optional<Path> root;

    private FileTree(Optional<Path> root) {
        this.root = root;
    }

    /** The files of this system. */
    public static FileTree host() {
        return new FileTree(Optional.empty());
    }

    /** The files of the system whose root is {@code directory}. */
    public static FileTree under(Path directory) {
        return new FileTree(Optional.of(directory));
    }

    /** Whether these are the files of this system. */
    public boolean isHost() {
        return root.isEmpty();
    }

    /**
     * The regular file that a path of the system leads to, as a path here.
     *
     * @param path from the system's root; a relative one is taken as from there, too
     * @return empty if there is none
     */
    public Optional<Path> find(String path) {
        return here(path).filter(Files::isRegularFile);
    }

    /**
     * The directory of the system that a path leads to, as a path here.
     *
     * @param path from the system's root; a relative one is taken as from there, too
     * @return empty if there is none
     */
    public Optional<Path> findDirectory(String path) {
        return here(path).filter(Files::isDirectory);
    }

    /**
     * A path as text out of somebody's file.
     *
     * @return empty if no file can have it: a NUL is in it, or what the encoding of this system's paths has no bytes for ({@code LC_ALL=C}
     *     has some for ASCII only)
     */
    public static Optional<Path> pathOf(String text) {
        try {
            return Optional.of(Path.of(text));
        } catch (InvalidPathException e) {
            return Optional.empty();
        }
    }

    private Optional<Path> here(String path) {
        Optional<Path> named = pathOf(path);
        if (named.isEmpty() || root.isEmpty()) {
            return named.map(Path.of("/")::resolve);
        }
        return resolve(root.get(), path);
    }

    private static Optional<Path> resolve(Path root, String path) {
        Deque<String> ahead = new ArrayDeque<>(parts(path));
        List<String> done = new ArrayList<>();
        int links = 0;
        while (!ahead.isEmpty()) {
            String part = ahead.removeFirst();
            if (part.isEmpty() || part.equals(".")) {
                continue;
            }
            if (part.equals("..")) {
                if (!done.isEmpty()) {
                    done.removeLast();
                }
                continue;
            }
            Path here = at(root, done).resolve(part);
            if (!Files.isSymbolicLink(here)) {
                done.add(part);
                continue;
            }
            if (++links > MAX_LINKS) {
                return Optional.empty();
            }
            String target;
            try {
                target = Files.readSymbolicLink(here).toString();
            } catch (IOException e) {
                // It was a link a moment ago: the file has gone, which is an answer.
                return Optional.empty();
            }
            if (pathOf(target).isEmpty()) {
                return Optional.empty();
            }
            if (target.startsWith("/")) {
                done.clear();
            }
            List<String> parts = parts(target);
            for (int i = parts.size() - 1; i >= 0; i--) {
                ahead.addFirst(parts.get(i));
            }
        }
        return Optional.of(at(root, done));
    }

    private static Path at(Path root, List<String> parts) {
        Path result = root;
        for (String part : parts) {
            result = result.resolve(part);
        }
        return result;
    }

    private static List<String> parts(String path) {
        return List.of(path.split("/", -1));
    }

    @Override
    public String toString() {
        return root.map(Path::toString).orElse("/");
    }
}
