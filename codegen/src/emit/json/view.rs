//! The JSON documents as types. Members that do not apply are absent; an empty documentation too.

use std::collections::BTreeMap;

use serde::Serialize;

/// `json/<schema>.json`.
#[derive(Serialize)]
pub(super) struct Document {
    /// The generation of this form; a change that a reader could trip over raises it.
    pub(super) format: u32,
    pub(super) schema: String,
    pub(super) version: u32,
    pub(super) latest: u32,
    /// A relative path as it was given; of an absolute one the last part, since the rest says
    /// something about one machine only.
    pub(super) file: String,
    #[serde(skip_serializing_if = "String::is_empty")]
    pub(super) docs: String,
    pub(super) dependencies: Vec<String>,
    pub(super) constants: Vec<Constant>,
    pub(super) types: Vec<TypeItem>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) properties: Option<Properties>,
    pub(super) classes: Vec<Class>,
    pub(super) entry: Entry,
    pub(super) spaces: Vec<Space>,
    pub(super) consumers: Vec<Consumer>,
    pub(super) targets: BTreeMap<&'static str, TargetLayouts>,
}

/// The layouts on one target.
#[derive(Serialize)]
pub(super) struct TargetLayouts {
    pub(super) structs: BTreeMap<String, StructLayout>,
}

#[derive(Serialize)]
pub(super) struct StructLayout {
    pub(super) size: u64,
    pub(super) align: u32,
    pub(super) fields: Vec<FieldLayout>,
}

#[derive(Serialize)]
pub(super) struct FieldLayout {
    pub(super) name: String,
    pub(super) offset: u64,
    pub(super) size: u64,
    /// From the start of the struct, as DWARF 5's `DW_AT_data_bit_offset`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) bit_offset: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) bit_size: Option<u32>,
}

/// What every named thing has.
#[derive(Serialize)]
pub(super) struct Naming {
    pub(super) name: String,
    pub(super) c: String,
    pub(super) rust: String,
    #[serde(skip_serializing_if = "String::is_empty")]
    pub(super) docs: String,
    pub(super) span: Place,
    pub(super) since: u32,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) deprecated: Option<Deprecated>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) removed: Option<u32>,
}

#[derive(Serialize)]
pub(super) struct Deprecated {
    pub(super) version: u32,
    pub(super) note: String,
}

/// Both counted from 1; a column is a character.
#[derive(Serialize)]
pub(super) struct Place {
    pub(super) file: String,
    pub(super) line: usize,
    pub(super) column: usize,
}

/// A type: what it is, and how a schema writes it.
#[derive(Serialize)]
pub(super) struct Type {
    pub(super) text: String,
    #[serde(flatten)]
    pub(super) form: TypeForm,
}

#[derive(Serialize)]
#[serde(tag = "kind", rename_all = "lowercase")]
pub(super) enum TypeForm {
    Scalar {
        scalar: &'static str,
    },
    Atomic {
        scalar: &'static str,
    },
    Pointer {
        /// `void`, `function`, `text` or `type`.
        pointee: &'static str,
        #[serde(skip_serializing_if = "Option::is_none")]
        target: Option<Box<Type>>,
    },
    Array {
        element: Box<Type>,
        /// Absent where the compiler captures it.
        #[serde(skip_serializing_if = "Option::is_none")]
        length: Option<u64>,
    },
    Flexible {
        element: Box<Type>,
    },
    Text {
        size: u64,
    },
    Bytes {
        size: u64,
    },
    String,
    Opaque,
    Aggregate {
        schema: String,
        /// Absent for an anonymous one: its fields stand in `fields` of the field that has this
        /// type.
        #[serde(skip_serializing_if = "Option::is_none")]
        name: Option<String>,
    },
    Enum {
        schema: String,
        name: String,
    },
    Flags {
        schema: String,
        name: String,
    },
}

/// A value: a number that JSON's readers keep exactly, or text.
#[derive(Serialize)]
#[serde(untagged)]
pub(super) enum Value {
    /// Up to 53 bits.
    Number(i64),
    /// A greater number in decimal; text; bytes in hexadecimal behind `hex:`.
    Text(String),
}

#[derive(Serialize)]
pub(super) struct Constant {
    #[serde(flatten)]
    pub(super) naming: Naming,
    #[serde(rename = "type")]
    pub(super) ty: Type,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) value: Option<Value>,
    /// The header whose compiler knows the value.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) captured_from: Option<String>,
}

#[derive(Serialize)]
#[serde(untagged)]
pub(super) enum TypeItem {
    Aggregate(Aggregate),
    Enum(Enum),
    Flags(Flags),
}

#[derive(Serialize)]
pub(super) struct Aggregate {
    /// `struct`, `union`, `record` or `extern struct`.
    pub(super) kind: &'static str,
    #[serde(flatten)]
    pub(super) naming: Naming,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) captured_from: Option<String>,
    #[serde(skip_serializing_if = "is_false")]
    pub(super) packed: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) align: Option<u32>,
    pub(super) target_dependent: bool,
    pub(super) flexible: bool,
    pub(super) fields: Vec<Field>,
}

#[derive(Serialize)]
pub(super) struct Field {
    /// Absent for padding and for anonymous aggregates.
    #[serde(skip_serializing_if = "Option::is_none", flatten)]
    pub(super) naming: Option<Naming>,
    #[serde(rename = "type")]
    pub(super) ty: Type,
    /// The fields of an inline aggregate.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) fields: Option<Vec<Field>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) bits: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) align: Option<u32>,
    #[serde(skip_serializing_if = "is_false")]
    pub(super) packed: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) expected: Option<Value>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) count: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) tag: Option<String>,
    /// The values of the tag for which this arm of a union is valid; `otherwise` for the rest.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) when: Option<Vec<String>>,
    #[serde(skip_serializing_if = "is_false")]
    pub(super) otherwise: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) list: Option<List>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) ring: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) unit: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) display: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) condition: Option<String>,
    /// Its place comes from debug information.
    #[serde(skip_serializing_if = "is_false")]
    pub(super) debug: bool,
    #[serde(skip_serializing_if = "is_false")]
    pub(super) sensitive: bool,
}

#[derive(Serialize)]
pub(super) struct List {
    pub(super) element: String,
    pub(super) link: String,
}

#[derive(Serialize)]
pub(super) struct Enum {
    pub(super) kind: &'static str,
    #[serde(flatten)]
    pub(super) naming: Naming,
    /// A type word, or `C`: what the target's C compiler chooses.
    pub(super) repr: &'static str,
    pub(super) open: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) captured_from: Option<String>,
    pub(super) members: Vec<EnumMember>,
}

#[derive(Serialize)]
pub(super) struct EnumMember {
    #[serde(flatten)]
    pub(super) naming: Naming,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) value: Option<Value>,
}

#[derive(Serialize)]
pub(super) struct Flags {
    pub(super) kind: &'static str,
    #[serde(flatten)]
    pub(super) naming: Naming,
    pub(super) repr: &'static str,
    pub(super) members: Vec<FlagMember>,
}

#[derive(Serialize)]
pub(super) struct FlagMember {
    #[serde(flatten)]
    pub(super) naming: Naming,
    pub(super) first_bit: u8,
    pub(super) last_bit: u8,
}

#[derive(Serialize)]
pub(super) struct Properties {
    #[serde(flatten)]
    pub(super) naming: Naming,
    pub(super) members: Vec<FlagMember>,
}

#[derive(Serialize)]
pub(super) struct Class {
    #[serde(flatten)]
    pub(super) naming: Naming,
    pub(super) number: u32,
    #[serde(rename = "type")]
    pub(super) ty: Type,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) key: Option<String>,
    /// The property bits in hexadecimal, and their names.
    pub(super) properties: PropertySet,
}

#[derive(Serialize)]
pub(super) struct PropertySet {
    pub(super) bits: String,
    pub(super) names: Vec<String>,
}

#[derive(Serialize)]
pub(super) struct Entry {
    #[serde(flatten)]
    pub(super) naming: Naming,
    pub(super) declared: bool,
    /// Bytes of a row, those of the core entry included.
    pub(super) size: u32,
    pub(super) fields: Vec<EntryField>,
}

#[derive(Serialize)]
pub(super) struct EntryField {
    #[serde(flatten)]
    pub(super) naming: Naming,
    #[serde(rename = "type")]
    pub(super) ty: Type,
    pub(super) offset: u32,
    pub(super) size: u32,
    pub(super) align: u32,
    pub(super) default: Value,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) unit: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) display: Option<&'static str>,
    #[serde(skip_serializing_if = "is_false")]
    pub(super) sensitive: bool,
}

#[derive(Serialize)]
pub(super) struct Space {
    #[serde(flatten)]
    pub(super) naming: Naming,
    pub(super) number: u16,
    pub(super) section_size: Value,
    pub(super) base: Value,
    pub(super) assign: &'static str,
    pub(super) partial: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) max_regions: Option<u32>,
}

#[derive(Serialize)]
pub(super) struct Consumer {
    #[serde(flatten)]
    pub(super) naming: Naming,
    pub(super) allow: Vec<Rule>,
    pub(super) deny: Vec<Rule>,
    pub(super) require: PropertySet,
    pub(super) permit: PropertySet,
    pub(super) order: Vec<Rule>,
    pub(super) limit: Limit,
}

#[derive(Serialize)]
#[serde(tag = "rule", rename_all = "lowercase")]
pub(super) enum Rule {
    Class {
        class: String,
        number: u32,
    },
    Entry {
        class: String,
        number: u32,
        #[serde(skip_serializing_if = "Option::is_none")]
        name: Option<String>,
        #[serde(skip_serializing_if = "Option::is_none")]
        instance: Option<Value>,
    },
    Properties(PropertySet),
}

#[derive(Serialize)]
pub(super) struct Limit {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) regions: Option<Value>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) name: Option<Value>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) bytes: Option<Value>,
}

#[allow(clippy::trivially_copy_pass_by_ref, reason = "serde passes a reference")]
fn is_false(value: &bool) -> bool {
    !value
}
