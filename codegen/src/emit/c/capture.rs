//! What only the producer's compiler knows, as expressions that it evaluates: sizes and offsets of
//! captured structs, values of captured constants and enum members.
//!
//! Expressions stand in the initialisers of `<schema>.inspect.c`, so each is a constant one.

use std::fmt::Write as _;

use inspect_format::btf::{Patch, Word};

use super::structs::target_bits;
use super::types::{aggregate_word, is_foreign_typedef};
use crate::emit::blobs;
use crate::model::{
    AggregateId, AggregateKind, ConstantId, ConstantValue, EnumId, Field, Model, Pointee, Target,
    Type,
};

/// The words of a blob as the lines of an initialiser.
pub(super) fn words(model: &Model, words: &[Word]) -> String {
    let mut out = String::with_capacity(words.len() * 8);
    let mut column = 0;
    for word in words {
        if let Word::Number(number) = word {
            let start = if column == 0 { "\t\t" } else { " " };
            let _ = write!(out, "{start}{number}u,");
            column = (column + 1) % 10;
            if column == 0 {
                out.push('\n');
            }
            continue;
        }
        if column != 0 {
            out.push('\n');
            column = 0;
        }
        write_word(model, word, None, &mut out);
    }
    if column != 0 {
        out.push('\n');
    }
    out
}

/// Bytes as the lines of an initialiser.
pub(super) fn bytes(bytes: &[u8]) -> String {
    let mut out = String::with_capacity(bytes.len() * 4);
    for line in bytes.chunks(24) {
        out.push_str("\t\t");
        for byte in line {
            let _ = write!(out, "{byte},");
        }
        out.push('\n');
    }
    out
}

/// `inside` is the condition that holds where the word stands.
fn write_word(model: &Model, word: &Word, inside: Option<&str>, out: &mut String) {
    match word {
        Word::Number(number) => {
            let _ = writeln!(out, "\t\t{number}u,");
        }
        Word::If { condition, then, otherwise } => {
            let _ = writeln!(out, "#ifdef {condition}");
            write_word(model, then, Some(condition), out);
            out.push_str("#else\n");
            write_word(model, otherwise, None, out);
            out.push_str("#endif\n");
        }
        Word::Patch { patch, factor, plus } => {
            let condition = field_of(model, patch)
                .and_then(|field| field.condition.as_deref())
                .filter(|condition| inside != Some(condition));
            if let Some(condition) = condition {
                let _ = writeln!(out, "#ifdef {condition}");
            }
            let mut line = expression(model, patch);
            if *factor != 1 {
                line = format!("(uint32_t)({line}) * {factor}u");
            }
            if *plus != 0 {
                line = format!("({line}) + {plus}u");
            }
            let _ = writeln!(out, "\t\t(uint32_t)({line}),");
            if condition.is_some() {
                out.push_str("#else\n\t\t0u,\n#endif\n");
            }
        }
    }
}

fn field_of<'a>(model: &'a Model, patch: &Patch) -> Option<&'a Field> {
    match *patch {
        Patch::Offset { aggregate, field }
        | Patch::BitOffset { aggregate, field }
        | Patch::FieldSize { aggregate, field }
        | Patch::Length { aggregate, field, .. } => {
            model[AggregateId(aggregate)].fields.get(field as usize)
        }
        _ => None,
    }
}

/// The headers that the expressions need, in the order in which they are first needed.
pub(super) fn headers(model: &Model, words: &[Word]) -> Vec<String> {
    let mut out = Vec::new();
    let mut seen = std::collections::HashSet::new();
    let mut stack: Vec<&Word> = words.iter().rev().collect();
    while let Some(word) = stack.pop() {
        match word {
            Word::Number(_) => {}
            Word::If { then, otherwise, .. } => stack.extend([&**otherwise, &**then]),
            Word::Patch { patch, .. } => {
                if let Some(header) = header(model, patch)
                    && seen.insert(header)
                {
                    out.push(header.to_owned());
                }
            }
        }
    }
    out
}

fn header<'a>(model: &'a Model, patch: &Patch) -> Option<&'a str> {
    match *patch {
        Patch::Magic | Patch::WordSize => None,
        Patch::Size { aggregate }
        | Patch::Offset { aggregate, .. }
        | Patch::BitOffset { aggregate, .. }
        | Patch::FieldSize { aggregate, .. }
        | Patch::Length { aggregate, .. } => {
            match &model[model.root(AggregateId(aggregate))].kind {
                AggregateKind::ExternC { header } => Some(header),
                _ => None,
            }
        }
        Patch::Constant { constant, .. } => match &model[ConstantId(constant)].value {
            ConstantValue::Captured(header) => Some(header),
            ConstantValue::Known(_) => None,
        },
        Patch::EnumSize { enumeration }
        | Patch::EnumSigned { enumeration }
        | Patch::EnumMember { enumeration, .. } => model[EnumId(enumeration)].header.as_deref(),
    }
}

/// A constant expression for a patch.
pub(super) fn expression(model: &Model, patch: &Patch) -> String {
    let captured = |id: u32| model[AggregateId(id)].layouts.is_none();
    match *patch {
        Patch::Magic => "INSPECT_TYPES_MAGIC".to_owned(),
        Patch::WordSize => "sizeof(void *)".to_owned(),
        Patch::Size { aggregate } if captured(aggregate) => size(model, AggregateId(aggregate)),
        Patch::Offset { aggregate, field } if captured(aggregate) => {
            offset(model, AggregateId(aggregate), field as usize)
        }
        Patch::FieldSize { aggregate, field } if captured(aggregate) => {
            field_size(model, AggregateId(aggregate), field as usize)
        }
        Patch::Length { aggregate, field, dimension } => {
            let place = lvalue(model, AggregateId(aggregate), field as usize);
            let at = "[0]".repeat(dimension as usize);
            format!("sizeof({place}{at}) / sizeof({place}{at}[0])")
        }
        Patch::Constant { constant, high } => half(&model[ConstantId(constant)].naming.c, high),
        Patch::EnumSize { enumeration } if model[EnumId(enumeration)].header.is_some() => {
            format!("sizeof(enum {})", model[EnumId(enumeration)].naming.c)
        }
        Patch::EnumSigned { enumeration } if model[EnumId(enumeration)].header.is_some() => {
            format!("(long long)(enum {})-1 < 0", model[EnumId(enumeration)].naming.c)
        }
        Patch::EnumMember { enumeration, member, high } => {
            let members = &model[EnumId(enumeration)].members;
            half(members.get(member as usize).map_or("0", |member| &member.naming.c), high)
        }
        ref known => by_target(model, known),
    }
}

fn half(name: &str, high: bool) -> String {
    if high { format!("(uint64_t)({name}) >> 32") } else { format!("(uint32_t)({name})") }
}

/// A choice among the values of the targets.
fn by_target(model: &Model, patch: &Patch) -> String {
    let mut groups: Vec<(u64, u32)> = Vec::new();
    for target in Target::all() {
        let value = blobs::resolve(model, patch, target).unwrap_or(0);
        let bit = target_bits(target);
        match groups.iter_mut().find(|(known, _)| *known == value) {
            Some((_, bits)) => *bits |= bit,
            None => groups.push((value, bit)),
        }
    }
    let mut out = String::new();
    for (value, bits) in &groups {
        let _ = write!(out, "INSPECT_ON({bits}) ? {value} : ");
    }
    out.push('0');
    out
}

/// How the compiler names the type of a captured aggregate; `None` for an anonymous one, which has
/// no name.
fn type_name(model: &Model, id: AggregateId) -> Option<String> {
    let aggregate = &model[id];
    let Some((parent, index)) = aggregate.parent else {
        return Some(if is_foreign_typedef(aggregate) {
            aggregate.naming.c.clone()
        } else {
            aggregate_word(aggregate)
        });
    };
    let field = model[parent].fields.get(index)?;
    field.naming.as_ref()?;
    let place = lvalue(model, parent, index);
    Some(format!("__typeof__({place}{})", "[0]".repeat(indirections(&field.ty))))
}

/// How many array dimensions and pointers lead to the aggregate inside a field's type.
fn indirections(ty: &Type) -> usize {
    match ty {
        Type::Array(element, _) | Type::Flexible(element) => 1 + indirections(element),
        Type::Pointer(pointee) => match &**pointee {
            Pointee::Type(target) => 1 + indirections(target),
            _ => 0,
        },
        _ => 0,
    }
}

/// The nearest aggregate around `id` whose type has a name: members of anonymous ones are its own.
fn named(model: &Model, id: AggregateId) -> String {
    let mut id = id;
    loop {
        if let Some(name) = type_name(model, id) {
            return name;
        }
        match model[id].parent {
            Some((parent, _)) => id = parent,
            // An aggregate without a parent has a name.
            None => return aggregate_word(&model[id]),
        }
    }
}

fn member(model: &Model, id: AggregateId, field: usize) -> String {
    model[id]
        .fields
        .get(field)
        .and_then(|field| field.naming.as_ref())
        .map_or(String::new(), |naming| naming.c.clone())
}

pub(super) fn lvalue(model: &Model, id: AggregateId, field: usize) -> String {
    format!("(({} *)0)->{}", named(model, id), member(model, id, field))
}

fn field_size(model: &Model, id: AggregateId, field: usize) -> String {
    format!("sizeof({})", lvalue(model, id, field))
}

fn size(model: &Model, id: AggregateId) -> String {
    match type_name(model, id) {
        Some(name) => format!("sizeof({name})"),
        None => anonymous_size(model, id),
    }
}

/// From the start of the struct that directly holds the field.
fn offset(model: &Model, id: AggregateId, field: usize) -> String {
    let absolute = absolute(model, id, field);
    if type_name(model, id).is_some() {
        return absolute;
    }
    // An anonymous aggregate is taken to begin at its first member.
    format!("{absolute} - {}", start(model, id))
}

/// From the start of the nearest aggregate that has a name.
fn absolute(model: &Model, id: AggregateId, field: usize) -> String {
    match model[id].fields.get(field) {
        Some(Field { naming: None, ty: Type::Aggregate(inner), .. }) => start(model, *inner),
        _ => format!("offsetof({}, {})", named(model, id), member(model, id, field)),
    }
}

fn start(model: &Model, id: AggregateId) -> String {
    let first = model[id].fields.iter().position(|field| !field.is_padding());
    first.map_or("0".to_owned(), |first| absolute(model, id, first))
}

/// An anonymous aggregate reaches to the end of the member that ends last.
fn anonymous_size(model: &Model, id: AggregateId) -> String {
    let aggregate = &model[id];
    let mut ends =
        aggregate.fields.iter().enumerate().filter(|(_, field)| !field.is_padding()).map(
            |(index, field)| match (&field.naming, &field.ty) {
                (None, Type::Aggregate(inner)) => {
                    format!("{} + {}", start(model, *inner), anonymous_size(model, *inner))
                }
                _ => format!("{} + {}", absolute(model, id, index), field_size(model, id, index)),
            },
        );
    let begin = start(model, id);
    let Some(mut out) = ends.next() else { return "0".to_owned() };
    for end in ends {
        out = if aggregate.union { format!("INSPECT_MAX({out}, {end})") } else { end };
    }
    format!("({out} - ({begin}))")
}
