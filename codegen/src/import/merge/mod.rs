//! An existing schema, brought in step with a binary: what agrees stays to the letter, a struct that differs gets the
//! binary's fields in the binary's order, and each field that was there keeps its comments, its documentation, its
//! attributes and, where it is as wide as it was, its type. What is new is added, as far as somebody needs it; nothing
//! else is touched.

mod enums;
mod fields;
mod text;

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};

use super::names::Known;
use super::{Fault, Imported, Note, Options};
use crate::binary::{self, Binary, Wanted};
use crate::check;
use crate::compile;
use crate::diag::Severity;
use crate::model::{Model, TypeId, names};
use crate::source::SourceMap;
use crate::syntax::{self, ast};
use crate::verify::{self, Verdict};
use fields::{Owner, Removed};
use text::{body_of, end, int_of, is_layout, layout_attributes, number, range};

/// What a merge needs of the existing schema.
pub struct Existing<'s> {
    /// Its file first, then those of the schemas that it uses.
    pub sources: &'s SourceMap,
}

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
    let model = compiled(existing.sources).map_err(|found| vec![Fault::Schema(found)])?;
    let old = parse_first(existing.sources).ok_or_else(|| vec![unparsed()])?;
    let known = known(&model, &old, binary, options);
    let wanted = as_called(&model, binary, wanted, options).map_err(|error| vec![error.into()])?;
    let imported = super::import_known(binary, &wanted, options, &known)?;
    let changed = changed_types(&model, binary, options)?;
    let mut alone = SourceMap::new();
    alone.add("<imported>", imported.text.as_str(), false);
    let new = parse_first(&alone).ok_or_else(|| vec![unparsed()])?;
    let step = Step {
        existing,
        model: &model,
        old: &old,
        new: &new,
        imported: &imported,
        changed: &changed,
    };
    let mut ways = HashMap::new();
    // Each struct with removed fields is tried in three ways at most.
    loop {
        let merged = step.merge(options, &ways)?;
        let left = differing(existing.sources, &merged, binary, options)?;
        let mut is_tried_again = false;
        for name in left.iter().filter(|name| merged.with_removed.contains(*name)) {
            let way = ways.entry(name.clone()).or_insert(Removed::default());
            if let Some(next) = way.next() {
                *way = next;
                is_tried_again = true;
            }
        }
        if left.is_empty() {
            let Merged { text, notes, .. } = merged;
            return Ok(Imported { text, notes, ..imported });
        }
        if !is_tried_again {
            let left = left.into_iter().map(|name| format!("`{name}` still differs"));
            return Err(vec![Fault::Defect(left.collect())]);
        }
    }
}

fn unparsed() -> Fault {
    Fault::Schema(vec!["it does not parse".to_owned()])
}

/// What the schema calls the types of the binary: as it says, or as code generated from it does.
fn known(model: &Model, old: &ast::File, binary: &Binary<'_>, options: &Options) -> Known {
    let mut known = Known::default();
    let joined = |words: &[ast::Name]| {
        words.iter().map(|word| word.text.as_str()).collect::<Vec<_>>().join(".")
    };
    let mut scopes = vec![(options.schema.clone(), None)];
    for it in &old.uses {
        let names: HashSet<&str> = it.names.iter().map(|name| name.text.as_str()).collect();
        scopes.push((joined(&it.schema), Some(names)));
    }
    for (schema, only) in scopes {
        let Some(id) = model.schema(&schema) else { continue };
        for id in &model[id].types {
            let naming = model.type_naming(*id);
            if only.as_ref().is_none_or(|only| only.contains(naming.name.as_str())) {
                known.add(naming, &names::schema_word(&schema), binary.language());
            }
        }
    }
    known
}

/// The types of the schema.
fn types_of<'m>(model: &'m Model, options: &Options) -> &'m [TypeId] {
    model.schema(&options.schema).map_or(&[][..], |id| model[id].types.as_slice())
}

/// What is asked for, as the binary calls it: whoever brings a schema in step may say the schema's names.
fn as_called(
    model: &Model,
    binary: &Binary<'_>,
    wanted: &[Wanted],
    options: &Options,
) -> binary::Result<Vec<Wanted>> {
    let types = types_of(model, options);
    let others: Vec<Wanted> = wanted
        .iter()
        .map(|wanted| {
            let naming = types.iter().map(|id| model.type_naming(*id));
            let own = naming.into_iter().find(|naming| naming.name == wanted.name);
            let name = own.map_or(&wanted.name, |naming| &naming.c);
            Wanted { name: name.clone(), ..wanted.clone() }
        })
        .collect();
    if others == wanted {
        return Ok(others);
    }
    let all = [wanted, &others].concat();
    let mut found = binary.find(&all)?;
    let of_others = found.split_off(wanted.len());
    let pairs = wanted.iter().zip(others).zip(found.iter().zip(of_others));
    Ok(pairs
        .map(|((own, other), (found, of_other))| {
            let is_other = found.is_empty() && !of_other.is_empty();
            if is_other { other } else { own.clone() }
        })
        .collect())
}

/// Types of the schema that are not as in the binary.
type Changed = HashMap<String, Differing>;

/// What differs of a type.
#[derive(Default)]
struct Differing {
    /// The paths of fields, or the names of members.
    places: BTreeSet<String>,
    /// Those whose types are others; an empty path is the type itself.
    retyped: BTreeSet<String>,
}

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
            let retyped = differences.iter().filter(|it| it.is_other_type);
            let retyped = retyped.map(|it| it.field.clone()).collect();
            let places = differences.into_iter().map(|it| it.field).collect();
            changed.insert(name.to_owned(), Differing { places, retyped });
        }
    }
    Ok(changed)
}

/// The text compiles; of what was changed, that which does not yet lie where the binary has it.
fn differing(
    sources: &SourceMap,
    merged: &Merged,
    binary: &Binary<'_>,
    options: &Options,
) -> Result<Vec<String>, Vec<Fault>> {
    let mut again = SourceMap::new();
    for (index, (_, file)) in sources.files().enumerate() {
        let text = if index == 0 { merged.text.as_str() } else { file.text.as_str() };
        again.add(file.name.clone(), text, file.imported);
    }
    let model = compiled(&again).map_err(|found| vec![Fault::Conflict(found)])?;
    let left = changed_types(&model, binary, options)?;
    let mut left: Vec<String> =
        left.into_keys().filter(|name| merged.touched.contains(name)).collect();
    left.sort();
    Ok(left)
}

fn compiled(sources: &SourceMap) -> Result<Model, Vec<String>> {
    let mut copy = SourceMap::new();
    for (_, file) in sources.files() {
        copy.add(file.name.clone(), file.text.clone(), file.imported);
    }
    let options = check::Options { targets: Vec::new(), as_of: Vec::new() };
    let (model, found) = compile::compile(&mut copy, &options);
    model.ok_or_else(|| {
        let errors = found.into_iter().filter(|it| it.code.severity() == Severity::Error);
        errors.map(|it| it.message).collect()
    })
}

fn parse_first(sources: &SourceMap) -> Option<ast::File> {
    let (files, found) = syntax::parse(sources);
    if found.has_errors() { None } else { files.into_iter().next() }
}

/// Two schemas to be made into one.
struct Step<'a> {
    existing: &'a Existing<'a>,
    model: &'a Model,
    old: &'a ast::File,
    new: &'a ast::File,
    imported: &'a Imported,
    changed: &'a Changed,
}

/// One made of two.
struct Merged {
    text: String,
    notes: Vec<Note>,
    /// Types that were changed.
    touched: BTreeSet<String>,
    /// Structs that keep fields which were removed.
    with_removed: BTreeSet<String>,
}

impl Step<'_> {
    fn merge(
        &self,
        options: &Options,
        ways: &HashMap<String, Removed>,
    ) -> Result<Merged, Vec<Fault>> {
        let files = self.existing.sources.files();
        let old_text = files.map(|(_, file)| file.text.as_str()).next().unwrap_or("");
        let version = self.old.header.as_ref().and_then(|header| int_of(&header.version));
        let mut merge = Merge {
            old: old_text,
            new: &self.imported.text,
            model: self.model,
            types: types_of(self.model, options),
            version: version.unwrap_or(1),
            changed: self.changed,
            ways,
            notes: self.imported.notes.clone(),
            edits: Vec::new(),
            touched: BTreeSet::new(),
            with_removed: BTreeSet::new(),
            retyped: Vec::new(),
        };
        let added = merge.items(self.old, self.new);
        let mut text = merge.apply();
        let needed = merge.needed(&text, &added, &self.imported.asked)?;
        text.push_str(&needed);
        // What is wrong with it, `differing` finds.
        let text = syntax::fmt::format_unparsed(&text);
        let Merge { notes, touched, with_removed, .. } = merge;
        Ok(Merged { text, notes, touched, with_removed })
    }
}

/// An item that the schema does not have.
struct Added<'t> {
    item: &'t ast::Item,
    /// Its documentation and attributes.
    lead: &'t str,
    text: &'t str,
}

/// The work on one file.
struct Merge<'t> {
    old: &'t str,
    new: &'t str,
    model: &'t Model,
    /// Those of the schema.
    types: &'t [TypeId],
    /// Of the schema.
    version: i128,
    changed: &'t Changed,
    ways: &'t HashMap<String, Removed>,
    notes: Vec<Note>,
    /// Places in the old text, and what stands there instead.
    edits: Vec<(std::ops::Range<usize>, String)>,
    touched: BTreeSet<String>,
    with_removed: BTreeSet<String>,
    /// Types that fields of older versions have now.
    retyped: Vec<ast::Type>,
}

impl<'t> Merge<'t> {
    /// Plans the edits; what is new is returned.
    fn items(&mut self, old: &ast::File, new: &'t ast::File) -> Vec<Added<'t>> {
        let known: HashMap<&str, &ast::Item> = old
            .items
            .iter()
            .filter(|item| is_type(&item.kind))
            .map(|item| (item.name.text.as_str(), item))
            .collect();
        let used: BTreeSet<&str> =
            old.uses.iter().flat_map(|it| &it.names).map(|name| name.text.as_str()).collect();
        let mut added = Vec::new();
        let mut before = new.header.as_ref().map_or(0, |header| end(header.span));
        for item in &new.items {
            let start = item.span.start as usize;
            let lead = self.new.get(before..start).unwrap_or("");
            let text = self.new.get(range(item.span)).unwrap_or("");
            before = end(item.span);
            match known.get(item.name.text.as_str()) {
                Some(old) => self.item(old, item),
                None if used.contains(item.name.text.as_str()) => {}
                None => added.push(Added { item, lead, text }),
            }
        }
        added
    }

    fn item(&mut self, old: &ast::Item, new: &ast::Item) {
        if let (
            ast::ItemKind::Enum { repr: had_repr, members: had, source: None, open },
            ast::ItemKind::Enum { repr, members, .. },
        ) = (&old.kind, &new.kind)
        {
            let (edits, notes) = (self.edits.len(), self.notes.len());
            if self.changed.get(&old.name.text).is_some_and(|it| it.retyped.contains("")) {
                self.repr(old, had_repr.as_ref(), repr.as_ref());
            }
            self.members(old, had, members, *open);
            // One with members that were left differs as before, and has been noted.
            if self.edits.len() > edits && self.notes.len() == notes {
                self.touched.insert(old.name.text.clone());
            }
            return;
        }
        let Some(differing) = self.changed.get(&old.name.text) else { return };
        let (ast::ItemKind::Struct { fields: had }, ast::ItemKind::Struct { fields }, Some(body)) =
            (&old.kind, &new.kind, body_of(self.old, old.name.span, old.span))
        else {
            let what = left_alone(&old.kind).to_owned();
            return self.notes.push(Note { path: old.name.text.clone(), what });
        };
        let owner = Owner {
            name: &old.name.text,
            others: &differing.retyped,
            since: &self.since(&old.attributes),
            removed: self.ways.get(&old.name.text).copied().unwrap_or_default(),
        };
        let text = self.fields(owner, "", had, fields, body.start);
        self.edits.push((body, text));
        self.item_attributes(old, new);
        self.touched.insert(old.name.text.clone());
    }

    /// What stands before things that come into something that an older version has released.
    fn since(&self, holder: &[ast::Attribute]) -> String {
        let released = number(holder, "since").unwrap_or(1) < self.version;
        if released { format!("#[since({})] ", self.version) } else { String::new() }
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

    /// The old text with all edits.
    fn apply(&mut self) -> String {
        self.edits.sort_by_key(|(range, _)| (range.start, range.end));
        let mut out = String::new();
        let mut at = 0;
        for (range, text) in &self.edits {
            out.push_str(self.old.get(at..range.start).unwrap_or(""));
            out.push_str(text);
            at = range.end.max(at);
        }
        out.push_str(self.old.get(at..).unwrap_or(""));
        out
    }

    /// Of what is new, that which was asked for or is named by what stays: a field whose type somebody has chosen
    /// does not need the binary's.
    fn needed(
        &self,
        text: &str,
        added: &[Added<'_>],
        asked: &BTreeSet<String>,
    ) -> Result<String, Vec<Fault>> {
        let mut alone = SourceMap::new();
        alone.add("<merged>", text, false);
        let merged = parse_first(&alone).ok_or_else(|| vec![unparsed()])?;
        let by_name: BTreeMap<&str, &Added<'_>> =
            added.iter().map(|it| (it.item.name.text.as_str(), it)).collect();
        let mut named = BTreeSet::new();
        merged.items.iter().for_each(|item| names_of_item(item, &mut named));
        named.extend(asked.iter().cloned());
        let needed = closed(named, &by_name);
        // What an older field holds now is as old as that.
        let mut old = BTreeSet::new();
        self.retyped.iter().for_each(|ty| names_of(ty, &mut old));
        let old = closed(old, &by_name);
        let since = self.since(&[]);
        let mut out = String::new();
        for it in added.iter().filter(|it| needed.contains(&it.item.name.text)) {
            let since = if old.contains(&it.item.name.text) { "" } else { since.as_str() };
            out.push_str(&format!("{}{since}{}", it.lead, it.text));
        }
        Ok(out)
    }
}

/// These names, and all that the new items behind them name.
fn closed(first: BTreeSet<String>, added: &BTreeMap<&str, &Added<'_>>) -> BTreeSet<String> {
    let mut found = BTreeSet::new();
    let mut rest = first;
    while let Some(name) = rest.pop_first() {
        if let Some(it) = added.get(name.as_str())
            && !found.contains(&name)
        {
            names_of_item(it.item, &mut rest);
        }
        found.insert(name);
        rest.retain(|name| !found.contains(name));
    }
    found
}

/// The types that an item is made of.
fn names_of_item(item: &ast::Item, found: &mut BTreeSet<String>) {
    match &item.kind {
        ast::ItemKind::Struct { fields }
        | ast::ItemKind::Record { fields }
        | ast::ItemKind::ExternStruct { fields, .. }
        | ast::ItemKind::Entry { fields } => {
            fields.iter().for_each(|field| names_of(&field.ty, found));
        }
        ast::ItemKind::Class { target, .. } => names_of(target, found),
        _ => {}
    }
}

fn names_of(ty: &ast::Type, found: &mut BTreeSet<String>) {
    match &ty.kind {
        ast::TypeKind::Path(path) => {
            let last = path.members.last().or(path.dotted.last());
            found.extend(last.map(|name| name.text.clone()));
        }
        ast::TypeKind::Pointer(inner) | ast::TypeKind::Array { element: inner, .. } => {
            names_of(inner, found);
        }
        ast::TypeKind::Aggregate { fields, .. } => {
            fields.iter().for_each(|field| names_of(&field.ty, found));
        }
        ast::TypeKind::Generic { .. } => {}
    }
}

/// Why an item that differs is not changed.
fn left_alone(kind: &ast::ItemKind) -> &'static str {
    match kind {
        ast::ItemKind::ExternStruct { .. } | ast::ItemKind::Enum { .. } => {
            "it is `extern` and not as in the binary: it was left alone, since every build captures it anew"
        }
        ast::ItemKind::Record { .. } => {
            "it is a `record` and not as in the binary: it was left alone, since no compiler lays out a record"
        }
        _ => "it is another kind of type in the binary: it was left alone",
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
