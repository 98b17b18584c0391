/** Kernel crash dumps, core dumps and snapshots as memory, tasks and registers. */
module org.backstitch.dump {
    requires transitive org.backstitch.bytes;
    requires transitive org.backstitch.elf;
    requires transitive org.backstitch.symbols;
    requires transitive org.backstitch.unwind;
    requires com.github.luben.zstd_jni;
    requires org.apache.commons.compress;
    requires static transitive org.jspecify;

    exports org.backstitch.dump;
    exports org.backstitch.dump.kernel;
    exports org.backstitch.dump.user;
}
