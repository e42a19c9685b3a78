//! From the model to the description of a schema.

use inspect_format::schema::{self as format, List, encode, encode_list};

use super::Types;
use crate::emit::spell::{self, type_text};
use crate::model::{
    AggregateId, Assign, ClassId, EnumId, EnumRepr, FlagMember, FlagsId, Model, Partial, Rule,
    SchemaId, TypeId, Value,
};

/// The description in CBOR.
pub(super) fn describe(model: &Model, id: SchemaId, types: &Types) -> Vec<u8> {
    let schema = &model[id];
    let fields = EntryFields::new(model, id);
    let fields = encode_list(&fields.list());
    let properties = schema.properties.as_ref();
    let properties = bits(properties.map_or(&[][..], |properties| &properties.members));
    let (enums, flags) = (enums(model, id), flags(model, id));
    let (spaces, classes) = (spaces(model, id), classes(model, id, types));
    let (layouts, consumers) = (layouts(model, id), consumers(model, id));
    encode(&format::Schema {
        name: &schema.name,
        entry: format::Entry {
            name: &schema.entry.naming.name,
            size: schema.entry.size,
            fields: List::new(&fields),
        },
        enums: List::new(&enums),
        flags: List::new(&flags),
        spaces: List::new(&spaces),
        classes: List::new(&classes),
        layouts: List::new(&layouts),
        version: schema.version,
        consumers: List::new(&consumers),
        properties: List::new(&properties),
    })
}

/// The fingerprint of each version.
pub(super) fn history(model: &Model, id: SchemaId) -> Vec<u64> {
    let fields = EntryFields::new(model, id);
    let fields = fields.list();
    let schema = &model[id];
    (1..=schema.version)
        .map(|version| format::fingerprint(&schema.name, version, &fields))
        .collect()
}

/// The entry's fields with the texts that their descriptions borrow.
struct EntryFields<'m> {
    model: &'m Model,
    schema: SchemaId,
    type_names: Vec<String>,
}

impl<'m> EntryFields<'m> {
    fn new(model: &'m Model, schema: SchemaId) -> Self {
        let fields = &model[schema].entry.fields;
        let type_names = fields.iter().map(|field| type_text(model, schema, &field.ty)).collect();
        Self { model, schema, type_names }
    }

    fn list(&self) -> Vec<format::EntryField<'_>> {
        let fields = &self.model[self.schema].entry.fields;
        fields
            .iter()
            .zip(&self.type_names)
            .map(|(field, type_name)| format::EntryField {
                name: &field.naming.name,
                size: field.size,
                type_name,
                since: field.naming.lifetime.since,
                offset: field.offset,
                default: value(&field.default),
            })
            .collect()
    }
}

fn value(value: &Value) -> format::Value<'_> {
    match value {
        Value::Int(number) => format::Value::Int(*number),
        Value::Bytes(bytes) => format::Value::Bytes(bytes),
        Value::Text(text) => format::Value::Text(text),
    }
}

fn bits(members: &[FlagMember]) -> Vec<u8> {
    let members: Vec<_> = members
        .iter()
        .map(|member| format::Bits {
            last: member.last,
            name: &member.naming.name,
            first: member.first,
        })
        .collect();
    encode_list(&members)
}

fn enums(model: &Model, id: SchemaId) -> Vec<u8> {
    let ids = model[id].types.iter().filter_map(|ty| match ty {
        TypeId::Enum(id) => Some(*id),
        _ => None,
    });
    let parts: Vec<(EnumId, Vec<u8>)> = ids.map(|id| (id, enum_members(model, id))).collect();
    let enums: Vec<_> = parts
        .iter()
        .map(|(id, members)| format::Enum {
            name: &model[*id].naming.name,
            open: model[*id].open,
            type_name: match model[*id].repr {
                EnumRepr::Scalar(scalar) => scalar.word(),
                EnumRepr::C(_) => "enum",
            },
            members: List::new(members),
        })
        .collect();
    encode_list(&enums)
}

fn enum_members(model: &Model, id: EnumId) -> Vec<u8> {
    let members: Vec<_> = model[id]
        .members
        .iter()
        .map(|member| format::EnumMember {
            name: &member.naming.name,
            value: member.value.map(format::Value::Int),
        })
        .collect();
    encode_list(&members)
}

fn flags(model: &Model, id: SchemaId) -> Vec<u8> {
    let ids = model[id].types.iter().filter_map(|ty| match ty {
        TypeId::Flags(id) => Some(*id),
        _ => None,
    });
    let parts: Vec<(FlagsId, Vec<u8>)> = ids.map(|id| (id, bits(&model[id].members))).collect();
    let flags: Vec<_> = parts
        .iter()
        .map(|(id, members)| format::Flags {
            name: &model[*id].naming.name,
            type_name: model[*id].repr.word(),
            members: List::new(members),
        })
        .collect();
    encode_list(&flags)
}

fn spaces(model: &Model, id: SchemaId) -> Vec<u8> {
    let spaces: Vec<_> = model[id]
        .spaces
        .iter()
        .map(|space| format::Space {
            base: space.base,
            name: &space.naming.name,
            assign: match space.assign {
                Assign::Stable => "stable",
                Assign::Compact => "compact",
            },
            number: space.number,
            partial: match space.partial {
                Partial::Reject => "reject",
                Partial::RoundIn => "round_in",
                Partial::RoundOut => "round_out",
            },
            regions: space.max_regions,
            section: space.section_size,
        })
        .collect();
    encode_list(&spaces)
}

fn classes(model: &Model, id: SchemaId, types: &Types) -> Vec<u8> {
    let ids = &model[id].classes;
    let targets: Vec<String> =
        ids.iter().map(|class| type_text(model, id, &model[*class].target)).collect();
    let classes: Vec<_> = ids
        .iter()
        .zip(&targets)
        .map(|(id, target)| {
            let class = &model[*id];
            format::Class {
                key: class.key.as_deref(),
                name: &class.naming.name,
                type_id: types.classes.get(id).copied().unwrap_or(0),
                number: class.number,
                target,
                properties: class.properties,
            }
        })
        .collect();
    encode_list(&classes)
}

fn consumers(model: &Model, id: SchemaId) -> Vec<u8> {
    let parts: Vec<[Vec<u8>; 3]> = model[id]
        .consumers
        .iter()
        .map(|consumer| {
            [&consumer.deny, &consumer.allow, &consumer.order].map(|list| rules(model, id, list))
        })
        .collect();
    let consumers: Vec<_> = model[id]
        .consumers
        .iter()
        .zip(&parts)
        .map(|(consumer, [deny, allow, order])| format::Consumer {
            deny: List::new(deny),
            name: &consumer.naming.name,
            allow: List::new(allow),
            bytes: consumer.limit.bytes,
            names: consumer.limit.name,
            order: List::new(order),
            permit: consumer.permit,
            regions: consumer.limit.regions,
            require: consumer.require,
        })
        .collect();
    encode_list(&consumers)
}

fn rules(model: &Model, home: SchemaId, rules: &[Rule]) -> Vec<u8> {
    let about = |class: &ClassId| {
        let class = &model[*class];
        let foreign = class.schema != home;
        format::Rule {
            name: None,
            class: Some(class.number),
            schema: foreign.then(|| model[class.schema].name.as_str()),
            instance: None,
            properties: None,
        }
    };
    let rules: Vec<_> = rules
        .iter()
        .map(|rule| match rule {
            Rule::Class(class) => about(class),
            Rule::Entry { class, name, instance } => {
                format::Rule { name: name.as_deref(), instance: *instance, ..about(class) }
            }
            Rule::Properties(bits) => format::Rule {
                name: None,
                class: None,
                schema: None,
                instance: None,
                properties: Some(*bits),
            },
        })
        .collect();
    encode_list(&rules)
}

fn layouts(model: &Model, id: SchemaId) -> Vec<u8> {
    let hashes: Vec<_> = model[id]
        .types
        .iter()
        .filter_map(|ty| match ty {
            TypeId::Aggregate(id) if model[*id].layouts.is_some() => Some(*id),
            _ => None,
        })
        .map(|id| format::LayoutHash {
            hash: format::short_sha256(&layout_bytes(model, id)),
            name: &model[id].naming.name,
        })
        .collect();
    encode_list(&hashes)
}

/// Everything that decides where a struct's fields lie and what they are, as bytes to be hashed. A
/// struct that it holds by value counts by its name and its size alone: it has a hash of its own,
/// and one that changed inside without moving anything spoils no other.
fn layout_bytes(model: &Model, id: AggregateId) -> Vec<u8> {
    let aggregate = &model[id];
    let mut bytes = Vec::new();
    let mut text = |text: &str| {
        bytes.extend_from_slice(text.as_bytes());
        bytes.push(0);
    };
    text(spell::keyword(aggregate));
    text(&aggregate.naming.name);
    for field in &aggregate.fields {
        text(field.name());
        text(&type_text(model, aggregate.schema, &field.ty));
    }
    let mut number = |number: u64| bytes.extend_from_slice(&number.to_le_bytes());
    for layout in aggregate.layouts.iter().flat_map(|layouts| &layouts.distinct) {
        number(layout.size);
        number(u64::from(layout.align));
        for (field, place) in aggregate.fields.iter().zip(&layout.fields) {
            // A bit offset is never the largest number: no bit-field is no place.
            let bits = field.bits.map_or(u64::MAX, u64::from);
            let first = place.bit_offset.unwrap_or(u64::MAX);
            [place.offset, place.size, first, bits].into_iter().for_each(&mut number);
        }
    }
    for field in &aggregate.fields {
        if let Some(inner) = model.inline(&field.ty) {
            bytes.extend(layout_bytes(model, inner));
        }
    }
    bytes
}
