//! The search through all memory for roots and run-time tables.
//!
//! Magic bytes alone prove nothing: buffers hold copies of tables, and so do files that are mapped.
//! A hit counts if it says itself that it lies where it was found, which only roots and run-time
//! tables can. Tables that were packed into an image are found through its root.
//!
//! Cores of kernels have a run for each page, and the same bytes of the file at several addresses.
//! So what stands in files is searched by the file, each byte once and much at a time, and what is
//! found there counts at all addresses that it appears at.

use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::iter::Peekable;

use inspect_format::abi::{ROOT_MAGIC, TABLE_ALIGN, TABLE_MAGIC, space};
use inspect_format::walk::LiveTable;
use memchr::memmem::Finder;

use super::{Failure, Search};
use crate::file::File;
use crate::image::{Clue, FoundBy};
use crate::memory::{AddressSpace, Memory, Run};

/// What the magic numbers have in common.
const COMMON: &[u8] = b"\x89INSP";
/// Bytes of a magic number.
const MAGIC_SIZE: u64 = ROOT_MAGIC.len() as u64;
/// Bytes that are searched at once.
const CHUNK: u64 = 1 << 20;
/// Bytes that are read of a file at once: what the nearer caches of a processor hold.
const BATCH: u64 = 1 << 18;
/// Roots and tables lie at multiples of this.
const ALIGN: u64 = TABLE_ALIGN as u64;
/// Memory that cannot be read is left out in steps of a page.
const PAGE: u64 = 4096;
/// Addresses that are tried at most: as many tables as there may be.
const HITS_MAX: usize = 1 << 16;
/// How often magic numbers are held against the addresses that they appear at.
const LOOKS_MAX: u64 = 1 << 24;

/// Addresses that may be what they look like.
#[derive(Debug, Default)]
struct Hits {
    roots: Vec<u64>,
    tables: Vec<u64>,
    /// How often something was held against an address.
    looks: u64,
    /// Whether there are more than are tried.
    is_full: bool,
}

impl Search<'_> {
    /// Searches all memory.
    pub(super) fn scan(&mut self) {
        let hits = hits(self.image.memory.as_ref());
        let (before, mut failure) = (self.found.tables.len(), None);
        let full = hits.is_full.then_some(Failure::Hits { most: HITS_MAX as u64 });
        for address in hits.roots {
            let clue = Clue { address, found_by: FoundBy::Scan };
            // A copy of a root is no failure of anything.
            let count = self.found.attempts.len();
            if !self.clue(self.object_at(address), clue) {
                self.found.attempts.truncate(count);
            }
        }
        for address in hits.tables {
            if let Err(error) = self.scanned_table(address) {
                failure = failure.or(Some(error));
            }
        }
        let found = self.found.tables.len() - before;
        let nothing = (found == 0).then_some(Failure::Nothing);
        self.attempt(self.image.name.clone(), FoundBy::Scan, found, full.or(failure).or(nothing));
    }

    /// A run-time table to which no root leads.
    fn scanned_table(&mut self, address: u64) -> Result<(), Failure> {
        let memory = AddressSpace::virtual_of(self.image.memory.as_ref());
        let Ok(table) = LiveTable::at(&memory, address) else { return Ok(()) };
        if !table.is_run_time() || table.header().self_address != address {
            return Ok(());
        }
        self.freeze(self.object_at(address), FoundBy::Scan, &table)
    }
}

fn hits(memory: &dyn Memory) -> Hits {
    let finder = Finder::new(COMMON);
    let mut hits = Hits::default();
    let mut buffer = vec![0; CHUNK as usize];
    let mut mapped = Mapped::default();
    for run in memory.runs(space::VIRTUAL) {
        if memory.is_zero(space::VIRTUAL, run.address) {
            continue;
        }
        let span = memory.in_file(space::VIRTUAL, run.address);
        match span.filter(|span| span.length >= run.length) {
            None => in_run(memory, run, &finder, &mut buffer, &mut hits),
            Some(span) => mapped.add(span.file, span.offset, run),
        }
        if hits.is_full {
            break;
        }
    }
    mapped.search(&finder, &mut buffer, &mut hits);
    // In the order of addresses, whatever stands where in files.
    hits.roots.sort_unstable();
    hits.tables.sort_unstable();
    hits
}

/// Runs whose bytes stand in files.
#[derive(Debug, Default)]
struct Mapped<'m> {
    files: Vec<&'m File>,
    runs: Vec<InFile>,
}

/// A run, and where it stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct InFile {
    /// The place of the file among the files.
    file: usize,
    offset: u64,
    length: u64,
    address: u64,
}

impl<'m> Mapped<'m> {
    fn add(&mut self, file: &'m File, offset: u64, run: Run) {
        // The last file comes first: runs of one file follow each other.
        let known = self.files.iter().rposition(|known| std::ptr::eq(*known, file));
        let file = known.unwrap_or_else(|| {
            self.files.push(file);
            self.files.len() - 1
        });
        self.runs.push(InFile { file, offset, length: run.length, address: run.address });
    }

    fn search(&mut self, finder: &Finder<'_>, buffer: &mut [u8], hits: &mut Hits) {
        self.runs.sort_unstable();
        let mut sweep =
            Sweep { coming: self.runs.iter().peekable(), file: 0, open: BinaryHeap::new() };
        for Part { file: number, start, end } in parts(&self.runs) {
            let Some(file) = self.files.get(number) else { return };
            let mut at = start;
            while at < end && !hits.is_full {
                let size = (end - at).min(BATCH);
                let Some(bytes) = buffer.get_mut(..size as usize) else { return };
                if file.read(at, bytes).is_err() {
                    read_pages(file, at, bytes);
                }
                for found in finder.find_iter(bytes) {
                    let magic = bytes.get(found..).unwrap_or_default();
                    for address in sweep.addresses(number, at + found as u64) {
                        hits.take(magic, address);
                        if hits.is_full {
                            return;
                        }
                    }
                }
                // A magic number may begin in one batch and end in the next.
                let is_last = at + size == end;
                at += if is_last { size } else { size - (MAGIC_SIZE - 1) };
            }
        }
    }
}

/// Goes through sorted runs beside what is found in the files, which ascends as well.
struct Sweep<'r> {
    coming: Peekable<std::slice::Iter<'r, InFile>>,
    /// The file of those that are open.
    file: usize,
    /// End, offset and address of runs that may hold what is found next; what ends first on top.
    open: BinaryHeap<Reverse<(u64, u64, u64)>>,
}

impl Sweep<'_> {
    /// All addresses of a magic number that begins at an offset of a file.
    fn addresses(&mut self, file: usize, offset: u64) -> impl Iterator<Item = u64> {
        if file != self.file {
            self.file = file;
            self.open.clear();
        }
        while let Some(run) = self.coming.next_if(|it| (it.file, it.offset) <= (file, offset)) {
            if run.file == file {
                self.open.push(Reverse((run.end(), run.offset, run.address)));
            }
        }
        // It counts in runs that hold all of it: what follows in the file lies elsewhere.
        let end = offset.saturating_add(MAGIC_SIZE);
        while self.open.peek().is_some_and(|Reverse((run_end, ..))| *run_end < end) {
            self.open.pop();
        }
        let open = self.open.iter();
        open.map(move |Reverse((_, start, address))| address.wrapping_add(offset - start))
    }
}

impl InFile {
    fn end(&self) -> u64 {
        self.offset.saturating_add(self.length)
    }
}

/// Bytes of a file that runs stand in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Part {
    /// The place of the file among the files.
    file: usize,
    start: u64,
    end: u64,
}

/// The parts of files that sorted runs stand in, each byte in one part.
fn parts(runs: &[InFile]) -> Vec<Part> {
    let mut parts: Vec<Part> = Vec::new();
    for run in runs {
        match parts.last_mut() {
            Some(part) if part.file == run.file && run.offset <= part.end => {
                part.end = part.end.max(run.end());
            }
            _ => parts.push(Part { file: run.file, start: run.offset, end: run.end() }),
        }
    }
    parts
}

/// Fills a buffer page by page; what cannot be read is zeros, in which nothing is found.
fn read_pages(file: &File, offset: u64, bytes: &mut [u8]) {
    for (at, page) in (offset..).step_by(PAGE as usize).zip(bytes.chunks_mut(PAGE as usize)) {
        if file.read(at, page).is_err() {
            page.fill(0);
        }
    }
}

fn in_run(memory: &dyn Memory, run: Run, finder: &Finder<'_>, buffer: &mut [u8], hits: &mut Hits) {
    let mut at = 0;
    while at < run.length && !hits.is_full {
        let address = run.address.wrapping_add(at);
        // What is searched for is aligned, so that no chunk ends within it.
        let size = (run.length - at).min(CHUNK - address % ALIGN);
        let Some(bytes) = buffer.get_mut(..size as usize) else { return };
        match memory.read(space::VIRTUAL, address, bytes) {
            Ok(()) => in_bytes(bytes, address, finder, hits),
            Err(_) => in_pages(memory, address, bytes, finder, hits),
        }
        at += size;
    }
}

/// The pages of a chunk that can be read.
fn in_pages(
    memory: &dyn Memory,
    address: u64,
    bytes: &mut [u8],
    finder: &Finder<'_>,
    hits: &mut Hits,
) {
    let mut at = address;
    for page in bytes.chunks_mut(PAGE as usize) {
        if memory.read(space::VIRTUAL, at, page).is_ok() {
            in_bytes(page, at, finder, hits);
        }
        at = at.wrapping_add(page.len() as u64);
    }
}

fn in_bytes(bytes: &[u8], address: u64, finder: &Finder<'_>, hits: &mut Hits) {
    for at in finder.find_iter(bytes) {
        let found = bytes.get(at..).unwrap_or_default();
        hits.take(found, address.wrapping_add(at as u64));
        if hits.is_full {
            return;
        }
    }
}

impl Hits {
    /// Takes what begins as magic numbers do, if it is one and lies where one can.
    fn take(&mut self, found: &[u8], address: u64) {
        self.looks += 1;
        if self.looks > LOOKS_MAX {
            self.is_full = true;
        }
        if !address.is_multiple_of(ALIGN) {
            return;
        }
        let count = self.roots.len() + self.tables.len();
        let hits = match () {
            () if found.starts_with(&ROOT_MAGIC) => &mut self.roots,
            () if found.starts_with(&TABLE_MAGIC) => &mut self.tables,
            () => return,
        };
        if count < HITS_MAX {
            hits.push(address);
        } else {
            self.is_full = true;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Bytes of a file that appear at many addresses are read once, and count at all of them.
    #[test]
    fn what_many_runs_share_is_one_part() {
        let mut bytes = vec![0_u8; 0x3000];
        for at in [0x10, 0xffc, 0x1ff8, 0x2004] {
            bytes[at..at + 8].copy_from_slice(&ROOT_MAGIC);
        }
        let temporary = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(temporary.path(), &bytes).unwrap();
        let file = File::open(temporary.path()).unwrap();
        let mut mapped = Mapped::default();
        let run = |address, length| Run { address, length, access: 4 };
        for index in 0..1000 {
            mapped.add(&file, 0, run(0x10_0000 + index * 0x1000, 0x1000));
        }
        mapped.add(&file, 0x1000, run(0x8000, 0x1000));
        mapped.add(&file, 0x2000, run(0x9004, 0x20));
        mapped.add(&file, 0x2800, run(0xa000, 0x10));
        let mut hits = Hits::default();
        mapped.search(&Finder::new(COMMON), &mut vec![0; CHUNK as usize], &mut hits);
        let parts = parts(&mapped.runs);
        let part = |start, end| Part { file: 0, start, end };
        assert_eq!(parts, [part(0, 0x2020), part(0x2800, 0x2810)]);
        hits.roots.sort_unstable();
        let shared = (0..1000).map(|index| 0x10_0010 + index * 0x1000);
        let expected: Vec<u64> = [0x8ff8, 0x9008].into_iter().chain(shared).collect();
        assert_eq!(hits.roots, expected, "at 0xffc it is in two runs, and whole in neither");
        assert!(!hits.is_full);
    }
}
