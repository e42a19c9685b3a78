//! JSON: the checked model of each schema with the layout of every struct on every target, for
//! programs that are not ours.
//!
//! `view` holds the documents as types, `build` fills them from the model, serde prints them. A
//! layout does not depend on `--target`: the documents are the same wherever they are made.

mod build;
mod view;

use std::collections::BTreeMap;

use crate::emit::Files;
use crate::emit::layout_view::LayoutView;
use crate::model::{AggregateId, Model, SchemaId, Target, names};
use crate::source::SourceMap;
use view::{FieldLayout, StructLayout, TargetLayouts};

/// One document a schema: `json/<schema>.json`.
#[must_use]
pub fn emit(model: &Model, sources: &SourceMap) -> Files {
    model
        .emitted()
        .map(|(id, schema)| {
            let path = format!("json/{}.json", names::schema_word(&schema.name));
            (path, document(model, sources, id))
        })
        .collect()
}

/// The layouts of every struct of the emitted schemas on one target, by name: what `inspect-gen
/// layout --json --target T` prints.
///
/// A name is that of the schema (`log_record`), and `parent.field` for an inline struct or union.
/// Where two schemas of the run have a struct of one name, both are qualified (`linux.mm::zone`).
#[must_use]
pub fn layout_json(model: &Model, target: Target) -> serde_json::Value {
    let mut by_name: BTreeMap<String, Vec<(SchemaId, StructLayout)>> = BTreeMap::new();
    for (id, _) in model.emitted() {
        for (name, layout) in struct_layouts(model, id, target) {
            by_name.entry(name).or_default().push((id, layout));
        }
    }
    let mut structs = BTreeMap::new();
    for (name, mut found) in by_name {
        if found.len() == 1 {
            structs.extend(found.pop().map(|(_, layout)| (name, layout)));
            continue;
        }
        structs.extend(
            found.into_iter().map(|(id, layout)| (format!("{}::{name}", model[id].name), layout)),
        );
    }
    serde_json::to_value(TargetLayouts { structs }).unwrap_or_default()
}

/// The layouts of a schema's structs on one target, by name. Captured ones are absent: only the
/// producer's compiler knows them.
fn struct_layouts(
    model: &Model,
    schema: SchemaId,
    target: Target,
) -> BTreeMap<String, StructLayout> {
    let ids = (0..model.aggregates.len()).map(|index| AggregateId(index as u32));
    ids.filter(|id| model[*id].schema == schema)
        .filter_map(|id| LayoutView::new(model, id, target))
        .map(|view| {
            let fields = view
                .fields()
                .map(|part| FieldLayout {
                    name: part.name.clone(),
                    offset: part.offset,
                    size: part.size,
                    bit_offset: part.bits.map(|(first, _)| first),
                    bit_size: part.bits.map(|(_, width)| width),
                })
                .collect();
            (view.path, StructLayout { size: view.size, align: view.align, fields })
        })
        .collect()
}

fn document(model: &Model, sources: &SourceMap, id: SchemaId) -> Vec<u8> {
    let mut document = build::schema(&build::Context::new(model, sources, id));
    document.targets = Target::all()
        .map(|target| (target.name(), TargetLayouts { structs: struct_layouts(model, id, target) }))
        .collect();
    let mut bytes = serde_json::to_vec_pretty(&document).unwrap_or_default();
    bytes.push(b'\n');
    bytes
}
