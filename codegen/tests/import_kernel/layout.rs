//! Places of fields as the compiler of schemas computes them, beside those that `pahole` prints.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use inspect_gen::model::{AggregateId, Model, Target, Type, TypeId};

use crate::pahole::Printed;

/// A place: the first bit, and the bits of a bit-field or the bytes of anything else.
pub(crate) type Place = (u64, u64);

/// What came of a comparison.
#[derive(Default)]
pub(crate) struct Comparison {
    pub(crate) compared: usize,
    pub(crate) members: usize,
    pub(crate) bit_fields: usize,
    /// A line for each difference.
    pub(crate) different: String,
}

/// Compares every struct that `pahole` has printed.
pub(crate) fn compare(
    model: &Model,
    schema: &str,
    names: &[String],
    printed: &HashMap<String, Printed>,
) -> Comparison {
    let mut found = Comparison::default();
    for name in names {
        let Some(expected) = printed.get(name) else { continue };
        let Some((size, places)) = layout(model, schema, name) else {
            found.different.push_str(&format!("{name} is missing\n"));
            continue;
        };
        let (expected_size, members, bit_fields) = expected.in_bits();
        // Of a union by itself `pahole` prints no size.
        if size != expected_size && expected_size > 0 {
            found.different.push_str(&format!("{name}: {size} bytes, not {expected_size}\n"));
        }
        for (member, place) in &members {
            if places.get(member) != Some(place) {
                let place_found = places.get(member);
                let line = format!("{name}.{member}: {place_found:?}, not {place:?}\n");
                found.different.push_str(&line);
            }
        }
        let known: BTreeSet<&String> = members.keys().collect();
        // A struct of nothing but unnamed bits has no members there, and its bytes here.
        let is_whole = !expected.is_incomplete && !members.is_empty();
        let unknown = places.keys().filter(|it| !known.contains(it) && is_whole);
        for member in unknown {
            found.different.push_str(&format!("{name}.{member} is not in pahole's\n"));
        }
        found.compared += 1;
        found.members += members.len();
        found.bit_fields += bit_fields;
    }
    found
}

/// The size of a struct, and the places of everything in it that has a name, by paths.
fn layout(model: &Model, schema: &str, name: &str) -> Option<(u64, BTreeMap<String, Place>)> {
    let schema = model.schema(schema)?;
    let id = model[schema].types.iter().find_map(|id| match id {
        TypeId::Aggregate(id)
            if model[*id].naming.name.trim_end_matches('_') == name.trim_end_matches('_') =>
        {
            Some(*id)
        }
        _ => None,
    })?;
    let mut places = BTreeMap::new();
    collect(model, id, 0, "", &mut places);
    Some((model[id].layouts.as_ref()?.on(x86_64()).size, places))
}

fn x86_64() -> Target {
    Target::from_name("x86_64").unwrap()
}

fn collect(
    model: &Model,
    id: AggregateId,
    base: u64,
    prefix: &str,
    places: &mut BTreeMap<String, Place>,
) {
    let aggregate = &model[id];
    let layout = aggregate.layouts.as_ref().unwrap().on(x86_64());
    for (field, placement) in aggregate.fields.iter().zip(&layout.fields) {
        let bit = base + placement.bit_offset.unwrap_or(placement.offset * 8);
        let is_inline = |id: &AggregateId| model[*id].parent.is_some();
        match (&field.naming, &field.ty) {
            (None, Type::Aggregate(inner)) => collect(model, *inner, bit, prefix, places),
            (None, _) => {}
            (Some(naming), ty) => {
                let path = format!("{prefix}{}", naming.name);
                if let Type::Aggregate(inner) = ty
                    && is_inline(inner)
                {
                    collect(model, *inner, bit, &format!("{path}."), places);
                }
                if !matches!(ty, Type::Flexible(_)) {
                    let size = field.bits.map_or(placement.size, u64::from);
                    places.insert(path, (bit, size));
                }
            }
        }
    }
}
