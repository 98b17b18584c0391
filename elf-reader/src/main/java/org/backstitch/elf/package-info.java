/**
 * ELF64 files as mapped, lazily read models.
 *
 * <p>{@link org.backstitch.elf.ElfFile} is the door: it checks the header and gives sections, segments, notes, the build id and the
 * bytes of the memory image.
 *
 * {@snippet :
 * try (Arena arena = Arena.ofShared()) {
 *     ElfFile libc = ElfFile.map(Path.of("/lib/x86_64-linux-gnu/libc.so.6"), arena);
 *     Optional<BuildId> buildId = libc.buildId();
 *     Bytes text = libc.section(".text").orElseThrow().data();
 * }
 * }
 */
@NullMarked
package org.backstitch.elf;

import org.jspecify.annotations.NullMarked;
