//! Values of the schema's own fields: which of them a pair may set, and how they stand in the row.

use crate::abi::Order;
use crate::bits;
use crate::pairs::Value;
use crate::schema;

/// What stands in a field of the row.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FieldKind {
    /// A number of 1, 2, 4 or 8 bytes in this order: integers, enums, flags, truth values, addresses.
    Number(Order),
    /// A text inline, NUL where it is shorter.
    Text,
    /// A text in the strings section, by its offset.
    String,
    /// Anything else: a pair cannot set it.
    Bytes,
}

/// A value for a field of the row.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FieldValue<'a> {
    /// A number; a negative one as its two's complement in 64 bits.
    Number(u64),
    /// A text, without NUL.
    Text(&'a str),
    /// The bytes of the field as they stand in the row.
    Raw(&'a [u8]),
}

impl FieldKind {
    /// The kind of a field whose type is written so, enums and flags by the type that they are stored as,
    /// of a producer with this order.
    #[must_use]
    pub fn of_type(word: &str, size: u32, order: Order) -> Self {
        match word {
            "string" if size == 4 => Self::String,
            _ if word.starts_with("text<") => Self::Text,
            _ if word.starts_with("bytes<") || word.starts_with('[') => Self::Bytes,
            _ if !matches!(size, 1 | 2 | 4 | 8) => Self::Bytes,
            "be16" | "be32" | "be64" => Self::Number(Order::Big),
            "le16" | "le32" | "le64" => Self::Number(Order::Little),
            _ => Self::Number(order),
        }
    }
}

impl<'a> FieldValue<'a> {
    /// What the value of a pair is in a field of this kind and of so many bytes; nothing if it does not go
    /// there.
    #[must_use]
    pub fn of(kind: FieldKind, size: usize, value: &Value<'a>) -> Option<Self> {
        match (kind, *value) {
            (FieldKind::String, Value::Text(text)) => Some(Self::Text(text)),
            (FieldKind::Text, Value::Text(text)) => {
                (text.len() <= size).then_some(Self::Text(text))
            }
            (FieldKind::Number(_), Value::Integer(number)) => {
                bits::fits(number, (size as u32).saturating_mul(8)).then_some(Self::Number(number))
            }
            _ => None,
        }
    }

    /// What a field has where nothing is said of it.
    #[must_use]
    pub fn of_default(default: schema::Value<'a>) -> Self {
        match default {
            schema::Value::Int(number) => Self::Number(number as u64),
            schema::Value::Text(text) => Self::Text(text),
            schema::Value::Bytes(bytes) => Self::Raw(bytes),
        }
    }

    /// The text of a field that stands in the strings; any other default is no text.
    #[must_use]
    pub fn text(self) -> &'a str {
        match self {
            Self::Text(text) => text,
            Self::Number(_) | Self::Raw(_) => "",
        }
    }

    /// The bytes of a field that stands in the row itself, as many as it has. What is shorter leaves zeros
    /// behind it, and so does a number where bytes stand.
    pub fn stored(self, kind: FieldKind, size: usize) -> impl Iterator<Item = u8> + use<'a> {
        let (bytes, number, is_reversed) = match (kind, self) {
            (_, Self::Text(text)) => (text.as_bytes(), [0; 8], false),
            (_, Self::Raw(bytes)) => (bytes, [0; 8], false),
            (FieldKind::Number(order), Self::Number(number)) => {
                (&[][..], number.to_le_bytes(), order == Order::Big)
            }
            (_, Self::Number(_)) => (&[][..], [0; 8], false),
        };
        (0..size).map(move |index| {
            let at = if is_reversed { size - 1 - index } else { index };
            let byte = bytes.get(at).or_else(|| number.get(at));
            // Behind the bytes there are zeros, and no number is where there are any.
            byte.copied().unwrap_or(0)
        })
    }

    /// Puts the value of a field that stands in the row itself into its place there.
    pub fn store(self, kind: FieldKind, place: &mut [u8]) {
        let stored = self.stored(kind, place.len());
        for (byte, value) in place.iter_mut().zip(stored) {
            *byte = value;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn stored<const N: usize>(value: FieldValue<'_>, kind: FieldKind) -> [u8; N] {
        let mut place = [0xff; N];
        value.store(kind, &mut place);
        place
    }

    #[test]
    fn values_stand_in_the_order_of_the_field() {
        let number = FieldValue::Number(0x0102);
        assert_eq!(stored(number, FieldKind::Number(Order::Little)), [2, 1, 0, 0]);
        assert_eq!(stored(number, FieldKind::Number(Order::Big)), [0, 0, 1, 2]);
        assert_eq!(stored(FieldValue::Number(u64::MAX), FieldKind::Number(Order::Big)), [0xff; 2]);
        assert_eq!(stored(number, FieldKind::Bytes), [0; 3]);
        assert_eq!(stored(FieldValue::Text("ab"), FieldKind::Text), [b'a', b'b', 0]);
        assert_eq!(stored(FieldValue::Raw(&[7, 8, 9]), FieldKind::Number(Order::Big)), [7, 8]);
    }

    #[test]
    fn only_what_fits_goes_into_a_field() {
        let number = FieldKind::Number(Order::Little);
        for (kind, size, value, fits) in [
            (number, 1, Value::Integer(255), true),
            (number, 1, Value::Integer(256), false),
            (number, 1, Value::Integer(-128_i64 as u64), true),
            (number, 8, Value::Text("1"), false),
            (number, 8, Value::Address(1, 0), false),
            (FieldKind::Text, 2, Value::Text("ab"), true),
            (FieldKind::Text, 2, Value::Text("abc"), false),
            (FieldKind::Text, 2, Value::Integer(0), false),
            (FieldKind::String, 4, Value::Text("as long as it likes"), true),
            (FieldKind::Bytes, 4, Value::Integer(0), false),
        ] {
            assert_eq!(FieldValue::of(kind, size, &value).is_some(), fits, "{kind:?} {value:?}");
        }
    }
}
