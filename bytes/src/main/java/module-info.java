/** Bounds-checked views of bytes that came from files. */
module org.backstitch.bytes {
    requires static transitive org.jspecify;

    exports org.backstitch.bytes;
}
