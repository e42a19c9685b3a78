//! Page tables of x86_64: what a kernel has at which virtual address, where the headers of its core
//! do not say it.
//!
//! A hypervisor that was not asked for page tables writes physical memory alone. What a kernel
//! writes itself has its linear mapping, and not where modules lie. Both hold the tables, which say
//! everything.
//!
//! The kernel says where its own tables are, wherever it was put. Without its word it is the
//! registers of the processors that lead to theirs. Only the kernel's half of the addresses is
//! walked: a program's memory is the business of its own core.

use inspect_format::abi::{Order, space};
use object::elf;

use super::Machine;
use super::pieces::{FileMemory, Piece, Pieces};
use super::vmcoreinfo::Information;
use crate::memory::Memory;

/// Tables that are read at most. Those of 256 GiB in the smallest pages are fewer.
const TABLES_MAX: u32 = 1 << 17;
/// Pieces that are made at most: of eight GiB in the smallest pages, none next to another.
const PIECES_MAX: usize = 1 << 21;

const TABLE_SIZE: usize = 4096;
const PRESENT: u64 = 1;
/// In an entry above the lowest level: it is a page itself.
const IS_PAGE: u64 = 1 << 7;
/// Where the next table, or the page, is.
const FRAME: u64 = 0x000f_ffff_ffff_f000;
/// The first entry of the highest table that is the kernel's.
const KERNEL_HALF: usize = 256;
/// Where a kernel is linked: this much above its place in physical memory.
const KERNEL_MAP: u64 = 0xffff_ffff_8000_0000;

/// What page tables map.
#[derive(Debug, Default)]
pub(super) struct Mapped {
    /// In ascending order where tables are honest.
    pub(super) pieces: Vec<Piece>,
    /// Whether there are more tables or pages than are looked at.
    pub(super) is_cut: bool,
}

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

/// What the kernel's page tables map, of the physical memory at hand; nothing where no table is
/// found, or none that this module knows.
pub(super) fn mapped(
    memory: &FileMemory,
    machine: Machine,
    about: &Information<'_>,
    processors: &[Vec<u8>],
) -> Mapped {
    let is_known = (machine.number, machine.order) == (elf::EM_X86_64.0, Order::Little);
    let Some(physical) = memory.by_physical().filter(|_| is_known) else {
        return Mapped::default();
    };
    let mut walk = Walk { memory, physical, ignored: 0, tables: 0, mapped: Mapped::default() };
    let mut tried: Vec<Root> = Vec::new();
    let roots = of_kernel(about).into_iter().chain(processors.iter().filter_map(|it| of_note(it)));
    for root in roots {
        // The kernel's word is enough; so is one processor that was in the kernel.
        if walk.mapped.pieces.is_empty() && !tried.contains(&root) {
            tried.push(root);
            walk.walk(root);
        }
    }
    walk.mapped
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

struct Walk<'m> {
    memory: &'m FileMemory,
    physical: &'m Pieces,
    ignored: u64,
    /// How many tables were read, of all roots.
    tables: u32,
    mapped: Mapped,
}

impl Walk<'_> {
    fn walk(&mut self, root: Root) {
        self.ignored = root.ignored;
        // The kernel's half is the upper one: all bits above those of the tables are set.
        self.table(root.table, root.levels, KERNEL_HALF, u64::MAX << (12 + 9 * root.levels));
    }

    /// Takes in what a table maps, from an entry on. It is the table of the addresses from `base` on.
    fn table(&mut self, table: u64, level: u32, first: usize, base: u64) {
        if self.tables == TABLES_MAX {
            self.mapped.is_cut = true;
        }
        if self.mapped.is_cut {
            return;
        }
        self.tables += 1;
        let mut bytes = [0; TABLE_SIZE];
        // A table that is not in the core maps nothing that could be found.
        if self.memory.read(space::PHYSICAL, table, &mut bytes).is_err() {
            return;
        }
        // Twelve bits of an address are within a page, and nine belong to each level.
        let shift = 12 + 9 * (level - 1);
        for (index, entry) in bytes.chunks_exact(8).enumerate().skip(first) {
            let entry = entry.first_chunk().map_or(0, |entry| u64::from_le_bytes(*entry));
            if entry & PRESENT == 0 {
                continue;
            }
            let frame = entry & FRAME & !self.ignored;
            let address = base | (index as u64) << shift;
            if level == 1 || entry & IS_PAGE != 0 && level <= 3 {
                let size = 1 << shift;
                // Bits of a large page below its size are flags.
                self.page(address, frame & !(size - 1), size);
            } else {
                self.table(frame, level - 1, 0, address);
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
