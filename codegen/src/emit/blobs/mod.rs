//! The blobs that generated code carries and that table files hold: the schema's description, its
//! types as BTF, the history of its fingerprints. One definition for every emitter.
//!
//! What a blob says of captured types is known only to the producer's compiler: [`types`] leaves
//! [`Patch`]es there, which an emitter prints in its language; [`known_types`] leaves such types
//! out, and [`bytes`] turns the result into a file for one target.

mod describe;
mod encode;
mod tags;

use std::collections::BTreeMap;

use inspect_format::abi::Order;
use inspect_format::btf::{Blob, Patch};

use crate::model::{
    AggregateId, ByteOrder, ClassId, ConstantValue, EnumId, EnumRepr, FlagsId, Model, SchemaId,
    Target, Value,
};

/// The types of a schema, and what their ids are.
#[derive(Clone, Debug)]
pub struct Types {
    /// The blob itself.
    pub blob: Blob,
    /// What the entries of a class point at.
    pub classes: BTreeMap<ClassId, u32>,
    /// Structs, unions, records, inline ones too.
    pub aggregates: BTreeMap<AggregateId, u32>,
    /// Enums: the integer type of a field, which is a typedef where it has not the width of an
    /// `int`.
    pub enums: BTreeMap<EnumId, u32>,
    /// Sets of flags.
    pub flags: BTreeMap<FlagsId, u32>,
    /// The row.
    pub entry: u32,
}

impl Types {
    /// Those of nothing.
    pub(crate) fn none() -> Self {
        Self {
            blob: Blob { words: Vec::new(), strings: Vec::new() },
            classes: BTreeMap::new(),
            aggregates: BTreeMap::new(),
            enums: BTreeMap::new(),
            flags: BTreeMap::new(),
            entry: 0,
        }
    }
}

/// The schema's types with everything that they refer to, for generated code: what a compiler has
/// to say is a patch, whose numbers are positions in the model. What is the same on every target is
/// a number. A struct that Rust captures is a forward declaration.
#[must_use]
pub fn types(model: &Model, schema: SchemaId) -> Types {
    encode::encode(model, schema, encode::Captured::C)
}

/// The same types for generated Rust: a struct that C captures is a forward declaration.
#[must_use]
pub fn rust_types(model: &Model, schema: SchemaId) -> Types {
    encode::encode(model, schema, encode::Captured::Rust)
}

/// The same types for files, which no compiler sees: every captured struct is a forward declaration.
#[must_use]
pub fn known_types(model: &Model, schema: SchemaId) -> Types {
    encode::encode(model, schema, encode::Captured::Nothing)
}

/// The blob of [`types`].
#[must_use]
pub fn btf(model: &Model, schema: SchemaId) -> Blob {
    types(model, schema).blob
}

/// The description of a schema whose entries refer to the ids of [`types`].
#[must_use]
pub fn schema_cbor(model: &Model, schema: SchemaId) -> Vec<u8> {
    describe::describe(model, schema, &types(model, schema))
}

/// The description of a schema whose entries refer to the ids of `types`.
#[must_use]
pub fn schema_cbor_with(model: &Model, schema: SchemaId, types: &Types) -> Vec<u8> {
    describe::describe(model, schema, types)
}

/// The fingerprint of the schema's entry format at each version, from 1 to the emitted one.
#[must_use]
pub fn history(model: &Model, schema: SchemaId) -> Vec<u64> {
    describe::history(model, schema)
}

/// What the model knows of a patch on one target; `None` where only a compiler knows.
#[must_use]
pub fn resolve(model: &Model, patch: &Patch, target: Target) -> Option<u64> {
    let layout = |id: u32| model[AggregateId(id)].layouts.as_ref().map(|all| all.on(target));
    let place = |id: u32, field: u32| layout(id)?.fields.get(field as usize);
    match *patch {
        Patch::Magic | Patch::Length { .. } | Patch::EnumMember { .. } => None,
        Patch::WordSize => Some(u64::from(target.info().word_size)),
        Patch::Size { aggregate } => Some(layout(aggregate)?.size),
        Patch::Offset { aggregate, field } => Some(place(aggregate, field)?.offset),
        Patch::BitOffset { aggregate, field } => place(aggregate, field)?.bit_offset,
        Patch::FieldSize { aggregate, field } => Some(place(aggregate, field)?.size),
        Patch::Constant { constant, high } => match &model.constants[constant as usize].value {
            ConstantValue::Known(Value::Int(value)) => Some(half(*value, high)),
            _ => None,
        },
        Patch::EnumSize { enumeration } => {
            c_enum(model, EnumId(enumeration), target).map(|(size, _)| u64::from(size))
        }
        Patch::EnumSigned { enumeration } if model[EnumId(enumeration)].header.is_some() => None,
        Patch::EnumSigned { enumeration } => {
            c_enum(model, EnumId(enumeration), target).map(|(_, signed)| u64::from(signed))
        }
    }
}

/// The bytes of a blob for one target; `None` where it holds what only a compiler knows.
#[must_use]
pub fn bytes(model: &Model, blob: &Blob, target: Target) -> Option<Vec<u8>> {
    blob.bytes(order(target), |patch| resolve(model, patch, target), |_| true)
}

/// A target's byte order in the words of the format.
#[must_use]
pub fn order(target: Target) -> Order {
    match target.info().byte_order {
        ByteOrder::Little => Order::Little,
        ByteOrder::Big => Order::Big,
    }
}

fn c_enum(model: &Model, id: EnumId, target: Target) -> Option<(u8, bool)> {
    match model[id].repr {
        EnumRepr::C(by_target) => Some(by_target[target.index()]),
        EnumRepr::Scalar(_) => None,
    }
}

/// 32 bits of a number of at most 64.
fn half(value: i128, high: bool) -> u64 {
    let bits = value as u64;
    if high { bits >> 32 } else { bits & u64::from(u32::MAX) }
}
