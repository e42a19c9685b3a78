//! How people like to read the fields of rows: what the tags of the row's own type say.
//!
//! The description names the fields and says nothing of forms and units; among the types stands the
//! row as a struct, whose members have them as tags.

use std::collections::BTreeMap;

use inspect_format::btf::{Btf, Type};

use super::names::FieldInfo;
use crate::decode::{Display, Hints};

/// Gives the fields their forms and units. Without types, or where none of them is the row's,
/// people read plain values.
pub(super) fn add<'a>(fields: &mut [FieldInfo<'a>], types: &'a [u8], entry_size: u32) {
    if fields.is_empty() {
        return;
    }
    let Ok(btf) = Btf::parse(types) else { return };
    let Some(row) = btf.types().find(|it| is_row(it, fields, entry_size)) else { return };
    let mut by_member: BTreeMap<u32, Hints<'a>> = BTreeMap::new();
    for tag in btf.decl_tags().filter(|tag| tag.type_id == row.id()) {
        let Some((word, text)) = tag.text.split_once('=') else { continue };
        let hints = by_member.entry(tag.member.unwrap_or(u32::MAX)).or_default();
        match word {
            "inspect:display" => hints.display = Display::from_word(text),
            "inspect:unit" => hints.unit = text,
            _ => {}
        }
    }
    for (member, position) in row.members().zip(0..) {
        let Some(hints) = by_member.get(&position) else { continue };
        if let Some(field) = fields.iter_mut().find(|it| it.described.name == member.name) {
            field.hints = *hints;
        }
    }
}

/// Whether a type is that of the row: as long as it, with all of its fields where they are.
fn is_row(found: &Type<'_>, fields: &[FieldInfo<'_>], entry_size: u32) -> bool {
    let has = |field: &FieldInfo<'_>| {
        let bits = u64::from(field.described.offset) * 8;
        let is_it = |name: &str, at: u32| name == field.described.name && u64::from(at) == bits;
        found.members().any(|member| is_it(member.name, member.bit_offset))
    };
    found.is_composite() && found.size() == entry_size && fields.iter().all(has)
}
