/** perf.data: reader and writer. */
module org.backstitch.perf {
    requires transitive org.backstitch.bytes;
    requires static transitive org.jspecify;

    exports org.backstitch.perf;
}
