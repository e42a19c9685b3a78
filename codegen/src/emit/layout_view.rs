//! The layout of one aggregate on one target as a list of parts from its first byte to its last:
//! fields, written padding, holes. JSON, the documentation and `layout` print it.
//!
//! The numbers are those of the model. Nothing is laid out here: offsets of nested aggregates are
//! added up, and what lies between two neighbours is called a hole.

use crate::emit::spell;
use crate::model::{AggregateId, Field, Model, SchemaId, Target, Type};

/// Bytes of a cache line, for the notes that the outputs make at its boundaries.
pub const CACHE_LINE: u64 = 64;

/// Bytes of the core entry, with which every row begins: the table format's, never changed.
const CORE_ENTRY_SIZE: u64 = 64;

/// An aggregate, laid out.
#[derive(Clone, Debug)]
pub struct LayoutView {
    /// Its path in the schema: `parent.field` for an inline aggregate.
    pub path: String,
    /// `struct`, `union`, `record`, `extern struct`.
    pub keyword: &'static str,
    /// Bytes.
    pub size: u64,
    /// Bytes.
    pub align: u32,
    /// From the first byte to the last; the members of an anonymous aggregate follow it, one level
    /// deeper.
    pub parts: Vec<Part>,
    /// Bytes of holes, tail padding included; whole bytes only.
    pub hole_bytes: u64,
}

/// A piece of an aggregate.
#[derive(Clone, Debug)]
pub struct Part {
    /// What it is.
    pub kind: PartKind,
    /// How many anonymous aggregates are around it.
    pub depth: usize,
    /// The field's name; empty where it has none.
    pub name: String,
    /// The field's type as written, with the width of a bit-field.
    pub type_text: String,
    /// Bytes from the start of the outermost aggregate.
    pub offset: u64,
    /// Bytes. For a bit-field, of its declared type.
    pub size: u64,
    /// A bit-field's first bit from the start of the outermost aggregate and its width. For a hole
    /// that is not whole bytes, its bits.
    pub bits: Option<(u64, u32)>,
}

/// What a part is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PartKind {
    /// A named field.
    Field,
    /// An anonymous struct or union.
    Anonymous,
    /// Padding that the schema writes out.
    Padding,
    /// Bytes or bits that nothing covers.
    Hole,
}

impl LayoutView {
    /// The view of an aggregate; `None` where only the producer's compiler knows the layout, and
    /// for an anonymous aggregate, which is part of the one around it.
    #[must_use]
    pub fn new(model: &Model, id: AggregateId, target: Target) -> Option<Self> {
        let aggregate = &model[id];
        let layout = aggregate.layouts.as_ref()?.on(target);
        let mut parts = Vec::new();
        collect(model, id, target, Origin { offset: 0, depth: 0 }, &mut parts);
        Some(Self {
            path: spell::aggregate_path(model, id)?,
            keyword: spell::keyword(aggregate),
            size: layout.size,
            align: layout.align,
            hole_bytes: hole_bytes(&parts),
            parts,
        })
    }

    /// The row of a schema's table: the core entry, what the schema appends, and what lies between.
    /// It is the same on every target.
    #[must_use]
    pub fn entry(model: &Model, id: SchemaId) -> Self {
        let schema = &model[id];
        let entry = &schema.entry;
        let origin = Origin { offset: 0, depth: 0 };
        let mut parts = vec![Part {
            kind: PartKind::Field,
            depth: 0,
            name: "core".to_owned(),
            type_text: "inspect.core entry".to_owned(),
            offset: 0,
            size: CORE_ENTRY_SIZE,
            bits: None,
        }];
        let mut end = CORE_ENTRY_SIZE;
        for field in &entry.fields {
            push_hole(&mut parts, origin, end * 8, u64::from(field.offset) * 8);
            parts.push(Part {
                kind: PartKind::Field,
                depth: 0,
                name: field.naming.name.clone(),
                type_text: spell::type_text(model, id, &field.ty),
                offset: field.offset.into(),
                size: field.size.into(),
                bits: None,
            });
            end = end.max(u64::from(field.offset) + u64::from(field.size));
        }
        push_hole(&mut parts, origin, end * 8, u64::from(entry.size) * 8);
        Self {
            path: entry.naming.name.clone(),
            keyword: "entry",
            size: entry.size.into(),
            align: 8,
            hole_bytes: hole_bytes(&parts),
            parts,
        }
    }

    /// How many cache lines it touches when it starts on one.
    #[must_use]
    pub fn cache_lines(&self) -> u64 {
        self.size.div_ceil(CACHE_LINE)
    }

    /// The named fields, those of anonymous aggregates among them.
    pub fn fields(&self) -> impl Iterator<Item = &Part> {
        self.parts.iter().filter(|part| part.kind == PartKind::Field)
    }
}

/// The targets that agree on where everything in an aggregate lies, in the order of their first members.
///
/// Finer than the model's distinct layouts: the members of an anonymous aggregate are shown as members of the
/// one around it, and targets may differ in nothing but their places.
#[must_use]
pub fn layout_groups(model: &Model, id: AggregateId) -> Vec<Vec<Target>> {
    let mut groups: Vec<(Vec<u64>, Vec<Target>)> = Vec::new();
    for target in Target::all() {
        let mut places = Vec::new();
        collect_places(model, id, target, &mut places);
        match groups.iter_mut().find(|(known, _)| *known == places) {
            Some((_, targets)) => targets.push(target),
            None => groups.push((places, vec![target])),
        }
    }
    groups.into_iter().map(|(_, targets)| targets).collect()
}

fn collect_places(model: &Model, id: AggregateId, target: Target, places: &mut Vec<u64>) {
    let Some(layouts) = &model[id].layouts else { return };
    let layout = layouts.on(target);
    places.extend([layout.size, layout.align.into()]);
    for (field, place) in model[id].fields.iter().zip(&layout.fields) {
        places.extend([place.bit_offset.unwrap_or(place.offset * 8), place.size]);
        if let (None, Type::Aggregate(inner)) = (&field.naming, &field.ty) {
            collect_places(model, *inner, target, places);
        }
    }
}

fn hole_bytes(parts: &[Part]) -> u64 {
    let holes = parts.iter().filter(|part| part.kind == PartKind::Hole && part.bits.is_none());
    holes.map(|part| part.size).sum()
}

/// Where an aggregate lies in the outermost one.
#[derive(Clone, Copy)]
struct Origin {
    offset: u64,
    depth: usize,
}

fn collect(model: &Model, id: AggregateId, target: Target, origin: Origin, parts: &mut Vec<Part>) {
    let aggregate = &model[id];
    let Some(layouts) = &aggregate.layouts else { return };
    let layout = layouts.on(target);
    let mut end_bit = 0;
    for (field, placement) in aggregate.fields.iter().zip(&layout.fields) {
        let first_bit = placement.bit_offset.unwrap_or(placement.offset * 8);
        let bit_count = field.bits.map_or(placement.size * 8, u64::from);
        if !aggregate.union {
            push_hole(parts, origin, end_bit, first_bit);
        }
        end_bit = end_bit.max(first_bit + bit_count);
        let kind = match &field.ty {
            _ if field.naming.is_some() => PartKind::Field,
            Type::Aggregate(_) => PartKind::Anonymous,
            _ => PartKind::Padding,
        };
        parts.push(Part {
            kind,
            depth: origin.depth,
            name: field.name().to_owned(),
            type_text: field_type_text(model, id, field),
            offset: origin.offset + placement.offset,
            size: placement.size,
            bits: field.bits.map(|width| (origin.offset * 8 + first_bit, width)),
        });
        if let (PartKind::Anonymous, Type::Aggregate(inner)) = (kind, &field.ty) {
            let inside =
                Origin { offset: origin.offset + placement.offset, depth: origin.depth + 1 };
            collect(model, *inner, target, inside, parts);
        }
    }
    push_hole(parts, origin, end_bit, layout.size * 8);
}

/// Says what lies between `from` and `to`, both in bits: the bits up to the next byte, then whole
/// bytes, then the bits that remain.
fn push_hole(parts: &mut Vec<Part>, origin: Origin, from: u64, to: u64) {
    let mut push = |from: u64, to: u64| {
        if from >= to {
            return;
        }
        let whole = from.is_multiple_of(8) && to.is_multiple_of(8);
        parts.push(Part {
            kind: PartKind::Hole,
            depth: origin.depth,
            name: String::new(),
            type_text: String::new(),
            offset: origin.offset + from / 8,
            size: if whole { (to - from) / 8 } else { 0 },
            bits: (!whole).then(|| (origin.offset * 8 + from, (to - from) as u32)),
        });
    };
    let first_byte = from.next_multiple_of(8).min(to);
    let last_byte = (to - to % 8).max(first_byte);
    push(from, first_byte);
    push(first_byte, last_byte);
    push(last_byte, to);
}

fn field_type_text(model: &Model, id: AggregateId, field: &Field) -> String {
    let ty = spell::type_text(model, model[id].schema, &field.ty);
    match field.bits {
        Some(width) => format!("{ty} : {width}"),
        None => ty,
    }
}
