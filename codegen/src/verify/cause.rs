//! Why a field most likely lies elsewhere: what compilers, their options and configurations do to structs.
//!
//! A cause that explains all fields at once is only named if it does: the struct is laid out again under it, and every
//! field has to come out where the binary has it. Otherwise the first field that moves says why, and those behind it
//! that they move with it.

use std::cell::OnceCell;
use std::collections::HashMap;

use super::fields::{Declared, element, fields, inline, natural};
use crate::binary::place::{self as found, Place};
use crate::binary::{self, Binary, Composite, Enum, Type, spelling};
use crate::check::trial::{Part, Trial};
use crate::diag::nearest;
use crate::model::{Aggregate, Model, Target};

/// A declared field, and where the binary has it.
pub(super) struct Found<'f> {
    pub(super) field: &'f Declared,
    pub(super) place: Option<Place>,
}

/// What is known of a struct that differs.
pub(super) struct Causes<'a, 'd> {
    pub(super) model: &'a Model,
    pub(super) aggregate: &'a Aggregate,
    pub(super) binary: &'a Binary<'d>,
    pub(super) composite: &'a Composite,
    pub(super) all: &'a [Found<'a>],
    /// What explains the place of every field, as soon as somebody asks: most structs agree.
    pub(super) whole: OnceCell<Option<String>>,
}

impl<'a> Causes<'a, '_> {
    /// What explains the place of every field.
    fn whole(&self) -> Option<&String> {
        let find = || match [1, 2, 4, 8].into_iter().find(|limit| self.is_packed_to(*limit)) {
            Some(1) => Some("the binary's struct is packed: write `#[packed]`".to_owned()),
            Some(limit) => Some(format!(
                "it was built with `-fpack-struct={limit}` or `#pragma pack({limit})`: `import` writes it as it is"
            )),
            None => other_order(self.all, ""),
        };
        self.whole.get_or_init(find).as_ref()
    }

    /// Whether every field lies where it would if no alignment were larger than `limit`, and some do not without it.
    fn is_packed_to(&self, limit: u64) -> bool {
        let target = self.binary.target();
        let there = self.all.iter().filter_map(|it| Some((it.field.path.as_str(), it.place?)));
        let there: HashMap<&str, u64> =
            there.map(|(path, place)| (path, place.bit_offset)).collect();
        let mut is_there = |path: &str, bit_offset| there.get(path) == Some(&bit_offset);
        packed_size(self.model, self.aggregate, target, limit, &mut is_there)
            == Some(self.composite.size)
    }

    /// Why the binary does not have a field.
    pub(super) fn of_absence(&self, path: &str) -> String {
        let name = path.rsplit('.').next().unwrap_or(path);
        let names = self.composite.members.iter().map(|it| it.name.as_str());
        let is_declared = |name: &str| self.all.iter().any(|it| it.field.path == name);
        match nearest(name, names.filter(|it| !it.is_empty() && !is_declared(it))) {
            Some(near) => format!("is it `{near}` now?"),
            None => {
                "another version or another configuration: `#[if(\"MACRO\")]` says that a field of an \
                 `extern struct` depends on one"
                    .to_owned()
            }
        }
    }

    /// Why a field lies elsewhere, or has another width.
    pub(super) fn of_place(
        &self,
        field: &Declared,
        place: Place,
    ) -> binary::Result<Option<String>> {
        if field.bits.is_some_and(|bits| bits != place.bits && bits > 0 && place.bits > 0) {
            return self.of_width(field, place).map(Some);
        }
        if let Some(whole) = self.whole() {
            return Ok(Some(whole.clone()));
        }
        let around = prefix(&field.path);
        if let Some(order) = other_order(self.all, around).filter(|_| !around.is_empty()) {
            return Ok(Some(order));
        }
        Ok(field.bit_offset.map(|here| self.of_move(field, here, place)))
    }

    fn of_width(&self, field: &Declared, place: Place) -> binary::Result<String> {
        let ty = element(self.binary, place.ty)?;
        if field.enumeration.is_some() && matches!(&*self.binary.get(ty)?, Type::Enum(_)) {
            return Ok("`-fshort-enums`, or a packed enum: give the enum a type, `enum name: u8`"
                .to_owned());
        }
        match place.is_bit_field {
            true => Ok(format!("it is a bit-field in the binary: write `: {}`", place.bits)),
            false => {
                let described = spelling::described(self.binary, place.ty)?;
                Ok(format!("it is `{described}` in the binary"))
            }
        }
    }

    /// Why a field lies elsewhere that is as wide as it should be.
    fn of_move(&self, field: &Declared, here: u64, place: Place) -> String {
        let moved = i128::from(place.bit_offset) - i128::from(here);
        let offsets = |it: &Found<'_>| Some((it.field.bit_offset?, it.place?.bit_offset));
        let around = field.path.rsplit_once('.').map(|(around, _)| around);
        let around = around.and_then(|path| self.all.iter().find(|it| it.field.path == path));
        let around = around.and_then(|it| Some((it, offsets(it)?)));
        if let Some((it, (here, there))) = around
            && i128::from(there) - i128::from(here) == moved
        {
            return format!("it moves with `{}`", it.field.path);
        }
        let Some((before, end)) = self.before(field, here) else {
            return self.of_gap(place, around.map_or(0, |(_, (_, there))| there), 0);
        };
        let name = &before.field.path;
        let Some(there) = before.place else {
            return format!("`{name}` lies before it here, and the binary does not have it");
        };
        if before.field.bits.is_some_and(|bits| bits != there.bits) {
            let (bits, here) = (found::width(there.bits), before.field.bits.unwrap_or(0));
            let here = found::width(here);
            return format!("`{name}` before it has {bits} in the binary, and {here} here");
        }
        let before_moved =
            offsets(before).map(|(here, there)| i128::from(there) - i128::from(here));
        let there_end = there.bit_offset.saturating_add(there.bits);
        // Behind a field that moves, C puts it at the next place that its alignment allows.
        let align = field.align.max(1).saturating_mul(8);
        let is_next = there_end.checked_next_multiple_of(align) == Some(place.bit_offset);
        if before_moved == Some(moved) || (before_moved != Some(0) && is_next) {
            return format!("it moves with `{name}` before it");
        }
        self.of_gap(place, there_end, here.saturating_sub(end))
    }

    /// The last field of the same braces that ends before one begins, and where it ends here.
    fn before(&self, field: &Declared, here: u64) -> Option<(&Found<'a>, u64)> {
        let end = |it: &Found<'_>| it.field.bit_offset?.checked_add(it.field.bits.unwrap_or(0));
        self.all
            .iter()
            .filter(|it| prefix(&it.field.path) == prefix(&field.path))
            .filter_map(|it| Some((it, end(it)?)))
            .filter(|(it, end)| *end <= here && !std::ptr::eq(it.field, field))
            .max_by_key(|(_, end)| *end)
    }

    /// Why there is more or less in front of a field than here.
    fn of_gap(&self, place: Place, there_end: u64, here_gap: u64) -> String {
        if let Some(name) = self.unknown(there_end, place.bit_offset) {
            return format!(
                "`{name}` lies before it in the binary, and is not declared here: declare it, or write padding"
            );
        }
        let Some(gap) = place.bit_offset.checked_sub(there_end) else {
            return "it lies in the bytes of what is before it here".to_owned();
        };
        if gap <= here_gap {
            return match gap {
                0 => "nothing lies before it in the binary: it is packed there, `#[packed]`, or padding is gone".to_owned(),
                gap => format!("only {} of padding lie before it in the binary", found::width(gap)),
            };
        }
        if let Some(align) = place.align.filter(|align| *align > 1) {
            return aligned(align);
        }
        match gap % 8 {
            0 => format!(
                "padding lies before it in the binary: write `_: bytes<{}>`, or `#[align(n)]`",
                gap / 8
            ),
            _ => format!("{} lie unused before it in the binary", found::width(gap)),
        }
    }

    /// The last member between two places that the schema does not know.
    fn unknown(&self, from: u64, to: u64) -> Option<&'a str> {
        let is_known =
            |name: &str| self.all.iter().any(|it| it.field.path == name || it.field.c_path == name);
        let between = |it: &&binary::Member| (from..to).contains(&it.bit_offset);
        let unknown = self.composite.members.iter().filter(between);
        let unknown = unknown.filter(|it| !it.name.is_empty() && !is_known(&it.name));
        unknown.max_by_key(|it| it.bit_offset).map(|it| it.name.as_str())
    }

    /// Why a struct whose fields agree has another size.
    pub(super) fn of_size(&self, here: u64, align: u64) -> String {
        if let Some(whole) = self.whole() {
            return whole.clone();
        }
        let there = self.composite.size;
        if there < here {
            return "the binary's struct ends earlier: what lies behind its fields here is padding, or an alignment"
                .to_owned();
        }
        let ends = self.all.iter().filter_map(|it| it.place);
        let end = ends.map(|it| it.bit_offset.saturating_add(it.bits)).max().unwrap_or(0);
        if let Some(last) = self.unknown(end, u64::MAX) {
            return format!(
                "`{last}` lies behind the others in the binary, and is not declared here: declare it, or write padding"
            );
        }
        if let Some(said) = self.composite.align.filter(|said| *said > align) {
            return aligned(said);
        }
        format!(
            "padding lies behind its fields in the binary: write `_: bytes<{}>`, or `#[align(n)]`",
            there - here
        )
    }
}

fn aligned(align: u64) -> String {
    format!("it is aligned to {align} bytes in the binary: write `#[align({align})]`")
}

fn prefix(path: &str) -> &str {
    path.rsplit_once('.').map_or("", |(prefix, _)| prefix)
}

/// The size under a limit on alignments, as long as `is_there` agrees with the place of every field, also of those that
/// move with what is around them; nothing where the limit changes nothing.
fn packed_size(
    model: &Model,
    aggregate: &Aggregate,
    target: Target,
    limit: u64,
    is_there: &mut dyn FnMut(&str, u64) -> bool,
) -> Option<u64> {
    let layout = aggregate.layouts.as_ref()?.on(target);
    let mut trial = Trial::new(target, aggregate.union, false);
    let mut is_other = false;
    for (field, placement) in aggregate.fields.iter().zip(&layout.fields) {
        let part = Part {
            size: placement.size,
            align: natural(model, &field.ty, target).min(limit),
            bits: field.bits,
            own_align: field.align,
            packed: field.packed || aggregate.packed,
            named: field.naming.is_some(),
        };
        let bit_offset = trial.place(part)?;
        let here = placement.bit_offset.unwrap_or(placement.offset.saturating_mul(8));
        is_other |= bit_offset != here;
        let name = field.naming.as_ref().map(|naming| naming.name.as_str());
        if name.is_some_and(|name| !is_there(name, bit_offset)) {
            return None;
        }
        let mut inside = Vec::new();
        if let Some(inner) = inline(model, &field.ty) {
            let path = name.map(|name| format!("{name}.")).unwrap_or_default();
            fields(model, inner, target, Some(bit_offset), (&path, &path), &mut inside);
        }
        let is_inside = |it: &Declared| it.bit_offset.is_some_and(|at| is_there(&it.path, at));
        if !inside.iter().all(is_inside) {
            return None;
        }
    }
    let size = trial.end().checked_next_multiple_of(trial.align())?;
    (is_other || size != layout.size).then_some(size)
}

/// The order in the binary of what lies between two braces, if it is another one.
fn other_order(all: &[Found<'_>], around: &str) -> Option<String> {
    /// How many are said.
    const MOST: usize = 8;
    let between = all.iter().filter(|it| prefix(&it.field.path) == around);
    let mut here: Vec<(u64, u64, &str)> = between
        .filter_map(|it| Some((it.field.bit_offset?, it.place?.bit_offset, it.field.path.as_str())))
        .collect();
    here.sort_by_key(|(here, ..)| *here);
    let mut there = here.clone();
    there.sort_by_key(|(_, there, _)| *there);
    // What lies at one place there, such as the arms of a union, has no order.
    let is_other = here
        .windows(2)
        .any(|pair| matches!(pair, [(_, first, _), (_, second, _)] if first > second));
    let names: Vec<String> =
        there.iter().take(MOST).map(|(.., name)| format!("`{name}`")).collect();
    is_other.then(|| format!("the binary has them in another order: {}", names.join(", ")))
}

/// Why an enum has another width.
pub(super) fn of_enum_size(bytes: u64, signed: bool) -> String {
    let word = if signed { "i" } else { "u" };
    format!(
        "`-fshort-enums`, a packed enum, or one with a type: give it that, `enum name: {word}{}`",
        bytes.saturating_mul(8)
    )
}

/// Why an enum does not have a member.
pub(super) fn of_missing_member(found: &Enum, name: &str) -> String {
    match nearest(name, found.members.iter().map(|(name, _)| name.as_str())) {
        Some(near) => format!("is it `{near}` now?"),
        None => "another version: `#[removed(n)]` says that there is none any more".to_owned(),
    }
}
