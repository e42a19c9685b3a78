//! `table/<schema>.<target>.table`: a table without entries, which brings the schema's description
//! and its types to a reader whose image carries none.

use inspect_format::table::{TableWriter, WriteError};

use crate::emit::{Files, blobs};
use crate::model::names::schema_word;
use crate::model::{Model, SchemaId, Target};

/// One file for each emitted schema and target.
#[must_use]
pub fn emit(model: &Model) -> Files {
    let mut files = Files::new();
    for (id, schema) in model.emitted() {
        let types = blobs::known_types(model, id);
        for target in &model.targets {
            let path = format!("table/{}.{}.table", schema_word(&schema.name), target.name());
            if let Ok(bytes) = table(model, id, *target, &types) {
                files.insert(path, bytes);
            }
        }
    }
    files
}

fn table(
    model: &Model,
    id: SchemaId,
    target: Target,
    types: &blobs::Types,
) -> Result<Vec<u8>, WriteError> {
    let schema = &model[id];
    let mut writer = TableWriter::new(
        blobs::order(target),
        target.info().word_size,
        &schema.name,
        schema.version,
        schema.entry.size,
        &blobs::history(model, id),
    )?;
    writer.schema(blobs::schema_cbor_with(model, id, types));
    if let Some(bytes) = blobs::bytes(model, &types.blob, target) {
        writer.types(bytes);
    }
    Ok(writer.finish())
}
