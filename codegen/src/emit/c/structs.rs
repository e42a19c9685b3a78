//! Structs, unions and records as C declares them, with the assertions that hold the compiler to
//! the layout.
//!
//! An inline aggregate with a field name is declared before its parent under its derived name,
//! since C++ has no types inside anonymous ones; only truly anonymous ones are nested.

use std::collections::HashSet;
use std::fmt::Write as _;

use super::types::{Declarer, aggregate_word, function_prefix, keyword};
use super::{docs, types};
use crate::emit::layout_groups;
use crate::model::{Aggregate, AggregateId, Field, Model, Target, Type, Value, Width};

/// A struct or union as the header's template prints it.
pub(super) struct StructView {
    /// The comment above it.
    pub(super) comment: String,
    /// `typedef struct x x;`, where a typedef was asked for.
    pub(super) typedef: Option<String>,
    /// `struct linux_mm_log_record`
    pub(super) word: String,
    /// Lines of the body, indented, with their comments.
    pub(super) body: String,
    /// What stands behind the closing brace.
    pub(super) attributes: String,
    /// Conversions and expected values that belong to it.
    pub(super) expected: Vec<Expected>,
    /// One group for each layout.
    pub(super) asserts: Vec<AssertGroup>,
}

/// A macro with a field's expected value.
pub(super) struct Expected {
    /// `A_B_HEADER_MAGIC_EXPECTED`
    pub(super) name: String,
    /// The value as an expression or an initialiser.
    pub(super) value: String,
}

/// Assertions that hold on some targets.
pub(super) struct AssertGroup {
    /// The targets as bits, with their names; `None` is every target.
    pub(super) targets: Option<(u32, String)>,
    /// The assertions, one a line.
    pub(super) lines: String,
}

/// Every declared aggregate below `id`, itself last: inline ones stand before their parents.
pub(super) fn view_all(model: &Model, id: AggregateId, out: &mut Vec<StructView>) {
    let aggregate = &model[id];
    for field in &aggregate.fields {
        if let Some(inner) = inline_child(model, id, &field.ty) {
            if field.naming.is_none() {
                view_children(model, inner, out);
            } else {
                view_all(model, inner, out);
            }
        }
    }
    out.push(view(model, id));
}

fn view_children(model: &Model, id: AggregateId, out: &mut Vec<StructView>) {
    for field in &model[id].fields {
        if let Some(inner) = inline_child(model, id, &field.ty) {
            if field.naming.is_none() {
                view_children(model, inner, out);
            } else {
                view_all(model, inner, out);
            }
        }
    }
}

/// The inline aggregate that a field's type defines, through arrays and pointers.
pub(super) fn inline_child(model: &Model, parent: AggregateId, ty: &Type) -> Option<AggregateId> {
    match ty {
        Type::Array(element, _) | Type::Flexible(element) => inline_child(model, parent, element),
        Type::Pointer(pointee) => match &**pointee {
            crate::model::Pointee::Type(target) => inline_child(model, parent, target),
            _ => None,
        },
        Type::Aggregate(id) => {
            let inline = model[*id].parent.is_some_and(|(owner, _)| owner == parent);
            inline.then_some(*id)
        }
        _ => None,
    }
}

fn view(model: &Model, id: AggregateId) -> StructView {
    let aggregate = &model[id];
    let mut body = Body { model, declarer: Declarer::new(model), out: String::new(), pads: None };
    body.fields(aggregate, 1);
    let tag = format!("{} {}", keyword(aggregate), aggregate.naming.c);
    let typedef = aggregate.c_typedef.then(|| format!("typedef {tag} {};", aggregate.naming.c));
    StructView {
        comment: docs::comment(keyword(aggregate), &aggregate.naming),
        typedef,
        body: body.out,
        attributes: attributes(aggregate, None),
        expected: expected(model, id),
        asserts: asserts(model, id, &tag),
        word: tag,
    }
}

/// Prints the fields of one struct, anonymous aggregates nested.
struct Body<'a> {
    model: &'a Model,
    declarer: Declarer<'a>,
    out: String,
    pads: Option<Pads>,
}

/// Names for padding, which C cannot leave unnamed unless it is a bit-field.
struct Pads {
    taken: HashSet<String>,
    next: u32,
}

impl Body<'_> {
    fn fields(&mut self, aggregate: &Aggregate, depth: usize) {
        let indent = "\t".repeat(depth);
        for field in &aggregate.fields {
            match (&field.naming, &field.ty) {
                (None, Type::Aggregate(inner)) => self.anonymous(*inner, field, depth),
                (Some(naming), _) => {
                    let about = about(field, &docs::text(&naming.docs, &naming.lifetime));
                    self.out.push_str(&docs::member(&naming.c, &about, &indent));
                    self.line(&indent, aggregate, field, &naming.c);
                }
                (None, _) if field.bits.is_some() => self.line(&indent, aggregate, field, ""),
                (None, _) => {
                    let name = self.pad(aggregate);
                    self.line(&indent, aggregate, field, &name);
                }
            }
        }
    }

    fn line(&mut self, indent: &str, aggregate: &Aggregate, field: &Field, name: &str) {
        let declaration = self.declarer.declare(&field.ty, name);
        let _ = write!(self.out, "{indent}{declaration}");
        if let Some(bits) = field.bits {
            let _ = write!(self.out, " : {bits}");
        }
        // An atomic access needs the natural alignment, which i686 does not give to eight bytes.
        let packed = aggregate.packed || field.packed;
        let natural = (!packed && is_wide_atomic(&field.ty)).then_some(8);
        let attributes = attribute_list(field.packed, field.align.max(natural));
        let _ = writeln!(self.out, "{attributes};");
    }

    fn anonymous(&mut self, inner: AggregateId, field: &Field, depth: usize) {
        let indent = "\t".repeat(depth);
        let aggregate = &self.model[inner];
        let _ = writeln!(self.out, "{indent}{} {{", keyword(aggregate));
        self.fields(aggregate, depth + 1);
        let attributes = attributes(aggregate, Some(field));
        let _ = writeln!(self.out, "{indent}}}{attributes};");
    }

    /// A name that no field of the aggregate bears.
    fn pad(&mut self, aggregate: &Aggregate) -> String {
        let pads = self.pads.get_or_insert_with(|| Pads { taken: HashSet::new(), next: 0 });
        if pads.next == 0 {
            collect_names(self.model, aggregate, &mut pads.taken);
        }
        loop {
            let name = format!("_pad{}", pads.next);
            pads.next += 1;
            if pads.taken.insert(name.clone()) {
                return name;
            }
        }
    }
}

fn is_wide_atomic(ty: &Type) -> bool {
    match ty {
        Type::Atomic(scalar) => scalar.width() == Width::Fixed(8),
        Type::Array(element, _) | Type::Flexible(element) => is_wide_atomic(element),
        _ => false,
    }
}

fn collect_names(model: &Model, aggregate: &Aggregate, out: &mut HashSet<String>) {
    for field in &aggregate.fields {
        match (&field.naming, &field.ty) {
            (Some(naming), _) => {
                out.insert(naming.c.clone());
            }
            (None, Type::Aggregate(inner)) => collect_names(model, &model[*inner], out),
            _ => {}
        }
    }
}

/// What a comment says of a field beside its documentation: byte order, unit, what is checked and
/// counted.
fn about(field: &Field, docs: &str) -> String {
    let mut out = docs.to_owned();
    let mut note = |line: String| {
        if !out.is_empty() {
            out.push('\n');
        }
        out.push_str(&line);
    };
    if let Type::Scalar(scalar) | Type::Atomic(scalar) = &field.ty
        && scalar.fixed_order().is_some()
    {
        note(format!("Holds {}: convert with inspect_{0}().", scalar.word()));
    }
    if matches!(field.ty, Type::Atomic(_)) {
        note("Accessed atomically.".to_owned());
    }
    if let Some(unit) = &field.unit {
        note(format!("Unit: {}.", docs::sanitize(unit)));
    }
    if let Some(Value::Int(number)) = &field.expected {
        note(format!("Expected: {number}."));
    }
    if let Some(tag) = &field.tag {
        note(format!("The valid member follows from {}.", tag.text));
    }
    if let Some(ring) = &field.ring {
        note(format!("The oldest element is at index {}.", ring.text));
    }
    if field.sensitive {
        note("Sensitive.".to_owned());
    }
    out
}

fn attributes(aggregate: &Aggregate, field: Option<&Field>) -> String {
    let field_align = field.and_then(|field| field.align);
    attribute_list(
        aggregate.packed || field.is_some_and(|field| field.packed),
        aggregate.align.max(field_align),
    )
}

fn attribute_list(packed: bool, align: Option<u32>) -> String {
    match (packed, align) {
        (false, None) => String::new(),
        (true, None) => " __attribute__((packed))".to_owned(),
        (false, Some(align)) => format!(" __attribute__((aligned({align})))"),
        (true, Some(align)) => format!(" __attribute__((packed, aligned({align})))"),
    }
}

fn expected(model: &Model, id: AggregateId) -> Vec<Expected> {
    let mut out = Vec::new();
    let mut add = |field: &Field| {
        if let (Some(naming), Some(value)) = (&field.naming, &field.expected) {
            let name = expected_name(model, id, &naming.c);
            out.push(Expected { name, value: types::value(&field.ty, value) });
        }
    };
    visit_named(model, &model[id], &mut add);
    out
}

/// The macro that holds a field's expected value: no other is in lower case.
pub(super) fn expected_name(model: &Model, id: AggregateId, field: &str) -> String {
    format!("{}_expected_{field}", function_prefix(model, id))
}

/// The named fields, those of anonymous aggregates included.
fn visit_named(model: &Model, aggregate: &Aggregate, visit: &mut impl FnMut(&Field)) {
    for field in &aggregate.fields {
        match (&field.naming, &field.ty) {
            (Some(_), _) => visit(field),
            (None, Type::Aggregate(inner)) => visit_named(model, &model[*inner], visit),
            _ => {}
        }
    }
}

fn asserts(model: &Model, id: AggregateId, tag: &str) -> Vec<AssertGroup> {
    let aggregate = &model[id];
    let Some(layouts) = &aggregate.layouts else { return Vec::new() };
    let groups = layout_groups(model, id);
    let one = groups.len() == 1;
    groups
        .into_iter()
        .filter_map(|targets| {
            let first = *targets.first()?;
            let layout = layouts.on(first);
            let mut lines = String::with_capacity(64 * (layout.fields.len() + 1));
            let _ = writeln!(lines, "INSPECT_SIZE({tag}, {}, {});", layout.size, layout.align);
            offsets(model, aggregate, first, 0, tag, &mut lines);
            Some(AssertGroup { targets: (!one).then(|| target_list(&targets)), lines })
        })
        .collect()
}

fn target_list(targets: &[Target]) -> (u32, String) {
    let bits = targets.iter().fold(0, |bits, target| bits | target_bits(*target));
    let names: Vec<_> = targets.iter().map(|target| target.name()).collect();
    (bits, names.join(", "))
}

/// A target as one bit.
pub(super) fn target_bits(target: Target) -> u32 {
    1 << target.index()
}

/// The targets with a layout, as bits and in words.
pub(super) fn target_set(by_target: &[u8; Target::COUNT], index: usize) -> (u32, String) {
    let mut bits = 0;
    let mut names = Vec::new();
    for target in Target::all() {
        if usize::from(by_target[target.index()]) == index {
            bits |= target_bits(target);
            names.push(target.name());
        }
    }
    (bits, names.join(", "))
}

fn offsets(
    model: &Model,
    aggregate: &Aggregate,
    target: Target,
    base: u64,
    tag: &str,
    lines: &mut String,
) {
    let Some(layouts) = &aggregate.layouts else { return };
    let layout = layouts.on(target);
    for (field, place) in aggregate.fields.iter().zip(&layout.fields) {
        match (&field.naming, &field.ty) {
            (Some(naming), _) if field.bits.is_none() => {
                let offset = base + place.offset;
                let _ = writeln!(lines, "INSPECT_AT({tag}, {}, {offset});", naming.c);
            }
            (None, Type::Aggregate(inner)) => {
                offsets(model, &model[*inner], target, base + place.offset, tag, lines);
            }
            _ => {}
        }
    }
}

/// The aggregates that a field points at, as they are declared ahead.
pub(super) fn forward(model: &Model, ty: &Type, behind_pointer: bool, out: &mut Vec<String>) {
    match ty {
        Type::Pointer(pointee) => {
            if let crate::model::Pointee::Type(target) = &**pointee {
                forward(model, target, true, out);
            }
        }
        Type::Array(element, _) | Type::Flexible(element) => {
            forward(model, element, behind_pointer, out);
        }
        Type::Aggregate(id) if behind_pointer => {
            let aggregate = &model[*id];
            if types::is_foreign_typedef(aggregate) {
                return;
            }
            out.push(aggregate_word(aggregate));
        }
        _ => {}
    }
}
