//! Page tables of x86_64: four levels or five, of 512 entries each.
//!
//! Without the kernel's word it is the registers of the processors that lead to tables.

use std::ops::Range;

use super::{Entry, Table, Tables};
use crate::image::vmcoreinfo::Information;

const PRESENT: u64 = 1;
/// In an entry above the lowest level: it is a page itself.
const IS_PAGE: u64 = 1 << 7;
/// Where the next table, or the page, is.
const FRAME: u64 = 0x000f_ffff_ffff_f000;
/// Where a kernel is linked: this much above its place in physical memory.
const KERNEL_MAP: u64 = 0xffff_ffff_8000_0000;

/// Where tables begin.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Root {
    /// The physical address of the highest one.
    table: u64,
    /// 4 or 5.
    levels: u32,
    /// Bits that are no part of an address: memory is encrypted.
    ignored: u64,
}

/// What the kernel says, then what the registers of each processor say: one that was in the kernel
/// is enough.
pub(super) fn find(about: &Information<'_>, processors: &[Vec<u8>]) -> Vec<Box<dyn Tables>> {
    let mut found: Vec<Root> = Vec::new();
    for root in of_kernel(about).into_iter().chain(processors.iter().filter_map(|it| of_note(it))) {
        if !found.contains(&root) {
            found.push(root);
        }
    }
    found.into_iter().map(|root| Box::new(root) as Box<dyn Tables>).collect()
}

/// What the kernel says of its tables.
fn of_kernel(about: &Information<'_>) -> Option<Root> {
    let names = ["SYMBOL(swapper_pg_dir)", "SYMBOL(init_top_pgt)"];
    let symbol = names.iter().find_map(|name| about.hexadecimal(name))?;
    let base = about.decimal("NUMBER(phys_base)").unwrap_or(0);
    let has_fifth = about.decimal("NUMBER(pgtable_l5_enabled)") == Some(1);
    Some(Root {
        table: symbol.wrapping_sub(KERNEL_MAP).wrapping_add_signed(base) & FRAME,
        levels: if has_fifth { 5 } else { 4 },
        ignored: about.decimal("NUMBER(sme_mask)").unwrap_or(0).cast_unsigned(),
    })
}

/// What the registers of a processor say, in the note that QEMU writes of each.
fn of_note(note: &[u8]) -> Option<Root> {
    /// Behind a version, a size, 18 registers and ten segments of 24 bytes.
    const CONTROL: usize = 8 + 18 * 8 + 10 * 24;
    const VERSION: u32 = 1;
    const FIFTH_LEVEL: u64 = 1 << 12;
    let version = u32::from_le_bytes(*note.first_chunk()?);
    let register = |number: usize| {
        let bytes = note.get(CONTROL + number * 8..)?.first_chunk()?;
        Some(u64::from_le_bytes(*bytes))
    };
    let (table, flags) = (register(3)? & FRAME, register(4)?);
    let levels = if flags & FIFTH_LEVEL == 0 { 4 } else { 5 };
    (version == VERSION && table != 0).then_some(Root { table, levels, ignored: 0 })
}

impl Tables for Root {
    fn top(&self) -> Table {
        Table::whole(self.table)
    }

    fn top_level(&self) -> u32 {
        self.levels - 1
    }

    fn index(&self, level: u32) -> Range<u32> {
        let first = 12 + 9 * level;
        first..first + 9
    }

    /// The upper half: all bits above those of the tables are set, and the highest of these.
    fn start(&self) -> u64 {
        u64::MAX << (self.index(self.top_level()).end - 1)
    }

    fn entry(&self, level: u32, word: u64) -> Entry {
        let frame = word & FRAME & !self.ignored;
        if word & PRESENT == 0 {
            Entry::Nothing
        } else if level == 0 || word & IS_PAGE != 0 && level <= 2 {
            Entry::Page(frame)
        } else {
            Entry::Table(Table::whole(frame))
        }
    }
}
