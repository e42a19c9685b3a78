//! What annotations mean: the keys that every schema has, and the values of its own fields.
//!
//! [`pairs`](crate::pairs) finds records and knows no key. [`Annotation::read`] takes one record and checks
//! what it says of the core of an entry; the other pairs are [`Annotation::fields`], which only their schema
//! can judge. An address is named and not resolved: a packer looks up its relocation, whoever reads memory
//! takes the value. With the feature `alloc` there are [`Rules`], what a schema says of its annotations, and
//! [`Entry`], an annotation that was checked against them: the packer and the reader of images that nobody
//! packed make the same rows of it.

#[cfg(feature = "alloc")]
mod entry;
#[cfg(feature = "alloc")]
mod rules;
mod value;

#[cfg(feature = "alloc")]
pub use entry::{Conflict, Entry, Place, merge};
#[cfg(feature = "alloc")]
pub use rules::{Class, Field, Rules, RulesError};
pub use value::{FieldKind, FieldValue};

use core::fmt;

use crate::abi::{self, Pair, extent, space};
use crate::pairs::{KeyValue, PairError, PairErrorKind, Record, Value};

/// The keys that every schema has.
pub const KEYS: [&str; 14] = [
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

/// The longest text: whoever annotates does not write more, and a table may share one between all its rows.
pub const LONGEST_TEXT: usize = 1 << 16;

/// What a record says of the core of an entry.
#[derive(Clone, Copy, Debug)]
pub struct Annotation<'a> {
    /// The class's name.
    pub class: &'a str,
    /// The entry's name; empty if it has none.
    pub name: &'a str,
    /// The key within the class.
    pub instance: u64,
    /// Given, not derived; below 2^31.
    pub id: Option<u32>,
    /// The id of the target in the types; the class's if it does not say.
    pub type_id: Option<u32>,
    /// Property bits beside those of the class.
    pub properties: u64,
    /// The address space.
    pub space: u16,
    /// What `length`, `address` and `bound` mean, as in an entry.
    pub extent: u8,
    /// Bytes of the counter that the bound is, 0 without one.
    pub bound_size: u8,
    /// Bytes.
    pub length: u64,
    /// The end of a range or the counter of a counted region. No other region has one.
    pub bound: Option<Location>,
    /// The file that it stands in, as its compiler called it; empty if it does not say.
    pub file: &'a str,
    /// The line; 0 if it does not say.
    pub line: u64,
    address: Option<Location>,
    record: Record<'a>,
}

/// An address that an annotation says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Location {
    /// A pointer.
    Pointer {
        /// Where it stands in the section: there is its relocation.
        at: usize,
        /// What stands there, which is nothing before it was relocated.
        value: u64,
    },
    /// A number, which nothing moves.
    Number(u64),
}

/// What is wrong with an annotation, and where.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct AnnotationError<'a> {
    /// Of the pair, or of the record, from the start of the section.
    pub offset: usize,
    /// What.
    pub kind: AnnotationErrorKind<'a>,
}

/// The kinds of findings.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum AnnotationErrorKind<'a> {
    /// The pairs themselves.
    Pair(PairErrorKind),
    /// A key of the core stands there twice.
    Repeated(&'a str),
    /// A field of the schema stands there twice.
    RepeatedField(&'a str),
    /// A value that does not go there.
    Value {
        /// The key.
        key: &'a str,
        /// What would.
        expected: Expected<'a>,
        /// What stands there.
        found: Value<'a>,
    },
    /// It names no class.
    NoClass,
    /// It names a class that the schema lacks.
    Class {
        /// The schema.
        schema: &'a str,
        /// The class.
        name: &'a str,
    },
    /// A key that is neither one of the core's nor a field of the entry.
    Key {
        /// The schema.
        schema: &'a str,
        /// The key.
        key: &'a str,
    },
    /// It has no address, or one that is nowhere.
    NoAddress,
    /// Its extent and its bound do not belong together.
    Bound(BoundError),
}

/// What is wrong with the bound of a region. A range has an end and a counted region a counter, which is
/// somewhere; nothing else has either.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BoundError {
    /// The end or the counter is nowhere.
    Nowhere,
    /// A range without an end.
    NoEnd,
    /// A counted region without a counter.
    NoCount,
    /// An end or a counter, and another extent.
    OtherExtent,
}

/// What goes with a key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Expected<'a> {
    /// A text.
    Text,
    /// A text of so many bytes at most.
    ShortText(usize),
    /// An address.
    Address,
    /// A number.
    Number,
    /// The number of a type.
    Type,
    /// An id.
    Id,
    /// The width of a counter.
    Counter,
    /// The number of an extent.
    Extent,
    /// The number of an address space.
    Space,
    /// A number that the field's type can hold.
    FieldNumber(&'a str),
    /// A text that is not too long for the field.
    FieldText(usize),
    /// A text of any length, for a field.
    FieldString,
    /// Nothing: pairs cannot set a field of this type.
    Nothing(&'a str),
}

impl<'a> Annotation<'a> {
    /// Takes what a record says of the core of an entry. Each key stands there once. Whether it says all
    /// that it has to is known when its fields have been looked at too: the address is missed last.
    pub fn read(record: &Record<'a>) -> Result<Self, AnnotationError<'a>> {
        let mut reading = Reading::default();
        for pair in record.pairs() {
            let pair = pair.map_err(AnnotationError::from)?;
            let wrong = |kind| AnnotationError { offset: pair.offset, kind };
            reading.pair(&pair).map_err(wrong)?;
        }
        reading.finish(record).map_err(|kind| AnnotationError { offset: record.offset, kind })
    }

    /// Where the region begins: an annotation has to say so.
    pub fn address(&self) -> Result<Location, AnnotationError<'a>> {
        let kind = AnnotationErrorKind::NoAddress;
        self.address.ok_or(AnnotationError { offset: self.record.offset, kind })
    }

    /// The pairs of the schema's own fields.
    pub fn fields(&self) -> impl Iterator<Item = KeyValue<'a>> + use<'a> {
        self.record.pairs().flatten().filter(|pair| !KEYS.contains(&pair.key))
    }

    /// The record.
    #[must_use]
    pub fn record(&self) -> &Record<'a> {
        &self.record
    }
}

/// A record of which some pairs have been read.
struct Reading<'a> {
    /// A bit for each key that stood there.
    seen: u16,
    class: Option<&'a str>,
    name: &'a str,
    instance: u64,
    id: Option<u32>,
    type_id: Option<u32>,
    properties: u64,
    space: u16,
    length: u64,
    address: Option<Location>,
    bound: Option<Location>,
    bound_size: u8,
    /// What the other keys make of the extent, and what the annotation says itself.
    implied: u8,
    said: Option<u8>,
    file: &'a str,
    line: u64,
}

impl<'a> Reading<'a> {
    fn pair(&mut self, pair: &KeyValue<'a>) -> Result<(), AnnotationErrorKind<'a>> {
        let key = pair.key;
        let index = KEYS.iter().position(|it| *it == key);
        let bit = index.map_or(0, |index| 1 << index);
        if self.seen & bit != 0 {
            return Err(AnnotationErrorKind::Repeated(key));
        }
        self.seen |= bit;
        let taken = match pair.value {
            Value::Text(text) if text.len() > LONGEST_TEXT => {
                Err(Expected::ShortText(LONGEST_TEXT))
            }
            _ if index.is_none() => Ok(()),
            _ => self.key(pair),
        };
        taken.map_err(|expected| AnnotationErrorKind::Value { key, expected, found: pair.value })
    }

    fn key(&mut self, pair: &KeyValue<'a>) -> Result<(), Expected<'a>> {
        let location = match pair.value {
            Value::Address(value, _) => {
                let at = pair.offset + Pair::ADDRESS_AT;
                Some(Location::Pointer { at, value })
            }
            Value::Integer(number) => Some(Location::Number(number)),
            Value::Text(_) => None,
        };
        match (pair.key, pair.value) {
            ("class", Value::Text(text)) => self.class = Some(text),
            ("name", Value::Text(text)) => self.name = text,
            ("file", Value::Text(text)) => self.file = text,
            ("line", Value::Integer(number)) => self.line = number,
            ("type", Value::Integer(number)) => {
                self.type_id = Some(u32::try_from(number).map_err(|_| Expected::Type)?);
            }
            ("id", Value::Integer(number)) => {
                let id = u32::try_from(number).ok().filter(|id| *id < abi::ID_EXPLICIT);
                self.id = Some(id.ok_or(Expected::Id)?);
            }
            ("instance", Value::Integer(number)) => self.instance = number,
            ("properties", Value::Integer(number)) => self.properties = number,
            ("length", Value::Integer(number)) => self.length = number,
            ("address", Value::Address(..) | Value::Integer(_)) => self.address = location,
            ("end", Value::Address(..) | Value::Integer(_)) => {
                (self.bound, self.implied) = (location, extent::RANGE);
            }
            ("count", Value::Address(_, width)) => {
                let width = u8::try_from(width).ok().filter(|it| matches!(it, 1 | 2 | 4 | 8));
                self.bound_size = width.ok_or(Expected::Counter)?;
                (self.bound, self.implied) = (location, extent::COUNTED);
            }
            ("extent", Value::Integer(number)) => {
                let it = u8::try_from(number).ok().filter(|it| *it <= extent::RANGE);
                self.said = Some(it.ok_or(Expected::Extent)?);
            }
            ("space", Value::Integer(number)) => {
                self.space = u16::try_from(number).map_err(|_| Expected::Space)?;
            }
            ("class" | "name" | "file", _) => return Err(Expected::Text),
            ("address" | "end" | "count", _) => return Err(Expected::Address),
            _ => return Err(Expected::Number),
        }
        Ok(())
    }

    fn finish(self, record: &Record<'a>) -> Result<Annotation<'a>, AnnotationErrorKind<'a>> {
        let extent = self.said.unwrap_or(self.implied);
        let annotation = Annotation {
            class: self.class.ok_or(AnnotationErrorKind::NoClass)?,
            name: self.name,
            instance: self.instance,
            id: self.id,
            type_id: self.type_id,
            properties: self.properties,
            space: self.space,
            extent,
            bound_size: self.bound_size,
            length: self.length,
            bound: self.bound,
            file: self.file,
            line: self.line,
            address: self.address,
            record: *record,
        };
        let error = match (extent, self.implied) {
            (extent::RANGE, extent::RANGE) | (extent::COUNTED, extent::COUNTED) => {
                return Ok(annotation);
            }
            (extent::RANGE, _) => BoundError::NoEnd,
            (extent::COUNTED, _) => BoundError::NoCount,
            (_, extent::DIRECT) => return Ok(annotation),
            _ => BoundError::OtherExtent,
        };
        Err(AnnotationErrorKind::Bound(error))
    }
}

impl Default for Reading<'_> {
    fn default() -> Self {
        Self {
            seen: 0,
            class: None,
            name: "",
            instance: 0,
            id: None,
            type_id: None,
            properties: 0,
            space: space::VIRTUAL,
            length: 0,
            address: None,
            bound: None,
            bound_size: 0,
            implied: extent::DIRECT,
            said: None,
            file: "",
            line: 0,
        }
    }
}

impl From<PairError> for AnnotationError<'_> {
    fn from(error: PairError) -> Self {
        Self { offset: error.offset, kind: AnnotationErrorKind::Pair(error.kind) }
    }
}

impl core::error::Error for AnnotationError<'_> {}

impl fmt::Display for AnnotationError<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.kind {
            AnnotationErrorKind::Pair(kind) => PairError { offset: self.offset, kind }.fmt(f),
            AnnotationErrorKind::Repeated(key) => write!(f, "the key `{key}` is given twice"),
            AnnotationErrorKind::RepeatedField(key) => {
                write!(f, "the field `{}` is given twice", Shown(key))
            }
            AnnotationErrorKind::Value { key, expected, found } => {
                let key = key.escape_debug();
                write!(f, "`{key}` takes {expected}, and this is {}", Found(found))
            }
            AnnotationErrorKind::NoClass => f.write_str("the annotation names no class"),
            AnnotationErrorKind::Class { schema, name } => {
                write!(f, "schema `{}` has no class `{}`", Shown(schema), Shown(name))
            }
            AnnotationErrorKind::Key { schema, key } => {
                let (key, schema) = (key.escape_debug(), Shown(schema));
                write!(f, "`{key}` is neither a key nor a field of the entry of `{schema}`")
            }
            AnnotationErrorKind::NoAddress => f.write_str("the annotation has no address"),
            AnnotationErrorKind::Bound(error) => error.fmt(f),
        }
    }
}

impl fmt::Display for BoundError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Nowhere => "the end or the counter of the annotation is nowhere",
            Self::NoEnd => "the extent is a range, and the annotation has no `end`",
            Self::NoCount => "the extent is counted, and the annotation has no `count`",
            Self::OtherExtent => "the annotation has an `end` or a `count`, and another extent",
        })
    }
}

impl fmt::Display for Expected<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match *self {
            Self::Text | Self::FieldString => "a text",
            Self::Address => "an address",
            Self::Number => "a number",
            Self::Type => "a number of a type, below 2^32",
            Self::Id => "a number below 2^31",
            Self::Counter => "a counter of 1, 2, 4 or 8 bytes",
            Self::Extent => "an extent, from 0 to 4",
            Self::Space => "a number of an address space",
            Self::ShortText(size) | Self::FieldText(size) => {
                return write!(f, "a text of {size} bytes at most");
            }
            Self::FieldNumber(ty) => return write!(f, "a number that `{}` can hold", Shown(ty)),
            Self::Nothing(ty) => {
                let ty = Shown(ty);
                return write!(f, "nothing that an annotation can say: it is of type `{ty}`");
            }
        })
    }
}

/// A value as it stands in a message.
struct Found<'a>(Value<'a>);

impl fmt::Display for Found<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            Value::Text(text) if text.len() > 40 => write!(f, "a text of {} bytes", text.len()),
            Value::Text(text) => write!(f, "the text \"{}\"", text.escape_debug()),
            Value::Integer(number) => write!(f, "the number {number}"),
            Value::Address(..) => f.write_str("an address"),
        }
    }
}

/// A name from an image as it stands in a message: escaped, and only its beginning if it is long.
#[derive(Clone, Copy, Debug)]
pub struct Shown<'a>(
    /// The name.
    pub &'a str,
);

impl fmt::Display for Shown<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        const LONGEST: usize = 100;
        match self.0.char_indices().nth(LONGEST) {
            Some((end, _)) => {
                let beginning = self.0.get(..end).unwrap_or_default();
                write!(f, "{}…", beginning.escape_debug())
            }
            None => self.0.escape_debug().fmt(f),
        }
    }
}

#[cfg(test)]
mod tests;
