//! Two images of one program, entry by entry: what came, what went, what has another value.
//!
//! Entries are the same that have one identity: schema, class, name and instance. Where several have
//! it, the first is held against the first. Addresses tell nothing, since a program is loaded
//! elsewhere each time: of memory inside an object its distance from where the linker put it counts,
//! and pointers are compared by what they lead to (`values`). Values are decoded by the types that
//! each table brings, so that a struct that has grown differs in the new field alone. What must not be
//! shown is not compared either, and what was not compared is told.

mod values;

use std::collections::{BTreeMap, BTreeSet};

use inspect_format::abi::space;
use serde_json::Value as Json;

use crate::catalog::{Catalog, Entry, NamedTable, State};
use crate::contents::{self, Contents};
use crate::decode::{Budget, Note};
use crate::dump::Captures;
use crate::image::Image;
use crate::memory::AddressSpace;
use crate::output::record;
use crate::output::value_json::JsonSink;
use crate::output::value_text::one_line;
use crate::value::{Form, Value, ValueSink};
use values::{Changes, Settled};

/// An image with its entries.
#[derive(Clone, Copy, Debug)]
pub struct Side<'s> {
    /// Where memory is read.
    pub image: &'s Image,
    /// Its entries.
    pub catalog: &'s Catalog<'s>,
    /// What a dump says became of them.
    pub captures: Option<&'s Captures>,
}

/// What is different.
#[derive(Debug, Default)]
pub struct Diff<'a, 'b> {
    /// Entries that only the first image has.
    pub removed: Vec<Entry<'a>>,
    /// Entries that only the second image has.
    pub added: Vec<Entry<'b>>,
    /// Entries of both that differ.
    pub changed: Vec<Changed<'a, 'b>>,
    /// Entries of both in which nothing differs that was compared, and something was not.
    pub partial: Vec<Partial<'a, 'b>>,
    /// How many are the same, all of them.
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
    /// What was not compared.
    pub unseen: Vec<Unseen>,
}

/// An entry of both images that was not compared as a whole.
#[derive(Debug)]
pub struct Partial<'a, 'b> {
    /// In the first image.
    pub before: Entry<'a>,
    /// In the second.
    pub after: Entry<'b>,
    /// What was not compared, at least one.
    pub unseen: Vec<Unseen>,
}

/// Something that was not compared.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Unseen {
    /// Where, as in [`Change`]; empty for the whole value. Escape it.
    pub path: String,
    /// Why.
    pub why: Note,
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
#[derive(Clone, Copy, Debug)]
pub struct Options {
    /// Whether entries and pointers differ that lead to equal values at other addresses.
    pub addresses: bool,
    /// What may be read and shown, and how much of it.
    pub contents: contents::Options,
}

impl Default for Options {
    /// As much of each entry as two of them fit into memory; no more than anybody may see.
    fn default() -> Self {
        let budget =
            Budget { bytes: 256 << 20, text: 1 << 20, elements: u64::MAX, ..Budget::default() };
        let contents = contents::Options { budget, ..contents::Options::default() };
        Self { addresses: false, contents }
    }
}

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
    let mut sides = (Reader::new(before, options), Reader::new(after, options));
    let mut others: BTreeMap<Identity, Vec<Entry<'b>>> = BTreeMap::new();
    for entry in after.catalog.entries().filter(|entry| is_meant(entry, after.image, wanted)) {
        others.entry(identity(&entry)).or_default().push(entry);
    }
    // The first of them is to be taken first.
    others.values_mut().for_each(|entries| entries.reverse());
    let mut found = Diff::default();
    for entry in before.catalog.entries().filter(|entry| is_meant(entry, before.image, wanted)) {
        let Some(other) = others.get_mut(&identity(&entry)).and_then(Vec::pop) else {
            found.removed.push(entry);
            continue;
        };
        let Settled { changes, unseen } = compare(&mut sides, &entry, &other, options);
        if !changes.is_empty() {
            found.changed.push(Changed { before: entry, after: other, changes, unseen });
        } else if !unseen.is_empty() {
            found.partial.push(Partial { before: entry, after: other, unseen });
        } else {
            found.same += 1;
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

fn compare<'a, 'b>(
    (old, new): &mut (Reader<'a>, Reader<'b>),
    before: &Entry<'a>,
    after: &Entry<'b>,
    options: Options,
) -> Settled {
    let mut changes = Changes::new(options.addresses);
    rows(&mut changes, before, after);
    let places = (place(old.side.image, before), place(new.side.image, after));
    if places.0.differs(&places.1, options.addresses) {
        let said = |place: &Place| Some(Said::text(place.text()));
        changes.add_own("@address", said(&places.0), said(&places.1));
    }
    let (left, right) = (old.value(before), new.value(after));
    if let (Some(left), Some(right)) = (left.length, right.length)
        && left != right
    {
        let said = |length| Some(Said::number(length));
        changes.add_own("@length", said(left), said(right));
    }
    changes.begin_at(left.address, right.address);
    changes.optional(left.value.as_ref(), right.value.as_ref());
    let is_plain = old.contents(before.table).is_plain(before.row.type_id())
        && new.contents(after.table).is_plain(after.row.type_id());
    if is_plain && changes.is_short_of_budget() {
        let spans = (before.span(old.side.image), after.span(new.side.image));
        if let (Ok(left), Ok(right)) = spans {
            let (old, new) = (old.memory(before), new.memory(after));
            changes.bytes((&old, left), (&new, right), options.contents.budget.deadline);
        }
    }
    changes.settle()
}

/// Where an entry is, as far as it says anything.
#[derive(PartialEq)]
enum Place {
    /// In an object, so far from where the linker put it.
    Object(String, u64),
    /// Where the machine has it: other addresses are other things.
    Fixed(u64),
    /// Wherever there was room.
    Free(u64),
}

impl Place {
    fn text(&self) -> String {
        match self {
            Self::Object(name, address) => format!("{address:#x} in {name}"),
            Self::Fixed(address) | Self::Free(address) => format!("{address:#x}"),
        }
    }

    /// Whether an entry has moved. That only one image knows its objects is no movement.
    fn differs(&self, other: &Self, addresses: bool) -> bool {
        let is_free = matches!((self, other), (Self::Free(_), _) | (_, Self::Free(_)));
        self != other && (addresses || !is_free)
    }
}

fn place(image: &Image, entry: &Entry<'_>) -> Place {
    let address = entry.row.address();
    if entry.row.space() != space::VIRTUAL {
        return Place::Fixed(address);
    }
    match image.objects.iter().find(|it| it.range.contains(&address)) {
        Some(object) => {
            let name = object.name.rsplit('/').next().unwrap_or_default();
            Place::Object(name.to_owned(), address.wrapping_sub(object.bias))
        }
        None => Place::Free(address),
    }
}

/// Reads the entries of one image.
struct Reader<'s> {
    side: Side<'s>,
    options: contents::Options,
    /// By where their table lies: the types of each table are compiled once.
    contents: BTreeMap<usize, Contents<'s>>,
}

/// What lies in the memory of an entry.
struct Decoded {
    /// Where its memory begins.
    address: Option<u64>,
    length: Option<u64>,
    value: Option<Value>,
}

impl<'s> Reader<'s> {
    fn new(side: Side<'s>, options: Options) -> Self {
        Self { side, options: options.contents, contents: BTreeMap::new() }
    }

    fn contents(&mut self, table: &'s NamedTable<'s>) -> &Contents<'s> {
        let captures = self.side.captures;
        let key = std::ptr::from_ref(table).addr();
        self.contents.entry(key).or_insert_with(|| Contents::new(table).captures(captures))
    }

    fn value(&mut self, entry: &Entry<'s>) -> Decoded {
        let (image, options) = (self.side.image, self.options);
        let contents = self.contents(entry.table);
        let span = contents.span(entry, image, &options).ok();
        let mut sink = ValueSink::new();
        let Ok(()) = contents.entry(entry, image, &options, &mut sink);
        Decoded {
            address: span.map(|span| span.address),
            length: span.map(|span| span.length),
            value: sink.finish(),
        }
    }

    fn memory(&self, entry: &Entry<'_>) -> AddressSpace<'s> {
        AddressSpace::new(self.side.image.memory.as_ref(), entry.row.space())
    }
}

/// What stands in the rows, but for addresses.
fn rows(changes: &mut Changes, before: &Entry<'_>, after: &Entry<'_>) {
    let properties = |entry: &Entry<'_>| record::properties(entry).join("|");
    let texts = [
        ("@type", before.type_name().map(str::to_owned), after.type_name().map(str::to_owned)),
        ("@extent", Some(before.extent_text()), Some(after.extent_text())),
        ("@space", Some(before.space_text()), Some(after.space_text())),
        ("@properties", Some(properties(before)), Some(properties(after))),
    ];
    for (path, old, new) in texts {
        if old != new {
            changes.add_own(path, old.map(Said::text), new.map(Said::text));
        }
    }
    let fields = |entry: &Entry<'_>| -> BTreeMap<String, Json> {
        entry.fields().map(|it| (it.name.to_owned(), record::json(&it.value))).collect()
    };
    let (old, new) = (fields(before), fields(after));
    let names: BTreeSet<&String> = old.keys().chain(new.keys()).collect();
    for name in names {
        let (old, new) = (old.get(name), new.get(name));
        if old != new {
            let said = |value: Option<&Json>| value.cloned().map(Said::json);
            changes.add_own(&format!("@{name}"), said(old), said(new));
        }
    }
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

    fn bytes(bytes: &[u8]) -> Self {
        Self::value(&Value::Bytes(bytes.to_vec(), Form::default()))
    }

    fn value(value: &Value) -> Self {
        let mut sink = JsonSink::new(Vec::new());
        let written = value.emit(&mut sink).and_then(|()| sink.finish());
        let json = written.ok().and_then(|bytes| serde_json::from_slice(&bytes).ok());
        Self { text: one_line(value), json: json.unwrap_or(Json::Null) }
    }
}
