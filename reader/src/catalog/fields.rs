//! The fields that a schema adds to every entry, as values.

use std::fmt;

use inspect_format::abi::Order;
use inspect_format::schema::{EntryField, Value};
use inspect_format::table::Row;
use inspect_format::{bits, table};

use super::names::{FieldInfo, Names, set};
use crate::decode::Hints;

/// A field of an entry.
#[derive(Clone, Debug, PartialEq)]
pub struct Field<'a> {
    /// Its name.
    pub name: &'a str,
    /// Its value: the declared default where the table lacks it.
    pub value: FieldValue<'a>,
    /// How people like to read it.
    pub hints: Hints<'a>,
}

/// The value of a field.
#[derive(Clone, Debug, PartialEq)]
pub enum FieldValue<'a> {
    /// A number.
    Integer(i128),
    /// A truth value.
    Bool(bool),
    /// A floating-point number.
    Float(f64),
    /// A text.
    Text(&'a str),
    /// Bytes without a meaning here.
    Bytes(&'a [u8]),
    /// A member of an enum.
    Member(&'a str),
    /// Flags by name, and the bits that have none.
    Flags(Vec<Flag<'a>>, u64),
    /// A text that is not there.
    Broken(table::Error),
}

/// Flags that are set.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Flag<'a> {
    /// Their name.
    pub name: &'a str,
    /// The number that stands there; `None` for a single bit.
    pub value: Option<u64>,
}

impl fmt::Display for Flag<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.value {
            Some(value) => write!(f, "{}={value}", self.name),
            None => f.write_str(self.name),
        }
    }
}

/// What the type of a field means.
#[derive(Clone, Copy, Debug)]
pub(super) enum Kind {
    Unsigned(Order),
    Signed(Order),
    Bool,
    Float(Order),
    Enum(usize, Order),
    Flags(usize, Order),
    /// An offset into the strings.
    String,
    /// Text in place, up to its NUL.
    Text,
    Bytes,
}

impl Kind {
    pub(super) fn of(field: &EntryField<'_>, names: &Names<'_>, order: Order) -> Self {
        let word = field.type_name;
        let is_number = matches!(field.size, 1 | 2 | 4 | 8);
        match word {
            "string" if field.size == 4 => return Self::String,
            _ if word.starts_with("text<") => return Self::Text,
            _ if !is_number || word.starts_with("bytes<") || word.starts_with('[') => {
                return Self::Bytes;
            }
            _ => {}
        }
        if let Some(index) = names.enumeration(word) {
            return Self::Enum(index, order);
        }
        if let Some(index) = names.flag_set(word) {
            return Self::Flags(index, order);
        }
        match word {
            "bool" => Self::Bool,
            "be16" | "be32" | "be64" => Self::Unsigned(Order::Big),
            "le16" | "le32" | "le64" => Self::Unsigned(Order::Little),
            "f32" | "f64" => Self::Float(order),
            "i8" | "i16" | "i32" | "i64" | "isize" | "int" | "long" => Self::Signed(order),
            _ => Self::Unsigned(order),
        }
    }
}

impl<'a> Names<'a> {
    /// A field of a row.
    pub(super) fn value(&self, field: &FieldInfo<'a>, row: Row<'a>) -> Field<'a> {
        let described = &field.described;
        let end = u64::from(described.offset) + u64::from(described.size);
        let range = usize::try_from(end).ok().map(|end| described.offset as usize..end);
        let is_younger = self.version() < described.since;
        let stored = range.filter(|_| !is_younger).and_then(|range| row.bytes().get(range));
        let value = match (stored, field.kind) {
            (None, kind) => self.default(described, kind),
            (Some(_), Kind::String) => match row.string_field(described.offset as usize, 0) {
                Some(Ok(text)) => FieldValue::Text(text),
                Some(Err(error)) => FieldValue::Broken(error),
                None => FieldValue::Text(""),
            },
            (Some(bytes), kind) => self.stored(bytes, kind),
        };
        Field { name: described.name, value, hints: field.hints }
    }

    fn stored(&self, bytes: &'a [u8], kind: Kind) -> FieldValue<'a> {
        let size = bytes.len() as u32 * 8;
        let unsigned = |order| bits::read(bytes, 0, size, order).unwrap_or_default();
        let signed = |order| i128::from(bits::sign_extend(unsigned(order), size));
        match kind {
            Kind::Unsigned(order) => FieldValue::Integer(unsigned(order).into()),
            Kind::Signed(order) => FieldValue::Integer(signed(order)),
            Kind::Bool => FieldValue::Bool(bytes.iter().any(|byte| *byte != 0)),
            Kind::Float(order) if bytes.len() == 4 => {
                FieldValue::Float(f32::from_bits(unsigned(order) as u32).into())
            }
            Kind::Float(order) => FieldValue::Float(f64::from_bits(unsigned(order))),
            Kind::Enum(index, order) => {
                let is_signed = self.enumeration_at(index).is_some_and(|it| it.is_signed);
                self.member(index, if is_signed { signed(order) } else { unsigned(order).into() })
            }
            Kind::Flags(index, order) => self.flags(index, unsigned(order)),
            Kind::Text => {
                let end = bytes.iter().position(|byte| *byte == 0).unwrap_or(bytes.len());
                let text = std::str::from_utf8(bytes.get(..end).unwrap_or_default());
                text.map_or(FieldValue::Bytes(bytes), FieldValue::Text)
            }
            Kind::String | Kind::Bytes => FieldValue::Bytes(bytes),
        }
    }

    fn default(&self, field: &EntryField<'a>, kind: Kind) -> FieldValue<'a> {
        match (field.default, kind) {
            (Value::Int(value), Kind::Bool) => FieldValue::Bool(value != 0),
            (Value::Int(value), Kind::Enum(index, _)) => self.member(index, value),
            (Value::Int(value), Kind::Flags(index, _)) => self.flags(index, value as u64),
            (Value::Int(value), _) => FieldValue::Integer(value),
            (Value::Text(text), _) => FieldValue::Text(text),
            (Value::Bytes(bytes), kind) => self.stored(bytes, kind),
        }
    }

    fn member(&self, index: usize, value: i128) -> FieldValue<'a> {
        let name = self.enumeration_at(index).and_then(|it| it.name(value));
        name.map_or(FieldValue::Integer(value), FieldValue::Member)
    }

    fn flags(&self, index: usize, value: u64) -> FieldValue<'a> {
        let bits = self.flags_at(index);
        let rest = bits.iter().fold(value, |rest, bits| rest & !bits.mask);
        let flags = set(bits, value).map(|bits| {
            let is_range = bits.mask.count_ones() > 1;
            let part = (value & bits.mask) >> bits.mask.trailing_zeros();
            Flag { name: bits.name, value: is_range.then_some(part) }
        });
        FieldValue::Flags(flags.collect(), rest)
    }
}
