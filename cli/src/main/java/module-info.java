/** The {@code backstitch} command: sources of callchains on one side, outputs that people and scripts read on the other. */
module org.backstitch.cli {
    requires org.backstitch.bytes;
    requires org.backstitch.code;
    requires org.backstitch.dump;
    requires org.backstitch.elf;
    requires org.backstitch.fixtures;
    requires org.backstitch.perf;
    requires org.backstitch.recording;
    requires org.backstitch.symbols;
    requires org.backstitch.unwind;
    requires com.fasterxml.jackson.core;
    requires info.picocli;
    requires me.tongfei.progressbar;
    requires static org.jspecify;
}
