//! What a dump says about itself, as far as images need it: where the memory of its entries lay.
//!
//! A dump has what pointers led to and seldom the pointers. Whoever cannot follow one asks here. What
//! else is told of entries is the business of `dump`.

use std::sync::OnceLock;

use inspect_format::notes::capture::Capture;
use inspect_format::walk::Span;

/// The contents of the note, or of the file, of that kind.
#[derive(Debug)]
pub struct CaptureNote {
    bytes: Vec<u8>,
    /// Table by table, row by row; read when somebody asks.
    places: OnceLock<Vec<Vec<Option<Span>>>>,
}

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

    /// Where the memory of an entry lay, by the position of its table among those that the image carries
    /// and its own among the rows.
    #[must_use]
    pub fn place(&self, table: usize, row: usize) -> Option<Span> {
        *self.places.get_or_init(|| self.read()).get(table)?.get(row)?
    }

    /// Up to the first fault, which whoever reads the note as a whole tells.
    fn read(&self) -> Vec<Vec<Option<Span>>> {
        let mut places = Vec::new();
        let Ok(capture) = Capture::parse(&self.bytes) else { return places };
        for table in capture.tables().map_while(Result::ok) {
            let rows = table.rows().map_while(Result::ok);
            let place = rows.map(|row| {
                let (address, length) = row.address.zip(row.length)?;
                Some(Span { address, length })
            });
            places.push(place.collect());
        }
        places
    }
}
