//! A table as it is now, in one block: what a file or a note of a dump holds.
//!
//! Only live rows are taken, in one generation each. Addresses become absolute, slots are read, so that the
//! block means the same wherever it lies. A checksum makes it whole.

use core::fmt;
use core::ops::ControlFlow;

use super::span::number;
use super::{LiveEntry, LiveTable, Memory, Summary, WalkError};
use crate::abi::{self, CoreEntry, DirectoryRecord, Header, Order, section_kind, table_flags};
use crate::root::offset_address;
use crate::table;

/// Why a table was not frozen.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FreezeError {
    /// The block does not fit.
    Full {
        /// As many bytes are enough.
        needed: usize,
    },
    /// The table cannot be read.
    Walk(WalkError),
}

/// What a block holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Frozen {
    /// Bytes of the block.
    pub size: usize,
    /// What was found among the rows; only the live ones are in the block.
    pub summary: Summary,
}

/// What is copied behind the rows.
const SECTIONS: [u32; 5] = [
    section_kind::STRINGS,
    section_kind::SCHEMA,
    section_kind::TYPES,
    section_kind::IDENTITY,
    section_kind::HISTORY,
];

impl<M: Memory + ?Sized> LiveTable<'_, M> {
    /// Bytes that [`LiveTable::freeze`] asks for: enough for the block, however many rows are live, and for
    /// its work.
    #[must_use]
    pub fn frozen_size(&self) -> usize {
        let sections = SECTIONS.iter().map(|kind| self.place(*kind).size);
        let entries = self.place(section_kind::ENTRIES).size;
        let size = sections.chain([entries]).fold(0_u64, |sum, size| {
            sum.saturating_add(size.checked_next_multiple_of(8).unwrap_or(u64::MAX))
        });
        let fixed = Header::SIZE + (SECTIONS.len() + 1) * DirectoryRecord::SIZE;
        let work = self.work_size().checked_next_multiple_of(8).unwrap_or(usize::MAX);
        usize::try_from(size).unwrap_or(usize::MAX).saturating_add(work).saturating_add(fixed)
    }

    /// Writes the table to the start of `out`, which is scratch behind it. With less room than
    /// [`LiveTable::frozen_size`] nothing is written; with more, more rows are fetched at a time,
    /// which pays where each fetch is a call of a kernel.
    pub fn freeze(&self, out: &mut [u8]) -> Result<Frozen, FreezeError> {
        let needed = self.frozen_size();
        let full = FreezeError::Full { needed };
        if out.len() < needed {
            return Err(full);
        }
        let block_size = needed - self.work_size();
        let (block, work) = out.split_at_mut(block_size);
        // A row that changes while its batch is fetched is fetched again.
        let most = work.len().min(self.buffer_size(1024).max(self.work_size()));
        let work = &mut work[..most];
        let present = SECTIONS.iter().filter(|kind| self.place(**kind).size > 0).count();
        let start = Header::SIZE + (present + 1) * DirectoryRecord::SIZE;
        let mut block = Block { out: block, at: start, directory: 0, order: self.order };
        let rows = self.freeze_rows(&mut block, work);
        let summary = rows.map_err(|error| error.unwrap_or(full))?;
        for kind in SECTIONS {
            let place = self.place(kind);
            if place.size > 0 {
                // The names are read after the rows, so that a name is there for every row that is.
                let used =
                    if kind == section_kind::STRINGS { self.strings_used()? } else { place.size };
                let copied =
                    block.section(kind, used, |bytes| self.memory.read(place.address, bytes));
                copied.ok_or(full)?.map_err(WalkError::from)?;
            }
        }
        let total = block.at;
        let order = self.order;
        let header = self.frozen_header(total, present + 1);
        let place = out.first_chunk_mut().ok_or(full)?;
        header.write(place, order);
        let checksum = table::checksum(&out[..total]);
        let place = out.first_chunk_mut().ok_or(full)?;
        Header { checksum, ..header }.write(place, order);
        Ok(Frozen { size: total, summary })
    }

    /// Bytes in which rows are fetched, a few at a time.
    fn work_size(&self) -> usize {
        const ROWS: u64 = 64;
        self.buffer_size(self.row_count().clamp(1, ROWS) as usize)
    }

    fn frozen_header(&self, total: usize, sections: usize) -> Header {
        Header {
            header_size: Header::SIZE as u32,
            total_size: total as u64,
            flags: self.header.flags & table_flags::SORTED,
            section_count: sections as u32,
            checksum: 0,
            arena_used: 0,
            self_address: 0,
            nonce: 0,
            next: 0,
            ..self.header
        }
    }

    /// An error without a value means that the block is full.
    fn freeze_rows(
        &self,
        block: &mut Block<'_>,
        work: &mut [u8],
    ) -> Result<Summary, Option<FreezeError>> {
        let start = block.at;
        let mut is_full = false;
        let mut visit = |entry: LiveEntry<'_>| {
            let size = entry.row.len();
            let Some(place) = block.out.get_mut(block.at..block.at + size) else {
                is_full = true;
                return ControlFlow::Break(());
            };
            place.copy_from_slice(entry.row);
            if let Some(core) = place.first_chunk_mut() {
                self.without_slots(entry.core).write(core, self.order);
            }
            block.at += size;
            ControlFlow::Continue(())
        };
        let walked = self.entries(work, &mut visit);
        let summary = walked.map_err(|error| Some(FreezeError::Walk(error)))?;
        if is_full {
            return Err(None);
        }
        let size = (block.at - start) as u64;
        block.note(section_kind::ENTRIES, start, size).ok_or(None)?;
        Ok(summary)
    }

    /// The entry with the addresses that its slots hold; a slot that cannot be read stays.
    fn without_slots(&self, mut core: CoreEntry) -> CoreEntry {
        // All eight bytes: a device may lie above what a pointer reaches.
        let read = |place: u64| number(self.memory, place, 8, self.order).ok();
        if core.extent & abi::EXTENT_ADDRESS_SLOT != 0 {
            if let Some(address) = read(core.address) {
                core.address = address;
                core.extent &= !abi::EXTENT_ADDRESS_SLOT;
            }
        }
        if core.extent & abi::EXTENT_BOUND_SLOT != 0 {
            if let Some(bound) = read(core.bound) {
                core.bound = bound;
                core.extent &= !abi::EXTENT_BOUND_SLOT;
            }
        }
        core
    }

    /// Bytes of the strings that are used. The arena of a run-time table grows, and a row's name was there
    /// before the row.
    fn strings_used(&self) -> Result<u64, FreezeError> {
        let size = self.place(section_kind::STRINGS).size;
        if !self.is_run_time() {
            return Ok(size);
        }
        let at = offset_address(self.address, Header::ARENA_USED_AT as u64, self.word_size());
        let used = number(self.memory, at, 4, self.order)
            .map_err(|_| FreezeError::Walk(WalkError::new(at, super::WalkErrorKind::Fault)))?;
        Ok(used.clamp(1, size))
    }
}

/// Bytes that grow behind a directory that grows.
struct Block<'a> {
    out: &'a mut [u8],
    at: usize,
    directory: usize,
    order: Order,
}

impl Block<'_> {
    /// Appends a section whose bytes `fill` brings, and zeros up to a multiple of 8; `None` if it does not
    /// fit.
    fn section<E>(
        &mut self,
        kind: u32,
        size: u64,
        fill: impl FnOnce(&mut [u8]) -> Result<(), E>,
    ) -> Option<Result<(), E>> {
        let start = self.at;
        let length = usize::try_from(size).ok()?;
        let end = start.checked_add(length)?.checked_next_multiple_of(8)?;
        let (bytes, padding) = self.out.get_mut(start..end)?.split_at_mut(length);
        padding.fill(0);
        if let Err(error) = fill(bytes) {
            return Some(Err(error));
        }
        self.at = end;
        self.note(kind, start, size)?;
        Some(Ok(()))
    }

    fn note(&mut self, kind: u32, offset: usize, size: u64) -> Option<()> {
        let record = DirectoryRecord { kind, flags: 0, offset: offset as u64, size };
        let place = Header::SIZE + self.directory * DirectoryRecord::SIZE;
        record.write(self.out.get_mut(place..)?.first_chunk_mut()?, self.order);
        self.directory += 1;
        Some(())
    }
}

impl From<WalkError> for FreezeError {
    fn from(error: WalkError) -> Self {
        Self::Walk(error)
    }
}

impl core::error::Error for FreezeError {}

impl fmt::Display for FreezeError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Full { needed } => write!(f, "the table may need {needed} bytes"),
            Self::Walk(error) => error.fmt(f),
        }
    }
}
