//! The stacks of a recording, as `org.backstitch.bench.PeerInput` writes them: read into memory, and found again.

use std::io::{Error, ErrorKind, Result};

/// DWARF's numbers of registers.
pub const RBP: usize = 6;
pub const RSP: usize = 7;
pub const RIP: usize = 16;
const REGISTERS: usize = 17;

/// Code that is mapped.
pub struct Mapping {
    pub file: usize,
    pub start: u64,
    pub end: u64,
    pub file_offset: u64,
}

/// One stack. Its bytes are `stack` in the input's bytes, and the first lay at `address`.
pub struct Sample {
    pub space: usize,
    pub registers: [u64; REGISTERS],
    pub address: u64,
    pub stack: std::ops::Range<usize>,
}

pub struct Input {
    pub bytes: Vec<u8>,
    pub files: Vec<String>,
    pub spaces: Vec<Vec<Mapping>>,
    pub samples: Vec<Sample>,
}

struct Cursor<'a> {
    bytes: &'a [u8],
    next: usize,
}

impl Cursor<'_> {
    fn take(&mut self, length: usize) -> Result<std::ops::Range<usize>> {
        let end = self.next.checked_add(length).filter(|&end| end <= self.bytes.len());
        let end = end.ok_or_else(|| Error::new(ErrorKind::UnexpectedEof, "the input is cut short"))?;
        let taken = self.next..end;
        self.next = end.next_multiple_of(8);
        Ok(taken)
    }

    fn word(&mut self) -> Result<u64> {
        let range = self.take(8)?;
        Ok(word_at(self.bytes, range.start).expect("eight bytes were taken"))
    }

    fn mapping(&mut self) -> Result<Mapping> {
        Ok(Mapping { file: self.word()? as usize, start: self.word()?, end: self.word()?, file_offset: self.word()? })
    }

    fn sample(&mut self) -> Result<Sample> {
        let space = self.word()? as usize;
        let mut registers = [0; REGISTERS];
        for register in &mut registers {
            *register = self.word()?;
        }
        let address = self.word()?;
        let length = self.word()? as usize;
        Ok(Sample { space, registers, address, stack: self.take(length)? })
    }
}

/// The little-endian word at an offset, if it is there.
#[inline]
pub fn word_at(bytes: &[u8], offset: usize) -> Option<u64> {
    let word = bytes.get(offset..offset.wrapping_add(8))?;
    Some(u64::from_le_bytes(word.try_into().ok()?))
}

pub fn read(path: &str) -> Result<Input> {
    let bytes = std::fs::read(path)?;
    let mut cursor = Cursor { bytes: &bytes, next: 0 };
    let magic = cursor.take(8)?;
    if &bytes[magic] != b"BSPEERS1" {
        return Err(Error::new(ErrorKind::InvalidData, "not written by PeerInput"));
    }
    let (file_count, space_count, sample_count) = (cursor.word()?, cursor.word()?, cursor.word()?);
    let mut files = Vec::new();
    for _ in 0..file_count {
        let length = cursor.word()? as usize;
        let path = cursor.take(length)?;
        files.push(String::from_utf8_lossy(&bytes[path]).into_owned());
    }
    let mut spaces = Vec::new();
    for _ in 0..space_count {
        let count = cursor.word()?;
        spaces.push((0..count).map(|_| cursor.mapping()).collect::<Result<_>>()?);
    }
    let samples = (0..sample_count).map(|_| cursor.sample()).collect::<Result<_>>()?;
    Ok(Input { files, spaces, samples, bytes })
}
