//! The values of an image at one moment, and what differs between two moments.
//!
//! A value is taken apart into its leaves, each with its path: `stats.hits`, `slots[3].owner`,
//! `next->hits`. What becomes of the differences, lines or JSON, is the business of `cli::watch`.

use std::collections::{BTreeMap, HashMap};
use std::fmt::Write as _;

use crate::catalog::{Catalog, Entry, State};
use crate::contents::{Contents, Options};
use crate::decode::Note;
use crate::image::Image;
use crate::output::record;
use crate::output::value_text::one_line;
use crate::select::Selector;
use crate::value::{Form, Value, ValueSink};

/// What entries hold at one moment.
#[derive(Debug, Default)]
pub struct Moment {
    /// In the order of their tables.
    pub entries: Vec<Watched>,
}

/// An entry at one moment.
#[derive(Clone, Debug)]
pub struct Watched {
    /// Which one.
    pub identity: Identity,
    /// Its parts, in the order of the type. The name of a part that is the entry's own begins with `@`.
    pub leaves: Vec<Leaf>,
}

/// Which entry. Texts come from the image: escape them.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Identity {
    /// The dotted name of its schema.
    pub table: String,
    /// Where its table was found.
    pub object: String,
    /// Its class.
    pub class: String,
    /// Its name.
    pub name: String,
    /// Its key within the class.
    pub instance: u64,
    /// Its id.
    pub id: u32,
    /// Which one of those that agree in all else, from 0.
    pub ordinal: u32,
}

/// A part of a value that has no parts.
#[derive(Clone, Debug)]
pub struct Leaf {
    /// Where in the value, and only there; empty for one without parts. It comes from the image:
    /// escape it.
    pub path: String,
    /// As people read it, escaped.
    pub text: String,
    /// The same as a value.
    pub value: Value,
}

/// What differs between two moments.
#[derive(Debug)]
pub enum Change<'m> {
    /// An entry that was not there before.
    Appeared(&'m Watched),
    /// One that is not there any more.
    Vanished(&'m Watched),
    /// One whose leaves differ.
    Changed(&'m Watched, Vec<Difference<'m>>),
}

/// A leaf that differs. One side may have none: the value has other parts then.
#[derive(Clone, Copy, Debug)]
pub struct Difference<'m> {
    /// Where in the value. It comes from the image: escape it.
    pub path: &'m str,
    /// What was there.
    pub before: Option<&'m Leaf>,
    /// What is there.
    pub after: Option<&'m Leaf>,
}

/// Parts of one entry that are kept: enough for a table on a screen.
const LEAVES_MAX: usize = 4096;

/// The parts that are the entry's and not its value's.
const OWN: [&str; 3] = ["@properties", "@address", "@length"];
/// What is said of a part that has parts of its own, behind the path of that part.
const NOTE: &str = "@note";
/// How many parts are left out.
const LEFT_OUT: &str = "@left out";

impl Moment {
    /// Reads the entries that are selected.
    #[must_use]
    pub fn read(
        catalog: &Catalog<'_>,
        selector: &Selector,
        image: &Image,
        options: &Options,
    ) -> Self {
        let mut moment = Self::default();
        let mut ordinals: BTreeMap<Identity, u32> = BTreeMap::new();
        for table in &catalog.tables {
            let contents = Contents::new(table);
            for entry in table.entries().filter(|entry| entry.state() != State::Torn) {
                if !selector.matches(&entry, image) {
                    continue;
                }
                let mut identity = Identity::of(&entry);
                let next = ordinals.entry(identity.clone()).or_default();
                identity.ordinal = *next;
                *next += 1;
                let leaves = leaves(&entry, &contents, image, options);
                moment.entries.push(Watched { identity, leaves });
            }
        }
        moment
    }

    /// What differs from `before`: entries that are there in their order, then those that are not.
    #[must_use]
    pub fn changes<'m>(&'m self, before: &'m Self) -> Vec<Change<'m>> {
        let mut old: BTreeMap<&Identity, &Watched> =
            before.entries.iter().map(|entry| (&entry.identity, entry)).collect();
        let mut changes = Vec::new();
        for entry in &self.entries {
            match old.remove(&entry.identity) {
                None => changes.push(Change::Appeared(entry)),
                Some(old) => {
                    let differences = differences(&old.leaves, &entry.leaves);
                    if !differences.is_empty() {
                        changes.push(Change::Changed(entry, differences));
                    }
                }
            }
        }
        changes.extend(old.into_values().map(Change::Vanished));
        changes
    }
}

impl Watched {
    /// The parts of its value, without its own.
    pub fn values(&self) -> impl Iterator<Item = &Leaf> {
        self.leaves.iter().filter(|leaf| !leaf.is_own())
    }
}

impl Leaf {
    fn new(path: &str, value: &Value) -> Self {
        Self { path: path.to_owned(), text: one_line(value), value: value.clone() }
    }

    /// Whether it is a part of the entry, and not of its value.
    #[must_use]
    pub fn is_own(&self) -> bool {
        OWN.contains(&&self.path[..])
    }
}

impl Identity {
    fn of(entry: &Entry<'_>) -> Self {
        Self {
            table: entry.table.schema_name(),
            object: entry.table.found.place.clone(),
            class: entry.class_text(),
            name: entry.name().unwrap_or_default().to_owned(),
            instance: entry.row.instance(),
            id: entry.row.id(),
            ordinal: 0,
        }
    }
}

fn differences<'m>(before: &'m [Leaf], after: &'m [Leaf]) -> Vec<Difference<'m>> {
    let mut old: BTreeMap<&str, &Leaf> = before.iter().map(|leaf| (&leaf.path[..], leaf)).collect();
    let mut found = Vec::new();
    for leaf in after {
        let before = old.remove(&leaf.path[..]);
        // Texts and not values: what is not a number differs from itself.
        if before.is_none_or(|before| before.text != leaf.text) {
            found.push(Difference { path: &leaf.path, before, after: Some(leaf) });
        }
    }
    let gone = |leaf: &'m Leaf| Difference { path: &leaf.path, before: Some(leaf), after: None };
    found.extend(old.into_values().map(gone));
    found
}

/// An entry's own leaves, then those of its value.
fn leaves(
    entry: &Entry<'_>,
    contents: &Contents<'_>,
    image: &Image,
    options: &Options,
) -> Vec<Leaf> {
    let mut leaves = Leaves::default();
    let [of_properties, of_address, of_length] = OWN;
    let properties = Value::Text(record::properties(entry).join("|").into_bytes());
    leaves.push(of_properties, &properties);
    if let Ok(span) = entry.span(image) {
        let form = Form::default();
        leaves.push(of_address, &Value::Address(span.address, form.clone()));
        leaves.push(of_length, &Value::Unsigned(span.length, form));
    }
    let mut sink = ValueSink::new();
    let Ok(()) = contents.entry(entry, image, options, &mut sink);
    if let Some(value) = sink.finish() {
        leaves.add(&mut String::new(), &value);
    }
    leaves.finish()
}

/// Takes values apart.
#[derive(Default)]
struct Leaves {
    found: Vec<Leaf>,
    /// How often each path was met: what a value has twice keeps its order.
    met: HashMap<String, u32>,
    left_out: u64,
}

impl Leaves {
    /// Adds the leaves of a value. The path is as it was afterwards.
    fn add(&mut self, path: &mut String, value: &Value) {
        let end = path.len();
        match value {
            Value::Struct(inner) => {
                for (name, value) in &inner.fields {
                    let dot = if end == 0 || path.ends_with('>') { "" } else { "." };
                    // Writing into a text does not fail.
                    let _ = write!(path, "{dot}{name}");
                    self.add(path, value);
                    path.truncate(end);
                }
                inner.notes.iter().for_each(|note| self.note(path, *note));
            }
            Value::Array(elements) if elements.iter().any(has_parts) => {
                for (index, value) in elements.iter().enumerate() {
                    let _ = write!(path, "[{index}]");
                    self.add(path, value);
                    path.truncate(end);
                }
            }
            Value::At(address, inner) if has_parts(inner) => {
                self.push(path, &Value::Address(*address, Form::default()));
                path.push_str("->");
                self.add(path, inner);
                path.truncate(end);
            }
            Value::Noted(note, inner) if has_parts(inner) => {
                self.note(path, *note);
                self.add(path, inner);
            }
            value => self.push(path, value),
        }
    }

    fn note(&mut self, path: &mut String, note: Note) {
        let end = path.len();
        path.push_str(NOTE);
        self.push(path, &Value::Note(note));
        path.truncate(end);
    }

    fn push(&mut self, path: &str, value: &Value) {
        if self.found.len() >= LEAVES_MAX {
            self.left_out += 1;
            return;
        }
        let met = self.met.entry(path.to_owned()).or_default();
        *met += 1;
        match *met {
            1 => self.found.push(Leaf::new(path, value)),
            count => self.found.push(Leaf::new(&format!("{path} ({count})"), value)),
        }
    }

    /// All of them, and how many there are beyond.
    fn finish(mut self) -> Vec<Leaf> {
        if self.left_out > 0 {
            let value = Value::Unsigned(self.left_out, Form::default());
            self.found.push(Leaf::new(LEFT_OUT, &value));
        }
        self.found
    }
}

/// Whether a value is taken apart. Arrays of numbers are not: people read them as one.
fn has_parts(value: &Value) -> bool {
    match value {
        Value::Struct(_) => true,
        Value::Array(elements) => elements.iter().any(has_parts),
        Value::At(_, inner) | Value::Noted(_, inner) => has_parts(inner),
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::value::Struct;

    fn number(value: u64) -> Value {
        Value::Unsigned(value, Form::default())
    }

    fn composite(fields: &[(&str, Value)]) -> Value {
        let fields = fields.iter().map(|(name, value)| ((*name).into(), value.clone())).collect();
        Value::Struct(Struct { fields, ..Struct::default() })
    }

    fn taken_apart(value: &Value) -> Vec<Leaf> {
        let mut leaves = Leaves::default();
        leaves.add(&mut String::new(), value);
        leaves.finish()
    }

    fn paths(leaves: &[Leaf]) -> Vec<&str> {
        leaves.iter().map(|leaf| &leaf.path[..]).collect()
    }

    fn sample(hits: u64, owner: u64) -> Value {
        let next = Value::At(64, Box::new(composite(&[("owner", number(owner))])));
        let rows = Value::Array(vec![composite(&[("a", number(1))]), number(2)]);
        composite(&[
            ("stats", composite(&[("hits", number(hits))])),
            ("rows", rows),
            ("next", next),
            ("plain", Value::Array(vec![number(1), number(2)])),
        ])
    }

    #[test]
    fn values_are_taken_apart_down_to_what_people_read_as_one() {
        let found = taken_apart(&sample(1, 2));
        let expected = ["stats.hits", "rows[0].a", "rows[1]", "next", "next->owner", "plain"];
        assert_eq!(paths(&found), expected);
        assert_eq!(paths(&taken_apart(&number(1))), [""]);
    }

    /// A value that says the same at two moments has no differences, whatever it says.
    #[test]
    fn every_path_is_its_own() {
        let noted = |inner| Value::Noted(Note::NoTag, Box::new(inner));
        let arm = |name: &'static str| (name.into(), composite(&[("a", number(1))]));
        let inner = Struct {
            fields: vec![arm("x"), arm("x"), ("y".into(), noted(composite(&[("b", number(2))])))],
            notes: vec![Note::NoTag, Note::Incomplete],
            ..Struct::default()
        };
        let found = taken_apart(&noted(Value::Struct(inner)));
        let expected = ["@note", "x.a", "x.a (2)", "y@note", "y.b", "@note (2)", "@note (3)"];
        assert_eq!(paths(&found), expected);
        assert!(differences(&found, &found).is_empty());
        assert!(found.iter().all(|leaf| !leaf.is_own()));
    }

    #[test]
    fn what_has_no_room_is_counted() {
        let many = |count| {
            let row = |value| composite(&[("a", number(value))]);
            taken_apart(&Value::Array((0..count).map(row).collect()))
        };
        let limit = LEAVES_MAX as u64;
        let (whole, more) = (many(limit), many(limit + 7));
        assert_eq!(whole.len(), LEAVES_MAX);
        let last = more.last().map(|leaf| (&leaf.path[..], &leaf.text[..]));
        assert_eq!((more.len(), last), (LEAVES_MAX + 1, Some((LEFT_OUT, "7"))));
        assert_eq!(differences(&whole, &more).len(), 1);
    }

    #[test]
    fn differences_are_those_of_leaves() {
        let (before, after) = (taken_apart(&sample(1, 2)), taken_apart(&sample(5, 2)));
        let found = differences(&before, &after);
        assert_eq!(found.len(), 1);
        let texts = (found[0].before.unwrap().text.clone(), found[0].after.unwrap().text.clone());
        assert_eq!((found[0].path, texts.0.as_str(), texts.1.as_str()), ("stats.hits", "1", "5"));
        assert!(differences(&before, &before).is_empty());
        let nan = taken_apart(&Value::Double(f64::NAN, Form::default()));
        assert!(differences(&nan, &nan).is_empty());
        let other = taken_apart(&number(3));
        assert_eq!(differences(&before, &other).len(), before.len() + 1);
    }

    #[test]
    fn entries_come_and_go_by_their_identity() {
        let watched = |name: &str, ordinal, value| Watched {
            identity: Identity {
                table: String::new(),
                object: String::new(),
                class: String::new(),
                name: name.to_owned(),
                instance: 0,
                id: 0,
                ordinal,
            },
            leaves: taken_apart(&number(value)),
        };
        let before = Moment { entries: vec![watched("a", 0, 1), watched("b", 0, 1)] };
        let entries = vec![watched("b", 0, 2), watched("b", 1, 1), watched("c", 0, 1)];
        let after = Moment { entries };
        let text = |change: &Change<'_>| match change {
            Change::Appeared(it) => format!("+{}{}", it.identity.name, it.identity.ordinal),
            Change::Vanished(it) => format!("-{}{}", it.identity.name, it.identity.ordinal),
            Change::Changed(it, _) => format!("={}{}", it.identity.name, it.identity.ordinal),
        };
        let found: Vec<_> = after.changes(&before).iter().map(text).collect();
        assert_eq!(found, ["=b0", "+b1", "+c0", "-a0"]);
    }
}
