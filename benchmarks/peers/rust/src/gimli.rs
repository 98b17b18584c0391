//! gimli enumerating every row of a file's `.eh_frame`, which is what a compiler of tables begins with.
//!
//!     gimli FILE PASSES

use std::collections::HashMap;

use gimli_crate::{
    BaseAddresses, CfaRule, CieOrFde, CommonInformationEntry, EhFrame, EndianSlice, LittleEndian, UnwindContext,
    UnwindSection, UnwindTable,
};
use peers::elf::ElfFile;
use peers::measure::{self, Hash};

type Reader<'a> = EndianSlice<'a, LittleEndian>;

/// Goes through all entries; gives the number of rows. Entries that do not parse are left out.
fn rows(section: &EhFrame<Reader>, bases: &BaseAddresses, hash: &mut Hash) -> u64 {
    let mut context = UnwindContext::new();
    let mut cies: HashMap<usize, CommonInformationEntry<Reader>> = HashMap::new();
    let mut rows = 0;
    let mut entries = section.entries(bases);
    while let Ok(Some(entry)) = entries.next() {
        let CieOrFde::Fde(partial) = entry else { continue };
        let fde = partial.parse(|section, bases, offset| match cies.get(&offset.0) {
            Some(cie) => Ok(cie.clone()),
            None => section.cie_from_offset(bases, offset).inspect(|cie| {
                cies.insert(offset.0, cie.clone());
            }),
        });
        let Ok(fde) = fde else { continue };
        let Ok(mut table) = UnwindTable::new(section, bases, &mut context, &fde) else { continue };
        while let Ok(Some(row)) = table.next_row() {
            rows += 1;
            hash.add(row.start_address());
            if let CfaRule::RegisterAndOffset { register, offset } = row.cfa() {
                hash.add((u64::from(register.0) << 32) ^ *offset as u64);
            }
        }
    }
    rows
}

fn main() -> std::io::Result<()> {
    let arguments: Vec<String> = std::env::args().collect();
    let [_, path, count] = &arguments[..] else { panic!("usage: gimli FILE PASSES") };
    let start = measure::thread_time();
    let file = ElfFile::open(path)?;
    let (addresses, bytes) = file.section(".eh_frame").expect("a file with .eh_frame");
    let text = file.section(".text").map_or(0, |(text, _)| text.start);
    let bases = BaseAddresses::default().set_eh_frame(addresses.start).set_text(text);
    let mut section = EhFrame::new(&bytes, LittleEndian);
    section.set_address_size(8);
    let setup = measure::thread_time() - start;

    let (mut total, mut hash) = (0, Hash::new());
    let passes = measure::passes(count.parse().expect("a number of passes"), || {
        hash = Hash::new();
        total = rows(&section, &bases, &mut hash);
    });
    measure::report("gimli", env!("GIMLI_VERSION"), "row", total, setup, &passes, &hash);
    Ok(())
}
