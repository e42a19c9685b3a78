//! What a dump says about itself: who made it for whom, and of every entry whether its memory is
//! there.
//!
//! Deterministic CBOR, as the schema section is. [`CaptureWriter`] writes it row by row without an
//! allocator, into a counter as well as into a file, since a note announces its size before its
//! contents; [`Capture`] reads it. Rows stand in the order of the frozen tables' rows and need no
//! numbers.

use core::fmt;

use minicbor::data::Type;
use minicbor::encode;
use minicbor::{Decoder, Encoder};

/// Takes the bytes that [`CaptureWriter`] writes.
pub use minicbor::encode::Write;

/// Who made a dump, and for whom.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Head<'a> {
    /// Program and version that wrote it.
    pub tool: &'a str,
    /// Tables that are left out because there was no room for their copy.
    pub missing: u64,
    /// The consumer's name.
    pub consumer: &'a str,
    /// Program and version that was dumped, where that is known.
    pub producer: Option<&'a str>,
}

/// Whether the memory of an entry is in the dump.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Row<'a> {
    /// In one word.
    pub status: Status,
    /// Why not all of it is there: a rule, a limit, a fault.
    pub reason: Option<&'a str>,
    /// Which rule of `deny` it was, counted from 0.
    pub rule: Option<u32>,
    /// Where the memory lay, pointers followed.
    pub address: Option<u64>,
    /// How many bytes of it there were.
    pub length: Option<u64>,
    /// How many of them are there, from the first on, where not all are.
    pub captured: Option<u64>,
}

/// Whether the memory of an entry is in the dump, in one word.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Status {
    /// All of it.
    Captured,
    /// No: the consumer may not see it.
    Denied,
    /// No: the consumer may see it, and its budget was spent.
    OverBudget,
    /// No: the entry has no memory; its pointer is null, only its address is known, it lies
    /// elsewhere.
    Absent,
    /// No: it could not be read.
    Faulted,
    /// The beginning.
    Truncated,
}

impl Status {
    /// Every status, with its word in the note.
    pub const ALL: [(Self, &'static str); 6] = [
        (Self::Captured, "captured"),
        (Self::Denied, "denied"),
        (Self::OverBudget, "over budget"),
        (Self::Absent, "absent"),
        (Self::Faulted, "faulted"),
        (Self::Truncated, "truncated"),
    ];

    /// Its word in the note.
    #[must_use]
    pub fn word(self) -> &'static str {
        Self::ALL.into_iter().find(|(status, _)| *status == self).map_or("", |(_, word)| word)
    }
}

impl Row<'_> {
    /// A row that says nothing else.
    #[must_use]
    pub const fn new(status: Status) -> Self {
        Self { status, reason: None, rule: None, address: None, length: None, captured: None }
    }
}

/// Why a description was not written.
#[derive(Debug)]
pub enum WriteError<E> {
    /// The place that it is written to refused it.
    Sink(E),
    /// More or fewer tables or rows than were announced.
    Count,
}

/// Writes a description, row by row.
#[derive(Debug)]
pub struct CaptureWriter<'a, W> {
    encoder: Encoder<W>,
    head: Head<'a>,
    tables: u64,
    /// The schema of the table that is being written, whose key stands behind the rows.
    schema: u64,
    rows: u64,
}

type Written<T, W> = Result<T, WriteError<<W as Write>::Error>>;

impl<'a, W: Write> CaptureWriter<'a, W> {
    /// Begins a description of so many tables.
    pub fn new(sink: W, head: Head<'a>, tables: u64) -> Written<Self, W> {
        let mut encoder = Encoder::new(sink);
        let members = 4 + u64::from(head.producer.is_some());
        encoder.map(members)?.str("tool")?.str(head.tool)?.str("tables")?.array(tables)?;
        Ok(Self { encoder, head, tables, schema: 0, rows: 0 })
    }

    /// Begins the next table, of so many rows.
    pub fn table(&mut self, schema: u64, rows: u64) -> Written<(), W> {
        if self.rows != 0 {
            return Err(WriteError::Count);
        }
        self.tables = self.tables.checked_sub(1).ok_or(WriteError::Count)?;
        (self.schema, self.rows) = (schema, rows);
        self.encoder.map(2)?.str("rows")?.array(rows)?;
        self.end_table_without_rows()
    }

    /// Writes the next row of the table.
    pub fn row(&mut self, row: &Row<'_>) -> Written<(), W> {
        self.rows = self.rows.checked_sub(1).ok_or(WriteError::Count)?;
        let numbers = [row.rule.map(u64::from), row.length, row.address, row.captured];
        let present = numbers.iter().flatten().count() + usize::from(row.reason.is_some());
        let encoder = &mut self.encoder;
        encoder.map(1 + present as u64)?;
        number(encoder, "rule", row.rule.map(u64::from))?;
        number(encoder, "length", row.length)?;
        if let Some(reason) = row.reason {
            encoder.str("reason")?.str(reason)?;
        }
        encoder.str("status")?.str(row.status.word())?;
        number(encoder, "address", row.address)?;
        number(encoder, "captured", row.captured)?;
        self.end_table_without_rows()
    }

    fn end_table_without_rows(&mut self) -> Written<(), W> {
        if self.rows == 0 {
            self.encoder.str("schema")?.u64(self.schema)?;
        }
        Ok(())
    }

    /// Ends the description and gives the sink back.
    pub fn finish(mut self) -> Written<W, W> {
        if self.tables != 0 || self.rows != 0 {
            return Err(WriteError::Count);
        }
        self.encoder.str("missing")?.u64(self.head.missing)?;
        self.encoder.str("consumer")?.str(self.head.consumer)?;
        if let Some(producer) = self.head.producer {
            self.encoder.str("producer")?.str(producer)?;
        }
        Ok(self.encoder.into_writer())
    }
}

fn number<W: Write>(
    encoder: &mut Encoder<W>,
    key: &str,
    value: Option<u64>,
) -> Result<(), encode::Error<W::Error>> {
    if let Some(value) = value {
        encoder.str(key)?.u64(value)?;
    }
    Ok(())
}

/// A sink that only counts.
#[derive(Clone, Copy, Debug, Default)]
pub struct Count(
    /// Bytes so far.
    pub u64,
);

impl Write for Count {
    type Error = core::convert::Infallible;

    fn write_all(&mut self, bytes: &[u8]) -> Result<(), Self::Error> {
        self.0 += bytes.len() as u64;
        Ok(())
    }
}

/// A description that is read. Tables and rows are read when they are walked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Capture<'a> {
    /// Who made the dump, and for whom.
    pub head: Head<'a>,
    /// The array of tables.
    tables: &'a [u8],
}

/// The rows of a table.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CaptureTable<'a> {
    /// The number of its schema.
    pub schema: u64,
    /// The array of rows.
    rows: &'a [u8],
}

/// What is wrong with a description.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CaptureError {
    /// Where, from the start of the innermost list.
    pub offset: u64,
    /// What is missing or broken: a key, or empty for CBOR that cannot be read.
    pub key: &'static str,
}

impl<'a> Capture<'a> {
    /// Reads the contents of a note of type [`capture`](crate::abi::note_kind::CAPTURE).
    pub fn parse(bytes: &'a [u8]) -> Result<Self, CaptureError> {
        let (mut tool, mut tables, mut missing) = (None, None, None);
        let (mut consumer, mut producer) = (None, None);
        members(&mut Decoder::new(bytes), &mut |key, decoder| match key {
            "tool" => once(&mut tool, "tool", text(decoder)?),
            "tables" => once(&mut tables, "tables", skipped(bytes, decoder)?),
            "missing" => once(&mut missing, "missing", integer(decoder)?),
            "consumer" => once(&mut consumer, "consumer", text(decoder)?),
            "producer" => once(&mut producer, "producer", text(decoder)?),
            _ => decoder.skip().map_err(|_| broken(decoder)),
        })?;
        let head = Head {
            tool: tool.ok_or(lacks("tool"))?,
            missing: missing.ok_or(lacks("missing"))?,
            consumer: consumer.ok_or(lacks("consumer"))?,
            producer,
        };
        Ok(Self { head, tables: tables.ok_or(lacks("tables"))? })
    }

    /// The tables, in the order of the frozen ones. It ends after an error.
    pub fn tables(&self) -> impl Iterator<Item = Result<CaptureTable<'a>, CaptureError>> + use<'a> {
        list(self.tables, CaptureTable::read)
    }
}

impl<'a> CaptureTable<'a> {
    /// The rows, in the order of the frozen table's. It ends after an error.
    pub fn rows(&self) -> impl Iterator<Item = Result<Row<'a>, CaptureError>> + use<'a> {
        list(self.rows, |_, decoder| Row::read(decoder))
    }

    fn read(bytes: &'a [u8], decoder: &mut Decoder<'a>) -> Result<Self, CaptureError> {
        let (mut rows, mut schema) = (None, None);
        members(decoder, &mut |key, decoder| match key {
            "rows" => once(&mut rows, "rows", skipped(bytes, decoder)?),
            "schema" => once(&mut schema, "schema", integer(decoder)?),
            _ => decoder.skip().map_err(|_| broken(decoder)),
        })?;
        Ok(Self { schema: schema.ok_or(lacks("schema"))?, rows: rows.ok_or(lacks("rows"))? })
    }
}

impl<'a> Row<'a> {
    fn read(decoder: &mut Decoder<'a>) -> Result<Self, CaptureError> {
        let (mut status, mut reason, mut rule) = (None, None, None);
        let (mut address, mut length, mut captured) = (None, None, None);
        members(decoder, &mut |key, decoder| match key {
            "rule" => once(&mut rule, "rule", integer(decoder)?),
            "length" => once(&mut length, "length", integer(decoder)?),
            "reason" => once(&mut reason, "reason", text(decoder)?),
            "status" => once(&mut status, "status", text(decoder)?),
            "address" => once(&mut address, "address", integer(decoder)?),
            "captured" => once(&mut captured, "captured", integer(decoder)?),
            _ => decoder.skip().map_err(|_| broken(decoder)),
        })?;
        let word = status.ok_or(lacks("status"))?;
        let known = Status::ALL.into_iter().find(|(_, known)| *known == word);
        let rule = rule.map(u32::try_from).transpose().map_err(|_| lacks("rule"))?;
        let (status, _) = known.ok_or(lacks("status"))?;
        Ok(Self { status, reason, rule, address, length, captured })
    }
}

type Member<'v, 'a> = dyn FnMut(&str, &mut Decoder<'a>) -> Result<(), CaptureError> + 'v;

/// Hands out the members of a map of definite length.
fn members<'a>(decoder: &mut Decoder<'a>, visit: &mut Member<'_, 'a>) -> Result<(), CaptureError> {
    let count = decoder.map().ok().flatten().ok_or_else(|| broken(decoder))?;
    for _ in 0..count {
        let key = decoder.str().map_err(|_| broken(decoder))?;
        visit(key, decoder)?;
    }
    Ok(())
}

/// The elements of an array of definite length that `bytes` begin with.
fn list<'a, T>(
    bytes: &'a [u8],
    mut read: impl FnMut(&'a [u8], &mut Decoder<'a>) -> Result<T, CaptureError>,
) -> impl Iterator<Item = Result<T, CaptureError>> {
    let mut decoder = Decoder::new(bytes);
    let mut left = decoder.array().map(|count| count.unwrap_or(0));
    core::iter::from_fn(move || {
        let count = match &mut left {
            Ok(0) => return None,
            Ok(count) => count,
            Err(_) => {
                left = Ok(0);
                return Some(Err(broken(&decoder)));
            }
        };
        *count -= 1;
        let found = read(bytes, &mut decoder);
        if found.is_err() {
            left = Ok(0);
        }
        Some(found)
    })
}

fn once<T>(place: &mut Option<T>, key: &'static str, value: T) -> Result<(), CaptureError> {
    match place.replace(value) {
        None => Ok(()),
        Some(_) => Err(lacks(key)),
    }
}

fn text<'a>(decoder: &mut Decoder<'a>) -> Result<&'a str, CaptureError> {
    decoder.str().map_err(|_| broken(decoder))
}

fn integer(decoder: &mut Decoder<'_>) -> Result<u64, CaptureError> {
    decoder.u64().map_err(|_| broken(decoder))
}

/// The bytes of the array that the decoder stands before.
fn skipped<'a>(bytes: &'a [u8], decoder: &mut Decoder<'a>) -> Result<&'a [u8], CaptureError> {
    if !matches!(decoder.datatype(), Ok(Type::Array)) {
        return Err(broken(decoder));
    }
    let start = decoder.position();
    decoder.skip().map_err(|_| broken(decoder))?;
    bytes.get(start..decoder.position()).ok_or_else(|| broken(decoder))
}

fn broken(decoder: &Decoder<'_>) -> CaptureError {
    CaptureError { offset: decoder.position() as u64, key: "" }
}

fn lacks(key: &'static str) -> CaptureError {
    CaptureError { offset: 0, key }
}

impl<E> From<encode::Error<E>> for WriteError<E> {
    fn from(error: encode::Error<E>) -> Self {
        error.into_write().map_or(Self::Count, Self::Sink)
    }
}

impl core::error::Error for CaptureError {}

impl fmt::Display for CaptureError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.key {
            "" => {
                write!(f, "at {:#x}: this is no CBOR, or something else is expected", self.offset)
            }
            key => write!(f, "the member `{key}` is missing, repeated or wrong"),
        }
    }
}
