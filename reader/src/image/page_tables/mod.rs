//! Page tables: what a kernel has at which virtual address, where the headers of its core do not
//! say it.
//!
//! A hypervisor that was not asked for page tables writes physical memory alone. What a kernel
//! writes itself has its linear mapping, and not where modules lie. Both hold the tables, which say
//! everything.
//!
//! Where they begin, how an address is divided among their levels and what an entry says is the
//! business of a module for each processor; the walk is one. The kernel says where its own tables
//! are, wherever it was put. Only its own addresses are walked: a program's memory is the business
//! of its own core.

mod aarch64;
mod s390x;
mod x86_64;

use std::ops::Range;

use inspect_format::abi::{Order, space};
use object::elf;

use super::Machine;
use super::pieces::{FileMemory, Piece, Pieces};
use super::vmcoreinfo::Information;
use crate::memory::Memory;

/// Entries that are read of any core, which a small one needs for what it maps more than once: shared tables, and
/// addresses of devices.
const ENTRIES_LEAST: u64 = 1 << 26;
/// Entries that are read at most: of 4 TiB in pages of 4 KiB.
const ENTRIES_MAX: u64 = 1 << 30;
/// Bytes of a core for each entry: half of the smallest page.
const BYTES_PER_ENTRY: u64 = 2048;
/// Pieces that are made at most: of eight GiB in the smallest pages, none next to another.
const PIECES_MAX: usize = 1 << 21;

const ENTRY_SIZE: usize = 8;

/// What page tables map.
#[derive(Debug, Default)]
pub(super) struct Mapped {
    /// In ascending order where tables are honest.
    pub(super) pieces: Vec<Piece>,
    /// Whether there are more tables or pages than are looked at.
    pub(super) is_cut: bool,
}

/// The tables of a kernel, as its processor reads them. Level 0 is the one whose entries are the
/// smallest pages.
trait Tables {
    /// The highest table.
    fn top(&self) -> Table;
    /// The level of that.
    fn top_level(&self) -> u32;
    /// The bits of a virtual address that choose an entry of a table of this level. What is below
    /// them is chosen within what the entry maps.
    fn index(&self, level: u32) -> Range<u32>;
    /// The first virtual address of the kernel, to which the highest table has an entry.
    fn start(&self) -> u64;
    /// What an entry of a table of this level says.
    fn entry(&self, level: u32, word: u64) -> Entry;
}

/// A table, as what leads to it says.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Table {
    /// Its physical address.
    address: u64,
    /// Which of its entries there are, at most as many as the level has.
    entries: Range<u64>,
}

impl Table {
    /// One with all entries of its level.
    fn whole(address: u64) -> Self {
        Self { address, entries: 0..u64::MAX }
    }
}

/// What an entry of a table says.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Entry {
    /// Nothing is mapped there.
    Nothing,
    /// The table of the next lower level.
    Table(Table),
    /// Where the page is, which has the size of all that the entry maps. Bits below that size are
    /// no part of it.
    Page(u64),
}

/// What the kernel's page tables map, of the physical memory at hand; nothing where no table is
/// found, or none that this module knows.
pub(super) fn mapped(
    memory: &FileMemory,
    machine: Machine,
    about: &Information<'_>,
    processors: &[Vec<u8>],
) -> Mapped {
    let tables = match (elf::Machine(machine.number), machine.order) {
        (elf::EM_X86_64, Order::Little) => x86_64::find(about, processors),
        (elf::EM_AARCH64, _) => aarch64::find(about),
        (elf::EM_S390, Order::Big) => s390x::find(processors),
        _ => Vec::new(),
    };
    let Some(physical) = memory.by_physical() else { return Mapped::default() };
    let length: u64 = memory.files.iter().map(|file| file.length()).fold(0, u64::saturating_add);
    let entries_left = (length / BYTES_PER_ENTRY).clamp(ENTRIES_LEAST, ENTRIES_MAX);
    let order = machine.order;
    let mut walk = Walk { memory, physical, order, entries_left, mapped: Mapped::default() };
    for tables in &tables {
        // Those that are found first and map anything are enough.
        if walk.mapped.pieces.is_empty() {
            walk.walk(tables.as_ref());
        }
    }
    walk.mapped
}

struct Walk<'m> {
    memory: &'m FileMemory,
    physical: &'m Pieces,
    order: Order,
    /// How many entries may still be read, of all tables.
    entries_left: u64,
    mapped: Mapped,
}

impl Walk<'_> {
    fn walk(&mut self, tables: &dyn Tables) {
        let (level, start) = (tables.top_level(), tables.start());
        let index = tables.index(level);
        let below = u64::MAX.checked_shl(index.end).unwrap_or(0);
        let first = (start & !below) >> index.start;
        self.table(tables, &tables.top(), level, first, start & below);
    }

    /// Takes in what a table maps, from an entry on. It is the table of the addresses from `base` on.
    fn table(&mut self, tables: &dyn Tables, table: &Table, level: u32, first: u64, base: u64) {
        let index = tables.index(level);
        let first = table.entries.start.max(first);
        let end = table.entries.end.min(1 << (index.end - index.start));
        let count = end.saturating_sub(first);
        match self.entries_left.checked_sub(count) {
            Some(left) => self.entries_left = left,
            None => self.mapped.is_cut = true,
        }
        if self.mapped.is_cut {
            return;
        }
        let mut bytes = vec![0; count as usize * ENTRY_SIZE];
        // A table that is not in the core maps nothing that could be found.
        let start = table.address.saturating_add(first * ENTRY_SIZE as u64);
        if self.memory.read(space::PHYSICAL, start, &mut bytes).is_err() {
            return;
        }
        for (number, entry) in (first..).zip(bytes.chunks_exact(ENTRY_SIZE)) {
            let entry = entry.first_chunk().map_or(0, |entry| match self.order {
                Order::Little => u64::from_le_bytes(*entry),
                Order::Big => u64::from_be_bytes(*entry),
            });
            let address = base | number << index.start;
            match tables.entry(level, entry) {
                Entry::Nothing => {}
                Entry::Table(next) => {
                    // The lowest level has no tables below it.
                    if let Some(below) = level.checked_sub(1) {
                        self.table(tables, &next, below, 0, address);
                    }
                }
                Entry::Page(frame) => {
                    let size = 1 << index.start;
                    self.page(address, frame & !(size - 1), size);
                }
            }
            if self.mapped.is_cut {
                return;
            }
        }
    }

    /// Takes in what the core has of a page.
    fn page(&mut self, address: u64, frame: u64, size: u64) {
        let end = frame.saturating_add(size);
        let first = match self.physical.at(frame) {
            // Most pages lie within one piece, and near the last one.
            Some(piece) if piece.end() >= end => {
                let piece = piece.cut(frame, end);
                self.push(Piece { address, ..piece });
                return;
            }
            _ => self.physical.from(frame),
        };
        for piece in first {
            if piece.address >= end || self.mapped.is_cut {
                return;
            }
            let start = piece.address.max(frame);
            let piece = piece.cut(start, piece.end().min(end));
            self.push(Piece { address: address.saturating_add(start - frame), ..piece });
        }
    }

    fn push(&mut self, piece: Piece) {
        let pieces = &mut self.mapped.pieces;
        if pieces.last_mut().is_some_and(|last| last.take(&piece)) {
            return;
        }
        if pieces.len() == PIECES_MAX {
            self.mapped.is_cut = true;
        } else {
            pieces.push(piece);
        }
    }
}
