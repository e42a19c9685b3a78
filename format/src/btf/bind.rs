//! Finds the places of a decoder's fields in a blob: once for a table, before the first byte is
//! decoded.
//!
//! A [`Binder`] stands on one struct. It has seen that a field exists, has a width that the decoder
//! can take, and lies inside the struct: whoever then checks that its bytes are as long as the
//! struct may read every [`Place`] without looking again.

use core::fmt;

use super::error::ErrorKind;
use super::read::Btf;
use super::types::{RawMember, Type};
use super::{encoding, kind};
use crate::abi::Order;
use crate::bits;

/// One struct of a blob, for whoever wants to know where its fields lie.
#[derive(Clone, Copy, Debug)]
pub struct Binder<'a> {
    ty: Type<'a>,
    btf: Btf<'a>,
    name: &'static str,
    word_size: u8,
}

/// Where a field lies in its struct.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Place {
    /// Counted as [`crate::bits`] does.
    pub bit_offset: u32,
    /// How many bits; 0 for a flexible array.
    pub bit_size: u32,
}

/// Why a struct cannot be decoded.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BindError {
    /// The struct, as the decoder calls it.
    pub type_name: &'static str,
    /// The field; empty where the struct itself is at fault.
    pub field: &'static str,
    /// What is wrong.
    pub kind: BindErrorKind,
}

/// What can be wrong with a struct or a field.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum BindErrorKind {
    /// The type information does not have it.
    Missing,
    /// It has another width.
    Width {
        /// Bits that the decoder takes.
        expected: u32,
        /// Bits that it has.
        found: u32,
    },
    /// It is wider than the decoder takes.
    TooWide {
        /// Bits that it has.
        found: u32,
    },
    /// It does not begin at a byte.
    BitOffset(u32),
    /// It reaches beyond its struct.
    Outside,
    /// Its type has no size.
    NoSize,
    /// The type information is at fault.
    Types(ErrorKind),
}

impl<'a> Btf<'a> {
    /// Stands on the struct or union that C calls `c_name`; `name` is for errors. `word_size` is
    /// that of the table's producer.
    pub fn bind(
        &self,
        name: &'static str,
        c_name: &str,
        word_size: u8,
    ) -> Result<Binder<'a>, BindError> {
        let ty = self.composite(c_name).ok_or(BindError {
            type_name: name,
            field: "",
            kind: BindErrorKind::Missing,
        })?;
        Ok(Binder { ty, btf: *self, name, word_size })
    }
}

impl Binder<'_> {
    /// Bytes of the struct, without the elements of a flexible array.
    #[must_use]
    pub fn size(&self) -> u32 {
        self.ty.size()
    }

    /// The place of a field of exactly `bit_size` bits. `c_name` may be a path (`a.b`).
    pub fn exact(
        &self,
        field: &'static str,
        c_name: &str,
        bit_size: u32,
    ) -> Result<Place, BindError> {
        let place = self.any(field, c_name)?;
        if place.bit_size == bit_size {
            return Ok(place);
        }
        let kind = BindErrorKind::Width { expected: bit_size, found: place.bit_size };
        Err(self.error(field, kind))
    }

    /// The place of a number of at most 64 bits, whatever its width: a C type, an enum, a
    /// bit-field.
    pub fn number(&self, field: &'static str, c_name: &str) -> Result<Place, BindError> {
        let place = self.any(field, c_name)?;
        if (1..=64).contains(&place.bit_size) {
            return Ok(place);
        }
        Err(self.error(field, BindErrorKind::TooWide { found: place.bit_size }))
    }

    /// The place of a field of any width that begins at a byte: an aggregate, an array, captured
    /// bytes.
    pub fn bytes(&self, field: &'static str, c_name: &str) -> Result<Place, BindError> {
        let place = self.any(field, c_name)?;
        if place.bit_offset % 8 == 0 && place.bit_size % 8 == 0 {
            return Ok(place);
        }
        Err(self.error(field, BindErrorKind::BitOffset(place.bit_offset)))
    }

    /// Whether the struct has the field: one that its compiler did not have is not there, nor is
    /// one that is younger than the table.
    pub fn has(&self, field: &'static str, c_name: &str) -> Result<bool, BindError> {
        let found = self.lookup(field, c_name)?;
        Ok(found.is_some_and(|member| !self.btf.is_absent(member.type_id)))
    }

    /// Whether a field takes negative values, by the type that its compiler gave it.
    pub fn is_signed(&self, field: &'static str, c_name: &str) -> Result<bool, BindError> {
        let Some(member) = self.lookup(field, c_name)? else {
            return Err(self.error(field, BindErrorKind::Missing));
        };
        let ty = self.btf.resolve(member.type_id).map_err(|error| self.types(field, error.kind))?;
        Ok(ty.is_some_and(|ty| match ty.kind() {
            kind::INT => ty.int().is_some_and(|int| int.encoding & encoding::SIGNED != 0),
            kind::ENUM | kind::ENUM64 => ty.kind_flag(),
            _ => false,
        }))
    }

    fn any(&self, field: &'static str, c_name: &str) -> Result<Place, BindError> {
        let member = self
            .lookup(field, c_name)?
            .filter(|member| !self.btf.is_absent(member.type_id))
            .ok_or(self.error(field, BindErrorKind::Missing))?;
        let bit_size = match member.bit_size {
            Some(bits) => bits,
            None => self.bit_size(field, member.type_id)?,
        };
        let end = u64::from(member.bit_offset) + u64::from(bit_size);
        if end > u64::from(self.ty.size()) * 8 {
            return Err(self.error(field, BindErrorKind::Outside));
        }
        Ok(Place { bit_offset: member.bit_offset, bit_size })
    }

    fn bit_size(&self, field: &'static str, type_id: u32) -> Result<u32, BindError> {
        let size = self
            .btf
            .size_of(type_id, self.word_size)
            .map_err(|error| self.types(field, error.kind))?
            .ok_or(self.error(field, BindErrorKind::NoSize))?;
        size.checked_mul(8)
            .and_then(|bits| u32::try_from(bits).ok())
            .ok_or(self.error(field, BindErrorKind::Outside))
    }

    fn lookup(
        &self,
        field: &'static str,
        c_name: &str,
    ) -> Result<Option<RawMember<'_>>, BindError> {
        let mut ty = self.ty;
        let mut bit_offset: u32 = 0;
        let mut parts = c_name.split('.').peekable();
        while let Some(part) = parts.next() {
            let found = ty.member(part).map_err(|error| self.types(field, error.kind))?;
            let Some(mut found) = found else {
                return Ok(None);
            };
            bit_offset = bit_offset
                .checked_add(found.bit_offset)
                .ok_or(self.error(field, BindErrorKind::Outside))?;
            if parts.peek().is_none() {
                found.bit_offset = bit_offset;
                return Ok(Some(found));
            }
            let inner = self.btf.resolve(found.type_id);
            let Some(inner) = inner.map_err(|error| self.types(field, error.kind))? else {
                return Ok(None);
            };
            ty = inner;
        }
        Ok(None)
    }

    fn error(&self, field: &'static str, kind: BindErrorKind) -> BindError {
        BindError { type_name: self.name, field, kind }
    }

    fn types(&self, field: &'static str, kind: ErrorKind) -> BindError {
        self.error(field, BindErrorKind::Types(kind))
    }
}

impl Place {
    /// A field of whole bytes.
    #[must_use]
    pub const fn of_bytes(offset: u32, size: u32) -> Self {
        Self { bit_offset: offset * 8, bit_size: size * 8 }
    }

    /// The first byte.
    #[must_use]
    #[inline]
    pub const fn offset(self) -> usize {
        (self.bit_offset / 8) as usize
    }

    /// Whole bytes.
    #[must_use]
    #[inline]
    pub const fn size(self) -> usize {
        (self.bit_size / 8) as usize
    }

    /// The number at this place, 0 where `bytes` end before it: a caller has checked that they do
    /// not.
    #[must_use]
    #[inline]
    pub fn unsigned(self, bytes: &[u8], order: Order) -> u64 {
        bits::read(bytes, u64::from(self.bit_offset), self.bit_size, order).unwrap_or(0)
    }

    /// As [`Place::unsigned`], its highest bit taken as the sign.
    #[must_use]
    #[inline]
    pub fn signed(self, bytes: &[u8], order: Order) -> i64 {
        bits::sign_extend(self.unsigned(bytes, order), self.bit_size)
    }

    /// The bytes at this place, none where `bytes` end before it: a caller has checked that they do
    /// not.
    #[must_use]
    #[inline]
    pub fn slice(self, bytes: &[u8]) -> &[u8] {
        let rest = bytes.get(self.offset()..).unwrap_or(&[]);
        rest.get(..self.size()).unwrap_or(&[])
    }

    /// The `N` bytes at this place, zeros where `bytes` end before it: a caller has checked that
    /// they do not.
    #[must_use]
    #[inline]
    pub fn array<const N: usize>(self, bytes: &[u8]) -> [u8; N] {
        bytes.get(self.offset()..).and_then(<[u8]>::first_chunk).copied().unwrap_or([0; N])
    }
}

impl core::error::Error for BindError {}

impl fmt::Display for BindError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.type_name)?;
        if !self.field.is_empty() {
            write!(f, ".{}", self.field)?;
        }
        match self.kind {
            BindErrorKind::Missing => f.write_str(": the table's types do not have it"),
            BindErrorKind::Width { expected, found } => {
                write!(f, ": it has {found} bits in the table, {expected} are expected")
            }
            BindErrorKind::TooWide { found } => write!(f, ": {found} bits are no number"),
            BindErrorKind::BitOffset(offset) => {
                write!(f, ": it begins at bit {offset}, which is not the start of a byte")
            }
            BindErrorKind::Outside => f.write_str(": it reaches beyond its struct"),
            BindErrorKind::NoSize => f.write_str(": its type has no size"),
            BindErrorKind::Types(kind) => write!(f, ": {kind}"),
        }
    }
}
