//! The macros of `<schema>.inspect.h` that annotate variables: five for each class, one for each field of the
//! row that a pair can set.
//!
//! A macro only names what it is made of: `INSPECT_ANNOTATE_ARRAY` and its like in `inspect.h`, with the class's
//! type and how a variable is held against it.

use std::collections::HashSet;

use super::docs;
use super::header::{Annotation, ClassView, FieldView};
use super::types::{Declarer, is_foreign_typedef, mask, string_literal};
use crate::model::names::{schema_word, upper_case};
use crate::model::{
    Aggregate, AggregateKind, Class, EntryField, EnumRepr, Length, Model, Naming, Pointee, Scalar,
    Schema, SchemaId, Type, TypeId, Width,
};

/// The longest key of a pair, which leaves room for a NUL.
const LONGEST_KEY: usize = 31;

/// The macros that a header has already. A name that is taken gives way by an underscore.
pub(super) struct Names {
    taken: HashSet<String>,
    /// `LINUX_MM`
    upper: String,
}

impl Names {
    /// Of everything in a schema that is a constant in C.
    pub(super) fn new(model: &Model, home: SchemaId) -> Self {
        let schema = &model[home];
        let mut taken = HashSet::new();
        let mut take = |naming: &Naming| {
            taken.insert(naming.c.clone());
        };
        schema.constants.iter().for_each(|id| take(&model[*id].naming));
        schema.classes.iter().for_each(|id| take(&model[*id].naming));
        schema.spaces.iter().for_each(|space| take(&space.naming));
        schema.consumers.iter().for_each(|consumer| take(&consumer.naming));
        let properties = schema.properties.iter().flat_map(|properties| &properties.members);
        properties.for_each(|member| take(&member.naming));
        for ty in &schema.types {
            match ty {
                TypeId::Enum(id) => model[*id].members.iter().for_each(|m| take(&m.naming)),
                TypeId::Flags(id) => model[*id].members.iter().for_each(|m| take(&m.naming)),
                TypeId::Aggregate(_) => {}
            }
        }
        let upper = schema_word(&schema.name).to_ascii_uppercase();
        Self { taken, upper }
    }

    fn unique(&mut self, mut name: String) -> String {
        while !self.taken.insert(name.clone()) {
            name.push('_');
        }
        name
    }
}

/// How the variable of a class is held against its type.
struct Target {
    /// `INSPECT_IS`
    is: &'static str,
    /// The type of the variable, or of the elements of an array.
    ty: String,
    shape: Shape,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Shape {
    Single,
    Array,
    /// An array of so many elements.
    Fixed(u64),
}

/// The classes of a schema with their macros.
pub(super) fn classes(model: &Model, home: SchemaId, names: &mut Names) -> Vec<ClassView> {
    let classes: Vec<&Class> = model[home].classes.iter().map(|id| &model[*id]).collect();
    // The names without a suffix come first, so that no form of one class takes the name of another.
    let plain: Vec<(String, String)> = classes
        .iter()
        .map(|class| {
            let annotate = format!("{}_ANNOTATE_{}", names.upper, upper_case(&class.naming.name));
            let properties = names.unique(format!("{}_PROPERTIES", class.naming.c));
            (properties, names.unique(annotate))
        })
        .collect();
    let view = |(class, (properties, annotate)): (&&Class, (String, String))| ClassView {
        comment: docs::comment("", &class.naming),
        name: class.naming.c.clone(),
        number: mask(u64::from(class.number), 4),
        properties: format!("{properties} {}", mask(class.properties, 8)),
        annotations: annotations(model, class, annotate, names),
    };
    classes.iter().zip(plain).map(view).collect()
}

/// The five forms of a class.
fn annotations(model: &Model, class: &Class, plain: String, names: &mut Names) -> Vec<Annotation> {
    let target = target(model, &class.target);
    let fits = fits(model, &class.target, &target);
    let written = string_literal(class.naming.name.as_bytes());
    let class = format!("{written}, {}, {}", target.is, target.ty);
    let (form, counted) = match target.shape {
        Shape::Single => ("OBJECT", class.clone()),
        Shape::Array => ("ARRAY", class.clone()),
        Shape::Fixed(count) => ("FIXED", format!("{class}, {count}")),
    };
    let place = if target.shape == Shape::Single { "&(variable)" } else { "&(variable)[0]" };
    let mut suffixed = |suffix: &str| names.unique(format!("{plain}_{suffix}"));
    vec![
        Annotation {
            name: plain.clone(),
            parameters: "variable",
            form,
            class: counted,
            arguments: "variable",
        },
        Annotation {
            name: suffixed("RANGE"),
            parameters: "start, end",
            form: "RANGE",
            class: class.clone(),
            arguments: "start, end",
        },
        Annotation {
            name: suffixed("INDIRECT"),
            parameters: "pointer, length",
            form: "INDIRECT",
            class: format!("{class}, {fits}"),
            arguments: "pointer, length",
        },
        Annotation {
            name: suffixed("COUNTED"),
            parameters: "pointer, counter",
            form: "COUNTED",
            class: class.clone(),
            arguments: "pointer, counter",
        },
        Annotation {
            name: suffixed("ADDRESS"),
            parameters: "variable",
            form: "ADDRESS",
            class,
            arguments: place,
        },
    ]
}

/// How many bytes there may be behind a pointer: what holds for the length, and the elements that it counts in.
fn fits(model: &Model, ty: &Type, target: &Target) -> String {
    let is_open = match ty {
        Type::Aggregate(id) => ends_open(model, &model[*id]),
        _ => false,
    };
    match target.shape {
        _ if target.is == "INSPECT_IS_ANYTHING" => "INSPECT_ANY_LENGTH, 1".to_owned(),
        Shape::Single if is_open => "INSPECT_AT_LEAST, 1".to_owned(),
        Shape::Single => "INSPECT_EXACTLY, 1".to_owned(),
        Shape::Array => "INSPECT_TIMES, 1".to_owned(),
        Shape::Fixed(count) => format!("INSPECT_EXACTLY, {count}"),
    }
}

/// Whether a struct goes on behind its size.
fn ends_open(model: &Model, aggregate: &Aggregate) -> bool {
    aggregate.fields.iter().any(|field| match &field.ty {
        Type::Flexible(_) => true,
        Type::Aggregate(inner) => ends_open(model, &model[*inner]),
        _ => false,
    })
}

fn target(model: &Model, ty: &Type) -> Target {
    match ty {
        Type::Flexible(element) => Target { shape: Shape::Array, ..single(model, element) },
        Type::Array(element, length) => {
            let element = single(model, element);
            let shape = match length {
                Length::Fixed(count) if element.is.starts_with("INSPECT_IS_ARRAY") => {
                    Shape::Fixed(*count)
                }
                Length::Fixed(count) if element.is == "INSPECT_IS" => Shape::Fixed(*count),
                _ => Shape::Array,
            };
            Target { shape, ..element }
        }
        Type::Text(size) => {
            Target { is: "INSPECT_IS", ty: "char".to_owned(), shape: Shape::Fixed(*size) }
        }
        Type::Bytes(_) => {
            Target { is: "INSPECT_IS_BYTE", ty: "unsigned char".to_owned(), shape: Shape::Array }
        }
        other => match single(model, other) {
            // A single byte is a number and not a place for anything.
            Target { is: "INSPECT_IS_BYTE", ty, shape } => Target { is: "INSPECT_IS", ty, shape },
            target => target,
        },
    }
}

/// One object, or one element of an array.
fn single(model: &Model, ty: &Type) -> Target {
    let is = match ty {
        Type::Scalar(Scalar::U8) => "INSPECT_IS_BYTE",
        Type::Array(..) | Type::Text(_) | Type::Bytes(_) => "INSPECT_IS_ARRAY",
        // What C has no type for, or a type of which only its own header knows more.
        Type::Opaque => "INSPECT_IS_ANYTHING",
        Type::Aggregate(id) if model[*id].kind == AggregateKind::ExternRust => {
            "INSPECT_IS_ANYTHING"
        }
        Type::Pointer(pointee) => match &**pointee {
            Pointee::Type(Type::Aggregate(id)) if is_foreign_typedef(&model[*id]) => {
                "INSPECT_IS_ANY_POINTER"
            }
            Pointee::Type(_) | Pointee::Text => "INSPECT_IS",
            _ => "INSPECT_IS_ANY_POINTER",
        },
        _ => "INSPECT_IS",
    };
    let ty = match ty {
        // Whoever annotates a variable of an `extern` enum has its header.
        Type::Enum(id) if model[*id].header.is_some() => format!("enum {}", model[*id].naming.c),
        _ if is.starts_with("INSPECT_IS_ANY") => "void".to_owned(),
        other => Declarer::new(model).declare(other, ""),
    };
    Target { is, ty, shape: Shape::Single }
}

/// The fields of a row that a pair can set.
pub(super) fn fields(model: &Model, schema: &Schema, names: &mut Names) -> Vec<FieldView> {
    let fields = schema.entry.fields.iter();
    fields.filter_map(|field| field_view(model, field, names)).collect()
}

fn field_view(model: &Model, field: &EntryField, names: &mut Names) -> Option<FieldView> {
    let written = &field.naming.name;
    if field.naming.lifetime.removed.is_some() || written.len() > LONGEST_KEY {
        return None;
    }
    let key = string_literal(written.as_bytes());
    let integer = |signed: bool, bits: u32| {
        let form = if signed { "INSPECT_SIGNED" } else { "INSPECT_UNSIGNED" };
        format!("{form}({key}, value, {bits})")
    };
    let pair = match &field.ty {
        Type::Scalar(scalar) | Type::Atomic(scalar) => number(*scalar).map(|(s, b)| integer(s, b)),
        Type::Enum(id) => match model[*id].repr {
            EnumRepr::Scalar(scalar) => number(scalar).map(|(s, b)| integer(s, b)),
            EnumRepr::C(_) => None,
        },
        Type::Flags(id) => number(model[*id].repr).map(|(s, b)| integer(s, b)),
        Type::Text(room) => Some(format!("INSPECT_SHORT_TEXT({key}, value, {room})")),
        Type::String => Some(format!("INSPECT_TEXT({key}, value)")),
        _ => None,
    }?;
    let name = names.unique(format!("{}_WITH_{}", names.upper, upper_case(written)));
    let text = docs::text(&field.naming.docs, &field.naming.lifetime);
    let comment = docs::titled("", &format!("{name}()"), &text);
    Some(FieldView { comment, name, pair })
}

/// Whether a number has a sign, and its bits; a number with a fraction fits into no pair.
fn number(scalar: Scalar) -> Option<(bool, u32)> {
    match (scalar, scalar.width()) {
        (Scalar::F32 | Scalar::F64, _) => None,
        (Scalar::Bool, _) => Some((false, 1)),
        (_, Width::Fixed(bytes)) => Some((scalar.is_signed(), u32::from(bytes) * 8)),
        (_, Width::Word) => Some((scalar.is_signed(), 64)),
    }
}
