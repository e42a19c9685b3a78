//! Rows of an export as JSON: an array, or one object a line.
//!
//! The keys are the columns of [`export`](crate::export), in their order and in every row. The
//! fields keep the types of their schema, and `value` is the decoded value itself, no text.

use std::io::{self, Write};

use serde::Serialize;

use crate::escape::to_json;
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
        self.out.write_all(object(row).as_bytes())?;
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
fn object(row: &Row) -> String {
    let mut json = String::new();
    for (column, cell) in COLUMNS.iter().zip(row.cells()) {
        json.push(if json.is_empty() { '{' } else { ',' });
        json.push_str(&harmless(column.name));
        json.push(':');
        match (cell, column.column_type) {
            (Cell::Text(value), ColumnType::Json) => json.push_str(value),
            (Cell::Unsigned(number), ColumnType::Address) => {
                json.push_str(&harmless(&format!("{number:#x}")));
            }
            (Cell::Null, _) => json.push_str("null"),
            (Cell::Text(text), _) => json.push_str(&harmless(text)),
            (Cell::Integer(number), _) => json.push_str(&harmless(&number)),
            (Cell::Unsigned(number), _) => json.push_str(&harmless(&number)),
            (Cell::Texts(texts), _) => json.push_str(&harmless(texts)),
            (Cell::Map(map), _) => json.push_str(&harmless(map)),
        }
    }
    json.push('}');
    json
}

/// A value as JSON that is harmless wherever it is put. Texts and numbers always are JSON.
pub(super) fn harmless(value: &(impl Serialize + ?Sized)) -> String {
    to_json(value).unwrap_or_default()
}
