//! An existing schema, brought in step with a binary: what agrees stays to the letter, a struct that differs gets the
//! binary's fields in the binary's order, and each field that was there keeps its comments, its documentation, its
//! attributes and, where it is as wide as it was, its type. What is new is added; nothing else is touched.

use std::collections::{BTreeSet, HashMap};
use std::fmt::Write as _;

use super::{Fault, Imported, Note, Options};
use crate::binary::{Binary, Wanted};
use crate::check;
use crate::compile;
use crate::diag::Severity;
use crate::model::Model;
use crate::source::{SourceMap, Span};
use crate::syntax::{self, ast};
use crate::verify::{self, Verdict};

/// What a merge needs of the existing schema.
pub struct Existing<'s> {
    /// Its file first, then those of the schemas that it uses.
    pub sources: &'s SourceMap,
}

/// Attributes that say where a field lies: the binary's are right.
const LAYOUT_ATTRIBUTES: [&str; 3] = ["packed", "align", "offset"];

/// Merges the types of a binary into an existing schema.
///
/// # Errors
/// Where the types cannot be imported, or the existing schema has errors.
pub fn update(
    existing: &Existing<'_>,
    binary: &Binary<'_>,
    wanted: &[Wanted],
    options: &Options,
) -> Result<Imported, Vec<Fault>> {
    let imported = super::import(binary, wanted, options)?;
    let model = compiled(existing.sources).map_err(|fault| vec![fault])?;
    let changed = changed_types(&model, binary, options)?;
    let old = parse_first(existing.sources);
    let mut alone = SourceMap::new();
    alone.add("<imported>", imported.text.as_str(), false);
    let new = parse_first(&alone);
    let (Some(old), Some(new)) = (old, new) else {
        return Err(vec![Fault::Defect(vec!["the schema does not parse".to_owned()])]);
    };
    let old_text = first_text(existing.sources);
    let mut merge = Merge {
        old: &old_text,
        new: &imported.text,
        changed: &changed,
        notes: imported.notes,
        edits: Vec::new(),
    };
    let added = merge.items(&old, &new);
    let text = merge.apply(&added);
    let text =
        syntax::fmt::format(&text).map_err(|found| vec![super::defect(found.into_sorted())])?;
    let notes = merge.notes;
    settle(existing.sources, &text, binary, options, &changed)?;
    Ok(Imported { text, notes, type_count: imported.type_count })
}

/// Structs of the schema that are not as in the binary, with the fields whose types are others.
type Changed = HashMap<String, BTreeSet<String>>;

fn changed_types(
    model: &Model,
    binary: &Binary<'_>,
    options: &Options,
) -> Result<Changed, Vec<Fault>> {
    let report = verify::verify(model, binary).map_err(|error| vec![error.into()])?;
    let prefix = format!("{}::", options.schema);
    let mut changed = Changed::new();
    for compared in report.structs {
        let Some(name) = compared.name.strip_prefix(&prefix) else { continue };
        if let Verdict::Differs(differences) = compared.verdict {
            let others = differences.into_iter().filter(|it| it.is_other_type);
            changed.insert(name.to_owned(), others.map(|it| it.field).collect());
        }
    }
    Ok(changed)
}

/// The text compiles, and what was changed lies where the binary has it.
fn settle(
    sources: &SourceMap,
    text: &str,
    binary: &Binary<'_>,
    options: &Options,
    changed: &Changed,
) -> Result<(), Vec<Fault>> {
    let mut again = SourceMap::new();
    for (index, (_, file)) in sources.files().enumerate() {
        let text = if index == 0 { text } else { file.text.as_str() };
        again.add(file.name.clone(), text, file.imported);
    }
    let model = compiled(&again).map_err(|fault| vec![fault])?;
    let left = changed_types(&model, binary, options)?;
    let wrong: Vec<String> = left
        .keys()
        .filter(|name| changed.contains_key(*name))
        .map(|name| format!("`{name}` still differs"))
        .collect();
    if wrong.is_empty() { Ok(()) } else { Err(vec![Fault::Defect(wrong)]) }
}

fn compiled(sources: &SourceMap) -> Result<Model, Fault> {
    let mut copy = SourceMap::new();
    for (_, file) in sources.files() {
        copy.add(file.name.clone(), file.text.clone(), file.imported);
    }
    let options = check::Options { targets: Vec::new(), as_of: Vec::new() };
    let (model, found) = compile::compile(&mut copy, &options);
    model.ok_or_else(|| {
        let errors = found.into_iter().filter(|it| it.code.severity() == Severity::Error);
        Fault::Schema(errors.map(|it| it.message).collect())
    })
}

fn parse_first(sources: &SourceMap) -> Option<ast::File> {
    let (files, found) = syntax::parse(sources);
    if found.has_errors() { None } else { files.into_iter().next() }
}

fn first_text(sources: &SourceMap) -> String {
    sources.files().next().map_or_else(String::new, |(_, file)| file.text.clone())
}

/// The work on one file.
struct Merge<'t> {
    old: &'t str,
    new: &'t str,
    changed: &'t Changed,
    notes: Vec<Note>,
    /// Places in the old text, and what stands there instead.
    edits: Vec<(std::ops::Range<usize>, String)>,
}

impl Merge<'_> {
    /// Plans the edits; what is new is returned as text.
    fn items(&mut self, old: &ast::File, new: &ast::File) -> String {
        let known: HashMap<&str, &ast::Item> = old
            .items
            .iter()
            .filter(|item| is_type(&item.kind))
            .map(|item| (item.name.text.as_str(), item))
            .collect();
        let used: BTreeSet<&str> =
            old.uses.iter().flat_map(|it| &it.names).map(|name| name.text.as_str()).collect();
        let mut added = String::new();
        let mut before = new.header.as_ref().map_or(0, |header| end(header.span));
        for item in &new.items {
            let text = self.new.get(before..end(item.span)).unwrap_or("");
            before = end(item.span);
            match known.get(item.name.text.as_str()) {
                Some(old) => self.item(old, item),
                None if used.contains(item.name.text.as_str()) => {}
                None => added.push_str(text),
            }
        }
        added
    }

    fn item(&mut self, old: &ast::Item, new: &ast::Item) {
        match (&old.kind, &new.kind) {
            (ast::ItemKind::Struct { fields: had }, ast::ItemKind::Struct { fields }) => {
                let Some(others) = self.changed.get(&old.name.text) else { return };
                let others = others.clone();
                if let Some(body) = body_of(self.old, old.name.span, old.span) {
                    let text = self.fields(&old.name.text, "", had, fields, &others, body.start);
                    self.edits.push((body, text));
                }
                self.item_attributes(old, new);
            }
            (
                ast::ItemKind::Enum { members: had, source: None, open, .. },
                ast::ItemKind::Enum { members, .. },
            ) => self.members(old, had, members, *open),
            _ => {}
        }
    }

    /// Attributes of the whole that say how it is laid out.
    fn item_attributes(&mut self, old: &ast::Item, new: &ast::Item) {
        for attribute in old.attributes.iter().filter(|it| is_layout(it)) {
            self.edits.push((range(attribute.span), String::new()));
        }
        let text = layout_attributes(self.new, &new.attributes);
        if !text.is_empty() {
            let at = old.span.start as usize;
            self.edits.push((at..at, text));
        }
    }

    /// The body of a struct: the binary's fields, those that were there as they were.
    fn fields(
        &mut self,
        owner: &str,
        prefix: &str,
        had: &[ast::Field],
        fields: &[ast::Field],
        others: &BTreeSet<String>,
        body_start: usize,
    ) -> String {
        let mut out = String::from("\n");
        let mut anonymous =
            had.iter().enumerate().filter(|(_, it)| it.name.is_none()).map(|(index, _)| index);
        let mut kept = BTreeSet::new();
        for field in fields {
            let index = match &field.name {
                None => anonymous.next(),
                Some(name) if name.text == "_" => None,
                Some(name) => had.iter().position(|it| is_called(it, &name.text)),
            };
            let Some((index, before)) = index.and_then(|index| Some((index, had.get(index)?)))
            else {
                let text = self.new.get(field_range(field)).unwrap_or("");
                let _ = writeln!(out, "{text},{}", behind(self.new, field));
                continue;
            };
            kept.insert(index);
            let lead =
                had.get(index.wrapping_sub(1)).map_or(body_start, |last| after(self.old, last));
            let start = field_range(before).start;
            let lead = self.old.get(lead..start).unwrap_or("").trim();
            if !lead.is_empty() {
                let _ = writeln!(out, "{lead}");
            }
            for attribute in before.attributes.iter().filter(|it| !is_layout(it)) {
                let _ = write!(out, "{} ", self.old.get(range(attribute.span)).unwrap_or(""));
            }
            out.push_str(&layout_attributes(self.new, &field.attributes));
            let text = self.declaration(owner, prefix, before, field, others);
            let _ = writeln!(out, "{text},{}", behind(self.old, before));
        }
        for (index, gone) in had.iter().enumerate() {
            if let (Some(name), false) = (&gone.name, kept.contains(&index))
                && name.text != "_"
            {
                let path = format!("{owner}.{prefix}{}", name.text);
                let what = "the binary does not have it: it was taken out".to_owned();
                self.notes.push(Note { path, what });
            }
        }
        out
    }

    /// Name, type, width and value of a field that was there.
    fn declaration(
        &mut self,
        owner: &str,
        prefix: &str,
        before: &ast::Field,
        field: &ast::Field,
        others: &BTreeSet<String>,
    ) -> String {
        let name = before.name.as_ref().map(|name| name.text.as_str());
        let path = format!("{prefix}{}", name.unwrap_or(""));
        let head = name.map(|name| format!("{name}: ")).unwrap_or_default();
        if let (
            ast::TypeKind::Aggregate { union, fields: had },
            ast::TypeKind::Aggregate { union: is_union, fields },
        ) = (&before.ty.kind, &field.ty.kind)
            && union == is_union
        {
            let inside = if name.is_some() { format!("{path}.") } else { prefix.to_owned() };
            let start = before.ty.span.start as usize;
            let brace = self.old.get(start..).and_then(|text| text.find('{')).unwrap_or(0);
            let body = self.fields(owner, &inside, had, fields, others, start + brace + 1);
            let word = if *union { "union" } else { "struct" };
            return format!("{head}{word} {{{body}}}");
        }
        if others.contains(&path) {
            let bits = field.bits.as_ref().and_then(|bits| self.new.get(range(bits.span)));
            let bits = bits.map(|bits| format!(" : {bits}")).unwrap_or_default();
            return format!("{head}{}{bits}", self.new.get(range(field.ty.span)).unwrap_or(""));
        }
        let written = before.name.as_ref().map_or(before.ty.span, |name| name.span);
        self.old.get(written.start as usize..field_range(before).end).unwrap_or("").to_owned()
    }

    /// Members that the binary has on top go behind the others; the values of the others are the binary's.
    fn members(
        &mut self,
        old: &ast::Item,
        had: &[ast::Member],
        members: &[ast::Member],
        open: Option<Span>,
    ) {
        self.values(had, members);
        let mut added = String::new();
        for member in members {
            let is_known = had.iter().any(|it| it.name.text == member.name.text);
            if let (false, Some(value)) = (is_known, value_of(member)) {
                let _ = writeln!(added, "{} = {value},", member.name.text);
            }
        }
        if added.is_empty() {
            return;
        }
        let last = had.last().map_or(0, |it| end(it.span));
        match open {
            Some(open) => self.edits.push((open.start as usize..open.start as usize, added)),
            None => {
                let end = end(old.span);
                let brace = self.old.get(last..end).and_then(|text| text.rfind('}'));
                let at = last + brace.unwrap_or(0);
                // The last member may stand without a comma.
                let has_comma = self.old.get(last..at).is_some_and(|it| it.contains(','));
                if !has_comma {
                    self.edits.push((last..last, ",".to_owned()));
                }
                self.edits.push((at..at, format!("\n{added}")));
            }
        }
    }

    /// Members of both whose values differ get the binary's. One that is an expression was meant as such.
    fn values(&mut self, had: &[ast::Member], members: &[ast::Member]) {
        let mut next = Some(0i128);
        for before in had {
            let own = match &before.value {
                None => next,
                Some(written) => int_of(&written.first),
            };
            let new = members.iter().find(|it| it.name.text == before.name.text);
            let new = new.and_then(value_of);
            if let (Some(own), Some(new)) = (own, new)
                && own != new
            {
                let edit = match &before.value {
                    Some(written) => (range(written.first.span), new.to_string()),
                    None => (end(before.span)..end(before.span), format!(" = {new}")),
                };
                self.edits.push(edit);
            }
            // What counts on from a changed value is compared with what it would become.
            next = new.or(own).and_then(|value| value.checked_add(1));
        }
    }

    /// The old text with all edits, and what is new behind it.
    fn apply(&mut self, added: &str) -> String {
        self.edits.sort_by_key(|(range, _)| (range.start, range.end));
        let mut out = String::new();
        let mut at = 0;
        for (range, text) in &self.edits {
            out.push_str(self.old.get(at..range.start).unwrap_or(""));
            out.push_str(text);
            at = range.end.max(at);
        }
        out.push_str(self.old.get(at..).unwrap_or(""));
        out.push_str(added);
        out
    }
}

fn value_of(member: &ast::Member) -> Option<i128> {
    member.value.as_ref().and_then(|value| int_of(&value.first))
}

fn int_of(value: &ast::Expr) -> Option<i128> {
    match &value.kind {
        ast::ExprKind::Int(value) => Some(*value),
        ast::ExprKind::Unary(crate::operator::UnaryOperator::Negate, inner) => {
            int_of(inner)?.checked_neg()
        }
        ast::ExprKind::Group(inner) => int_of(inner),
        _ => None,
    }
}

fn is_type(kind: &ast::ItemKind) -> bool {
    matches!(
        kind,
        ast::ItemKind::Struct { .. }
            | ast::ItemKind::Record { .. }
            | ast::ItemKind::ExternStruct { .. }
            | ast::ItemKind::Enum { .. }
            | ast::ItemKind::Flags { .. }
    )
}

fn is_layout(attribute: &ast::Attribute) -> bool {
    LAYOUT_ATTRIBUTES.contains(&attribute.name.text.as_str())
}

fn layout_attributes(text: &str, attributes: &[ast::Attribute]) -> String {
    let ours = attributes.iter().filter(|it| is_layout(it));
    ours.map(|it| format!("{} ", text.get(range(it.span)).unwrap_or(""))).collect()
}

fn is_called(field: &ast::Field, name: &str) -> bool {
    field.name.as_ref().is_some_and(|it| it.text == name)
}

fn range(span: Span) -> std::ops::Range<usize> {
    span.start as usize..span.end as usize
}

fn end(span: Span) -> usize {
    span.end as usize
}

/// A field with its attributes.
fn field_range(field: &ast::Field) -> std::ops::Range<usize> {
    let first = field.attributes.first().map_or(field.span, |attribute| attribute.span);
    (first.start.min(field.span.start)) as usize..field.span.end as usize
}

/// The comment behind a field, on its line.
fn behind(text: &str, field: &ast::Field) -> String {
    let start = field_range(field).end;
    let line = text.get(start..after(text, field)).unwrap_or("");
    match line.find("//").or(line.find("/*")) {
        Some(at) => format!(" {}", line.get(at..).unwrap_or("").trim_end()),
        None => String::new(),
    }
}

/// Behind a field, its comma, and the comment on its line.
fn after(text: &str, field: &ast::Field) -> usize {
    let start = field_range(field).end;
    let rest = text.get(start..).unwrap_or("");
    let line = rest.find('\n').unwrap_or(rest.len());
    let behind = rest.get(..line).unwrap_or("").trim_start();
    let behind = behind.strip_prefix(',').unwrap_or(behind).trim_start();
    // Another field on the same line begins where this one's comma ends.
    if behind.is_empty() || behind.starts_with("//") || behind.starts_with("/*") {
        start + line
    } else {
        start + rest.find(',').map_or(0, |comma| comma + 1).min(line)
    }
}

/// What stands between the braces of an item.
fn body_of(text: &str, name: Span, item: Span) -> Option<std::ops::Range<usize>> {
    let start = end(name) + text.get(end(name)..end(item))?.find('{')? + 1;
    let close = start + text.get(start..end(item))?.rfind('}')?;
    Some(start..close)
}
