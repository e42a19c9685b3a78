//! The sections that generated code carries: the schema's description, its types, its history. They are large
//! and hold nothing to format, so that they are written as text.

use std::fmt::Write as _;

use inspect_format::btf::{Patch, Word};

use super::module_name;
use super::plan::Plan;
use crate::emit::blobs;
use crate::model::{AggregateId, AggregateKind, Model, SchemaId, Target};

/// The types section that Rust code can carry: with what Rust captures, or, where that cannot be said for want of
/// what only a C compiler knows, without anything captured.
pub(super) fn carried(model: &Model, schema: SchemaId) -> blobs::Types {
    let types = blobs::rust_types(model, schema);
    if types.blob.words.iter().all(|word| is_known(model, word)) {
        return types;
    }
    blobs::known_types(model, schema)
}

fn is_known(model: &Model, word: &Word) -> bool {
    match word {
        Word::Number(_) | Word::Patch { patch: Patch::Magic, .. } => true,
        Word::If { .. } => false,
        Word::Patch { patch, .. } => {
            captured(model, patch).is_some()
                || Target::all().all(|target| blobs::resolve(model, patch, target).is_some())
        }
    }
}

/// The Rust struct that a patch asks about, if it is one.
fn captured(model: &Model, patch: &Patch) -> Option<AggregateId> {
    let id = match *patch {
        Patch::Size { aggregate }
        | Patch::Offset { aggregate, .. }
        | Patch::FieldSize { aggregate, .. } => AggregateId(aggregate),
        Patch::Length { aggregate, dimension: 0, .. } => AggregateId(aggregate),
        _ => return None,
    };
    (model[id].kind == AggregateKind::ExternRust).then_some(id)
}

/// The sections, as constants that one static holds.
pub(super) fn blobs(plan: &Plan<'_>) -> String {
    let mut out = String::new();
    let schema = blobs::schema_cbor_with(plan.model, plan.id, &plan.types);
    let (name, size) = (plan.fixed("SCHEMA_SECTION"), schema.len());
    let ty = plan.fixed("SchemaSection");
    let _ = write!(out, "type {ty} = rt::Blob<[u8; {size}]>;\nconst {name}: {ty} = rt::Blob::new(");
    literal(&mut out, &schema);
    out.push_str(");\n\n");
    types(plan, &mut out);
    let history = blobs::history(plan.model, plan.id);
    let (name, count) = (plan.fixed("HISTORY_SECTION"), history.len());
    let ty = plan.fixed("HistorySection");
    let _ = write!(
        out,
        "type {ty} = rt::Blob<[u64; {count}]>;\nconst {name}: {ty} = rt::Blob::new({history:?});\n\n"
    );
    out
}

/// Bytes as a literal of an array.
fn literal(out: &mut String, bytes: &[u8]) {
    out.push_str("*b\"");
    let mut column = 0;
    for byte in bytes {
        if column >= 90 {
            out.push_str("\\\n    ");
            column = 4;
        }
        let before = out.len();
        match byte {
            b'"' | b'\\' => {
                out.push('\\');
                out.push(char::from(*byte));
            }
            b' ' if column == 4 => out.push_str("\\x20"),
            0x20..=0x7e => out.push(char::from(*byte)),
            0 => out.push_str("\\0"),
            _ => {
                let _ = write!(out, "\\x{byte:02x}");
            }
        }
        column += out.len() - before;
    }
    out.push('"');
}

/// The types section: words, and the text behind them. A word that differs between targets is looked up by the group of the target
/// that the code is compiled for.
fn types(plan: &Plan<'_>, out: &mut String) {
    let (words, text) = (&plan.types.blob.words, &plan.types.blob.strings);
    let mut groups: Vec<Vec<u8>> = Vec::new();
    let mut body = String::new();
    let mut column = 0;
    for word in words {
        let text = word_text(plan, word, &mut groups);
        if column == 0 || column + text.len() > 94 {
            body.push_str("\n       ");
            column = 7;
        }
        let _ = write!(body, " {text},");
        column += text.len() + 2;
    }
    let name = plan.fixed("TYPES_SECTION");
    let ty = plan.fixed("TypesSection");
    let _ = writeln!(out, "type {ty} = rt::Types<{}, {}>;", words.len(), text.len());
    let _ = writeln!(out, "const {name}: {ty} = {{");
    for (index, group) in groups.iter().enumerate() {
        let _ = writeln!(out, "    const G{index}: usize = {group:?}[rt::TARGET];");
    }
    let _ = write!(out, "    rt::Types::new([{body}\n    ], ");
    literal(out, text);
    out.push_str(")\n};\n\n");
}

fn word_text(plan: &Plan<'_>, word: &Word, groups: &mut Vec<Vec<u8>>) -> String {
    match word {
        Word::Number(number) => number.to_string(),
        Word::Patch { patch: Patch::Magic, .. } => "rt::TYPES_MAGIC".to_owned(),
        // `carried` lets no condition pass.
        Word::If { otherwise, .. } => word_text(plan, otherwise, groups),
        Word::Patch { patch, factor, plus } => match captured(plan.model, patch) {
            Some(id) => {
                let value = captured_text(plan, id, patch);
                format!("({value}) as u32 * {factor} + {plus}")
            }
            None => by_target(plan, patch, *factor, *plus, groups),
        },
    }
}

fn by_target(
    plan: &Plan<'_>,
    patch: &Patch,
    factor: u32,
    plus: u32,
    groups: &mut Vec<Vec<u8>>,
) -> String {
    let mut values: Vec<u32> = Vec::new();
    let mut group = Vec::new();
    for target in Target::all() {
        let value = blobs::resolve(plan.model, patch, target).unwrap_or(0) as u32;
        let value = value.wrapping_mul(factor).wrapping_add(plus);
        let index = values.iter().position(|other| *other == value).unwrap_or_else(|| {
            values.push(value);
            values.len() - 1
        });
        group.push(index as u8);
    }
    let index = groups.iter().position(|other| *other == group).unwrap_or_else(|| {
        groups.push(group);
        groups.len() - 1
    });
    format!("{values:?}[G{index}]")
}

fn captured_text(plan: &Plan<'_>, id: AggregateId, patch: &Patch) -> String {
    let aggregate = &plan.model[id];
    let name = &aggregate.naming.rust;
    let marker = match aggregate.schema == plan.id {
        true => format!("external::{name}"),
        false => format!("super::{}::external::{name}", module_name(&plan.model[aggregate.schema])),
    };
    let described = format!("<{marker} as rt::Described>");
    let field = |index: u32| {
        let naming = aggregate.fields.get(index as usize).and_then(|field| field.naming.as_ref());
        naming.map_or("", |naming| &naming.rust)
    };
    match *patch {
        Patch::Offset { field: index, .. } => {
            format!("{described}::FIELDS.{}.offset", field(index))
        }
        Patch::FieldSize { field: index, .. } => {
            format!("{described}::FIELDS.{}.size", field(index))
        }
        Patch::Length { field: index, .. } => {
            let at = aggregate.fields.get(index as usize).map(|field| &field.ty);
            let element = match at {
                Some(crate::model::Type::Array(element, _)) => plan.producer_type(element, 0),
                _ => quote::quote!(u8),
            };
            let name = field(index);
            format!("{described}::FIELDS.{name}.size / ::core::mem::size_of::<{element}>()")
        }
        _ => format!("{described}::SIZE"),
    }
}
