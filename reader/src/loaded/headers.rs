//! The headers of ELF files, wherever their bytes are: a file, a core, another process.
//!
//! The structs are those of the `object` crate. What it does not do is to read them from anything
//! but a slice, and headers of cores are megabytes that nobody should hold: segments come one by one
//! out of a window that moves over them.

use std::fmt;

use inspect_format::abi::Order;
use object::Endianness;
use object::elf::{self, FileHeader32, FileHeader64, ProgramHeader32, ProgramHeader64};
use object::elf::{SectionHeader32, SectionHeader64};
use object::pod::{self, Pod};
use object::read::elf::{FileHeader, ProgramHeader, SectionHeader};

use crate::image::Machine;
use crate::memory::Missing;

/// Bytes by offset from the first byte of the file header.
pub(crate) type Source<'s> = &'s dyn Fn(u64, &mut [u8]) -> Result<(), Missing>;

/// A file header.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Headers {
    /// Of whoever wrote the file.
    pub machine: Machine,
    /// `ET_*`
    pub kind: u16,
    /// Where the program begins.
    pub entry: u64,
    /// How many segments there are.
    pub segment_count: u32,
    /// Where their headers stand in the file.
    pub segments_at: u64,
    /// How many sections there are.
    pub section_count: u64,
    /// Where their headers stand in the file.
    pub sections_at: u64,
    /// Which section has the names of all.
    pub names_index: u32,
}

/// The header of a section.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Section {
    /// Where its name begins in the section of names.
    pub name: u32,
    /// `SHT_*`
    pub kind: u32,
    /// Where it lies in memory.
    pub address: u64,
    /// Where it stands in the file.
    pub offset: u64,
    /// How many bytes it has.
    pub size: u64,
    /// The section that belongs to it.
    pub link: u32,
}

/// The header of a segment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Segment {
    /// `PT_*`
    pub kind: u32,
    /// Bits of `PF_*`.
    pub flags: u32,
    /// Where it stands in the file.
    pub offset: u64,
    /// Where it lies in memory.
    pub address: u64,
    /// Where it lies in physical memory.
    pub physical: u64,
    /// Bytes in the file.
    pub file_size: u64,
    /// Bytes in memory.
    pub memory_size: u64,
    /// What offset and address are equal modulo.
    pub align: u64,
}

/// Why there are no headers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum HeaderError {
    /// They are not all there.
    Missing(Missing),
    /// No ELF file.
    Magic,
    /// Neither 32 nor 64 bits, neither byte order, or a version that is not known.
    Ident,
    /// Segment headers of another size than there is.
    SegmentSize(u16),
    /// Segments without a beginning in memory, where one was looked for.
    Unplaced,
}

impl Headers {
    /// Reads the file header.
    pub(crate) fn read(source: Source<'_>) -> Result<Self, HeaderError> {
        let mut ident = [0; 16];
        source(0, &mut ident)?;
        if ident[..4] != elf::ELFMAG {
            return Err(HeaderError::Magic);
        }
        match ident[4] {
            1 => Self::read_class::<FileHeader32<Endianness>>(source),
            2 => Self::read_class::<FileHeader64<Endianness>>(source),
            _ => Err(HeaderError::Ident),
        }
    }

    fn read_class<E: FileHeader<Endian = Endianness>>(
        source: Source<'_>,
    ) -> Result<Self, HeaderError> {
        let mut bytes = [0; size_of::<FileHeader64<Endianness>>()];
        let bytes = bytes.get_mut(..size_of::<E>()).unwrap_or_default();
        source(0, bytes)?;
        let header = E::parse(&*bytes).map_err(|_| HeaderError::Ident)?;
        let endian = header.endian().map_err(|_| HeaderError::Ident)?;
        let mut segment_count = u32::from(header.e_phnum(endian));
        let stride = header.e_phentsize(endian);
        if segment_count != 0 && usize::from(stride) != size_of::<E::ProgramHeader>() {
            return Err(HeaderError::SegmentSize(stride));
        }
        let sections_at: u64 = header.e_shoff(endian).into();
        let mut section_count = u64::from(header.e_shnum(endian));
        let mut names_index = u32::from(header.e_shstrndx(endian).0);
        if usize::from(header.e_shentsize(endian)) != size_of::<E::SectionHeader>() {
            section_count = 0;
        }
        // Numbers that the file header has no room for stand in the first section header. Whether
        // there is one, a file may leave open that has lost its sections.
        if sections_at != 0
            && let Ok(section) = first_section::<E>(source, sections_at)
        {
            if segment_count == u32::from(elf::PN_XNUM) {
                segment_count = section.sh_info(endian);
            }
            if section_count == 0 && header.e_shnum(endian) == 0 {
                section_count = section.sh_size(endian).into();
            }
            if names_index == u32::from(elf::SHN_XINDEX.0) {
                names_index = section.sh_link(endian);
            }
        }
        let machine = Machine {
            order: if header.is_little_endian() { Order::Little } else { Order::Big },
            word_size: if header.is_type_64() { 8 } else { 4 },
            number: header.e_machine(endian).0,
            flags: header.e_flags(endian).0,
        };
        Ok(Self {
            machine,
            kind: header.e_type(endian).0,
            entry: header.e_entry(endian).into(),
            segment_count,
            segments_at: header.e_phoff(endian).into(),
            section_count,
            sections_at,
            names_index,
        })
    }

    /// Calls `each` for every section, in the order of the file, until it returns `false`.
    pub(crate) fn sections(
        &self,
        source: Source<'_>,
        each: &mut dyn FnMut(Section) -> bool,
    ) -> Result<(), HeaderError> {
        let endian = endian(self.machine.order);
        let (at, count) = (self.sections_at, self.section_count);
        match self.machine.word_size {
            4 => windows::<SectionHeader32<Endianness>>(source, at, count, &mut |it| {
                each(Section::of(it, endian))
            }),
            _ => windows::<SectionHeader64<Endianness>>(source, at, count, &mut |it| {
                each(Section::of(it, endian))
            }),
        }
    }

    /// Calls `each` for every segment, in the order of the file, until it returns `false`.
    pub(crate) fn segments(
        &self,
        source: Source<'_>,
        each: &mut dyn FnMut(Segment) -> bool,
    ) -> Result<(), HeaderError> {
        let endian = endian(self.machine.order);
        let (at, count) = (self.segments_at, self.segment_count.into());
        match self.machine.word_size {
            4 => windows::<ProgramHeader32<Endianness>>(source, at, count, &mut |it| {
                each(Segment::of(it, endian))
            }),
            _ => windows::<ProgramHeader64<Endianness>>(source, at, count, &mut |it| {
                each(Segment::of(it, endian))
            }),
        }
    }
}

/// Calls `each` for structs that stand one behind another, until it returns `false`.
fn windows<T: Pod>(
    source: Source<'_>,
    mut at: u64,
    mut left: u64,
    each: &mut dyn FnMut(&T) -> bool,
) -> Result<(), HeaderError> {
    const WINDOW: u64 = 1024;
    let mut window = Vec::new();
    while left > 0 {
        let here = left.min(WINDOW);
        window.resize(here as usize * size_of::<T>(), 0);
        source(at, &mut window)?;
        let items: &[T] = pod::slice_from_all_bytes(&window).map_err(|()| HeaderError::Ident)?;
        if !items.iter().all(&mut *each) {
            return Ok(());
        }
        left -= here;
        at = at.saturating_add(window.len() as u64);
    }
    Ok(())
}

/// The first section header.
fn first_section<E: FileHeader<Endian = Endianness>>(
    source: Source<'_>,
    sections_at: u64,
) -> Result<E::SectionHeader, HeaderError> {
    let mut bytes = [0; size_of::<SectionHeader64<Endianness>>()];
    let bytes = bytes.get_mut(..size_of::<E::SectionHeader>()).unwrap_or_default();
    source(sections_at, bytes)?;
    let (section, _) =
        pod::from_bytes::<E::SectionHeader>(bytes).map_err(|()| HeaderError::Ident)?;
    Ok(*section)
}

/// The same byte order in the words of `object`.
pub(crate) fn endian(order: Order) -> Endianness {
    match order {
        Order::Little => Endianness::Little,
        Order::Big => Endianness::Big,
    }
}

impl Section {
    fn of<S: SectionHeader<Endian = Endianness>>(header: &S, endian: Endianness) -> Self {
        Self {
            name: header.sh_name(endian),
            kind: header.sh_type(endian).0,
            address: header.sh_addr(endian).into(),
            offset: header.sh_offset(endian).into(),
            size: header.sh_size(endian).into(),
            link: header.sh_link(endian),
        }
    }
}

impl Segment {
    fn of<P: ProgramHeader<Endian = Endianness>>(header: &P, endian: Endianness) -> Self {
        Self {
            kind: header.p_type(endian).0,
            flags: header.p_flags(endian).0,
            offset: header.p_offset(endian).into(),
            address: header.p_vaddr(endian).into(),
            physical: header.p_paddr(endian).into(),
            file_size: header.p_filesz(endian).into(),
            memory_size: header.p_memsz(endian).into(),
            align: header.p_align(endian).into(),
        }
    }

    /// Whether it is memory.
    #[must_use]
    pub fn is_load(&self) -> bool {
        self.kind == elf::PT_LOAD.0
    }
}

impl From<Missing> for HeaderError {
    fn from(missing: Missing) -> Self {
        Self::Missing(missing)
    }
}

impl std::error::Error for HeaderError {}

impl fmt::Display for HeaderError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Missing(missing) => write!(f, "the ELF headers are not all there: {missing}"),
            Self::Magic => f.write_str("this is no ELF file"),
            Self::Ident => f.write_str("an ELF file of a kind that is not known"),
            Self::SegmentSize(found) => {
                write!(f, "ELF segment headers of {found} bytes are impossible")
            }
            Self::Unplaced => f.write_str("no ELF segment holds the file header"),
        }
    }
}
