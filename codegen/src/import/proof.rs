//! Whether the compiler puts every field of the printed schema where the binary has it.

use super::plan::{Body, FieldType, Item, Struct};
use crate::model::{AggregateId, EnumRepr, Model, Target, Type, TypeId};

/// A field or type that lies elsewhere: its path and what differs.
pub(super) fn differences(
    model: &Model,
    schema: &str,
    items: &[Item],
    target: Target,
) -> Vec<String> {
    let mut found = Vec::new();
    let Some(schema) = model.schema(schema) else {
        return vec!["the schema is missing".to_owned()];
    };
    let mut by_name = crate::hash::HashMap::default();
    for id in &model[schema].types {
        by_name.insert(model.type_naming(*id).name.as_str(), *id);
    }
    for item in items {
        match (&item.body, by_name.get(item.name.as_str())) {
            (Body::Struct(planned), Some(TypeId::Aggregate(id))) => {
                compare(model, *id, planned, &item.name, target, &mut found);
            }
            (Body::Enum { repr: Some(_), .. }, Some(TypeId::Enum(_)))
            | (Body::Extern { .. }, Some(TypeId::Aggregate(_)))
            | (Body::ExternEnum { .. }, Some(TypeId::Enum(_))) => {}
            (Body::Enum { repr: None, .. }, Some(TypeId::Enum(id))) => {
                let four = matches!(model[*id].repr,
                    EnumRepr::C(sizes) if sizes.get(target.index()).is_some_and(|it| it.0 == 4));
                if !four {
                    found.push(format!("`{}`: not 4 bytes", item.name));
                }
            }
            _ => found.push(format!("`{}` is missing", item.name)),
        }
    }
    found
}

fn compare(
    model: &Model,
    id: AggregateId,
    planned: &Struct,
    path: &str,
    target: Target,
    found: &mut Vec<String>,
) {
    let aggregate = &model[id];
    let Some(layouts) = &aggregate.layouts else {
        found.push(format!("`{path}` has no layout"));
        return;
    };
    let layout = layouts.on(target);
    if layout.size != planned.size || u64::from(layout.align) != planned.align {
        found.push(format!(
            "`{path}`: {} bytes aligned to {} instead of {} aligned to {}",
            layout.size, layout.align, planned.size, planned.align
        ));
    }
    if layout.fields.len() != planned.fields.len() {
        found.push(format!("`{path}`: {} fields of {}", layout.fields.len(), planned.fields.len()));
        return;
    }
    for ((field, placement), want) in
        aggregate.fields.iter().zip(&layout.fields).zip(&planned.fields)
    {
        let bit = placement.bit_offset.unwrap_or(placement.offset.saturating_mul(8));
        let name = || format!("{path}.{}", want.name.as_deref().unwrap_or("_"));
        if bit != want.bit_offset || placement.size != want.size {
            found.push(format!(
                "`{}`: {} bytes at bit {bit} instead of {} at {}",
                name(),
                placement.size,
                want.size,
                want.bit_offset
            ));
        }
        let mut ty = &field.ty;
        while let Type::Array(element, _) = ty {
            ty = element;
        }
        if let (FieldType::Inline { inner, .. }, Type::Aggregate(id)) = (&want.ty, ty) {
            compare(model, *id, inner, &name(), target, found);
        }
    }
}
