/** From a perf.data recording to complete callchains with names. */
module org.backstitch.recording {
    requires transitive org.backstitch.perf;
    requires transitive org.backstitch.unwind;
    requires org.backstitch.symbols;
    requires static transitive org.jspecify;

    exports org.backstitch.recording;
}
