/** What machine code does to the stack: a Capstone binding, unwind tables verified against code, tables synthesized from code. */
module org.backstitch.code {
    requires transitive org.backstitch.bytes;
    requires transitive org.backstitch.elf;
    requires transitive org.backstitch.unwind;
    requires static transitive org.jspecify;

    exports org.backstitch.code.capstone;
    exports org.backstitch.code.stack;
    exports org.backstitch.code.synthesis;
    exports org.backstitch.code.verify;
    exports org.backstitch.code.walk;
}
