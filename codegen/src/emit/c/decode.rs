//! The view of `<schema>.decode.h`: reads rows and structs of any producer from bytes.
//!
//! Where the fields of a struct lie is data, one flat list of places for a schema: filled from a
//! table's type information, or from the layouts of a target. An accessor reads one place and knows
//! the width.

use std::collections::{HashMap, HashSet};
use std::fmt::Write as _;

use askama::Template;

use super::accessors::{self, Function};
use super::links::Links;
use super::structs::inline_child;
use super::types::{function_prefix, mask, schema_hash, string_literal};
use crate::emit::blobs;
use crate::model::names::{schema_word, upper_case};
use crate::model::{
    AggregateId, EnumRepr, Field, Length, Model, Scalar, SchemaId, Target, Type, TypeId, Width,
};

/// The decoder of one schema.
#[derive(Template)]
#[template(path = "c/decode.h.txt", escape = "none")]
pub(super) struct DecodeView {
    schema: String,
    word: String,
    upper: String,
    version: u32,
    hash: String,
    fingerprints: Vec<String>,
    /// `linux_types`: schemas whose structs this one's hold.
    includes: Vec<String>,
    row: Vec<Function>,
    /// In the order of the layouts: the named ones sorted by name, then inline ones behind their
    /// parents.
    structs: Vec<StructView>,
    named_count: usize,
    field_count: usize,
    groups: Vec<Group>,
    group_of: Vec<String>,
    /// Accessors, structs in dependency order, as text.
    functions: String,
}

/// A struct as a decoder sees it.
struct StructView {
    /// `linux_mm_log_record`
    prefix: String,
    /// `linux_mm_log_record_view`
    view: String,
    /// As type information names it; `NULL` for an inline one.
    name: String,
    index: usize,
    first: usize,
    fields: Vec<FieldView>,
}

/// What binding asks of a field.
struct FieldView {
    name: String,
    width: &'static str,
    flags: u8,
    inner: usize,
}

/// The layouts that some targets share.
struct Group {
    sizes: String,
    places: String,
}

/// A struct with its fields, those of anonymous aggregates among them.
pub(super) struct Shape<'a> {
    /// Which.
    pub(super) id: AggregateId,
    /// What its functions begin with.
    pub(super) prefix: String,
    /// Its view: `linux_mm_log_record_view`.
    pub(super) view: String,
    /// Its position among the layouts.
    pub(super) index: usize,
    /// The position of its first field in the flat list.
    pub(super) first: usize,
    /// In order.
    pub(super) fields: Vec<Leaf<'a>>,
}

/// A named field of a struct.
pub(super) struct Leaf<'a> {
    /// The field.
    pub(super) field: &'a Field,
    /// The way to it: positions in anonymous aggregates, its own last.
    pub(super) path: Vec<usize>,
}

/// All structs of a schema, with their positions.
pub(super) struct Shapes<'a> {
    /// In the order of the layouts.
    pub(super) all: Vec<Shape<'a>>,
    /// By aggregate.
    pub(super) index: HashMap<AggregateId, usize>,
}

impl<'a> Shapes<'a> {
    fn of(model: &'a Model, schema: SchemaId, names: &Names) -> Self {
        let mut named: Vec<AggregateId> = model[schema]
            .types
            .iter()
            .filter_map(|ty| match ty {
                TypeId::Aggregate(id) => Some(*id),
                _ => None,
            })
            .collect();
        named.sort_by(|a, b| model[*a].naming.c.cmp(&model[*b].naming.c));
        let mut order = named;
        let mut next = 0;
        let mut shapes = Self { all: Vec::with_capacity(order.len()), index: HashMap::new() };
        let mut first = 0;
        // Inline aggregates join the queue behind the struct that holds them.
        while next < order.len() {
            let id = order[next];
            let mut fields = Vec::new();
            leaves(model, id, &mut Vec::new(), &mut fields, &mut order);
            shapes.index.insert(id, next);
            let prefix = function_prefix(model, id);
            let count = fields.len();
            let view = names.view(&prefix);
            shapes.all.push(Shape { id, prefix, view, index: next, first, fields });
            first += count;
            next += 1;
        }
        shapes
    }
}

fn leaves<'a>(
    model: &'a Model,
    id: AggregateId,
    path: &mut Vec<usize>,
    out: &mut Vec<Leaf<'a>>,
    inline: &mut Vec<AggregateId>,
) {
    for (position, field) in model[id].fields.iter().enumerate() {
        path.push(position);
        match (&field.naming, &field.ty) {
            (Some(_), ty) => {
                inline.extend(inline_child(model, id, ty));
                out.push(Leaf { field, path: path.clone() });
            }
            (None, Type::Aggregate(inner)) => leaves(model, *inner, path, out, inline),
            _ => {}
        }
        path.pop();
    }
}

/// The type behind arrays.
pub(super) fn element(ty: &Type) -> &Type {
    match ty {
        Type::Array(element, _) | Type::Flexible(element) => self::element(element),
        other => other,
    }
}

/// Whether a decoder finds a field in every table that has the struct.
pub(super) fn is_optional(field: &Field) -> bool {
    let since = field.naming.as_ref().map_or(1, |naming| naming.lifetime.since);
    let removed = field.naming.as_ref().is_some_and(|naming| naming.lifetime.removed.is_some());
    // Nobody knows where it lies before the image is packed.
    since > 1 || removed || field.condition.is_some() || field.debug.is_some()
}

/// Decides everything that the decoder says.
pub(super) fn view(model: &Model, links: &Links, id: SchemaId) -> DecodeView {
    let schema = &model[id];
    let word = schema_word(&schema.name);
    let mut names = Names::of(model);
    let shapes = Shapes::of(model, id, &names);
    let row = accessors::row(schema, model, &mut names);
    let functions = accessors::all(model, links, id, &shapes, &mut names);
    let field_count = shapes.all.iter().map(|shape| shape.fields.len()).sum();
    let (groups, group_of) = groups(model, &shapes);
    DecodeView {
        upper: upper_case(&word),
        version: schema.version,
        hash: mask(schema_hash(&schema.name), 8),
        fingerprints: blobs::history(model, id).iter().map(|f| mask(*f, 8)).collect(),
        includes: links.decoders(id).iter().map(|other| schema_word(&model[*other].name)).collect(),
        row,
        named_count: shapes.all.iter().filter(|shape| model[shape.id].parent.is_none()).count(),
        structs: shapes.all.iter().map(|shape| struct_view(model, &shapes, shape)).collect(),
        field_count,
        groups,
        group_of,
        functions,
        schema: schema.name.clone(),
        word,
    }
}

fn struct_view(model: &Model, shapes: &Shapes<'_>, shape: &Shape<'_>) -> StructView {
    let aggregate = &model[shape.id];
    let fields = shape.fields.iter().map(|leaf| {
        let inner = match element(&leaf.field.ty) {
            Type::Aggregate(id) if model[*id].parent.is_some() => {
                shapes.index.get(id).copied().unwrap_or(0)
            }
            _ => 0,
        };
        let (width, flags) = requirement(model, leaf.field);
        let name = leaf.field.naming.as_ref().map_or("", |naming| naming.c.as_str());
        FieldView { name: string_literal(name.as_bytes()), width, flags, inner }
    });
    StructView {
        prefix: shape.prefix.clone(),
        view: shape.view.clone(),
        name: if aggregate.parent.is_none() {
            string_literal(aggregate.naming.c.as_bytes())
        } else {
            "NULL".to_owned()
        },
        index: shape.index,
        first: shape.first,
        fields: fields.collect(),
    }
}

/// The width and the flags of an `inspect_field_spec`.
fn requirement(model: &Model, field: &Field) -> (&'static str, u8) {
    let mut flags = u8::from(is_optional(field));
    if field.bits.is_some() {
        return ("INSPECT_WIDTH_ANY", flags | 2);
    }
    if matches!(field.ty, Type::Array(..) | Type::Flexible(_)) {
        flags |= 4;
    }
    let width = match element(&field.ty) {
        Type::Scalar(scalar) | Type::Atomic(scalar) => scalar_width(*scalar),
        Type::Pointer(_) => "INSPECT_WIDTH_WORD",
        Type::Enum(id) => match model[*id].repr {
            EnumRepr::Scalar(scalar) => scalar_width(scalar),
            EnumRepr::C(_) => "INSPECT_WIDTH_NUMBER",
        },
        Type::Flags(id) => scalar_width(model[*id].repr),
        _ => "INSPECT_WIDTH_ANY",
    };
    (width, flags)
}

fn scalar_width(scalar: Scalar) -> &'static str {
    match scalar.width() {
        Width::Fixed(1) => "1",
        Width::Fixed(2) => "2",
        Width::Fixed(4) => "4",
        Width::Fixed(_) => "8",
        Width::Word => "INSPECT_WIDTH_WORD",
    }
}

/// The distinct layouts of the whole schema, and which target has which.
fn groups(model: &Model, shapes: &Shapes<'_>) -> (Vec<Group>, Vec<String>) {
    let mut seen: HashMap<Vec<u8>, usize> = HashMap::new();
    let mut groups = Vec::new();
    let mut group_of = Vec::new();
    for target in Target::all() {
        let info = target.info();
        let mut key = vec![info.word_size, u8::from(info.short_enums)];
        for shape in &shapes.all {
            let layouts = model[shape.id].layouts.as_ref();
            key.push(layouts.map_or(u8::MAX, |layouts| layouts.by_target[target.index()]));
            // What lies inside anonymous aggregates has layouts of its own.
            anonymous_key(model, shape.id, target, &mut key);
        }
        let next = groups.len();
        let group = *seen.entry(key).or_insert(next);
        if group == next {
            groups.push(places(model, shapes, target));
        }
        group_of.push(group.to_string());
    }
    (groups, group_of)
}

fn anonymous_key(model: &Model, id: AggregateId, target: Target, key: &mut Vec<u8>) {
    for field in &model[id].fields {
        if let (None, Type::Aggregate(inner)) = (&field.naming, &field.ty) {
            let layouts = model[*inner].layouts.as_ref();
            key.push(layouts.map_or(u8::MAX, |layouts| layouts.by_target[target.index()]));
            anonymous_key(model, *inner, target, key);
        }
    }
}

fn places(model: &Model, shapes: &Shapes<'_>, target: Target) -> Group {
    let mut sizes = String::new();
    let mut places = String::new();
    for shape in &shapes.all {
        let layouts = model[shape.id].layouts.as_ref();
        let _ = write!(sizes, "{}, ", layouts.map_or(0, |layouts| layouts.on(target).size));
        if layouts.is_none() && !shape.fields.is_empty() {
            for _ in &shape.fields {
                places.push_str("{ INSPECT_ABSENT, 0, 0 }, ");
            }
            continue;
        }
        for leaf in &shape.fields {
            match place(model, shape.id, leaf, target) {
                Some((offset, size, stride)) => {
                    let _ = write!(places, "{{ {offset}, {size}, {stride} }}, ");
                }
                None => places.push_str("{ INSPECT_ABSENT, 0, 0 }, "),
            }
        }
    }
    Group { sizes: sizes.trim_end().to_owned(), places: places.trim_end().to_owned() }
}

/// Offset, size and stride of a field on a target, as the decoder counts them.
fn place(
    model: &Model,
    id: AggregateId,
    leaf: &Leaf<'_>,
    target: Target,
) -> Option<(u64, u64, u64)> {
    let mut base = 0;
    let mut id = id;
    let (last, way) = leaf.path.split_last()?;
    for step in way {
        let aggregate = &model[id];
        base += aggregate.layouts.as_ref()?.on(target).fields.get(*step)?.offset;
        let Type::Aggregate(inner) = aggregate.fields[*step].ty else { return None };
        id = inner;
    }
    let placement = model[id].layouts.as_ref()?.on(target).fields.get(*last)?;
    if let Some(bits) = leaf.field.bits {
        return Some((base * 8 + placement.bit_offset?, u64::from(bits), 0));
    }
    let stride = match element(&leaf.field.ty) {
        Type::Text(size) | Type::Bytes(size) => *size,
        other => element_size(model, other, target)?,
    };
    Some((base + placement.offset, placement.size, stride))
}

fn element_size(model: &Model, ty: &Type, target: Target) -> Option<u64> {
    let word = target.info().word_size;
    let scalar = |scalar: Scalar| match scalar.width() {
        Width::Fixed(bytes) => u64::from(bytes),
        Width::Word => u64::from(word),
    };
    Some(match ty {
        Type::Scalar(kind) | Type::Atomic(kind) => scalar(*kind),
        Type::Pointer(_) => u64::from(word),
        Type::Enum(id) => match model[*id].repr {
            EnumRepr::Scalar(kind) => scalar(kind),
            EnumRepr::C(sizes) => u64::from(sizes[target.index()].0),
        },
        Type::Flags(id) => scalar(model[*id].repr),
        Type::Aggregate(id) => model[*id].layouts.as_ref()?.on(target).size,
        Type::String => 4,
        Type::Text(size) | Type::Bytes(size) => *size,
        Type::Array(element, Length::Fixed(count)) => {
            element_size(model, element, target)?.checked_mul(*count)?
        }
        _ => return None,
    })
}

/// Names of functions, each of them once.
pub(super) struct Names {
    types: HashSet<String>,
    functions: HashSet<String>,
}

impl Names {
    fn of(model: &Model) -> Self {
        let aggregates = model.aggregates.iter().map(|item| &item.naming.c);
        let enums = model.enums.iter().map(|item| &item.naming.c);
        let flags = model.flags.iter().map(|item| &item.naming.c);
        let entries = model.schemas.iter().map(|schema| &schema.entry.naming.c);
        let types = aggregates.chain(enums).chain(flags).chain(entries).cloned().collect();
        Self { types, functions: HashSet::new() }
    }

    /// The name of a view: another type of the model may be called `x_view`.
    pub(super) fn view(&self, prefix: &str) -> String {
        let mut name = format!("{prefix}_view");
        while self.types.contains(&name) {
            name.push('_');
        }
        name
    }

    /// The name, with underscores behind it where a type or another function has it already.
    pub(super) fn unique(&mut self, mut name: String) -> String {
        while self.types.contains(&name) || self.functions.contains(&name) {
            name.push('_');
        }
        self.functions.insert(name.clone());
        name
    }
}
