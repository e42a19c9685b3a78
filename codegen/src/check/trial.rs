//! Placing fields one by one, for whoever has to write a struct whose layout is given: what a field needs so that
//! it lies where it has to is found by trying, with the arithmetic of `layout` and no other.

use super::layout::{Extent, Placer, padding, scalar_extent};
use crate::model::{Naming, Scalar, Target};
use crate::source::{FileId, Span};

/// A struct or union that grows field by field.
#[derive(Clone)]
pub(crate) struct Trial(Placer);

/// What the place of a field depends on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Part {
    /// Bytes of its type.
    pub(crate) size: u64,
    /// Bytes, of its type.
    pub(crate) align: u64,
    /// The width of a bit-field.
    pub(crate) bits: Option<u32>,
    /// `#[align(n)]`
    pub(crate) own_align: Option<u32>,
    /// `#[packed]`
    pub(crate) packed: bool,
    /// Not `_`.
    pub(crate) named: bool,
}

impl Trial {
    /// Without a field.
    pub(crate) fn new(target: Target, union: bool, packed: bool) -> Self {
        Self(Placer { target, union, packed, next_bit: 0, end_bit: 0, align: 1 })
    }

    /// Adds a field and tells its first bit; nothing where it lies beyond all numbers.
    pub(crate) fn place(&mut self, part: Part) -> Option<u64> {
        let origin = Span::new(FileId(0), 0, 0);
        let mut field = padding(part.size, origin);
        field.bits = part.bits;
        field.align = part.own_align;
        field.packed = part.packed;
        field.naming = part.named.then(|| Naming {
            name: String::new(),
            c: String::new(),
            rust: String::new(),
            docs: String::new(),
            origin,
            lifetime: super::forever(),
        });
        let placement = self.0.place(&field, Extent { size: part.size, align: part.align })?;
        placement.bit_offset.or(placement.offset.checked_mul(8))
    }

    /// Where a field would lie.
    pub(crate) fn peek(&self, part: Part) -> Option<u64> {
        self.clone().place(part)
    }

    /// The first bit behind the last field; 0 in a union.
    pub(crate) fn next_bit(&self) -> u64 {
        self.0.next_bit
    }

    /// The bytes that are used.
    pub(crate) fn end(&self) -> u64 {
        self.0.end_bit.div_ceil(8)
    }

    /// The alignment that the fields give it, in bytes.
    pub(crate) fn align(&self) -> u64 {
        self.0.align
    }
}

/// Size and alignment of a scalar as a field, in bytes.
pub(crate) fn extent_of(scalar: Scalar, target: Target) -> (u64, u64) {
    let extent = scalar_extent(scalar, target);
    (extent.size, extent.align)
}
