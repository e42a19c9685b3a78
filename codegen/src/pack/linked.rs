//! Linked files: executables, position-independent ones too, and shared objects.
//!
//! The tables stand where the annotations were. Distances within a loaded object are known when it was
//! linked, so that no relocation is needed; only what another object may bring its own copy of keeps the
//! relocation that it had, in a slot of its table.

use std::borrow::Cow;
use std::cell::OnceCell;
use std::ops::Range;

use inspect_format::abi::{self, Root, note_kind};
use inspect_format::bits;
use inspect_format::notes::NAME;
use inspect_format::root::offset_address;
use object::elf;

use super::dynamic::{Dynamic, Moved};
use super::elf::{Elf, Kind, Place, Section, Symbol, broken};
use super::entries::no_pointer;
use super::finding::{Finding, Result};
use super::image::{Chunk, Edits, FoundBy, Image, RootOverview, SECTION, Target};
use super::tables::Tables;
use crate::diag::Code;

/// A linked file.
#[derive(Debug)]
pub(super) struct Linked<'a> {
    elf: Elf<'a>,
    dynamic: Dynamic,
    chunks: Vec<Chunk<'a>>,
    /// The place of the section `inspect_table` among all.
    section: Option<usize>,
    /// The root, by its address.
    root: Option<u64>,
    /// The table of dynamic symbols, once somebody asks for it.
    symbols: OnceCell<Vec<Symbol<'a>>>,
}

impl<'a> Linked<'a> {
    /// Reads what has to do with annotations.
    pub(super) fn read(elf: Elf<'a>) -> Result<Self> {
        let dynamic = Dynamic::read(&elf)?;
        let is_ours = |it: &&Section<'_>| it.name == SECTION && it.is_allocated();
        let section = elf.sections.iter().position(|it| is_ours(&it));
        if elf.sections.iter().filter(is_ours).count() > 1 {
            return Err(broken("it has several sections `inspect_table`"));
        }
        let mut linked = Self {
            elf,
            dynamic,
            chunks: Vec::new(),
            section,
            root: None,
            symbols: OnceCell::new(),
        };
        if let Some(addresses) = linked.addresses() {
            linked.chunks.push(linked.chunk(&addresses)?);
        }
        linked.root = linked.find_root()?;
        Ok(linked)
    }

    /// Where the section lies in memory.
    pub(super) fn addresses(&self) -> Option<Range<u64>> {
        let section = self.our_section()?;
        Some(section.address..section.address.checked_add(section.size)?)
    }

    /// The root, and what leads to it.
    pub(super) fn root(&self) -> Option<RootOverview> {
        let address = self.root?;
        let is_note = |it: &Section<'_>| it.is_allocated() && self.root_of_note(it).is_some();
        let found_by = if self.elf.sections.iter().any(is_note) {
            FoundBy::Note
        } else if self.elf.sections.iter().any(|it| it.kind == elf::SHT_DYNSYM)
            && self.is_exported(address)
        {
            FoundBy::DynamicSymbol
        } else {
            FoundBy::Symbol
        };
        Some(RootOverview { address, found_by })
    }

    fn is_exported(&self, root: u64) -> bool {
        let is_root = |it: &Symbol<'_>| it.name == b"inspect_root" && it.value == root;
        self.dynamic_symbols().iter().any(|it| is_root(it) && it.place != Place::Undefined)
    }

    /// The symbols that other objects may use or define.
    fn dynamic_symbols(&self) -> &[Symbol<'a>] {
        self.symbols.get_or_init(|| {
            let table = self.elf.sections.iter().position(|it| it.kind == elf::SHT_DYNSYM);
            table.and_then(|index| self.elf.symbols(index).ok()).unwrap_or_default()
        })
    }

    /// The target in this file that a symbol has, if it is defined here.
    pub(super) fn defined_here(&self, target: Target) -> Option<Target> {
        let Target::Symbol { symbol, addend } = target else { return Some(target) };
        let found = self.dynamic_symbols().get(symbol as usize)?;
        let address = found.value.wrapping_add_signed(addend);
        (found.place != Place::Undefined).then_some(Target::Address(address))
    }

    /// Puts the tables where the annotations are.
    pub(super) fn write(&self, tables: Tables) -> Result<Edits> {
        let mut edits = Edits::default();
        let (Some(section), Some(addresses)) = (self.our_section(), self.addresses()) else {
            return Ok(edits);
        };
        if tables.bytes.len() > section.range.len() {
            return Err(no_room(tables.bytes.len() as u64, section.range.len() as u64));
        }
        let half = self.elf.pointer_in_number();
        let Tables { mut bytes, pointers, .. } = tables;
        let mut moved = Vec::new();
        let mut put = |at: u64, new: &[u8]| {
            let at = at as usize;
            bytes[at..at + new.len()].copy_from_slice(new);
        };
        for (at, target) in &pointers {
            match *target {
                Target::Number(number) => put(*at, &self.elf.number_bytes(number)),
                Target::Symbol { symbol, addend } => {
                    moved.push(Moved { address: addresses.start + at + half, symbol, addend });
                    if !self.elf.machine.has_addends {
                        put(at + half, &self.elf.word_bytes(addend as u64));
                    }
                }
                _ => {}
            }
        }
        self.dynamic.replace(&self.elf, &addresses, &moved, &mut edits)?;
        let start = section.range.start;
        edits.zeroed.push(start + bytes.len()..section.range.end);
        let end = bytes.len() as u64;
        edits.writes.push((start, bytes));
        if let Some(root) = self.root {
            self.write_root(root, addresses.start, addresses.start + end, &mut edits)?;
        }
        self.forget_kept_relocations(&mut edits);
        Ok(edits)
    }

    /// Where Rust has no assembler, the root does not know where the section is; and none knows where the
    /// tables end.
    fn write_root(&self, root: u64, start: u64, end: u64, edits: &mut Edits) -> Result<()> {
        let range = self.elf.range_at(root, Root::SIZE as u64);
        let range = range.ok_or_else(|| broken("its root lies outside it"))?;
        for (field, address) in [(Root::COMPILE_TABLE_AT, start), (Root::COMPILE_END_AT, end)] {
            let distance = offset_address(address, root.wrapping_neg(), self.elf.word_size);
            let bytes = self.elf.number_bytes(distance).to_vec();
            edits.writes.push((range.start + field, bytes));
        }
        Ok(())
    }

    /// What `--emit-relocs` kept of the annotations speaks of pointers that are no more.
    fn forget_kept_relocations(&self, edits: &mut Edits) {
        let ours = self.section.map(|index| index as u32);
        for section in self.elf.sections.iter().filter(|it| it.is_relocations()) {
            if !section.is_allocated() && Some(section.info) == ours {
                let field = self.elf.header_field(section, super::elf::HeaderField::Size);
                edits.zeroed.push(section.range.clone());
                edits.word(&self.elf, field, 0);
            }
        }
    }

    fn our_section(&self) -> Option<&Section<'a>> {
        self.section.map(|index| &self.elf.sections[index])
    }

    fn chunk(&self, addresses: &Range<u64>) -> Result<Chunk<'a>> {
        let Some(section) = self.our_section() else { return Err(broken("no section")) };
        let bytes = self.elf.bytes_of(section);
        if let Some(found) = self.dynamic.stranger(&self.elf, addresses) {
            let at = found.offset - addresses.start;
            return Err(no_pointer(&self.elf, bytes, at, found.kind)
                .help("annotate variables that are neither thread-local nor behind an ifunc"));
        }
        let mut pointers = Vec::new();
        let found = self.dynamic.pointers(addresses);
        pointers.extend(found.iter().map(|(at, target)| (at - addresses.start, *target)));
        Ok(Chunk {
            bytes,
            address: addresses.start,
            pointers,
            words: Some((self.elf.word_size, self.elf.order)),
            is_moved: self.elf.kind == Kind::Shared,
        })
    }

    /// The note leads to the root, or its symbol does.
    fn find_root(&self) -> Result<Option<u64>> {
        if let Some(root) = self.elf.sections.iter().find_map(|it| self.root_of_note(it)) {
            return Ok(Some(root));
        }
        for (index, section) in self.elf.sections.iter().enumerate() {
            if section.kind != elf::SHT_SYMTAB && section.kind != elf::SHT_DYNSYM {
                continue;
            }
            let symbols = self.elf.symbols(index)?;
            let named = |name: &[u8]| {
                let found = symbols.iter().find(|it| it.name == name);
                found.filter(|it| it.place != Place::Undefined).map(|it| it.value)
            };
            let root = named(b"inspect_root_here").or_else(|| named(b"inspect_root"));
            if let Some(root) = root.filter(|root| self.is_root(*root)) {
                return Ok(Some(root));
            }
        }
        Ok(None)
    }

    fn root_of_note(&self, section: &Section<'_>) -> Option<u64> {
        let mut notes = self.elf.notes(section);
        let note = notes.find(|it| it.name == NAME.as_bytes() && it.kind == note_kind::ROOT)?;
        let distance = bits::read(note.contents, 0, 64, self.elf.order)?;
        let contents = section.address.checked_add(note.offset)?;
        let root = offset_address(contents, distance, self.elf.word_size);
        Some(root).filter(|root| self.is_root(*root))
    }

    fn is_root(&self, address: u64) -> bool {
        self.elf.at(address, Root::SIZE as u64).is_some_and(|it| it.starts_with(&abi::ROOT_MAGIC))
    }
}

/// The tables need more bytes than the annotations took.
pub(super) fn no_room(size: u64, room: u64) -> Finding {
    let what = format!("the tables take {size} bytes or more, and the annotations stood in {room}");
    Finding::new(Code::E0910, what).help("pack the objects before linking, where tables may grow")
}

impl<'a> Image<'a> for Linked<'a> {
    fn elf(&self) -> &Elf<'a> {
        &self.elf
    }

    fn chunks(&self) -> &[Chunk<'a>] {
        &self.chunks
    }

    fn read(&self, target: &Target, size: u64) -> Option<&'a [u8]> {
        match target {
            Target::Address(address) => self.elf.at(*address, size),
            _ => None,
        }
    }

    fn range_of(&self, target: &Target, size: u64) -> Option<Range<usize>> {
        match target {
            Target::Address(address) => self.elf.range_at(*address, size),
            _ => None,
        }
    }

    fn relative(&self, chunk: &Chunk<'a>, table: u64, _: u64, value: u64) -> Target {
        let header = chunk.address.wrapping_add(table);
        Target::Address(offset_address(header, value, self.elf.word_size))
    }

    fn pointer(&self, target: &Target) -> Result<Target> {
        match target {
            Target::Address(address) => Ok(self.own(self.dynamic.pointer(&self.elf, *address))),
            _ => Ok(Target::Null),
        }
    }

    fn own(&self, target: Target) -> Target {
        self.defined_here(target).unwrap_or(target)
    }

    fn symbol_name(&self, symbol: u32) -> Cow<'a, str> {
        let symbol = self.dynamic_symbols().get(symbol as usize);
        symbol.map_or(Cow::Borrowed(""), |it| String::from_utf8_lossy(it.name))
    }
}
