//! The fields of a struct, brought in step: the binary's, in its order, and of each that was there what a person wrote.
//!
//! Fields are matched by the names that they have in the binary, over the whole of what is transparent: one that moves
//! into an anonymous union is the same field.

use std::collections::{BTreeSet, HashMap};
use std::fmt::Write as _;
use std::ops::Range;

use super::text::{
    after, behind, field_range, inside_of, is_layout, layout_attributes, number, range, text_of,
};
use super::{Merge, names};
use crate::import::Note;
use crate::syntax::ast;

/// What becomes of fields that were removed, as far as the binary has no field of that name.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum Removed {
    /// They lie where the binary has padding.
    #[default]
    AsPadding,
    /// They lie beside all that the binary has.
    Beside,
    /// The binary has other fields at their bytes.
    TakenOut,
}

impl Removed {
    /// What is tried next.
    pub(super) fn next(self) -> Option<Self> {
        match self {
            Self::AsPadding => Some(Self::Beside),
            Self::Beside => Some(Self::TakenOut),
            Self::TakenOut => None,
        }
    }
}

/// The struct whose fields are merged.
#[derive(Clone, Copy)]
pub(super) struct Owner<'a> {
    /// Its name.
    pub(super) name: &'a str,
    /// Fields whose types are others in the binary, by their paths.
    pub(super) others: &'a BTreeSet<String>,
    /// `#[since(3)] ` before what is new.
    pub(super) since: &'a str,
    /// Fields that were removed.
    pub(super) removed: Removed,
}

/// A field of the schema.
struct Was<'a> {
    field: &'a ast::Field,
    /// Where begins what stands before it.
    lead: usize,
}

/// What two versions of a struct's fields have to do with each other, through all that is anonymous.
struct Scope<'a> {
    owner: Owner<'a>,
    /// `lru.` inside of a field with a name.
    prefix: String,
    /// Every field that was there.
    was: Vec<Was<'a>>,
    /// By where the new field begins: which of these it is.
    pairs: HashMap<u32, usize>,
    /// What was removed and has been written out.
    written: BTreeSet<u32>,
    /// What was written last is a field that was removed.
    behind_removed: bool,
}

impl Merge<'_> {
    /// The body of a struct.
    pub(super) fn fields(
        &mut self,
        owner: Owner<'_>,
        prefix: &str,
        had: &[ast::Field],
        fields: &[ast::Field],
        body_start: usize,
    ) -> String {
        let mut was = Vec::new();
        self.transparent(had, body_start, &mut was);
        let pairs = self.pairs(&was, fields);
        let mut scope = Scope {
            owner,
            prefix: prefix.to_owned(),
            was,
            pairs,
            written: BTreeSet::new(),
            behind_removed: false,
        };
        let mut out = String::from("\n");
        self.removed(&mut scope, had, &mut out);
        self.level(&mut scope, had, fields, &mut out);
        // Those behind a field that is gone.
        for field in had {
            self.removed(&mut scope, std::slice::from_ref(field), &mut out);
        }
        self.taken_out(&scope);
        out
    }

    /// Every field that is reached by its name alone, and the anonymous ones around them.
    fn transparent<'a>(&self, had: &'a [ast::Field], start: usize, found: &mut Vec<Was<'a>>) {
        let mut lead = start;
        for field in had {
            found.push(Was { field, lead });
            if let (None, ast::TypeKind::Aggregate { fields, .. }) = (&field.name, &field.ty.kind) {
                self.transparent(fields, inside_of(self.old, &field.ty), found);
            }
            lead = after(self.old, field);
        }
    }

    fn pairs(&self, was: &[Was<'_>], fields: &[ast::Field]) -> HashMap<u32, usize> {
        let mut pairs = HashMap::new();
        let mut taken = BTreeSet::new();
        // A name that was given in so many words comes before one that only looks alike.
        for is_called in [is_said, is_derived, is_own] {
            each(fields, &mut |field| {
                let Some(name) = &field.name else { return };
                if name.text == "_" || pairs.contains_key(&field.span.start) {
                    return;
                }
                let is_it = |(index, was): &(usize, &Was<'_>)| {
                    !taken.contains(index) && is_called(was.field, &name.text)
                };
                if let Some((index, _)) = was.iter().enumerate().find(is_it) {
                    taken.insert(index);
                    pairs.insert(field.span.start, index);
                }
            });
        }
        each(fields, &mut |field| {
            if field.name.is_none()
                && let Some(index) = most_alike(was, field, &pairs, &taken)
            {
                taken.insert(index);
                pairs.insert(field.span.start, index);
            }
        });
        pairs
    }

    /// The fields between two braces.
    fn level(
        &mut self,
        scope: &mut Scope<'_>,
        had: &[ast::Field],
        fields: &[ast::Field],
        out: &mut String,
    ) {
        for field in fields {
            let is_padding = field.name.as_ref().is_some_and(|name| name.text == "_");
            if is_padding && scope.behind_removed && scope.owner.removed == Removed::AsPadding {
                continue;
            }
            scope.behind_removed = false;
            let index = scope.pairs.get(&field.span.start).copied();
            let Some(Was { field: before, lead }) = index.and_then(|index| scope.was.get(index))
            else {
                self.new_field(scope, field, is_padding, out);
                continue;
            };
            let (before, lead) = (*before, *lead);
            self.lead(before, lead, out);
            for attribute in before.attributes.iter().filter(|it| !is_layout(it)) {
                let _ = write!(out, "{} ", self.old.get(range(attribute.span)).unwrap_or(""));
            }
            out.push_str(&layout_attributes(self.new, &field.attributes));
            let text = self.declaration(scope, before, field);
            let _ = writeln!(out, "{text},{}", behind(self.old, before));
            let index = had.iter().position(|it| it.span == before.span);
            let rest = index.and_then(|index| had.get(index + 1..)).unwrap_or(&[]);
            self.removed(scope, rest, out);
        }
    }

    /// Comments and documentation before a field.
    fn lead(&self, field: &ast::Field, lead: usize, out: &mut String) {
        let lead = self.old.get(lead..field_range(field).start).unwrap_or("").trim();
        if !lead.is_empty() {
            let _ = writeln!(out, "{lead}");
        }
    }

    /// A field that the schema does not have. What is inside of an anonymous one may well be there.
    fn new_field(
        &mut self,
        scope: &mut Scope<'_>,
        field: &ast::Field,
        is_padding: bool,
        out: &mut String,
    ) {
        let since = if is_padding { "" } else { scope.owner.since };
        if let (None, ast::TypeKind::Aggregate { union, fields }) = (&field.name, &field.ty.kind) {
            let attributes = field.attributes.first().map_or(field.span, |it| it.span);
            let before = attributes.start.min(field.span.start) as usize;
            let attributes = self.new.get(before..field.ty.span.start as usize).unwrap_or("");
            let word = if *union { "union" } else { "struct" };
            let _ = writeln!(out, "{attributes}{word} {{");
            self.level(scope, &[], fields, out);
            let _ = writeln!(out, "}},{}", behind(self.new, field));
            return;
        }
        let text = self.new.get(field_range(field)).unwrap_or("");
        let _ = writeln!(out, "{since}{text},{}", behind(self.new, field));
    }

    /// The first of these as far as they were removed, and the binary has no field of that name.
    fn removed(&mut self, scope: &mut Scope<'_>, fields: &[ast::Field], out: &mut String) {
        for field in fields {
            let index = scope.was.iter().position(|was| was.field.span == field.span);
            let is_there = scope.pairs.values().any(|it| Some(*it) == index);
            let is_removed = number(&field.attributes, "removed").is_some();
            if !is_removed || is_there || scope.owner.removed == Removed::TakenOut {
                return;
            }
            let lead = index.and_then(|index| scope.was.get(index)).map(|was| was.lead);
            if let (Some(lead), true) = (lead, scope.written.insert(field.span.start)) {
                self.lead(field, lead, out);
                let text = self.old.get(field_range(field)).unwrap_or("");
                let _ = writeln!(out, "{text},{}", behind(self.old, field));
                scope.behind_removed = true;
                self.with_removed.insert(scope.owner.name.to_owned());
            }
        }
    }

    /// Says which fields are gone.
    fn taken_out(&mut self, scope: &Scope<'_>) {
        for (index, was) in scope.was.iter().enumerate() {
            let Some(name) = was.field.name.as_ref().filter(|name| name.text != "_") else {
                continue;
            };
            if scope.pairs.values().any(|it| *it == index)
                || scope.written.contains(&was.field.span.start)
            {
                continue;
            }
            let path = format!("{}.{}{}", scope.owner.name, scope.prefix, name.text);
            let what = match number(&was.field.attributes, "removed") {
                Some(_) => "the binary has other fields at its bytes: it was taken out",
                None => "the binary does not have it: it was taken out",
            };
            self.notes.push(Note { path, what: what.to_owned() });
        }
    }

    /// Name, type, width and value of a field that was there.
    fn declaration(
        &mut self,
        scope: &mut Scope<'_>,
        before: &ast::Field,
        field: &ast::Field,
    ) -> String {
        let name = before.name.as_ref().map(|name| name.text.as_str());
        let path = format!("{}{}", scope.prefix, name.unwrap_or(""));
        let head = name.map(|name| format!("{name}: ")).unwrap_or_default();
        let (was, now) = (innermost(&before.ty), innermost(&field.ty));
        if let (
            ast::TypeKind::Aggregate { union, fields: had },
            ast::TypeKind::Aggregate { union: is_union, fields },
        ) = (&was.kind, &now.kind)
            && union == is_union
        {
            let start = inside_of(self.old, was);
            let body = match name {
                Some(_) => self.fields(scope.owner, &format!("{path}."), had, fields, start),
                None => {
                    let mut out = String::from("\n");
                    self.removed(scope, had, &mut out);
                    self.level(scope, had, fields, &mut out);
                    out
                }
            };
            let word = if *union { "union" } else { "struct" };
            // How many there are of an array.
            let (text, ty, inner) = match scope.owner.others.contains(&path) {
                true => (self.new, field.ty.span, now.span),
                false => (self.old, before.ty.span, was.span),
            };
            let open = text.get(ty.start as usize..inner.start as usize).unwrap_or("");
            let close = text.get(inner.end as usize..ty.end as usize).unwrap_or("");
            return format!("{head}{open}{word} {{{body}}}{close}");
        }
        if scope.owner.others.contains(&path) {
            let bits = field.bits.as_ref().and_then(|bits| self.new.get(range(bits.span)));
            let bits = bits.map(|bits| format!(" : {bits}")).unwrap_or_default();
            self.retyped.push(field.ty.clone());
            return format!("{head}{}{bits}", self.new.get(range(field.ty.span)).unwrap_or(""));
        }
        let written = before.name.as_ref().map_or(before.ty.span, |name| name.span);
        let text: Range<usize> = written.start as usize..field_range(before).end;
        self.old.get(text).unwrap_or("").to_owned()
    }
}

/// What an array holds.
fn innermost(ty: &ast::Type) -> &ast::Type {
    let mut ty = ty;
    while let ast::TypeKind::Array { element, .. } = &ty.kind {
        ty = element;
    }
    ty
}

/// Visits every field that is reached by its name alone, and the anonymous ones around them.
fn each<'a>(fields: &'a [ast::Field], look: &mut dyn FnMut(&'a ast::Field)) {
    for field in fields {
        look(field);
        if let (None, ast::TypeKind::Aggregate { fields, .. }) = (&field.name, &field.ty.kind) {
            each(fields, look);
        }
    }
}

/// The anonymous aggregate that had the most of the fields that one has now.
fn most_alike(
    was: &[Was<'_>],
    field: &ast::Field,
    pairs: &HashMap<u32, usize>,
    taken: &BTreeSet<usize>,
) -> Option<usize> {
    let ast::TypeKind::Aggregate { union, fields } = &field.ty.kind else { return None };
    let mut inside = Vec::new();
    each(fields, &mut |field| {
        let was = pairs.get(&field.span.start).and_then(|index| was.get(*index));
        inside.extend(was.map(|was| was.field.span));
    });
    let alike = |was: &Was<'_>| {
        let around = was.field.span;
        let is_inside = |it: &&crate::source::Span| around.start < it.start && it.end <= around.end;
        inside.iter().filter(is_inside).count()
    };
    let is_kind = |was: &Was<'_>| {
        matches!(&was.field.ty.kind, ast::TypeKind::Aggregate { union: it, .. } if it == union)
            && was.field.name.is_none()
    };
    let free = was.iter().enumerate().filter(|(index, it)| !taken.contains(index) && is_kind(it));
    let best = free.map(|(index, it)| (alike(it), std::cmp::Reverse(index))).max();
    best.filter(|(count, _)| *count > 0).map(|(_, index)| index.0)
}

/// `#[c_name("x")]`, `#[rust_name("x")]`
fn is_said(field: &ast::Field, name: &str) -> bool {
    let said = |attribute| text_of(&field.attributes, attribute) == Some(name);
    said("c_name") || said("rust_name")
}

/// The name that generated code gives it.
fn is_derived(field: &ast::Field, name: &str) -> bool {
    let Some(own) = &field.name else { return false };
    text_of(&field.attributes, "c_name").is_none()
        && (own.text == name || names::c_identifier(&own.text) == name)
}

/// Its name in the schema.
fn is_own(field: &ast::Field, name: &str) -> bool {
    let Some(own) = &field.name else { return false };
    own.text == name || names::rust_identifier(&names::snake_case(&own.text)) == name
}
