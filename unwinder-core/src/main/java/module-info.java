/** Unwind rules and tables, the simulated x86-64 machine, the unwinders, and deferral. */
module org.backstitch.unwind {
    requires transitive org.backstitch.elf;
    requires static transitive org.jspecify;

    exports org.backstitch.unwind;
    exports org.backstitch.unwind.deferred;
    exports org.backstitch.unwind.deferred.simulation;
    exports org.backstitch.unwind.machine;
    exports org.backstitch.unwind.table;
}
