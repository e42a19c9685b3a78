//! Places that no compiler could tell when the blob was compiled: bit-fields of captured structs, and what its
//! language cannot name. Whoever packs the image takes them from its debug information.
//!
//! A member that waits has a type that is called [`super::ABSENT`], as one that does not exist, so that no reader takes
//! it for something; that type is a typedef of one called [`super::PENDING`], so that a packer knows it. What it
//! will be stands in a tag, [`Pending`], which stays when the member has found its place. A struct that waits for its
//! size has none yet.

#[cfg(feature = "alloc")]
use alloc::string::String;

use super::error::{Error, ErrorKind, error};
use super::read::Btf;
use super::types::DeclTag;
use super::{ABSENT, PENDING, kind};
use crate::abi::Order;

/// What the tags begin with.
const TAG: &str = "inspect:debug=";

/// A place that is still to be found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Pending<'a> {
    /// The struct.
    pub holder: u32,
    /// The member of it; nothing where the struct waits for its size.
    pub member: Option<PendingMember>,
    /// Where it is declared: `shop.inspect:12`.
    pub declared: &'a str,
}

/// A member whose place is still to be found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PendingMember {
    /// Which one of its struct.
    pub index: u32,
    /// The type that it will have.
    pub type_id: u32,
    /// The width of a bit-field.
    pub bits: Option<u32>,
}

/// Where a member was found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Found {
    /// Counted as [`crate::bits`] does.
    pub bit_offset: u64,
    /// The width of a bit-field.
    pub bits: Option<u32>,
}

/// The tag of a member: `type` is what it will have, `declared` where it is declared.
#[cfg(feature = "alloc")]
#[must_use]
pub fn member_tag(type_id: u32, bits: Option<u32>, declared: &str) -> String {
    match bits {
        Some(bits) => alloc::format!("{TAG}{type_id}:{bits} {declared}"),
        None => alloc::format!("{TAG}{type_id} {declared}"),
    }
}

/// The tag of a struct that waits for its size.
#[cfg(feature = "alloc")]
#[must_use]
pub fn struct_tag(declared: &str) -> String {
    alloc::format!("{TAG}{declared}")
}

impl<'a> Btf<'a> {
    /// Everything that still waits, in the order of the tags. What a tag names and does not exist, or has its place
    /// already, is left out.
    pub fn pending(&self) -> impl Iterator<Item = Pending<'a>> + use<'a> {
        let btf = *self;
        self.decl_tags().filter_map(move |tag| btf.waiting(&tag))
    }

    fn waiting(&self, tag: &DeclTag<'a>) -> Option<Pending<'a>> {
        let text = tag.text.strip_prefix(TAG)?;
        let holder = self.resolve(tag.type_id).ok()??;
        if !holder.is_composite() {
            return None;
        }
        let Some(index) = tag.member else {
            let waits = holder.size() == 0;
            return waits.then_some(Pending { holder: holder.id(), member: None, declared: text });
        };
        let member = holder.members().nth(index as usize)?;
        if !self.is_pending(member.type_id) {
            return None;
        }
        let (what, declared) = text.split_once(' ')?;
        let (type_id, bits) = match what.split_once(':') {
            Some((type_id, bits)) => (type_id, Some(bits.parse().ok()?)),
            None => (what, None),
        };
        let type_id = type_id.parse().ok().filter(|id| *id <= self.type_count())?;
        let bits = bits.filter(|bits| (1..=64).contains(bits));
        let member = PendingMember { index, type_id, bits };
        Some(Pending { holder: holder.id(), member: Some(member), declared })
    }

    /// Whether a type is that of a member whose place is still to be found.
    #[must_use]
    pub fn is_pending(&self, id: u32) -> bool {
        let named = |id: u32, name: &str| {
            let ty = self.type_by_id(id);
            ty.filter(|ty| ty.kind() == kind::TYPEDEF && ty.name() == name)
        };
        named(id, ABSENT).is_some_and(|ty| named(ty.target(), PENDING).is_some())
    }

    /// Writes the place and the type of a member into `blob`, a copy of the bytes that this was read from.
    ///
    /// # Errors
    /// Where BTF has no room for the place.
    pub fn settle(
        &self,
        blob: &mut [u8],
        holder: u32,
        member: &PendingMember,
        found: &Found,
    ) -> Result<(), Error> {
        let ty = self.type_by_id(holder).filter(|ty| ty.is_composite());
        let (ty, at) = ty.zip(self.record_at(holder)).ok_or(error(0, ErrorKind::Type(holder)))?;
        let room = if ty.kind_flag() { 1 << 24 } else { 1 << 32 };
        let far = error(at as u64, ErrorKind::Section);
        let offset = u32::try_from(found.bit_offset).ok();
        let offset = offset.filter(|it| u64::from(*it) < room).ok_or(far)?;
        let bits = found.bits.unwrap_or(0);
        let place = if ty.kind_flag() { bits << 24 | offset } else { offset };
        let at = (member.index as usize).checked_mul(12).and_then(|it| it.checked_add(at + 12));
        let at = at.ok_or(far)?;
        for (at, word) in [(at + 4, member.type_id), (at + 8, place)] {
            put(blob, at, word, self.order()).ok_or(far)?;
        }
        Ok(())
    }

    /// Writes the size of a struct into `blob`, a copy of the bytes that this was read from.
    ///
    /// # Errors
    /// Where BTF has no room for the size.
    pub fn settle_size(&self, blob: &mut [u8], holder: u32, size: u64) -> Result<(), Error> {
        let at = self.record_at(holder).ok_or(error(0, ErrorKind::Type(holder)))?;
        let far = error(at as u64, ErrorKind::Section);
        let size = u32::try_from(size).map_err(|_| far)?;
        put(blob, at + 8, size, self.order()).ok_or(far)
    }
}

fn put(blob: &mut [u8], at: usize, word: u32, order: Order) -> Option<()> {
    let place = blob.get_mut(at..)?.first_chunk_mut::<4>()?;
    *place = match order {
        Order::Little => word.to_le_bytes(),
        Order::Big => word.to_be_bytes(),
    };
    Some(())
}
