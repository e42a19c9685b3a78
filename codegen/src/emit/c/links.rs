//! Which generated file includes which.
//!
//! Headers follow what their structs hold by value, and the checker keeps those free of circles.
//! Decoders also hand out views of captured structs, which may hold one another across schemas in a
//! circle: such a field is handed out as bytes, and no file includes the other.

use std::collections::BTreeSet;

use super::decode::element;
use crate::model::{Model, SchemaId, Type};

/// The decoders that each decoder includes, by the position of its schema.
pub(super) struct Links {
    decoders: Vec<BTreeSet<SchemaId>>,
}

impl Links {
    /// Follows every struct of the model.
    pub(super) fn of(model: &Model) -> Self {
        let mut edges: Vec<BTreeSet<SchemaId>> = vec![BTreeSet::new(); model.schemas.len()];
        for aggregate in &model.aggregates {
            for field in &aggregate.fields {
                if let Type::Aggregate(id) = element(&field.ty) {
                    let other = model[*id].schema;
                    if other != aggregate.schema {
                        edges[aggregate.schema.index()].insert(other);
                    }
                }
            }
        }
        let straight = |home: usize| {
            let others = edges[home].iter().copied();
            others.filter(|other| !reaches(&edges, *other, home)).collect()
        };
        Self { decoders: (0..edges.len()).map(straight).collect() }
    }

    /// The decoders that the decoder of `home` includes.
    pub(super) fn decoders(&self, home: SchemaId) -> &BTreeSet<SchemaId> {
        &self.decoders[home.index()]
    }
}

fn reaches(edges: &[BTreeSet<SchemaId>], from: SchemaId, to: usize) -> bool {
    let mut seen = vec![false; edges.len()];
    let mut stack = vec![from];
    while let Some(at) = stack.pop() {
        if at.index() == to {
            return true;
        }
        if !std::mem::replace(&mut seen[at.index()], true) {
            stack.extend(&edges[at.index()]);
        }
    }
    false
}
