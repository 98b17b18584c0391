/** ELF64 files, DWARF call frame information and ORC tables. */
module org.backstitch.elf {
    requires transitive org.backstitch.bytes;
    requires static transitive org.jspecify;
    requires org.apache.commons.compress;
    requires org.tukaani.xz;
    requires com.github.luben.zstd_jni;

    exports org.backstitch.elf;
    exports org.backstitch.elf.dwarf;
}
