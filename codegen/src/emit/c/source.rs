//! The view of `<schema>.inspect.c`: the blobs that a program carries once, with what its compiler captures.

use askama::Template;

use super::blobs;
use super::types::{mask, schema_hash, string_literal};
use crate::model::names::schema_word;
use crate::model::{Model, SchemaId};

/// The source file of one schema.
#[derive(Template)]
#[template(path = "c/source.c.txt", escape = "none")]
pub(super) struct SourceView {
    schema: String,
    word: String,
    version: u32,
    hash: String,
    name: String,
    entry_size: u32,
    fingerprint: String,
    history: Vec<String>,
}

/// Decides everything that the source file says.
pub(super) fn view(model: &Model, id: SchemaId) -> SourceView {
    let schema = &model[id];
    let history = blobs::history(model, id);
    let own = schema.version.checked_sub(1).and_then(|index| history.get(index as usize));
    SourceView {
        schema: schema.name.clone(),
        word: schema_word(&schema.name),
        version: schema.version,
        hash: mask(schema_hash(&schema.name), 8),
        name: string_literal(schema.name.as_bytes()),
        entry_size: schema.entry.size,
        fingerprint: mask(own.copied().unwrap_or(0), 8),
        history: history.iter().map(|fingerprint| mask(*fingerprint, 8)).collect(),
    }
}
