//! Entries: what annotations say, checked against their schema. Tables that stand in the image already give
//! up their entries too, so that an image that was packed in parts ends with one table a schema.

use inspect_format::abi::{self, CoreEntry, DirectoryRecord, Header, Order, extent, section_kind};
use inspect_format::bits;
use inspect_format::pairs::{PairError, Piece, Pieces, Record, Records, Value};
use inspect_format::schema as description;
use inspect_format::table::{Prefix, checksum};

use super::elf::Elf;
use super::finding::{Finding, MOST_FINDINGS, Result, SourcePlace, near, shown};
use super::image::{Chunk, Image, Target};
use super::schemas::{self, Carried, Class, Field, FieldKind, Schema, SchemaFile};
use crate::diag::Code;

/// The keys that every schema has.
const KEYS: [&str; 14] = [
    "class",
    "name",
    "type",
    "id",
    "instance",
    "properties",
    "address",
    "length",
    "end",
    "count",
    "extent",
    "space",
    "file",
    "line",
];

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
    /// What is wrong.
    pub(super) findings: Vec<Finding>,
}

/// An entry of a table.
#[derive(Clone, Debug)]
pub(super) struct Entry<'a> {
    pub(super) class: &'a str,
    pub(super) number: u32,
    pub(super) name: &'a str,
    pub(super) instance: u64,
    /// Given, not derived.
    pub(super) id: Option<u32>,
    pub(super) type_id: u32,
    pub(super) properties: u64,
    pub(super) space: u16,
    pub(super) extent: u8,
    pub(super) bound_size: u8,
    pub(super) length: u64,
    pub(super) address: Target,
    pub(super) bound: Target,
    /// What was said of the schema's fields, by their position.
    pub(super) fields: Vec<(usize, FieldValue<'a>)>,
    /// Where the annotation stands; nothing for an entry of a table.
    pub(super) file: &'a str,
    pub(super) line: u64,
}

/// A value for a field of the schema.
#[derive(Clone, Copy, Debug)]
pub(super) enum FieldValue<'a> {
    Number(u64),
    Text(&'a str),
    /// As it stands in the row.
    Raw(&'a [u8]),
}

impl<'a> FieldValue<'a> {
    /// What a field has where nothing is said of it.
    fn default_of(field: &Field<'a>) -> Self {
        match field.default {
            description::Value::Int(number) => Self::Number(number as u64),
            description::Value::Text(text) => Self::Text(text),
            description::Value::Bytes(bytes) => Self::Raw(bytes),
        }
    }

    /// The text of a field that stands in the strings; any other default is no text.
    pub(super) fn text(self) -> &'a str {
        match self {
            Self::Text(text) => text,
            Self::Number(_) | Self::Raw(_) => "",
        }
    }

    /// Puts the value of a field that stands in the row itself into its place there. What is shorter than the
    /// place leaves zeros behind it, and so does a number where bytes stand.
    pub(super) fn store(self, kind: FieldKind, place: &mut [u8]) {
        place.fill(0);
        let mut put = |bytes: &[u8]| {
            let size = bytes.len().min(place.len());
            place[..size].copy_from_slice(&bytes[..size]);
        };
        match (kind, self) {
            (_, Self::Text(text)) => put(text.as_bytes()),
            (_, Self::Raw(bytes)) => put(bytes),
            (FieldKind::Number(order), Self::Number(number)) => {
                put(&number.to_le_bytes());
                if order == Order::Big {
                    place.reverse();
                }
            }
            (_, Self::Number(_)) => {}
        }
    }

    /// Whether both leave the same in a field.
    fn is_stored_like(self, other: Self, field: &Field<'_>) -> bool {
        if field.kind == FieldKind::String {
            return self.text() == other.text();
        }
        let stored = |value: Self| {
            let mut place = vec![0; field.size];
            value.store(field.kind, &mut place);
            place
        };
        stored(self) == stored(other)
    }
}

impl<'a> Entry<'a> {
    /// An entry of which nothing has been said.
    pub(super) const fn blank() -> Self {
        Self {
            class: "",
            number: 0,
            name: "",
            instance: 0,
            id: None,
            type_id: 0,
            properties: 0,
            space: abi::space::VIRTUAL,
            extent: extent::DIRECT,
            bound_size: 0,
            length: 0,
            address: Target::Null,
            bound: Target::Null,
            fields: Vec::new(),
            file: "",
            line: 0,
        }
    }

    /// Where the annotation stands.
    pub(super) fn place(&self) -> SourcePlace {
        SourcePlace { file: self.file.to_owned(), line: self.line }
    }

    /// The value of each field of the schema, in its order: what the entry says, or else the default.
    pub(super) fn values(&self, schema: &Schema<'a>) -> Vec<FieldValue<'a>> {
        let mut values: Vec<_> = schema.fields.iter().map(FieldValue::default_of).collect();
        // A row may have thousands of fields: none of them is searched for.
        for (position, value) in &self.fields {
            values[*position] = *value;
        }
        values
    }
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

/// The longest text: whoever annotates does not write more, and a table may share one between all its rows.
const LONGEST_TEXT: usize = 1 << 16;

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
        let entry = entry_of(&self.found.schemas[schema], chunk, record);
        let mut entry = entry.map_err(|finding| finding.at(place_of(record)))?;
        for target in [&mut entry.address, &mut entry.bound] {
            if let Target::Number(number) = *target {
                *target = Target::of_number(number, self.image.elf(), entry.space);
            }
        }
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
                    let identity = inside().and_then(|it| description::Identity::parse(it).ok());
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
        let (class, found) = schema.classes.iter().find(|(_, it)| it.number == core.class)?;
        let mut fields = Vec::new();
        for (position, field) in schema.fields.iter().enumerate() {
            let bytes = self.bytes.get(field.offset..field.offset + field.size)?;
            let value = match field.kind {
                FieldKind::String => {
                    let offset = bits::read(bytes, 0, 32, order)?;
                    FieldValue::Text(self.string(offset as u32)?)
                }
                _ => FieldValue::Raw(bytes),
            };
            fields.push((position, value));
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

/// What an annotation says.
fn entry_of<'a>(schema: &Schema<'a>, chunk: &Chunk<'a>, record: &Record<'a>) -> Result<Entry<'a>> {
    let mut entry = Entry::blank();
    let mut seen = 0_u16;
    let mut class = None;
    let mut type_id = None;
    // What the other keys imply, and what the annotation says itself.
    let (mut implied, mut said) = (extent::DIRECT, None);
    for pair in record.pairs() {
        let pair = pair.map_err(|error| {
            Finding::new(Code::E0903, error.to_string())
                .help("annotate with the macros of the generated header, or of the Rust runtime")
        })?;
        let key = pair.key;
        let wrong = |expected: &str| wrong_value(key, expected, &pair.value);
        if let Some(index) = KEYS.iter().position(|it| *it == key) {
            if seen & 1 << index != 0 {
                let what = format!("the key `{key}` is given twice");
                return Err(Finding::new(Code::E0903, what).help("remove one of the two"));
            }
            seen |= 1 << index;
        }
        if let Value::Text(text) = pair.value
            && text.len() > LONGEST_TEXT
        {
            return Err(wrong(&format!("a text of {LONGEST_TEXT} bytes at most")));
        }
        let target = || chunk.pointer((pair.offset + abi::Pair::ADDRESS_AT) as u64);
        match (key, pair.value) {
            ("class", Value::Text(text)) => class = Some((text, class_of(schema, text)?)),
            ("name", Value::Text(text)) => entry.name = text,
            ("file", Value::Text(text)) => entry.file = text,
            ("line", Value::Integer(number)) => entry.line = number,
            ("type", Value::Integer(number)) => {
                let id = u32::try_from(number);
                type_id = Some(id.map_err(|_| wrong("a number of a type, below 2^32"))?);
            }
            ("id", Value::Integer(number)) => {
                let id = u32::try_from(number).ok().filter(|id| *id < abi::ID_EXPLICIT);
                entry.id = Some(id.ok_or_else(|| wrong("a number below 2^31"))?);
            }
            ("instance", Value::Integer(number)) => entry.instance = number,
            ("properties", Value::Integer(number)) => entry.properties = number,
            ("length", Value::Integer(number)) => entry.length = number,
            ("address", Value::Address(..)) => entry.address = target(),
            ("address", Value::Integer(number)) => entry.address = Target::Number(number),
            ("end", Value::Integer(number)) => {
                (entry.bound, implied) = (Target::Number(number), extent::RANGE);
            }
            ("end", Value::Address(..)) => (entry.bound, implied) = (target(), extent::RANGE),
            ("count", Value::Address(_, width)) => {
                let width = u8::try_from(width).ok().filter(|it| matches!(it, 1 | 2 | 4 | 8));
                entry.bound_size = width.ok_or_else(|| wrong("a counter of 1, 2, 4 or 8 bytes"))?;
                (entry.bound, implied) = (target(), extent::COUNTED);
            }
            ("extent", Value::Integer(number)) => {
                let it = u8::try_from(number).ok().filter(|it| *it <= extent::RANGE);
                said = Some(it.ok_or_else(|| wrong("an extent, from 0 to 4"))?);
            }
            ("space", Value::Integer(number)) => {
                let space = u16::try_from(number);
                entry.space = space.map_err(|_| wrong("a number of an address space"))?;
            }
            ("class" | "name" | "file", _) => return Err(wrong("a text")),
            ("address" | "end" | "count", _) => return Err(wrong("an address")),
            (
                "type" | "id" | "instance" | "properties" | "length" | "extent" | "space" | "line",
                _,
            ) => {
                return Err(wrong("a number"));
            }
            _ => entry.fields.push(field_of(schema, &entry.fields, key, &pair.value)?),
        }
    }
    let (name, class) = class.ok_or_else(|| {
        Finding::new(Code::E0904, "the annotation names no class").help(classes_of(schema))
    })?;
    entry.class = name;
    entry.extent = said.unwrap_or(implied);
    entry.number = class.number;
    entry.type_id = type_id.unwrap_or(class.type_id);
    entry.properties |= class.properties;
    if matches!(entry.address, Target::Null) {
        let what = "the annotation has no address";
        return Err(Finding::new(Code::E0906, what).help("annotate a variable, or a pointer to it"));
    }
    check_bound(&entry, implied)?;
    Ok(entry)
}

/// A range has an end and a counted region a counter, which is somewhere; nothing else has either.
fn check_bound(entry: &Entry<'_>, implied: u8) -> Result<()> {
    let what = match (entry.extent, implied, entry.bound) {
        (extent::RANGE, extent::RANGE, Target::Null)
        | (extent::COUNTED, extent::COUNTED, Target::Null) => {
            "the end or the counter of the annotation is nowhere"
        }
        (extent::RANGE, extent::RANGE, _) | (extent::COUNTED, extent::COUNTED, _) => return Ok(()),
        (extent::RANGE, ..) => "the extent is a range, and the annotation has no `end`",
        (extent::COUNTED, ..) => "the extent is counted, and the annotation has no `count`",
        (_, extent::DIRECT, _) => return Ok(()),
        _ => "the annotation has an `end` or a `count`, and another extent",
    };
    Err(Finding::new(Code::E0906, what)
        .help("leave `extent` away: `end` makes a range, `count` a counted region"))
}

fn class_of(schema: &Schema<'_>, name: &str) -> Result<Class> {
    if let Some(class) = schema.classes.get(name) {
        return Ok(*class);
    }
    let what = format!("schema `{}` has no class `{}`", shown(schema.name), shown(name));
    let help = match near(name, schema.classes.keys().copied()) {
        Some(meant) => format!("did you mean `{meant}`?"),
        None => classes_of(schema),
    };
    Err(Finding::new(Code::E0904, what).help(help))
}

fn classes_of(schema: &Schema<'_>) -> String {
    let names: Vec<&str> = schema.classes.keys().copied().take(12).collect();
    format!("classes of `{}` are {}", shown(schema.name), names.join(", "))
}

fn field_of<'a>(
    schema: &Schema<'a>,
    others: &[(usize, FieldValue<'a>)],
    key: &str,
    value: &Value<'a>,
) -> Result<(usize, FieldValue<'a>)> {
    let Some(position) = schema.fields.iter().position(|field| field.name == key) else {
        let what = format!(
            "`{}` is neither a key nor a field of the entry of `{}`",
            key.escape_debug(),
            shown(schema.name)
        );
        let known = KEYS.into_iter().chain(schema.fields.iter().map(|field| field.name));
        let help = match near(key, known) {
            Some(meant) => format!("did you mean `{meant}`?"),
            None => {
                let fields = schema.fields.iter().map(|field| field.name).take(12);
                let known: Vec<&str> = fields.chain(KEYS).collect();
                format!("fields and keys are {}", known.join(", "))
            }
        };
        return Err(Finding::new(Code::E0905, what).help(help));
    };
    if others.iter().any(|(other, _)| *other == position) {
        let what = format!("the field `{key}` is given twice");
        return Err(Finding::new(Code::E0903, what).help("remove one of the two"));
    }
    let field = &schema.fields[position];
    let value = value_of(field, value).ok_or_else(|| wrong_field(field, value))?;
    Ok((position, value))
}

/// A value that the field of a schema cannot hold, and what it could.
fn wrong_field(field: &Field<'_>, value: &Value<'_>) -> Finding {
    let ty = field.type_name;
    let (expected, help) = match field.kind {
        FieldKind::Number(_) => (
            format!("a number that `{ty}` can hold"),
            match value {
                Value::Integer(_) => "a wider type would be a new version of the schema",
                _ => "write a number",
            },
        ),
        FieldKind::Text => (
            format!("a text of {} bytes at most", field.size),
            "shorten it; a longer field would be a new version of the schema",
        ),
        FieldKind::String => ("a text".to_owned(), "write it in quotes"),
        FieldKind::Bytes => (
            format!("nothing that an annotation can say: it is of type `{ty}`"),
            "leave it out: the entry takes the default of the schema",
        ),
    };
    let mut finding = wrong_value(field.name, &expected, value);
    finding.help = vec![help.to_owned()];
    finding
}

fn value_of<'a>(field: &Field<'a>, value: &Value<'a>) -> Option<FieldValue<'a>> {
    match (field.kind, *value) {
        (FieldKind::String, Value::Text(text)) => Some(FieldValue::Text(text)),
        (FieldKind::Text, Value::Text(text)) => {
            (text.len() <= field.size).then_some(FieldValue::Text(text))
        }
        (FieldKind::Number(_), Value::Integer(number)) => {
            bits::fits(number, 8 * field.size as u32).then_some(FieldValue::Number(number))
        }
        _ => None,
    }
}

fn wrong_value(key: &str, expected: &str, value: &Value<'_>) -> Finding {
    let found = match *value {
        Value::Text(text) if text.len() > 40 => format!("a text of {} bytes", text.len()),
        Value::Text(text) => format!("the text \"{}\"", text.escape_debug()),
        Value::Integer(number) => format!("the number {number}"),
        Value::Address(..) => "an address".to_owned(),
    };
    let what = format!("`{}` takes {expected}, and this is {found}", key.escape_debug());
    Finding::new(Code::E0906, what)
        .help("the macros of the generated header write what is expected")
}

/// Whether two annotations of one region agree: otherwise the order of linking would decide, and what one of them
/// calls sensitive might be shown.
fn says_the_same<'a>(schema: &Schema<'a>, one: &Entry<'a>, other: &Entry<'a>) -> bool {
    let core = |it: &Entry<'_>| {
        (it.id, it.type_id, it.properties, it.space, it.extent, it.bound_size, it.length)
    };
    let values = one.values(schema).into_iter().zip(other.values(schema));
    let mut fields = schema.fields.iter().zip(values);
    core(one) == core(other) && fields.all(|(field, (one, other))| one.is_stored_like(other, field))
}

/// Removes repetitions, and reports identities that two entries have.
pub(super) fn without_repetitions(collected: &mut Collected<'_>) {
    let entries = std::mem::take(&mut collected.entries);
    let mut sorted = entries;
    sorted.sort_by(|(a, one), (b, other)| {
        let key = (a, one.number, one.name, one.instance);
        key.cmp(&(b, other.number, other.name, other.instance))
    });
    let mut kept: Vec<(usize, Entry<'_>)> = Vec::with_capacity(sorted.len());
    for (schema, entry) in sorted {
        let same = kept.last().filter(|(other, last)| {
            (*other, last.number, last.name, last.instance)
                == (schema, entry.number, entry.name, entry.instance)
        });
        let Some((_, first)) = same else {
            kept.push((schema, entry));
            continue;
        };
        let of = &collected.schemas[schema];
        let is_same_place = first.address.is(&entry.address) && first.bound.is(&entry.bound);
        if is_same_place && says_the_same(of, first, &entry) {
            collected.repeated += 1;
            continue;
        }
        let what = format!(
            "two regions are `{}` {} of class `{}` in schema `{}`",
            shown(entry.name),
            entry.instance,
            entry.class,
            shown(of.name)
        );
        let what = match is_same_place {
            true => format!("one region is annotated in two ways: {what}"),
            false => what,
        };
        let finding = Finding::new(Code::E0907, what)
            .at(entry.place())
            .also(first.place(), "the first one stands here")
            .help(match is_same_place {
                true => "let both annotations say the same, or remove one",
                false => "give them different names, or different instances",
            });
        if collected.findings.len() < MOST_FINDINGS {
            collected.findings.push(finding);
        }
    }
    collected.entries = kept;
}
