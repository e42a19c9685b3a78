//! The same types as their own headers declare them: `extern` items, whose places a producer's compiler captures
//! anew in every build. What such an item cannot say is left out, and said.

use std::collections::HashSet;

use super::Note;
use super::plan::{Body, Field, FieldType, Item, Struct};

/// What C calls a type.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum CName {
    /// `struct page`, `enum zone_type`
    Tag(String),
    /// `atomic_t`
    Typedef(String),
    /// Nothing that an `extern` item could say: a tagged union, an enum without a name.
    None,
}

/// Turns items into those that `header` declares.
pub(super) fn externs(items: Vec<Item>, header: &str, notes: &mut Vec<Note>) -> Vec<Item> {
    // `#include <linux/mm.h>` names the header `linux/mm.h`.
    let header = header.trim();
    let inside = |open, close| header.strip_prefix(open)?.strip_suffix(close);
    let header = inside('<', '>').or(inside('"', '"')).unwrap_or(header);
    let mut unsaid = HashSet::new();
    for item in &items {
        if let Some(why) = unsayable(item) {
            let what = format!("{why}: it was left out, and fields of this type are `opaque`");
            notes.push(Note { path: item.name.clone(), what });
            unsaid.insert(item.name.clone());
        }
    }
    let mut found = Vec::new();
    for mut item in items {
        if unsaid.contains(&item.name) {
            continue;
        }
        let header = header.to_owned();
        item.body = match item.body {
            Body::Struct(planned) => {
                Body::Extern { header, fields: fields(&planned, &item.name, &unsaid, notes) }
            }
            Body::Enum { members, .. } => Body::ExternEnum { header, members },
            body => body,
        };
        found.push(item);
    }
    found
}

/// Why no item can be captured; nothing where one can.
fn unsayable(item: &Item) -> Option<&'static str> {
    let has_place = match &item.body {
        Body::Struct(planned) => planned.fields.iter().any(has_place),
        _ => true,
    };
    match (&item.c_name, has_place) {
        (CName::None, _) if matches!(item.body, Body::Enum { .. }) => {
            Some("C has no name for this enum")
        }
        (CName::None, _) => Some("the language has no captured unions"),
        (_, false) => {
            Some("no C compiler tells the place of a bit-field, and there is nothing else")
        }
        (_, true) => None,
    }
}

/// Whether `offsetof` knows the field.
fn has_place(field: &Field) -> bool {
    let is_padding = field.name.as_deref() == Some("_");
    match &field.ty {
        FieldType::Inline { inner, .. } => inner.fields.iter().any(has_place),
        FieldType::Text(_) => !is_padding && field.bits.is_none(),
    }
}

fn fields(
    planned: &Struct,
    path: &str,
    unsaid: &HashSet<String>,
    notes: &mut Vec<Note>,
) -> Vec<Field> {
    let mut found = Vec::new();
    for field in &planned.fields {
        let name = field.name.as_deref().unwrap_or("");
        if !has_place(field) {
            if name != "_" {
                let path = format!("{path}.{name}");
                let what = "no C compiler tells the place of a bit-field: it was left out";
                notes.push(Note { path, what: what.to_owned() });
            }
            continue;
        }
        let ty = match &field.ty {
            FieldType::Text(text) => FieldType::Text(external_text(text, unsaid)),
            FieldType::Inline { union, inner, lengths } => {
                let inside = format!("{path}.{name}");
                let fields = fields(inner, &inside, unsaid, notes);
                let inner = Box::new(Struct { fields, ..(**inner).clone() });
                FieldType::Inline { union: *union, inner, lengths: lengths.clone() }
            }
        };
        found.push(Field { packed: false, align: None, ty, ..field.clone() });
    }
    found
}

/// Types that are not declared become `opaque` by value and `*void` behind a pointer; the length of an array is
/// captured too.
fn external_text(text: &str, unsaid: &HashSet<String>) -> String {
    let stars = text.len() - text.trim_start_matches('*').len();
    let base = text.trim_start_matches('*');
    if stars > 0 {
        let base = if unsaid.contains(base) { "void" } else { base };
        return format!("{}{base}", "*".repeat(stars));
    }
    let element = text.trim_start_matches('[').split([';', ']']).next().unwrap_or(text);
    if unsaid.contains(element) || element.starts_with("bytes<") {
        return "opaque".to_owned();
    }
    let is_plain = text.matches('[').count() == 1 && text.contains(';');
    if is_plain { format!("[{element}; _]") } else { text.to_owned() }
}
