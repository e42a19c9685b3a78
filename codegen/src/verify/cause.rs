//! Why a field most likely lies elsewhere: what compilers, their options and configurations do to structs.

use super::fields::Declared;
use crate::binary::place::{self as found, Place};
use crate::binary::{Composite, Enum};
use crate::diag::nearest;

/// Why the binary does not have a field.
pub(super) fn of_absence(composite: &Composite, path: &str) -> String {
    let name = path.rsplit('.').next().unwrap_or(path);
    let names = composite.members.iter().map(|it| it.name.as_str()).filter(|it| !it.is_empty());
    match nearest(name, names) {
        Some(near) => format!("is it `{near}` now?"),
        None => {
            "another version or another configuration: `#[if(\"MACRO\")]` says that a field of an \
                 `extern struct` depends on one"
                .to_owned()
        }
    }
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

/// Why a field lies elsewhere, or is wider.
pub(super) fn of_place(
    field: &Declared,
    place: Place,
    composite: &Composite,
    declared: &[Declared],
) -> Option<String> {
    if let Some(bits) = field.bits.filter(|bits| *bits != place.bits && place.bits > 0) {
        if field.enumeration.is_some() && (place.bits < 32 || bits < 32) {
            return Some(
                "`-fshort-enums`, or a packed enum: give the enum a type, `enum name: u8`"
                    .to_owned(),
            );
        }
        if field.is_pointer {
            return Some("the binary was built for another word size".to_owned());
        }
        return Some("its type is another one in the binary".to_owned());
    }
    let here = field.bit_offset?;
    if place.bit_offset.is_multiple_of(8)
        && field.align > 1
        && !(place.bit_offset / 8).is_multiple_of(field.align)
    {
        return Some("the binary's struct is packed: write `#[packed]`".to_owned());
    }
    let unknown = unknown_before(place, composite, declared);
    if place.bit_offset > here {
        return Some(match unknown {
            Some(name) => {
                format!("`{name}` lies before it in the binary, and is not declared here")
            }
            None => format!(
                "padding is missing before it, or it is aligned: {} in all",
                found::width(place.bit_offset - here)
            ),
        });
    }
    Some(
        "the binary has less before it: a field that its configuration leaves out, a packed struct, or \
         a smaller type"
            .to_owned(),
    )
}

/// The last member before a place that the schema does not know.
fn unknown_before<'c>(
    place: Place,
    composite: &'c Composite,
    declared: &[Declared],
) -> Option<&'c str> {
    let is_known = |name: &str| declared.iter().any(|it| it.path == name || it.c_path == name);
    let before = composite.members.iter().filter(|it| it.bit_offset < place.bit_offset);
    let unknown = before.filter(|it| !it.name.is_empty() && !is_known(&it.name));
    unknown.max_by_key(|it| it.bit_offset).map(|it| it.name.as_str())
}

/// Why a struct whose fields agree has another size.
pub(super) fn of_size(here: u64, composite: &Composite) -> String {
    if composite.size < here {
        return "the binary's struct is packed, or ends earlier".to_owned();
    }
    match composite.members.iter().max_by_key(|it| it.bit_offset) {
        Some(last) if !last.name.is_empty() => {
            format!("the last member is `{}` in the binary; or its struct is aligned", last.name)
        }
        _ => "the binary's struct has members behind these, or is aligned".to_owned(),
    }
}
