/**
 * Ways into an ELF file that does not lie about as one: kernel images, compressed modules, members of archives, and the separate
 * files that hold a stripped program's symbols.
 *
 * <p>{@link org.backstitch.elf.image.ElfImage} opens whatever a name leads to; {@link org.backstitch.elf.image.DebugFiles} finds the
 * debug information of a program, on this system or under a directory that holds another one
 * ({@link org.backstitch.elf.image.FileTree}). {@link org.backstitch.elf.image.SlimElf} copies of a file what unwinding and naming read.
 *
 * {@snippet :
 * try (Arena arena = Arena.ofShared()) {
 *     ElfFile kernel = ElfImage.open("/boot/vmlinuz-6.1.0-50-amd64", arena).elf();
 *     ElfFile module = ElfImage.open("linux-image-6.1.0-50-amd64.deb!/btrfs.ko", arena).elf();
 * }
 * }
 */
@NullMarked
package org.backstitch.elf.image;

import org.jspecify.annotations.NullMarked;
