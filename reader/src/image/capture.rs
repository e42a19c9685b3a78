//! What a dump says about itself, as far as images need it: where the memory of its entries lay.
//!
//! A dump has what pointers led to and seldom the pointers. Whoever cannot follow one asks here. What
//! else is told of entries is the business of `dump`.

use std::sync::OnceLock;

use inspect_format::notes::capture::{Capture, Row};
use inspect_format::walk::Span;

/// The contents of the note, or of the file, of that kind.
#[derive(Debug)]
pub struct CaptureNote {
    bytes: Vec<u8>,
    /// Table by table, row by row; read when somebody asks.
    places: OnceLock<Vec<Places>>,
}

/// The number of a table's schema, and where the memory of each row lay.
type Places = (u64, Vec<Option<Span>>);

impl CaptureNote {
    /// A note that nobody has read yet.
    #[must_use]
    pub fn new(bytes: Vec<u8>) -> Self {
        Self { bytes, places: OnceLock::new() }
    }

    /// The bytes as they are.
    #[must_use]
    pub fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// Where the memory of an entry lay, by the position of its table among those that the image carries, the
    /// number of that one's schema, and its own position among the rows. Nothing of a note that is about
    /// another table.
    #[must_use]
    pub fn place(&self, table: usize, schema: u64, row: usize) -> Option<Span> {
        let (found, rows) = self.places.get_or_init(|| self.read()).get(table)?;
        *rows.get(row).filter(|_| *found == schema)?
    }

    /// Up to the first fault, which whoever reads the note as a whole tells.
    fn read(&self) -> Vec<Places> {
        let mut places = Vec::new();
        let Ok(capture) = Capture::parse(&self.bytes) else { return places };
        for table in capture.tables() {
            let Ok(table) = table else { break };
            let mut rows = Vec::new();
            let read = table.rows().try_for_each(|row| row.map(|row| rows.push(place_of(&row))));
            places.push((table.schema, rows));
            if read.is_err() {
                break;
            }
        }
        places
    }
}

fn place_of(row: &Row<'_>) -> Option<Span> {
    let (address, length) = row.address.zip(row.length)?;
    Some(Span { address, length })
}

#[cfg(test)]
mod tests {
    use inspect_format::notes::capture::{CaptureWriter, Head, Status};

    use super::*;

    fn note() -> Vec<u8> {
        let mut bytes = Vec::new();
        let head = Head { tool: "test", missing: 0, consumer: "all", producer: None };
        let mut writer = CaptureWriter::new(&mut bytes, head, 2).unwrap();
        let row = |address| Row {
            status: Status::Captured,
            reason: None,
            rule: None,
            address: Some(address),
            length: Some(8),
            captured: None,
        };
        for (schema, address) in [(7, 0x100), (9, 0x200)] {
            writer.table(schema, 1).unwrap();
            writer.row(&row(address)).unwrap();
        }
        writer.finish().unwrap();
        bytes
    }

    #[test]
    fn a_place_is_that_of_its_table_or_none() {
        let note = CaptureNote::new(note());
        let address = |table, schema, row| note.place(table, schema, row).map(|it| it.address);
        assert_eq!(address(0, 7, 0), Some(0x100));
        assert_eq!(address(1, 9, 0), Some(0x200));
        for other in [(0, 9, 0), (1, 7, 0), (0, 7, 1), (2, 7, 0)] {
            assert_eq!(address(other.0, other.1, other.2), None, "{other:?}");
        }
    }
}
