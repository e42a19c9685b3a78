//! Page tables of s390x: a table of segments, and up to three of regions above it, of 2048 entries
//! each, which are as many as what leads to a table says; and 256 pages of a segment.
//!
//! A kernel and its programs have address spaces of their own, from 0 on. The control register of
//! the home space leads to the kernel's, whatever a processor does. In the kernel's the first two
//! pages are each processor's own, and what is found there are those of absolute memory.

use std::ops::Range;

use super::{Entry, Table, Tables};

/// Where a table of regions or segments is, or begins.
const TABLE: u64 = !0xfff;
/// Where a table of pages is.
const PAGE_TABLE: u64 = !0x7ff;
/// The type of a table of regions, which is one less than its level here. It stands in the control
/// register that leads to it, and in its entries.
const TYPE: u64 = 0b1100;
const TYPE_SHIFT: u32 = 2;
/// Of the next table, how many quarters it has, less one.
const LENGTH: u64 = 0b11;
/// Of the next table, how many quarters are missing at its beginning.
const OFFSET_SHIFT: u32 = 6;
/// Entries in a quarter of a table.
const QUARTER: u64 = 512;
/// Addresses are not translated: there is no table.
const IS_REAL: u64 = 1 << 5;
/// In an entry of a region or segment: nothing is mapped.
const IS_INVALID: u64 = 1 << 5;
/// The same in an entry of a page.
const IS_INVALID_PAGE: u64 = 1 << 10;
/// In an entry of a segment or of the lowest regions: it is a page itself.
const IS_PAGE: u64 = 1 << 10;

/// What a control register says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Designation(u64);

/// What the registers of each processor say: the first of which anything is mapped is enough.
pub(super) fn find(processors: &[Vec<u8>]) -> Vec<Box<dyn Tables>> {
    let mut found: Vec<Designation> = Vec::new();
    for designation in processors.iter().filter_map(|note| of_note(note)) {
        if !found.contains(&designation) {
            found.push(designation);
        }
    }
    found.into_iter().map(|it| Box::new(it) as Box<dyn Tables>).collect()
}

/// What the note of a processor's control registers says of the home space.
fn of_note(note: &[u8]) -> Option<Designation> {
    const HOME: usize = 13;
    let register = u64::from_be_bytes(*note.get(HOME * 8..)?.first_chunk()?);
    let has_table = register & TABLE != 0 && register & IS_REAL == 0;
    has_table.then_some(Designation(register))
}

impl Tables for Designation {
    fn top(&self) -> Table {
        Table { address: self.0 & TABLE, entries: 0..(1 + (self.0 & LENGTH)) * QUARTER }
    }

    fn top_level(&self) -> u32 {
        1 + ((self.0 & TYPE) >> TYPE_SHIFT) as u32
    }

    fn index(&self, level: u32) -> Range<u32> {
        match level {
            0 => 12..20,
            _ => 9 + 11 * level..20 + 11 * level,
        }
    }

    fn start(&self) -> u64 {
        0
    }

    fn entry(&self, level: u32, word: u64) -> Entry {
        if level == 0 {
            return if word & IS_INVALID_PAGE == 0 { Entry::Page(word) } else { Entry::Nothing };
        }
        // What is of another type than its table stops the processor.
        if word & IS_INVALID != 0 || word & TYPE != u64::from(level - 1) << TYPE_SHIFT {
            return Entry::Nothing;
        }
        match level {
            1 | 2 if word & IS_PAGE != 0 => Entry::Page(word),
            1 => Entry::Table(Table { address: word & PAGE_TABLE, entries: 0..256 }),
            _ => {
                let first = (word >> OFFSET_SHIFT & LENGTH) * QUARTER;
                let entries = first..(1 + (word & LENGTH)) * QUARTER;
                Entry::Table(Table { address: word & TABLE, entries })
            }
        }
    }
}
