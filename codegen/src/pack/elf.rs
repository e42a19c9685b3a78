//! An ELF file as the packer sees it: one shape for both word sizes and byte orders, every number checked
//! against the file.
//!
//! The crate `object` reads; nothing of it leaves this module but constants. What the packer changes, it
//! changes in the bytes, at the places that are kept here: a file is patched, never rebuilt.

use std::mem::offset_of;
use std::ops::Range;

use inspect_format::abi::Order;
use inspect_format::bits;
use inspect_format::notes::{Note, Notes};
use object::Endianness;
use object::elf;
use object::read::elf::{
    Dyn as _, FileHeader, ProgramHeader as _, Rel as _, Rela as _, SectionHeader as _, Sym as _,
};
use object::read::{SectionIndex, SymbolIndex};

use super::finding::{Finding, Result};
use super::machine::Machine;
use crate::diag::Code;

/// A file whose headers have been read.
#[derive(Debug)]
pub(super) struct Elf<'a> {
    pub(super) bytes: &'a [u8],
    pub(super) order: Order,
    pub(super) word_size: u8,
    pub(super) machine: Machine,
    pub(super) kind: Kind,
    pub(super) sections: Vec<Section<'a>>,
    pub(super) segments: Vec<Segment>,
    /// The segments that are loaded from the file, by address.
    loaded: Vec<Segment>,
}

/// What the file is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    /// An object file, the output of `ld -r`, a kernel module.
    Relocatable,
    /// A program that runs where it was linked.
    Executable,
    /// A shared object or a position-independent program.
    Shared,
}

/// A section. Its bytes lie within the file.
#[derive(Clone, Debug)]
pub(super) struct Section<'a> {
    pub(super) name: &'a [u8],
    pub(super) kind: elf::SectionType,
    pub(super) flags: u64,
    pub(super) address: u64,
    /// In the file; of no bytes where the section has none.
    pub(super) range: Range<usize>,
    /// In memory.
    pub(super) size: u64,
    pub(super) info: u32,
    /// Where its header stands in the file.
    pub(super) header: usize,
}

/// A segment. Its bytes lie within the file.
#[derive(Clone, Debug)]
pub(super) struct Segment {
    pub(super) kind: elf::ProgramType,
    pub(super) address: u64,
    pub(super) range: Range<usize>,
}

/// A symbol of one of the tables.
#[derive(Clone, Copy, Debug)]
pub(super) struct Symbol<'a> {
    pub(super) name: &'a [u8],
    pub(super) binding: elf::SymbolBind,
    pub(super) kind: elf::SymbolType,
    pub(super) visibility: elf::SymbolVisibility,
    pub(super) place: Place,
    pub(super) value: u64,
    /// Where it stands in the file.
    pub(super) at: usize,
}

/// Where a symbol is defined.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Place {
    Undefined,
    Section(u32),
    /// An absolute number, or a variable that the linker has yet to place.
    Special,
}

/// A relocation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Relocation {
    /// From the start of its section; of a dynamic one, an address.
    pub(super) offset: u64,
    pub(super) symbol: u32,
    pub(super) kind: u32,
    /// `None` where it stands in the place.
    pub(super) addend: Option<i64>,
}

/// Reads with the layout of one word size.
macro_rules! by_word {
    ($self:expr, $function:ident($($argument:expr),*)) => {
        match $self.word_size {
            4 => $function::<elf::FileHeader32<Endianness>>($($argument),*),
            _ => $function::<elf::FileHeader64<Endianness>>($($argument),*),
        }
    };
}

impl<'a> Elf<'a> {
    /// Reads the headers of a file.
    pub(super) fn parse(bytes: &'a [u8]) -> Result<Self> {
        if !bytes.starts_with(&elf::ELFMAG) {
            return Err(not_elf(bytes));
        }
        match bytes.get(offset_of!(elf::Ident, class)) {
            Some(1) => parse::<elf::FileHeader32<Endianness>>(bytes, 4),
            Some(2) => parse::<elf::FileHeader64<Endianness>>(bytes, 8),
            _ => Err(broken("its word size is neither 32 nor 64 bits")),
        }
    }

    /// The bytes of a section in the file.
    pub(super) fn bytes_of(&self, section: &Section<'_>) -> &'a [u8] {
        self.bytes.get(section.range.clone()).unwrap_or_default()
    }

    /// The notes of a section; none in one of another kind, nor behind one that is broken.
    pub(super) fn notes(&self, section: &Section<'_>) -> impl Iterator<Item = Note<'a>> + use<'a> {
        let is_notes = section.kind == elf::SHT_NOTE;
        let bytes = if is_notes { self.bytes_of(section) } else { &[] };
        Notes::new(bytes, self.order).map_while(std::result::Result::ok)
    }

    /// Whether a kernel loads it.
    pub(super) fn is_module(&self) -> bool {
        self.sections.iter().any(|it| it.name == b".gnu.linkonce.this_module")
    }

    /// Whether it holds the form from which a linker with link-time optimisation compiles.
    pub(super) fn has_intermediate_code(&self) -> bool {
        let is_code = |name: &[u8]| name.starts_with(b".gnu.lto_") || name == b".llvm.lto";
        self.sections.iter().any(|it| is_code(it.name))
    }

    /// Where `size` bytes at an address of a linked file stand in the file.
    pub(super) fn range_at(&self, address: u64, size: u64) -> Option<Range<usize>> {
        let until = self.loaded.partition_point(|segment| segment.address <= address);
        let segment = self.loaded[..until].last()?;
        let from = address - segment.address;
        let end = from.checked_add(size)?;
        (end <= segment.range.len() as u64)
            .then(|| segment.range.start + from as usize..segment.range.start + end as usize)
    }

    /// `size` bytes at an address of a linked file.
    pub(super) fn at(&self, address: u64, size: u64) -> Option<&'a [u8]> {
        self.bytes.get(self.range_at(address, size)?)
    }

    /// The pointer that stands in these bytes.
    pub(super) fn word(&self, bytes: &[u8]) -> Option<u64> {
        bits::read(bytes, 0, u32::from(self.word_size) * 8, self.order)
    }

    /// The bytes of a pointer.
    pub(super) fn word_bytes(&self, value: u64) -> Vec<u8> {
        let mut bytes = Vec::with_capacity(usize::from(self.word_size));
        self.put_word(value, &mut bytes);
        bytes
    }

    /// Adds the bytes of a pointer to others.
    pub(super) fn put_word(&self, value: u64, bytes: &mut Vec<u8>) {
        match (self.word_size, self.order) {
            (4, Order::Little) => bytes.extend((value as u32).to_le_bytes()),
            (4, Order::Big) => bytes.extend((value as u32).to_be_bytes()),
            (_, Order::Little) => bytes.extend(value.to_le_bytes()),
            (_, Order::Big) => bytes.extend(value.to_be_bytes()),
        }
    }

    /// Where a pointer stands in 8 bytes that hold a number: in 32-bit big-endian files in the second half.
    pub(super) fn pointer_in_number(&self) -> u64 {
        if self.word_size == 4 && self.order == Order::Big { 4 } else { 0 }
    }

    /// The bytes of an 8-byte number.
    pub(super) fn number_bytes(&self, value: u64) -> [u8; 8] {
        match self.order {
            Order::Little => value.to_le_bytes(),
            Order::Big => value.to_be_bytes(),
        }
    }

    /// The symbols of the section `index`, which is a table of them.
    pub(super) fn symbols(&self, index: usize) -> Result<Vec<Symbol<'a>>> {
        by_word!(self, symbols(self.bytes, index))
    }

    /// The relocations of a section of them.
    pub(super) fn relocations(&self, section: &Section<'_>) -> Result<Vec<Relocation>> {
        let has_addends = section.kind == elf::SHT_RELA;
        self.relocations_in(section.range.clone(), has_addends)
    }

    /// The relocations that stand in bytes of the file.
    pub(super) fn relocations_in(
        &self,
        range: Range<usize>,
        has_addends: bool,
    ) -> Result<Vec<Relocation>> {
        let bytes = self.bytes.get(range).ok_or_else(|| broken("relocations lie outside it"))?;
        by_word!(self, relocations(bytes, has_addends, self.endian()))
    }

    /// Bytes of a relocation.
    pub(super) fn relocation_size(&self, has_addends: bool) -> usize {
        match (self.word_size, has_addends) {
            (4, false) => size_of::<elf::Rel32<Endianness>>(),
            (4, true) => size_of::<elf::Rela32<Endianness>>(),
            (_, false) => size_of::<elf::Rel64<Endianness>>(),
            (_, true) => size_of::<elf::Rela64<Endianness>>(),
        }
    }

    /// The bytes of relocations; those without an addend leave it in the place.
    pub(super) fn relocation_bytes(&self, relocations: &[Relocation]) -> Vec<u8> {
        let mut bytes = Vec::with_capacity(relocations.len() * 24);
        for relocation in relocations {
            let info = match self.word_size {
                4 => u64::from(relocation.symbol) << 8 | u64::from(relocation.kind & 0xff),
                _ => u64::from(relocation.symbol) << 32 | u64::from(relocation.kind),
            };
            self.put_word(relocation.offset, &mut bytes);
            self.put_word(info, &mut bytes);
            if let Some(addend) = relocation.addend {
                self.put_word(addend as u64, &mut bytes);
            }
        }
        bytes
    }

    /// The entries of the dynamic section: tag, value, and where the value stands in the file.
    pub(super) fn dynamic(&self) -> Result<Vec<(i64, u64, usize)>> {
        let Some(segment) = self.segments.iter().find(|it| it.kind == elf::PT_DYNAMIC) else {
            return Ok(Vec::new());
        };
        let bytes = self.bytes.get(segment.range.clone()).unwrap_or_default();
        let start = segment.range.start;
        by_word!(self, dynamic(bytes, start, self.endian()))
    }

    /// Where a field of a section's header stands in the file.
    pub(super) fn header_field(&self, section: &Section<'_>, field: HeaderField) -> usize {
        type Narrow = elf::SectionHeader32<Endianness>;
        type Wide = elf::SectionHeader64<Endianness>;
        section.header
            + match (self.word_size, field) {
                (4, HeaderField::Address) => offset_of!(Narrow, sh_addr),
                (4, HeaderField::Offset) => offset_of!(Narrow, sh_offset),
                (4, HeaderField::Size) => offset_of!(Narrow, sh_size),
                (_, HeaderField::Address) => offset_of!(Wide, sh_addr),
                (_, HeaderField::Offset) => offset_of!(Wide, sh_offset),
                (_, HeaderField::Size) => offset_of!(Wide, sh_size),
            }
    }

    /// Where the value and the size of a symbol stand in the file.
    pub(super) fn symbol_fields(&self, symbol: &Symbol<'_>) -> [usize; 2] {
        type Narrow = elf::Sym32<Endianness>;
        type Wide = elf::Sym64<Endianness>;
        match self.word_size {
            4 => [offset_of!(Narrow, st_value), offset_of!(Narrow, st_size)],
            _ => [offset_of!(Wide, st_value), offset_of!(Wide, st_size)],
        }
        .map(|field| symbol.at + field)
    }

    fn endian(&self) -> Endianness {
        match self.order {
            Order::Little => Endianness::Little,
            Order::Big => Endianness::Big,
        }
    }
}

/// A field of a section's header that the packer changes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum HeaderField {
    Address,
    Offset,
    Size,
}

impl Section<'_> {
    /// Whether it holds relocations of the usual forms.
    pub(super) fn is_relocations(&self) -> bool {
        self.kind == elf::SHT_REL || self.kind == elf::SHT_RELA
    }

    /// Whether it is loaded.
    pub(super) fn is_allocated(&self) -> bool {
        self.flags & elf::SHF_ALLOC.0 != 0
    }

    /// Whether it lies within `range` of the addresses of a linked file.
    pub(super) fn lies_in(&self, range: &Range<u64>) -> bool {
        self.is_allocated()
            && range.contains(&self.address)
            && self.address.checked_add(self.size).is_some_and(|end| end <= range.end)
    }
}

/// How many times all bytes of a file its names may be: names that end alike share their bytes.
const MOST_NAMES: usize = 8;

/// What parts of a file may add up to. In a whole file they hardly overlap; where each of thousands covers
/// all of it, reading them would take time and memory out of all proportion.
struct Room(usize);

impl Room {
    fn of(bytes: &[u8], times: usize) -> Self {
        Self(bytes.len().saturating_mul(times))
    }

    fn take(&mut self, size: usize, what: &str) -> Result<()> {
        self.0 = self.0.checked_sub(size).ok_or_else(|| broken(what))?;
        Ok(())
    }
}

/// A file that contradicts itself.
pub(super) fn broken(what: impl std::fmt::Display) -> Finding {
    Finding::new(Code::E0901, format!("this is a damaged ELF file: {what}"))
        .help("build it again; `readelf -a` shows what other tools think of it")
}

fn not_elf(bytes: &[u8]) -> Finding {
    let (what, help) = match bytes {
        [b'!', b'<', b'a', b'r' | b't', ..] => (
            "this is an archive",
            "name its members, before `ar`, or the program that was linked with the archive",
        ),
        [b'B', b'C', 0xc0, 0xde, ..] => (
            "this is an object for link-time optimisation, which holds no machine code yet",
            "pack the program after it was linked",
        ),
        [0xcf | 0xce, 0xfa, 0xed, 0xfe, ..] => ("this is a Mach-O file", "only ELF can be packed"),
        [b'M', b'Z', ..] => ("this is a Windows program", "only ELF can be packed"),
        [] => ("this file is empty", "name an object file, a program or a shared object"),
        _ => ("this is not an ELF file", "name an object file, a program or a shared object"),
    };
    Finding::new(Code::E0902, what).help(help)
}

fn parse<E: FileHeader<Endian = Endianness>>(bytes: &[u8], word_size: u8) -> Result<Elf<'_>> {
    let header = E::parse(bytes).map_err(broken)?;
    let endian = header.endian().map_err(broken)?;
    let kind = match header.e_type(endian) {
        elf::ET_REL => Kind::Relocatable,
        elf::ET_EXEC => Kind::Executable,
        elf::ET_DYN => Kind::Shared,
        elf::ET_CORE => {
            return Err(Finding::new(Code::E0902, "this is a core, which is read and not packed")
                .help("pack the program that left it"));
        }
        other => return Err(broken(format_args!("its type {} is not known", other.0))),
    };
    let machine = Machine::new(header.e_machine(endian).0, word_size, endian)?;
    let table = header.sections(endian, bytes).map_err(broken)?;
    let first_header = header.e_shoff(endian).into() as usize;
    let mut sections = Vec::with_capacity(table.len());
    let mut named = Room::of(bytes, MOST_NAMES);
    let mut filled = Room::of(bytes, 2);
    for (index, section) in table.enumerate() {
        let name = table.section_name(endian, section).unwrap_or_default();
        named.take(name.len(), "the names of its sections overlap")?;
        let data = section.data(endian, bytes).map_err(|error| {
            broken(format_args!("section {} (`{}`): {error}", index.0, name.escape_ascii()))
        })?;
        filled.take(data.len(), "its sections overlap")?;
        let start = if data.is_empty() { 0 } else { section.sh_offset(endian).into() as usize };
        sections.push(Section {
            name,
            kind: section.sh_type(endian),
            flags: section.sh_flags(endian).0,
            address: section.sh_addr(endian).into(),
            range: start..start + data.len(),
            size: section.sh_size(endian).into(),
            info: section.sh_info(endian),
            header: first_header + index.0 * size_of::<E::SectionHeader>(),
        });
    }
    for kind in [elf::SHT_SYMTAB, elf::SHT_DYNSYM] {
        if sections.iter().filter(|it| it.kind == kind).count() > 1 {
            return Err(broken("it has several tables of symbols of one kind"));
        }
    }
    let mut segments = Vec::new();
    let mut room = Room::of(bytes, 2);
    for segment in header.program_headers(endian, bytes).map_err(broken)? {
        let (offset, size) = segment.file_range(endian);
        let data = segment.data(endian, bytes);
        let data = data.map_err(|()| broken("a segment reaches beyond its end"))?;
        debug_assert_eq!(data.len() as u64, size);
        let start = if data.is_empty() { 0 } else { offset as usize };
        let (kind, address) = (segment.p_type(endian), segment.p_vaddr(endian).into());
        if kind == elf::PT_LOAD {
            room.take(data.len(), "its segments overlap")?;
            // So that addresses within segments can be added to.
            if address.checked_add(size).is_none_or(|end| end > u64::MAX - (1 << 20)) {
                return Err(broken("a segment reaches beyond the last address"));
            }
        }
        segments.push(Segment { kind, address, range: start..start + data.len() });
    }
    let is_loaded = |it: &&Segment| it.kind == elf::PT_LOAD && !it.range.is_empty();
    let mut loaded: Vec<Segment> = segments.iter().filter(is_loaded).cloned().collect();
    loaded.sort_by_key(|it| it.address);
    let order = if endian == Endianness::Little { Order::Little } else { Order::Big };
    Ok(Elf { bytes, order, word_size, machine, kind, sections, segments, loaded })
}

fn symbols<E: FileHeader<Endian = Endianness>>(
    bytes: &[u8],
    index: usize,
) -> Result<Vec<Symbol<'_>>> {
    let header = E::parse(bytes).map_err(broken)?;
    let endian = header.endian().map_err(broken)?;
    let sections = header.sections(endian, bytes).map_err(broken)?;
    let section = sections.section(SectionIndex(index)).map_err(broken)?;
    let table = section.symbols(endian, bytes, &sections, SectionIndex(index)).map_err(broken)?;
    let Some(table) = table else { return Err(broken("a table of symbols is none")) };
    let start = section.sh_offset(endian).into() as usize;
    let mut symbols = Vec::with_capacity(table.len());
    let mut named = Room::of(bytes, MOST_NAMES);
    for (index, symbol) in table.symbols().iter().enumerate() {
        let place = table.symbol_section(endian, symbol, SymbolIndex(index)).map_err(broken)?;
        let place = match (place, symbol.st_shndx(endian)) {
            (Some(section), _) => match sections.section(section) {
                Ok(_) => Place::Section(section.0 as u32),
                Err(_) => return Err(broken("a symbol's section does not exist")),
            },
            (None, elf::SHN_UNDEF) => Place::Undefined,
            (None, _) => Place::Special,
        };
        let name = table.symbol_name(endian, symbol).map_err(broken)?;
        named.take(name.len(), "the names of its symbols overlap")?;
        symbols.push(Symbol {
            name,
            binding: symbol.st_bind(),
            kind: symbol.st_type(),
            visibility: symbol.st_visibility(),
            place,
            value: symbol.st_value(endian).into(),
            at: start + index * size_of::<E::Sym>(),
        });
    }
    Ok(symbols)
}

fn relocations<E: FileHeader<Endian = Endianness>>(
    bytes: &[u8],
    has_addends: bool,
    endian: Endianness,
) -> Result<Vec<Relocation>> {
    let uneven = |_| broken("relocations are cut off, or not aligned");
    if has_addends {
        let all = object::pod::slice_from_all_bytes::<E::Rela>(bytes).map_err(uneven)?;
        let one = |it: &E::Rela| Relocation {
            offset: it.r_offset(endian).into(),
            symbol: it.r_sym(endian, false),
            kind: it.r_type(endian, false).0,
            addend: Some(it.r_addend(endian).into()),
        };
        return Ok(all.iter().map(one).collect());
    }
    let all = object::pod::slice_from_all_bytes::<E::Rel>(bytes).map_err(uneven)?;
    let one = |it: &E::Rel| Relocation {
        offset: it.r_offset(endian).into(),
        symbol: it.r_sym(endian),
        kind: it.r_type(endian).0,
        addend: None,
    };
    Ok(all.iter().map(one).collect())
}

fn dynamic<E: FileHeader<Endian = Endianness>>(
    bytes: &[u8],
    start: usize,
    endian: Endianness,
) -> Result<Vec<(i64, u64, usize)>> {
    let uneven = |_| broken("the dynamic section is cut off, or not aligned");
    let all = object::pod::slice_from_all_bytes::<E::Dyn>(bytes).map_err(uneven)?;
    let value_at = size_of::<E::Dyn>() / 2;
    let entry = |(index, it): (usize, &E::Dyn)| {
        (
            it.d_tag(endian).0,
            it.d_val(endian).into(),
            start + index * size_of::<E::Dyn>() + value_at,
        )
    };
    let all = all.iter().enumerate().map(entry);
    Ok(all.take_while(|(tag, ..)| *tag != elf::DT_NULL.0).collect())
}
