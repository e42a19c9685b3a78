//! ELF notes: how they are framed, and what those named `INSPECT` hold.
//!
//! [`heading`] and [`Notes`] are the writer and the reader of the frame. The contents of the types
//! are: a root's place ([`root`](crate::root)), tables one behind another
//! ([`tables`](crate::table::tables)), and what a dump says about itself ([`capture`]).

pub mod capture;

use core::fmt;

use crate::abi::{self, Order};

/// The name of notes of this format.
pub const NAME: &str = "INSPECT";
/// The name of notes about a process.
pub const CORE: &str = "CORE";
/// Bytes before the contents of a note that [`heading`] makes.
pub const HEADING_SIZE: u64 = 20;

/// A note.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Note<'a> {
    /// Its name, without the NUL.
    pub name: &'a [u8],
    /// Its type, which means something under its name alone; [`note_kind`](abi::note_kind) for
    /// [`NAME`].
    pub kind: u32,
    /// Its contents.
    pub contents: &'a [u8],
    /// Where the contents begin in the bytes that the notes were read from.
    pub offset: u64,
}

/// The notes in a segment or section.
#[derive(Clone, Copy, Debug)]
pub struct Notes<'a> {
    bytes: &'a [u8],
    at: usize,
    order: Order,
}

/// A note that reaches beyond the bytes at hand.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NoteError {
    /// Where it begins.
    pub offset: u64,
}

/// What stands before the contents of a note: `None` for a name that does not take 5 to 8 bytes
/// with its NUL. Behind the contents follow zeros up to a multiple of 4.
#[must_use]
pub fn heading(name: &str, kind: u32, size: u32, order: Order) -> Option<[u8; 20]> {
    if !(4..=7).contains(&name.len()) {
        return None;
    }
    let mut bytes = [0; HEADING_SIZE as usize];
    bytes[..12].copy_from_slice(&words(name, kind, size, order));
    bytes[12..12 + name.len()].copy_from_slice(name.as_bytes());
    Some(bytes)
}

/// The same for a name of any length, as notes of others have.
#[cfg(feature = "alloc")]
#[must_use]
pub fn long_heading(name: &str, kind: u32, size: u32, order: Order) -> alloc::vec::Vec<u8> {
    let mut bytes = words(name, kind, size, order).to_vec();
    bytes.extend_from_slice(name.as_bytes());
    // The NUL, and zeros up to a multiple of 4.
    bytes.resize((bytes.len() + 1).next_multiple_of(4), 0);
    bytes
}

fn words(name: &str, kind: u32, size: u32, order: Order) -> [u8; 12] {
    let mut bytes = [0; 12];
    for (place, word) in bytes.chunks_exact_mut(4).zip([name.len() as u32 + 1, size, kind]) {
        place.copy_from_slice(&match order {
            Order::Little => word.to_le_bytes(),
            Order::Big => word.to_be_bytes(),
        });
    }
    bytes
}

/// Bytes of a note with so many bytes of contents, heading and padding included.
#[must_use]
pub fn size(contents: u64) -> Option<u64> {
    u32::try_from(contents).ok()?;
    Some(HEADING_SIZE + contents.next_multiple_of(4))
}

/// The same for a name of any length.
#[must_use]
pub fn long_size(name: &str, contents: u64) -> Option<u64> {
    let name = (name.len() as u64 + 1).next_multiple_of(4);
    size(contents)?.checked_sub(HEADING_SIZE)?.checked_add(12 + name)
}

impl<'a> Notes<'a> {
    /// The notes in `bytes`, aligned to 4 bytes as all in cores are.
    #[must_use]
    pub fn new(bytes: &'a [u8], order: Order) -> Self {
        Self { bytes, at: 0, order }
    }

    fn read(&mut self) -> Option<Note<'a>> {
        let rest = self.bytes.get(self.at..)?;
        let words = rest.first_chunk::<12>()?;
        let word = |index: usize| {
            let bytes = [0, 1, 2, 3].map(|byte| words[4 * index + byte]);
            match self.order {
                Order::Little => u32::from_le_bytes(bytes),
                Order::Big => u32::from_be_bytes(bytes),
            }
        };
        let name_size = usize::try_from(word(0)).ok()?;
        let size = usize::try_from(word(1)).ok()?;
        let name = rest.get(12..)?.get(..name_size)?;
        let start = 12_usize.checked_add(name_size.checked_next_multiple_of(4)?)?;
        let end = start.checked_add(size)?;
        let contents = rest.get(start..end)?;
        // The last one may lack its padding.
        let next = end.checked_next_multiple_of(4)?.min(rest.len());
        let offset = (self.at + start) as u64;
        self.at = self.at.checked_add(next)?;
        let name = name.strip_suffix(&[0]).unwrap_or(name);
        Some(Note { name, kind: word(2), contents, offset })
    }
}

impl<'a> Iterator for Notes<'a> {
    type Item = Result<Note<'a>, NoteError>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.at >= self.bytes.len() {
            return None;
        }
        let offset = self.at as u64;
        let note = self.read();
        if note.is_none() {
            self.at = self.bytes.len();
        }
        Some(note.ok_or(NoteError { offset }))
    }
}

impl<'a> Note<'a> {
    /// Whether it is one of this format, and of this [`note_kind`](abi::note_kind).
    #[must_use]
    pub fn is(&self, kind: u32) -> bool {
        self.name == NAME.as_bytes() && self.kind == kind
    }
}

const _: () = assert!(abi::NOTE_NAME.len() == NAME.len() + 1);

impl core::error::Error for NoteError {}

impl fmt::Display for NoteError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "the note at {:#x} reaches beyond its segment", self.offset)
    }
}
