//! The fields of a declared struct beside those of the binary's.

use std::cell::OnceCell;

use super::cause::{Causes, Found};
use super::{Context, Difference};
use crate::binary::place::{self as found, Fields, Place};
use crate::binary::{self, Binary, Key, Type};
use crate::check::trial::extent_of;
use crate::model::{self, AggregateId, EnumId, EnumRepr, Length, Model, Target};
use crate::source::Span;

/// A declared field: where the schema puts it.
pub(super) struct Declared {
    pub(super) path: String,
    /// In C, where it has a name of its own there.
    pub(super) c_path: String,
    pub(super) origin: Span,
    /// From the start of the struct; nothing where a compiler decides.
    pub(super) bit_offset: Option<u64>,
    /// Nothing where a compiler decides.
    pub(super) bits: Option<u64>,
    /// Bytes; of a bit-field 1.
    pub(super) align: u64,
    /// The enum that it holds, or an array of it.
    pub(super) enumeration: Option<EnumId>,
    /// An inline struct or union, or an array of it.
    pub(super) is_inline: bool,
    /// `#[if("CONFIG_X")]`, or removed.
    pub(super) may_be_absent: bool,
}

impl Context<'_, '_> {
    /// What differs; nothing where the binary's type is another kind of thing.
    pub(super) fn aggregate(
        &mut self,
        id: AggregateId,
        ty: &Type,
    ) -> binary::Result<Option<Vec<Difference>>> {
        let Type::Composite(composite) = ty else { return Ok(None) };
        if composite.is_declaration {
            return Ok(None);
        }
        let target = self.binary.target();
        let aggregate = &self.model[id];
        let mut declared = Vec::new();
        fields(self.model, id, target, Some(0), ("", ""), &mut declared);
        let mut there = Fields::new(self.binary, composite);
        let is_bytes = is_bytes(aggregate, &mut there)?;
        // An enum whose variants have fields: which one there is, nobody can tell from outside.
        let is_told = composite.mixed.is_none() && !is_bytes;
        let all = if is_told { self.places(&mut there, &declared)? } else { Vec::new() };
        let (model, binary, whole) = (self.model, self.binary, OnceCell::new());
        let causes = Causes { model, aggregate, binary, composite, all: &all, whole };
        let mut differences = Vec::new();
        for Found { field, place } in &all {
            let (path, origin) = (field.path.clone(), field.origin);
            let (what, is_other_type, cause) = match place {
                None if field.may_be_absent => continue,
                None => {
                    let what = "the binary does not have this field".to_owned();
                    (what, true, Some(causes.of_absence(&field.path)))
                }
                Some(place) => {
                    let Some(what) = differs(field, *place) else { continue };
                    let is_other_type = field.bits.is_some_and(|bits| bits != place.bits);
                    (what, is_other_type, causes.of_place(field, *place)?)
                }
            };
            differences.push(Difference { field: path, origin, what, is_other_type, cause });
        }
        let layout = aggregate.layouts.as_ref().map(|layouts| layouts.on(target));
        if let Some(layout) = layout.filter(|layout| layout.size != composite.size) {
            let (there, here) = (composite.size, layout.size);
            let bytes = aggregate.fields.first().filter(|_| is_bytes);
            let bytes = bytes.and_then(|field| field.naming.as_ref());
            let is_alone = differences.is_empty() && is_told;
            differences.push(Difference {
                field: bytes.map_or_else(String::new, |naming| naming.name.clone()),
                origin: aggregate.naming.origin,
                what: format!("it has {there} bytes in the binary, and {here} here"),
                is_other_type: is_bytes,
                cause: is_alone.then(|| causes.of_size(here, u64::from(layout.align))),
            });
        }
        Ok(Some(differences))
    }

    /// Where the binary has each field.
    fn places<'f>(
        &mut self,
        there: &mut Fields<'_, '_>,
        declared: &'f [Declared],
    ) -> binary::Result<Vec<Found<'f>>> {
        let mut all = Vec::with_capacity(declared.len());
        // Fields that somebody has written in place of bytes: the binary does not say what is inside.
        let mut untold: Vec<String> = Vec::new();
        for field in declared {
            if untold.iter().any(|path| field.path.starts_with(path.as_str())) {
                continue;
            }
            let place = place(there, &field.c_path, &field.path)?;
            all.push(Found { field, place });
            let Some(place) = place else { continue };
            let ty = element(self.binary, place.ty)?;
            match (&*self.binary.get(ty)?, field.enumeration) {
                (Type::Enum(_), Some(id)) => {
                    self.enums.entry(id).or_default().insert(ty);
                }
                (Type::Composite(it), _) if it.mixed.is_none() => {}
                _ if field.is_inline => untold.push(format!("{}.", field.path)),
                _ => {}
            }
        }
        Ok(all)
    }
}

/// The type of what an array holds, behind typedefs.
pub(super) fn element(binary: &Binary<'_>, key: Key) -> binary::Result<Key> {
    Ok(binary.behind_typedefs(found::element(binary, key)?)?.0)
}

/// Whether a struct says no more than how many bytes there are, as one does that was imported and could not be told:
/// the binary has no member of the name. Where a compiler decides on the layout, it does not even say that.
fn is_bytes(aggregate: &model::Aggregate, there: &mut Fields<'_, '_>) -> binary::Result<bool> {
    let [model::Field { ty: model::Type::Bytes(_), naming: Some(naming), .. }] =
        aggregate.fields.as_slice()
    else {
        return Ok(false);
    };
    Ok(aggregate.layouts.is_some() && place(there, &naming.c, &naming.name)?.is_none())
}

/// Where the binary has a field under the name that C has for it, or else under that of the schema.
fn place(there: &mut Fields<'_, '_>, c_path: &str, path: &str) -> binary::Result<Option<Place>> {
    match there.look_up(c_path)? {
        None if path != c_path => there.look_up(path),
        found => Ok(found),
    }
}

fn differs(field: &Declared, place: Place) -> Option<String> {
    let offset = field.bit_offset.filter(|offset| *offset != place.bit_offset);
    // A flexible array has no bytes in either.
    let bits = field.bits.filter(|bits| *bits != place.bits && *bits > 0 && place.bits > 0);
    let at = |bit_offset| format!("at {}", found::shown(bit_offset));
    match (offset, bits) {
        (None, None) => None,
        (Some(offset), None) => {
            Some(format!("it lies {} in the binary, and {} here", at(place.bit_offset), at(offset)))
        }
        (Some(offset), Some(bits)) => Some(format!(
            "it lies {} with {} in the binary, and {} with {} here",
            at(place.bit_offset),
            found::width(place.bits),
            at(offset),
            found::width(bits)
        )),
        (None, Some(bits)) => Some(format!(
            "it has {} in the binary, and {} here",
            found::width(place.bits),
            found::width(bits)
        )),
    }
}

/// Every declared field with a name, those inside of inline aggregates too.
pub(super) fn fields(
    model: &Model,
    id: AggregateId,
    target: Target,
    base: Option<u64>,
    (path, c_path): (&str, &str),
    found: &mut Vec<Declared>,
) {
    let aggregate = &model[id];
    let layout = aggregate.layouts.as_ref().map(|layouts| layouts.on(target));
    for (index, field) in aggregate.fields.iter().enumerate() {
        let placement = layout.and_then(|layout| layout.fields.get(index));
        let own = placement.map(|it| it.bit_offset.unwrap_or(it.offset.saturating_mul(8)));
        let bit_offset = base.zip(own).map(|(base, own)| base.saturating_add(own));
        let inline = inline(model, &field.ty);
        let Some(naming) = &field.naming else {
            if let Some(inner) = inline {
                fields(model, inner, target, bit_offset, (path, c_path), found);
            }
            continue;
        };
        let (path, c_path) = (format!("{path}{}", naming.name), format!("{c_path}{}", naming.c));
        let bytes = placement.map(|it| it.size).or_else(|| size_of(model, &field.ty, target));
        let bits = match field.bits {
            Some(bits) => Some(u64::from(bits)),
            None => bytes.and_then(|bytes| bytes.checked_mul(8)),
        };
        found.push(Declared {
            path: path.clone(),
            c_path: c_path.clone(),
            origin: field.origin,
            bit_offset,
            bits,
            align: if field.bits.is_some() { 1 } else { natural(model, &field.ty, target) },
            enumeration: enumeration(&field.ty),
            is_inline: inline.is_some(),
            may_be_absent: field.condition.is_some() || naming.lifetime.removed.is_some(),
        });
        if let Some(inner) = inline {
            let inside = (format!("{path}."), format!("{c_path}."));
            fields(model, inner, target, bit_offset, (&inside.0, &inside.1), found);
        }
    }
}

/// The struct or union that a field writes out, or an array of it.
pub(super) fn inline(model: &Model, ty: &model::Type) -> Option<AggregateId> {
    match innermost(ty) {
        model::Type::Aggregate(inner) if model[*inner].parent.is_some() => Some(*inner),
        _ => None,
    }
}

/// What an array holds.
fn innermost(ty: &model::Type) -> &model::Type {
    let mut ty = ty;
    while let model::Type::Array(element, _) = ty {
        ty = element;
    }
    ty
}

fn enumeration(ty: &model::Type) -> Option<EnumId> {
    match innermost(ty) {
        model::Type::Enum(id) => Some(*id),
        _ => None,
    }
}

/// Bytes of a type, where no compiler has to be asked.
fn size_of(model: &Model, ty: &model::Type, target: Target) -> Option<u64> {
    Some(match ty {
        model::Type::Scalar(scalar) | model::Type::Atomic(scalar) => extent_of(*scalar, target).0,
        model::Type::Pointer(_) => u64::from(target.info().word_size),
        model::Type::Array(element, Length::Fixed(length)) => {
            size_of(model, element, target)?.checked_mul(*length)?
        }
        model::Type::Text(size) | model::Type::Bytes(size) => *size,
        model::Type::Aggregate(id) => model[*id].layouts.as_ref()?.on(target).size,
        model::Type::Enum(id) => match (&model[*id].repr, &model[*id].header) {
            (EnumRepr::Scalar(scalar), _) => extent_of(*scalar, target).0,
            (EnumRepr::C(sizes), None) => u64::from(sizes.get(target.index())?.0),
            (EnumRepr::C(_), Some(_)) => return None,
        },
        model::Type::Flags(id) => extent_of(model[*id].repr, target).0,
        _ => return None,
    })
}

pub(super) fn natural(model: &Model, ty: &model::Type, target: Target) -> u64 {
    match ty {
        model::Type::Scalar(scalar) => extent_of(*scalar, target).1,
        model::Type::Array(element, _) => natural(model, element, target),
        model::Type::Aggregate(id) => {
            model[*id].layouts.as_ref().map_or(1, |it| u64::from(it.on(target).align))
        }
        model::Type::Text(_) | model::Type::Bytes(_) => 1,
        ty => size_of(model, ty, target).filter(|size| size.is_power_of_two()).unwrap_or(1),
    }
}
