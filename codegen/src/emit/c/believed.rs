//! Assertions of `<schema>.inspect.c` about the fields of captured structs: each is as wide as the schema says, and a
//! number with a sign only where the schema has one. The place of a field is captured; its type is written twice, in
//! the program's header and in the schema, and nothing but the compiler sees both.

use std::fmt::Write as _;

use inspect_format::btf::Patch;

use super::capture::{expression, lvalue};
use super::types::string_literal;
use crate::emit::spell::type_text;
use crate::model::{
    Aggregate, AggregateId, AggregateKind, EnumRepr, Length, Model, Scalar, SchemaId, Type, TypeId,
    Width,
};

/// The assertions about all captured structs of a schema, as lines of C.
pub(super) fn asserts(model: &Model, schema: SchemaId) -> String {
    let mut out = String::new();
    for ty in &model[schema].types {
        let TypeId::Aggregate(id) = ty else { continue };
        if matches!(model[*id].kind, AggregateKind::ExternC { .. }) && model[*id].debug.is_none() {
            let name = model[*id].naming.name.clone();
            aggregate(model, *id, &name, &mut Vec::new(), &mut out);
        }
    }
    out
}

/// `conditions` are the macros without which there is no such aggregate.
fn aggregate<'m>(
    model: &'m Model,
    id: AggregateId,
    path: &str,
    conditions: &mut Vec<&'m str>,
    out: &mut String,
) {
    let aggregate = &model[id];
    if has_bit_fields(aggregate) {
        let text = format!("{path} has bit-fields: type information has room for 2 MiB then");
        let size = expression(model, &Patch::Size { aggregate: id.0 });
        let condition = format!("{size} < 0x200000");
        assert(conditions, &condition, &text, out);
    }
    for (index, field) in aggregate.fields.iter().enumerate() {
        if field.debug.is_some() || field.is_padding() {
            continue;
        }
        let inner = model.inline(&field.ty);
        conditions.extend(field.condition.as_deref());
        let path = match &field.naming {
            Some(naming) => format!("{path}.{}", naming.name),
            None => path.to_owned(),
        };
        match inner {
            Some(inner) => self::aggregate(model, inner, &path, conditions, out),
            None => self::field(model, id, index, &path, conditions, out),
        }
        if field.condition.is_some() {
            conditions.pop();
        }
    }
}

fn has_bit_fields(aggregate: &Aggregate) -> bool {
    aggregate.fields.iter().any(|field| field.bits.is_some())
}

fn field(
    model: &Model,
    id: AggregateId,
    index: usize,
    path: &str,
    conditions: &[&str],
    out: &mut String,
) {
    let ty = &model[id].fields[index].ty;
    let text = type_text(model, model[id].schema, ty);
    let mut place = lvalue(model, id, index);
    let mut ty = ty;
    // How many elements there are is captured, or nobody's business.
    while let Type::Array(element, Length::Captured) | Type::Flexible(element) = ty {
        place.push_str("[0]");
        ty = element;
    }
    let Some(size) = size(model, ty) else { return };
    let condition = format!("INSPECT_TARGET < 0 || sizeof({place}) == {size}");
    let message = format!("{path} is not as wide as the schema says: {text}");
    assert(conditions, &condition, &message, out);
    while let Type::Array(element, _) = ty {
        place.push_str("[0]");
        ty = element;
    }
    let refused = match ty {
        Type::Scalar(Scalar::F32 | Scalar::F64) => ["SIGNED", "UNSIGNED"],
        Type::Scalar(scalar) if !scalar.is_integer() || scalar.fixed_order().is_some() => return,
        Type::Scalar(scalar) if scalar.is_signed() => ["UNSIGNED", "REAL"],
        Type::Scalar(_) => ["SIGNED", "REAL"],
        _ => return,
    };
    let refused = refused.map(|kind| format!("!INSPECT_IS_{kind}({place})")).join(" && ");
    let message = format!("{path} is another kind of number than the schema says: {text}");
    assert(conditions, &refused, &message, out);
}

fn assert(conditions: &[&str], condition: &str, message: &str, out: &mut String) {
    for macro_name in conditions {
        let _ = writeln!(out, "#ifdef {macro_name}");
    }
    let message = string_literal(message.as_bytes());
    let _ = writeln!(out, "INSPECT_ASSERT({condition}, {message});");
    for _ in conditions {
        out.push_str("#endif\n");
    }
}

/// Bytes of a type, as an expression; `None` where nothing is known of it but what the compiler says.
fn size(model: &Model, ty: &Type) -> Option<String> {
    Some(match ty {
        Type::Scalar(scalar) | Type::Atomic(scalar) => width(*scalar),
        Type::Pointer(_) => "sizeof(void *)".to_owned(),
        Type::Array(element, Length::Fixed(length)) => {
            format!("{length}u * ({})", size(model, element)?)
        }
        Type::Text(size) | Type::Bytes(size) => format!("{size}u"),
        Type::Aggregate(id) if model[*id].parent.is_none() && model[*id].debug.is_none() => {
            format!("({})", expression(model, &Patch::Size { aggregate: id.0 }))
        }
        Type::Enum(id) => match model[*id].repr {
            EnumRepr::Scalar(scalar) => width(scalar),
            EnumRepr::C(_) => {
                format!("({})", expression(model, &Patch::EnumSize { enumeration: id.0 }))
            }
        },
        Type::Flags(id) => width(model[*id].repr),
        _ => return None,
    })
}

fn width(scalar: Scalar) -> String {
    match scalar.width() {
        Width::Fixed(bytes) => format!("{bytes}u"),
        Width::Word => "sizeof(void *)".to_owned(),
    }
}
