/** ELF64 files, DWARF call frame information and ORC tables. */
module org.backstitch.elf {
    requires transitive org.backstitch.bytes;
    requires static transitive org.jspecify;
    requires com.github.luben.zstd_jni;
    requires org.apache.commons.compress;
    requires org.tukaani.xz;

    exports org.backstitch.elf;
    exports org.backstitch.elf.dwarf;
    exports org.backstitch.elf.image;
    exports org.backstitch.elf.orc;
}
