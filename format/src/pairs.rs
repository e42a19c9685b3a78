//! Annotation pairs: records of keys and values, as macros emit them.
//!
//! [`Records`] finds the records in the bytes of a section, whatever lies between them: the order in which
//! compilers and linkers put them, and what they pad with, mean nothing. A packer reads them in a file, a
//! program that nobody packed reads its own.

use core::fmt;

use crate::abi::{self, Order, Pair, pair_kind};
use crate::table::Prefix;

/// The records in the bytes of a section.
#[derive(Clone, Debug)]
pub struct Records<'a>(Pieces<'a>);

/// What stands in the bytes of a section: records, and tables that a packer has already made.
#[derive(Clone, Debug)]
pub struct Pieces<'a> {
    bytes: &'a [u8],
    at: usize,
    order: Order,
    word_size: u8,
}

/// Something that stands in the section.
#[derive(Clone, Copy, Debug)]
pub enum Piece<'a> {
    /// An annotation.
    Record(Record<'a>),
    /// A table: where it begins in the section, and its bytes.
    Table(usize, &'a [u8]),
}

/// One annotation: what stands between a `begin` and its `end`.
#[derive(Clone, Copy, Debug)]
pub struct Record<'a> {
    /// Where its `begin` stands in the section.
    pub offset: usize,
    /// Its bytes, from the `begin` to behind the `end`.
    pub size: usize,
    /// The address in its `begin`: the schema's descriptor.
    pub descriptor: u64,
    /// Where the pairs stand in the section.
    first: usize,
    pairs: &'a [u8],
    order: Order,
    word_size: u8,
}

/// A key and its value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct KeyValue<'a> {
    /// Where the pair stands in the section.
    pub offset: usize,
    /// `class`, `name`, a field of the entry.
    pub key: &'a str,
    /// What it says.
    pub value: Value<'a>,
}

/// The value of a pair.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Value<'a> {
    /// A text, up to its NUL.
    Text(&'a str),
    /// An integer.
    Integer(u64),
    /// An address, 0 in an object that has not been relocated, and the number beside it: the width of a
    /// counter.
    Address(u64, u64),
}

/// What is wrong with a pair, and where it stands in the section.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PairError {
    /// From the start of the section.
    pub offset: usize,
    /// What.
    pub kind: PairErrorKind,
}

/// The kinds of findings.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum PairErrorKind {
    /// Bytes that are neither a record nor padding.
    Stray,
    /// A record that does not end.
    Endless,
    /// A size that is no multiple of 128, or reaches beyond the section.
    Size(u32),
    /// A key or a text that is not UTF-8, or has no key.
    Text,
    /// A kind that this reader does not know.
    Kind(u32),
}

impl<'a> Records<'a> {
    /// The records in the bytes of a section of an object with pointers of `word_size` bytes.
    #[must_use]
    pub fn new(bytes: &'a [u8], order: Order, word_size: u8) -> Self {
        Self(Pieces::new(bytes, order, word_size))
    }
}

impl<'a> Iterator for Records<'a> {
    type Item = Result<Record<'a>, PairError>;

    fn next(&mut self) -> Option<Self::Item> {
        self.0.find_map(|piece| match piece {
            Ok(Piece::Record(record)) => Some(Ok(record)),
            Ok(Piece::Table(..)) => None,
            Err(error) => Some(Err(error)),
        })
    }
}

impl<'a> Pieces<'a> {
    /// What stands in the bytes of a section of an object with pointers of `word_size` bytes.
    #[must_use]
    pub fn new(bytes: &'a [u8], order: Order, word_size: u8) -> Self {
        Self { bytes, at: 0, order, word_size }
    }

    /// The record that begins at the next place, whose first pair is a `begin`.
    fn record(&self, start: usize) -> Result<Record<'a>, PairError> {
        let begin = self.pair(start)?;
        let first = start + begin.size as usize;
        let mut at = first;
        loop {
            let endless = PairError { offset: start, kind: PairErrorKind::Endless };
            if at >= self.bytes.len() {
                return Err(endless);
            }
            let pair = self.pair(at)?;
            match pair.kind {
                pair_kind::END => break,
                // The next record begins before this one has ended.
                pair_kind::BEGIN => return Err(endless),
                _ => at += pair.size as usize,
            }
        }
        let end = at + self.pair(at)?.size as usize;
        let descriptor = address(&begin, self.order, self.word_size);
        let (order, word_size) = (self.order, self.word_size);
        let pairs = &self.bytes[first..at];
        Ok(Record { offset: start, size: end - start, descriptor, first, pairs, order, word_size })
    }

    fn pair(&self, at: usize) -> Result<Pair, PairError> {
        read_pair(self.bytes, at, self.order).map_err(|kind| PairError { offset: at, kind })
    }
}

impl<'a> Iterator for Pieces<'a> {
    type Item = Result<Piece<'a>, PairError>;

    fn next(&mut self) -> Option<Self::Item> {
        loop {
            let rest = self.bytes.get(self.at..)?;
            let word = rest.first_chunk::<8>()?;
            if *word == [0; 8] {
                self.at += 8;
                continue;
            }
            let start = self.at;
            if let Some(size) = packed_size(rest) {
                self.at += size.next_multiple_of(8);
                return Some(Ok(Piece::Table(start, &rest[..size])));
            }
            let found = match is_begin(rest) {
                true => self.record(start),
                false => Err(PairError { offset: start, kind: PairErrorKind::Stray }),
            };
            self.at = match &found {
                Ok(record) => start + record.size,
                // Go on at the next `begin`.
                Err(_) => {
                    let mut at = start + 8;
                    while self.bytes.get(at..).is_some_and(|it| !it.is_empty() && !is_begin(it)) {
                        at += 8;
                    }
                    at
                }
            };
            return Some(found.map(Piece::Record));
        }
    }
}

impl<'a> Record<'a> {
    /// Its pairs, in order.
    pub fn pairs(&self) -> impl Iterator<Item = Result<KeyValue<'a>, PairError>> + use<'a> {
        let Self { pairs, order, word_size, .. } = *self;
        let base = self.first;
        let mut at = 0;
        core::iter::from_fn(move || {
            let start = at;
            if start >= pairs.len() {
                return None;
            }
            let found = key_value(pairs, start, order, word_size)
                .map(|pair| KeyValue { offset: base + start, ..pair });
            let size = read_pair(pairs, start, order).map_or(pairs.len(), |it| it.size as usize);
            at += size;
            Some(found.map_err(|kind| PairError { offset: base + start, kind }))
        })
    }

    /// The text of a key, if it is there.
    #[must_use]
    pub fn text(&self, key: &str) -> Option<&'a str> {
        self.pairs().find_map(|pair| match pair {
            Ok(KeyValue { key: found, value: Value::Text(text), .. }) if found == key => Some(text),
            _ => None,
        })
    }

    /// The integer of a key, if it is there.
    #[must_use]
    pub fn integer(&self, key: &str) -> Option<u64> {
        self.pairs().find_map(|pair| match pair {
            Ok(KeyValue { key: found, value: Value::Integer(it), .. }) if found == key => Some(it),
            _ => None,
        })
    }
}

/// Bytes of the table that begins here, if one does.
fn packed_size(bytes: &[u8]) -> Option<usize> {
    let size = usize::try_from(Prefix::parse(bytes).ok()?.header().total_size).ok()?;
    (size.checked_next_multiple_of(8)? <= bytes.len()).then_some(size)
}

fn is_begin(bytes: &[u8]) -> bool {
    bytes.get(..abi::KEY_BEGIN.len()).is_some_and(|key| key == abi::KEY_BEGIN)
}

fn read_pair(bytes: &[u8], at: usize, order: Order) -> Result<Pair, PairErrorKind> {
    let rest = bytes.get(at..).unwrap_or_default();
    let pair = Pair::read(rest.first_chunk().ok_or(PairErrorKind::Endless)?, order);
    let size = pair.size as usize;
    match size >= Pair::SIZE && size % Pair::SIZE == 0 && size <= rest.len() {
        true => Ok(pair),
        false => Err(PairErrorKind::Size(pair.size)),
    }
}

fn key_value(
    bytes: &[u8],
    at: usize,
    order: Order,
    word_size: u8,
) -> Result<KeyValue<'_>, PairErrorKind> {
    let pair = read_pair(bytes, at, order)?;
    let rest = &bytes[at..at + pair.size as usize];
    let key = until_nul(&rest[..Pair::KIND_AT])?;
    if key.is_empty() {
        return Err(PairErrorKind::Text);
    }
    let value = match pair.kind {
        pair_kind::TEXT => Value::Text(until_nul(&rest[Pair::TEXT_AT..])?),
        pair_kind::INTEGER => Value::Integer(pair.integer),
        pair_kind::ADDRESS => Value::Address(address(&pair, order, word_size), pair.integer),
        other => return Err(PairErrorKind::Kind(other)),
    };
    Ok(KeyValue { offset: at, key, value })
}

/// A pointer stands at the start of its eight bytes, padding behind it.
fn address(pair: &Pair, order: Order, word_size: u8) -> u64 {
    match (order, word_size) {
        (Order::Big, 4) => pair.address >> 32,
        (Order::Little, 4) => pair.address & 0xffff_ffff,
        _ => pair.address,
    }
}

fn until_nul(bytes: &[u8]) -> Result<&str, PairErrorKind> {
    let end = bytes.iter().position(|byte| *byte == 0).unwrap_or(bytes.len());
    core::str::from_utf8(&bytes[..end]).map_err(|_| PairErrorKind::Text)
}

impl core::error::Error for PairError {}

impl fmt::Display for PairError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "at offset {:#x} of the annotations: ", self.offset)?;
        match self.kind {
            PairErrorKind::Stray => f.write_str("bytes that belong to no annotation"),
            PairErrorKind::Endless => f.write_str("the annotation does not end"),
            PairErrorKind::Size(found) => write!(f, "a pair of {found} bytes is impossible"),
            PairErrorKind::Text => f.write_str("a key or a text is not UTF-8, or empty"),
            PairErrorKind::Kind(found) => write!(f, "kind {found} of a pair is not known"),
        }
    }
}
