//! Layouts: where each field of an aggregate lies on each target, exactly as GCC places it there.
//!
//! The only offset arithmetic of the project. It reads resolved fields and finished layouts of the aggregates
//! inside, and returns a [`Layout`]; overflow is a value. The rules are those of the System V ABI supplements
//! with GCC's reading of them (`stor-layout`), which Clang follows on these targets:
//!
//! - A member stands at the next multiple of its alignment; a struct's alignment is the largest inside.
//! - A bit-field of a type T stands in the next free bits, unless it would then touch more units of T's
//!   alignment than T itself has; it then moves to the next multiple of T's alignment.
//! - A bit-field raises the struct's alignment to T's. One without a name does so on Arm only.
//! - Width zero moves to the next multiple of T's alignment, even in a packed struct.
//! - `packed` lowers every member's alignment to 1, and lets bit-fields cross any boundary.

use crate::model::{Aggregate, Field, Layout, Length, Placement, Scalar, Target, Type, Width};
use crate::source::Span;

/// Size and alignment of a type, in bytes; the alignment is that of a struct member.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Extent {
    pub(super) size: u64,
    pub(super) align: u64,
}

/// What the layout of an aggregate needs to know of other types.
pub(super) trait Types {
    /// The finished layout of an aggregate inside; `None` if it has none.
    fn layout(&self, id: crate::model::AggregateId, target: Target) -> Option<&Layout>;
    /// The bytes of an enum.
    fn enum_size(&self, id: crate::model::EnumId, target: Target) -> u8;
    /// The scalar under a set of flags.
    fn flags_repr(&self, id: crate::model::FlagsId) -> Scalar;
}

/// Why there is no layout.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Fault {
    /// The field at this position, or the whole, is larger than the target can address.
    TooLarge(usize),
    /// A type inside has no layout; reported where it went wrong.
    Unknown,
}

/// Size and alignment of a scalar as a member of a struct.
pub(super) fn scalar_extent(scalar: Scalar, target: Target) -> Extent {
    let info = target.info();
    match scalar.width() {
        Width::Word => Extent { size: info.word_size.into(), align: info.word_size.into() },
        Width::Fixed(8) => Extent { size: 8, align: info.align_8.into() },
        Width::Fixed(size) => Extent { size: size.into(), align: size.into() },
    }
}

/// Size and alignment of a type as a member; a flexible array has size 0.
pub(super) fn type_extent(types: &dyn Types, ty: &Type, target: Target) -> Result<Extent, Fault> {
    let word = u64::from(target.info().word_size);
    Ok(match ty {
        Type::Scalar(scalar) => scalar_extent(*scalar, target),
        Type::Atomic(scalar) => {
            // An atomic access needs the natural alignment, which i686 does not give to eight bytes.
            let size = scalar_extent(*scalar, target).size;
            Extent { size, align: size }
        }
        Type::Pointer(_) => Extent { size: word, align: word },
        Type::Array(element, Length::Fixed(count)) => {
            let element = type_extent(types, element, target)?;
            let size = element.size.checked_mul(*count).ok_or(Fault::TooLarge(0))?;
            Extent { size, align: element.align }
        }
        Type::Flexible(element) => {
            Extent { size: 0, align: type_extent(types, element, target)?.align }
        }
        Type::Text(size) | Type::Bytes(size) => Extent { size: *size, align: 1 },
        Type::String => Extent { size: 4, align: 4 },
        Type::Aggregate(id) => {
            let layout = types.layout(*id, target).ok_or(Fault::Unknown)?;
            Extent { size: layout.size, align: layout.align.into() }
        }
        Type::Enum(id) => enum_extent(types.enum_size(*id, target), target),
        Type::Flags(id) => scalar_extent(types.flags_repr(*id), target),
        Type::Array(_, Length::Captured) | Type::Opaque => return Err(Fault::Unknown),
    })
}

fn enum_extent(size: u8, target: Target) -> Extent {
    let align = if size == 8 { target.info().align_8 } else { size };
    Extent { size: size.into(), align: align.into() }
}

/// The layout of an aggregate whose fields are resolved.
pub(super) fn aggregate_layout(
    types: &dyn Types,
    aggregate: &Aggregate,
    target: Target,
) -> Result<Layout, Fault> {
    let mut placer = Placer::new(aggregate, target);
    let mut fields = Vec::with_capacity(aggregate.fields.len());
    for (index, field) in aggregate.fields.iter().enumerate() {
        let extent = type_extent(types, &field.ty, target).map_err(|fault| match fault {
            Fault::TooLarge(_) => Fault::TooLarge(index),
            Fault::Unknown => Fault::Unknown,
        })?;
        let placement = placer.place(field, extent).ok_or(Fault::TooLarge(index))?;
        if placement.offset.checked_add(placement.size).is_none_or(|end| end > limit(target)) {
            return Err(Fault::TooLarge(index));
        }
        fields.push(placement);
    }
    let align = placer.align.max(aggregate.align.unwrap_or(1).into());
    let size = placer
        .end_bit
        .div_ceil(8)
        .checked_next_multiple_of(align)
        .filter(|size| *size <= limit(target))
        .ok_or(Fault::TooLarge(aggregate.fields.len().saturating_sub(1)))?;
    Ok(Layout { size, align: align as u32, fields })
}

/// A field that cannot lie where `#[offset]` wants it.
pub(super) struct Misplaced {
    /// Which field.
    pub(super) position: usize,
    /// Why; nothing where a type inside is at fault itself, which has been reported.
    pub(super) why: Option<String>,
}

/// The padding that brings fields to the offsets asked for: positions in ascending order, each with the bytes
/// to insert before it. The padding is part of the type, so it has to be the same on every target.
///
pub(super) fn gaps(
    types: &dyn Types,
    aggregate: &Aggregate,
    wanted: &[Option<u64>],
) -> Result<Vec<(usize, u64)>, Misplaced> {
    let mut placers: Vec<Placer> =
        Target::all().map(|target| Placer::new(aggregate, target)).collect();
    let mut gaps = Vec::new();
    for (position, field) in aggregate.fields.iter().enumerate() {
        if let Some(offset) = wanted[position] {
            let bytes = gap_before(types, &placers, field, offset)
                .map_err(|why| Misplaced { position, why })?;
            if bytes > 0 {
                gaps.push((position, bytes));
                let pad = padding(bytes, field.origin);
                for placer in &mut placers {
                    placer.place(&pad, Extent { size: bytes, align: 1 });
                }
            }
        }
        for placer in &mut placers {
            let extent = type_extent(types, &field.ty, placer.target)
                .map_err(|_| Misplaced { position, why: None })?;
            let placement = placer.place(field, extent).ok_or(Misplaced { position, why: None })?;
            if let Some(offset) = wanted[position]
                && placement.offset != offset
            {
                let message = format!(
                    "the field is not aligned at {offset} on {}: the next place is {}",
                    placer.target.name(),
                    placement.offset
                );
                return Err(Misplaced { position, why: Some(message) });
            }
        }
    }
    Ok(gaps)
}

/// How many bytes of padding bring `field` to `offset` on every target: none where it lies there by itself on
/// all of them, else all the bytes behind the field before.
fn gap_before(
    types: &dyn Types,
    placers: &[Placer],
    field: &Field,
    offset: u64,
) -> Result<u64, Option<String>> {
    let mut needed = false;
    let mut gap = None;
    let mut differ = false;
    for placer in placers {
        let extent = type_extent(types, &field.ty, placer.target).map_err(|_| None)?;
        let mut trial = *placer;
        let natural = trial.place(field, extent).ok_or(None)?.offset;
        if natural > offset {
            let name = placer.target.name();
            return Err(Some(format!("the field cannot lie before {natural} on {name}")));
        }
        let end = if placer.union { 0 } else { placer.end_bit.div_ceil(8) };
        needed |= natural != offset;
        differ |= *gap.get_or_insert(offset - end) != offset - end;
        if placer.union && offset > 0 {
            return Err(Some("every arm of a union lies at 0".to_owned()));
        }
    }
    match gap {
        Some(gap) if needed && !differ => Ok(gap),
        _ if needed => Err(Some("the targets need different padding before this field".to_owned())),
        _ => Ok(0),
    }
}

/// A field of padding.
pub(super) fn padding(bytes: u64, origin: Span) -> Field {
    Field {
        naming: None,
        origin,
        ty: Type::Bytes(bytes),
        bits: None,
        align: None,
        packed: false,
        expected: None,
        count: None,
        tag: None,
        arm: None,
        list: None,
        ring: None,
        unit: None,
        display: None,
        condition: None,
        debug: None,
        sensitive: false,
    }
}

/// The largest object that C allows: half the address space, so that pointers in it can be subtracted.
fn limit(target: Target) -> u64 {
    if target.info().word_size == 4 { i32::MAX as u64 } else { 1 << 60 }
}

#[derive(Clone, Copy)]
pub(super) struct Placer {
    pub(super) target: Target,
    pub(super) union: bool,
    pub(super) packed: bool,
    /// The first free bit.
    pub(super) next_bit: u64,
    /// One past the last used bit.
    pub(super) end_bit: u64,
    /// Bytes.
    pub(super) align: u64,
}

impl Placer {
    fn new(aggregate: &Aggregate, target: Target) -> Self {
        let (union, packed) = (aggregate.union, aggregate.packed);
        Self { target, union, packed, next_bit: 0, end_bit: 0, align: 1 }
    }

    pub(super) fn place(&mut self, field: &Field, extent: Extent) -> Option<Placement> {
        let packed = self.packed || field.packed;
        let own = field.align.map(u64::from);
        match field.bits {
            None => self.place_member(extent, packed, own.unwrap_or(1)),
            Some(0) => self.place_zero_width(extent, own.unwrap_or(1)),
            Some(width) => {
                self.place_bits(extent, u64::from(width), packed, own, field.naming.is_some())
            }
        }
    }

    fn place_member(&mut self, extent: Extent, packed: bool, own: u64) -> Option<Placement> {
        let align = if packed { own } else { extent.align.max(own) };
        let start = self.next_bit.checked_next_multiple_of(align * 8)?;
        self.align = self.align.max(align);
        self.advance(start, extent.size.checked_mul(8)?)?;
        Some(Placement { offset: start / 8, size: extent.size, bit_offset: None })
    }

    fn place_bits(
        &mut self,
        extent: Extent,
        width: u64,
        packed: bool,
        own: Option<u64>,
        named: bool,
    ) -> Option<Placement> {
        let mut start = self.next_bit;
        if let Some(own) = own {
            // Even an alignment of 1 ends the run of bits: the next field begins on a whole byte.
            start = start.checked_next_multiple_of(own * 8)?;
        }
        let own = own.unwrap_or(1);
        let unit = extent.align * 8;
        if !packed && spans_too_much(start, width, unit, extent.size * 8) {
            start = start.checked_next_multiple_of(unit)?;
        }
        let raises = named || self.target.info().anonymous_bits_align;
        if raises {
            let from_type = if packed { 1 } else { extent.align };
            self.align = self.align.max(from_type).max(own);
        }
        self.advance(start, width)?;
        Some(Placement { offset: start / 8, size: extent.size, bit_offset: Some(start) })
    }

    fn place_zero_width(&mut self, extent: Extent, own: u64) -> Option<Placement> {
        let align = extent.align.max(own);
        let start = self.next_bit.checked_next_multiple_of(align * 8)?;
        if self.target.info().anonymous_bits_align {
            self.align = self.align.max(align);
        }
        if !self.union {
            self.next_bit = start;
            self.end_bit = self.end_bit.max(start);
        }
        Some(Placement { offset: start / 8, size: extent.size, bit_offset: Some(start) })
    }

    fn advance(&mut self, start: u64, bits: u64) -> Option<()> {
        let end = start.checked_add(bits)?;
        self.end_bit = self.end_bit.max(end);
        if !self.union {
            self.next_bit = end;
        }
        Some(())
    }
}

/// Whether `width` bits from `start` touch more units of `unit` bits than a type of `size` bits has.
fn spans_too_much(start: u64, width: u64, unit: u64, size: u64) -> bool {
    (start % unit + width).div_ceil(unit) > size / unit
}
