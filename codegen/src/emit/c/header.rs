//! The view of `<schema>.inspect.h`: what a producer in C needs of a schema.

use std::collections::{BTreeSet, HashSet};
use std::fmt::Write as _;

use askama::Template;

use super::annotations;
use super::docs;
use super::source::Carried;
use super::structs::{self, StructView, forward};
use super::types::{self, Declarer, aggregate_word, integer, mask, schema_hash, string_literal};
use crate::model::names::{schema_word, upper_case};
use crate::model::{
    AggregateId, AggregateKind, Assign, Class, ConstantValue, Entry, Enum, EnumRepr, FlagMember,
    Model, Partial, Pointee, Rule, Scalar, Schema, SchemaId, Type, TypeId,
};

/// The header of one schema.
#[derive(Template)]
#[template(path = "c/header.h.txt", escape = "none")]
pub(super) struct HeaderView {
    /// `linux.mm`
    schema: String,
    /// `linux_mm`
    word: String,
    /// `LINUX_MM`
    upper: String,
    version: u32,
    hash: String,
    /// The documentation of the file as lines of a comment.
    docs: Vec<String>,
    /// Headers of other schemas whose types this one holds by value.
    includes: Vec<String>,
    /// `struct list_head`, in order.
    forwards: Vec<String>,
    constants: Vec<Define>,
    properties: Vec<Define>,
    items: Vec<Item>,
    entry: EntryView,
    carried: CarriedView,
    fields: Vec<FieldView>,
    classes: Vec<ClassView>,
    spaces: Vec<SpaceView>,
    consumers: Vec<ConsumerView>,
}

/// A macro with its comment.
struct Define {
    comment: String,
    name: String,
    value: String,
}

/// A type of the schema, in dependency order.
enum Item {
    /// A struct, union or record.
    Struct(Box<StructView>),
    /// An enum or flags of a fixed type: a typedef and macros, since C99 has no such enum.
    Numbers { comment: String, base: &'static str, name: String, members: Vec<Define> },
    /// An enum that the target's compiler sizes.
    Enum { comment: String, name: String, members: Vec<Define>, asserts: Vec<EnumSize> },
}

/// What an enum's size is on some targets.
struct EnumSize {
    targets: Option<(u32, String)>,
    bytes: u8,
}

/// The row.
struct EntryView {
    comment: String,
    name: String,
    core: &'static str,
    body: String,
    size: u32,
    offsets: Vec<(String, u32)>,
}

/// A class with its macros.
pub(super) struct ClassView {
    pub(super) comment: String,
    pub(super) name: String,
    pub(super) number: String,
    pub(super) properties: String,
    /// The macros that annotate: their names, parameters and what stands for them.
    pub(super) annotations: Vec<Annotation>,
}

/// `#define NAME(parameters, ...) FORM(descriptor, class, what it is, arguments, ...)`
pub(super) struct Annotation {
    pub(super) name: String,
    pub(super) parameters: &'static str,
    pub(super) form: &'static str,
    /// `"log", INSPECT_IS, struct linux_mm_record`
    pub(super) class: String,
    pub(super) arguments: &'static str,
}

/// A macro that gives a field of the row a value in an annotation.
pub(super) struct FieldView {
    pub(super) comment: String,
    /// `LINUX_MM_WITH_OWNER(value)`
    pub(super) name: String,
    /// `INSPECT_UNSIGNED("owner", value, 32)`
    pub(super) pair: String,
}

/// The sizes of the blobs that the object of the descriptor holds.
pub(super) struct CarriedView {
    history: usize,
    words: usize,
    text: usize,
    cbor: usize,
}

impl CarriedView {
    /// Of what a source file carries.
    pub(super) fn of(carried: &Carried) -> Self {
        Self {
            history: carried.history.len(),
            words: carried.types.blob.words.len(),
            text: carried.types.blob.strings.len(),
            cbor: carried.cbor.len(),
        }
    }
}

struct SpaceView {
    comment: String,
    name: String,
    written: String,
    number: u16,
    section_size: u64,
    base: String,
    stable: bool,
    partial: &'static str,
    /// 0 is no limit, which the checker lets nobody declare.
    max_regions: u32,
}

/// A filter as constant tables.
struct ConsumerView {
    comment: String,
    name: String,
    written: String,
    schema: String,
    lists: Vec<RuleList>,
    require: String,
    permit: String,
    limits: [String; 3],
}

struct RuleList {
    what: &'static str,
    rules: Vec<String>,
}

/// The schemas whose headers `home` includes: those whose types it holds by value.
pub(super) fn includes(model: &Model, home: SchemaId) -> BTreeSet<SchemaId> {
    let mut out = BTreeSet::new();
    let schema = &model[home];
    for ty in &schema.types {
        if let TypeId::Aggregate(id) = ty
            && is_declared(&model[*id].kind)
        {
            held_by_value(model, *id, &mut out);
        }
    }
    for field in &schema.entry.fields {
        schema_of(model, &field.ty, &mut out);
    }
    for class in &schema.classes {
        schema_of_target(model, &model[*class].target, &mut out);
    }
    out.remove(&home);
    out
}

fn is_declared(kind: &AggregateKind) -> bool {
    matches!(kind, AggregateKind::Struct | AggregateKind::Record)
}

fn held_by_value(model: &Model, id: AggregateId, out: &mut BTreeSet<SchemaId>) {
    for field in &model[id].fields {
        match structs::inline_child(model, id, &field.ty) {
            Some(inner) => held_by_value(model, inner, out),
            None => schema_of(model, &field.ty, out),
        }
    }
}

fn schema_of(model: &Model, ty: &Type, out: &mut BTreeSet<SchemaId>) {
    match ty {
        Type::Array(element, _) | Type::Flexible(element) => schema_of(model, element, out),
        Type::Aggregate(id) => {
            out.insert(model[*id].schema);
        }
        // An `extern` enum is an integer here.
        Type::Enum(id) if model[*id].header.is_none() => {
            out.insert(model[*id].schema);
        }
        Type::Flags(id) => {
            out.insert(model[*id].schema);
        }
        // C cannot declare an enum or a typedef ahead, so a pointer to one needs its header too.
        Type::Pointer(pointee) => {
            if let Pointee::Type(target @ (Type::Enum(_) | Type::Flags(_))) = &**pointee {
                schema_of(model, target, out);
            }
        }
        _ => {}
    }
}

/// A class's target is named in a macro, which needs the typedefs but no definition of a struct.
fn schema_of_target(model: &Model, ty: &Type, out: &mut BTreeSet<SchemaId>) {
    match ty {
        Type::Array(element, _) | Type::Flexible(element) => schema_of_target(model, element, out),
        Type::Enum(_) | Type::Flags(_) => schema_of(model, ty, out),
        _ => {}
    }
}

/// Decides everything that the header says.
pub(super) fn view(model: &Model, id: SchemaId, carried: CarriedView) -> HeaderView {
    let schema = &model[id];
    let mut names = annotations::Names::new(model, id);
    let word = schema_word(&schema.name);
    let includes = includes(model, id)
        .iter()
        .map(|other| format!("{}.inspect.h", schema_word(&model[*other].name)))
        .collect();
    HeaderView {
        upper: upper_case(&word),
        version: schema.version,
        hash: mask(schema_hash(&schema.name), 8),
        docs: docs::sanitize(&schema.docs).lines().map(str::to_owned).collect(),
        includes,
        forwards: forwards(model, schema),
        constants: constants(model, schema),
        properties: schema
            .properties
            .iter()
            .flat_map(|properties| bits(&properties.members, 8))
            .collect(),
        items: items(model, id),
        entry: entry(model, &schema.entry),
        carried,
        classes: annotations::classes(model, id, &mut names),
        fields: annotations::fields(model, schema, &mut names),
        spaces: schema
            .spaces
            .iter()
            .map(|space| SpaceView {
                comment: docs::comment("", &space.naming),
                name: space.naming.c.clone(),
                written: space.naming.name.clone(),
                number: space.number,
                section_size: space.section_size,
                base: mask(space.base, 8),
                stable: space.assign == Assign::Stable,
                partial: match space.partial {
                    Partial::Reject => "INSPECT_PARTIAL_REJECT",
                    Partial::RoundIn => "INSPECT_PARTIAL_ROUND_IN",
                    Partial::RoundOut => "INSPECT_PARTIAL_ROUND_OUT",
                },
                max_regions: space.max_regions.unwrap_or(0),
            })
            .collect(),
        consumers: consumers(model, schema),
        schema: schema.name.clone(),
        word,
    }
}

fn forwards(model: &Model, schema: &Schema) -> Vec<String> {
    let mut out = Vec::new();
    for ty in &schema.types {
        if let TypeId::Aggregate(id) = ty {
            forward_fields(model, *id, &mut out);
        }
    }
    for class in &schema.classes {
        forward(model, &model[*class].target, true, &mut out);
    }
    out.sort();
    out.dedup();
    out
}

fn forward_fields(model: &Model, id: AggregateId, out: &mut Vec<String>) {
    let aggregate = &model[id];
    if aggregate.layouts.is_none() && !is_declared(&aggregate.kind) {
        if !types::is_foreign_typedef(aggregate) && aggregate.kind != AggregateKind::ExternRust {
            out.push(aggregate_word(aggregate));
        }
        return;
    }
    for field in &aggregate.fields {
        forward(model, &field.ty, false, out);
        if let Some(inner) = structs::inline_child(model, id, &field.ty) {
            forward_fields(model, inner, out);
        }
    }
}

fn constants(model: &Model, schema: &Schema) -> Vec<Define> {
    let known = schema.constants.iter().filter_map(|id| {
        let constant = &model[*id];
        let ConstantValue::Known(value) = &constant.value else {
            // A captured constant has its own header's name already.
            return None;
        };
        Some(Define {
            comment: docs::comment("", &constant.naming),
            name: constant.naming.c.clone(),
            value: types::value(&constant.ty, value),
        })
    });
    known.collect()
}

fn bits(members: &[FlagMember], bytes: u8) -> Vec<Define> {
    let define = |member: &FlagMember| Define {
        comment: docs::comment("", &member.naming),
        name: member.naming.c.clone(),
        value: mask(member.mask(), bytes),
    };
    members.iter().map(define).collect()
}

fn items(model: &Model, home: SchemaId) -> Vec<Item> {
    let mut out = Vec::with_capacity(model[home].types.len());
    let mut views = Vec::new();
    for ty in &model[home].types {
        match ty {
            TypeId::Aggregate(id) if is_declared(&model[*id].kind) => {
                structs::view_all(model, *id, &mut views);
                out.extend(views.drain(..).map(|view| Item::Struct(Box::new(view))));
            }
            TypeId::Aggregate(_) => {}
            TypeId::Enum(id) if model[*id].header.is_some() => {}
            TypeId::Enum(id) => out.push(enum_item(&model[*id])),
            TypeId::Flags(id) => {
                let flags = &model[*id];
                let bytes = scalar_bytes(flags.repr);
                out.push(Item::Numbers {
                    comment: docs::comment("typedef", &flags.naming),
                    base: types::scalar_word(flags.repr),
                    name: flags.naming.c.clone(),
                    members: bits(&flags.members, bytes),
                });
            }
        }
    }
    out
}

fn scalar_bytes(scalar: Scalar) -> u8 {
    match scalar.width() {
        crate::model::Width::Fixed(bytes) => bytes,
        crate::model::Width::Word => 8,
    }
}

fn enum_item(item: &Enum) -> Item {
    let members = |unsigned: &dyn Fn(i128) -> bool| -> Vec<Define> {
        let define = |member: &crate::model::EnumMember| Define {
            comment: docs::comment("", &member.naming),
            name: member.naming.c.clone(),
            value: member.value.map_or(String::new(), |value| integer(value, unsigned(value))),
        };
        item.members.iter().map(define).collect()
    };
    match item.repr {
        EnumRepr::Scalar(repr) => Item::Numbers {
            comment: docs::comment("typedef", &item.naming),
            base: types::scalar_word(repr),
            name: item.naming.c.clone(),
            members: members(&|_| !repr.is_signed()),
        },
        EnumRepr::C(sizes) => {
            let mut distinct: Vec<u8> = sizes.iter().map(|(bytes, _)| *bytes).collect();
            distinct.sort_unstable();
            distinct.dedup();
            let by_target = sizes.map(|(bytes, _)| {
                distinct.iter().position(|known| *known == bytes).unwrap_or(0) as u8
            });
            let one = distinct.len() == 1;
            Item::Enum {
                comment: docs::comment("enum", &item.naming),
                name: item.naming.c.clone(),
                members: members(&|value| value > i128::from(i32::MAX)),
                asserts: distinct
                    .iter()
                    .enumerate()
                    .map(|(index, bytes)| EnumSize {
                        targets: (!one).then(|| structs::target_set(&by_target, index)),
                        bytes: *bytes,
                    })
                    .collect(),
            }
        }
    }
}

fn entry(model: &Model, entry: &Entry) -> EntryView {
    let declarer = Declarer::new(model);
    let taken: HashSet<&str> = entry.fields.iter().map(|field| field.naming.c.as_str()).collect();
    let core = ["core", "core_", "core__"]
        .into_iter()
        .find(|name| !taken.contains(name))
        .unwrap_or("inspect_core");
    let mut body = String::new();
    let mut pad = 0;
    let mut fill = |body: &mut String, from: u32, to: u32| {
        if to > from {
            while taken.contains(format!("_pad{pad}").as_str()) {
                pad += 1;
            }
            let _ = writeln!(body, "\tunsigned char _pad{pad}[{}];", to - from);
            pad += 1;
        }
    };
    let mut end = 64;
    for field in &entry.fields {
        fill(&mut body, end, field.offset);
        let mut about = docs::text(&field.naming.docs, &field.naming.lifetime);
        if field.ty == Type::String {
            about.push_str(if about.is_empty() { "" } else { "\n" });
            about.push_str("An offset into the table's strings, 0 for none.");
        }
        body.push_str(&docs::member(&field.naming.c, &about, "\t"));
        let _ = writeln!(body, "\t{};", declarer.declare(&field.ty, &field.naming.c));
        end = field.offset + field.size;
    }
    fill(&mut body, end, entry.size);
    EntryView {
        comment: docs::comment("struct", &entry.naming),
        name: entry.naming.c.clone(),
        core,
        body,
        size: entry.size,
        offsets: entry.fields.iter().map(|f| (f.naming.c.clone(), f.offset)).collect(),
    }
}

fn consumers(model: &Model, schema: &Schema) -> Vec<ConsumerView> {
    let view = |consumer: &crate::model::Consumer| {
        let list = |what, rules: &[Rule]| RuleList {
            what,
            rules: rules.iter().map(|rule| rule_initialiser(model, rule)).collect(),
        };
        let limit =
            |limit: Option<u64>| limit.map_or("INSPECT_NO_LIMIT".to_owned(), |n| format!("{n}ull"));
        ConsumerView {
            comment: docs::comment("", &consumer.naming),
            name: consumer.naming.c.clone(),
            written: string_literal(consumer.naming.name.as_bytes()),
            schema: mask(schema_hash(&schema.name), 8),
            lists: vec![
                list("allow", &consumer.allow),
                list("deny", &consumer.deny),
                list("order", &consumer.order),
            ],
            require: mask(consumer.require, 8),
            permit: mask(consumer.permit, 8),
            limits: [
                limit(consumer.limit.regions),
                limit(consumer.limit.name),
                limit(consumer.limit.bytes),
            ],
        }
    };
    schema.consumers.iter().map(view).collect()
}

fn rule_initialiser(model: &Model, rule: &Rule) -> String {
    let schema_of = |class: &Class| mask(schema_hash(&model[class.schema].name), 8);
    match rule {
        Rule::Class(id) => {
            let class = &model[*id];
            let number = mask(u64::from(class.number), 4);
            format!("{{ INSPECT_RULE_CLASS, {number}, {}, NULL, 0, true, 0 }}", schema_of(class))
        }
        Rule::Entry { class, name, instance } => {
            let class = &model[*class];
            let name =
                name.as_ref().map_or("NULL".to_owned(), |name| string_literal(name.as_bytes()));
            format!(
                "{{ INSPECT_RULE_ENTRY, {}, {}, {name}, {}ull, {}, 0 }}",
                mask(u64::from(class.number), 4),
                schema_of(class),
                instance.unwrap_or(0),
                instance.is_none()
            )
        }
        Rule::Properties(bits) => {
            format!("{{ INSPECT_RULE_PROPERTIES, 0, 0, NULL, 0, true, {} }}", mask(*bits, 8))
        }
    }
}
