//! Tables in memory that somebody else laid out: processes that share it, or the C runtime.

use core::fmt;
use core::marker::PhantomData;
use core::ptr::NonNull;

use inspect_format::abi::{self, Header, Order, section_kind, table_flags};
use inspect_format::hash;
use inspect_format::table::{self, Prefix};

use super::head::{Division, HEAD_SIZE, Head};
use super::hints::Hints;
use super::names::{self, Names};
use super::view::{Slot, TableRef};
use crate::EntryFormat;
use crate::sync::AtomicU32;

/// A table in memory that other processes, or other languages, write to as well.
///
/// It is not on the chain of this process's root: whoever shares the memory says where it is found.
pub struct SharedTable<F: EntryFormat> {
    base: NonNull<u8>,
    places: Places,
    hints: Hints,
    format: PhantomData<F>,
}

// SAFETY: the memory is accessed by atomics only, and whoever made this value promised that it stays.
unsafe impl<F: EntryFormat> Send for SharedTable<F> {}
// SAFETY: as above.
unsafe impl<F: EntryFormat> Sync for SharedTable<F> {}

/// Where the parts of the table lie, checked against the size of the memory.
#[derive(Clone, Copy, Debug)]
struct Places {
    slots: usize,
    slot_count: usize,
    names: usize,
    text_size: usize,
    heads: usize,
    head_count: usize,
}

/// Why memory is no table that can be attached to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum AttachError {
    /// The memory does not begin at a multiple of 64, or is too small for a table.
    Memory,
    /// Header or directory are broken.
    Table(table::Error),
    /// A table of another schema, of another version of it, of another machine, or none of run time.
    Foreign,
    /// The table lies elsewhere than it says: shared memory has the same address everywhere.
    Elsewhere {
        /// Where it says that it lies.
        claimed: u64,
    },
    /// Rows or names do not lie where a table of this schema has them.
    Division,
}

impl<F: EntryFormat> SharedTable<F> {
    /// Makes a table of `row_count` rows in `size` bytes of zeroed memory; names have what is left.
    ///
    /// # Safety
    /// The memory is zeroed, writable, and stays mapped at this address as long as the value and what it
    /// hands out live. Nobody accesses it but by this crate and by the C runtime.
    pub unsafe fn create(
        memory: NonNull<u8>,
        size: usize,
        row_count: usize,
    ) -> Result<Self, AttachError> {
        if memory.addr().get() % align_of::<Head>() != 0 {
            return Err(AttachError::Memory);
        }
        let rows_end = row_count
            .checked_mul(F::SIZE as usize)
            .and_then(|rows| rows.checked_add(HEAD_SIZE))
            .filter(|end| *end <= size)
            .ok_or(AttachError::Memory)?;
        let names = (size - rows_end) / 8 * 8;
        let division = Division {
            row_count,
            text_size: names::arena_size(names),
            total_size: rows_end + names,
        };
        // SAFETY: the memory has `HEAD_SIZE` bytes at least, is aligned to 64 and zeroed, which is a valid
        // head; it stays mapped, and is accessed by atomics only.
        let head = unsafe { memory.cast::<Head>().as_ref() };
        head.write::<F>(division, crate::root::nonce());
        // SAFETY: the caller's promise.
        unsafe { Self::attach(memory, size) }
    }

    /// Attaches to a table that somebody else made. Nothing in it is believed but what can be checked.
    ///
    /// # Safety
    /// The memory has `size` bytes, is writable, and stays mapped at this address as long as the value and
    /// what it hands out live. Nobody accesses it but by this crate and by the C runtime.
    pub unsafe fn attach(memory: NonNull<u8>, size: usize) -> Result<Self, AttachError> {
        /// Header and directory of every table that a runtime of this format makes.
        const HEAD_MAX: usize = HEAD_SIZE;
        const { assert!(F::SIZE as usize == size_of::<Slot<F::Words>>()) }
        // What others find is read by its address.
        memory.as_ptr().expose_provenance();
        if memory.addr().get() % 8 != 0 || size < HEAD_MAX {
            return Err(AttachError::Memory);
        }
        let mut bytes = [0; HEAD_MAX];
        for (index, word) in bytes.chunks_exact_mut(4).enumerate() {
            // SAFETY: `index` counts words of the first `HEAD_MAX` bytes, which the memory has; it is
            // aligned, and every access of anybody is atomic.
            let place = unsafe { memory.cast::<AtomicU32>().add(index).as_ref() };
            word.copy_from_slice(&place.load(crate::sync::Ordering::Acquire).to_ne_bytes());
        }
        let prefix = Prefix::parse(&bytes).map_err(AttachError::Table)?;
        check_header::<F>(prefix.header(), memory.addr().get())?;
        let places = divide::<F>(&prefix, size).ok_or(AttachError::Division)?;
        Ok(Self { base: memory, places, hints: Hints::new(), format: PhantomData })
    }

    #[cfg(feature = "alloc")]
    pub(super) fn base(&self) -> NonNull<u8> {
        self.base
    }

    /// The table.
    #[must_use]
    pub fn table(&self) -> TableRef<'_, F> {
        let Places { slots, slot_count, names, text_size, heads, head_count } = self.places;
        // SAFETY: the places lie in the memory and are aligned, `divide` has checked both; zeros and
        // whatever was stored since are valid atomics, which may be shared, and the memory stays.
        unsafe {
            let slots = self.base.add(slots).cast::<Slot<F::Words>>();
            let words = self.base.add(names).cast::<AtomicU32>();
            let heads = self.base.add(heads).cast::<AtomicU32>();
            let used = self.base.add(Header::ARENA_USED_AT).cast::<AtomicU32>();
            TableRef {
                address: self.base.addr().get(),
                slots: core::slice::from_raw_parts(slots.as_ptr(), slot_count),
                names: Names {
                    used: used.as_ref(),
                    words: core::slice::from_raw_parts(words.as_ptr(), text_size / 4),
                    heads: core::slice::from_raw_parts(heads.as_ptr(), head_count),
                },
                hints: &self.hints,
                format: PhantomData,
            }
        }
    }
}

fn check_header<F: EntryFormat>(header: &Header, address: usize) -> Result<(), AttachError> {
    let native = match Order::NATIVE {
        Order::Little => abi::byte_order::LITTLE,
        Order::Big => abi::byte_order::BIG,
    };
    let is_ours = header.byte_order == native
        && usize::from(header.word_size) == size_of::<usize>()
        && header.schema == const { hash::schema_number(F::SCHEMA) }
        && header.schema_version == F::VERSION
        && header.entry_size == F::SIZE
        && Some(header.fingerprint) == F::HISTORY.last().copied()
        && header.flags & table_flags::RUN_TIME != 0;
    if !is_ours {
        return Err(AttachError::Foreign);
    }
    match header.self_address {
        own if own == address as u64 => Ok(()),
        claimed => Err(AttachError::Elsewhere { claimed }),
    }
}

/// The places of rows, names and index; `None` where they do not lie in the memory one behind another.
fn divide<F: EntryFormat>(prefix: &Prefix<'_>, size: usize) -> Option<Places> {
    let section = |kind| {
        let record = prefix.sections().find(|section| section.kind == kind)?;
        let start = usize::try_from(record.offset).ok()?;
        Some((start, usize::try_from(record.size).ok()?))
    };
    let total = usize::try_from(prefix.header().total_size).ok().filter(|total| *total <= size)?;
    let directory = prefix.sections().count() * abi::DirectoryRecord::SIZE;
    let first = (prefix.header().header_size as usize).checked_add(directory)?;
    let (slots, rows_size) = section(section_kind::ENTRIES)?;
    let (names, text_size) = section(section_kind::STRINGS)?;
    let slot_size = size_of::<Slot<F::Words>>();
    let rows_end = slots.checked_add(rows_size)?;
    let texts_end = names.checked_add(text_size)?;
    let heads = texts_end.checked_next_multiple_of(4)?;
    let is_sound = slots >= first
        && slots % 8 == 0
        && rows_size % slot_size == 0
        && rows_size / slot_size < u32::MAX as usize - 2
        && names >= rows_end
        && names % 4 == 0
        && texts_end <= total;
    let head_count = total.checked_sub(heads)? / 4;
    let slot_count = rows_size / slot_size;
    is_sound.then_some(Places { slots, slot_count, names, text_size, heads, head_count })
}

impl<F: EntryFormat> fmt::Debug for SharedTable<F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.table().fmt(f)
    }
}

impl core::error::Error for AttachError {}

impl fmt::Display for AttachError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Memory => f.write_str("the memory is not aligned to 64 bytes, or too small"),
            Self::Table(error) => error.fmt(f),
            Self::Foreign => f.write_str("the table is of another schema, version or machine"),
            Self::Elsewhere { claimed } => {
                write!(f, "the table lies at {claimed:#x}: map the memory there")
            }
            Self::Division => f.write_str("rows and names do not lie where a table has them"),
        }
    }
}
