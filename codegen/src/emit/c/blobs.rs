//! The seam to the blobs that all emitters share.

use crate::model::{Model, SchemaId};

/// The fingerprint of each version, that of version 1 first.
pub(super) fn history(model: &Model, schema: SchemaId) -> Vec<u64> {
    let _ = (model, schema);
    Vec::new()
}
