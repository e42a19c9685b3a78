//! The bytes of a whole table, as a file or a reader takes them: header, directory, rows, names, and the
//! sections that describe them.

use core::fmt;
use core::sync::atomic::Ordering;

use inspect_format::abi::{self, DirectoryRecord, Header, Order, section_kind, table_flags};
use inspect_format::hash;

use super::RuntimeTable;
use crate::EntryFormat;

/// The bytes do not fit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CopyError {
    /// As many are always enough.
    pub needed: usize,
}

const SECTIONS: usize = 5;
const HEADER_SIZE: usize = Header::SIZE + SECTIONS * DirectoryRecord::SIZE;

impl<F: EntryFormat, const N: usize, const NAMES: usize> RuntimeTable<F, N, NAMES> {
    /// As many bytes as [`RuntimeTable::copy_to`] may need, whatever is registered.
    #[must_use]
    pub fn image_size(&self) -> usize {
        let (words, text) = F::types_section();
        HEADER_SIZE
            + N * F::SIZE as usize
            + round_up(NAMES.max(1))
            + round_up(F::schema_section().len())
            + round_up(words.len() * 4 + text.len())
            + F::HISTORY.len() * 8
    }

    /// Writes the table, as it is now, to the start of `out`, and returns how many bytes it took: a table
    /// file. Only live entries are in it.
    pub fn copy_to(&self, out: &mut [u8]) -> Result<usize, CopyError> {
        let needed = self.image_size();
        let mut image = Image { out, at: HEADER_SIZE, directory: 0, overflow: false };
        self.copy_rows(&mut image);
        // The rows are read before the names, so that a name is there for every row that is.
        image.section(section_kind::STRINGS, |image| {
            let used = self.names_used.load(Ordering::Acquire).max(1) as usize;
            let names = self.names.iter().take(used);
            // The empty text is there even where the table has no room for names.
            image.put(&[0]);
            names.skip(1).for_each(|byte| image.put(&[byte.load(Ordering::Relaxed)]));
        });
        image.section(section_kind::SCHEMA, |image| image.put(F::schema_section()));
        image.section(section_kind::TYPES, |image| {
            let (words, text) = F::types_section();
            words.iter().for_each(|word| image.put(&word.to_ne_bytes()));
            image.put(text);
        });
        image.section(section_kind::HISTORY, |image| {
            F::HISTORY.iter().for_each(|fingerprint| image.put(&fingerprint.to_ne_bytes()));
        });
        let total = image.at;
        if image.overflow || image.out.len() < total {
            return Err(CopyError { needed });
        }
        if let Some(start) = out.first_chunk_mut() {
            header::<F>(total).write(start, Order::NATIVE);
        }
        Ok(total)
    }

    fn copy_rows(&self, image: &mut Image<'_>) {
        image.section(section_kind::ENTRIES, |image| {
            for index in 0..N {
                let start = image.at;
                let Some(row) = image.out.get_mut(start..start + F::SIZE as usize) else {
                    image.overflow = true;
                    return;
                };
                if self.read(index, row).is_some() {
                    image.at += F::SIZE as usize;
                }
            }
        });
    }
}

fn header<F: EntryFormat>(total: usize) -> Header {
    Header {
        magic: abi::TABLE_MAGIC,
        byte_order: match Order::NATIVE {
            Order::Little => abi::byte_order::LITTLE,
            Order::Big => abi::byte_order::BIG,
        },
        word_size: size_of::<usize>() as u8,
        format: abi::FORMAT,
        header_size: Header::SIZE as u32,
        total_size: total as u64,
        flags: table_flags::RUN_TIME,
        section_count: SECTIONS as u32,
        schema_version: F::VERSION,
        entry_size: F::SIZE,
        fingerprint: F::HISTORY.last().copied().unwrap_or(0),
        schema: hash::schema_number(F::SCHEMA),
        ..Header::ZERO
    }
}

/// Bytes that grow, and the directory before them.
struct Image<'a> {
    out: &'a mut [u8],
    at: usize,
    directory: usize,
    overflow: bool,
}

impl Image<'_> {
    fn put(&mut self, bytes: &[u8]) {
        match self.out.get_mut(self.at..).and_then(|rest| rest.get_mut(..bytes.len())) {
            Some(place) => place.copy_from_slice(bytes),
            None => self.overflow = true,
        }
        self.at += bytes.len();
    }

    /// Writes a section by `body`, fills up to a multiple of 8, and notes it in the directory.
    fn section(&mut self, kind: u32, body: impl FnOnce(&mut Self)) {
        let offset = self.at;
        body(self);
        let size = self.at - offset;
        self.put(&[0; 8][..round_up(size) - size]);
        let flags = if kind == section_kind::ENTRIES { abi::section_flags::REQUIRED } else { 0 };
        let record = DirectoryRecord { kind, flags, offset: offset as u64, size: size as u64 };
        let place = Header::SIZE + self.directory * DirectoryRecord::SIZE;
        self.directory += 1;
        match self.out.get_mut(place..).and_then(|rest| rest.first_chunk_mut()) {
            Some(bytes) => record.write(bytes, Order::NATIVE),
            None => self.overflow = true,
        }
    }
}

fn round_up(size: usize) -> usize {
    size.next_multiple_of(8)
}

impl core::error::Error for CopyError {}

impl fmt::Display for CopyError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "the table may need {} bytes", self.needed)
    }
}
