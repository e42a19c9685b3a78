//! The rows of a table that may change while they are read.
//!
//! Rows are fetched in batches, three times: states, rows, states. A row counts if it was live both times
//! and of one generation; what changed in between is fetched again, a bounded number of times.

use core::ops::ControlFlow;
use core::sync::atomic::{Ordering, fence};

use super::{LiveTable, Memory, WalkError, WalkErrorKind};
use crate::abi::{self, CoreEntry, Order, phase, section_kind, table_flags};
use crate::root::offset_address;

/// A row as it stood at one moment.
#[derive(Clone, Copy, Debug)]
pub struct LiveEntry<'b> {
    /// Its place among the rows.
    pub index: u64,
    /// The core. Addresses are absolute, but those in slots are still the slots' ([`span`](super::span)).
    pub core: CoreEntry,
    /// The whole row in the producer's order, addresses as they stand there.
    pub row: &'b [u8],
}

/// What was found among the rows of a table.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Summary {
    /// Rows that were handed out.
    pub live: u64,
    /// Rows at which a writer was at work. In a dead image they stay so.
    pub torn: u64,
    /// Rows that changed each time they were read.
    pub busy: u64,
}

/// How often a row is fetched that changes meanwhile.
const ATTEMPTS: u32 = 16;

impl<M: Memory + ?Sized> LiveTable<'_, M> {
    /// Bytes of a buffer that holds so many rows at a time for [`LiveTable::entries`].
    #[must_use]
    pub fn buffer_size(&self, row_count: usize) -> usize {
        row_count.saturating_mul(self.per_row())
    }

    /// Hands out each row that is live, in order, until `visit` breaks off. The buffer must have room
    /// for one row at least ([`LiveTable::buffer_size`]); with room for more it goes faster.
    pub fn entries(
        &self,
        buffer: &mut [u8],
        visit: &mut dyn FnMut(LiveEntry<'_>) -> ControlFlow<()>,
    ) -> Result<Summary, WalkError> {
        let per_row = self.per_row();
        let batch = buffer.len() / per_row;
        if batch == 0 {
            let needed = per_row as u64;
            return Err(WalkError::new(self.address, WalkErrorKind::Buffer { needed }));
        }
        let mut summary = Summary::default();
        let count = self.row_count();
        let mut index = 0;
        while index < count {
            let rows = usize::try_from(count - index).unwrap_or(usize::MAX).min(batch);
            if self.batch(index, rows, buffer, &mut summary, visit)?.is_break() {
                break;
            }
            index += rows as u64;
        }
        Ok(summary)
    }

    fn per_row(&self) -> usize {
        (self.header.entry_size as usize).saturating_mul(2).saturating_add(4)
    }

    fn batch(
        &self,
        first: u64,
        rows: usize,
        buffer: &mut [u8],
        summary: &mut Summary,
        visit: &mut dyn FnMut(LiveEntry<'_>) -> ControlFlow<()>,
    ) -> Result<ControlFlow<()>, WalkError> {
        let stride = self.header.entry_size as usize;
        let (states, rest) = buffer.split_at_mut(4 * rows);
        let (bytes, again) = rest.split_at_mut(stride * rows);
        self.fetch(first, rows, states, bytes, &mut again[..stride * rows])?;
        for index in 0..rows {
            let state = &mut states[4 * index..4 * index + 4];
            let row = &mut bytes[stride * index..stride * (index + 1)];
            let after = &mut again[stride * index..stride * (index + 1)];
            let place = first + index as u64;
            if !self.settle(place, state, row, after, summary)? {
                continue;
            }
            summary.live += 1;
            let Some(core) = row.first_chunk() else { continue };
            let core = self.absolute(CoreEntry::read(core, self.order));
            let broken_off = visit(LiveEntry { index: place, core, row });
            if broken_off.is_break() {
                return Ok(broken_off);
            }
        }
        Ok(ControlFlow::Continue(()))
    }

    /// States, rows, states, in this order.
    fn fetch(
        &self,
        first: u64,
        rows: usize,
        states: &mut [u8],
        bytes: &mut [u8],
        again: &mut [u8],
    ) -> Result<(), WalkError> {
        let stride = self.header.entry_size as usize;
        let from = self.place(section_kind::ENTRIES).address;
        let distance = first.wrapping_mul(stride as u64);
        let from = offset_address(from, distance, self.header.word_size);
        if self.header.flags & table_flags::RUN_TIME == 0 {
            self.memory.read(from, bytes)?;
            again.copy_from_slice(bytes);
        } else {
            self.memory.read(from, again)?;
            fence(Ordering::SeqCst);
            self.memory.read(from, bytes)?;
            fence(Ordering::SeqCst);
        }
        for index in 0..rows {
            let state = &again[stride * index..stride * index + 4];
            states[4 * index..4 * index + 4].copy_from_slice(state);
        }
        if self.header.flags & table_flags::RUN_TIME != 0 {
            self.memory.read(from, again)?;
        }
        Ok(())
    }

    /// Whether a row that was fetched is live, fetching it again where it changed meanwhile.
    fn settle(
        &self,
        index: u64,
        state: &mut [u8],
        row: &mut [u8],
        after: &mut [u8],
        summary: &mut Summary,
    ) -> Result<bool, WalkError> {
        for _ in 0..ATTEMPTS {
            let (first, second) = (self.word(state), self.word(after));
            let phases = (first & abi::PHASE_MASK, second & abi::PHASE_MASK);
            if first == second && phases.0 < phase::LIVE {
                summary.torn += u64::from(phases.0 == phase::WRITING);
                return Ok(false);
            }
            let generation = first >> abi::GENERATION_SHIFT;
            let is_same = generation == second >> abi::GENERATION_SHIFT;
            if is_same && phases.0 >= phase::LIVE && phases.1 >= phase::LIVE {
                let live = first & !abi::PHASE_MASK | phase::LIVE;
                row[..4].copy_from_slice(&match self.order {
                    Order::Little => live.to_le_bytes(),
                    Order::Big => live.to_be_bytes(),
                });
                return Ok(true);
            }
            self.fetch(index, 1, state, row, after)?;
        }
        summary.busy += 1;
        Ok(false)
    }

    fn word(&self, bytes: &[u8]) -> u32 {
        let word = bytes.first_chunk().copied().unwrap_or_default();
        match self.order {
            Order::Little => u32::from_le_bytes(word),
            Order::Big => u32::from_be_bytes(word),
        }
    }

    /// Addresses that count from the header, made absolute.
    pub(super) fn absolute(&self, mut core: CoreEntry) -> CoreEntry {
        if self.header.flags & table_flags::RELATIVE != 0 {
            let absolute = |value| offset_address(self.address, value, self.header.word_size);
            core.address = absolute(core.address);
            let extent = core.extent & abi::EXTENT_MASK;
            if extent == abi::extent::COUNTED || extent == abi::extent::RANGE {
                core.bound = absolute(core.bound);
            }
        }
        core
    }
}
