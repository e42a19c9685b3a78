//! The search through all memory for roots and run-time tables.
//!
//! Magic bytes alone prove nothing: buffers hold copies of tables, and so do files that are mapped.
//! A hit counts if it says itself that it lies where it was found, which only roots and run-time
//! tables can. Tables that were packed into an image are found through its root.

use inspect_format::abi::{ROOT_MAGIC, TABLE_ALIGN, TABLE_MAGIC, space};
use inspect_format::walk::LiveTable;
use memchr::memmem::Finder;

use super::{Failure, Search};
use crate::image::{Clue, FoundBy};
use crate::memory::{AddressSpace, FileSpan, Memory, Run};

/// What the magic numbers have in common.
const COMMON: &[u8] = b"\x89INSP";
/// Bytes that are searched at once.
const CHUNK: u64 = 1 << 20;
/// Bytes that are read of a file at once: what the nearer caches of a processor hold.
const BATCH: u64 = 1 << 18;
/// Roots and tables lie at multiples of this.
const ALIGN: u64 = TABLE_ALIGN as u64;
/// Memory that cannot be read is left out in steps of a page.
const PAGE: u64 = 4096;

/// Addresses that may be what they look like.
#[derive(Debug, Default)]
struct Hits {
    roots: Vec<u64>,
    tables: Vec<u64>,
}

impl Search<'_> {
    /// Searches all memory.
    pub(super) fn scan(&mut self) {
        let hits = hits(self.image.memory.as_ref());
        let (before, mut failure) = (self.found.tables.len(), None);
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
        self.attempt(self.image.name.clone(), FoundBy::Scan, found, failure.or(nothing));
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
    let mut batch = Batch::default();
    for run in memory.runs(space::VIRTUAL) {
        let span = memory.in_file(space::VIRTUAL, run.address);
        match span.filter(|span| span.length >= run.length && run.length <= BATCH) {
            None => in_run(memory, run, &finder, &mut buffer, &mut hits),
            Some(span) => {
                if !batch.take(&run, &span) {
                    batch.search(memory, &finder, &mut buffer, &mut hits);
                    batch = Batch::default();
                    batch.take(&run, &span);
                }
            }
        }
    }
    batch.search(memory, &finder, &mut buffer, &mut hits);
    hits
}

/// Runs that stand one behind another in a file. Cores of kernels have a run for each page: they are
/// read and searched many at a time.
#[derive(Debug, Default)]
struct Batch<'m> {
    /// Where the first one stands, up to the end of the last.
    span: Option<FileSpan<'m>>,
    /// Where each begins in the batch.
    runs: Vec<(u64, Run)>,
}

impl<'m> Batch<'m> {
    /// Adds a run, if it continues the batch and there is room.
    fn take(&mut self, run: &Run, found: &FileSpan<'m>) -> bool {
        let span = self.span.get_or_insert(FileSpan { length: 0, ..*found });
        let continues = std::ptr::eq(span.file, found.file)
            && span.offset.checked_add(span.length) == Some(found.offset)
            && span.length + run.length <= BATCH;
        if continues {
            self.runs.push((span.length, *run));
            span.length += run.length;
        }
        continues
    }

    fn search(&self, memory: &dyn Memory, finder: &Finder<'_>, buffer: &mut [u8], hits: &mut Hits) {
        let Some(span) = &self.span else { return };
        let Some(bytes) = buffer.get_mut(..span.length as usize) else { return };
        if span.file.read(span.offset, bytes).is_err() {
            for (_, run) in &self.runs {
                in_run(memory, *run, finder, buffer, hits);
            }
            return;
        }
        for at in finder.find_iter(bytes) {
            let behind = self.runs.partition_point(|(start, _)| *start <= at as u64);
            let Some((start, run)) = behind.checked_sub(1).and_then(|it| self.runs.get(it)) else {
                continue;
            };
            // It counts in its own run alone: what follows in the file lies elsewhere.
            let end = usize::try_from(start + run.length).unwrap_or(usize::MAX);
            let found = bytes.get(at..end.min(bytes.len())).unwrap_or_default();
            hits.take(found, run.address.wrapping_add(at as u64 - start));
        }
    }
}

fn in_run(memory: &dyn Memory, run: Run, finder: &Finder<'_>, buffer: &mut [u8], hits: &mut Hits) {
    let mut at = 0;
    while at < run.length {
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
    }
}

impl Hits {
    /// Takes what begins as magic numbers do, if it is one and lies where one can.
    fn take(&mut self, found: &[u8], address: u64) {
        if !address.is_multiple_of(ALIGN) {
            return;
        }
        if found.starts_with(&ROOT_MAGIC) {
            self.roots.push(address);
        } else if found.starts_with(&TABLE_MAGIC) {
            self.tables.push(address);
        }
    }
}
