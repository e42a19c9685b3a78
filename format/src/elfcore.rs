//! The headers of ELF cores: who wrote it, where its notes and the memory stand in the file.
//!
//! [`CoreHeader`] writes them piece by piece into small arrays, so that a crash handler needs
//! neither an allocator nor to know all segments at once; [`Core`] reads them. Both know 32 and 64
//! bits and both byte orders, and more segments than the header's own 16 bits can count. What notes
//! hold is the business of [`notes`](crate::notes).

use core::fmt;

use crate::abi::Order;
use crate::notes::{Note, NoteError, Notes};

/// A segment of notes.
pub const PT_NOTE: u32 = 4;
/// A segment of memory.
pub const PT_LOAD: u32 = 1;
/// In a segment's flags: readable.
pub const PF_R: u32 = 4;
/// In a segment's flags: writable.
pub const PF_W: u32 = 2;

/// The ELF type of a core.
const ET_CORE: u16 = 4;
/// In place of the number of segments: it stands in the first section header.
const PN_XNUM: u64 = 0xffff;
const MAGIC: [u8; 4] = *b"\x7fELF";
const EV_CURRENT: u8 = 1;

/// How wide a core's addresses are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Class {
    /// 32 bits.
    Elf32,
    /// 64 bits.
    Elf64,
}

/// What the headers of a core say about it as a whole.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CoreHeader {
    /// How wide addresses are.
    pub class: Class,
    /// Of everything in the headers.
    pub order: Order,
    /// The processor, `EM_*`.
    pub machine: u16,
    /// The processor's own flags, `e_flags`.
    pub flags: u32,
    /// How many segments there are, of all kinds.
    pub segment_count: u32,
}

/// A segment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Segment {
    /// [`PT_NOTE`] or [`PT_LOAD`].
    pub kind: u32,
    /// [`PF_R`] and [`PF_W`].
    pub flags: u32,
    /// Where it stands in the file.
    pub offset: u64,
    /// Where it lay in memory; 0 for notes.
    pub address: u64,
    /// Where it lay in physical memory: of a machine. 0 in the core of a process, which has none.
    pub physical: u64,
    /// Bytes in the file.
    pub file_size: u64,
    /// Bytes in memory; a debugger takes what the file lacks for zeros. Equal to `file_size` in
    /// every core that this crate's users write, and 0 for notes.
    pub memory_size: u64,
    /// `offset` and `address` are equal modulo this; 0 and 1 promise nothing.
    pub align: u64,
}

/// A piece of the headers: at most 64 bytes.
#[derive(Clone, Copy, Debug)]
pub struct Piece {
    bytes: [u8; 64],
    length: usize,
    order: Order,
    class: Class,
    fits: bool,
}

impl CoreHeader {
    /// Bytes of all headers: what follows may begin here.
    #[must_use]
    pub fn size(&self) -> u64 {
        let section = if self.is_extended() { self.class.section_size() } else { 0 };
        self.section_offset() + u64::from(section)
    }

    /// The first piece of a core.
    #[must_use]
    pub fn file_header(&self) -> Piece {
        let extended = self.is_extended();
        let mut piece = Piece::new(self);
        let class = match self.class {
            Class::Elf32 => 1,
            Class::Elf64 => 2,
        };
        let order = match self.order {
            Order::Little => 1,
            Order::Big => 2,
        };
        piece.raw(&MAGIC);
        piece.raw(&[class, order, EV_CURRENT, 0, 0, 0, 0, 0, 0, 0, 0, 0]);
        piece.half(ET_CORE);
        piece.half(self.machine);
        piece.word(EV_CURRENT.into());
        piece.address(0);
        piece.address(self.class.header_size().into());
        piece.address(if extended { self.section_offset() } else { 0 });
        piece.word(self.flags);
        piece.half(self.class.header_size());
        piece.half(self.class.segment_size());
        piece.half(u64::from(self.segment_count).min(PN_XNUM) as u16);
        piece.half(if extended { self.class.section_size() } else { 0 });
        piece.half(u16::from(extended));
        piece.half(0);
        piece
    }

    /// The header of a segment. They follow the file header, as many as were announced. `None`
    /// where the segment has a number that 32 bits do not hold and the core has no more.
    #[must_use]
    pub fn segment(&self, segment: &Segment) -> Option<Piece> {
        let mut piece = Piece::new(self);
        piece.word(segment.kind);
        if self.class == Class::Elf64 {
            piece.word(segment.flags);
        }
        piece.address(segment.offset);
        piece.address(segment.address);
        piece.address(segment.physical);
        piece.address(segment.file_size);
        piece.address(segment.memory_size);
        if self.class == Class::Elf32 {
            piece.word(segment.flags);
        }
        piece.address(segment.align);
        piece.fits.then_some(piece)
    }

    /// What follows the segments' headers where there are too many for the file header to count
    /// them: a section header that holds the number.
    #[must_use]
    pub fn section(&self) -> Option<Piece> {
        let mut piece = Piece::new(self);
        piece.word(0);
        piece.word(0);
        for _ in 0..3 {
            piece.address(0);
        }
        // The size: of the section table, which is this one.
        piece.address(1);
        piece.word(0);
        piece.word(self.segment_count);
        piece.address(0);
        piece.address(0);
        self.is_extended().then_some(piece)
    }

    fn is_extended(&self) -> bool {
        u64::from(self.segment_count) >= PN_XNUM
    }

    fn section_offset(&self) -> u64 {
        let (header, segment) = (self.class.header_size(), self.class.segment_size());
        u64::from(header) + u64::from(self.segment_count) * u64::from(segment)
    }
}

impl Class {
    /// That of the machine this runs on.
    pub const NATIVE: Self =
        if cfg!(target_pointer_width = "64") { Self::Elf64 } else { Self::Elf32 };

    fn header_size(self) -> u16 {
        if self == Self::Elf64 { 64 } else { 52 }
    }

    fn segment_size(self) -> u16 {
        if self == Self::Elf64 { 56 } else { 32 }
    }

    fn section_size(self) -> u16 {
        if self == Self::Elf64 { 64 } else { 40 }
    }
}

impl Piece {
    /// Its bytes.
    #[must_use]
    pub fn bytes(&self) -> &[u8] {
        &self.bytes[..self.length]
    }

    fn new(header: &CoreHeader) -> Self {
        let CoreHeader { order, class, .. } = *header;
        Self { bytes: [0; 64], length: 0, order, class, fits: true }
    }

    fn raw(&mut self, bytes: &[u8]) {
        // No header is longer than 64 bytes.
        self.bytes[self.length..self.length + bytes.len()].copy_from_slice(bytes);
        self.length += bytes.len();
    }

    fn half(&mut self, value: u16) {
        match self.order {
            Order::Little => self.raw(&value.to_le_bytes()),
            Order::Big => self.raw(&value.to_be_bytes()),
        }
    }

    fn word(&mut self, value: u32) {
        match self.order {
            Order::Little => self.raw(&value.to_le_bytes()),
            Order::Big => self.raw(&value.to_be_bytes()),
        }
    }

    fn address(&mut self, value: u64) {
        match (self.class, self.order) {
            (Class::Elf64, Order::Little) => self.raw(&value.to_le_bytes()),
            (Class::Elf64, Order::Big) => self.raw(&value.to_be_bytes()),
            (Class::Elf32, _) => {
                self.fits &= u32::try_from(value).is_ok();
                self.word(value as u32);
            }
        }
    }
}

/// A core that is read. The headers are checked, and every segment when it is asked for.
#[derive(Clone, Copy, Debug)]
pub struct Core<'a> {
    bytes: &'a [u8],
    header: CoreHeader,
    segments: &'a [u8],
    stride: usize,
}

/// What is wrong with a core.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CoreError {
    /// Where in the file.
    pub offset: u64,
    /// What.
    pub kind: CoreErrorKind,
}

/// The kinds of findings.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum CoreErrorKind {
    /// No ELF file.
    Magic,
    /// Neither 32 nor 64 bits, or neither byte order.
    Class,
    /// An ELF file, but no core: this is its type.
    Type(u16),
    /// The file ends before the headers do.
    Truncated,
    /// Segment headers that are shorter than they must be.
    SegmentSize(u16),
    /// The bytes of a segment lie outside the file.
    Outside,
    /// A note is broken.
    Note,
}

impl<'a> Core<'a> {
    /// Reads the headers of the core in `bytes`, the whole file or its beginning.
    pub fn parse(bytes: &'a [u8]) -> Result<Self, CoreError> {
        let at = |offset, kind| CoreError { offset, kind };
        let ident = bytes.first_chunk::<16>().ok_or(at(0, CoreErrorKind::Truncated))?;
        if ident[..4] != MAGIC {
            return Err(at(0, CoreErrorKind::Magic));
        }
        let class = match ident[4] {
            1 => Class::Elf32,
            2 => Class::Elf64,
            _ => return Err(at(4, CoreErrorKind::Class)),
        };
        let order = match ident[5] {
            1 => Order::Little,
            2 => Order::Big,
            _ => return Err(at(5, CoreErrorKind::Class)),
        };
        let mut fields = Fields { bytes, at: 16, order, class };
        let kind = fields.half()?;
        if kind != ET_CORE {
            return Err(at(16, CoreErrorKind::Type(kind)));
        }
        let machine = fields.half()?;
        fields.at += 4 + class.address_size();
        let segment_offset = fields.address()?;
        let section_offset = fields.address()?;
        let flags = fields.word()?;
        fields.at += 2;
        let stride_at = fields.at as u64;
        let stride = fields.half()?;
        if stride < class.segment_size() {
            return Err(at(stride_at, CoreErrorKind::SegmentSize(stride)));
        }
        let mut segment_count = u32::from(fields.half()?);
        if u64::from(segment_count) == PN_XNUM {
            // The member `info` of the first section header.
            let info = if class == Class::Elf64 { 44 } else { 28 };
            let outside = at(section_offset, CoreErrorKind::Truncated);
            let place = section_offset.checked_add(info).ok_or(outside)?;
            fields.at = usize::try_from(place).map_err(|_| outside)?;
            segment_count = fields.word()?;
        }
        let outside = at(segment_offset, CoreErrorKind::Truncated);
        let size = u64::from(segment_count) * u64::from(stride);
        let segments = slice(bytes, segment_offset, size).ok_or(outside)?;
        let header = CoreHeader { class, order, machine, flags, segment_count };
        Ok(Self { bytes, header, segments, stride: stride.into() })
    }

    /// What the headers say about the core as a whole.
    #[must_use]
    pub fn header(&self) -> &CoreHeader {
        &self.header
    }

    /// The segments, in the order of the file.
    pub fn segments(&self) -> impl Iterator<Item = Segment> + use<'a> {
        let CoreHeader { class, order, .. } = self.header;
        self.segments.chunks_exact(self.stride).filter_map(move |bytes| {
            let mut fields = Fields { bytes, at: 0, order, class };
            Segment::read(&mut fields).ok()
        })
    }

    /// The bytes of a segment that stand in the file.
    pub fn data(&self, segment: &Segment) -> Result<&'a [u8], CoreError> {
        slice(self.bytes, segment.offset, segment.file_size)
            .ok_or(CoreError { offset: segment.offset, kind: CoreErrorKind::Outside })
    }

    /// The notes of all segments.
    pub fn notes(&self) -> impl Iterator<Item = Result<Note<'a>, CoreError>> + use<'a> {
        let core = *self;
        let notes = self.segments().filter(|segment| segment.kind == PT_NOTE);
        notes.flat_map(move |segment| {
            let data = core.data(&segment);
            let failure = data.err();
            let found = Notes::new(data.unwrap_or_default(), core.header.order);
            let found = found.map(move |note: Result<Note<'a>, NoteError>| {
                note.map_err(|error| CoreError {
                    offset: segment.offset.saturating_add(error.offset),
                    kind: CoreErrorKind::Note,
                })
            });
            failure.map(Err).into_iter().chain(found)
        })
    }

    /// The `length` bytes that lay at `address`, if they are all in one segment of the file.
    #[must_use]
    pub fn memory(&self, address: u64, length: u64) -> Option<&'a [u8]> {
        self.segments().filter(|segment| segment.kind == PT_LOAD).find_map(|segment| {
            let inside = address.checked_sub(segment.address)?;
            let end = inside.checked_add(length)?;
            let offset = segment.offset.checked_add(inside)?;
            (end <= segment.file_size).then(|| slice(self.bytes, offset, length))?
        })
    }
}

impl Segment {
    fn read(fields: &mut Fields<'_>) -> Result<Self, CoreError> {
        let kind = fields.word()?;
        let mut flags = 0;
        if fields.class == Class::Elf64 {
            flags = fields.word()?;
        }
        let (offset, address) = (fields.address()?, fields.address()?);
        let physical = fields.address()?;
        let (file_size, memory_size) = (fields.address()?, fields.address()?);
        if fields.class == Class::Elf32 {
            flags = fields.word()?;
        }
        let align = fields.address()?;
        Ok(Self { kind, flags, offset, address, physical, file_size, memory_size, align })
    }
}

/// Numbers one behind another.
struct Fields<'a> {
    bytes: &'a [u8],
    at: usize,
    order: Order,
    class: Class,
}

impl Fields<'_> {
    fn raw<const N: usize>(&mut self) -> Result<[u8; N], CoreError> {
        let truncated = CoreError { offset: self.at as u64, kind: CoreErrorKind::Truncated };
        let rest = self.bytes.get(self.at..).ok_or(truncated)?;
        let bytes = rest.first_chunk().ok_or(truncated)?;
        self.at += N;
        Ok(*bytes)
    }

    fn half(&mut self) -> Result<u16, CoreError> {
        let bytes = self.raw()?;
        Ok(match self.order {
            Order::Little => u16::from_le_bytes(bytes),
            Order::Big => u16::from_be_bytes(bytes),
        })
    }

    fn word(&mut self) -> Result<u32, CoreError> {
        let bytes = self.raw()?;
        Ok(match self.order {
            Order::Little => u32::from_le_bytes(bytes),
            Order::Big => u32::from_be_bytes(bytes),
        })
    }

    fn address(&mut self) -> Result<u64, CoreError> {
        if self.class == Class::Elf32 {
            return self.word().map(u64::from);
        }
        let bytes = self.raw()?;
        Ok(match self.order {
            Order::Little => u64::from_le_bytes(bytes),
            Order::Big => u64::from_be_bytes(bytes),
        })
    }
}

impl Class {
    fn address_size(self) -> usize {
        if self == Self::Elf64 { 8 } else { 4 }
    }
}

fn slice(bytes: &[u8], offset: u64, length: u64) -> Option<&[u8]> {
    let start = usize::try_from(offset).ok()?;
    let end = start.checked_add(usize::try_from(length).ok()?)?;
    bytes.get(start..end)
}

impl core::error::Error for CoreError {}

impl fmt::Display for CoreError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "at {:#x}: ", self.offset)?;
        match self.kind {
            CoreErrorKind::Magic => f.write_str("this is no ELF file"),
            CoreErrorKind::Class => f.write_str("neither 32 nor 64 bits of a known byte order"),
            CoreErrorKind::Type(found) => {
                write!(f, "this is no core: ELF type {found} in place of {ET_CORE}")
            }
            CoreErrorKind::Truncated => f.write_str("the file ends before its headers do"),
            CoreErrorKind::SegmentSize(found) => {
                write!(f, "segment headers of {found} bytes are too short")
            }
            CoreErrorKind::Outside => f.write_str("the segment lies outside the file"),
            CoreErrorKind::Note => f.write_str("the note is broken"),
        }
    }
}
