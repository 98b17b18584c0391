//! What the peers in Rust share: the input, ELF files, the clock and the line that is printed.

pub mod elf;
pub mod input;
pub mod measure;
