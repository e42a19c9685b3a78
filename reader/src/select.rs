//! Which entries are meant: terms that must all hold.
//!
//! | term | holds for entries |
//! |---|---|
//! | `class:GLOB` | of a class with such a name, or with this number |
//! | `name:GLOB` | with such a name |
//! | `id:N` | with this id |
//! | `prop:NAME` | with this property; `prop:!NAME` without it |
//! | `type:GLOB` | that point at such a type |
//! | `addr:N` | whose memory holds this address |
//! | `instance:N` | of this instance |
//! | `schema:GLOB` | of tables of such a schema |
//! | `object:GLOB` | of tables in such an object |
//! | `WORD` | whose class or name is such a word, which may be a glob |
//!
//! A glob has `*`, `?` and `[a-z]`; numbers are decimal or begin with `0x`.

use std::fmt;
use std::str::FromStr;

use glob::Pattern;

use crate::catalog::{Catalog, Entry};
use crate::image::Image;

/// Terms that must all hold.
#[derive(Clone, Debug, Default)]
pub struct Selector(Vec<Term>);

/// One term.
#[derive(Clone, Debug)]
pub struct Term {
    text: String,
    kind: TermKind,
}

#[derive(Clone, Debug)]
enum TermKind {
    Class(Pattern),
    ClassNumber(u32),
    Name(Pattern),
    Id(u32),
    Property { name: String, is_set: bool },
    Type(Pattern),
    Address(u64),
    Instance(u64),
    Schema(Pattern),
    Object(Pattern),
    Word(Pattern),
}

/// A term that is none.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TermError {
    /// What is wrong, for one line.
    pub message: String,
}

impl Selector {
    /// All of these terms.
    #[must_use]
    pub fn new(terms: Vec<Term>) -> Self {
        Self(terms)
    }

    /// Whether there are no terms: everything is meant.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The first property of the terms that no table knows by that name: a term about it would hold
    /// for all entries, or for none, and mean nothing.
    #[must_use]
    pub fn unknown_property(&self, catalogs: &[&Catalog<'_>]) -> Option<&str> {
        let is_known = |name: &str| {
            let mut tables = catalogs.iter().flat_map(|catalog| &catalog.tables);
            tables.any(|table| table.names.property(name).is_some())
        };
        self.0.iter().find_map(|term| match &term.kind {
            TermKind::Property { name, .. } if !is_known(name) => Some(name.as_str()),
            _ => None,
        })
    }

    /// Whether an entry is meant. The image tells where its memory lies now.
    #[must_use]
    pub fn matches(&self, entry: &Entry<'_>, image: &Image) -> bool {
        self.0.iter().all(|term| term.matches(entry, image))
    }
}

impl Term {
    fn matches(&self, entry: &Entry<'_>, image: &Image) -> bool {
        let class = || entry.class_text();
        match &self.kind {
            TermKind::Class(glob) => glob.matches(&class()),
            TermKind::ClassNumber(number) => entry.row.class() == *number,
            TermKind::Name(glob) => glob.matches(entry.name().unwrap_or_default()),
            TermKind::Id(id) => entry.row.id() == *id,
            TermKind::Property { name, is_set } => has_property(entry, name) == *is_set,
            TermKind::Type(glob) => glob.matches(entry.type_name().unwrap_or_default()),
            TermKind::Address(address) => holds(entry, image, *address),
            TermKind::Instance(instance) => entry.row.instance() == *instance,
            TermKind::Schema(glob) => glob.matches(&entry.table.schema_name()),
            TermKind::Object(glob) => {
                let place = &entry.table.found.place;
                glob.matches(place) || glob.matches(place.rsplit('/').next().unwrap_or_default())
            }
            TermKind::Word(glob) => {
                glob.matches(&class()) || glob.matches(entry.name().unwrap_or_default())
            }
        }
    }
}

fn has_property(entry: &Entry<'_>, name: &str) -> bool {
    let mask = entry.table.names.property(name);
    mask.is_some_and(|mask| entry.row.properties() & mask != 0)
}

/// Whether an address lies in the memory of an entry, or is its own where that is all one knows.
fn holds(entry: &Entry<'_>, image: &Image, address: u64) -> bool {
    if entry.row.address() == address {
        return true;
    }
    entry.span(image).is_ok_and(|span| {
        address.checked_sub(span.address).is_some_and(|inside| inside < span.length)
    })
}

impl FromStr for Term {
    type Err = TermError;

    fn from_str(text: &str) -> Result<Self, TermError> {
        let kind = match text.split_once(':') {
            None => TermKind::Word(glob(text)?),
            Some((key, value)) => keyed(key, value)?,
        };
        Ok(Self { text: text.to_owned(), kind })
    }
}

fn keyed(key: &str, value: &str) -> Result<TermKind, TermError> {
    const KEYS: &str =
        "`class`, `name`, `id`, `prop`, `type`, `addr`, `instance`, `schema` and `object`";
    Ok(match key {
        "class" => match value.strip_prefix("0x") {
            Some(_) => TermKind::ClassNumber(small(value)?),
            None => TermKind::Class(glob(value)?),
        },
        "name" => TermKind::Name(glob(value)?),
        "id" => TermKind::Id(small(value)?),
        "prop" => match value.strip_prefix('!') {
            Some(name) => TermKind::Property { name: name.to_owned(), is_set: false },
            None => TermKind::Property { name: value.to_owned(), is_set: true },
        },
        "type" => TermKind::Type(glob(value)?),
        "addr" => TermKind::Address(number(value)?),
        "instance" => TermKind::Instance(number(value)?),
        "schema" => TermKind::Schema(glob(value)?),
        "object" => TermKind::Object(glob(value)?),
        _ => {
            let message = format!("`{key}` is no key; there are {KEYS}");
            return Err(TermError { message });
        }
    })
}

fn glob(text: &str) -> Result<Pattern, TermError> {
    Pattern::new(text).map_err(|error| TermError { message: format!("`{text}`: {error}") })
}

fn number(text: &str) -> Result<u64, TermError> {
    let found = match text.strip_prefix("0x") {
        Some(digits) => u64::from_str_radix(digits, 16),
        None => text.parse(),
    };
    found.map_err(|_| TermError {
        message: format!("`{text}` is no number; write 26 or 0x1a, 64 bits at most"),
    })
}

fn small(text: &str) -> Result<u32, TermError> {
    let message = format!("`{text}` has more than 32 bits");
    u32::try_from(number(text)?).map_err(|_| TermError { message })
}

impl fmt::Display for Term {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

impl std::error::Error for TermError {}

impl fmt::Display for TermError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}
