//! Tables where they lie in an address space: found through a root, checked, and read while their producer
//! runs.
//!
//! What is read comes through [`Memory`], one implementation for each kind of address space: this process,
//! another one, a core file. Everything that comes through it may be garbage, and rows may change while they
//! are read. [`Tables`] finds the tables of a root, [`LiveTable`] is one of them, [`span`] says where the
//! memory of an entry lies. There is no allocation: whoever asks brings the buffer.

mod entries;
mod freeze;
mod reach;
mod span;

pub use entries::{LiveEntry, Summary};
pub use freeze::{FreezeError, Frozen};
pub use reach::{Reach, reach};
pub use span::{Span, SpanError, span};

use core::fmt;

use crate::abi::{self, DirectoryRecord, Header, Order, Root, section_kind};
use crate::root::{self, RootError, offset_address};
use crate::table::{self, Prefix};

/// The bytes of an address space: this process's, another one's, a core file's.
///
/// A producer may write while somebody reads. What is read may be torn; the protocol of tables
/// finds out, so that an implementation only has to return bytes that were there.
pub trait Memory {
    /// Fills `out` with the bytes from `address` on, all of them or none that count.
    fn read(&self, address: u64, out: &mut [u8]) -> Result<(), Fault>;
}

/// Memory that cannot be read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Fault {
    /// The first address that was asked for, or the first that is missing, where that is known.
    pub address: u64,
}

/// What is wrong in an address space, and where.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct WalkError {
    /// The address of the root, the table or the bytes in question.
    pub address: u64,
    /// What.
    pub kind: WalkErrorKind,
}

/// The kinds of findings.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum WalkErrorKind {
    /// The memory cannot be read.
    Fault,
    /// No root.
    Root(RootError),
    /// No table.
    Table(table::ErrorKind),
    /// Neither a table nor an annotation where one should be.
    Unknown,
    /// A run-time table that says that it lies elsewhere.
    Elsewhere {
        /// Where it says that it lies.
        claimed: u64,
    },
    /// A run-time table of an earlier start.
    Stale,
    /// The chain of run-time tables does not end.
    Endless,
    /// The caller's buffer is too small for one row.
    Buffer {
        /// Bytes that are enough.
        needed: u64,
    },
}

/// A table where it lies; header and directory are checked, nothing else is believed.
#[derive(Clone, Copy, Debug)]
pub struct LiveTable<'m, M: ?Sized> {
    memory: &'m M,
    address: u64,
    header: Header,
    order: Order,
    sections: [Place; 7],
}

/// Where a section lies; nowhere, with no bytes, if the table lacks it.
#[derive(Clone, Copy, Debug, Default)]
struct Place {
    address: u64,
    size: u64,
}

impl<'m, M: Memory + ?Sized> LiveTable<'m, M> {
    /// Reads header and directory of the table at `address`.
    pub fn at(memory: &'m M, address: u64) -> Result<Self, WalkError> {
        /// More sections than any format has so far; a table with still more is refused.
        const DIRECTORY_MAX: usize = 32;
        let mut bytes = [0; Header::SIZE + DIRECTORY_MAX * DirectoryRecord::SIZE];
        let broken =
            |error: table::Error| WalkError::new(address, WalkErrorKind::Table(error.kind));
        memory.read(address, &mut bytes[..Header::SIZE])?;
        let size = Prefix::size(&bytes[..Header::SIZE]).map_err(broken)?;
        let prefix = usize::try_from(size).ok().and_then(|size| bytes.get_mut(..size));
        let too_many = WalkErrorKind::Table(table::ErrorKind::SectionCount);
        let prefix = prefix.ok_or(WalkError::new(address, too_many))?;
        memory.read(address, prefix)?;
        let prefix = Prefix::parse(prefix).map_err(broken)?;
        let header = *prefix.header();
        let mut sections = [Place::default(); 7];
        for record in prefix.sections() {
            if let Some(place) = sections.get_mut(record.kind as usize) {
                let at = offset_address(address, record.offset, header.word_size);
                let limit = if header.word_size == 4 { u64::from(u32::MAX) } else { u64::MAX };
                // A section that wraps around would be read for ever.
                if record.size > 0 && record.size - 1 > limit - at {
                    let kind = table::ErrorKind::SectionOutside(record.kind);
                    return Err(WalkError::new(address, WalkErrorKind::Table(kind)));
                }
                *place = Place { address: at, size: record.size };
            }
        }
        if sections[section_kind::ENTRIES as usize].size % u64::from(header.entry_size) != 0 {
            let size = sections[section_kind::ENTRIES as usize].size;
            let kind = WalkErrorKind::Table(table::ErrorKind::EntriesSize { size });
            return Err(WalkError::new(address, kind));
        }
        Ok(Self { memory, address, header, order: prefix.order(), sections })
    }

    /// The header as it was when the table was found.
    #[must_use]
    pub fn header(&self) -> &Header {
        &self.header
    }

    /// The producer's byte order.
    #[must_use]
    pub fn order(&self) -> Order {
        self.order
    }

    /// Bytes of the producer's pointers.
    #[must_use]
    pub fn word_size(&self) -> u8 {
        self.header.word_size
    }

    /// The same table with a section where the caller knows it to lie, whatever the directory says.
    #[must_use]
    pub fn with_section(mut self, kind: u32, address: u64, size: u64) -> Self {
        if let Some(place) = self.sections.get_mut(kind as usize) {
            *place = Place { address, size };
        }
        self
    }

    /// Where the header lies.
    #[must_use]
    pub fn address(&self) -> u64 {
        self.address
    }

    /// Whether entries come and go.
    #[must_use]
    pub fn is_run_time(&self) -> bool {
        self.header.flags & abi::table_flags::RUN_TIME != 0
    }

    /// Whether it carries types: a table of which some field is sensitive does.
    #[must_use]
    pub fn has_types(&self) -> bool {
        self.place(section_kind::TYPES).size > 0
    }

    /// How many rows there are, free slots of run-time tables included.
    #[must_use]
    pub fn row_count(&self) -> u64 {
        self.place(section_kind::ENTRIES).size / u64::from(self.header.entry_size)
    }

    /// The text at `offset` of the strings, in a buffer of the caller's.
    pub fn text<'b>(&self, offset: u32, buffer: &'b mut [u8]) -> Result<&'b str, TextError> {
        if offset == 0 {
            return Ok("");
        }
        let strings = self.place(section_kind::STRINGS);
        let left = strings.size.checked_sub(u64::from(offset)).filter(|left| *left > 0);
        let left = left.ok_or(TextError::Outside)?;
        let start = offset_address(strings.address, u64::from(offset), self.word_size());
        let mut at = 0_usize;
        loop {
            // Names are short: reading them in small steps touches little that is not theirs.
            let step = usize::try_from(left - at as u64).unwrap_or(usize::MAX).min(32);
            let step = step.min(buffer.len() - at);
            if step == 0 {
                let endless = at as u64 == left;
                return Err(if endless { TextError::Endless } else { TextError::TooLong });
            }
            let from = offset_address(start, at as u64, self.word_size());
            let chunk = &mut buffer[at..at + step];
            self.memory.read(from, chunk).map_err(|_| TextError::Fault)?;
            if let Some(end) = chunk.iter().position(|byte| *byte == 0) {
                let text = buffer.get(..at + end).unwrap_or_default();
                return core::str::from_utf8(text).map_err(|_| TextError::Encoding);
            }
            at += step;
        }
    }

    fn place(&self, kind: u32) -> Place {
        self.sections[kind as usize]
    }
}

/// Why a text of a table is not there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TextError {
    /// The offset lies outside the strings.
    Outside,
    /// It does not end.
    Endless,
    /// It is longer than the caller's buffer.
    TooLong,
    /// It is not UTF-8.
    Encoding,
    /// The memory cannot be read.
    Fault,
}

/// The tables of a root: those of the image first, then those of the chain.
///
/// After an error in the section it goes on with the chain; after one in the chain it ends, since what follows
/// cannot be found then.
#[derive(Debug)]
pub struct Tables<'m, M: ?Sized> {
    memory: &'m M,
    root: root::Checked,
    next: Next,
    is_unpacked: bool,
}

#[derive(Clone, Copy, Debug)]
enum Next {
    /// Bytes of the section that have not been looked at.
    Section {
        address: u64,
        left: u64,
    },
    /// A run-time table, the `count`-th. `mark` is the address of an earlier one.
    Chain {
        address: u64,
        count: u32,
        mark: u64,
    },
    End,
}

impl<'m, M: Memory + ?Sized> Tables<'m, M> {
    /// The tables of the root at `address`.
    pub fn of_root(memory: &'m M, address: u64) -> Result<Self, WalkError> {
        let mut bytes = [0; Root::SIZE];
        memory.read(address, &mut bytes)?;
        let root = root::check(&bytes, Some(address))
            .map_err(|error| WalkError::new(address, WalkErrorKind::Root(error)))?;
        let next = match section(&root) {
            None => Next::Chain { address: root.record.runtime_table, count: 0, mark: 0 },
            Some((address, left)) => Next::Section { address, left },
        };
        Ok(Self { memory, root, next, is_unpacked: false })
    }

    /// The tables of a section whose root is not at hand: those of the image alone, since only a root leads to
    /// those of the program. [`Self::root`] is then one at address 0 that leads to the section.
    #[must_use]
    pub fn of_section(memory: &'m M, address: u64, size: u64, order: Order, word_size: u8) -> Self {
        let compile_end = offset_address(address, size, word_size);
        let record = Root { word_size, compile_table: address, compile_end, ..Root::ZERO };
        let next = Next::Section { address, left: size };
        Self { memory, root: root::Checked { record, order }, next, is_unpacked: false }
    }

    /// The root.
    #[must_use]
    pub fn root(&self) -> &Root {
        &self.root.record
    }

    /// The byte order of the object.
    #[must_use]
    pub fn order(&self) -> Order {
        self.root.order
    }

    /// Where the section of compile-time tables and annotations lies, and its bytes; nothing if there is
    /// none.
    #[must_use]
    pub fn section(&self) -> Option<(u64, u64)> {
        section(&self.root)
    }

    /// Whether annotations have been passed that no packer has made into a table. Known when the first
    /// run-time table, or the end, has been reached.
    #[must_use]
    pub fn is_unpacked(&self) -> bool {
        self.is_unpacked
    }

    /// The next table of the section, if another one stands there.
    fn in_section(
        &mut self,
        mut address: u64,
        mut left: u64,
    ) -> Option<Result<LiveTable<'m, M>, WalkError>> {
        let word_size = self.root.record.word_size;
        let mut chunk = [0; 256];
        while left >= abi::TABLE_ALIGN.into() {
            let size = usize::try_from(left & !7).unwrap_or(usize::MAX).min(chunk.len());
            if let Err(fault) = self.memory.read(address, &mut chunk[..size]) {
                self.next = self.run_time();
                return Some(Err(fault.into()));
            }
            let zeros = chunk[..size].chunks_exact(8).take_while(|word| **word == [0; 8]).count();
            let mut step = zeros as u64 * 8;
            if zeros * 8 < size {
                let found = &chunk[zeros * 8..size];
                let at = offset_address(address, step, word_size);
                if found.starts_with(&abi::TABLE_MAGIC) {
                    return Some(self.table_in_section(at, left - step));
                }
                if size as u64 - step < abi::KEY_BEGIN.len() as u64 && step > 0 {
                    // A key may lie across the end of the chunk: look again from where it begins.
                } else if found.starts_with(b"inspect:begin\0") {
                    self.is_unpacked = true;
                    step += 8;
                } else if self.is_unpacked {
                    // The rest of an annotation, behind which a table may stand.
                    let words = found.chunks_exact(8);
                    step +=
                        8 * words.skip(1).take_while(|it| **it != abi::TABLE_MAGIC).count() as u64;
                    step += 8;
                } else {
                    self.next = self.run_time();
                    return Some(Err(WalkError::new(at, WalkErrorKind::Unknown)));
                }
            }
            address = offset_address(address, step, word_size);
            left -= step;
        }
        None
    }

    /// The run-time tables, which are found whatever is wrong in the section.
    fn run_time(&self) -> Next {
        Next::Chain { address: self.root.record.runtime_table, count: 0, mark: 0 }
    }

    fn table_in_section(&mut self, at: u64, left: u64) -> Result<LiveTable<'m, M>, WalkError> {
        self.next = self.run_time();
        let table = LiveTable::at(self.memory, at)?;
        let total = table.header.total_size.checked_next_multiple_of(abi::TABLE_ALIGN.into());
        let Some(total) = total.filter(|total| *total <= left) else {
            let kind = table::ErrorKind::TotalSize(table.header.total_size);
            return Err(WalkError::new(at, WalkErrorKind::Table(kind)));
        };
        let address = offset_address(at, total, self.root.record.word_size);
        self.next = Next::Section { address, left: left - total };
        Ok(table)
    }

    /// The table at `address`. The mark moves to it whenever the count has doubled, so that a circle comes
    /// back to the mark before it has been walked three times.
    fn in_chain(
        &mut self,
        address: u64,
        count: u32,
        mark: u64,
    ) -> Result<LiveTable<'m, M>, WalkError> {
        self.next = Next::End;
        if count > 0 && address == mark {
            return Err(WalkError::new(address, WalkErrorKind::Endless));
        }
        let table = LiveTable::at(self.memory, address)?;
        let header = table.header;
        if header.self_address != address {
            let kind = WalkErrorKind::Elsewhere { claimed: header.self_address };
            return Err(WalkError::new(address, kind));
        }
        if header.nonce != self.root.record.nonce {
            return Err(WalkError::new(address, WalkErrorKind::Stale));
        }
        let mark = if count.is_power_of_two() || count == 0 { address } else { mark };
        self.next = Next::Chain { address: header.next, count: count.wrapping_add(1), mark };
        Ok(table)
    }
}

/// Where the section of a root lies that has been found in memory, and its bytes.
fn section(root: &root::Checked) -> Option<(u64, u64)> {
    let Root { self_address, compile_table, compile_end, word_size, .. } = root.record;
    let size = offset_address(compile_end, compile_table.wrapping_neg(), word_size);
    let address = offset_address(self_address, compile_table, word_size);
    (compile_table != 0).then_some((address, size))
}

impl<'m, M: Memory + ?Sized> Iterator for Tables<'m, M> {
    type Item = Result<LiveTable<'m, M>, WalkError>;

    fn next(&mut self) -> Option<Self::Item> {
        if let Next::Section { address, left } = self.next {
            if let Some(found) = self.in_section(address, left) {
                return Some(found);
            }
            self.next = self.run_time();
        }
        match self.next {
            Next::Chain { address, count, mark } if address != 0 => {
                Some(self.in_chain(address, count, mark))
            }
            _ => None,
        }
    }
}

impl WalkError {
    const fn new(address: u64, kind: WalkErrorKind) -> Self {
        Self { address, kind }
    }
}

impl From<Fault> for WalkError {
    fn from(fault: Fault) -> Self {
        Self::new(fault.address, WalkErrorKind::Fault)
    }
}

impl core::error::Error for WalkError {}

impl fmt::Display for WalkError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "at {:#x}: ", self.address)?;
        match self.kind {
            WalkErrorKind::Fault => f.write_str("the memory cannot be read"),
            WalkErrorKind::Root(error) => error.fmt(f),
            WalkErrorKind::Table(error) => error.fmt(f),
            WalkErrorKind::Unknown => f.write_str("neither a table nor an annotation"),
            WalkErrorKind::Elsewhere { claimed } => {
                write!(f, "this is a copy of a table that lies at {claimed:#x}")
            }
            WalkErrorKind::Stale => f.write_str("the table was left over from an earlier start"),
            WalkErrorKind::Endless => f.write_str("the chain of tables does not end"),
            WalkErrorKind::Buffer { needed } => write!(f, "a buffer of {needed} bytes is needed"),
        }
    }
}

impl core::error::Error for TextError {}

impl fmt::Display for TextError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Outside => "the text lies outside the strings",
            Self::Endless => "the text does not end",
            Self::TooLong => "the text is longer than the buffer",
            Self::Encoding => "the text is not UTF-8",
            Self::Fault => "the memory of the text cannot be read",
        })
    }
}

impl core::error::Error for Fault {}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "the memory at {:#x} cannot be read", self.address)
    }
}
