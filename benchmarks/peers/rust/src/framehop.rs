//! framehop over recorded stacks: one unwinder for each address space of the input, one cache for all, as samply has them.
//!
//!     framehop INPUT PASSES

use framehop::x86_64::{CacheX86_64, UnwindRegsX86_64, UnwinderX86_64};
use framehop::{ExplicitModuleSectionInfo, Module, Unwinder};
use peers::elf::{Bytes, ElfFile};
use peers::input::{self, Input, Mapping, Sample, RBP, RIP, RSP};
use peers::measure::{self, Hash};

const MAX_FRAMES: usize = 1024;

fn module(name: &str, file: &ElfFile, mapping: &Mapping) -> Module<Bytes> {
    let (text_svma, text) = file.section(".text").unzip();
    let (eh_frame_svma, eh_frame) = file.section(".eh_frame").unzip();
    let (eh_frame_hdr_svma, eh_frame_hdr) = file.section(".eh_frame_hdr").unzip();
    let base_svma = file.base();
    let base = file.bias(mapping.start, mapping.file_offset).wrapping_add(base_svma);
    let sections = ExplicitModuleSectionInfo {
        base_svma,
        text_svma,
        text,
        eh_frame_svma,
        eh_frame,
        eh_frame_hdr_svma,
        eh_frame_hdr,
        ..Default::default()
    };
    Module::new(name.to_string(), mapping.start..mapping.end, base, sections)
}

fn unwinders(input: &Input) -> std::io::Result<Vec<UnwinderX86_64<Bytes>>> {
    let files = input.files.iter().map(|path| ElfFile::open(path)).collect::<std::io::Result<Vec<_>>>()?;
    let mut unwinders = Vec::new();
    for space in &input.spaces {
        let mut unwinder = UnwinderX86_64::new();
        for mapping in space {
            unwinder.add_module(module(&input.files[mapping.file], &files[mapping.file], mapping));
        }
        unwinders.push(unwinder);
    }
    Ok(unwinders)
}

/// Walks one stack: writes its pcs, and gives their number.
fn walk(
    unwinder: &UnwinderX86_64<Bytes>,
    cache: &mut CacheX86_64,
    sample: &Sample,
    bytes: &[u8],
    pcs: &mut [u64],
) -> usize {
    let stack = &bytes[sample.stack.clone()];
    let mut read_stack =
        |address: u64| input::word_at(stack, address.wrapping_sub(sample.address) as usize).ok_or(());
    let registers = UnwindRegsX86_64::new(sample.registers[RIP], sample.registers[RSP], sample.registers[RBP]);
    let mut frames = unwinder.iter_frames(sample.registers[RIP], registers, cache, &mut read_stack);
    let mut depth = 0;
    while depth < MAX_FRAMES {
        match frames.next() {
            Ok(Some(frame)) => pcs[depth] = frame.address(),
            _ => break,
        }
        depth += 1;
    }
    depth
}

fn main() -> std::io::Result<()> {
    let arguments: Vec<String> = std::env::args().collect();
    let [_, path, count] = &arguments[..] else { panic!("usage: framehop INPUT PASSES") };
    let input = input::read(path)?;
    let start = measure::thread_time();
    let unwinders = unwinders(&input)?;
    let setup = measure::thread_time() - start;

    let mut cache = CacheX86_64::<_>::new();
    let mut pcs = vec![1; input.samples.len() * 400 + 100_000]; // touched: page faults are no part of a walk
    let mut depths = vec![0; input.samples.len()];
    let mut total = 0;
    let passes = measure::passes(count.parse().expect("a number of passes"), || {
        total = 0;
        for (sample, depth) in input.samples.iter().zip(&mut depths) {
            *depth = walk(&unwinders[sample.space], &mut cache, sample, &input.bytes, &mut pcs[total..]);
            total += *depth;
        }
    });

    let mut hash = Hash::new();
    let mut next = pcs.iter();
    for &depth in &depths {
        hash.add(depth as u64);
        next.by_ref().take(depth).for_each(|&pc| hash.add(pc));
    }
    measure::report("framehop", env!("FRAMEHOP_VERSION"), "frame", total as u64, setup, &passes, &hash);
    Ok(())
}
