//! Two images of one program, entry by entry: what came, what went, what has another value.
//!
//! Entries are the same that have one identity: schema, class, name and instance. Where several have
//! it, the first is held against the first. Addresses tell nothing, since a program is loaded
//! elsewhere each time: of memory inside an object its distance from where the linker put it counts,
//! and pointers are compared by what they lead to. Values are decoded by the types that each table
//! brings, so that a struct that has grown differs in the new field alone.

use std::collections::BTreeMap;

use inspect_format::walk::Span;
use serde_json::Value as Json;

use crate::catalog::{Catalog, Entry, NamedTable, State};
use crate::decode::{Budget, Decoder, Plan};
use crate::image::Image;
use crate::memory::AddressSpace;
use crate::output::record;
use crate::output::value_json::JsonSink;
use crate::output::value_text::one_line;
use crate::value::{Value, ValueSink};
use inspect_format::abi::space;

/// An image with its entries.
#[derive(Clone, Copy, Debug)]
pub struct Side<'s> {
    /// Where memory is read.
    pub image: &'s Image,
    /// Its entries.
    pub catalog: &'s Catalog<'s>,
}

/// What is different.
#[derive(Debug)]
pub struct Diff<'a, 'b> {
    /// Entries that only the first image has.
    pub removed: Vec<Entry<'a>>,
    /// Entries that only the second image has.
    pub added: Vec<Entry<'b>>,
    /// Entries of both that differ.
    pub changed: Vec<Changed<'a, 'b>>,
    /// How many are the same.
    pub same: usize,
}

/// An entry of both images.
#[derive(Debug)]
pub struct Changed<'a, 'b> {
    /// In the first image.
    pub before: Entry<'a>,
    /// In the second.
    pub after: Entry<'b>,
    /// What differs, at least one.
    pub changes: Vec<Change>,
}

/// Something that differs.
#[derive(Clone, Debug, PartialEq)]
pub struct Change {
    /// Where: `stats.hits`, `users[3].name`; of the entry itself `@length`. Escape it.
    pub path: String,
    /// In the first image; nothing where only the second has it.
    pub before: Option<Said>,
    /// In the second image.
    pub after: Option<Said>,
}

/// A value, as people and as programs read it.
#[derive(Clone, Debug, PartialEq)]
pub struct Said {
    /// On one line, escaped for a terminal.
    pub text: String,
    /// As data.
    pub json: Json,
}

/// How images are compared.
#[derive(Clone, Copy, Debug, Default)]
pub struct Options {
    /// Whether pointers differ that lead to equal values at other addresses.
    pub addresses: bool,
}

/// Changes of one entry that are told; what is beyond is not looked at.
const CHANGES_MAX: usize = 1000;

impl Diff<'_, '_> {
    /// Whether nothing differs.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.removed.is_empty() && self.added.is_empty() && self.changed.is_empty()
    }
}

type Identity = (String, u32, String, u64);

/// Compares the entries for which `wanted` holds in their image.
#[must_use]
pub fn diff<'a, 'b>(
    before: Side<'a>,
    after: Side<'b>,
    wanted: &Wanted<'_>,
    options: Options,
) -> Diff<'a, 'b> {
    let mut plans = Plans::default();
    let mut others: BTreeMap<Identity, Vec<Entry<'b>>> = BTreeMap::new();
    for entry in after.catalog.entries().filter(|entry| is_meant(entry, after.image, wanted)) {
        others.entry(identity(&entry)).or_default().push(entry);
    }
    // The first of them is to be taken first.
    others.values_mut().for_each(|entries| entries.reverse());
    let mut found = Diff { removed: vec![], added: vec![], changed: vec![], same: 0 };
    for entry in before.catalog.entries().filter(|entry| is_meant(entry, before.image, wanted)) {
        let Some(other) = others.get_mut(&identity(&entry)).and_then(Vec::pop) else {
            found.removed.push(entry);
            continue;
        };
        let changes = compare(before.image, &entry, after.image, &other, &mut plans, options);
        match changes.is_empty() {
            true => found.same += 1,
            false => found.changed.push(Changed { before: entry, after: other, changes }),
        }
    }
    found.added = others.into_values().flat_map(|left| left.into_iter().rev()).collect();
    found
}

type Wanted<'w> = dyn Fn(&Entry<'_>, &Image) -> bool + 'w;

/// Whether an entry is compared at all.
fn is_meant(entry: &Entry<'_>, image: &Image, wanted: &Wanted<'_>) -> bool {
    entry.state() != State::Torn && wanted(entry, image)
}

/// What an entry is known by. A name that cannot be read is none.
fn identity(entry: &Entry<'_>) -> Identity {
    let name = entry.name().unwrap_or_default();
    (entry.table.schema_name(), entry.row.class(), name.to_owned(), entry.row.instance())
}

fn compare(
    before_image: &Image,
    before: &Entry<'_>,
    after_image: &Image,
    after: &Entry<'_>,
    plans: &mut Plans,
    options: Options,
) -> Vec<Change> {
    let mut changes = Changes { found: Vec::new(), options };
    changes.rows(before, after);
    let (old, new) = (before.span(before_image), after.span(after_image));
    let places = (place(before_image, before), place(after_image, after));
    if places.0 != places.1 {
        let said = |place: &Place| Some(Said::text(place.text()));
        changes.add("@address", said(&places.0), said(&places.1));
    }
    let length = |span: &Result<Span, _>| span.as_ref().ok().map(|span| span.length);
    if length(&old) != length(&new) {
        let said = |length: Option<u64>| length.map(Said::number);
        changes.add("@length", said(length(&old)), said(length(&new)));
    }
    let old = old.ok().and_then(|span| plans.decode(before_image, before, span));
    let new = new.ok().and_then(|span| plans.decode(after_image, after, span));
    changes.optional("", old.as_ref(), new.as_ref());
    changes.found
}

/// Where an entry is, as far as it says anything.
#[derive(PartialEq)]
enum Place {
    /// In an object, so far from where the linker put it.
    Object(String, u64),
    /// Elsewhere.
    Address(u64),
}

impl Place {
    fn text(&self) -> String {
        match self {
            Self::Object(name, address) => format!("{address:#x} in {name}"),
            Self::Address(address) => format!("{address:#x}"),
        }
    }
}

fn place(image: &Image, entry: &Entry<'_>) -> Place {
    let address = entry.row.address();
    let mut objects = image.objects.iter();
    let object = objects.find(|it| it.range.contains(&address));
    match object.filter(|_| entry.row.space() == space::VIRTUAL) {
        Some(object) => {
            let name = object.name.rsplit('/').next().unwrap_or_default();
            Place::Object(name.to_owned(), address.wrapping_sub(object.bias))
        }
        None => Place::Address(address),
    }
}

/// Compiled types, by where their table's bytes begin: each table is compiled once.
#[derive(Default)]
struct Plans(BTreeMap<usize, Plan>);

impl Plans {
    fn decode(&mut self, image: &Image, entry: &Entry<'_>, span: Span) -> Option<Value> {
        if entry.row.space() != space::VIRTUAL {
            return None;
        }
        let table = entry.table;
        let key = std::ptr::from_ref::<NamedTable<'_>>(table).addr();
        let plan = self.0.entry(key).or_insert_with(|| {
            let (order, word_size) = (table.table.order(), table.table.word_size());
            let plan = Plan::new(table.types, word_size);
            plan.unwrap_or_else(|_| Plan::without_types(order, word_size))
        });
        let own = entry.row.core().type_;
        let class = table.names.class(entry.row.class()).map_or(0, |class| class.type_id);
        let type_id = if own == 0 { class } else { own };
        let memory = AddressSpace::virtual_of(image.memory.as_ref());
        let budget = Budget { text: 1 << 20, elements: 1 << 16, ..Budget::default() };
        let mut decoder =
            Decoder::new(plan, &memory, budget).strings(table.table.sections().strings);
        let mut sink = ValueSink::new();
        let Ok(()) = decoder.region(type_id, span.address, span.length, &mut sink);
        sink.finish()
    }
}

/// What was found to differ so far.
struct Changes {
    found: Vec<Change>,
    options: Options,
}

impl Changes {
    fn add(&mut self, path: &str, before: Option<Said>, after: Option<Said>) {
        if self.found.len() < CHANGES_MAX {
            self.found.push(Change { path: path.to_owned(), before, after });
        }
    }

    /// What stands in the rows, but for addresses.
    fn rows(&mut self, before: &Entry<'_>, after: &Entry<'_>) {
        let properties = |entry: &Entry<'_>| record::properties(entry).join("|");
        let texts = [
            ("@type", before.type_name().map(str::to_owned), after.type_name().map(str::to_owned)),
            ("@extent", Some(before.extent_text()), Some(after.extent_text())),
            ("@space", Some(before.space_text()), Some(after.space_text())),
            ("@properties", Some(properties(before)), Some(properties(after))),
        ];
        for (path, old, new) in texts {
            if old != new {
                self.add(path, old.map(Said::text), new.map(Said::text));
            }
        }
        let fields = |entry: &Entry<'_>| -> BTreeMap<String, Json> {
            entry.fields().map(|it| (it.name.to_owned(), record::json(&it.value))).collect()
        };
        let (old, new) = (fields(before), fields(after));
        let names: std::collections::BTreeSet<&String> = old.keys().chain(new.keys()).collect();
        for name in names {
            let (old, new) = (old.get(name), new.get(name));
            if old != new {
                let said = |value: Option<&Json>| value.cloned().map(Said::json);
                self.add(&format!("@{name}"), said(old), said(new));
            }
        }
    }

    fn optional(&mut self, path: &str, before: Option<&Value>, after: Option<&Value>) {
        match (before, after) {
            (Some(before), Some(after)) => self.values(path, before, after),
            (None, None) => {}
            _ => {
                let path = if path.is_empty() { "value" } else { path };
                self.add(path, before.map(Said::value), after.map(Said::value));
            }
        }
    }

    fn values(&mut self, path: &str, before: &Value, after: &Value) {
        if self.found.len() >= CHANGES_MAX || before == after {
            return;
        }
        match (before, after) {
            (Value::At(old, left), Value::At(new, right)) => {
                if self.options.addresses && old != new {
                    let said = |address: &u64| Some(Said::text(format!("{address:#x}")));
                    self.add(&format!("{path}@"), said(old), said(new));
                }
                self.values(path, left, right);
            }
            (Value::Address(..), Value::Address(..)) if !self.options.addresses => {}
            (Value::Noted(left, old), Value::Noted(right, new)) if left == right => {
                self.values(path, old, new);
            }
            (Value::Struct(old), Value::Struct(new)) => {
                for (name, value) in &old.fields {
                    let other = new.fields.iter().find(|(other, _)| other == name);
                    let path = joined(path, name);
                    self.optional(&path, Some(value), other.map(|(_, value)| value));
                }
                for (name, value) in &new.fields {
                    if !old.fields.iter().any(|(other, _)| other == name) {
                        self.optional(&joined(path, name), None, Some(value));
                    }
                }
            }
            (Value::Array(old), Value::Array(new)) => {
                for index in 0..old.len().max(new.len()) {
                    let path = format!("{path}[{index}]");
                    self.optional(&path, old.get(index), new.get(index));
                }
            }
            // Other bits of a number that is none.
            (Value::Double(old, _), Value::Double(new, _)) if old.is_nan() && new.is_nan() => {}
            (Value::Float(old, _), Value::Float(new, _)) if old.is_nan() && new.is_nan() => {}
            _ => {
                let path = if path.is_empty() { "value" } else { path };
                self.add(path, Some(Said::value(before)), Some(Said::value(after)));
            }
        }
    }
}

fn joined(path: &str, name: &str) -> String {
    if path.is_empty() { name.to_owned() } else { format!("{path}.{name}") }
}

impl Said {
    fn text(text: String) -> Self {
        let json = Json::String(text.clone());
        Self { text: crate::escape::Terminal(&text).to_string(), json }
    }

    fn number(number: u64) -> Self {
        Self { text: number.to_string(), json: number.into() }
    }

    fn json(json: Json) -> Self {
        let text = match &json {
            Json::String(text) => text.clone(),
            other => other.to_string(),
        };
        Self { text: crate::escape::Terminal(&text).to_string(), json }
    }

    fn value(value: &Value) -> Self {
        let mut sink = JsonSink::new(Vec::new());
        let written = value.emit(&mut sink).and_then(|()| sink.finish());
        let json = written.ok().and_then(|bytes| serde_json::from_slice(&bytes).ok());
        Self { text: one_line(value), json: json.unwrap_or(Json::Null) }
    }
}
