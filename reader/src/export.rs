//! Exports: the entries of many targets as one table, for databases.
//!
//! [`COLUMNS`] is the published schema: `docs/export.md` describes it, and every format follows it.
//! A [`Row`] is an entry with what it takes to know it among those of a fleet; the formats in
//! [`output`](crate::output) are [`Sink`]s of rows. Which targets there are, and where the bytes
//! go, is the business of the program.

use std::fmt;
use std::io;
use std::str::FromStr;

use inspect_format::hash::fnv1a_64;
use inspect_format::schema::{Identity, Value};
use serde_json::{Map, Value as Json};

use crate::catalog::{Entry, NamedTable};
use crate::digits::{date, hex};
use crate::discover::Origin;
use crate::dump::Captures;
use crate::image::{Image, Kind};
use crate::output::record::Record;

/// The version of the published schema. A column that is added does not change it; one that is
/// renamed, removed or means something else does.
pub const VERSION: u32 = 1;

/// The columns, in order.
pub const COLUMNS: [Column; 22] = [
    column("target", ColumnType::Text, false),
    column("kind", ColumnType::Text, false),
    column("build_id", ColumnType::Text, true),
    column("producer", ColumnType::Text, true),
    column("object", ColumnType::Text, false),
    column("schema", ColumnType::Text, false),
    column("schema_version", ColumnType::Integer, false),
    column("origin", ColumnType::Text, false),
    column("state", ColumnType::Text, false),
    column("capture", ColumnType::Text, true),
    column("id", ColumnType::Integer, true),
    column("class", ColumnType::Text, true),
    column("type", ColumnType::Text, true),
    column("name", ColumnType::Text, true),
    column("instance", ColumnType::Unsigned, true),
    column("address", ColumnType::Address, true),
    column("length", ColumnType::Unsigned, true),
    column("space", ColumnType::Text, true),
    column("extent", ColumnType::Text, true),
    column("properties", ColumnType::Texts, false),
    column("fields", ColumnType::Map, false),
    column("value", ColumnType::Json, true),
];

/// A column of the published schema.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Column {
    /// Its name, which needs no quotes in SQL.
    pub name: &'static str,
    /// What it holds.
    pub column_type: ColumnType,
    /// Whether it may be null.
    pub is_nullable: bool,
}

/// What a column holds. There are no unsigned integers of Parquet among them: not every database
/// reads those.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ColumnType {
    /// UTF-8.
    Text,
    /// 64 bits with a sign.
    Integer,
    /// Up to 2^64 - 1, as a decimal number of 20 digits.
    Unsigned,
    /// The same; `0x` and hexadecimal digits where the format is text.
    Address,
    /// A list of texts, none of them null.
    Texts,
    /// Values of JSON by name. Where the format has a type for maps, they are texts.
    Map,
    /// A value of JSON. In formats that are no JSON it is its text.
    Json,
}

/// A value of a column: the one of its type, or none.
#[derive(Clone, Copy, Debug)]
pub enum Cell<'r> {
    /// No value.
    Null,
    /// Of a [`ColumnType::Text`] or [`ColumnType::Json`].
    Text(&'r str),
    /// Of a [`ColumnType::Integer`].
    Integer(u32),
    /// Of a [`ColumnType::Unsigned`] or [`ColumnType::Address`].
    Unsigned(u64),
    /// Of a [`ColumnType::Texts`].
    Texts(&'r [String]),
    /// Of a [`ColumnType::Map`].
    Map(&'r Map<String, Json>),
}

/// An entry of a target.
#[derive(Clone, Debug)]
pub struct Row {
    /// As the target was asked for.
    pub target: String,
    /// The kind of image.
    pub kind: &'static str,
    /// The build-id of the object that the table belongs to, as hexadecimal digits.
    pub build_id: Option<String>,
    /// The program that was packed, or that wrote the image, where either says so.
    pub producer: Option<String>,
    /// The version of the schema under which the entry was written.
    pub schema_version: u32,
    /// Whose the table is.
    pub origin: &'static str,
    /// The entry.
    pub record: Record,
    /// What became of its memory, where the target is a dump that says so.
    pub capture: Option<&'static str>,
    /// What lies in its memory, as JSON.
    pub value: Option<String>,
}

/// Takes rows, and turns them into bytes of a format.
pub trait Sink {
    /// Takes a row. It may be written later.
    fn row(&mut self, row: &Row) -> io::Result<()>;

    /// Writes what is left, and the end of the table.
    fn finish(self: Box<Self>) -> io::Result<()>;
}

/// What all rows of a table share.
#[derive(Clone, Debug)]
pub struct Source<'c> {
    /// What the target says about itself, and where its table stands in that.
    captures: Option<(&'c Captures, usize)>,
    target: String,
    kind: &'static str,
    build_id: Option<String>,
    producer: Option<String>,
    schema_version: u32,
    origin: &'static str,
}

impl<'c> Source<'c> {
    /// Of a table of an image, which says about itself what `captures` holds.
    #[must_use]
    pub fn new(
        target: &str,
        image: &Image,
        captures: Option<&'c Captures>,
        table: &NamedTable<'_>,
    ) -> Self {
        let identity = Identity::parse(table.table.sections().identity).ok();
        let object = table.found.object.and_then(|index| image.objects.get(index));
        let of_object = object.and_then(|object| object.build_id.as_deref());
        let of_table = match identity.as_ref().and_then(|identity| identity.build_id) {
            Some(Value::Bytes(bytes)) => Some(bytes),
            _ => None,
        };
        let of_capture = captures.and_then(|captures| captures.producer.as_deref());
        let producer = identity.and_then(|identity| identity.producer).or(of_capture);
        Self {
            captures: captures.zip(table.found.carried),
            target: target.to_owned(),
            kind: kind_word(image.kind),
            build_id: of_object.or(of_table).map(hex).filter(|id| !id.is_empty()),
            producer: producer.map(str::to_owned),
            schema_version: table.table.version(),
            origin: origin_word(table.found.origin),
        }
    }

    /// The row of an entry.
    #[must_use]
    pub fn entry(&self, entry: &Entry<'_>, value: Option<String>) -> Row {
        let outcome = self
            .captures
            .and_then(|(captures, table)| captures.get(table, entry.schema(), entry.index));
        let capture = outcome.map(|outcome| outcome.status.word());
        Row { capture, ..self.row(Record::new(entry), value) }
    }

    /// The row of an entry that a writer was at work at.
    #[must_use]
    pub fn torn(&self, table: &NamedTable<'_>) -> Row {
        self.row(Record::torn(table), None)
    }

    fn row(&self, record: Record, value: Option<String>) -> Row {
        let Self { target, kind, build_id, producer, schema_version, origin, .. } = self.clone();
        let capture = None;
        Row { target, kind, build_id, producer, schema_version, origin, record, capture, value }
    }
}

impl Row {
    /// Its values, in the order of [`COLUMNS`].
    #[must_use]
    pub fn cells(&self) -> [Cell<'_>; COLUMNS.len()] {
        fn text(text: &Option<String>) -> Cell<'_> {
            text.as_deref().map_or(Cell::Null, Cell::Text)
        }
        let integer = |number: Option<u32>| number.map_or(Cell::Null, Cell::Integer);
        let unsigned = |number: Option<u64>| number.map_or(Cell::Null, Cell::Unsigned);
        let record = &self.record;
        [
            Cell::Text(&self.target),
            Cell::Text(self.kind),
            text(&self.build_id),
            text(&self.producer),
            Cell::Text(&record.object),
            Cell::Text(&record.table),
            Cell::Integer(self.schema_version),
            Cell::Text(self.origin),
            Cell::Text(record.state),
            self.capture.map_or(Cell::Null, Cell::Text),
            integer(record.id),
            text(&record.class),
            text(&record.type_name),
            text(&record.name),
            unsigned(record.instance),
            unsigned(record.address),
            unsigned(record.length),
            text(&record.space),
            text(&record.extent),
            Cell::Texts(&record.properties),
            Cell::Map(&record.fields),
            text(&self.value),
        ]
    }
}

/// A part of the targets: that many parts, and one of them, from 1 on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Shard {
    index: u64,
    count: u64,
}

impl Shard {
    /// Whether a target belongs to this part. Its name alone decides, as it was given: every target
    /// belongs to one part, wherever this is asked and whatever the other targets are.
    #[must_use]
    pub fn holds(&self, target: &str) -> bool {
        // FNV-1a leaves the last characters in the lower bits; this spreads them.
        let mut hash = fnv1a_64(target.as_bytes());
        hash = (hash ^ hash >> 32).wrapping_mul(0xd6e8_feb8_6659_fd93);
        hash = (hash ^ hash >> 32).wrapping_mul(0xd6e8_feb8_6659_fd93);
        (hash ^ hash >> 32) % self.count == self.index - 1
    }
}

impl FromStr for Shard {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let form = || format!("`{text}` is no shard; write 1/4 for the first of four");
        let (index, count) = text.split_once('/').ok_or_else(form)?;
        let number = |text: &str| text.parse::<u64>().map_err(|_| form());
        let (index, count) = (number(index)?, number(count)?);
        if index == 0 || index > count {
            return Err(form());
        }
        Ok(Self { index, count })
    }
}

/// A day of the Gregorian calendar, of UTC.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Date {
    year: i64,
    month: u8,
    day: u8,
}

impl Date {
    /// Of seconds since 1970.
    #[must_use]
    pub fn of_seconds(seconds: i64) -> Self {
        let (year, month, day) = date(seconds.div_euclid(86_400).into());
        Self { year: year as i64, month, day }
    }
}

impl FromStr for Date {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let fail = || format!("`{text}` is no date; write 2026-03-31");
        let mut parts = text.split('-').map(|part| (part.len(), part.parse::<u16>().ok()));
        let date = match (parts.next(), parts.next(), parts.next(), parts.next()) {
            (Some((4, Some(year))), Some((2, Some(month))), Some((2, Some(day))), None) => {
                Self { year: year.into(), month: month as u8, day: day as u8 }
            }
            _ => return Err(fail()),
        };
        let is_leap = date.year % 4 == 0 && (date.year % 100 != 0 || date.year % 400 == 0);
        let last = match date.month {
            2 => 28 + u8::from(is_leap),
            4 | 6 | 9 | 11 => 30,
            1..=12 => 31,
            _ => 0,
        };
        if date.day == 0 || date.day > last { Err(fail()) } else { Ok(date) }
    }
}

impl fmt::Display for Date {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:04}-{:02}-{:02}", self.year, self.month, self.day)
    }
}

const fn column(name: &'static str, column_type: ColumnType, is_nullable: bool) -> Column {
    Column { name, column_type, is_nullable }
}

fn kind_word(kind: Kind) -> &'static str {
    match kind {
        Kind::Core => "core",
        Kind::KernelCore => "kernel_core",
        Kind::Process => "process",
        Kind::Elf => "elf",
        Kind::Relocatable => "relocatable",
        Kind::TableFile => "table_file",
        Kind::Zone => "zone",
        Kind::Snapshot => "snapshot",
        Kind::Raw => "raw",
    }
}

fn origin_word(origin: Origin) -> &'static str {
    match origin {
        Origin::CompileTime => "compile_time",
        Origin::RunTime => "run_time",
        Origin::Unpacked => "unpacked",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_target_belongs_to_one_shard_and_shards_are_alike() {
        for count in [1_u64, 2, 3, 7, 16] {
            let shards = (1..=count).map(|index| Shard { index, count });
            let shards: Vec<Shard> = shards.collect();
            let mut sizes = vec![0_u64; shards.len()];
            for number in 0..4096 {
                let target = format!("/var/crash/core.{number}");
                let held = shards.iter().map(|shard| shard.holds(&target));
                let held: Vec<bool> = held.collect();
                assert_eq!(held.iter().filter(|held| **held).count(), 1, "{target}");
                for (size, held) in sizes.iter_mut().zip(held) {
                    *size += u64::from(held);
                }
            }
            let fair = 4096 / count;
            assert!(sizes.iter().all(|size| size.abs_diff(fair) < fair / 4), "{sizes:?}");
        }
        assert!("0/4".parse::<Shard>().is_err() && "5/4".parse::<Shard>().is_err());
        assert!("1".parse::<Shard>().is_err() && "1/0".parse::<Shard>().is_err());
        assert_eq!("4/4".parse(), Ok(Shard { index: 4, count: 4 }));
    }

    /// The parts of targets stay what they are: other machines count on it.
    #[test]
    fn shards_are_the_same_in_every_version() {
        let shard =
            |target: &str| (1..=8).find(|index| Shard { index: *index, count: 8 }.holds(target));
        let found = ["core", "/var/crash/core.1", "/var/crash/core.2", "pid:1"].map(shard);
        assert_eq!(found, [Some(5), Some(8), Some(7), Some(4)]);
    }

    #[test]
    fn dates_are_those_of_the_calendar() {
        let days = [
            (0, "1970-01-01"),
            (951_782_399, "2000-02-28"),
            (951_782_400, "2000-02-29"),
            (951_868_800, "2000-03-01"),
            (-1, "1969-12-31"),
            (1_709_164_800, "2024-02-29"),
            (4_107_542_400, "2100-03-01"),
            (4_107_542_399, "2100-02-28"),
        ];
        for (seconds, text) in days {
            assert_eq!(Date::of_seconds(seconds).to_string(), text);
            assert_eq!(text.parse(), Ok(Date::of_seconds(seconds)));
        }
        for text in ["2023-02-29", "2026-13-01", "2026-1-1", "2026-04-31", "yesterday", ""] {
            assert!(text.parse::<Date>().is_err(), "{text}");
        }
    }
}
