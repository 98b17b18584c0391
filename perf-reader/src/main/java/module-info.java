/** perf.data: reader and writer. */
module org.backstitch.perf {
    requires transitive org.backstitch.bytes;
    requires static transitive org.jspecify;
    requires com.github.luben.zstd_jni;

    exports org.backstitch.perf;
}
