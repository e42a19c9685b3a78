//! The model's types, formulas and values as the language writes them, for the outputs that people
//! read.

use crate::model::{
    Aggregate, AggregateId, AggregateKind, CORE_PROPERTIES, ClassId, FieldPath, Formula, Length,
    Model, Pointee, SchemaId, Type, Value,
};
use crate::operator::BinaryOperator;

/// A type as a schema writes it. Names of other schemas are qualified; an inline aggregate is only
/// named by its kind, since its fields are listed elsewhere.
pub(crate) fn type_text(model: &Model, from: SchemaId, ty: &Type) -> String {
    let recurse = |ty: &Type| type_text(model, from, ty);
    match ty {
        Type::Scalar(scalar) => scalar.word().to_owned(),
        Type::Atomic(scalar) => format!("atomic<{}>", scalar.word()),
        Type::Pointer(pointee) => match &**pointee {
            Pointee::Void => "*void".to_owned(),
            Pointee::Function => "*fn".to_owned(),
            Pointee::Text => "*char".to_owned(),
            Pointee::Type(ty) => format!("*{}", recurse(ty)),
        },
        Type::Array(element, Length::Fixed(count)) => format!("[{}; {count}]", recurse(element)),
        Type::Array(element, Length::Captured) => format!("[{}; _]", recurse(element)),
        Type::Flexible(element) => format!("[{}]", recurse(element)),
        Type::Text(size) => format!("text<{size}>"),
        Type::Bytes(size) => format!("bytes<{size}>"),
        Type::String => "string".to_owned(),
        Type::Opaque => "opaque".to_owned(),
        Type::Aggregate(id) => {
            let aggregate = &model[*id];
            if aggregate.parent.is_some() {
                keyword(aggregate).to_owned()
            } else {
                qualified(model, from, aggregate.schema, &aggregate.naming.name)
            }
        }
        Type::Enum(id) => qualified(model, from, model[*id].schema, &model[*id].naming.name),
        Type::Flags(id) => qualified(model, from, model[*id].schema, &model[*id].naming.name),
    }
}

/// What an aggregate is, in the language's word.
pub(crate) fn keyword(aggregate: &Aggregate) -> &'static str {
    match aggregate.kind {
        _ if aggregate.union => "union",
        AggregateKind::Record => "record",
        AggregateKind::Struct => "struct",
        AggregateKind::ExternC { .. } | AggregateKind::ExternRust if aggregate.parent.is_some() => {
            "struct"
        }
        AggregateKind::ExternC { .. } | AggregateKind::ExternRust => "extern struct",
    }
}

/// The path of an aggregate in its schema: the name of a named one; for an inline one the path of
/// the aggregate around it and the field's name, `parent.field`. `None` for an anonymous one, whose
/// fields belong to the aggregate around it, as in C.
pub(crate) fn aggregate_path(model: &Model, id: AggregateId) -> Option<String> {
    let aggregate = &model[id];
    let Some((parent, index)) = aggregate.parent else {
        return Some(aggregate.naming.name.clone());
    };
    let field = model[parent].fields[index].naming.as_ref()?;
    Some(format!("{}.{}", aggregate_path(model, visible(model, parent))?, field.name))
}

/// The nearest aggregate around, or the given one, that is not anonymous.
fn visible(model: &Model, id: AggregateId) -> AggregateId {
    match model[id].parent {
        Some((parent, index)) if model[parent].fields[index].naming.is_none() => {
            visible(model, parent)
        }
        _ => id,
    }
}

/// A formula as a schema writes it.
pub(crate) fn formula_text(model: &Model, formula: &Formula) -> String {
    formula_text_with(model, formula, &|path| path.text.clone())
}

/// The same with other names for the fields.
pub(crate) fn formula_text_with(
    model: &Model,
    formula: &Formula,
    path_text: &dyn Fn(&FieldPath) -> String,
) -> String {
    binary_text(model, formula, path_text, 0)
}

fn binary_text(
    model: &Model,
    formula: &Formula,
    path_text: &dyn Fn(&FieldPath) -> String,
    around: u8,
) -> String {
    let binary_text = |formula: &Formula, around| binary_text(model, formula, path_text, around);
    match formula {
        Formula::Int(value) => value.to_string(),
        Formula::Field(path) => path_text(path),
        Formula::Constant(id) => model[*id].naming.name.clone(),
        Formula::Negate(operand) => format!("-{}", binary_text(operand, u8::MAX)),
        Formula::Not(operand) => format!("~{}", binary_text(operand, u8::MAX)),
        Formula::Binary(operator, left, right) => {
            let strength = strength(*operator);
            let left = binary_text(left, strength);
            let right = binary_text(right, strength + 1);
            let text = format!("{left} {} {right}", operator.symbol());
            if strength < around { format!("({text})") } else { text }
        }
    }
}

/// How tightly an operator binds: as in Rust.
fn strength(operator: BinaryOperator) -> u8 {
    use BinaryOperator::*;
    match operator {
        Or => 1,
        Xor => 2,
        And => 3,
        ShiftLeft | ShiftRight => 4,
        Add | Subtract => 5,
        Multiply | Divide | Remainder => 6,
    }
}

fn qualified(model: &Model, from: SchemaId, of: SchemaId, name: &str) -> String {
    if from == of { name.to_owned() } else { format!("{}::{name}", model[of].name) }
}

/// A class, qualified where it belongs to another schema.
pub(crate) fn class_name(model: &Model, from: SchemaId, id: ClassId) -> String {
    qualified(model, from, model[id].schema, &model[id].naming.name)
}

/// The names of property bits: the schema's own and the core's. A bit without a name is a number.
pub(crate) fn property_names(model: &Model, schema: SchemaId, bits: u64) -> Vec<String> {
    let own = model[schema].properties.iter().flat_map(|properties| &properties.members);
    let mut names: Vec<String> = own
        .clone()
        .filter(|member| bits & member.mask() != 0)
        .map(|member| member.naming.name.clone())
        .collect();
    let mut known = own.fold(0, |mask, member| mask | member.mask());
    for (bit, name) in CORE_PROPERTIES {
        if bits & !known & (1 << bit) != 0 {
            names.push(name.to_owned());
        }
        known |= 1 << bit;
    }
    let unnamed = (0..64u32).filter(|bit| bits & !known & (1 << bit) != 0);
    names.extend(unnamed.map(|bit| format!("1 << {bit}")));
    names
}
/// A value as a schema writes it.
pub(crate) fn value_text(value: &Value) -> String {
    match value {
        Value::Int(value) => value.to_string(),
        Value::Bytes(bytes) => format!("b\"{}\"", bytes.escape_ascii()),
        Value::Text(text) => format!("\"{}\"", text.escape_default()),
    }
}

/// `1 byte`, `2 bytes`.
pub(crate) fn plural(count: u64, word: &str) -> String {
    format!("{count} {word}{}", if count == 1 { "" } else { "s" })
}
