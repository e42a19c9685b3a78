//! Rows of an export as JSON: an array, or one object a line.
//!
//! The keys are the columns of [`export`](crate::export), in their order and in every row. The
//! fields keep the types of their schema, and `value` is the decoded value itself, no text.

use std::io::{self, Write};

use serde::Serialize;
use serde_json::ser::Formatter;

use crate::escape::is_harmful;
use crate::export::{COLUMNS, Cell, ColumnType, Row, Sink};

/// Writes rows as JSON.
#[derive(Debug)]
pub struct JsonRows<W> {
    out: W,
    is_array: bool,
    is_first: bool,
}

impl<W: Write> JsonRows<W> {
    /// An array of objects, each on a line of its own.
    #[must_use]
    pub fn array(out: W) -> Self {
        Self { out, is_array: true, is_first: true }
    }

    /// One object a line, and nothing between them.
    #[must_use]
    pub fn lines(out: W) -> Self {
        Self { out, is_array: false, is_first: true }
    }
}

impl<W: Write> Sink for JsonRows<W> {
    fn row(&mut self, row: &Row) -> io::Result<()> {
        if self.is_array {
            self.out.write_all(if self.is_first { b"[\n  " } else { b",\n  " })?;
        }
        self.is_first = false;
        self.out.write_all(&object(row))?;
        if self.is_array { Ok(()) } else { self.out.write_all(b"\n") }
    }

    fn finish(mut self: Box<Self>) -> io::Result<()> {
        if self.is_array {
            self.out.write_all(if self.is_first { b"[]\n" } else { b"\n]\n" })?;
        }
        self.out.flush()
    }
}

/// A row as an object of JSON.
fn object(row: &Row) -> Vec<u8> {
    let mut bytes = Vec::new();
    for (column, cell) in COLUMNS.iter().zip(row.cells()) {
        bytes.push(if bytes.is_empty() { b'{' } else { b',' });
        bytes.extend(harmless(&column.name));
        bytes.push(b':');
        match (cell, column.column_type) {
            (Cell::Text(json), ColumnType::Json) => bytes.extend_from_slice(json.as_bytes()),
            (Cell::Unsigned(number), ColumnType::Address) => {
                bytes.extend(harmless(&format!("{number:#x}")));
            }
            (Cell::Null, _) => bytes.extend_from_slice(b"null"),
            (Cell::Text(text), _) => bytes.extend(harmless(&text)),
            (Cell::Integer(number), _) => bytes.extend(harmless(&number)),
            (Cell::Unsigned(number), _) => bytes.extend(harmless(&number)),
            (Cell::Texts(texts), _) => bytes.extend(harmless(&texts)),
            (Cell::Map(map), _) => bytes.extend(harmless(map)),
        }
    }
    bytes.push(b'}');
    bytes
}

/// A value as JSON that is harmless on a terminal and in HTML, and means the same.
#[must_use]
pub fn harmless(value: &impl Serialize) -> Vec<u8> {
    let mut bytes = Vec::new();
    let mut serializer = serde_json::Serializer::with_formatter(&mut bytes, Harmless);
    // Writing into memory does not fail, and keys are texts.
    let _ = value.serialize(&mut serializer);
    bytes
}

/// Escapes what moves a cursor, reverses text or begins a tag, beside what JSON asks for.
struct Harmless;

impl Formatter for Harmless {
    fn write_string_fragment<W: Write + ?Sized>(
        &mut self,
        out: &mut W,
        fragment: &str,
    ) -> io::Result<()> {
        let mut rest = fragment;
        while let Some((at, c)) = rest.char_indices().find(|(_, c)| is_harmful(*c) || *c == '<') {
            out.write_all(rest.get(..at).unwrap_or_default().as_bytes())?;
            for unit in c.encode_utf16(&mut [0; 2]) {
                write!(out, "\\u{unit:04x}")?;
            }
            rest = rest.get(at + c.len_utf8()..).unwrap_or_default();
        }
        out.write_all(rest.as_bytes())
    }
}
