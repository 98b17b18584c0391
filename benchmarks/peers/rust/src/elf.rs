//! As much of ELF as it takes to give an unwinder its sections.

use std::collections::HashMap;
use std::io::{Error, ErrorKind, Result};
use std::ops::{Deref, Range};
use std::sync::Arc;

const PT_LOAD: u32 = 1;
const PF_X: u32 = 1;
const SHT_NOBITS: u32 = 8;
const PAGE: u64 = 4096;

/// Bytes of a file that many can hold.
#[derive(Clone, Default)]
pub struct Bytes {
    file: Arc<Vec<u8>>,
    range: Range<usize>,
}

impl Deref for Bytes {
    type Target = [u8];

    #[inline]
    fn deref(&self) -> &[u8] {
        &self.file[self.range.clone()]
    }
}

struct Segment {
    flags: u32,
    offset: u64,
    vaddr: u64,
    file_size: u64,
}

pub struct ElfFile {
    file: Arc<Vec<u8>>,
    segments: Vec<Segment>,
    /// By name: where it is in memory, and where in the file.
    sections: HashMap<String, (Range<u64>, Range<usize>)>,
}

fn number(bytes: &[u8], offset: usize, size: usize) -> Option<u64> {
    let mut word = [0; 8];
    word[..size].copy_from_slice(bytes.get(offset..offset.checked_add(size)?)?);
    Some(u64::from_le_bytes(word))
}

fn segments(file: &[u8]) -> Option<Vec<Segment>> {
    let table = number(file, 32, 8)? as usize;
    let mut segments = Vec::new();
    for i in 0..number(file, 56, 2)? as usize {
        let header = table + i * 56;
        if number(file, header, 4)? as u32 == PT_LOAD {
            segments.push(Segment {
                flags: number(file, header + 4, 4)? as u32,
                offset: number(file, header + 8, 8)?,
                vaddr: number(file, header + 16, 8)?,
                file_size: number(file, header + 32, 8)?,
            });
        }
    }
    Some(segments)
}

fn sections(file: &[u8]) -> Option<HashMap<String, (Range<u64>, Range<usize>)>> {
    let table = number(file, 40, 8)? as usize;
    let count = number(file, 60, 2)? as usize;
    let header_of_names = table + number(file, 62, 2)? as usize * 64;
    let mut sections = HashMap::new();
    if table == 0 {
        return Some(sections);
    }
    let names = number(file, header_of_names + 24, 8)? as usize;
    for i in 0..count {
        let header = table + i * 64;
        let name = file.get(names + number(file, header, 4)? as usize..)?;
        let name = String::from_utf8_lossy(&name[..name.iter().position(|&byte| byte == 0)?]).into_owned();
        let (vaddr, offset, size) =
            (number(file, header + 16, 8)?, number(file, header + 24, 8)? as usize, number(file, header + 32, 8)?);
        let end = offset.checked_add(size as usize)?;
        if number(file, header + 4, 4)? as u32 != SHT_NOBITS && end <= file.len() {
            sections.insert(name, (vaddr..vaddr + size, offset..end));
        }
    }
    Some(sections)
}

impl ElfFile {
    pub fn open(path: &str) -> Result<ElfFile> {
        let file = std::fs::read(path)?;
        let malformed = || Error::new(ErrorKind::InvalidData, format!("{path} is no ELF file"));
        if !file.starts_with(b"\x7fELF") {
            return Err(malformed());
        }
        let segments = segments(&file).ok_or_else(malformed)?;
        let sections = sections(&file).ok_or_else(malformed)?;
        Ok(ElfFile { file: Arc::new(file), segments, sections })
    }

    /// A section's addresses and bytes.
    pub fn section(&self, name: &str) -> Option<(Range<u64>, Bytes)> {
        let (addresses, range) = self.sections.get(name)?.clone();
        Some((addresses, Bytes { file: self.file.clone(), range }))
    }

    /// The first address that is loaded, rounded down to a page.
    pub fn base(&self) -> u64 {
        self.segments.iter().map(|segment| segment.vaddr).min().unwrap_or(0) & PAGE.wrapping_neg()
    }

    /// How far from its own addresses a file lies whose code is mapped from an offset on at an address.
    pub fn bias(&self, start: u64, file_offset: u64) -> u64 {
        for segment in self.segments.iter().filter(|segment| segment.flags & PF_X != 0) {
            let offset = segment.offset & PAGE.wrapping_neg();
            if file_offset >= offset && file_offset < segment.offset + segment.file_size {
                let vaddr = segment.vaddr & PAGE.wrapping_neg();
                return start.wrapping_sub(file_offset - offset).wrapping_sub(vaddr);
            }
        }
        start.wrapping_sub(file_offset)
    }
}
