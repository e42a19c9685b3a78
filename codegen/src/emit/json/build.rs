//! Fills the documents of [`super::view`] from the model.

use super::view;
use crate::emit::spell;
use crate::model::{
    self, Aggregate, AggregateId, AggregateKind, Arm, ArmValue, Assign, ClassId, EnumRepr, Length,
    Model, Partial, Pointee, Rule, SchemaId, Type, TypeId, Value,
};
use crate::source::{SourceMap, Span};

/// What all of a document's parts are built from.
pub(super) struct Context<'a> {
    pub(super) model: &'a Model,
    pub(super) sources: &'a SourceMap,
    pub(super) schema: SchemaId,
    /// Where the lines of the schema's file begin: a document asks for tens of thousands of places.
    line_starts: Vec<usize>,
}

impl<'a> Context<'a> {
    pub(super) fn new(model: &'a Model, sources: &'a SourceMap, schema: SchemaId) -> Self {
        let text = &sources.file(model[schema].origin.file).text;
        let behind_newlines = text.match_indices('\n').map(|(newline, _)| newline + 1);
        let line_starts = std::iter::once(0).chain(behind_newlines).collect();
        Self { model, sources, schema, line_starts }
    }
}

/// The whole document but for its layouts.
pub(super) fn schema(cx: &Context<'_>) -> view::Document {
    let Context { model, .. } = *cx;
    let schema = &model[cx.schema];
    view::Document {
        format: 1,
        schema: schema.name.clone(),
        version: schema.version,
        latest: schema.latest,
        file: file_name(cx, schema.origin),
        docs: schema.docs.clone(),
        dependencies: schema.dependencies.iter().map(|id| model[*id].name.clone()).collect(),
        constants: schema.constants.iter().map(|id| constant(cx, &model[*id])).collect(),
        types: schema.types.iter().map(|id| type_item(cx, *id)).collect(),
        properties: schema.properties.as_ref().map(|properties| view::Properties {
            naming: naming(cx, &properties.naming),
            members: flag_members(cx, &properties.members),
        }),
        classes: schema.classes.iter().map(|id| class(cx, &model[*id])).collect(),
        entry: entry(cx, &schema.entry),
        spaces: schema.spaces.iter().map(|space| self::space(cx, space)).collect(),
        consumers: schema.consumers.iter().map(|consumer| self::consumer(cx, consumer)).collect(),
        targets: std::collections::BTreeMap::new(),
    }
}

fn file_name(cx: &Context<'_>, span: Span) -> String {
    let name = &cx.sources.file(span.file).name;
    let absolute = name.starts_with('/') || name.as_bytes().get(1) == Some(&b':');
    let shown = if absolute { name.rsplit('/').next().unwrap_or(name) } else { name };
    shown.to_owned()
}

fn place(cx: &Context<'_>, span: Span) -> view::Place {
    let (line, column) = line_column(cx, span);
    view::Place { file: file_name(cx, span), line, column }
}

fn naming(cx: &Context<'_>, naming: &model::Naming) -> view::Naming {
    let lifetime = &naming.lifetime;
    view::Naming {
        name: naming.name.clone(),
        c: naming.c.clone(),
        rust: naming.rust.clone(),
        docs: naming.docs.clone(),
        span: place(cx, naming.origin),
        since: lifetime.since,
        deprecated: lifetime
            .deprecated
            .as_ref()
            .map(|(version, note)| view::Deprecated { version: *version, note: note.clone() }),
        removed: lifetime.removed,
    }
}

fn line_column(cx: &Context<'_>, span: Span) -> (usize, usize) {
    if span.file != cx.model[cx.schema].origin.file {
        return cx.sources.line_column(span);
    }
    let start = span.start as usize;
    let line = cx.line_starts.partition_point(|begin| *begin <= start);
    let line_start = cx.line_starts[line - 1];
    let before = cx.sources.file(span.file).text.get(line_start..start).unwrap_or("");
    (line, before.chars().count() + 1)
}

/// A number as JSON if every reader keeps it exactly, else in decimal.
fn number(value: i128) -> view::Value {
    const EXACT: i128 = 1 << 53;
    match i64::try_from(value) {
        Ok(small) if (-EXACT..=EXACT).contains(&value) => view::Value::Number(small),
        _ => view::Value::Text(value.to_string()),
    }
}

fn value(value: &Value) -> view::Value {
    match value {
        Value::Int(value) => number(*value),
        Value::Text(text) => view::Value::Text(text.clone()),
        Value::Bytes(bytes) => {
            let digits: String = bytes.iter().map(|byte| format!("{byte:02x}")).collect();
            view::Value::Text(format!("hex:{digits}"))
        }
    }
}

fn ty(cx: &Context<'_>, ty: &Type) -> view::Type {
    let Context { model, .. } = *cx;
    let inner = |ty: &Type| Box::new(self::ty(cx, ty));
    let form = match ty {
        Type::Scalar(scalar) => view::TypeForm::Scalar { scalar: scalar.word() },
        Type::Atomic(scalar) => view::TypeForm::Atomic { scalar: scalar.word() },
        Type::Pointer(pointee) => match &**pointee {
            Pointee::Void => view::TypeForm::Pointer { pointee: "void", target: None },
            Pointee::Function => view::TypeForm::Pointer { pointee: "function", target: None },
            Pointee::Text => view::TypeForm::Pointer { pointee: "text", target: None },
            Pointee::Type(target) => {
                view::TypeForm::Pointer { pointee: "type", target: Some(inner(target)) }
            }
        },
        Type::Array(element, length) => view::TypeForm::Array {
            element: inner(element),
            length: match length {
                Length::Fixed(count) => Some(*count),
                Length::Captured => None,
            },
        },
        Type::Flexible(element) => view::TypeForm::Flexible { element: inner(element) },
        Type::Text(size) => view::TypeForm::Text { size: *size },
        Type::Bytes(size) => view::TypeForm::Bytes { size: *size },
        Type::String => view::TypeForm::String,
        Type::Opaque => view::TypeForm::Opaque,
        Type::Aggregate(id) => view::TypeForm::Aggregate {
            schema: model[model[*id].schema].name.clone(),
            name: spell::aggregate_path(model, *id),
        },
        Type::Enum(id) => view::TypeForm::Enum {
            schema: model[model[*id].schema].name.clone(),
            name: model[*id].naming.name.clone(),
        },
        Type::Flags(id) => view::TypeForm::Flags {
            schema: model[model[*id].schema].name.clone(),
            name: model[*id].naming.name.clone(),
        },
    };
    view::Type { text: spell::type_text(model, cx.schema, ty), form }
}

fn constant(cx: &Context<'_>, constant: &model::Constant) -> view::Constant {
    let (value, captured_from) = match &constant.value {
        model::ConstantValue::Known(value) => (Some(self::value(value)), None),
        model::ConstantValue::Captured(header) => (None, Some(header.clone())),
    };
    view::Constant {
        naming: naming(cx, &constant.naming),
        ty: ty(cx, &constant.ty),
        value,
        captured_from,
    }
}

fn type_item(cx: &Context<'_>, id: TypeId) -> view::TypeItem {
    let Context { model, .. } = *cx;
    match id {
        TypeId::Aggregate(id) => view::TypeItem::Aggregate(aggregate(cx, id)),
        TypeId::Enum(id) => view::TypeItem::Enum(enumeration(cx, &model[id])),
        TypeId::Flags(id) => view::TypeItem::Flags(view::Flags {
            kind: "flags",
            naming: naming(cx, &model[id].naming),
            repr: model[id].repr.word(),
            members: flag_members(cx, &model[id].members),
        }),
    }
}

fn aggregate(cx: &Context<'_>, id: AggregateId) -> view::Aggregate {
    let aggregate = &cx.model[id];
    view::Aggregate {
        kind: spell::keyword(aggregate),
        naming: naming(cx, &aggregate.naming),
        captured_from: match &aggregate.kind {
            AggregateKind::Struct | AggregateKind::Record => None,
            AggregateKind::ExternC { header } => Some(header.clone()),
            AggregateKind::ExternRust => Some("rust".to_owned()),
        },
        packed: aggregate.packed,
        align: aggregate.align,
        target_dependent: aggregate.target_dependent,
        flexible: aggregate.flexible,
        fields: fields(cx, aggregate),
    }
}

fn fields(cx: &Context<'_>, aggregate: &Aggregate) -> Vec<view::Field> {
    aggregate.fields.iter().map(|field| self::field(cx, field)).collect()
}

fn field(cx: &Context<'_>, field: &model::Field) -> view::Field {
    let Context { model, .. } = *cx;
    let (when, otherwise) = match &field.arm {
        None => (None, false),
        Some(Arm::Otherwise) => (None, true),
        Some(Arm::When(values)) => {
            (Some(values.iter().map(|value| arm_value(model, *value)).collect()), false)
        }
    };
    view::Field {
        naming: field.naming.as_ref().map(|naming| self::naming(cx, naming)),
        ty: ty(cx, &field.ty),
        fields: model.inline(&field.ty).map(|id| fields(cx, &model[id])),
        bits: field.bits,
        align: field.align,
        packed: field.packed,
        expected: field.expected.as_ref().map(value),
        count: field.count.as_ref().map(|formula| spell::formula_text(model, formula)),
        tag: field.tag.as_ref().map(|path| path.text.clone()),
        when,
        otherwise,
        list: field.list.as_ref().map(|list| view::List {
            element: spell::type_text(model, cx.schema, &Type::Aggregate(list.element)),
            link: list.link.text.clone(),
        }),
        ring: field.ring.as_ref().map(|path| path.text.clone()),
        unit: field.unit.clone(),
        display: field.display.map(model::Display::word),
        condition: field.condition.clone(),
        debug: field.debug.is_some(),
        sensitive: field.sensitive,
    }
}

fn arm_value(model: &Model, value: ArmValue) -> String {
    match value {
        ArmValue::Int(value) => value.to_string(),
        ArmValue::Captured(id, member) => {
            let enumeration = &model[id];
            format!("{}::{}", enumeration.naming.name, enumeration.members[member].naming.name)
        }
    }
}

fn enumeration(cx: &Context<'_>, enumeration: &model::Enum) -> view::Enum {
    view::Enum {
        kind: "enum",
        naming: naming(cx, &enumeration.naming),
        repr: match enumeration.repr {
            EnumRepr::Scalar(scalar) => scalar.word(),
            EnumRepr::C(_) => "C",
        },
        open: enumeration.open,
        captured_from: enumeration.header.clone(),
        members: enumeration
            .members
            .iter()
            .map(|member| view::EnumMember {
                naming: naming(cx, &member.naming),
                value: member.value.map(number),
            })
            .collect(),
    }
}

fn flag_members(cx: &Context<'_>, members: &[model::FlagMember]) -> Vec<view::FlagMember> {
    members
        .iter()
        .map(|member| view::FlagMember {
            naming: naming(cx, &member.naming),
            first_bit: member.first,
            last_bit: member.last,
        })
        .collect()
}

fn class(cx: &Context<'_>, class: &model::Class) -> view::Class {
    view::Class {
        naming: naming(cx, &class.naming),
        number: class.number,
        ty: ty(cx, &class.target),
        key: class.key.clone(),
        properties: properties(cx, class.properties),
    }
}

fn properties(cx: &Context<'_>, bits: u64) -> view::PropertySet {
    view::PropertySet {
        bits: format!("{bits:#x}"),
        names: spell::property_names(cx.model, cx.schema, bits),
    }
}

fn entry(cx: &Context<'_>, entry: &model::Entry) -> view::Entry {
    view::Entry {
        naming: naming(cx, &entry.naming),
        declared: entry.declared,
        size: entry.size,
        fields: entry
            .fields
            .iter()
            .map(|field| view::EntryField {
                naming: naming(cx, &field.naming),
                ty: ty(cx, &field.ty),
                offset: field.offset,
                size: field.size,
                align: field.align,
                default: value(&field.default),
                unit: field.unit.clone(),
                display: field.display.map(model::Display::word),
                sensitive: field.sensitive,
            })
            .collect(),
    }
}

fn space(cx: &Context<'_>, space: &model::Space) -> view::Space {
    view::Space {
        naming: naming(cx, &space.naming),
        number: space.number,
        section_size: number(space.section_size.into()),
        base: number(space.base.into()),
        assign: match space.assign {
            Assign::Stable => "stable",
            Assign::Compact => "compact",
        },
        partial: match space.partial {
            Partial::Reject => "reject",
            Partial::RoundIn => "round_in",
            Partial::RoundOut => "round_out",
        },
        max_regions: space.max_regions,
    }
}

fn consumer(cx: &Context<'_>, consumer: &model::Consumer) -> view::Consumer {
    let rules = |rules: &[Rule]| rules.iter().map(|rule| self::rule(cx, rule)).collect();
    let limit = |limit: Option<u64>| limit.map(|limit| number(limit.into()));
    view::Consumer {
        naming: naming(cx, &consumer.naming),
        allow: rules(&consumer.allow),
        deny: rules(&consumer.deny),
        require: properties(cx, consumer.require),
        permit: properties(cx, consumer.permit),
        order: rules(&consumer.order),
        limit: view::Limit {
            regions: limit(consumer.limit.regions),
            name: limit(consumer.limit.name),
            bytes: limit(consumer.limit.bytes),
        },
    }
}

fn rule(cx: &Context<'_>, rule: &Rule) -> view::Rule {
    let class = |id: ClassId| spell::class_name(cx.model, cx.schema, id);
    match rule {
        Rule::Class(id) => view::Rule::Class { class: class(*id), number: cx.model[*id].number },
        Rule::Entry { class: id, name, instance } => view::Rule::Entry {
            class: class(*id),
            number: cx.model[*id].number,
            name: name.clone(),
            instance: instance.map(|instance| number(instance.into())),
        },
        Rule::Properties(bits) => view::Rule::Properties(properties(cx, *bits)),
    }
}
