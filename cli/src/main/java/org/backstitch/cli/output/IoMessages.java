package org.backstitch.cli.output;

import java.io.FileNotFoundException;
import java.io.IOException;
import java.nio.file.AccessDeniedException;
import java.nio.file.DirectoryNotEmptyException;
import java.nio.file.FileAlreadyExistsException;
import java.nio.file.FileSystemException;
import java.nio.file.NoSuchFileException;
import java.nio.file.NotDirectoryException;
import java.util.Locale;
import org.jspecify.annotations.Nullable;

/** What an I/O exception says, in the words of a person. */
public final class IoMessages {
    private IoMessages() {}

    /** The whole line: {@code FILE: WHAT IS WRONG}, or only the latter where no file is known. */
    public static String line(IOException e) {
        if (e instanceof FileSystemException fse && fse.getFile() != null) {
            return fse.getFile() + ": " + reason(e);
        }
        return reason(e);
    }

    /** What is wrong, without the file. */
    public static String reason(IOException e) {
        return switch (e) {
            case NoSuchFileException _ -> "no such file or directory";
            case AccessDeniedException _ -> "permission denied";
            case NotDirectoryException _ -> "not a directory";
            case DirectoryNotEmptyException _ -> "the directory is not empty";
            case FileAlreadyExistsException _ -> "it exists already";
            case FileSystemException fse -> words(fse.getReason(), "it cannot be read");
            case FileNotFoundException fnf -> words(fnf.getMessage(), "no such file or directory");
            default -> words(e.getMessage(), "input or output failed");
        };
    }

    /** The system's words, which begin with a capital, as the end of our line. */
    private static String words(@Nullable String message, String otherwise) {
        if (message == null || message.isBlank()) {
            return otherwise;
        }
        boolean acronym = message.length() > 1 && Character.isUpperCase(message.charAt(1));
        return acronym ? message : message.substring(0, 1).toLowerCase(Locale.ROOT) + message.substring(1);
    }
}
