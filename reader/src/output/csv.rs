//! Rows of an export as CSV, for spreadsheets and for databases.
//!
//! The first line names the columns. A cell without a value is empty. Lists are joined by `|`;
//! `fields` and `value` are JSON. Two things keep a cell from doing more than being read:
//!
//! - Controls and marks of writing direction in a text are escapes, and a backslash is two, as on
//!   a terminal: every row is one line. Cells of JSON have the escapes of JSON.
//! - Spreadsheets take a cell for a formula that begins with `=`, `+`, `-` or `@`. Such a text gets
//!   an apostrophe before it, and so does one that begins with an apostrophe: whoever takes away
//!   one from the beginning has what stood there. Numbers are numbers and stay what they are.

use std::io::{self, Write};

use crate::escape::Terminal;
use crate::export::{COLUMNS, Cell, ColumnType, Row, Sink};
use crate::output::ndjson::harmless;

/// Writes rows as CSV.
#[derive(Debug)]
pub struct CsvRows<W: Write> {
    writer: csv::Writer<W>,
}

impl<W: Write> CsvRows<W> {
    /// Writes the names of the columns.
    pub fn new(out: W) -> io::Result<Self> {
        let mut writer = csv::Writer::from_writer(out);
        writer.write_record(COLUMNS.map(|column| column.name)).map_err(io::Error::from)?;
        Ok(Self { writer })
    }
}

impl<W: Write> Sink for CsvRows<W> {
    fn row(&mut self, row: &Row) -> io::Result<()> {
        let cells = COLUMNS.iter().zip(row.cells()).map(|(column, cell)| match cell {
            Cell::Null => String::new(),
            // JSON begins with a bracket, a quotation mark, a letter, or as a number does.
            Cell::Text(json) if column.column_type == ColumnType::Json => json.to_owned(),
            Cell::Text(text) => guarded(escaped(text)),
            Cell::Integer(number) => number.to_string(),
            Cell::Unsigned(number) if column.column_type == ColumnType::Address => {
                format!("{number:#x}")
            }
            Cell::Unsigned(number) => number.to_string(),
            Cell::Texts(texts) => {
                let texts: Vec<String> = texts.iter().map(|text| escaped(text)).collect();
                guarded(texts.join("|"))
            }
            Cell::Map(map) => harmless(map),
        });
        self.writer.write_record(cells).map_err(io::Error::from)
    }

    fn finish(mut self: Box<Self>) -> io::Result<()> {
        self.writer.flush()
    }
}

fn escaped(text: &str) -> String {
    Terminal(text).to_string()
}

/// A text that no spreadsheet takes for a formula. Those for Chinese, Japanese and Korean take the
/// wide forms of the signs for the signs themselves.
fn guarded(text: String) -> String {
    const SIGNS: [char; 9] =
        ['=', '+', '-', '@', '\'', '\u{ff1d}', '\u{ff0b}', '\u{ff0d}', '\u{ff20}'];
    if text.starts_with(SIGNS) { format!("'{text}") } else { text }
}
