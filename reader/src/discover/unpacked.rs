//! Annotations that nobody has packed, read where the loader has relocated them: the tables that the packer
//! would have made of them.
//!
//! The section's bytes are copied first, then the descriptors that its records refer to. What records mean,
//! what is one entry and which id it gets is decided by [`inspect_format::annotation`], for the packer and for
//! this module. Tables that stand among the annotations, because some objects were packed before they were
//! linked, are found by the walk and stay tables of their own: what both say of one region is shown twice.

use std::collections::{BTreeMap, BTreeSet};

use inspect_format::abi::{CoreEntry, Order};
use inspect_format::annotation::{
    self, Annotation, AnnotationError, Conflict, Entry, Location, Place, Rules, RulesError, Shown,
};
use inspect_format::bits;
use inspect_format::descriptor::{self, Descriptor, Part};
use inspect_format::history::History;
use inspect_format::ids::Ids;
use inspect_format::pairs::{Record, Records};
use inspect_format::root::offset_address;
use inspect_format::table::{TableWriter, WriteError};
use inspect_format::walk::{Fault, Memory, Tables};

use crate::memory::AddressSpace;

/// What was made of the annotations of one root.
#[derive(Debug, Default)]
pub(super) struct Unpacked {
    /// A table for each schema, by its name and version, and how many entries each has.
    pub(super) tables: Vec<(Vec<u8>, u64)>,
    /// What could not be read, one sentence each. Names in them are escaped.
    pub(super) failures: Vec<String>,
    /// Some of it would have needed more bytes than were left.
    pub(super) is_too_large: bool,
}

/// More schemas than any program has.
const MOST_SCHEMAS: usize = 1024;
/// More failures than anybody reads.
const MOST_FAILURES: usize = 32;
/// Memory is read in steps: what is not there is not made room for.
const STEP: u64 = 64 << 10;
/// Where a step cannot be read, the pages of it may be.
const PAGE: u64 = 4096;

/// Reads the annotations of the root that was walked. Everything together takes at most `left` bytes and what
/// goes with them.
pub(super) fn read(
    memory: &AddressSpace<'_>,
    walk: &Tables<'_, AddressSpace<'_>>,
    left: u64,
) -> Unpacked {
    let Some((address, size)) = walk.section() else { return Unpacked::default() };
    let (order, word_size) = (walk.order(), walk.root().word_size);
    let mut reading =
        Reading { memory, order, word_size, left, omitted: 0, found: Unpacked::default() };
    let section = reading.section(address, size);
    let schemas = reading.schemas(&section);
    reading.tables(&section, &schemas);
    reading.finish()
}

/// An address in the memory of the image. A pointer that is null there is the value of a symbol that nobody
/// defines: the packer's table would hold it too.
#[derive(Clone, Copy, Debug)]
struct Absolute(u64);

impl Place for Absolute {
    const NOWHERE: Self = Self(0);

    fn is_nowhere(&self) -> bool {
        false
    }

    fn is(&self, other: &Self) -> bool {
        self.0 == other.0
    }
}

/// What a descriptor refers to. Annotations of equal ones belong into one table.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Described {
    schema: u64,
    version: u32,
    fingerprint: u64,
    entry_size: u32,
    /// By [`Part`].
    parts: [Vec<u8>; 3],
}

impl Described {
    fn numbers(&self) -> Descriptor {
        Descriptor {
            size: 0,
            version: self.version,
            schema: self.schema,
            fingerprint: self.fingerprint,
            entry_size: self.entry_size,
            sizes: [0; 3],
        }
    }

    fn part(&self, part: Part) -> &[u8] {
        self.parts.get(part as usize).map_or(&[], Vec::as_slice)
    }

    fn size(&self) -> u64 {
        self.parts.iter().map(|part| part.len() as u64).sum()
    }
}

/// All schemas of a section.
#[derive(Debug, Default)]
struct Schemas {
    /// In the order in which they were met.
    all: Vec<Described>,
    /// The position of each descriptor's schema, by its address.
    by_descriptor: BTreeMap<u64, usize>,
}

/// Why a descriptor leads to no schema.
#[derive(Clone, Copy, Debug)]
enum Lost {
    Fault(Fault),
    NoDescriptor,
    TooLarge,
}

struct Reading<'m> {
    memory: &'m AddressSpace<'m>,
    order: Order,
    word_size: u8,
    /// Bytes that may still be taken.
    left: u64,
    /// Failures that are not told.
    omitted: usize,
    found: Unpacked,
}

impl Reading<'_> {
    /// The section's bytes, up to the first that is not there.
    fn section(&mut self, address: u64, size: u64) -> Vec<u8> {
        if !self.spend(size) {
            return Vec::new();
        }
        let (bytes, fault) = self.bytes(address, size);
        if let Some(Fault { address }) = fault {
            self.failure(format!(
                "what stands from {address:#x} on is not in the image: bring the program's file \
                 with `--image`"
            ));
        }
        bytes
    }

    /// The schemas that the records of the section refer to.
    fn schemas(&mut self, section: &[u8]) -> Schemas {
        let mut schemas = Schemas::default();
        let mut known: BTreeMap<Described, usize> = BTreeMap::new();
        // Where the first annotation of a descriptor that is lost stands, why, and how many there are.
        let mut lost: BTreeMap<u64, (String, Lost, usize)> = BTreeMap::new();
        for record in Records::new(section, self.order, self.word_size).flatten() {
            let at = record.descriptor;
            if schemas.by_descriptor.contains_key(&at) {
                continue;
            }
            if let Some((.., count)) = lost.get_mut(&at) {
                *count += 1;
                continue;
            }
            let is_full = schemas.by_descriptor.len() + lost.len() >= MOST_SCHEMAS;
            let described = if is_full { Err(Lost::TooLarge) } else { self.described(at) };
            match described {
                Ok(described) => {
                    let (next, size) = (known.len(), described.size());
                    let index = *known.entry(described).or_insert(next);
                    if index < next {
                        self.left = self.left.saturating_add(size);
                    }
                    schemas.by_descriptor.insert(at, index);
                }
                Err(Lost::TooLarge) => {
                    self.found.is_too_large = true;
                    break;
                }
                Err(why) => {
                    lost.insert(at, (place_of(&record), why, 1));
                }
            }
        }
        for (at, (place, why, count)) in lost {
            self.failure(lost_schema(at, &place, why, count));
        }
        let mut all: Vec<_> = known.into_iter().collect();
        all.sort_by_key(|(_, index)| *index);
        schemas.all = all.into_iter().map(|(described, _)| described).collect();
        schemas
    }

    /// What a descriptor refers to.
    fn described(&mut self, at: u64) -> Result<Described, Lost> {
        let mut bytes = [0; Descriptor::NUMBERS];
        self.memory.read(at, &mut bytes).map_err(Lost::Fault)?;
        let numbers = Descriptor::read(&bytes, self.order);
        if !numbers.is_possible(self.word_size) {
            return Err(Lost::NoDescriptor);
        }
        let mut parts = [const { Vec::new() }; 3];
        for (part, bytes) in Part::ALL.into_iter().zip(&mut parts) {
            let pointer = descriptor::pointer_at(part, self.word_size);
            let target = self.pointer(offset_address(at, pointer, self.word_size))?;
            let size = u64::from(numbers.part_size(part));
            if !self.spend(size) {
                return Err(Lost::TooLarge);
            }
            let (read, fault) = self.bytes(target, size);
            if let Some(fault) = fault {
                return Err(Lost::Fault(fault));
            }
            *bytes = read;
        }
        Ok(Described {
            schema: numbers.schema,
            version: numbers.version,
            fingerprint: numbers.fingerprint,
            entry_size: numbers.entry_size,
            parts,
        })
    }

    fn pointer(&self, at: u64) -> Result<u64, Lost> {
        let mut bytes = [0; 8];
        let word = bytes.get_mut(..usize::from(self.word_size)).ok_or(Lost::NoDescriptor)?;
        self.memory.read(at, word).map_err(Lost::Fault)?;
        let width = u32::from(self.word_size) * 8;
        bits::read(word, 0, width, self.order).ok_or(Lost::NoDescriptor)
    }

    /// Makes a table for each schema.
    fn tables(&mut self, section: &[u8], schemas: &Schemas) {
        let rules: Vec<_> = schemas
            .all
            .iter()
            .map(|it| Rules::read(&it.numbers(), it.part(Part::Schema), self.order))
            .collect();
        for error in rules.iter().filter_map(|it| it.as_ref().err()) {
            self.failure(unreadable(error));
        }
        let mut entries = self.entries(section, schemas, &rules);
        let of = |schema: usize| rules.get(schema).and_then(|it| it.as_ref().ok());
        let report = |it: Conflict<'_, '_, Absolute>| self.failure(conflict(&it));
        annotation::merge(&mut entries, of, report);
        let mut by_schema: BTreeMap<usize, Vec<Entry<'_, Absolute>>> = BTreeMap::new();
        for (schema, entry) in entries {
            by_schema.entry(schema).or_default().push(entry);
        }
        let named = |(index, entries)| Some((schemas.all.get(index)?, of(index)?, entries));
        let mut all: Vec<_> = by_schema.into_iter().filter_map(named).collect();
        all.sort_by_key(|(_, rules, _)| (rules.name, rules.version));
        for (described, rules, entries) in all {
            match self.table(described, rules, entries) {
                Ok(Some(table)) => self.found.tables.push(table),
                Ok(None) => self.found.is_too_large = true,
                Err(error) => {
                    let name = Shown(rules.name);
                    self.failure(format!("no table can be made of those of `{name}`: {error}"));
                }
            }
        }
    }

    /// The annotations that can be read, with the positions of their schemas.
    fn entries<'a>(
        &mut self,
        section: &'a [u8],
        schemas: &Schemas,
        rules: &[Result<Rules<'a>, RulesError<'a>>],
    ) -> Vec<(usize, Entry<'a, Absolute>)> {
        let mut entries = Vec::new();
        for record in Records::new(section, self.order, self.word_size) {
            let record = match record {
                Ok(record) => record,
                Err(error) => {
                    self.failure(error.to_string());
                    continue;
                }
            };
            let Some(index) = schemas.by_descriptor.get(&record.descriptor) else { continue };
            let Some(Ok(rules)) = rules.get(*index) else { continue };
            // Whatever is compared or written later is a row.
            if !self.spend(rules.entry_size.into()) {
                break;
            }
            match self.entry(&record, rules) {
                Ok(entry) => entries.push((*index, entry)),
                Err(error) => self.failure(format!("{}: {error}", place_of(&record))),
            }
        }
        entries
    }

    fn entry<'a>(
        &self,
        record: &Record<'a>,
        rules: &Rules<'a>,
    ) -> Result<Entry<'a, Absolute>, AnnotationError<'a>> {
        let place = |location, _| match location {
            Location::Pointer { value, .. } => Absolute(value),
            Location::Number(number) => Absolute(offset_address(0, number, self.word_size)),
        };
        Entry::of(&Annotation::read(record)?, rules, place)
    }

    /// A table of entries in the order of class, name and instance, and how many it has; nothing if it is too
    /// large. Its rows stand in the order of class and id.
    fn table<'a>(
        &mut self,
        described: &Described,
        rules: &Rules<'a>,
        entries: Vec<Entry<'a, Absolute>>,
    ) -> Result<Option<(Vec<u8>, u64)>, WriteError> {
        let found = Ids::of(rules.name, entries.iter().map(Entry::key));
        for (first, later) in &found.repeated {
            if let (Some(first), Some(later)) = (entries.get(*first), entries.get(*later)) {
                self.failure(same_id(first, later));
            }
        }
        let refused: BTreeSet<_> = found.repeated.into_iter().map(|(_, later)| later).collect();
        let rows = entries.iter().zip(found.ids).enumerate();
        let rows = rows.filter(|(index, _)| !refused.contains(index)).map(|(_, row)| row);
        let mut rows: Vec<_> = rows.collect();
        rows.sort_by_key(|(entry, id)| (entry.number, *id));
        if !self.spend(described.size()) {
            return Ok(None);
        }
        let mut writer = self.writer(described, rules)?;
        let size = (rules.entry_size as usize).saturating_sub(CoreEntry::SIZE);
        let mut fields = vec![0; size];
        let count = rows.len() as u64;
        for (entry, id) in rows {
            let mut core = entry.core(id, &mut writer)?;
            (core.address, core.bound) = (entry.address.0, entry.bound.0);
            entry.write_fields(rules, self.order, &mut fields, &mut writer)?;
            writer.row(&core, &fields)?;
        }
        let bytes = writer.finish();
        Ok(Some((bytes, count)))
    }

    fn writer(&self, described: &Described, rules: &Rules<'_>) -> Result<TableWriter, WriteError> {
        let history = History::parse(described.part(Part::History), self.order);
        let history: Vec<u64> = history.iter().flat_map(History::iter).collect();
        let (name, version, size) = (rules.name, rules.version, rules.entry_size);
        let mut writer =
            TableWriter::new(self.order, self.word_size, name, version, size, &history)?;
        writer
            .fingerprint(rules.fingerprint)
            .schema(described.part(Part::Schema))
            .types(described.part(Part::Types));
        Ok(writer)
    }

    /// As many bytes of memory as are there, and what ended them.
    fn bytes(&self, address: u64, size: u64) -> (Vec<u8>, Option<Fault>) {
        let mut bytes = Vec::new();
        let (mut at, mut step) = (0, STEP);
        while at < size {
            let start = offset_address(address, at, self.word_size);
            // Up to the next page's end, so that whole pages are there or not.
            let length = (step - start % PAGE).min(size - at);
            bytes.resize((at + length) as usize, 0);
            let place = bytes.get_mut(at as usize..).unwrap_or_default();
            match self.memory.read(start, place) {
                Ok(()) => at += length,
                Err(fault) => {
                    bytes.truncate(at as usize);
                    if step == PAGE {
                        return (bytes, Some(fault));
                    }
                    step = PAGE;
                }
            }
        }
        (bytes, None)
    }

    /// Takes from what is left, if it is enough.
    fn spend(&mut self, size: u64) -> bool {
        match self.left.checked_sub(size) {
            Some(left) => self.left = left,
            None => self.found.is_too_large = true,
        }
        !self.found.is_too_large
    }

    fn failure(&mut self, what: String) {
        match self.found.failures.len() < MOST_FAILURES {
            true => self.found.failures.push(what),
            false => self.omitted += 1,
        }
    }

    fn finish(mut self) -> Unpacked {
        if self.omitted > 0 {
            self.found.failures.push(format!("{} more", self.omitted));
        }
        self.found
    }
}

/// Where an annotation says that it stands.
fn place_of(record: &Record<'_>) -> String {
    let line = record.integer("line").unwrap_or_default();
    match record.text("file") {
        Some(file) => format!("{}:{line}", Shown(file)),
        None => format!("at offset {:#x} of the annotations", record.offset),
    }
}

fn unreadable(error: &RulesError<'_>) -> String {
    format!("a schema cannot be read: {error}")
}

fn lost_schema(at: u64, place: &str, why: Lost, count: usize) -> String {
    let what = match why {
        Lost::Fault(Fault { address }) => {
            format!("{address:#x} is not in the image: bring the program's file with `--image`")
        }
        Lost::NoDescriptor | Lost::TooLarge => format!("no descriptor lies at {at:#x}"),
    };
    match count - 1 {
        0 => format!("{place}: its schema cannot be read: {what}"),
        more => format!("{place} and {more} more: their schema cannot be read: {what}"),
    }
}

fn conflict(it: &Conflict<'_, '_, Absolute>) -> String {
    let (first, other) = (it.first, it.other);
    let (name, class) = (Shown(other.name), Shown(other.class));
    let what = match it.is_same_place {
        true => "says something else of one region",
        false => "is of another region",
    };
    format!(
        "{}: `{name}` {} of class `{class}` {what} than {}",
        entry_place(other),
        other.instance,
        entry_place(first)
    )
}

fn same_id(first: &Entry<'_, Absolute>, later: &Entry<'_, Absolute>) -> String {
    let (class, id) = (Shown(later.class), later.id.unwrap_or_default());
    let (here, there) = (entry_place(later), entry_place(first));
    format!("{here}: it has the id {id} of class `{class}`, which {there} has already")
}

fn entry_place(entry: &Entry<'_, Absolute>) -> String {
    match (entry.file, entry.line) {
        ("", _) => format!("the annotation of `{}`", Shown(entry.name)),
        (file, line) => format!("{}:{line}", Shown(file)),
    }
}
