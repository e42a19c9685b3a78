//! An entry as data: the object of `list --json`, and the row of an export.
//!
//! ```json
//! {"table": "shop", "object": "/usr/bin/till", "id": 26, "class": "till", "type": "till",
//!  "name": "front", "instance": 0, "address": "0x5581a2c3c040", "length": 16,
//!  "space": "virtual", "extent": "direct", "properties": ["dump"], "state": "live",
//!  "fields": {"owner": 7}}
//! ```
//!
//! `address` is a text since many readers of JSON round numbers beyond 2^53; `length` is that of one
//! element where `extent` is `counted`. Property bits without a name stand as one hexadecimal text
//! at the end. What is not known is `null`: everything but table and object of a torn entry.

use serde::{Serialize, Serializer};
use serde_json::{Map, Number, Value};

use crate::catalog::{Entry, FieldValue, NamedTable, State};
use crate::digits::hex;

/// An entry in words.
#[derive(Clone, Debug, Serialize)]
pub struct Record {
    /// The dotted name of its schema.
    pub table: String,
    /// The object, file or note that its table was found in.
    pub object: String,
    /// Its id.
    pub id: Option<u32>,
    /// The name of its class, or `class:` and a number.
    pub class: Option<String>,
    /// What it points at, as the schema writes it.
    #[serde(rename = "type")]
    pub type_name: Option<String>,
    /// Its name.
    pub name: Option<String>,
    /// Its key within the class.
    pub instance: Option<u64>,
    /// Where it lies.
    #[serde(serialize_with = "hexadecimal")]
    pub address: Option<u64>,
    /// Bytes.
    pub length: Option<u64>,
    /// The address space.
    pub space: Option<String>,
    /// How `address` and `length` make up a region.
    pub extent: Option<String>,
    /// The names of its properties.
    pub properties: Vec<String>,
    /// `live`, `changing` or `torn`.
    pub state: &'static str,
    /// The fields of its schema.
    pub fields: Map<String, Value>,
}

impl Record {
    /// An entry that was found.
    #[must_use]
    pub fn new(entry: &Entry<'_>) -> Self {
        let state = entry.state();
        if state == State::Torn {
            return Self::torn(entry.table);
        }
        Self {
            table: entry.table.schema_name(),
            object: entry.table.found.place.clone(),
            id: Some(entry.row.id()),
            class: Some(entry.class_text()),
            type_name: entry.type_name().map(str::to_owned),
            name: entry.name().ok().map(str::to_owned),
            instance: Some(entry.row.instance()),
            address: Some(entry.row.address()),
            length: Some(entry.length()),
            space: Some(entry.space_text()),
            extent: Some(entry.extent_text()),
            properties: properties(entry),
            state: state.word(),
            fields: entry.fields().map(|it| (it.name.to_owned(), json(&it.value))).collect(),
        }
    }

    /// An entry that a writer was at work at.
    #[must_use]
    pub fn torn(table: &NamedTable<'_>) -> Self {
        Self {
            table: table.schema_name(),
            object: table.found.place.clone(),
            id: None,
            class: None,
            type_name: None,
            name: None,
            instance: None,
            address: None,
            length: None,
            space: None,
            extent: None,
            properties: Vec::new(),
            state: State::Torn.word(),
            fields: Map::new(),
        }
    }
}

/// The names of an entry's properties; bits without one as a number at the end.
#[must_use]
pub fn properties(entry: &Entry<'_>) -> Vec<String> {
    let found = entry.properties();
    let mut names: Vec<String> = found.names.into_iter().map(str::to_owned).collect();
    if found.rest != 0 {
        names.push(format!("{:#x}", found.rest));
    }
    names
}

/// A field's value. Bytes are a text of hexadecimal digits; flags an array of names.
#[must_use]
pub fn json(value: &FieldValue<'_>) -> Value {
    match value {
        FieldValue::Integer(number) => integer(*number),
        FieldValue::Bool(value) => Value::Bool(*value),
        FieldValue::Float(number) => match Number::from_f64(*number) {
            Some(number) => Value::Number(number),
            None => Value::String(number.to_string()),
        },
        FieldValue::Text(text) => Value::String((*text).to_owned()),
        FieldValue::Bytes(bytes) => Value::String(hex(bytes)),
        FieldValue::Member(name) => Value::String((*name).to_owned()),
        FieldValue::Flags(flags, rest) => {
            let mut names: Vec<Value> =
                flags.iter().map(|flag| Value::from(flag.to_string())).collect();
            if *rest != 0 {
                names.push(Value::String(format!("{rest:#x}")));
            }
            Value::Array(names)
        }
        FieldValue::Broken(_) => Value::Null,
    }
}

/// Integers beyond 64 bits do not fit into a number of JSON.
fn integer(number: i128) -> Value {
    if let Ok(number) = u64::try_from(number) {
        return Value::from(number);
    }
    i64::try_from(number).map_or_else(|_| Value::String(number.to_string()), Value::from)
}

fn hexadecimal<S: Serializer>(address: &Option<u64>, serializer: S) -> Result<S::Ok, S::Error> {
    match address {
        Some(address) => serializer.collect_str(&format_args!("{address:#x}")),
        None => serializer.serialize_none(),
    }
}
