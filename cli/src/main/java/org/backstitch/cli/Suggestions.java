package org.backstitch.cli;

import java.util.Collection;

/** What a person may have meant. */
final class Suggestions {
    private Suggestions() {}

    /** The first of {@code known} that is near to {@code typed}, as the end of a complaint; empty if none is. */
    static String nearest(String typed, Collection<String> known) {
        for (String name : known) {
            boolean partly =
                    (typed.length() > 3 && name.startsWith(typed)) || (name.length() > 3 && typed.startsWith(name));
            if (partly || (name.length() > 2 && oneEditApart(name, typed))) {
                return "; did you mean '" + name + "'?";
            }
        }
        return "";
    }

    /** Whether one inserted, removed or changed character, or two neighbours swapped, make {@code a} into {@code b}. */
    static boolean oneEditApart(String a, String b) {
        int start = 0;
        while (start < a.length() && start < b.length() && a.charAt(start) == b.charAt(start)) {
            start++;
        }
        String restA = a.substring(start);
        String restB = b.substring(start);
        if (restA.isEmpty() || restB.isEmpty()) {
            return restA.length() + restB.length() <= 1;
        }
        boolean swapped = restA.length() > 1
                && restB.length() > 1
                && restA.charAt(0) == restB.charAt(1)
                && restA.charAt(1) == restB.charAt(0)
                && restA.substring(2).equals(restB.substring(2));
        return swapped
                || restA.substring(1).equals(restB)
                || restB.substring(1).equals(restA)
                || restA.substring(1).equals(restB.substring(1));
    }
}
