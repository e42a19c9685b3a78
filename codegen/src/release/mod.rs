//! What the outside world may depend on of a set of schemas: a [`Release`].
//!
//! It is flat: schemas hold items, items hold members, both have facts. Two releases are compared without a look at
//! where they come from, the checked model ([`Release::of`]) or the lock file ([`Lock`]). Nothing here reads or
//! writes a file.
//!
//! `compare` finds what differs, `rules` says whom that hurts, `report` prints it, `hold` turns what contradicts a lock
//! into diagnostics for those who generate.

mod bytes;
mod compare;
mod fact;
mod hold;
mod items;
mod lock;
mod report;
mod rules;
mod structs;

use std::collections::BTreeMap;

pub use bytes::{ByteChange, Content, Part};
pub use compare::{Change, Difference, compare};
pub use fact::{Fact, Targets, Value, ValueForm};
pub use hold::{Verdict, as_of, hold, judge, unreadable};
pub use lock::{Exception, FORM, Lock, LockError, parse, print};
pub use report::{github, human, json, rules_json, rules_markdown, rules_text};
pub use rules::{
    Consequence, Consequences, Outcome, Rule, Severity, Subject, facts_of, rule, rules,
};

use crate::emit::rust::api::{Api, SchemaApi};
use crate::model::{Model, SchemaId};
use crate::source::Span;

/// What a set of schemas promises.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Release {
    /// The targets that it speaks about.
    pub targets: Targets,
    /// By name.
    pub schemas: BTreeMap<String, ReleasedSchema>,
}

/// What a schema promises.
#[derive(Clone, Debug)]
pub struct ReleasedSchema {
    /// Its version.
    pub version: u32,
    /// The versions of schemas that it builds on and that are released elsewhere.
    pub uses: BTreeMap<String, u32>,
    /// The fingerprint of the entry format at each version, from 1 on.
    pub fingerprints: Vec<u64>,
    /// Sorted by kind and name.
    pub items: Vec<Item>,
    /// Where it is written.
    pub place: Span,
}

/// Places are no part of a promise.
impl PartialEq for ReleasedSchema {
    fn eq(&self, other: &Self) -> bool {
        let Self { version, uses, fingerprints, items, place: _ } = self;
        *version == other.version
            && *uses == other.uses
            && *fingerprints == other.fingerprints
            && *items == other.items
    }
}

impl Eq for ReleasedSchema {}

/// The kinds of items, in the order in which a lock lists them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[allow(missing_docs, reason = "each is named as in the language")]
pub enum ItemKind {
    Constant,
    Enum,
    Flags,
    Properties,
    /// A struct, union, record, captured or not.
    Struct,
    Entry,
    Class,
    Space,
    Consumer,
}

/// Something that a schema declares.
#[derive(Clone, Debug)]
pub struct Item {
    /// Its kind.
    pub kind: ItemKind,
    /// Its name; `parent.field` for an inline struct, empty where a schema has only one of the kind.
    pub name: Box<str>,
    /// What is said of it.
    pub facts: Facts,
    /// Sorted by name. Those of an anonymous struct or union stand among those of the struct around it.
    pub members: Vec<Member>,
    /// Where it is written.
    pub place: Span,
}

impl PartialEq for Item {
    fn eq(&self, other: &Self) -> bool {
        let Self { kind, name, facts, members, place: _ } = self;
        (kind, name, facts, members) == (&other.kind, &other.name, &other.facts, &other.members)
    }
}

impl Eq for Item {}

/// A field, a member of an enum, a flag.
#[derive(Clone, Debug)]
pub struct Member {
    /// Its name.
    pub name: Box<str>,
    /// What is said of it.
    pub facts: Facts,
    /// Where it is written.
    pub place: Span,
}

impl PartialEq for Member {
    fn eq(&self, other: &Self) -> bool {
        let Self { name, facts, place: _ } = self;
        (name, facts) == (&other.name, &other.facts)
    }
}

impl Eq for Member {}

/// What is said of something: at most one value a fact, in the order of facts.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Facts(Vec<(Fact, Value)>);

impl Facts {
    /// The value of a fact.
    #[must_use]
    pub fn get(&self, fact: Fact) -> Option<&Value> {
        let at = self.0.binary_search_by_key(&fact, |(fact, _)| *fact).ok()?;
        self.0.get(at).map(|(_, value)| value)
    }

    /// Whether a fact without a value is said.
    #[must_use]
    pub fn has(&self, fact: Fact) -> bool {
        self.get(fact).is_some()
    }

    /// The text of a fact; empty where it is not said.
    #[must_use]
    pub fn text(&self, fact: Fact) -> &str {
        match self.get(fact) {
            Some(Value::Text(text)) => text,
            _ => "",
        }
    }

    /// Every fact, in order.
    pub fn iter(&self) -> impl Iterator<Item = (Fact, &Value)> {
        self.0.iter().map(|(fact, value)| (*fact, value))
    }

    /// Says something. `false`: it was said already, and stays as it was.
    pub(crate) fn say(&mut self, fact: Fact, value: Value) -> bool {
        match self.0.binary_search_by_key(&fact, |(fact, _)| *fact) {
            Ok(_) => false,
            Err(at) => {
                self.0.insert(at, (fact, value));
                true
            }
        }
    }

    fn say_text(&mut self, fact: Fact, text: impl Into<Box<str>>) {
        self.say(fact, Value::text(text));
    }

    fn say_if(&mut self, fact: Fact, is_so: bool) {
        if is_so {
            self.say(fact, Value::Yes);
        }
    }
}

/// What is said first of a fact holds.
impl FromIterator<(Fact, Value)> for Facts {
    fn from_iter<I: IntoIterator<Item = (Fact, Value)>>(said: I) -> Self {
        let mut facts = Self::default();
        for (fact, value) in said {
            facts.say(fact, value);
        }
        facts
    }
}

impl Release {
    /// Moves every place by so many files: for sources that join others.
    pub fn move_places(&mut self, files: u32) {
        let shift = |place: &mut Span| place.file.0 += files;
        for schema in self.schemas.values_mut() {
            shift(&mut schema.place);
            for item in &mut schema.items {
                shift(&mut item.place);
                item.members.iter_mut().for_each(|member| shift(&mut member.place));
            }
        }
    }

    /// What the emitted schemas of a model promise, on every target.
    #[must_use]
    pub fn of(model: &Model) -> Self {
        let api = Api::new(model);
        let schemas = model
            .emitted()
            .map(|(id, schema)| (schema.name.clone(), ReleasedSchema::of(model, &api.of(id), id)));
        Self { targets: Targets::all(), schemas: schemas.collect() }
    }
}

impl ReleasedSchema {
    fn of(model: &Model, api: &SchemaApi<'_>, id: SchemaId) -> Self {
        let schema = &model[id];
        let elsewhere = schema.dependencies.iter().map(|id| &model[*id]);
        let elsewhere = elsewhere.filter(|other| other.imported && other.name != CORE);
        let mut items = items::items(model, api, id);
        items.sort_by(|a, b| (a.kind, &a.name).cmp(&(b.kind, &b.name)));
        Self {
            version: schema.version,
            uses: elsewhere.map(|other| (other.name.clone(), other.version)).collect(),
            fingerprints: crate::emit::blobs::history(model, id),
            items,
            place: schema.origin,
        }
    }

    /// The item of a kind and name.
    #[must_use]
    pub fn item(&self, kind: ItemKind, name: &str) -> Option<&Item> {
        let at = self.items.binary_search_by(|item| (item.kind, &*item.name).cmp(&(kind, name)));
        self.items.get(at.ok()?)
    }
}

/// The schema of the format: it changes with the format, and nobody else's lock speaks about it.
const CORE: &str = "inspect.core";

impl ItemKind {
    /// Every kind.
    pub const ALL: [Self; 9] = [
        Self::Constant,
        Self::Enum,
        Self::Flags,
        Self::Properties,
        Self::Struct,
        Self::Entry,
        Self::Class,
        Self::Space,
        Self::Consumer,
    ];

    /// Its word.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Self::Constant => "const",
            Self::Enum => "enum",
            Self::Flags => "flags",
            Self::Properties => "properties",
            Self::Struct => "struct",
            Self::Entry => "entry",
            Self::Class => "class",
            Self::Space => "space",
            Self::Consumer => "consumer",
        }
    }
}

impl Item {
    /// The word before its name: what it is in the language.
    #[must_use]
    pub fn word(&self) -> &str {
        match self.kind {
            ItemKind::Struct => self.facts.text(Fact::Form),
            kind => kind.word(),
        }
    }

    /// Its name, or what it is called where the name is no key.
    #[must_use]
    pub fn title(&self) -> &str {
        if self.name.is_empty() { self.facts.text(Fact::Name) } else { &self.name }
    }

    /// The member with a name.
    #[must_use]
    pub fn member(&self, name: &str) -> Option<&Member> {
        let at = self.members.binary_search_by(|member| (*member.name).cmp(name)).ok()?;
        self.members.get(at)
    }
}
