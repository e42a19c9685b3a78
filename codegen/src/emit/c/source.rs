//! The view of `<schema>.inspect.c`: the blobs that a program carries once, with what its compiler
//! captures.

use askama::Template;

use super::capture;
use super::types::{mask, schema_hash};
use crate::emit::blobs;
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
    entry_size: u32,
    fingerprint: String,
    /// The headers of captured types.
    headers: Vec<String>,
    word_count: usize,
    words: String,
    text_size: usize,
    text: String,
    cbor_size: usize,
    cbor: String,
    history: Vec<String>,
}

/// Decides everything that the source file says.
pub(super) fn view(model: &Model, id: SchemaId) -> SourceView {
    let schema = &model[id];
    let history = blobs::history(model, id);
    let own = schema.version.checked_sub(1).and_then(|index| history.get(index as usize));
    let types = blobs::types(model, id);
    let cbor = blobs::schema_cbor_with(model, id, &types);
    let blob = &types.blob;
    SourceView {
        schema: schema.name.clone(),
        word: schema_word(&schema.name),
        version: schema.version,
        hash: mask(schema_hash(&schema.name), 8),
        entry_size: schema.entry.size,
        fingerprint: mask(own.copied().unwrap_or(0), 8),
        headers: capture::headers(model, &blob.words),
        word_count: blob.words.len(),
        words: capture::words(model, &blob.words),
        text_size: blob.strings.len(),
        text: capture::bytes(&blob.strings),
        cbor_size: cbor.len(),
        cbor: capture::bytes(&cbor),
        history: history.iter().map(|fingerprint| mask(*fingerprint, 8)).collect(),
    }
}
