//! `btf/<schema>.<target>.btf`: the types of a schema as a raw BTF file, for `bpftool btf dump
//! file` and `pahole`, and for a reader whose image carries none.

use crate::emit::{Files, blobs};
use crate::model::Model;
use crate::model::names::schema_word;

/// One file for each emitted schema and target. A struct that a compiler lays out is a forward
/// declaration in it.
#[must_use]
pub fn emit(model: &Model) -> Files {
    let mut files = Files::new();
    for (id, schema) in model.emitted() {
        let types = blobs::known_types(model, id);
        for target in &model.targets {
            let path = format!("btf/{}.{}.btf", schema_word(&schema.name), target.name());
            if let Some(bytes) = blobs::bytes(model, &types.blob, *target) {
                files.insert(path, bytes);
            }
        }
    }
    files
}
