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
//! A glob has `*`, `?` and `[a-z]`; numbers are decimal or begin with `0x`. Where nothing is meant, [`Unmet`] says which
//! term it is, and what was perhaps to be written.

use std::fmt;
use std::str::FromStr;

use glob::Pattern;

use crate::catalog::{Catalog, Entry, NamedTable};
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

/// Why no entry is meant.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Unmet {
    /// A term that holds for no entry by itself.
    Term {
        /// As it was written.
        term: String,
        /// The same with a word that holds for something, if one is near. Escape it.
        meant: Option<String>,
    },
    /// Each term holds for some entry, and all of them for none.
    Together,
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

    /// The first property of the terms that no table knows by that name, and the term that was meant
    /// perhaps: one about it would hold for all entries, or for none, and mean nothing.
    #[must_use]
    pub fn unknown_property(&self, catalogs: &[&Catalog<'_>]) -> Option<(&str, Option<String>)> {
        let is_known = |name: &str| {
            let mut tables = catalogs.iter().flat_map(|catalog| &catalog.tables);
            tables.any(|table| table.names.property(name).is_some())
        };
        self.0.iter().find_map(|term| match &term.kind {
            TermKind::Property { name, .. } if !is_known(name) => {
                Some((name.as_str(), term.meant(catalogs)))
            }
            _ => None,
        })
    }

    /// Why no entry of these images is meant; nothing where there are no terms, since then all are.
    /// Whoever asks has found that none is.
    #[must_use]
    pub fn unmet(&self, sides: &[(&Catalog<'_>, &Image)]) -> Option<Unmet> {
        let holds = |term: &Term| {
            sides
                .iter()
                .any(|(catalog, image)| catalog.entries().any(|it| term.matches(&it, image)))
        };
        let Some(term) = self.0.iter().find(|term| !holds(term)) else {
            return (!self.is_empty()).then_some(Unmet::Together);
        };
        let catalogs: Vec<_> = sides.iter().map(|(catalog, _)| *catalog).collect();
        Some(Unmet::Term { term: term.text.clone(), meant: term.meant(&catalogs) })
    }

    /// The terms that are a word without a key.
    pub fn words(&self) -> impl Iterator<Item = &str> {
        self.0.iter().filter(|it| matches!(it.kind, TermKind::Word(_))).map(|it| it.text.as_str())
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

impl Term {
    /// The same term with the word that was meant, if one is near.
    fn meant(&self, catalogs: &[&Catalog<'_>]) -> Option<String> {
        let written = match self.text.split_once(':') {
            None => self.text.as_str(),
            Some((_, value)) => value.trim_start_matches('!'),
        };
        let before = self.text.strip_suffix(written)?;
        let words = catalogs.iter().flat_map(|catalog| self.words(catalog));
        let near = words.filter_map(|word| Some((distance(written, &word)?, word)));
        let (_, word) = near.min()?;
        // Whoever copies it gets this word, and not what a glob in it would mean.
        Some(format!("{before}{}", Pattern::escape(&word)))
    }

    /// What could stand in the term, as far as an image knows it.
    fn words(&self, catalog: &Catalog<'_>) -> Vec<String> {
        let tables = || catalog.tables.iter();
        let classes = || {
            let declared = tables().flat_map(|it| it.names.classes());
            declared.map(|class| class.name.to_owned())
        };
        let names = || catalog.entries().filter_map(|it| it.name().ok().map(str::to_owned));
        match &self.kind {
            TermKind::Class(_) => classes().collect(),
            TermKind::Name(_) => names().collect(),
            TermKind::Word(_) => classes().chain(names()).collect(),
            TermKind::Type(_) => {
                catalog.entries().filter_map(|it| it.type_name().map(str::to_owned)).collect()
            }
            TermKind::Schema(_) => tables().map(NamedTable::schema_name).collect(),
            TermKind::Object(_) => {
                let base = |place: &str| place.rsplit('/').next().unwrap_or_default().to_owned();
                tables().map(|it| base(&it.found.place)).collect()
            }
            TermKind::Property { .. } => tables()
                .flat_map(|it| it.names.properties(u64::MAX).names)
                .map(str::to_owned)
                .collect(),
            TermKind::ClassNumber(_)
            | TermKind::Id(_)
            | TermKind::Address(_)
            | TermKind::Instance(_) => Vec::new(),
        }
    }
}

/// How far a word is from what was written, if it is near: a slip in three letters. A word that
/// begins so, or ends so behind a dot, is near too, and further than any slip.
fn distance(written: &str, word: &str) -> Option<usize> {
    // Names come from the image; what is as long as this nobody mistypes.
    const LONGEST: usize = 64;
    if written.len() < 2 || written.len() > LONGEST || word.len() > LONGEST {
        return None;
    }
    let is_part = word.starts_with(written)
        || word.strip_suffix(written).is_some_and(|rest| rest.ends_with('.'));
    // What is declared and has no entry is no slip.
    let slips = Some(strsim::osa_distance(written, word)).filter(|slips| *slips > 0)?;
    let limit = (written.chars().count() / 3).max(1);
    match slips <= limit {
        true => Some(slips),
        false => is_part.then_some(LONGEST),
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
    // Entries may have no name; everything else has something to be called by.
    if value.trim_start_matches('!').is_empty() && key != "name" {
        let message = format!("`{key}:` says nothing; write what is meant behind the colon");
        return Err(TermError { message });
    }
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

impl fmt::Display for Unmet {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Term { term, .. } => write!(f, "`{term}` holds for no entry"),
            Self::Together => f.write_str("each term holds for some entry, all of them for none"),
        }
    }
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
