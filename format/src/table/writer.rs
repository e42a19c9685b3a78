//! Makes a table in one block.

use alloc::collections::BTreeMap;
use alloc::vec::Vec;
use core::fmt;

use super::checksum;
use crate::abi::{self, CoreEntry, DirectoryRecord, Header, Order, section_kind, table_flags};
use crate::{hash, history};

/// Collects rows and sections, then lays them out. The header fields that follow from the contents
/// (sizes, checksum, whether the rows are sorted) are computed.
#[derive(Clone, Debug)]
pub struct TableWriter {
    order: Order,
    header: Header,
    rows: Vec<u8>,
    strings: Vec<u8>,
    string_offsets: BTreeMap<u64, u32>,
    schema: Vec<u8>,
    types: Vec<u8>,
    identity: Vec<u8>,
    history: Vec<u64>,
    elsewhere: Vec<(u32, u64, u64)>,
    slots: usize,
    changes: bool,
    last_key: Option<(u32, u32)>,
    sorted: bool,
}

/// What a writer refuses.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum WriteError {
    /// A word size other than 4 and 8.
    WordSize(u8),
    /// A row size below the core entry, or no multiple of 8.
    EntrySize(u32),
    /// A row whose fields are more than the row size has room for.
    RowTooLong,
    /// A text with a NUL inside.
    StringWithNul,
    /// More text than an offset can count.
    StringsFull,
}

impl TableWriter {
    /// A table without rows, of `version` of the schema named `schema`. `history` holds the
    /// fingerprint of each version from 1 on; the header's is that of `version`, or 0 if the
    /// history does not reach it.
    pub fn new(
        order: Order,
        word_size: u8,
        schema: &str,
        version: u32,
        entry_size: u32,
        history: &[u64],
    ) -> Result<Self, WriteError> {
        if word_size != 4 && word_size != 8 {
            return Err(WriteError::WordSize(word_size));
        }
        if (entry_size as usize) < CoreEntry::SIZE || entry_size % 8 != 0 {
            return Err(WriteError::EntrySize(entry_size));
        }
        let own = version.checked_sub(1).and_then(|index| history.get(index as usize));
        let header = Header {
            magic: abi::TABLE_MAGIC,
            byte_order: match order {
                Order::Little => abi::byte_order::LITTLE,
                Order::Big => abi::byte_order::BIG,
            },
            word_size,
            format: abi::FORMAT,
            header_size: Header::SIZE as u32,
            schema_version: version,
            entry_size,
            fingerprint: own.copied().unwrap_or(0),
            schema: hash::schema_number(schema),
            ..Header::ZERO
        };
        Ok(Self {
            order,
            header,
            rows: Vec::new(),
            strings: alloc::vec![0],
            string_offsets: BTreeMap::new(),
            schema: Vec::new(),
            types: Vec::new(),
            identity: Vec::new(),
            history: history.to_vec(),
            elsewhere: Vec::new(),
            slots: 0,
            changes: false,
            last_key: None,
            sorted: true,
        })
    }

    /// Sets bits of the header's flags. Whether the rows are sorted is found out.
    pub fn flags(&mut self, flags: u32) -> &mut Self {
        self.header.flags |= flags & !table_flags::SORTED;
        self
    }

    /// The fingerprint of the rows, where the history lies elsewhere.
    pub fn fingerprint(&mut self, fingerprint: u64) -> &mut Self {
        self.header.fingerprint = fingerprint;
        self
    }

    /// The description of the schema.
    pub fn schema(&mut self, bytes: impl Into<Vec<u8>>) -> &mut Self {
        self.schema = bytes.into();
        self
    }

    /// Type information.
    pub fn types(&mut self, bytes: impl Into<Vec<u8>>) -> &mut Self {
        self.types = bytes.into();
        self
    }

    /// Who writes the table.
    pub fn identity(&mut self, bytes: impl Into<Vec<u8>>) -> &mut Self {
        self.identity = bytes.into();
        self
    }

    /// A section of `size` bytes that lies in the same address space, at `offset` from the header, and not
    /// in the block.
    pub fn elsewhere(&mut self, kind: u32, offset: u64, size: u64) -> &mut Self {
        self.elsewhere.push((kind, offset, size));
        self
    }

    /// Keeps 8 bytes for each of `count` pointers that a linker or a loader fills in.
    pub fn slots(&mut self, count: usize) -> &mut Self {
        self.slots = count;
        self.changes |= count > 0;
        self
    }

    /// Bytes of the block change when it is linked or loaded: it gets no checksum.
    pub fn changes(&mut self) -> &mut Self {
        self.changes = true;
        self
    }

    /// Where a slot lies, from the header, once all sections are known.
    #[must_use]
    pub fn slot_at(&self, index: usize) -> u64 {
        self.directory_end() as u64 + index as u64 * 8
    }

    /// Where a row lies, from the header, once all sections and slots are known.
    #[must_use]
    pub fn row_at(&self, index: usize) -> u64 {
        self.slot_at(self.slots) + index as u64 * u64::from(self.header.entry_size)
    }

    /// Where the offset of a section that lies elsewhere stands, from the header.
    #[must_use]
    pub fn offset_field_at(&self, kind: u32) -> Option<u64> {
        let inside = self.present().len();
        let index = self.elsewhere.iter().position(|(it, ..)| *it == kind)?;
        let record = Header::SIZE + (inside + index) * DirectoryRecord::SIZE;
        Some((record + DirectoryRecord::OFFSET_AT) as u64)
    }

    /// The offset of `text` in the strings; equal texts share one.
    pub fn string(&mut self, text: &str) -> Result<u32, WriteError> {
        if text.is_empty() {
            return Ok(0);
        }
        if text.contains('\0') {
            return Err(WriteError::StringWithNul);
        }
        // Texts are known by a hash; one that meets another's takes the next number.
        let mut key = hash::fnv1a_64(text.as_bytes());
        while let Some(offset) = self.string_offsets.get(&key) {
            let known = &self.strings[*offset as usize..];
            if known.strip_prefix(text.as_bytes()).is_some_and(|rest| rest.first() == Some(&0)) {
                return Ok(*offset);
            }
            key = key.wrapping_add(1);
        }
        let offset = u32::try_from(self.strings.len()).map_err(|_| WriteError::StringsFull)?;
        self.strings.extend_from_slice(text.as_bytes());
        self.strings.push(0);
        self.string_offsets.insert(key, offset);
        Ok(offset)
    }

    /// Appends a row: its core, and the bytes of the schema's fields behind it in the producer's
    /// order. What `fields` lacks of the row is zero.
    pub fn row(&mut self, core: &CoreEntry, fields: &[u8]) -> Result<&mut Self, WriteError> {
        let room = self.header.entry_size as usize - CoreEntry::SIZE;
        if fields.len() > room {
            return Err(WriteError::RowTooLong);
        }
        let mut bytes = [0; CoreEntry::SIZE];
        core.write(&mut bytes, self.order);
        self.rows.extend_from_slice(&bytes);
        self.rows.extend_from_slice(fields);
        self.rows.resize(self.rows.len() + room - fields.len(), 0);
        let key = Some((core.class, core.id));
        self.sorted &= self.last_key <= key;
        self.last_key = key;
        Ok(self)
    }

    /// The bytes of the table.
    #[must_use]
    pub fn finish(&self) -> Vec<u8> {
        let history = history::write(&self.history, self.order);
        let present = self.present();
        let mut block = alloc::vec![0; self.directory_end() + self.slots * 8];
        let mut directory = Vec::new();
        for kind in present {
            let bytes = self.section(kind, &history);
            directory.push((kind, block.len() as u64, bytes.len() as u64));
            block.extend_from_slice(bytes);
            block.resize(block.len().next_multiple_of(8), 0);
        }
        directory.extend(&self.elsewhere);
        for (index, (kind, offset, size)) in directory.iter().copied().enumerate() {
            let section = DirectoryRecord { kind, flags: 0, offset, size };
            let mut record = [0; DirectoryRecord::SIZE];
            section.write(&mut record, self.order);
            let at = Header::SIZE + index * DirectoryRecord::SIZE;
            block[at..at + DirectoryRecord::SIZE].copy_from_slice(&record);
        }
        self.write_header(&mut block, directory.len());
        block
    }

    /// The kinds of the sections in the block. The rows are there even if they are none, and so is the empty
    /// string.
    fn present(&self) -> Vec<u32> {
        let is_present =
            |kind: &u32| *kind <= section_kind::STRINGS || !self.section(*kind, &[0]).is_empty();
        let is_inside = |kind: &u32| self.elsewhere.iter().all(|(it, ..)| it != kind);
        (section_kind::ENTRIES..=section_kind::HISTORY)
            .filter(is_inside)
            .filter(is_present)
            .collect()
    }

    /// The bytes of a section, the history's written before.
    fn section<'w>(&'w self, kind: u32, history: &'w [u8]) -> &'w [u8] {
        match kind {
            section_kind::ENTRIES => &self.rows,
            section_kind::STRINGS => &self.strings,
            section_kind::SCHEMA => &self.schema,
            section_kind::TYPES => &self.types,
            section_kind::IDENTITY => &self.identity,
            _ if self.history.is_empty() => &[],
            _ => history,
        }
    }

    fn directory_end(&self) -> usize {
        Header::SIZE + (self.present().len() + self.elsewhere.len()) * DirectoryRecord::SIZE
    }

    fn write_header(&self, block: &mut [u8], section_count: usize) {
        let mut header = self.header;
        header.total_size = block.len() as u64;
        header.section_count = section_count as u32;
        if self.sorted {
            header.flags |= table_flags::SORTED;
        }
        let Some(place) = block.first_chunk_mut() else {
            return;
        };
        header.write(place, self.order);
        if self.changes || header.flags & table_flags::RUN_TIME != 0 {
            return;
        }
        header.checksum = checksum(block);
        if let Some(place) = block.first_chunk_mut() {
            header.write(place, self.order);
        }
    }
}

impl core::error::Error for WriteError {}

impl fmt::Display for WriteError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::WordSize(size) => write!(f, "word size {size} is neither 4 nor 8"),
            Self::EntrySize(size) => write!(f, "rows of {size} bytes are impossible"),
            Self::RowTooLong => f.write_str("the fields of a row are longer than the row"),
            Self::StringWithNul => f.write_str("a text has a NUL inside"),
            Self::StringsFull => f.write_str("there are more than 4 GiB of texts"),
        }
    }
}
