//! What the checker decides: constants, layouts, lifetimes, references. Faults have their own corpus, in
//! `rejected`.

use inspect_gen::check::{self, Options};
use inspect_gen::model::{
    Arm, ArmValue, ConstantValue, Formula, Model, Rule, Target, Type, TypeId, Value,
};
use inspect_gen::source::SourceMap;
use inspect_gen::syntax;

fn try_model(text: &str, options: &Options) -> (Option<Model>, Vec<String>) {
    let mut sources = SourceMap::new();
    sources.add("test.inspect", text, false);
    let core = include_str!("../../schema/core.inspect");
    sources.add("core.inspect", core, true);
    let (files, mut diagnostics) = syntax::parse(&sources);
    let (model, found) = check::check(&sources, &files, options);
    diagnostics.append(found);
    let list = diagnostics.into_sorted();
    (model, list.iter().map(|d| format!("{} {}", d.code.name(), d.message)).collect())
}

fn model(text: &str) -> Model {
    let (model, diagnostics) = try_model(text, &Options::default());
    assert_eq!(diagnostics, [] as [String; 0]);
    model.expect("a model without diagnostics")
}

fn constant(model: &Model, name: &str) -> Value {
    let constant = model.constants.iter().find(|c| c.naming.name == name).expect("the constant");
    match &constant.value {
        ConstantValue::Known(value) => value.clone(),
        ConstantValue::Captured(header) => panic!("{name} is captured from {header}"),
    }
}

fn aggregate<'m>(model: &'m Model, name: &str) -> &'m inspect_gen::model::Aggregate {
    model.aggregates.iter().find(|a| a.naming.name == name).expect("the type")
}

#[test]
fn expressions_follow_the_usual_precedence_in_128_bits() {
    let model = model(
        "schema t version 1;
         const A: u64 = 1 + 2 * 3 << 1 & 0xff | 1;
         const B: i64 = -7 / 2;
         const C: i64 = -7 % 2;
         const D: u32 = ~0;
         const E: u8 = ~0x0f;
         const F: u64 = (1 << 100) >> 90;
         const G: u64 = 16KiB + 1MiB;
         const H: bool = true;
         const I: bytes<4> = b\"\\x89I\";
         const J: u32 = LATER ^ 1;
         const LATER: u32 = zone::high;
         enum zone: u32 { low, high = 6, next }
         const K: u32 = zone::next;
         flags bits: u16 { a = 0, b = 4..7 }
         const L: u16 = bits::b;",
    );
    for (name, value) in [
        ("A", 15),
        ("B", -3),
        ("C", -1),
        ("D", 0xffff_ffff),
        ("E", 0xf0),
        ("F", 1 << 10),
        ("G", (16 << 10) + (1 << 20)),
        ("H", 1),
        ("J", 7),
        ("K", 7),
        ("L", 0xf0),
    ] {
        assert_eq!(constant(&model, name), Value::Int(value), "{name}");
    }
    assert_eq!(constant(&model, "I"), Value::Bytes(vec![0x89, b'I', 0, 0]));
}

#[test]
fn layouts_are_those_of_each_target() {
    let model = model(
        "schema t version 1;
         struct s { a: u8, b: u64, c: long, d: *void, e: atomic<u64> }
         struct bits { a: u8, b: u32 : 20, c: u32 : 20, d: u8 }",
    );
    let on = |name: &str, target: &str| {
        let target = Target::from_name(target).expect("a target");
        let layouts = aggregate(&model, name).layouts.as_ref().expect("layouts");
        let layout = layouts.on(target);
        (layout.size, layout.align, layout.fields.iter().map(|f| f.offset).collect::<Vec<_>>())
    };
    assert_eq!(on("s", "x86_64"), (40, 8, vec![0, 8, 16, 24, 32]));
    assert_eq!(on("s", "i686"), (32, 8, vec![0, 4, 12, 16, 24]));
    assert_eq!(on("s", "armv7"), (32, 8, vec![0, 8, 16, 20, 24]));
    assert_eq!(on("bits", "s390x"), (8, 4, vec![0, 1, 4, 7]));
    assert_eq!(aggregate(&model, "bits").layouts.as_ref().map(|l| l.distinct.len()), Some(1));
}

#[test]
fn an_offset_becomes_padding_or_an_error() {
    let good = model(
        "schema t version 1;
         struct regs { a: u8, #[offset(16)] b: u32, #[offset(24)] c: u64, #[offset(40)] d: u8 }",
    );
    let names: Vec<&str> = aggregate(&good, "regs").fields.iter().map(|f| f.name()).collect();
    assert_eq!(names, ["a", "", "b", "", "c", "", "d"]);
    let layouts = aggregate(&good, "regs").layouts.as_ref().expect("layouts");
    for layout in &layouts.distinct {
        let offsets: Vec<u64> = layout.fields.iter().step_by(2).map(|f| f.offset).collect();
        assert_eq!(offsets, [0, 16, 24, 40]);
    }
    for (text, message) in [
        (
            "struct s { a: u64, #[offset(4)] b: u8 }",
            "E0502 the field cannot lie before 8 on x86_64",
        ),
        (
            "struct s { a: *void, #[offset(12)] b: u32 }",
            "E0502 the targets need different padding before this field",
        ),
        (
            "struct s { a: u8, #[offset(6)] b: u32 }",
            "E0502 the field is not aligned at 6 on x86_64: the next place is 8",
        ),
    ] {
        let (_, found) = try_model(&format!("schema t version 1; {text}"), &Options::default());
        assert_eq!(found, [message], "{text}");
    }
}

const GROWN: &str = "schema t version 3;
    enum kind: u8 { a = 0, #[since(2)] b = 1, #[since(3)] c = 2 }
    struct s { x: u32, #[since(2)] y: u32, #[since(3)] z: u64 }
    #[since(3)] struct late { x: u32 }
    entry row { owner: u32, #[since(2)] node: i16 = -1, #[since(3)] extra: u64,
                #[deprecated(3, \"use extra\")] old: u8 }";

/// The same schema as it was written when version 2 was the latest.
const AS_WRITTEN_THEN: &str = "schema t version 2;
    enum kind: u8 { a = 0, #[since(2)] b = 1 }
    struct s { x: u32, #[since(2)] y: u32 }
    entry row { owner: u32, #[since(2)] node: i16 = -1 }";

#[test]
fn as_of_emits_what_the_version_was() {
    // A field that is deprecated later, and stands behind younger ones, cannot exist: entries grow at the end.
    let grown = GROWN.replace(
        ", #[since(3)] extra: u64,\n                #[deprecated(3, \"use extra\")] old: u8",
        ", #[since(3)] extra: u64",
    );
    let options = Options { as_of: vec![(None, 2)], ..Options::default() };
    let (then, found) = try_model(&grown, &options);
    assert_eq!(found, [] as [String; 0]);
    let (then, written) = (then.expect("a model"), model(AS_WRITTEN_THEN));
    let shape = |model: &Model| {
        let id = model.schema("t").expect("the schema");
        let schema = &model[id];
        let entry: Vec<_> = schema
            .entry
            .fields
            .iter()
            .map(|f| (f.naming.name.clone(), f.offset, f.default.clone()))
            .collect();
        let types: Vec<_> = schema
            .types
            .iter()
            .map(|id| match id {
                TypeId::Aggregate(id) => {
                    (model[*id].naming.name.clone(), format!("{:?}", model[*id].layouts))
                }
                TypeId::Enum(id) => {
                    let names: Vec<_> = model[*id].members.iter().map(|m| &m.naming.name).collect();
                    (model[*id].naming.name.clone(), format!("{names:?}"))
                }
                TypeId::Flags(id) => (model[*id].naming.name.clone(), String::new()),
            })
            .collect();
        (schema.version, schema.entry.size, entry, types)
    };
    assert_eq!(shape(&then), shape(&written));
}

/// A consumer and a class take what comes later into their lists; as of an older version they lack it.
#[test]
fn as_of_leaves_out_rules_about_what_is_younger() {
    let text = "schema t version 2;
        struct s { x: u32 }
        properties p { kept = 0, #[since(2)] hidden = 1 }
        class old: s { properties: kept | hidden }
        #[since(2)] class young: s;
        consumer c { allow: [class old, class young], deny: [hidden], order: [class young] }";
    let options = Options { as_of: vec![(None, 1)], ..Options::default() };
    let (then, found) = try_model(text, &options);
    assert_eq!(found, [] as [String; 0]);
    let then = then.expect("a model");
    let schema = &then[then.schema("t").expect("the schema")];
    let consumer = &schema.consumers[0];
    assert_eq!((consumer.allow.len(), consumer.deny.len(), consumer.order.len()), (1, 0, 0));
    assert_eq!(then[schema.classes[0]].properties, 1);
}

#[test]
fn an_entry_that_grows_in_the_middle_is_refused() {
    let (model, found) = try_model(GROWN, &Options::default());
    assert!(model.is_none());
    assert_eq!(found, ["E0602 a field of version 1 behind one of version 3"]);
}

#[test]
fn references_are_found_through_anonymous_members_and_outwards() {
    let model = model(
        "schema t version 1;
         extern const NR: u32 from \"nr.h\";
         const LIMIT: u32 = 4;
         enum kind: u8 { a, b }
         struct node { links: list_head, value: u32 }
         struct list_head { next: *list_head, prev: *list_head }
         struct s {
             head: struct { count: u16, kind: kind },
             union { raw: u64, small: u32 },
             outer: u32,
             inner: struct { #[count(outer - head.count)] items: [u8; 8], own: u8 },
             #[count(small + LIMIT * NR)] pointer: *u32,
             #[tag(head.kind)] body: union { #[when(a)] one: u8, #[when(kind::b, 7)] two: u16,
                                             #[otherwise] rest: u32 },
             #[list(node.links)] children: list_head,
             #[ring(next = outer)] slots: [u16; 4],
         }",
    );
    let s = aggregate(&model, "s");
    let field = |name: &str| s.fields.iter().find(|f| f.name() == name).expect("the field");
    let Some(Formula::Binary(_, left, right)) = field("pointer").count.as_deref() else {
        panic!("a count")
    };
    let Formula::Field(path) = &**left else { panic!("a field") };
    assert_eq!((path.up, path.fields.as_slice()), (0, [1, 1].as_slice()), "through the union");
    assert!(matches!(&**right, Formula::Binary(_, limit, nr)
        if **limit == Formula::Int(4) && matches!(**nr, Formula::Constant(_))));
    let items = &aggregate(&model, "s.inner").fields[0];
    let Some(Formula::Binary(_, outer, count)) = items.count.as_deref() else { panic!("a count") };
    assert!(matches!(&**outer, Formula::Field(path) if path.up == 1 && path.fields == [2]));
    assert!(matches!(&**count, Formula::Field(path) if path.up == 1 && path.fields == [0, 0]));
    let body = &aggregate(&model, "s.body").fields;
    let arms: Vec<_> = body.iter().map(|f| f.arm.clone()).collect();
    assert_eq!(
        arms,
        [
            Some(Arm::When(vec![ArmValue::Int(0)])),
            Some(Arm::When(vec![ArmValue::Int(1), ArmValue::Int(7)])),
            Some(Arm::Otherwise),
        ]
    );
    let list = field("children").list.as_ref().expect("a list");
    assert_eq!(model[list.element].naming.name, "node");
    assert_eq!(list.link.fields, [0]);
    assert!(field("slots").ring.is_some());
}

#[test]
fn consumers_keep_rules_apart_and_permit_what_is_named() {
    let model = model(
        "schema t version 1;
         properties p { dump = 0, secret_too = 5 }
         class log: [u8] { properties: dump };
         class key: bytes<32> { properties: dump | sensitive };
         consumer c {
             allow: [class log, entry key(\"session\")[2], sensitive],
             require: [dump],
             deny: [mmio, entry log[9]],
             limit: [regions 4, bytes 1MiB],
         }",
    );
    let consumer = &model[model.schema("t").expect("t")].consumers[0];
    let log = model.classes.iter().position(|c| c.naming.name == "log").expect("log") as u32;
    let key = model.classes.iter().position(|c| c.naming.name == "key").expect("key") as u32;
    let id = inspect_gen::model::ClassId;
    assert_eq!(
        consumer.allow,
        [
            Rule::Class(id(log)),
            Rule::Entry { class: id(key), name: Some("session".into()), instance: Some(2) },
        ]
    );
    assert_eq!(consumer.permit, 1 << 63);
    assert_eq!(consumer.require, 1);
    assert_eq!(consumer.deny[0], Rule::Properties(1 << 60));
    assert_eq!(consumer.limit.bytes, Some(1 << 20));
    assert_eq!(model.classes[key as usize].properties, 1 << 63 | 1);
    assert!(matches!(model.classes[log as usize].target, Type::Flexible(_)));
}

#[test]
fn type_words_are_fields_and_keywords_are_names() {
    let model = model(
        "schema t version 1;
         struct schema { u32: u32, struct: u8, union: u8, self: u16, class: u64 }
         class entry: schema;
         const flags: u8 = 1;",
    );
    let rust: Vec<&str> = aggregate(&model, "schema")
        .fields
        .iter()
        .filter_map(|f| f.naming.as_ref().map(|n| n.rust.as_str()))
        .collect();
    assert_eq!(rust, ["u32", "struct_", "union", "self_", "class"]);
}
