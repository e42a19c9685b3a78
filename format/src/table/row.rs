//! One row of a table: the core entry, read in place, and the schema's fields behind it.
//!
//! A [`Row`] is a few words and `Copy`. Its bytes are bounds-checked once, when the iterator makes
//! it; every accessor of the core is a load and, where the producer's order is another, a byte
//! swap.

use super::{Error, ErrorKind, Table};
use crate::abi::{CoreEntry, Order, phase, table_flags};

/// One row.
#[derive(Clone, Copy, Debug)]
pub struct Row<'a> {
    core: &'a [u8; CoreEntry::SIZE],
    /// The whole row, core included: as long as the received stride.
    bytes: &'a [u8],
    strings: &'a [u8],
    base: u64,
    address_mask: u64,
    version: u32,
    order: Order,
}

/// What a row's state says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Phase {
    /// A free slot.
    Empty,
    /// A writer was at work when the bytes were taken: nothing in the row may be trusted.
    Torn,
    /// Published.
    Live,
    /// Published; its properties were changing when the bytes were taken.
    Changing,
}

macro_rules! core_fields {
    ($($(#[$doc:meta])* $name:ident: $ty:ty = $at:ident;)*) => { $(
        $(#[$doc])*
        #[must_use]
        #[inline]
        pub fn $name(&self) -> $ty {
            const SIZE: usize = core::mem::size_of::<$ty>();
            let mut bytes = [0; SIZE];
            bytes.copy_from_slice(&self.core[CoreEntry::$at..CoreEntry::$at + SIZE]);
            match self.order {
                Order::Little => <$ty>::from_le_bytes(bytes),
                Order::Big => <$ty>::from_be_bytes(bytes),
            }
        }
    )* };
}

impl<'a> Row<'a> {
    core_fields! {
        /// Generation and phase.
        state: u32 = STATE_AT;
        /// Short form of the identity.
        id: u32 = ID_AT;
        /// The class's number.
        class: u32 = CLASS_AT;
        /// BTF id in the types section, 0 for none.
        type_id: u32 = TYPE_AT;
        /// Property bits.
        properties: u64 = PROPERTIES_AT;
        /// The address as it is stored: relative where the table says so.
        stored_address: u64 = ADDRESS_AT;
        /// Bytes; of one element where the extent is counted.
        length: u64 = LENGTH_AT;
        /// Key within the class.
        instance: u64 = INSTANCE_AT;
        /// Offset of the name in the strings.
        name_offset: u32 = NAME_AT;
        /// The address space.
        space: u16 = SPACE_AT;
        /// How address, length and bound make a region.
        extent: u8 = EXTENT_AT;
        /// Bytes of the counter at the bound.
        bound_size: u8 = BOUND_SIZE_AT;
        /// The bound as it is stored: relative where the table says so.
        stored_bound: u64 = BOUND_AT;
    }

    /// The region's address; absolute if the table's are, or if [`Table::placed_at`] said where it
    /// lies.
    #[must_use]
    #[inline]
    pub fn address(&self) -> u64 {
        self.stored_address().wrapping_add(self.base) & self.address_mask
    }

    /// The counter's address or the region's end; absolute as [`Row::address`] is.
    #[must_use]
    #[inline]
    pub fn bound(&self) -> u64 {
        self.stored_bound().wrapping_add(self.base) & self.address_mask
    }

    /// The name, or what is wrong with it. An offset in the error counts from the start of the
    /// strings.
    pub fn name(&self) -> Result<&'a str, Error> {
        string(self.strings, self.name_offset())
    }

    /// What the state says.
    #[must_use]
    #[inline]
    pub fn phase(&self) -> Phase {
        match self.state() & 3 {
            phase::EMPTY => Phase::Empty,
            phase::WRITING => Phase::Torn,
            phase::LIVE => Phase::Live,
            _ => Phase::Changing,
        }
    }

    /// Published, and to be trusted.
    #[must_use]
    #[inline]
    pub fn is_live(&self) -> bool {
        self.state() & 3 >= phase::LIVE
    }

    /// Counts how often the slot was given away.
    #[must_use]
    #[inline]
    pub fn generation(&self) -> u32 {
        self.state() >> 2
    }

    /// The producer's byte order.
    #[must_use]
    #[inline]
    pub fn order(&self) -> Order {
        self.order
    }

    /// All bytes of the row, as many as the received stride.
    #[must_use]
    #[inline]
    pub fn bytes(&self) -> &'a [u8] {
        self.bytes
    }

    /// The core entry as a whole, as it is stored.
    #[must_use]
    #[inline]
    pub fn core(&self) -> CoreEntry {
        CoreEntry::read(self.core, self.order)
    }

    /// The bytes of a field of the schema, `since` the version that introduced it. `None` where the
    /// table is older than the field or its rows end before it: the field takes its default.
    #[must_use]
    #[inline]
    pub fn field<const N: usize>(&self, offset: usize, since: u32) -> Option<&'a [u8; N]> {
        if self.version < since {
            return None;
        }
        self.bytes.get(offset..)?.first_chunk()
    }

    /// A `string` field of the schema: `None` as in [`Row::field`].
    #[must_use]
    pub fn string_field(&self, offset: usize, since: u32) -> Option<Result<&'a str, Error>> {
        let bytes = *self.field(offset, since)?;
        let at = match self.order {
            Order::Little => u32::from_le_bytes(bytes),
            Order::Big => u32::from_be_bytes(bytes),
        };
        Some(string(self.strings, at))
    }
}

macro_rules! integer_fields {
    ($($name:ident: $ty:ty;)*) => {
        impl Row<'_> { $(
            #[doc = concat!("A field of the schema that is a `", stringify!($ty), "`.")]
            /// `None` as in [`Row::field`].
            #[must_use]
            #[inline]
            pub fn $name(&self, offset: usize, since: u32) -> Option<$ty> {
                let bytes = *self.field(offset, since)?;
                Some(match self.order {
                    Order::Little => <$ty>::from_le_bytes(bytes),
                    Order::Big => <$ty>::from_be_bytes(bytes),
                })
            }
        )* }
    };
}

integer_fields! {
    u8_field: u8;
    u16_field: u16;
    u32_field: u32;
    u64_field: u64;
}

/// The rows of a table, in the order in which they stand.
#[derive(Clone, Debug)]
pub struct Rows<'a> {
    chunks: core::slice::ChunksExact<'a, u8>,
    strings: &'a [u8],
    base: u64,
    address_mask: u64,
    version: u32,
    order: Order,
}

impl<'a> Rows<'a> {
    #[inline]
    pub(super) fn new(table: &Table<'a>) -> Self {
        // `Table` has checked that the stride is at least the core entry.
        let stride = (table.header.entry_size as usize).max(CoreEntry::SIZE);
        Self {
            chunks: table.sections.entries.chunks_exact(stride),
            strings: table.sections.strings,
            base: table.base,
            // Only what counts from the header wraps round: an absolute address may be that of a device, above what a
            // pointer reaches.
            address_mask: match (table.header.word_size, table.header.flags & table_flags::RELATIVE)
            {
                (_, 0) | (8, _) => u64::MAX,
                _ => u64::from(u32::MAX),
            },
            version: table.header.schema_version,
            order: table.order,
        }
    }
}

impl<'a> Rows<'a> {
    #[inline]
    fn row(&self, bytes: &'a [u8]) -> Option<Row<'a>> {
        Some(Row {
            core: bytes.first_chunk()?,
            bytes,
            strings: self.strings,
            base: self.base,
            address_mask: self.address_mask,
            version: self.version,
            order: self.order,
        })
    }
}

impl<'a> Iterator for Rows<'a> {
    type Item = Row<'a>;

    #[inline]
    fn next(&mut self) -> Option<Row<'a>> {
        let bytes = self.chunks.next()?;
        self.row(bytes)
    }

    #[inline]
    fn size_hint(&self) -> (usize, Option<usize>) {
        self.chunks.size_hint()
    }

    #[inline]
    fn nth(&mut self, n: usize) -> Option<Row<'a>> {
        let bytes = self.chunks.nth(n)?;
        self.row(bytes)
    }
}

impl ExactSizeIterator for Rows<'_> {}

impl DoubleEndedIterator for Rows<'_> {
    #[inline]
    fn next_back(&mut self) -> Option<Self::Item> {
        let bytes = self.chunks.next_back()?;
        self.row(bytes)
    }
}

/// The text at `offset` of a strings section. Offset 0 is the empty text even where there is no
/// section.
pub(super) fn string(strings: &[u8], offset: u32) -> Result<&str, Error> {
    if offset == 0 {
        return Ok("");
    }
    let at = |kind| Error { offset: u64::from(offset), kind };
    let rest = usize::try_from(offset)
        .ok()
        .and_then(|offset| strings.get(offset..))
        .filter(|rest| !rest.is_empty())
        .ok_or(at(ErrorKind::StringOutside))?;
    let length = rest.iter().position(|byte| *byte == 0).ok_or(at(ErrorKind::StringEndless))?;
    core::str::from_utf8(&rest[..length]).map_err(|_| at(ErrorKind::StringEncoding))
}
