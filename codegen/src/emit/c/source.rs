//! The view of `<schema>.inspect.c`: the blobs that a program carries once, with what its compiler
//! captures.

use askama::Template;

use super::types::{mask, schema_hash, string_literal};
use super::{believed, capture};
use crate::emit::blobs;
use crate::model::names::schema_word;
use crate::model::{Class, EntryField, Model, Scalar, SchemaId, Type, Value};

/// The source file of one schema.
#[derive(Template)]
#[template(path = "c/source.c.txt", escape = "none")]
pub(super) struct SourceView {
    schema: String,
    word: String,
    version: u32,
    hash: String,
    entry_size: u32,
    fingerprint: String,
    /// The headers of captured types.
    headers: Vec<String>,
    /// What is asserted of their fields.
    asserts: String,
    words: String,
    text: String,
    cbor: String,
    history: Vec<String>,
    /// In the order of their numbers.
    classes: Vec<String>,
    fields: Vec<String>,
}

/// The blobs that the object of a schema's descriptor holds.
pub(super) struct Carried {
    pub(super) types: blobs::Types,
    pub(super) cbor: Vec<u8>,
    pub(super) history: Vec<u64>,
}

impl Carried {
    /// Of one schema.
    pub(super) fn of(model: &Model, id: SchemaId) -> Self {
        let types = blobs::types(model, id);
        let cbor = blobs::schema_cbor_with(model, id, &types);
        Self { cbor, types, history: blobs::history(model, id) }
    }
}

/// Decides everything that the source file says.
pub(super) fn view(model: &Model, id: SchemaId, carried: &Carried) -> SourceView {
    let schema = &model[id];
    let Carried { types, cbor, history } = carried;
    let own = schema.version.checked_sub(1).and_then(|index| history.get(index as usize));
    let blob = &types.blob;
    let mut classes: Vec<_> =
        schema.classes.iter().map(|id| (&model[*id], types.classes.get(id))).collect();
    classes.sort_by_key(|(class, _)| class.number);
    SourceView {
        schema: schema.name.clone(),
        word: schema_word(&schema.name),
        version: schema.version,
        hash: mask(schema_hash(&schema.name), 8),
        entry_size: schema.entry.size,
        fingerprint: mask(own.copied().unwrap_or(0), 8),
        headers: capture::headers(model, &blob.words),
        asserts: believed::asserts(model, id),
        words: capture::words(model, &blob.words),
        text: capture::bytes(&blob.strings),
        cbor: capture::bytes(cbor),
        history: history.iter().map(|fingerprint| mask(*fingerprint, 8)).collect(),
        classes: classes.into_iter().map(|(class, id)| class_initialiser(class, id)).collect(),
        fields: schema.entry.fields.iter().map(field_initialiser).collect(),
    }
}

fn class_initialiser(class: &Class, type_id: Option<&u32>) -> String {
    format!(
        "{{ {}, {}u, {}, {} }}",
        mask(u64::from(class.number), 4),
        type_id.copied().unwrap_or(0),
        mask(class.properties, 8),
        string_literal(class.naming.name.as_bytes())
    )
}

/// How an annotation sets a field of the row.
fn field_initialiser(field: &EntryField) -> String {
    let kind = match &field.ty {
        Type::Scalar(Scalar::Be16 | Scalar::Be32 | Scalar::Be64) => "INSPECT_FIELD_BIG",
        Type::Scalar(Scalar::Le16 | Scalar::Le32 | Scalar::Le64) => "INSPECT_FIELD_LITTLE",
        Type::Scalar(Scalar::F32 | Scalar::F64) => "INSPECT_FIELD_BYTES",
        Type::Scalar(_) | Type::Atomic(_) | Type::Enum(_) | Type::Flags(_) => {
            "INSPECT_FIELD_NATIVE"
        }
        Type::Text(_) => "INSPECT_FIELD_TEXT",
        Type::String => "INSPECT_FIELD_STRING",
        _ => "INSPECT_FIELD_BYTES",
    };
    let name = string_literal(field.naming.name.as_bytes());
    let (number, text) = match &field.default {
        // The bits of a negative number; the field's own width cuts them.
        Value::Int(number) => (*number as u64, &[][..]),
        Value::Bytes(bytes) => (0, &**bytes),
        Value::Text(text) => (0, text.as_bytes()),
    };
    let used = text.iter().rposition(|byte| *byte != 0).map_or(0, |last| last + 1);
    let text = match text.get(..used) {
        Some(text) if used != 0 => string_literal(text),
        _ => "NULL".to_owned(),
    };
    let (offset, size) = (field.offset, field.size);
    format!("{{ {offset}u, {size}u, {kind}, {used}u, {}, {name}, {text} }}", mask(number, 8))
}
