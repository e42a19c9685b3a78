//! Whole tables: [`Table`] reads the bytes of one and believes none of them, [`TableWriter`] makes
//! them.
//!
//! A table that lies in one block is parsed by [`Table::parse`]. Where its sections lie elsewhere
//! in an image or in memory, [`Prefix::parse`] reads the header and the directory, whoever knows
//! the address space fetches the sections, and [`Table::assemble`] checks what was fetched. Both
//! end in the same [`Table`], whose [`Row`]s are read by the stride that was *received*.

mod error;
mod row;
#[cfg(feature = "alloc")]
mod writer;

pub use error::{Error, ErrorKind};
pub use row::{Phase, Row, Rows};
#[cfg(feature = "alloc")]
pub use writer::{TableWriter, WriteError};

use crate::abi::{
    self, CoreEntry, DirectoryRecord, Header, Order, section_flags, section_kind, table_flags,
};
use crate::hash;
use crate::history::History;

/// A table whose header, directory and section bounds have been checked.
#[derive(Clone, Copy, Debug)]
pub struct Table<'a> {
    header: Header,
    order: Order,
    sections: Sections<'a>,
    history: History<'a>,
    base: u64,
}

/// The bytes of each section; empty where the table lacks it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Sections<'a> {
    /// The rows, as many whole strides as there are.
    pub entries: &'a [u8],
    /// NUL-terminated UTF-8.
    pub strings: &'a [u8],
    /// The description of the schema: see [`crate::schema`].
    pub schema: &'a [u8],
    /// Type information: see [`crate::btf`].
    pub types: &'a [u8],
    /// Who wrote the table.
    pub identity: &'a [u8],
    /// The fingerprint of each version.
    pub history: &'a [u8],
}

/// Header and directory of a table whose sections have yet to be found.
#[derive(Clone, Copy, Debug)]
pub struct Prefix<'a> {
    header: Header,
    order: Order,
    directory: &'a [u8],
}

/// How the version of a table relates to the version of its reader.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Compatibility {
    /// Equal: every field is there.
    Same,
    /// The table is older: younger fields take their defaults.
    Older,
    /// The table is newer: fields that the reader does not know are passed over.
    Newer,
}

impl<'a> Prefix<'a> {
    /// Checks the header and the directory at the start of `bytes`, which need not hold the
    /// sections.
    pub fn parse(bytes: &'a [u8]) -> Result<Self, Error> {
        let order = check_fixed_part(bytes)?;
        let header = Header::read(chunk(bytes, 0)?, order);
        check_header(&header)?;
        let start = header.header_size as usize;
        let size = (header.section_count as usize)
            .checked_mul(DirectoryRecord::SIZE)
            .ok_or(Error::at(Header::SECTION_COUNT_AT, ErrorKind::SectionCount))?;
        let end = start
            .checked_add(size)
            .filter(|end| *end as u64 <= header.total_size)
            .ok_or(Error::at(Header::SECTION_COUNT_AT, ErrorKind::SectionCount))?;
        let directory = bytes
            .get(start..end)
            .ok_or(Error::at(bytes.len(), ErrorKind::Truncated { needed: end as u64 }))?;
        let prefix = Self { header, order, directory };
        prefix.check_directory()?;
        Ok(prefix)
    }

    /// How many bytes must be at hand to parse the prefix, judged from the first [`Header::SIZE`]
    /// of them.
    pub fn size(bytes: &[u8]) -> Result<u64, Error> {
        let order = check_fixed_part(bytes)?;
        let header = Header::read(chunk(bytes, 0)?, order);
        check_header(&header)?;
        let directory = u64::from(header.section_count) * DirectoryRecord::SIZE as u64;
        Ok(u64::from(header.header_size) + directory)
    }

    /// The header.
    #[must_use]
    pub fn header(&self) -> &Header {
        &self.header
    }

    /// The producer's byte order.
    #[must_use]
    pub fn order(&self) -> Order {
        self.order
    }

    /// The directory.
    pub fn sections(&self) -> impl Iterator<Item = DirectoryRecord> + use<'a> {
        let order = self.order;
        self.directory
            .chunks_exact(DirectoryRecord::SIZE)
            .filter_map(|record| record.first_chunk())
            .map(move |record| DirectoryRecord::read(record, order))
    }

    /// All of the table, of bytes that begin with it.
    fn block(&self, bytes: &'a [u8]) -> Result<&'a [u8], Error> {
        let total = self.header.total_size;
        let block = usize::try_from(total).ok().and_then(|total| bytes.get(..total));
        block.ok_or(Error::at(bytes.len(), ErrorKind::Truncated { needed: total }))
    }

    /// Every kind is known or optional, and stands there once.
    fn check_directory(&self) -> Result<(), Error> {
        let mut seen = 0_u32;
        for (index, section) in self.sections().enumerate() {
            let offset = self.header.header_size as usize + index * DirectoryRecord::SIZE;
            match section.kind {
                section_kind::ENTRIES..=section_kind::HISTORY => {
                    if seen & 1 << section.kind != 0 {
                        return Err(Error::at(offset, ErrorKind::SectionRepeated(section.kind)));
                    }
                    seen |= 1 << section.kind;
                }
                kind if section.flags & section_flags::REQUIRED != 0 => {
                    return Err(Error::at(offset, ErrorKind::SectionUnknown(kind)));
                }
                _ => {}
            }
        }
        Ok(())
    }
}

impl<'a> Table<'a> {
    /// Reads a table that lies in one block at the start of `bytes`; more bytes may follow it.
    pub fn parse(bytes: &'a [u8]) -> Result<Self, Error> {
        let prefix = Prefix::parse(bytes)?;
        let block = prefix.block(bytes)?;
        check_checksum(block, &prefix)?;
        Self::of_block(&prefix, block)
    }

    /// Reads a block whose checksum is known to be right: it was read before, or has just been
    /// written. Everything else is checked as [`Table::parse`] does.
    pub fn parse_again(bytes: &'a [u8]) -> Result<Self, Error> {
        let prefix = Prefix::parse(bytes)?;
        Self::of_block(&prefix, prefix.block(bytes)?)
    }

    fn of_block(prefix: &Prefix<'a>, block: &'a [u8]) -> Result<Self, Error> {
        let mut sections = Sections::default();
        for (index, section) in prefix.sections().enumerate() {
            let at = prefix.header.header_size as usize + index * DirectoryRecord::SIZE;
            let range = slice(block, section.offset, section.size)
                .ok_or(Error::at(at, ErrorKind::SectionOutside(section.kind)))?;
            sections.set(section.kind, range);
        }
        Self::assemble(prefix, sections)
    }

    /// Reads a table whose sections were fetched one by one.
    pub fn assemble(prefix: &Prefix<'a>, sections: Sections<'a>) -> Result<Self, Error> {
        let header = prefix.header;
        if sections.entries.len() % header.entry_size as usize != 0 {
            let size = sections.entries.len() as u64;
            return Err(Error::at(Header::ENTRY_SIZE_AT, ErrorKind::EntriesSize { size }));
        }
        let at = |kind| {
            let index = prefix.sections().position(|section| section.kind == kind).unwrap_or(0);
            header.header_size as usize + index * DirectoryRecord::SIZE
        };
        let strings = sections.strings;
        if strings.first().is_some_and(|first| *first != 0) {
            return Err(Error::at(at(section_kind::STRINGS), ErrorKind::Strings));
        }
        let history = History::parse(sections.history, prefix.order)
            .ok_or(Error::at(at(section_kind::HISTORY), ErrorKind::HistorySize))?;
        Ok(Self { header, order: prefix.order, sections, history, base: 0 })
    }

    /// The same table, known to lie at `address`: its relative addresses become absolute. A table
    /// of absolute addresses stays as it is.
    #[must_use]
    pub fn placed_at(mut self, address: u64) -> Self {
        if self.is_relative() {
            self.base = address;
        }
        self
    }

    /// Whether this reader, of `version` of the schema with the number `schema`, may decode the
    /// table. `history` holds the reader's own fingerprints, that of version 1 first.
    pub fn check_reader(
        &self,
        schema: u64,
        version: u32,
        history: &[u64],
    ) -> Result<Compatibility, Error> {
        if self.header.schema != schema {
            let kind = ErrorKind::OtherSchema { expected: schema, found: self.header.schema };
            return Err(Error::at(Header::SCHEMA_AT, kind));
        }
        let table_version = self.header.schema_version;
        let own = |version: u32| {
            let index = version.checked_sub(1)? as usize;
            history.get(index).copied()
        };
        let no_version = Error::at(Header::SCHEMA_VERSION_AT, ErrorKind::Version(table_version));
        if table_version <= version {
            let expected = own(table_version).ok_or(no_version)?;
            let found = self.header.fingerprint;
            if expected != found {
                let kind = ErrorKind::Fingerprint { version: table_version, expected, found };
                return Err(Error::at(Header::FINGERPRINT_AT, kind));
            }
            let same = table_version == version;
            return Ok(if same { Compatibility::Same } else { Compatibility::Older });
        }
        let expected = own(version).ok_or(no_version)?;
        let newer = |kind| Error::at(Header::SCHEMA_VERSION_AT, kind);
        if self.history().is_empty() {
            return Err(newer(ErrorKind::NewerWithoutHistory { version, table: table_version }));
        }
        match self.history().fingerprint(version) {
            Some(found) if found == expected => Ok(Compatibility::Newer),
            found => Err(newer(ErrorKind::NewerAndForeign { version, expected, found })),
        }
    }

    /// The header.
    #[must_use]
    pub fn header(&self) -> &Header {
        &self.header
    }

    /// The producer's byte order.
    #[must_use]
    #[inline]
    pub fn order(&self) -> Order {
        self.order
    }

    /// Bytes of the producer's pointer: 4 or 8.
    #[must_use]
    pub fn word_size(&self) -> u8 {
        self.header.word_size
    }

    /// The schema's version.
    #[must_use]
    pub fn version(&self) -> u32 {
        self.header.schema_version
    }

    /// Bytes of the whole block: what follows starts behind it.
    #[must_use]
    pub fn total_size(&self) -> u64 {
        self.header.total_size
    }

    /// Whether entries came while the program ran: rows may be empty or torn.
    #[must_use]
    pub fn is_runtime(&self) -> bool {
        self.header.flags & table_flags::RUN_TIME != 0
    }

    /// Whether addresses count from the header's own.
    #[must_use]
    pub fn is_relative(&self) -> bool {
        self.header.flags & table_flags::RELATIVE != 0
    }

    /// The sections.
    #[must_use]
    pub fn sections(&self) -> &Sections<'a> {
        &self.sections
    }

    /// The fingerprint of each version.
    #[must_use]
    pub fn history(&self) -> History<'a> {
        self.history
    }

    /// How many rows there are, empty slots of run-time tables included.
    #[must_use]
    pub fn row_count(&self) -> usize {
        self.sections.entries.len() / self.header.entry_size as usize
    }

    /// Every row, empty slots of run-time tables included.
    #[must_use]
    #[inline]
    pub fn rows(&self) -> Rows<'a> {
        Rows::new(self)
    }

    /// The text at `offset` of the strings section.
    pub fn string(&self, offset: u32) -> Result<&'a str, Error> {
        row::string(self.sections.strings, offset)
    }
}

/// The tables that stand one behind another in `bytes`, with zero bytes between them. It ends at
/// the first error, since where the next table begins is not known then.
pub fn tables(bytes: &[u8]) -> impl Iterator<Item = Result<(u64, Table<'_>), Error>> {
    let mut at = 0_usize;
    core::iter::from_fn(move || {
        let rest = bytes.get(at..)?;
        let zeros = rest.iter().take_while(|byte| **byte == 0).count();
        // Tables are 8-byte aligned; one that is not is found where its first byte is and judged
        // there.
        at = at.checked_add(zeros)?;
        let rest = bytes.get(at..).filter(|rest| !rest.is_empty())?;
        let start = at;
        let parsed = Table::parse(rest);
        at = match &parsed {
            Ok(table) => usize::try_from(table.total_size()).ok()?.checked_add(start)?,
            Err(_) => bytes.len(),
        };
        Some(parsed.map(|table| (start as u64, table)).map_err(|error| error.behind(start as u64)))
    })
}

impl<'a> Sections<'a> {
    /// Sets the section of a kind; a kind without a place here is passed over.
    pub fn set(&mut self, kind: u32, bytes: &'a [u8]) {
        let place = match kind {
            section_kind::ENTRIES => &mut self.entries,
            section_kind::STRINGS => &mut self.strings,
            section_kind::SCHEMA => &mut self.schema,
            section_kind::TYPES => &mut self.types,
            section_kind::IDENTITY => &mut self.identity,
            section_kind::HISTORY => &mut self.history,
            _ => return,
        };
        *place = bytes;
    }
}

/// The part that never changes: magic, order, word size, format.
fn check_fixed_part(bytes: &[u8]) -> Result<Order, Error> {
    let fixed: &[u8; 16] = bytes
        .first_chunk()
        .ok_or(Error::at(bytes.len(), ErrorKind::Truncated { needed: Header::SIZE as u64 }))?;
    if fixed[..8] != abi::TABLE_MAGIC {
        let empty = fixed[..8].iter().all(|byte| *byte == 0);
        let kind = if empty { ErrorKind::NoTable } else { ErrorKind::Magic };
        return Err(Error::at(Header::MAGIC_AT, kind));
    }
    let order = match fixed[Header::BYTE_ORDER_AT] {
        abi::byte_order::LITTLE => Order::Little,
        abi::byte_order::BIG => Order::Big,
        other => return Err(Error::at(Header::BYTE_ORDER_AT, ErrorKind::ByteOrder(other))),
    };
    let word_size = fixed[Header::WORD_SIZE_AT];
    if word_size != 4 && word_size != 8 {
        return Err(Error::at(Header::WORD_SIZE_AT, ErrorKind::WordSize(word_size)));
    }
    let format = [fixed[Header::FORMAT_AT], fixed[Header::FORMAT_AT + 1]];
    let format = match order {
        Order::Little => u16::from_le_bytes(format),
        Order::Big => u16::from_be_bytes(format),
    };
    if format != abi::FORMAT {
        return Err(Error::at(Header::FORMAT_AT, ErrorKind::Format(format)));
    }
    Ok(order)
}

/// Sizes that must hold before anything behind the header is touched.
fn check_header(header: &Header) -> Result<(), Error> {
    if (header.header_size as usize) < Header::SIZE || header.header_size % 8 != 0 {
        return Err(Error::at(Header::HEADER_SIZE_AT, ErrorKind::HeaderSize(header.header_size)));
    }
    if header.total_size < u64::from(header.header_size) {
        return Err(Error::at(Header::TOTAL_SIZE_AT, ErrorKind::TotalSize(header.total_size)));
    }
    if (header.entry_size as usize) < CoreEntry::SIZE || header.entry_size % 8 != 0 {
        return Err(Error::at(Header::ENTRY_SIZE_AT, ErrorKind::EntrySize(header.entry_size)));
    }
    Ok(())
}

fn check_checksum(block: &[u8], prefix: &Prefix<'_>) -> Result<(), Error> {
    let expected = prefix.header.checksum;
    if expected == 0 {
        return Ok(());
    }
    let found = checksum(block);
    if found == expected {
        Ok(())
    } else {
        Err(Error::at(Header::CHECKSUM_AT, ErrorKind::Checksum { expected, found }))
    }
}

/// The checksum of a table's block: CRC-32C with the field itself taken as zero. 0 of a block that
/// is too short to have the field.
#[must_use]
pub fn checksum(block: &[u8]) -> u32 {
    let at = Header::CHECKSUM_AT;
    let (Some(before), Some(behind)) = (block.get(..at), block.get(at + 4..)) else {
        return 0;
    };
    let register = hash::crc32c_more(hash::CRC32C_START, before);
    let register = hash::crc32c_more(register, &[0; 4]);
    hash::crc32c_finish(hash::crc32c_more(register, behind))
}

fn chunk<const N: usize>(bytes: &[u8], at: usize) -> Result<&[u8; N], Error> {
    bytes
        .get(at..)
        .and_then(<[u8]>::first_chunk)
        .ok_or(Error::at(bytes.len(), ErrorKind::Truncated { needed: (at + N) as u64 }))
}

fn slice(bytes: &[u8], offset: u64, size: u64) -> Option<&[u8]> {
    let start = usize::try_from(offset).ok()?;
    let end = start.checked_add(usize::try_from(size).ok()?)?;
    bytes.get(start..end)
}
