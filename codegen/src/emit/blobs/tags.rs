//! What BTF cannot say about a field, as the texts of declaration tags: `inspect_format::btf` lists
//! them.

use crate::emit::spell::formula_text_with;
use crate::model::{
    AggregateId, Arm, ArmValue, EntryField, Field, FieldPath, FlagMember, Model, Type, Value,
};

/// The tags of a field of the struct `holder`. They call other fields by the names that these have as
/// members.
pub(super) fn field(model: &Model, holder: AggregateId, field: &Field) -> Vec<String> {
    let path_text = |path: &FieldPath| member_path(model, holder, path);
    let mut tags = Vec::new();
    let mut tag = |text: String| tags.push(format!("inspect:{text}"));
    if let Some(condition) = &field.condition {
        tag(format!("if={condition}"));
    }
    if let Some(naming) = field.naming.as_ref().filter(|naming| naming.lifetime.since > 1) {
        tag(format!("since={}", naming.lifetime.since));
    }
    if let Some(formula) = &field.count {
        tag(format!("count={}", formula_text_with(model, formula, &path_text)));
    }
    if let Some(path) = &field.tag {
        tag(format!("tag={}", path_text(path)));
    }
    match &field.arm {
        Some(Arm::When(values)) => tag(format!("when={}", arm_values(model, values))),
        Some(Arm::Otherwise) => tag("otherwise".to_owned()),
        None => {}
    }
    if let Some(list) = &field.list {
        let link = member_path(model, list.element, &list.link);
        tag(format!("list={}.{link}", model[list.element].naming.c));
    }
    if let Some(path) = &field.ring {
        tag(format!("ring={}", path_text(path)));
    }
    if let Some(value) = &field.expected {
        tag(format!("value={}", value_text(value)));
    }
    presentation(&mut tags, &field.ty, field.unit.as_deref(), field.display, field.sensitive);
    tags
}

/// A path, seen from a field of `holder`, by the C names of its members; anonymous ones have none.
fn member_path(model: &Model, holder: AggregateId, path: &FieldPath) -> String {
    let mut current = holder;
    for _ in 0..path.up {
        current = model[current].parent.map_or(current, |(parent, _)| parent);
    }
    let mut names = Vec::new();
    for position in &path.fields {
        let Some(field) = model[current].fields.get(*position) else { break };
        names.extend(field.naming.as_ref().map(|naming| naming.c.as_str()));
        if let Type::Aggregate(inner) = field.ty {
            current = inner;
        }
    }
    names.join(".")
}

/// The tags of a row's field.
pub(super) fn entry_field(field: &EntryField) -> Vec<String> {
    let mut tags = Vec::new();
    if field.naming.lifetime.since > 1 {
        tags.push(format!("inspect:since={}", field.naming.lifetime.since));
    }
    if field.ty == Type::String {
        tags.push("inspect:string".to_owned());
    }
    presentation(&mut tags, &field.ty, field.unit.as_deref(), field.display, field.sensitive);
    tags
}

/// The members of a set of flags.
pub(super) fn flags(members: &[FlagMember]) -> String {
    let members: Vec<String> = members
        .iter()
        .map(|member| match (member.first, member.last) {
            (first, last) if first == last => format!("{}:{first}", member.naming.name),
            (first, last) => format!("{}:{first}..{last}", member.naming.name),
        })
        .collect();
    format!("inspect:flags={}", members.join(","))
}

fn presentation(
    tags: &mut Vec<String>,
    ty: &Type,
    unit: Option<&str>,
    display: Option<crate::model::Display>,
    sensitive: bool,
) {
    if matches!(ty, Type::Bytes(_) | Type::Opaque) {
        tags.push("inspect:bytes".to_owned());
    }
    if let Some(unit) = unit {
        tags.push(format!("inspect:unit={unit}"));
    }
    if let Some(display) = display {
        tags.push(format!("inspect:display={}", display.word()));
    }
    if sensitive {
        tags.push("inspect:sensitive".to_owned());
    }
}

fn arm_values(model: &Model, values: &[ArmValue]) -> String {
    let texts: Vec<String> = values
        .iter()
        .map(|value| match value {
            ArmValue::Int(value) => value.to_string(),
            ArmValue::Captured(id, member) => model[*id].members[*member].naming.name.clone(),
        })
        .collect();
    texts.join(",")
}

fn value_text(value: &Value) -> String {
    let hex = |bytes: &[u8]| {
        let digits: String = bytes.iter().map(|byte| format!("{byte:02x}")).collect();
        format!("x{digits}")
    };
    match value {
        Value::Int(value) => value.to_string(),
        Value::Bytes(bytes) => hex(bytes),
        Value::Text(text) => hex(text.as_bytes()),
    }
}
