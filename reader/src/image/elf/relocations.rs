//! What a loader writes into an image that it puts where it was linked.
//!
//! Nothing is added to addresses then. Relocations whose addend stands in the image already change
//! nothing (`REL` and `RELR` without a symbol); those with the addend beside them (`RELA`) write it:
//! some linkers leave a zero in its place. Symbols that the image itself defines have its own
//! addresses; others stay as they stand in the file, since nobody knows who would define them.

use inspect_format::abi::{Order, space};
use object::Endianness;
use object::elf::{self, FileHeader32, FileHeader64, Machine as Number};
use object::pod::{self, Pod};
use object::read::elf::{FileHeader, Rel, Rela};

use super::super::Machine;
use super::super::pieces::FileMemory;
use crate::loaded::{Loaded, Tables, endian};
use crate::memory::Memory;

/// Words that are written over the bytes of a file, by address.
#[derive(Debug)]
pub(super) struct Words {
    machine: Machine,
    /// Ascending, no address twice.
    sorted: Vec<(u64, u64)>,
}

impl Words {
    /// Writes those over `out` that lie in the memory from `address` on.
    pub(super) fn write_over(&self, address: u64, out: &mut [u8]) {
        let end = address.saturating_add(out.len() as u64);
        for (place, value) in self.sorted.get(self.first(address)..).unwrap_or_default() {
            if *place >= end {
                break;
            }
            let word = match self.machine.order {
                Order::Little => value.to_le_bytes(),
                Order::Big => (value << (64 - 8 * u32::from(self.machine.word_size))).to_be_bytes(),
            };
            for (index, byte) in (0..).zip(word.iter().take(self.machine.word_size.into())) {
                let at = place.wrapping_add(index).checked_sub(address);
                let at = at.and_then(|at| usize::try_from(at).ok());
                if let Some(it) = at.and_then(|at| out.get_mut(at)) {
                    *it = *byte;
                }
            }
        }
    }

    /// How many bytes from `address` on nothing is written to.
    pub(super) fn distance(&self, address: u64) -> u64 {
        let next = self.sorted.get(self.first(address));
        next.map_or(u64::MAX, |(place, _)| place.saturating_sub(address))
    }

    /// The first word that ends behind an address.
    fn first(&self, address: u64) -> usize {
        let size = u64::from(self.machine.word_size);
        self.sorted.partition_point(|(place, _)| place.saturating_add(size) <= address)
    }
}

/// What the relocations of an image do to its words.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Effect {
    /// The word is the addend.
    Relative,
    /// The word is the symbol's address and the addend.
    Symbol,
    /// The word is the symbol's address.
    Slot,
}

/// All words that the loader writes.
pub(super) fn words(memory: &FileMemory, loaded: &Loaded) -> Words {
    let machine = loaded.machine();
    let mut found = Vec::new();
    if let Some(tables) = Tables::read(memory, loaded) {
        let mut reader = Reader { memory, loaded, tables: &tables, found: &mut found };
        match machine.word_size {
            4 => reader.read_class::<FileHeader32<Endianness>>(),
            _ => reader.read_class::<FileHeader64<Endianness>>(),
        }
    }
    // Of two relocations of one place the later one wins, as with a loader.
    found.reverse();
    found.sort_by_key(|(place, _)| *place);
    found.dedup_by_key(|(place, _)| *place);
    Words { machine, sorted: found }
}

struct Reader<'a> {
    memory: &'a FileMemory,
    loaded: &'a Loaded,
    tables: &'a Tables<'a>,
    found: &'a mut Vec<(u64, u64)>,
}

/// A relocation of either form.
struct Relocation {
    place: u64,
    kind: u32,
    symbol: u32,
    /// Where it stands beside the place.
    addend: Option<u64>,
}

impl Reader<'_> {
    fn read_class<E: FileHeader<Endian = Endianness>>(&mut self) {
        let endian = endian(self.loaded.machine().order);
        let is_mips64el = self.loaded.machine().number == elf::EM_MIPS.0
            && E::is_type_64_sized()
            && endian == Endianness::Little;
        self.each::<E::Rela>(elf::DT_RELA.0, elf::DT_RELASZ.0, |it| Relocation {
            place: it.r_offset(endian).into(),
            kind: it.r_type(endian, is_mips64el).0,
            symbol: it.r_sym(endian, is_mips64el),
            addend: Some(it.r_addend(endian).into() as u64),
        });
        self.each::<E::Rel>(elf::DT_REL.0, elf::DT_RELSZ.0, |it| Relocation {
            place: it.r_offset(endian).into(),
            kind: it.r_type(endian).0,
            symbol: it.r_sym(endian),
            addend: None,
        });
    }

    /// Applies the relocations of a table, a window of it at a time.
    fn each<R: Pod>(&mut self, table: i64, size: i64, of: impl Fn(&R) -> Relocation) {
        const WINDOW: u64 = 1024;
        let (Some(start), Some(size)) = (self.tables.address(table), self.tables.value(size))
        else {
            return;
        };
        // They stand in the file; zeros behind it are none.
        let length = self.memory.files.first().map_or(0, crate::file::File::length);
        let stride = size_of::<R>() as u64;
        let mut left = size.min(length) / stride;
        let mut at = start;
        let mut window = Vec::new();
        while left > 0 {
            let count = left.min(WINDOW);
            window.resize((count * stride) as usize, 0);
            if self.memory.read(space::VIRTUAL, at, &mut window).is_err() {
                return;
            }
            let relocations: &[R] = pod::slice_from_all_bytes(&window).unwrap_or_default();
            for relocation in relocations {
                self.apply(&of(relocation));
            }
            at = at.saturating_add(window.len() as u64);
            left -= count;
        }
    }

    fn apply(&mut self, it: &Relocation) {
        let machine = self.loaded.machine();
        let Some(effect) = effect(machine, it.kind) else { return };
        let has_symbol = it.symbol != 0;
        let value = match (effect, it.addend) {
            (Effect::Relative | Effect::Symbol, Some(addend)) if !has_symbol => addend,
            // The addend stands there already.
            (_, None) if !has_symbol => return,
            (Effect::Relative, _) => return,
            (_, addend) => {
                let Some(base) = self.tables.symbol_address(it.symbol) else { return };
                match (effect, addend) {
                    (Effect::Slot, _) => base,
                    (_, Some(addend)) => base.wrapping_add(addend),
                    (_, None) => {
                        let Some(addend) = self.word(it.place) else { return };
                        base.wrapping_add(addend)
                    }
                }
            }
        };
        let mask = if machine.word_size == 4 { u64::from(u32::MAX) } else { u64::MAX };
        self.found.push((it.place & mask, value & mask));
    }

    /// The word that stands at an address.
    fn word(&self, address: u64) -> Option<u64> {
        let machine = self.loaded.machine();
        let mut bytes = [0; 8];
        let word = bytes.get_mut(..machine.word_size.into())?;
        self.memory.read(space::VIRTUAL, address, word).ok()?;
        Some(match machine.order {
            Order::Little => u64::from_le_bytes(bytes),
            Order::Big => u64::from_be_bytes(bytes) >> (64 - 8 * u32::from(machine.word_size)),
        })
    }
}

/// What a type of relocation does; nothing for types that write no plain address.
fn effect(machine: Machine, kind: u32) -> Option<Effect> {
    let is_64 = machine.word_size == 8;
    let (relative, symbol, slot) = match Number(machine.number) {
        elf::EM_X86_64 if is_64 => {
            (elf::R_X86_64_RELATIVE, elf::R_X86_64_64, elf::R_X86_64_GLOB_DAT)
        }
        elf::EM_386 => (elf::R_386_RELATIVE, elf::R_386_32, elf::R_386_GLOB_DAT),
        elf::EM_AARCH64 => (elf::R_AARCH64_RELATIVE, elf::R_AARCH64_ABS64, elf::R_AARCH64_GLOB_DAT),
        elf::EM_ARM => (elf::R_ARM_RELATIVE, elf::R_ARM_ABS32, elf::R_ARM_GLOB_DAT),
        elf::EM_RISCV if is_64 => (elf::R_RISCV_RELATIVE, elf::R_RISCV_64, elf::R_RISCV_64),
        elf::EM_RISCV => (elf::R_RISCV_RELATIVE, elf::R_RISCV_32, elf::R_RISCV_32),
        elf::EM_PPC64 => (elf::R_PPC64_RELATIVE, elf::R_PPC64_ADDR64, elf::R_PPC64_GLOB_DAT),
        elf::EM_PPC => (elf::R_PPC_RELATIVE, elf::R_PPC_ADDR32, elf::R_PPC_GLOB_DAT),
        elf::EM_S390 => (elf::R_390_RELATIVE, elf::R_390_64, elf::R_390_GLOB_DAT),
        // One type for both; the addend stands in place.
        elf::EM_MIPS => (elf::R_MIPS_REL32, elf::R_MIPS_REL32, elf::R_MIPS_REL32),
        elf::EM_LOONGARCH => (elf::R_LARCH_RELATIVE, elf::R_LARCH_64, elf::R_LARCH_64),
        _ => return None,
    };
    // On MIPS with 64 bits, three types stand in one word, the first one lowest.
    let kind = if Number(machine.number) == elf::EM_MIPS { kind & 0xff } else { kind };
    [(symbol, Effect::Symbol), (relative, Effect::Relative), (slot, Effect::Slot)]
        .into_iter()
        .find_map(|(it, effect)| (it.0 == kind).then_some(effect))
}
