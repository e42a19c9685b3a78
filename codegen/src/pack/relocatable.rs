//! Object files: what a compiler or `ld -r` wrote, and kernel modules, which a kernel links.
//!
//! The table stands in the first of the sections that bear the name, and the others become empty. A distance
//! is a relocation relative to its place; a variable that the linker may find elsewhere keeps its pointer, in
//! a slot of the table. Whoever looks for a pair in the result finds none.

use std::borrow::Cow;
use std::ops::Range;

use inspect_format::abi::Root;
use object::elf;

use super::elf::{Elf, HeaderField, Place, Relocation, Section, Symbol, broken};
use super::entries::no_pointer;
use super::finding::{Finding, Result};
use super::image::{Chunk, Edits, Image, SECTION, Target};
use super::machine::Distance;
use super::tables::Tables;
use crate::diag::Code;

/// An object file.
#[derive(Debug)]
pub(super) struct Relocatable<'a> {
    elf: Elf<'a>,
    symbols: Vec<Symbol<'a>>,
    /// The sections `inspect_table`, by their positions.
    sections: Vec<u32>,
    chunks: Vec<Chunk<'a>>,
    /// For each section, the symbol that stands for it.
    section_symbols: Vec<u32>,
    /// For each section, whether the linker may drop it for another object's.
    is_shared: Vec<bool>,
    /// The sections of relocations, each behind the section that it is for, in order.
    holders: Vec<(u32, u32)>,
}

impl<'a> Relocatable<'a> {
    /// Reads what has to do with annotations.
    pub(super) fn read(elf: Elf<'a>) -> Result<Self> {
        refuse_intermediate_code(&elf)?;
        refuse_module_of_mips(&elf)?;
        let table = elf.sections.iter().position(|it| it.kind == elf::SHT_SYMTAB);
        let symbols = match table {
            Some(index) => elf.symbols(index)?,
            None => Vec::new(),
        };
        let mut section_symbols = vec![0; elf.sections.len()];
        for (index, symbol) in symbols.iter().enumerate() {
            if let (elf::STT_SECTION, Place::Section(section)) = (symbol.kind, symbol.place) {
                section_symbols[section as usize] = index as u32;
            }
        }
        let is_ours = |it: &Section<'_>| it.name == SECTION;
        let ours = elf.sections.iter().enumerate().filter(|(_, it)| is_ours(it));
        let sections = ours.map(|(index, _)| index as u32).collect();
        let is_shared = elf.sections.iter().map(|it| it.flags & elf::SHF_GROUP.0 != 0).collect();
        let all = elf.sections.iter().enumerate().filter(|(_, it)| it.is_relocations());
        let mut holders: Vec<(u32, u32)> = all.map(|(index, it)| (it.info, index as u32)).collect();
        holders.sort_unstable();
        let chunks = Vec::new();
        let mut image =
            Self { elf, symbols, sections, chunks, section_symbols, is_shared, holders };
        for index in image.sections.clone() {
            let chunk = image.chunk(index)?;
            image.chunks.push(chunk);
        }
        Ok(image)
    }

    /// All symbols.
    pub(super) fn symbols(&self) -> &[Symbol<'a>] {
        &self.symbols
    }

    /// Whether a section of the name stands in a group that the linker may drop.
    pub(super) fn is_in_group(&self) -> bool {
        self.sections.iter().any(|section| self.is_shared[*section as usize])
    }

    /// The sections of relocations for a section.
    fn holders(&self, section: u32) -> impl Iterator<Item = &Section<'a>> {
        let first = self.holders.partition_point(|(of, _)| *of < section);
        let all = self.holders[first..].iter().take_while(move |(of, _)| *of == section);
        all.map(|(_, holder)| &self.elf.sections[*holder as usize])
    }

    /// Whether a section is one of annotations.
    fn is_ours(&self, section: u32) -> bool {
        self.sections.binary_search(&section).is_ok()
    }

    /// Puts the tables where the annotations are.
    pub(super) fn write(&self, mut tables: Tables) -> Result<Edits> {
        let mut edits = Edits::default();
        let Some(first) = self.first() else { return Ok(edits) };
        let section = &self.elf.sections[first as usize];
        let mut bytes = std::mem::take(&mut tables.bytes);
        let relocations = self.relocations_of(&tables, first, &mut bytes)?;
        let size = bytes.len() as u64;
        let at = edits.put(&self.elf, section.range.clone(), bytes);
        edits.word(&self.elf, self.elf.header_field(section, HeaderField::Offset), at as u64);
        edits.word(&self.elf, self.elf.header_field(section, HeaderField::Size), size);
        for index in &self.sections {
            let section = &self.elf.sections[*index as usize];
            edits.zeroed.push(section.range.clone());
            if *index != first {
                edits.word(&self.elf, self.elf.header_field(section, HeaderField::Size), 0);
            }
        }
        self.write_relocations(first, &relocations, &mut edits)?;
        self.forget_symbols(&mut edits);
        self.lead_root_to(first, size, &mut edits)?;
        Ok(edits)
    }

    /// The section that takes the tables: the first one that has relocations.
    fn first(&self) -> Option<u32> {
        let is_relocated = |section: &&u32| self.holders(**section).next().is_some();
        let first = self.sections.iter().find(is_relocated);
        first.or(self.sections.first()).copied()
    }

    /// The relocations that fill the tables in. Where addends stand in their places, they are put there.
    fn relocations_of(
        &self,
        tables: &Tables,
        section: u32,
        bytes: &mut [u8],
    ) -> Result<Vec<Relocation>> {
        let machine = &self.elf.machine;
        let half = self.elf.pointer_in_number();
        let mut relocations = Vec::with_capacity(tables.distances.len() + tables.pointers.len());
        for (at, target) in &tables.pointers {
            if let Target::Number(number) = *target {
                let at = *at as usize;
                bytes[at..at + 8].copy_from_slice(&self.elf.number_bytes(number));
            }
        }
        let mut add = |offset: u64, symbol: u32, kind: u32, addend: i64| {
            if !machine.has_addends {
                let place = self.elf.word_bytes(addend as u64);
                let offset = offset as usize;
                bytes[offset..offset + place.len()].copy_from_slice(&place);
            }
            let addend = machine.has_addends.then_some(addend);
            relocations.push(Relocation { offset, symbol, kind, addend });
        };
        let base = match machine.distance {
            Distance::AddAndSubtract(..) if !tables.distances.is_empty() => {
                self.base_symbol(section)?
            }
            _ => 0,
        };
        for distance in &tables.distances {
            let (Target::Here { symbol, addend, .. } | Target::Symbol { symbol, addend }) =
                distance.target
            else {
                continue;
            };
            let at = distance.at + half;
            let from_table = (at - distance.table) as i64;
            match machine.distance {
                Distance::OfPlace(kind) => add(at, symbol, kind, addend.wrapping_add(from_table)),
                Distance::AddAndSubtract(plus, minus) => {
                    // What is subtracted has no addend: GNU ld would add it.
                    add(at, symbol, plus, addend.wrapping_sub_unsigned(distance.table));
                    add(at, base, minus, 0);
                }
            }
        }
        for (at, target) in &tables.pointers {
            let (Target::Here { symbol, addend, .. } | Target::Symbol { symbol, addend }) = *target
            else {
                continue;
            };
            add(at + half, symbol, machine.pointer, addend);
        }
        relocations.sort_by_key(|relocation| relocation.offset);
        Ok(relocations)
    }

    /// A symbol at the beginning of the section of tables. One of the annotations, which all move there, stays
    /// there when objects are linked into one: a section's own gets an addend then.
    fn base_symbol(&self, section: u32) -> Result<u32> {
        let here = |it: &Symbol<'_>| {
            it.place == Place::Section(section)
                && it.kind != elf::STT_SECTION
                && it.binding == elf::STB_LOCAL
        };
        let named = self.symbols.iter().position(here).map(|index| index as u32);
        match named.unwrap_or(self.section_symbols[section as usize]) {
            0 => {
                let what = "no symbol is left from which its tables could count";
                Err(Finding::new(Code::E0911, what)
                    .help("pack the object before its local symbols are stripped"))
            }
            symbol => Ok(symbol),
        }
    }

    fn write_relocations(
        &self,
        first: u32,
        relocations: &[Relocation],
        edits: &mut Edits,
    ) -> Result<()> {
        let is_ours = |it: &&Section<'_>| it.is_relocations() && self.is_ours(it.info);
        let mut written = relocations.is_empty();
        for section in self.elf.sections.iter().filter(is_ours) {
            edits.zeroed.push(section.range.clone());
            let mut size = 0;
            if section.info == first && !written {
                let bytes = self.elf.relocation_bytes(relocations);
                size = bytes.len() as u64;
                let at = edits.put(&self.elf, section.range.clone(), bytes);
                let field = self.elf.header_field(section, HeaderField::Offset);
                edits.word(&self.elf, field, at as u64);
                written = true;
            }
            edits.word(&self.elf, self.elf.header_field(section, HeaderField::Size), size);
        }
        if written { Ok(()) } else { Err(broken("its first annotations have no relocations")) }
    }

    /// The symbols of annotations lie at the beginning of what is left, and have no size.
    fn forget_symbols(&self, edits: &mut Edits) {
        for symbol in &self.symbols {
            let Place::Section(section) = symbol.place else { continue };
            if symbol.kind != elf::STT_SECTION && self.is_ours(section) {
                for field in self.elf.symbol_fields(symbol) {
                    edits.word(&self.elf, field, 0);
                }
            }
        }
    }

    /// In a kernel module the root leads to a label within the section, which the tables have taken the place
    /// of; anywhere else to bounds that the linker defines.
    fn lead_root_to(&self, tables: u32, size: u64, edits: &mut Edits) -> Result<()> {
        let is_root = |it: &&Symbol<'_>| it.name == b"inspect_root_here";
        let Some(root) = self.symbols.iter().find(is_root) else { return Ok(()) };
        let Place::Section(section) = root.place else { return Ok(()) };
        let half = self.elf.pointer_in_number();
        let ends = [(Root::COMPILE_TABLE_AT, 0), (Root::COMPILE_END_AT, size)];
        for holder in self.holders(section) {
            let mut all = self.elf.relocations(holder)?;
            let mut changed = false;
            for relocation in &mut all {
                let distance = relocation.offset.wrapping_sub(root.value);
                let end = ends.iter().find(|(field, _)| *field as u64 + half == distance);
                let symbol = self.symbols.get(relocation.symbol as usize).map(|it| it.place);
                let (Some((_, end)), Some(Place::Section(place))) = (end, symbol) else {
                    continue;
                };
                if !self.is_ours(place) {
                    continue;
                }
                let addend = match self.elf.machine.distance {
                    Distance::OfPlace(_) => end.wrapping_add(distance),
                    Distance::AddAndSubtract(_, minus) if relocation.kind == minus => continue,
                    Distance::AddAndSubtract(..) => *end,
                };
                relocation.symbol = self.base_symbol(tables)?;
                changed = true;
                match &mut relocation.addend {
                    Some(it) => *it = addend as i64,
                    None => {
                        let range = &self.elf.sections[section as usize].range;
                        let offset = relocation.offset as usize;
                        if offset >= range.len() {
                            return Err(broken("a relocation of the root lies outside it"));
                        }
                        edits.word(&self.elf, range.start + offset, addend);
                    }
                }
            }
            if changed {
                edits.writes.push((holder.range.start, self.elf.relocation_bytes(&all)));
            }
        }
        Ok(())
    }

    /// The annotations of a section with the pointers in them.
    fn chunk(&self, index: u32) -> Result<Chunk<'a>> {
        let section = &self.elf.sections[index as usize];
        let (mut pointers, mut subtracted) = (Vec::new(), Vec::new());
        for holder in self.holders(index) {
            for relocation in self.elf.relocations(holder)? {
                pointers.extend(self.target(section, &relocation)?);
                subtracted.extend(self.subtracted(&relocation)?);
            }
        }
        // A distance from elsewhere, as if it were one from its place.
        subtracted.sort_by_key(|(at, _)| *at);
        for (at, target) in &mut pointers {
            if let Ok(found) = subtracted.binary_search_by_key(at, |(at, _)| *at) {
                *target = target.plus(at.wrapping_sub(subtracted[found].1));
            }
        }
        pointers.sort_by_key(|(at, _)| *at);
        let bytes = self.elf.bytes_of(section);
        Ok(Chunk { bytes, address: 0, pointers, words: None, is_moved: false })
    }

    /// What a relocation of annotations, or of a table, points at.
    fn target(
        &self,
        section: &Section<'a>,
        relocation: &Relocation,
    ) -> Result<Option<(u64, Target)>> {
        let machine = &self.elf.machine;
        let at = relocation.offset;
        let addend = match relocation.addend {
            Some(addend) => addend,
            None => {
                let bytes = self.elf.bytes_of(section).get(at as usize..);
                let word = bytes.and_then(|bytes| self.elf.word(bytes));
                let word = word.ok_or_else(|| broken("a relocation lies outside its section"))?;
                if self.elf.word_size == 4 { i64::from(word as i32) } else { word as i64 }
            }
        };
        let is_distance = match machine.distance {
            Distance::OfPlace(kind) => relocation.kind == kind,
            Distance::AddAndSubtract(_, minus) if relocation.kind == minus => return Ok(None),
            Distance::AddAndSubtract(plus, _) => relocation.kind == plus,
        };
        if relocation.kind == 0 {
            return Ok(None);
        }
        if !machine.is_pointer(relocation.kind) && !is_distance {
            return Err(no_pointer(&self.elf, self.elf.bytes_of(section), at, relocation.kind)
                .help("annotate variables that are neither thread-local nor constants"));
        }
        Ok(Some((at, self.named(relocation.symbol, addend)?)))
    }

    /// Whether a linker may take a section apart: it looks up what an address becomes by symbol and addend, and a
    /// distance has another addend.
    fn may_move(&self, section: u32) -> bool {
        let section = &self.elf.sections[section as usize];
        let is_code = section.flags & elf::SHF_EXECINSTR.0 != 0;
        let is_merged = section.flags & elf::SHF_MERGE.0 != 0;
        // Descriptors of functions, on 64-bit PowerPC.
        let is_descriptors = section.name == b".opd";
        is_merged || is_descriptors || is_code && self.elf.machine.relaxes_code
    }

    /// What a relocation subtracts: where it stands, and a place in the section.
    fn subtracted(&self, relocation: &Relocation) -> Result<Option<(u64, u64)>> {
        match self.elf.machine.distance {
            Distance::AddAndSubtract(_, minus) if relocation.kind == minus => {}
            _ => return Ok(None),
        }
        let symbol = self.symbols.get(relocation.symbol as usize);
        let symbol = symbol.ok_or_else(|| broken("a relocation has no symbol"))?;
        let base = symbol.value.wrapping_add_signed(relocation.addend.unwrap_or(0));
        Ok(Some((relocation.offset, base)))
    }

    /// The target of a symbol: a place that is known, where no other definition can take over.
    fn named(&self, index: u32, addend: i64) -> Result<Target> {
        let symbol = self.symbols.get(index as usize);
        let symbol = symbol.ok_or_else(|| broken("a relocation has no symbol"))?;
        // A strong definition takes the place of a weak one, hidden or not.
        let is_bound = symbol.binding == elf::STB_LOCAL
            || symbol.binding == elf::STB_GLOBAL && symbol.visibility != elf::STV_DEFAULT;
        let somewhere = Target::Symbol { symbol: index, addend };
        let Place::Section(section) = symbol.place else { return Ok(somewhere) };
        if !is_bound || self.is_shared[section as usize] || self.may_move(section) {
            return Ok(somewhere);
        }
        let offset = symbol.value.wrapping_add_signed(addend);
        Ok(match self.section_symbols[section as usize] {
            0 => Target::Here { section, offset, symbol: index, addend },
            symbol => Target::Here { section, offset, symbol, addend: offset as i64 },
        })
    }
}

/// The kernel's loader of modules knows no distances on MIPS, and refuses a module that has one.
fn refuse_module_of_mips(elf: &Elf<'_>) -> Result<()> {
    if elf.machine.name != "mips" || !elf.is_module() {
        return Ok(());
    }
    let what = "the kernel's loader for MIPS knows no relocation that a packed module needs";
    Err(Finding::new(Code::E0902, what)
        .help("let the module register its annotations itself: `inspect_adopt_pairs`"))
}

/// What link-time optimisation will compile later holds no annotations yet, though it may look like it.
fn refuse_intermediate_code(elf: &Elf<'_>) -> Result<()> {
    let is_fat = elf.sections.iter().any(|it| it.name == SECTION);
    if is_fat || !elf.has_intermediate_code() {
        return Ok(());
    }
    let what = "this is an object for link-time optimisation, which holds no machine code yet";
    Err(Finding::new(Code::E0902, what).help("pack the program after it was linked"))
}

impl<'a> Image<'a> for Relocatable<'a> {
    fn elf(&self) -> &Elf<'a> {
        &self.elf
    }

    fn chunks(&self) -> &[Chunk<'a>] {
        &self.chunks
    }

    fn read(&self, target: &Target, size: u64) -> Option<&'a [u8]> {
        let Target::Here { section, offset, .. } = target else { return None };
        let bytes = self.elf.bytes_of(self.elf.sections.get(*section as usize)?);
        let start = usize::try_from(*offset).ok()?;
        bytes.get(start..start.checked_add(usize::try_from(size).ok()?)?)
    }

    fn range_of(&self, target: &Target, size: u64) -> Option<Range<usize>> {
        let Target::Here { section, offset, .. } = target else { return None };
        let range = &self.elf.sections.get(*section as usize)?.range;
        let start = range.start.checked_add(usize::try_from(*offset).ok()?)?;
        let end = start.checked_add(usize::try_from(size).ok()?)?;
        (end <= range.end).then_some(start..end)
    }

    fn relative(&self, chunk: &Chunk<'a>, table: u64, field: u64, _: u64) -> Target {
        let place = field + self.elf.pointer_in_number();
        chunk.pointer(table.wrapping_add(place)).plus(place.wrapping_neg())
    }

    fn pointer(&self, target: &Target) -> Result<Target> {
        let Target::Here { section: index, offset, .. } = target else { return Ok(Target::Null) };
        let Some(section) = self.elf.sections.get(*index as usize) else { return Ok(Target::Null) };
        for holder in self.holders(*index) {
            for relocation in self.elf.relocations(holder)? {
                if relocation.offset == *offset {
                    let found = self.target(section, &relocation)?;
                    return Ok(found.map_or(Target::Null, |(_, target)| target));
                }
            }
        }
        Ok(Target::Null)
    }

    fn symbol_name(&self, symbol: u32) -> Cow<'a, str> {
        let symbol = self.symbols.get(symbol as usize);
        symbol.map_or(Cow::Borrowed(""), |it| String::from_utf8_lossy(it.name))
    }
}
