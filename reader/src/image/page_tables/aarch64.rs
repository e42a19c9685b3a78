//! Page tables of aarch64: of three sizes of pages, and as many levels as the addresses ask for.
//!
//! The processor has a root for addresses that begin with zeros and one for those that begin with
//! ones; the second is the kernel's. The notes of hypervisors do not hold it, so that it is the
//! kernel's word alone that leads to it.

use std::ops::Range;

use super::{Entry, Table, Tables};
use crate::image::vmcoreinfo::Information;

/// In every entry that says anything.
const VALID: u64 = 1;
/// Above the lowest level: it leads to a table. In the lowest one: to a page; no other entry is valid.
const TABLE: u64 = 1 << 1;

/// Where tables begin, and what they are like.
#[derive(Clone, Copy, Debug)]
struct Root {
    /// The physical address of the highest one.
    table: u64,
    /// Bits of an address within the smallest page: 12, 14 or 16.
    page: u32,
    /// Bits of an address that are looked up or within a page.
    bits: u32,
    /// Whether virtual addresses have 52 bits, and what came with that: pages of one size more, and
    /// of physical addresses, too, 52 bits in entries for small pages.
    is_wide: bool,
}

/// What the kernel says of its tables: where they are, where it is, and how they are divided.
pub(super) fn find(about: &Information<'_>) -> Vec<Box<dyn Tables>> {
    of_kernel(about).into_iter().map(|root| Box::new(root) as Box<dyn Tables>).collect()
}

fn of_kernel(about: &Information<'_>) -> Option<Root> {
    let symbol = about.hexadecimal("SYMBOL(swapper_pg_dir)")?;
    // The distance of the kernel's addresses from its place, whatever both were chosen to be.
    let offset = about.hexadecimal("NUMBER(kimage_voffset)")?;
    let page = match about.decimal("PAGESIZE")? {
        0x1000 => 12,
        0x4000 => 14,
        0x1_0000 => 16,
        _ => return None,
    };
    // For what the kernel was built, and what the processor looks up.
    let is_width = |bits: &u32| (25..=52).contains(bits);
    let built = about.decimal("NUMBER(VA_BITS)")?;
    let built = u32::try_from(built).ok().filter(is_width)?;
    let looked_up = match about.hexadecimal("NUMBER(TCR_EL1_T1SZ)") {
        Some(unused) => u32::try_from(64_u64.checked_sub(unused)?).ok().filter(is_width)?,
        None => built,
    };
    let root =
        |bits| Root { table: symbol.wrapping_sub(offset), page, bits, is_wide: looked_up == 52 };
    // A table for more bits than are looked up is used from its middle on; a level more is left out.
    let (built, looked_up) = (root(built), root(looked_up));
    Some(if built.top_level() == looked_up.top_level() { built } else { looked_up })
}

impl Root {
    /// Bits of an address that choose an entry: a table of eight bytes each fills a page.
    fn width(&self) -> u32 {
        self.page - 3
    }

    /// The physical address in an entry. Its highest bits are where the architecture found room
    /// when there came to be more than 48 of them.
    fn frame(&self, word: u64) -> u64 {
        let bits = |range: Range<u32>| word & (u64::MAX << range.start) & !(u64::MAX << range.end);
        match self.page {
            16 => bits(16..48) | bits(12..16) << 36,
            page if self.is_wide => bits(page..50) | bits(8..10) << 42,
            page => bits(page..48),
        }
    }
}

impl Tables for Root {
    fn top(&self) -> Table {
        Table::whole(self.table)
    }

    fn top_level(&self) -> u32 {
        (self.bits - self.page).div_ceil(self.width()) - 1
    }

    fn index(&self, level: u32) -> Range<u32> {
        let first = self.page + level * self.width();
        first..(first + self.width()).min(self.bits)
    }

    /// All bits above those that are looked up are set.
    fn start(&self) -> u64 {
        u64::MAX << self.bits
    }

    fn entry(&self, level: u32, word: u64) -> Entry {
        let frame = self.frame(word);
        // The highest level that has pages: of 4 KiB, 2 MiB and 1 GiB, for instance.
        let largest = if self.page == 12 { 2 } else { 1 } + u32::from(self.is_wide);
        match word & (VALID | TABLE) {
            3 if level == 0 => Entry::Page(frame),
            3 => Entry::Table(Table::whole(frame)),
            1 if (1..=largest).contains(&level) => Entry::Page(frame),
            _ => Entry::Nothing,
        }
    }
}
