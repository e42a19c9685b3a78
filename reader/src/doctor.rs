//! What is wrong with the tables of an image, and how they were found.
//!
//! Everything that the other commands pass over in silence, or say on one line, is a [`Finding`]
//! here: objects whose tables cannot be read, rows that somebody was writing, names that are not
//! there, memory that the image lacks.

use std::collections::BTreeMap;

use inspect_format::abi::{extent, space};
use inspect_format::walk::SpanError;

use crate::catalog::{Catalog, Entry, Error, NamedTable, State};
use crate::contents::Contents;
use crate::digits::hex;
use crate::discover::{Attempt, Discovery, Failure, Found, Origin};
use crate::dump::{Captures, Readable};
use crate::image::{Image, Kind};
use crate::map::{Map, RelationKind};
use inspect_format::notes::capture::Status;

/// What was looked at, and what is wrong with it.
#[derive(Debug)]
pub struct Report<'i> {
    /// The objects of the image, and whatever else has tables.
    pub objects: Vec<Examined<'i>>,
    /// In the order in which they were met.
    pub findings: Vec<Finding>,
}

/// An object, with what led to its tables.
#[derive(Debug)]
pub struct Examined<'i> {
    /// Its name. Escape it.
    pub name: String,
    /// Its build-id, in hexadecimal.
    pub build_id: Option<String>,
    /// What was tried.
    pub attempts: Vec<&'i Attempt>,
    /// Its tables: how many of each origin.
    pub origins: BTreeMap<Origin, usize>,
    /// Its entries.
    pub entries: u64,
}

/// Something that is wrong.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Finding {
    /// In a word.
    pub kind: FindingKind,
    /// The object, file or note. Escape it.
    pub place: String,
    /// What is wrong, on one line. Escape it.
    pub message: String,
}

/// The kinds of findings.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum FindingKind {
    /// The file is not whole.
    Damaged,
    /// A table, or what leads to it, cannot be read.
    Unreadable,
    /// Annotations that nobody has packed.
    Unpacked,
    /// Nothing describes a table.
    Undescribed,
    /// The types of a table cannot be read, and its memory is bytes.
    Types,
    /// Rows that a writer was at work at.
    Torn,
    /// Rows that changed whenever they were read.
    Busy,
    /// A name that is not there.
    Name,
    /// A class that the description does not have.
    Class,
    /// Two entries with one identity.
    Twice,
    /// An entry whose memory cannot be found.
    Place,
    /// Memory that the image lacks.
    Missing,
    /// Regions that share some of their bytes.
    Overlap,
}

/// Entries of one kind of finding that are told one by one; the rest is a number.
const TOLD_MAX: usize = 20;

/// Looks at everything.
#[must_use]
pub fn examine<'i>(
    image: &'i Image,
    discovery: &'i Discovery,
    catalog: &Catalog<'_>,
    errors: &[(&Found, Error)],
) -> Report<'i> {
    let mut findings = Findings::default();
    for remark in image.remarks.iter().filter(|remark| remark.is_damage()) {
        findings.add(FindingKind::Damaged, &image.name, remark.text.clone());
    }
    for attempt in &discovery.attempts {
        findings.attempt(attempt);
    }
    for (found, error) in errors {
        findings.add(FindingKind::Unreadable, &found.place, error.to_string());
    }
    for unused in &catalog.unused {
        let message = "it describes no table of this target".to_owned();
        findings.add(FindingKind::Undescribed, &unused.name, message);
    }
    for table in &catalog.tables {
        findings.table(table);
    }
    let captures = findings.captures(image);
    // A file of tables has no memory, and a program has none before it runs.
    if !matches!(image.kind, Kind::TableFile | Kind::Elf | Kind::Relocatable) {
        findings.memory(image, catalog, captures.as_ref());
    }
    findings.overlaps(&Map::new(image, catalog, &|_| true));
    Report { objects: objects(image, discovery, catalog), findings: findings.finish() }
}

/// The objects of the image, and behind them whatever else has tables.
fn objects<'i>(
    image: &'i Image,
    discovery: &'i Discovery,
    catalog: &Catalog<'_>,
) -> Vec<Examined<'i>> {
    let mut objects: Vec<Examined<'_>> = Vec::new();
    for object in &image.objects {
        let build_id = object.build_id.as_ref().map(|id| hex(id));
        objects.push(Examined { build_id, ..Examined::new(object.name.clone()) });
    }
    let mut places: BTreeMap<String, usize> = BTreeMap::new();
    for (index, object) in objects.iter().enumerate() {
        places.entry(object.name.clone()).or_insert(index);
    }
    let mut place = |objects: &mut Vec<Examined<'i>>, name: &str| {
        *places.entry(name.to_owned()).or_insert_with(|| {
            objects.push(Examined::new(name.to_owned()));
            objects.len() - 1
        })
    };
    for attempt in &discovery.attempts {
        let index = place(&mut objects, &attempt.place);
        if let Some(object) = objects.get_mut(index) {
            object.attempts.push(attempt);
        }
    }
    for found in &discovery.tables {
        let index = place(&mut objects, &found.place);
        if let Some(object) = objects.get_mut(index) {
            *object.origins.entry(found.origin).or_default() += 1;
        }
    }
    for table in &catalog.tables {
        let index = place(&mut objects, &table.found.place);
        if let Some(object) = objects.get_mut(index) {
            object.entries += table.entries().count() as u64;
        }
    }
    objects
}

impl Examined<'_> {
    fn new(name: String) -> Self {
        let (attempts, origins) = (Vec::new(), BTreeMap::new());
        Self { name, build_id: None, attempts, origins, entries: 0 }
    }

    /// Whether anything led to tables in it, or failed to.
    #[must_use]
    pub fn has_something_to_tell(&self) -> bool {
        let tells = |it: &&'_ Attempt| !matches!(it.failure, Some(Failure::Nothing));
        !self.origins.is_empty() || self.attempts.iter().any(tells)
    }
}

/// Findings, of which there may be one for each of a million entries.
#[derive(Default)]
struct Findings {
    told: Vec<Finding>,
    counts: BTreeMap<(String, &'static str), (FindingKind, usize)>,
}

impl Findings {
    fn add(&mut self, kind: FindingKind, place: &str, message: String) {
        let key = (place.to_owned(), kind.word());
        let (_, count) = self.counts.entry(key).or_insert((kind, 0));
        *count += 1;
        if *count <= TOLD_MAX {
            self.told.push(Finding { kind, place: place.to_owned(), message });
        }
    }

    fn finish(self) -> Vec<Finding> {
        let mut all = self.told;
        for ((place, _), (kind, count)) in self.counts {
            if count > TOLD_MAX {
                let message = format!("{} more of the same kind", count - TOLD_MAX);
                all.push(Finding { kind, place, message });
            }
        }
        all
    }

    fn entry(&mut self, kind: FindingKind, entry: &Entry<'_>, message: &str) {
        let place = &entry.table.found.place;
        self.add(kind, place, format!("{}: {message}", called(entry)));
    }

    fn attempt(&mut self, attempt: &Attempt) {
        match &attempt.failure {
            // An object without a root has nothing to tell, as most have.
            None | Some(Failure::Nothing) => {}
            Some(Failure::Unpacked(why)) => {
                let message = format!("annotations are not packed, and cannot be read: {why}");
                self.add(FindingKind::Unpacked, &attempt.place, message);
            }
            Some(failure) => {
                let message = format!("by its {}: {failure}", attempt.found_by);
                self.add(FindingKind::Unreadable, &attempt.place, message);
            }
        }
    }

    fn table(&mut self, table: &NamedTable<'_>) {
        let (place, schema) = (&table.found.place, table.schema_name());
        if table.found.origin == Origin::Unpacked {
            let message = format!("the annotations of {schema} are not packed");
            self.add(FindingKind::Unpacked, place, message);
        }
        if table.names.schema().is_none() {
            let message = format!("nothing describes {schema}; `--schema FILE` can");
            self.add(FindingKind::Undescribed, place, message);
        }
        if let Some(error) = Contents::new(table).error {
            let message = format!("the types of {schema}: {error}");
            self.add(FindingKind::Types, place, message);
        }
        let summary = table.found.summary;
        if summary.torn > 0 {
            let message =
                format!("{} rows of {schema} were being written, or never finished", summary.torn);
            self.add(FindingKind::Torn, place, message);
        }
        if summary.busy > 0 {
            let message = format!("{} rows of {schema} changed whenever read", summary.busy);
            self.add(FindingKind::Busy, place, message);
        }
        let mut seen = BTreeMap::new();
        for entry in table.entries().filter(|entry| entry.state() != State::Torn) {
            let name = match entry.name() {
                Ok(name) => name,
                Err(error) => {
                    let message = format!("its name: {error}");
                    self.entry(FindingKind::Name, &entry, &message);
                    continue;
                }
            };
            if table.names.schema().is_some() && entry.class().is_none() {
                self.entry(FindingKind::Class, &entry, "no such class in the description");
            }
            let (class, instance) = (entry.row.class(), entry.row.instance());
            // Without a name, several may be alike.
            if !name.is_empty() && seen.insert((class, name, instance), ()).is_some() {
                self.entry(FindingKind::Twice, &entry, "another entry has this identity");
            }
        }
    }

    /// What a dump says about itself.
    fn captures(&mut self, image: &Image) -> Option<Captures> {
        let read = Captures::read(image.capture.as_ref()?.bytes());
        let fault = match &read {
            Ok(captures) => captures.fault,
            Err(error) => Some(*error),
        };
        if let Some(error) = fault {
            let message = format!("what the dump says about itself: {error}");
            self.add(FindingKind::Unreadable, &image.name, message);
        }
        read.ok()
    }

    /// Entries whose memory is not in the image, but for what a dump has left out.
    fn memory(&mut self, image: &Image, catalog: &Catalog<'_>, captures: Option<&Captures>) {
        let readable = Readable::new(image.memory.as_ref(), &[]);
        for entry in catalog.entries().filter(|entry| entry.state() != State::Torn) {
            let carried = entry.table.found.carried;
            let outcome = captures.and_then(|it| it.get(carried?, entry.schema(), entry.index));
            if outcome.is_some_and(|it| it.status != Status::Captured) {
                continue;
            }
            if entry.row.space() != space::VIRTUAL || entry.extent() == extent::ADDRESS_ONLY {
                continue;
            }
            match entry.span(image) {
                Ok(span) => {
                    let there = readable.from(span.address, span.length);
                    if there < span.length {
                        self.missing(image, &entry, span.address, span.length, there);
                    }
                }
                Err(SpanError::Null) => {}
                Err(error) => self.entry(FindingKind::Place, &entry, &error.to_string()),
            }
        }
    }

    fn missing(&mut self, image: &Image, entry: &Entry<'_>, address: u64, length: u64, there: u64) {
        let first = address.saturating_add(there);
        let read = image.memory.read(space::VIRTUAL, first, &mut [0]);
        let why = read.err().map_or_else(String::new, |missing| format!(": {missing}"));
        let message = format!("{} of its {length} bytes are missing{why}", length - there);
        self.entry(FindingKind::Missing, entry, &message);
    }

    fn overlaps(&mut self, map: &Map<'_>) {
        for region in &map.regions {
            let Some(relation) = region.relation else { continue };
            let Some(other) = map.regions.get(relation.other) else { continue };
            if relation.kind == RelationKind::Partial {
                let shared = other.end() - region.start;
                let message = format!("shares {shared} bytes with {}", called(&other.entry));
                self.entry(FindingKind::Overlap, &region.entry, &message);
            }
        }
    }
}

/// An entry as one would call it in a sentence.
fn called(entry: &Entry<'_>) -> String {
    let class = entry.class_text();
    let name = entry.name().unwrap_or_default();
    let instance = match entry.row.instance() {
        0 => String::new(),
        instance => format!("[{instance}]"),
    };
    if name.is_empty() {
        return format!("{class}{instance} at {:#x}", entry.row.address());
    }
    format!("{class}{instance} `{name}`")
}

impl FindingKind {
    /// In a word.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Self::Damaged => "damaged",
            Self::Unreadable => "unreadable",
            Self::Unpacked => "unpacked",
            Self::Undescribed => "undescribed",
            Self::Types => "types",
            Self::Torn => "torn",
            Self::Busy => "busy",
            Self::Name => "name",
            Self::Class => "class",
            Self::Twice => "twice",
            Self::Place => "place",
            Self::Missing => "missing",
            Self::Overlap => "overlap",
        }
    }
}
