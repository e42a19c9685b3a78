//! Entries: what annotations say, checked against their schema. Tables that stand in the image already give
//! up their entries too, so that an image that was packed in parts ends with one table a schema.

use std::collections::BTreeMap;

use inspect_format::abi::{self, CoreEntry, DirectoryRecord, Header, Order, extent, section_kind};
use inspect_format::annotation::{
    self, Annotation, AnnotationError, AnnotationErrorKind, Conflict, Expected, FieldKind,
    FieldValue, KEYS, LONGEST_TEXT, Location, Place as _, Rules,
};
use inspect_format::bits;
use inspect_format::pairs::{PairError, Piece, Pieces, Record, Records, Value};
use inspect_format::table::{Prefix, checksum};

use super::elf::Elf;
use super::finding::{Finding, MOST_FINDINGS, Result, SourcePlace, near, shown};
use super::image::{Chunk, Image, Target};
use super::schemas::{self, Carried, Schema, SchemaFile};
use crate::diag::Code;

/// Everything that was found in an image.
#[derive(Debug, Default)]
pub(super) struct Collected<'a> {
    pub(super) schemas: Vec<Schema<'a>>,
    /// With the position of their schema.
    pub(super) entries: Vec<(usize, Entry<'a>)>,
    /// How many annotations there were, and their bytes.
    pub(super) annotations: usize,
    pub(super) annotation_bytes: u64,
    /// How many tables stood there already.
    pub(super) tables: usize,
    /// What the first of them says that it was packed by.
    pub(super) generator: Option<&'a str>,
    /// Repetitions of one annotation.
    pub(super) repeated: usize,
    /// Places of fields that debug information told.
    pub(super) places: usize,
    /// What is wrong.
    pub(super) findings: Vec<Finding>,
}

/// An entry of a table, whose addresses a linker may still have to fill in.
pub(super) type Entry<'a> = annotation::Entry<'a, Target>;

/// Where the annotation of an entry stands.
pub(super) fn place(entry: &Entry<'_>) -> SourcePlace {
    SourcePlace { file: entry.file.to_owned(), line: entry.line }
}

/// Reads all annotations and tables of an image.
pub(super) fn collect<'a>(
    image: &dyn Image<'a>,
    chunks: &[Chunk<'a>],
    brought: &[SchemaFile<'a>],
) -> Collected<'a> {
    let found = Collected::default();
    let mut collector =
        Collector { image, brought, known: Vec::new(), packed: Vec::new(), last: None, found };
    let (order, word_size) = (image.elf().order, image.elf().word_size);
    for chunk in chunks {
        for piece in Pieces::new(chunk.bytes, order, word_size) {
            let result = match piece {
                Ok(Piece::Record(record)) => collector.annotation(chunk, &record),
                Ok(Piece::Table(at, bytes)) => collector.table(chunk, at as u64, bytes),
                Err(error) => Err(collector.stray(&error)),
            };
            if let Err(finding) = result {
                collector.found.findings.push(finding);
            }
            if collector.found.findings.len() >= MOST_FINDINGS {
                return collector.found;
            }
        }
    }
    collector.found
}

/// More schemas than any program has. Each is read whole, and a file may overlay as many as it likes.
const MOST_SCHEMAS: usize = 1024;

/// A schema's number, its version, its fingerprint, and the size of its rows.
type Numbers = (u64, u32, u64, u32);

fn too_many_schemas() -> Finding {
    Finding::new(Code::E0909, format!("its schemas overlap, or are more than {MOST_SCHEMAS}"))
        .help("link the image again from objects that are whole")
}

struct Collector<'i, 'a> {
    image: &'i dyn Image<'a>,
    brought: &'i [SchemaFile<'a>],
    /// Descriptors that were met, and the positions of their schemas.
    known: Vec<(Target, std::result::Result<usize, ()>)>,
    /// Tables that were met: their schema's numbers, where its parts are, and its position.
    packed: Vec<(Numbers, [Target; 3], usize)>,
    /// The annotation that was read last.
    last: Option<Record<'a>>,
    found: Collected<'a>,
}

impl<'a> Collector<'_, 'a> {
    /// What is neither an annotation nor a table; the annotation before it tells where that may be.
    fn stray(&self, error: &PairError) -> Finding {
        let finding = Finding::new(Code::E0903, error.to_string())
            .help("annotate with the macros of the generated header, or of the Rust runtime");
        match &self.last {
            Some(last) => finding.also(place_of(last), "the annotation before it stands here"),
            None => finding,
        }
    }

    fn annotation(&mut self, chunk: &Chunk<'a>, record: &Record<'a>) -> Result<()> {
        self.found.annotations += 1;
        self.found.annotation_bytes += record.size as u64;
        self.last = Some(*record);
        // The descriptor is the address of the first pair.
        let descriptor = chunk.pointer((record.offset + abi::Pair::ADDRESS_AT) as u64);
        // A library may export it; it describes this one all the same.
        let descriptor = self.image.own(descriptor);
        let Some(schema) = self.schema(&descriptor).map_err(|it| it.at(place_of(record)))? else {
            return Ok(());
        };
        let rules = &self.found.schemas[schema].rules;
        let target = |location, space| match location {
            Location::Pointer { at, .. } => chunk.pointer(at as u64),
            Location::Number(number) => Target::of_number(number, self.image.elf(), space),
        };
        let entry = Annotation::read(record).and_then(|it| Entry::of(&it, rules, target));
        let entry = entry.map_err(|error| finding_of(&error, rules).at(place_of(record)))?;
        self.found.entries.push((schema, entry));
        Ok(())
    }

    /// The position of a descriptor's schema; nothing where it has been found wanting before.
    fn schema(&mut self, descriptor: &Target) -> Result<Option<usize>> {
        if let Some((_, known)) = self.known.iter().find(|(target, _)| target.is(descriptor)) {
            return Ok(known.ok());
        }
        if matches!(descriptor, Target::Null) {
            return Err(Finding::new(Code::E0908, "the annotation refers to no schema")
                .help("annotate with the macros that were generated for a schema"));
        }
        if self.known.len() >= MOST_SCHEMAS {
            return Err(too_many_schemas());
        }
        let schema = schemas::Found::of(self.image, descriptor, self.brought);
        let position = schema.and_then(|schema| self.position(schema));
        let known = position.as_ref().map(|position| *position).map_err(|_| ());
        self.known.push((*descriptor, known));
        position.map(Some)
    }

    /// The position of a schema, which is read only if it is another one and there is room for it.
    fn position(&mut self, schema: schemas::Found<'a>) -> Result<usize> {
        if let Some(known) = self.found.schemas.iter().position(|it| schema.is(it)) {
            return Ok(known);
        }
        // A description is as long as the file at most; many of that length lie one over another.
        let brought = self.brought.iter().map(|it| it.bytes.len() as u64).sum::<u64>();
        let room = 2 * (self.image.elf().bytes.len() as u64 + brought);
        let taken: u64 = self.found.schemas.iter().map(Schema::size).sum();
        if taken.saturating_add(schema.size()) > room {
            return Err(too_many_schemas());
        }
        self.found.schemas.push(schema.read(self.image.elf().order)?);
        Ok(self.found.schemas.len() - 1)
    }

    /// The position of the schema of a table, of which there is one for each object that was packed.
    fn schema_of(&mut self, header: &Header, parts: [Carried<'a>; 3]) -> Result<usize> {
        let numbers = (header.schema, header.schema_version, header.fingerprint, header.entry_size);
        let targets = parts.map(|part| part.target);
        let is_same = |others: &[Target; 3]| {
            let mut both = others.iter().zip(&targets);
            both.all(|(a, b)| a.is(b))
        };
        let mut known = self.packed.iter();
        if let Some((.., found)) = known.find(|(it, others, _)| *it == numbers && is_same(others)) {
            return Ok(*found);
        }
        if self.packed.len() >= MOST_SCHEMAS {
            return Err(too_many_schemas());
        }
        let schema = schemas::Found::packed(self.image, header, parts, self.brought)?;
        let found = self.position(schema)?;
        self.packed.push((numbers, targets, found));
        Ok(found)
    }

    /// Takes the entries of a table that was packed before.
    fn table(&mut self, chunk: &Chunk<'a>, at: u64, bytes: &'a [u8]) -> Result<()> {
        self.found.tables += 1;
        let broken = |what: &str| {
            Finding::new(Code::E0909, format!("a table that was packed before is broken: {what}"))
                .help("link the image again from objects that are whole")
        };
        let prefix = Prefix::parse(bytes).map_err(|error| broken(&error.to_string()))?;
        let (order, header) = (prefix.order(), *prefix.header());
        let elf = self.image.elf();
        if order != elf.order || header.word_size != elf.word_size {
            return Err(broken("it is of another target"));
        }
        if header.checksum != 0 && header.checksum != checksum(bytes) {
            return Err(broken("its checksum does not hold"));
        }
        let mut parts = [Carried { target: Target::Null, size: 0, bytes: None }; 3];
        let (mut rows, mut strings) = (&[][..], &[][..]);
        let mut start = 0;
        for (index, section) in prefix.sections().enumerate() {
            let inside = || {
                let start = usize::try_from(section.offset).ok()?;
                bytes.get(start..start.checked_add(usize::try_from(section.size).ok()?)?)
            };
            let part = match section.kind {
                section_kind::ENTRIES | section_kind::STRINGS => {
                    let found = inside().ok_or_else(|| broken("a section lies outside it"))?;
                    if section.kind == section_kind::ENTRIES {
                        (rows, start) = (found, section.offset);
                    } else {
                        strings = found;
                    }
                    continue;
                }
                section_kind::IDENTITY => {
                    let identity =
                        inside().and_then(|it| inspect_format::schema::Identity::parse(it).ok());
                    let generator = identity.and_then(|it| it.generator);
                    self.found.generator = self.found.generator.or(generator);
                    continue;
                }
                section_kind::HISTORY => 0,
                section_kind::TYPES => 1,
                section_kind::SCHEMA => 2,
                _ => continue,
            };
            let record =
                u64::from(header.header_size) + index as u64 * DirectoryRecord::SIZE as u64;
            let field = record + DirectoryRecord::OFFSET_AT as u64;
            let target = self.image.relative(chunk, at, field, section.offset);
            let found = self.image.read(&target, section.size);
            parts[part] = Carried { target, size: section.size, bytes: found };
        }
        let schema = self.schema_of(&header, parts)?;
        for (index, bytes) in rows.chunks_exact(header.entry_size as usize).enumerate() {
            // Rows lie within the table, and so do the numbers of their places.
            let row_at = start + index as u64 * u64::from(header.entry_size);
            let row = Packed { image: self.image, chunk, table: at, at: row_at, bytes, strings };
            let entry = row.entry(&self.found.schemas[schema], order);
            let entry = entry.ok_or_else(|| broken("a row says what cannot be"))?;
            self.found.entries.push((schema, entry));
        }
        Ok(())
    }
}

/// A row of a table that stands in the image.
struct Packed<'i, 'c, 'a> {
    image: &'i dyn Image<'a>,
    chunk: &'c Chunk<'a>,
    /// Where the table stands in the chunk.
    table: u64,
    /// Where the row stands in the table.
    at: u64,
    bytes: &'a [u8],
    strings: &'a [u8],
}

impl<'a> Packed<'_, '_, 'a> {
    fn entry(&self, schema: &Schema<'a>, order: Order) -> Option<Entry<'a>> {
        let core = CoreEntry::read(self.bytes.first_chunk()?, order);
        let (class, found) = schema.rules.classes.iter().find(|(_, it)| it.number == core.class)?;
        let mut fields = BTreeMap::new();
        for (position, field) in schema.rules.fields.iter().enumerate() {
            let bytes = self.bytes.get(field.offset..field.offset + field.size)?;
            let value = match field.kind {
                FieldKind::String => {
                    let offset = bits::read(bytes, 0, 32, order)?;
                    FieldValue::Text(self.string(offset as u32)?)
                }
                _ => FieldValue::Raw(bytes),
            };
            fields.insert(position, value);
        }
        let has_bound = matches!(core.extent & abi::EXTENT_MASK, extent::COUNTED | extent::RANGE);
        let (at, slot) = (CoreEntry::ADDRESS_AT, abi::EXTENT_ADDRESS_SLOT);
        let address = self.target(at, core.address, &core, slot)?;
        let (at, slot) = (CoreEntry::BOUND_AT, abi::EXTENT_BOUND_SLOT);
        let bound = self.target(at, core.bound, &core, slot);
        Some(Entry {
            class,
            number: found.number,
            name: self.string(core.name)?,
            instance: core.instance,
            id: (core.id & abi::ID_EXPLICIT != 0).then_some(core.id & !abi::ID_EXPLICIT),
            type_id: core.type_,
            properties: core.properties,
            space: core.space,
            extent: core.extent & abi::EXTENT_MASK,
            bound_size: core.bound_size,
            length: core.length,
            address,
            bound: if has_bound { bound? } else { Target::Null },
            fields,
            file: "",
            line: 0,
        })
    }

    /// What a field of the row points at, through a slot or by its distance from the table.
    fn target(&self, field: usize, value: u64, core: &CoreEntry, slot: u8) -> Option<Target> {
        if core.extent & slot != 0 {
            let at = self.table.checked_add(value).filter(|at| *at < u64::MAX - 8)?;
            return Some(self.chunk.slot(at, self.image.elf(), core.space));
        }
        Some(self.image.relative(self.chunk, self.table, self.at + field as u64, value))
    }

    fn string(&self, offset: u32) -> Option<&'a str> {
        if offset == 0 {
            return Some("");
        }
        let rest = self.strings.get(offset as usize..)?;
        let rest = &rest[..rest.len().min(LONGEST_TEXT + 1)];
        let end = rest.iter().position(|byte| *byte == 0)?;
        std::str::from_utf8(&rest[..end]).ok()
    }
}

/// A relocation of this kind, at `offset` of a section of annotations.
pub(super) fn no_pointer(elf: &Elf<'_>, section: &[u8], offset: u64, kind: u32) -> Finding {
    let mut records = Records::new(section, elf.order, elf.word_size).flatten();
    let is_there = |it: &Record<'_>| {
        offset.checked_sub(it.offset as u64).is_some_and(|within| within < it.size as u64)
    };
    let what = format!(
        "at {offset:#x} of the annotations stands a relocation of kind {kind}, which is no pointer"
    );
    Finding::new(Code::E0911, what).at_if(records.find(is_there).map(|it| place_of(&it)))
}

/// Where an annotation says that it stands.
fn place_of(record: &Record<'_>) -> SourcePlace {
    SourcePlace {
        file: record.text("file").unwrap_or_default().to_owned(),
        line: record.integer("line").unwrap_or_default(),
    }
}

/// What is wrong with an annotation, and the way out.
fn finding_of(error: &AnnotationError<'_>, rules: &Rules<'_>) -> Finding {
    let (code, help) = match error.kind {
        AnnotationErrorKind::Repeated(_) | AnnotationErrorKind::RepeatedField(_) => {
            (Code::E0903, "remove one of the two".to_owned())
        }
        AnnotationErrorKind::Value { expected, found, .. } => {
            (Code::E0906, instead(expected, &found).to_owned())
        }
        AnnotationErrorKind::NoClass => (Code::E0904, classes_of(rules)),
        AnnotationErrorKind::Class { name, .. } => {
            let help = match near(name, rules.classes.keys().copied()) {
                Some(meant) => format!("did you mean `{meant}`?"),
                None => classes_of(rules),
            };
            (Code::E0904, help)
        }
        AnnotationErrorKind::Key { key, .. } => (Code::E0905, keys_of(rules, key)),
        AnnotationErrorKind::NoAddress => {
            (Code::E0906, "annotate a variable, or a pointer to it".to_owned())
        }
        AnnotationErrorKind::Bound(_) => {
            let help = "leave `extent` away: `end` makes a range, `count` a counted region";
            (Code::E0906, help.to_owned())
        }
        _ => {
            let help = "annotate with the macros of the generated header, or of the Rust runtime";
            (Code::E0903, help.to_owned())
        }
    };
    Finding::new(code, error.to_string()).help(help)
}

/// What to write where something else is expected.
fn instead(expected: Expected<'_>, found: &Value<'_>) -> &'static str {
    match (expected, found) {
        (Expected::FieldNumber(_), Value::Integer(_)) => {
            "a wider type would be a new version of the schema"
        }
        (Expected::FieldNumber(_), _) => "write a number",
        (Expected::FieldText(_), _) => {
            "shorten it; a longer field would be a new version of the schema"
        }
        (Expected::FieldString, _) => "write it in quotes",
        (Expected::Nothing(_), _) => "leave it out: the entry takes the default of the schema",
        _ => "the macros of the generated header write what is expected",
    }
}

fn classes_of(rules: &Rules<'_>) -> String {
    let names: Vec<&str> = rules.classes.keys().copied().take(12).collect();
    format!("classes of `{}` are {}", shown(rules.name), names.join(", "))
}

fn keys_of(rules: &Rules<'_>, key: &str) -> String {
    let known = KEYS.into_iter().chain(rules.fields.iter().map(|field| field.name));
    match near(key, known) {
        Some(meant) => format!("did you mean `{meant}`?"),
        None => {
            let fields = rules.fields.iter().map(|field| field.name).take(12);
            let known: Vec<&str> = fields.chain(KEYS).collect();
            format!("fields and keys are {}", known.join(", "))
        }
    }
}

/// Removes repetitions, and reports identities that two entries have.
pub(super) fn without_repetitions(collected: &mut Collected<'_>) {
    let Collected { schemas, entries, findings, .. } = collected;
    let rules = |schema: usize| schemas.get(schema).map(|it| &it.rules);
    let report = |conflict: Conflict<'_, '_, Target>| {
        if findings.len() < MOST_FINDINGS {
            let schema = &schemas[conflict.schema];
            findings.push(two_regions(&conflict, schema.rules.name));
        }
    };
    collected.repeated += annotation::merge(entries, rules, report);
}

fn two_regions(conflict: &Conflict<'_, '_, Target>, schema: &str) -> Finding {
    let Conflict { first, other, is_same_place, .. } = *conflict;
    let what = format!(
        "two regions are `{}` {} of class `{}` in schema `{}`",
        shown(other.name),
        other.instance,
        other.class,
        shown(schema)
    );
    let what = match is_same_place {
        true => format!("one region is annotated in two ways: {what}"),
        false => what,
    };
    Finding::new(Code::E0907, what)
        .at(place(other))
        .also(place(first), "the first one stands here")
        .help(match is_same_place {
            true => "let both annotations say the same, or remove one",
            false => "give them different names, or different instances",
        })
}
