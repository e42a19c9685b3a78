//! Header and directory of a run-time table as they lie in memory, in atomics.
//!
//! A table begins its life as zeros, in no executable's file. The first registration writes the header,
//! which is the same whoever writes it: several may do so at once, and nothing needs to be claimed. The
//! magic is written last.

use inspect_format::abi::{self, DirectoryRecord, Header, Order, section_kind, table_flags};
use inspect_format::hash;

use super::link::Link;
use crate::EntryFormat;
use crate::sync::{AtomicU32, AtomicUsize, Ordering, fence};
use crate::word::Word;

/// Header, directory, and what fills up four cache lines, so that rows begin at one.
#[derive(Debug)]
#[repr(C, align(64))]
pub(crate) struct Head {
    fixed: [AtomicU32; 15],
    pub(crate) arena_used: AtomicU32,
    self_address: Word,
    nonce: Word,
    schema: Word,
    pub(crate) next: Link,
    directory: [AtomicU32; DIRECTORY / 4],
    padding: [AtomicU32; (HEAD_SIZE - Header::SIZE - DIRECTORY) / 4],
}

const SECTIONS: usize = 5;
const DIRECTORY: usize = SECTIONS * DirectoryRecord::SIZE;
pub(crate) const HEAD_SIZE: usize = 256;

const _: () = {
    assert!(size_of::<Head>() == HEAD_SIZE);
    assert!(core::mem::offset_of!(Head, arena_used) == Header::ARENA_USED_AT);
    assert!(core::mem::offset_of!(Head, self_address) == Header::SELF_ADDRESS_AT);
    assert!(core::mem::offset_of!(Head, nonce) == Header::NONCE_AT);
    assert!(core::mem::offset_of!(Head, next) == Header::NEXT_AT);
    assert!(core::mem::offset_of!(Head, directory) == Header::SIZE);
};

impl Link {
    pub(crate) const fn none() -> Self {
        Self {
            address: AtomicUsize::new(0),
            #[cfg(target_pointer_width = "32")]
            upper: AtomicU32::new(0),
        }
    }
}

/// How a table's memory is divided.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Division {
    /// Rows, free ones included.
    pub(crate) row_count: usize,
    /// Bytes of the strings section.
    pub(crate) text_size: usize,
    /// Bytes of everything.
    pub(crate) total_size: usize,
}

impl Head {
    pub(crate) const fn new() -> Self {
        Self {
            fixed: [const { AtomicU32::new(0) }; 15],
            arena_used: AtomicU32::new(0),
            self_address: Word::new(),
            nonce: Word::new(),
            schema: Word::new(),
            next: Link::none(),
            directory: [const { AtomicU32::new(0) }; DIRECTORY / 4],
            padding: [const { AtomicU32::new(0) }; (HEAD_SIZE - Header::SIZE - DIRECTORY) / 4],
        }
    }

    /// Where the header lies.
    pub(crate) fn address(&self) -> usize {
        core::ptr::from_ref(self).expose_provenance()
    }

    /// Writes everything but what changes later: `arena_used` and `next`.
    pub(crate) fn write<F: EntryFormat>(&self, division: Division, nonce: u64) {
        let entries = division.row_count * F::SIZE as usize;
        self.write_section(0, section_kind::ENTRIES, HEAD_SIZE, entries);
        self.write_section(1, section_kind::STRINGS, HEAD_SIZE + entries, division.text_size);
        let sections = F::sections();
        let distance = |address: usize| address.wrapping_sub(self.address());
        let (schema, types) = (sections.schema, sections.types);
        self.write_section(
            2,
            section_kind::SCHEMA,
            distance(schema.as_ptr().expose_provenance()),
            schema.len(),
        );
        self.write_section(
            3,
            section_kind::TYPES,
            distance(types.as_ptr().expose_provenance()),
            types.len(),
        );
        let history = sections.history;
        let history_size = size_of_val(history);
        self.write_section(
            4,
            section_kind::HISTORY,
            distance(history.as_ptr().expose_provenance()),
            history_size,
        );
        let header = header::<F>(division.total_size);
        let mut bytes = [0; Header::SIZE];
        header.write(&mut bytes, Order::NATIVE);
        let words = bytes.chunks_exact(4).map(|word| word.first_chunk().copied().unwrap_or([0; 4]));
        for (place, word) in self.fixed.iter().zip(words).skip(2) {
            place.store(u32::from_ne_bytes(word), Ordering::Relaxed);
        }
        self.self_address.store(self.address() as u64);
        self.nonce.store(nonce);
        self.schema.store(header.schema);
        fence(Ordering::Release);
        let [a, b, c, d, e, f, g, h] = abi::TABLE_MAGIC;
        self.fixed[0].store(u32::from_ne_bytes([a, b, c, d]), Ordering::Relaxed);
        self.fixed[1].store(u32::from_ne_bytes([e, f, g, h]), Ordering::Release);
    }

    fn write_section(&self, index: usize, kind: u32, offset: usize, size: usize) {
        let record = DirectoryRecord { kind, flags: 0, offset: offset as u64, size: size as u64 };
        let mut bytes = [0; DirectoryRecord::SIZE];
        record.write(&mut bytes, Order::NATIVE);
        let places = &self.directory[index * bytes.len() / 4..];
        for (place, word) in places.iter().zip(bytes.chunks_exact(4)) {
            let word = word.first_chunk().copied().unwrap_or([0; 4]);
            place.store(u32::from_ne_bytes(word), Ordering::Relaxed);
        }
    }
}

fn header<F: EntryFormat>(total_size: usize) -> Header {
    Header {
        magic: abi::TABLE_MAGIC,
        byte_order: match Order::NATIVE {
            Order::Little => abi::byte_order::LITTLE,
            Order::Big => abi::byte_order::BIG,
        },
        word_size: size_of::<usize>() as u8,
        format: abi::FORMAT,
        header_size: Header::SIZE as u32,
        total_size: total_size as u64,
        flags: table_flags::RUN_TIME,
        section_count: SECTIONS as u32,
        schema_version: F::VERSION,
        entry_size: F::SIZE,
        fingerprint: F::HISTORY.last().copied().unwrap_or(0),
        schema: hash::schema_number(F::SCHEMA),
        ..Header::ZERO
    }
}
