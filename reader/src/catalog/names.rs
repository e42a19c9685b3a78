//! The names in a table's description, ready to be looked up.

use std::collections::BTreeMap;

use inspect_format::abi::core_properties;
use inspect_format::schema::{
    Class, Consumer, EntryField, Enum, EnumMember, Error, Flags, List, Schema, Space, Value,
};
use inspect_format::table::Table;

use super::fields::Kind;
use super::hints;
use crate::decode::Hints;

/// What a description calls things; nothing has a name where there is none.
#[derive(Debug, Default)]
pub struct Names<'a> {
    /// The version under which the rows were written, whatever the description's is.
    version: u32,
    schema: Option<Schema<'a>>,
    classes: BTreeMap<u32, Class<'a>>,
    spaces: BTreeMap<u16, &'a str>,
    properties: Vec<NamedBits<'a>>,
    fields: Vec<FieldInfo<'a>>,
    enums: Vec<(&'a str, NamedEnum<'a>)>,
    flags: Vec<(&'a str, Vec<NamedBits<'a>>)>,
}

/// The names of property bits that are set.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct PropertyNames<'a> {
    /// Those that have one, from the lowest bit on.
    pub names: Vec<&'a str>,
    /// The bits that have none.
    pub rest: u64,
}

/// Bits under one name.
#[derive(Clone, Copy, Debug)]
pub(super) struct NamedBits<'a> {
    pub(super) name: &'a str,
    pub(super) mask: u64,
}

/// The values of an enum.
#[derive(Clone, Debug)]
pub(super) struct NamedEnum<'a> {
    pub(super) is_signed: bool,
    pub(super) members: Vec<(i128, &'a str)>,
}

/// A field of the row, with what its type means.
#[derive(Clone, Copy, Debug)]
pub struct FieldInfo<'a> {
    /// As it is described.
    pub described: EntryField<'a>,
    pub(super) kind: Kind,
    /// How people like to read it.
    pub(super) hints: Hints<'a>,
}

impl<'a> Names<'a> {
    /// Reads a description. Nothing has a name if it is empty.
    pub(super) fn new(
        description: &'a [u8],
        types: &'a [u8],
        table: &Table<'a>,
    ) -> Result<Self, Error> {
        let version = table.version();
        if description.is_empty() {
            return Ok(Self { version, properties: CORE_BITS.to_vec(), ..Self::default() });
        }
        let schema = Schema::parse(description)?;
        let mut names = Self { version, schema: Some(schema), ..Self::default() };
        for class in schema.classes.iter() {
            let class = class?;
            names.classes.insert(class.number, class);
        }
        for space in schema.spaces.iter() {
            let Space { number, name, .. } = space?;
            names.spaces.insert(number, name);
        }
        names.properties = bits(schema.properties)?;
        names.properties.extend(CORE_BITS);
        for it in schema.enums.iter() {
            let it = it?;
            names.enums.push((it.name, NamedEnum::new(&it)?));
        }
        for it in schema.flags.iter() {
            let Flags { name, members, .. } = it?;
            names.flags.push((name, bits(members)?));
        }
        for field in schema.entry.fields.iter() {
            let described = field?;
            let kind = Kind::of(&described, &names, table.order());
            names.fields.push(FieldInfo { described, kind, hints: Hints::default() });
        }
        hints::add(&mut names.fields, types, schema.entry.size);
        Ok(names)
    }

    pub(super) fn version(&self) -> u32 {
        self.version
    }

    /// The dotted name of the schema.
    #[must_use]
    pub fn schema(&self) -> Option<&'a str> {
        self.schema.map(|schema| schema.name)
    }

    /// The consumers that the schema declares.
    pub fn consumers(&self) -> impl Iterator<Item = Result<Consumer<'a>, Error>> + use<'a> {
        self.schema.map(|schema| schema.consumers).into_iter().flat_map(|list| list.iter())
    }

    /// A class by its number.
    #[must_use]
    pub fn class(&self, number: u32) -> Option<&Class<'a>> {
        self.classes.get(&number)
    }

    /// All classes, by their numbers.
    pub fn classes(&self) -> impl Iterator<Item = &Class<'a>> {
        self.classes.values()
    }

    /// An address space of the schema.
    #[must_use]
    pub fn space(&self, number: u16) -> Option<&'a str> {
        self.spaces.get(&number).copied()
    }

    /// The fields of the row, in order.
    #[must_use]
    pub fn fields(&self) -> &[FieldInfo<'a>] {
        &self.fields
    }

    /// The mask of a property with this name.
    #[must_use]
    pub fn property(&self, name: &str) -> Option<u64> {
        self.properties.iter().find(|bits| bits.name == name).map(|bits| bits.mask)
    }

    /// The names of the bits that are set.
    #[must_use]
    pub fn properties(&self, value: u64) -> PropertyNames<'a> {
        named(&self.properties, value)
    }

    pub(super) fn enumeration(&self, name: &str) -> Option<usize> {
        self.enums.iter().position(|(it, _)| *it == name)
    }

    pub(super) fn flag_set(&self, name: &str) -> Option<usize> {
        self.flags.iter().position(|(it, _)| *it == name)
    }

    pub(super) fn enumeration_at(&self, index: usize) -> Option<&NamedEnum<'a>> {
        self.enums.get(index).map(|(_, it)| it)
    }

    pub(super) fn flags_at(&self, index: usize) -> &[NamedBits<'a>] {
        self.flags.get(index).map_or(&[], |(_, it)| it)
    }
}

/// The names of the bits that are set in `value`.
pub(super) fn named<'a>(bits: &[NamedBits<'a>], value: u64) -> PropertyNames<'a> {
    let mut found = PropertyNames { names: Vec::new(), rest: value };
    for bits in set(bits, value) {
        found.names.push(bits.name);
        found.rest &= !bits.mask;
    }
    found
}

/// Those of which a bit is set in `value`.
pub(super) fn set<'b, 'a>(
    bits: &'b [NamedBits<'a>],
    value: u64,
) -> impl Iterator<Item = &'b NamedBits<'a>> {
    bits.iter().filter(move |bits| value & bits.mask != 0)
}

impl<'a> NamedEnum<'a> {
    fn new(described: &Enum<'a>) -> Result<Self, Error> {
        let mut members = Vec::new();
        for member in described.members.iter() {
            let EnumMember { name, value } = member?;
            if let Some(Value::Int(value)) = value {
                members.push((value, name));
            }
        }
        let is_negative = members.iter().any(|(value, _)| *value < 0);
        let is_signed = described.type_name.starts_with('i') || is_negative;
        Ok(Self { is_signed, members })
    }

    /// The member of a value.
    pub(super) fn name(&self, value: i128) -> Option<&'a str> {
        self.members.iter().find(|(it, _)| *it == value).map(|(_, name)| *name)
    }
}

fn bits<'a>(
    members: List<'a, inspect_format::schema::Bits<'a>>,
) -> Result<Vec<NamedBits<'a>>, Error> {
    members
        .iter()
        .map(|member| {
            let member = member?;
            let range = member.first.min(64)..=member.last.min(63);
            let mask = range.fold(0, |mask, bit| mask | 1_u64 << bit);
            Ok(NamedBits { name: member.name, mask })
        })
        .collect()
}

const CORE_BITS: [NamedBits<'static>; 6] = [
    NamedBits { mask: core_properties::PER_CPU, name: "per_cpu" },
    NamedBits { mask: core_properties::INIT, name: "init" },
    NamedBits { mask: core_properties::MMIO, name: "mmio" },
    NamedBits { mask: core_properties::READ_ONLY, name: "read_only" },
    NamedBits { mask: core_properties::VOLATILE, name: "volatile" },
    NamedBits { mask: core_properties::SENSITIVE, name: "sensitive" },
];
