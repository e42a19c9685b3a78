//! What a schema says of its annotations: its classes, and the fields of its entry with their places in the
//! row.

use alloc::collections::BTreeMap;
use alloc::vec::Vec;
use core::fmt;

use super::{FieldKind, Shown};
use crate::abi::{CoreEntry, Order};
use crate::descriptor::Descriptor;
use crate::hash;
use crate::schema::{self, Value};

/// A schema, as annotations are checked against it.
#[derive(Clone, Debug, Default)]
pub struct Rules<'a> {
    /// Its dotted name.
    pub name: &'a str,
    /// Its version.
    pub version: u32,
    /// Bytes of a row.
    pub entry_size: u32,
    /// Of the entry at this version.
    pub fingerprint: u64,
    /// By their names.
    pub classes: BTreeMap<&'a str, Class>,
    /// The fields of the entry, in the order of their places.
    pub fields: Vec<Field<'a>>,
    /// The position of each field, by its name.
    pub positions: BTreeMap<&'a str, usize>,
}

/// What an annotation takes from its class.
#[derive(Clone, Copy, Debug)]
pub struct Class {
    /// Its number.
    pub number: u32,
    /// The id of the target in the types, 0 for none.
    pub type_id: u32,
    /// Property bits that hold for every entry.
    pub properties: u64,
}

/// A field of the entry.
#[derive(Clone, Debug)]
pub struct Field<'a> {
    /// Its name.
    pub name: &'a str,
    /// Its type, as the language writes it.
    pub type_name: &'a str,
    /// From the start of the row.
    pub offset: usize,
    /// In bytes.
    pub size: usize,
    /// What stands there.
    pub kind: FieldKind,
    /// What stands there in an entry that says nothing about it.
    pub default: Value<'a>,
}

/// Why no annotation can be checked against a schema.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum RulesError<'a> {
    /// Rows of an impossible size.
    Row(u32),
    /// The description.
    Description(schema::Error),
    /// The description is of another schema or version than the numbers beside it.
    Other {
        /// The name in the description.
        name: &'a str,
        /// The version in the description.
        version: u32,
    },
    /// A name of a class or a field of so many bytes.
    Name(usize),
    /// A field without a place of its own in the row.
    Field(&'a str),
    /// Rows of so many bytes, which hold next to nothing.
    Padding(u32),
}

/// Bytes of a row that no schema needs.
const LARGEST_ROW: u32 = 1 << 16;

/// Bytes behind the fields of a row, of which there are seven at most today.
const MOST_PADDING: u64 = 64;

impl<'a> Rules<'a> {
    /// What a description says that stands beside these numbers, for a producer with this order.
    pub fn read(
        numbers: &Descriptor,
        description: &'a [u8],
        order: Order,
    ) -> Result<Self, RulesError<'a>> {
        let entry_size = numbers.entry_size;
        let sizes = CoreEntry::SIZE as u32..=LARGEST_ROW;
        if !sizes.contains(&entry_size) || entry_size % 8 != 0 {
            return Err(RulesError::Row(entry_size));
        }
        let it = schema::Schema::parse(description)?;
        if hash::schema_number(it.name) != numbers.schema || it.version != numbers.version {
            return Err(RulesError::Other { name: it.name, version: it.version });
        }
        let (name, version, fingerprint) = (it.name, it.version, numbers.fingerprint);
        let mut rules = Self { name, version, entry_size, fingerprint, ..Self::default() };
        for class in it.classes.iter() {
            let class = class?;
            is_name(class.name)?;
            let (number, type_id) = (class.number, class.type_id);
            let found = Class { number, type_id, properties: class.properties };
            rules.classes.insert(class.name, found);
        }
        let types = stored_types(&it)?;
        let mut end = CoreEntry::SIZE as u64;
        for field in it.entry.fields.iter() {
            let field = field?;
            is_name(field.name)?;
            let (offset, size) = (u64::from(field.offset), u64::from(field.size));
            if size == 0 || offset < end || offset + size > u64::from(entry_size) {
                return Err(RulesError::Field(field.name));
            }
            end = offset + size;
            // Any other type is itself.
            let word = types.get(field.type_name).copied().unwrap_or(field.type_name);
            rules.push(Field {
                name: field.name,
                type_name: field.type_name,
                offset: field.offset as usize,
                size: field.size as usize,
                kind: FieldKind::of_type(word, field.size, order),
                default: field.default,
            });
        }
        if u64::from(entry_size) > end.next_multiple_of(8) + MOST_PADDING {
            return Err(RulesError::Padding(entry_size));
        }
        Ok(rules)
    }

    /// Adds a field behind all others. Where a name is there twice, the first one is meant.
    pub fn push(&mut self, field: Field<'a>) {
        self.positions.entry(field.name).or_insert(self.fields.len());
        self.fields.push(field);
    }
}

/// Names of schemas are short; others would be repeated in every message.
fn is_name<'a>(name: &str) -> Result<(), RulesError<'a>> {
    const LONGEST: usize = 255;
    match name.len() {
        1..=LONGEST => Ok(()),
        length => Err(RulesError::Name(length)),
    }
}

/// The integer types of all enums and sets of flags, by their names: one look for each field, however many there
/// are. Where a name is there twice, the first one is meant, and an enum before a set of flags.
fn stored_types<'a>(
    schema: &schema::Schema<'a>,
) -> Result<BTreeMap<&'a str, &'a str>, schema::Error> {
    let enums = schema.enums.iter().map(|it| it.map(|it| (it.name, it.type_name)));
    let flags = schema.flags.iter().map(|it| it.map(|it| (it.name, it.type_name)));
    let mut types = BTreeMap::new();
    for it in enums.chain(flags) {
        let (name, type_name) = it?;
        types.entry(name).or_insert(type_name);
    }
    Ok(types)
}

impl From<schema::Error> for RulesError<'_> {
    fn from(error: schema::Error) -> Self {
        Self::Description(error)
    }
}

impl core::error::Error for RulesError<'_> {}

impl fmt::Display for RulesError<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match *self {
            Self::Row(size) => write!(f, "rows of {size} bytes are impossible"),
            Self::Description(error) => error.fmt(f),
            Self::Other { name, version } => {
                write!(f, "its number and version are not those of `{}` {version}", Shown(name))
            }
            Self::Name(size) => write!(f, "a name of {size} bytes is impossible"),
            Self::Field(name) => {
                write!(f, "field `{}` has no place of its own in the row", Shown(name))
            }
            Self::Padding(size) => write!(f, "its rows of {size} bytes are mostly empty"),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::vec::Vec;

    use crate::schema::{Entry, Enum, Flags, List, Schema, encode_list};

    use super::*;

    /// The first of a name counts, and an enum before a set of flags.
    #[test]
    fn enums_and_flags_are_found_by_their_names() {
        let an_enum = |name, type_name| Enum { name, open: false, type_name, members: List::EMPTY };
        let a_set = |name, type_name| Flags { name, type_name, members: List::EMPTY };
        let enums = encode_list(&[an_enum("a", "u8"), an_enum("b", "u16"), an_enum("a", "u32")]);
        let flags = encode_list(&[a_set("b", "u64"), a_set("c", "le32")]);
        let schema = Schema {
            name: "test.schemas",
            entry: Entry { name: "row", size: 64, fields: List::EMPTY },
            enums: List::new(&enums),
            flags: List::new(&flags),
            spaces: List::EMPTY,
            classes: List::EMPTY,
            layouts: List::EMPTY,
            version: 1,
            consumers: List::EMPTY,
            properties: List::EMPTY,
        };
        let found: Vec<_> = stored_types(&schema).unwrap().into_iter().collect();
        assert_eq!(found, [("a", "u8"), ("b", "u16"), ("c", "le32")]);
    }
}
