# Sourced by ./backstitch and ./check: finds the Java that they need, with nothing but what the shell has built in.

# is_jdk DIRECTORY: whether a Java 25 or newer lies there; sets java_version.
is_jdk() {
    [ -x "$1/bin/java" ] && [ -r "$1/release" ] || return 1
    while IFS= read -r line; do
        case $line in
            JAVA_VERSION=*)
                java_version=${line#*\"}
                java_version=${java_version%\"*}
                feature=${java_version%%[!0-9]*}
                [ "${feature:-0}" -ge 25 ]
                return
                ;;
        esac
    done <"$1/release"
    return 1
}

# Sets java_home and java_version, or ends the script with status 1.
find_jdk() {
    for java_home in ${JAVA_HOME:+"$JAVA_HOME"} /usr/lib/jvm/*; do
        is_jdk "$java_home" && return
    done
    if java_home=$(command -v java) && java_home=$(readlink -f "$java_home"); then
        java_home=${java_home%/bin/java}
        is_jdk "$java_home" && return
    fi
    say "this needs a JDK 25 or newer, in JAVA_HOME, under /usr/lib/jvm or on the PATH"
    exit 1
}
