//! The records of a blob, as [`super::Btf`] hands them out: every one has been checked.

use super::error::{Error, ErrorKind, error};
use super::kind;
use super::read::{Btf, CHAIN_LIMIT};
use crate::abi::Order;

/// What every record begins with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Head {
    pub(super) position: u32,
    pub(super) id: u32,
    pub(super) name: u32,
    pub(super) info: u32,
    pub(super) size_or_type: u32,
}

impl Head {
    /// Where the record begins: see [`Btf::type_at`].
    #[must_use]
    pub fn position(&self) -> u32 {
        self.position
    }

    /// The id of the type.
    #[must_use]
    pub fn id(&self) -> u32 {
        self.id
    }

    /// One of [`super::kind`].
    #[must_use]
    pub fn kind(&self) -> u32 {
        self.info >> 24 & 0x1f
    }

    /// As [`Type::kind_flag`].
    #[must_use]
    pub fn kind_flag(&self) -> bool {
        self.info >> 31 == 1
    }

    /// Bytes, where the kind has a size.
    #[must_use]
    pub fn size(&self) -> u32 {
        self.size_or_type
    }
}

/// One type.
#[derive(Clone, Copy, Debug)]
pub struct Type<'a> {
    pub(super) btf: Btf<'a>,
    pub(super) id: u32,
    pub(super) name: u32,
    pub(super) info: u32,
    pub(super) size_or_type: u32,
    pub(super) rest: &'a [u8],
}

/// What an integer adds to its size.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Int {
    /// Bits of [`super::encoding`].
    pub encoding: u32,
    /// Bits.
    pub bits: u32,
    /// The first bit of its bytes.
    pub offset: u32,
}

/// An array.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Array {
    /// The type of its elements.
    pub element: u32,
    /// How many they are.
    pub length: u32,
}

/// A member of a struct or union.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RawMember<'a> {
    /// Its name, empty for an anonymous struct or union.
    pub name: &'a str,
    /// Its type.
    pub type_id: u32,
    /// From the start of the struct, counted as [`crate::bits`] does.
    pub bit_offset: u32,
    /// The width of a bit-field.
    pub bit_size: Option<u32>,
}

/// A member of an enum.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Enumerator<'a> {
    /// Its name.
    pub name: &'a str,
    /// Its value.
    pub value: i128,
}

/// A text on a type or on one of its members.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct DeclTag<'a> {
    /// The text.
    pub text: &'a str,
    /// The type.
    pub type_id: u32,
    /// The member, by position; `None` for the type itself.
    pub member: Option<u32>,
}

impl<'a> Type<'a> {
    /// Its id.
    #[must_use]
    pub fn id(&self) -> u32 {
        self.id
    }

    /// Its name; empty where it has none.
    #[must_use]
    pub fn name(&self) -> &'a str {
        self.btf.text(self.name)
    }

    /// One of [`super::kind`].
    #[must_use]
    pub fn kind(&self) -> u32 {
        self.info >> 24 & 0x1f
    }

    /// A struct or a union.
    #[must_use]
    pub fn is_composite(&self) -> bool {
        matches!(self.kind(), kind::STRUCT | kind::UNION)
    }

    /// Bytes, where the kind has a size.
    #[must_use]
    pub fn size(&self) -> u32 {
        self.size_or_type
    }

    /// The type that it refers to, where the kind refers to one.
    #[must_use]
    pub fn target(&self) -> u32 {
        self.size_or_type
    }

    /// For an enum: its values may be negative. For a struct: it has bit-fields.
    #[must_use]
    pub fn kind_flag(&self) -> bool {
        self.info >> 31 == 1
    }

    /// The rest of an integer.
    #[must_use]
    pub fn int(&self) -> Option<Int> {
        (self.kind() == kind::INT).then(|| {
            let value = word(self.rest, 0, self.btf.order);
            Int { encoding: value >> 24 & 0xf, offset: value >> 16 & 0xff, bits: value & 0xff }
        })
    }

    /// The rest of an array.
    #[must_use]
    pub fn array(&self) -> Option<Array> {
        (self.kind() == kind::ARRAY).then(|| Array {
            element: word(self.rest, 0, self.btf.order),
            length: word(self.rest, 8, self.btf.order),
        })
    }

    /// The rest of a declaration tag.
    #[must_use]
    pub fn decl_tag(&self) -> Option<DeclTag<'a>> {
        (self.kind() == kind::DECL_TAG).then(|| {
            let member = word(self.rest, 0, self.btf.order);
            let member = (member != u32::MAX).then_some(member);
            DeclTag { text: self.name(), type_id: self.size_or_type, member }
        })
    }

    /// The members of a struct or union; of another kind none.
    #[must_use]
    pub fn members(&self) -> Members<'a> {
        let rest = if self.is_composite() { self.rest } else { &[] };
        Members { btf: self.btf, has_bit_fields: self.kind_flag(), chunks: rest.chunks_exact(12) }
    }

    /// The members of an enum; of another kind none.
    pub fn enumerators(&self) -> impl Iterator<Item = Enumerator<'a>> + use<'a> {
        let ty = *self;
        let (stride, rest) = match ty.kind() {
            kind::ENUM => (8, ty.rest),
            kind::ENUM64 => (12, ty.rest),
            _ => (8, [].as_slice()),
        };
        rest.chunks_exact(stride).map(move |part| ty.enumerator(part))
    }

    fn enumerator(&self, part: &[u8]) -> Enumerator<'a> {
        let order = self.btf.order;
        let low = word(part, 4, order);
        let high = if part.len() == 12 { word(part, 8, order) } else { 0 };
        let value = u64::from(high) << 32 | u64::from(low);
        let value = match (self.kind_flag(), part.len()) {
            (false, _) => i128::from(value),
            (true, 12) => i128::from(value as i64),
            (true, _) => i128::from(low as i32),
        };
        Enumerator { name: self.btf.text(word(part, 0, order)), value }
    }

    /// The member with a name, looked for in anonymous structs and unions too; its offset counts
    /// from this type's start.
    pub fn member(&self, name: &str) -> Result<Option<RawMember<'a>>, Error> {
        // How often anonymous members are entered is limited as a whole: entering each of many
        // twice, level by level, would take for ever within any limit of depth.
        let mut entries_left = 1024;
        self.member_below(name, 0, &mut entries_left)
    }

    fn member_below(
        &self,
        name: &str,
        depth: u32,
        entries_left: &mut u32,
    ) -> Result<Option<RawMember<'a>>, Error> {
        let chain = error(0, ErrorKind::Chain(self.id));
        for member in self.members() {
            if member.name == name {
                return Ok(Some(member));
            }
            if !member.name.is_empty() {
                continue;
            }
            let Some(inner) = self.btf.resolve(member.type_id)?.filter(Self::is_composite) else {
                continue;
            };
            *entries_left = entries_left.checked_sub(1).ok_or(chain)?;
            if depth >= CHAIN_LIMIT {
                return Err(chain);
            }
            if let Some(mut found) = inner.member_below(name, depth + 1, entries_left)? {
                found.bit_offset = found.bit_offset.checked_add(member.bit_offset).ok_or(chain)?;
                return Ok(Some(found));
            }
        }
        Ok(None)
    }
}

/// The members of a struct or union.
#[derive(Clone, Debug)]
pub struct Members<'a> {
    pub(super) btf: Btf<'a>,
    has_bit_fields: bool,
    chunks: core::slice::ChunksExact<'a, u8>,
}

impl<'a> Iterator for Members<'a> {
    type Item = RawMember<'a>;

    fn next(&mut self) -> Option<RawMember<'a>> {
        let part = self.chunks.next()?;
        let order = self.btf.order;
        let place = word(part, 8, order);
        let (bit_offset, bits) =
            if self.has_bit_fields { (place & 0xff_ffff, place >> 24) } else { (place, 0) };
        Some(RawMember {
            name: self.btf.text(word(part, 0, order)),
            type_id: word(part, 4, order),
            bit_offset,
            bit_size: (bits != 0).then_some(bits),
        })
    }

    /// Records are of one size: whoever looks for one among many need not read those before it.
    fn nth(&mut self, n: usize) -> Option<RawMember<'a>> {
        if let Some(before) = n.checked_sub(1) {
            self.chunks.nth(before)?;
        }
        self.next()
    }
}

/// The word at `at` of a part whose length has been checked; 0 beyond it.
pub(super) fn word(part: &[u8], at: usize, order: Order) -> u32 {
    part.get(at..).and_then(<[u8]>::first_chunk).map_or(0, |bytes| u32_of(*bytes, order))
}

pub(super) fn u32_of(bytes: [u8; 4], order: Order) -> u32 {
    match order {
        Order::Little => u32::from_le_bytes(bytes),
        Order::Big => u32::from_be_bytes(bytes),
    }
}
