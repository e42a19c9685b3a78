//! What generated code carries and table files hold: description, types and history agree with the
//! model, on every target.

use std::collections::BTreeMap;

use inspect_format::abi::CoreEntry;
use inspect_format::btf::{Btf, Patch, Type as BtfType, Word, kind};
use inspect_format::schema::{Schema as Description, Value as Described};
use inspect_format::table::Table;
use inspect_gen::emit::{blobs, btf, table};
use inspect_gen::model::{Aggregate, AggregateId, Model, SchemaId, Target, Type, TypeId, Value};
use support::{model_of, model_of_repository, model_of_version};

mod support;

const SHAPES: &str = include_str!("btf/shapes.inspect");

fn models() -> [Model; 2] {
    [model_of_repository(), model_of(SHAPES)]
}

/// Every type of every schema, read back from the bytes for every target.
#[test]
fn types_have_the_layouts_of_the_model() {
    let mut compared = 0;
    for model in models() {
        for (id, _) in model.emitted() {
            let types = blobs::known_types(&model, id);
            for target in Target::all() {
                let bytes = blobs::bytes(&model, &types.blob, target).expect("nothing captured");
                let btf = Btf::parse(&bytes).expect("a blob");
                assert_eq!(btf.order(), blobs::order(target));
                for (aggregate, type_id) in &types.aggregates {
                    let resolved = btf.resolve(*type_id).expect("a type").expect("a struct");
                    compared += compare(&model, *aggregate, target, &btf, &resolved);
                }
            }
        }
    }
    assert!(compared > 500, "{compared} structs compared");
}

fn compare(
    model: &Model,
    id: AggregateId,
    target: Target,
    btf: &Btf<'_>,
    found: &BtfType<'_>,
) -> usize {
    let aggregate = &model[id];
    let Some(layouts) = &aggregate.layouts else {
        assert_eq!(found.kind(), kind::FWD, "{}", aggregate.naming.name);
        return 0;
    };
    let layout = layouts.on(target);
    let expected = if aggregate.union { kind::UNION } else { kind::STRUCT };
    assert_eq!((found.kind(), u64::from(found.size())), (expected, layout.size));
    let mut members = found.members();
    let word_size = target.info().word_size;
    for (field, place) in aggregate.fields.iter().zip(&layout.fields) {
        if field.is_padding() {
            continue;
        }
        let member = members.next().expect("a member for each field");
        let name = field.naming.as_ref().map_or("", |naming| &naming.c);
        let context = format!("{}.{name} on {}", aggregate.naming.name, target.name());
        assert_eq!(member.name, name, "{context}");
        assert_eq!(member.bit_size, field.bits, "{context}");
        let bit_offset = place.bit_offset.unwrap_or(place.offset * 8);
        assert_eq!(u64::from(member.bit_offset), bit_offset, "{context}");
        let size = btf.size_of(member.type_id, word_size).expect("a size");
        assert_eq!(size, Some(place.size), "{context}");
    }
    assert!(members.next().is_none());
    1
}

#[test]
fn rows_have_the_fields_of_the_entry() {
    for model in models() {
        for (id, schema) in model.emitted() {
            let types = blobs::known_types(&model, id);
            let bytes = blobs::bytes(&model, &types.blob, model.targets[0]).expect("known");
            let btf = Btf::parse(&bytes).expect("a blob");
            let row = btf.type_by_id(types.entry).expect("the row");
            assert_eq!((row.name(), row.size()), (&*schema.entry.naming.c, schema.entry.size));
            let offset = |name: &str| row.member(name).unwrap().map(|member| member.bit_offset / 8);
            assert_eq!(offset("bound"), Some(CoreEntry::BOUND_AT as u32));
            for field in &schema.entry.fields {
                assert_eq!(offset(&field.naming.c), Some(field.offset));
            }
        }
    }
}

#[test]
fn descriptions_say_what_the_model_says() {
    let mut classes_seen = 0;
    for model in models() {
        for (id, schema) in model.emitted() {
            let types = blobs::types(&model, id);
            let bytes = blobs::schema_cbor(&model, id);
            assert_eq!(bytes, blobs::schema_cbor_with(&model, id, &types));
            let read = Description::parse(&bytes).expect("a description");
            assert_eq!((read.name, read.version), (schema.name.as_str(), schema.version));
            assert_eq!(read.entry.size, schema.entry.size);
            let fields: Vec<_> = read.entry.fields.iter().map(Result::unwrap).collect();
            assert_eq!(fields.len(), schema.entry.fields.len());
            for (read, field) in fields.iter().zip(&schema.entry.fields) {
                assert_eq!((read.name, read.offset), (field.naming.name.as_str(), field.offset));
                assert_eq!((read.size, read.since), (field.size, field.naming.lifetime.since));
                match (&read.default, &field.default) {
                    (Described::Int(read), Value::Int(value)) => assert_eq!(read, value),
                    (Described::Bytes(read), Value::Bytes(value)) => assert_eq!(read, value),
                    (Described::Text(read), Value::Text(value)) => assert_eq!(read, value),
                    (read, value) => panic!("{read:?} is not {value:?}"),
                }
            }
            for (read, class) in read.classes.iter().zip(&schema.classes) {
                let (read, class) = (read.unwrap(), &model[*class]);
                assert_eq!((read.name, read.number), (class.naming.name.as_str(), class.number));
                assert_eq!((read.key, read.properties), (class.key.as_deref(), class.properties));
                assert_ne!(read.type_id, 0);
                classes_seen += 1;
            }
            assert_eq!(read.consumers.iter().count(), schema.consumers.len());
            let walked = format!("{read:?}");
            assert!(!walked.contains("Err("), "{walked}");
        }
    }
    assert!(classes_seen > 10);
}

#[test]
fn classes_point_at_their_types() {
    let model = model_of(SHAPES);
    let (id, schema) = model.emitted().next().expect("a schema");
    let types = blobs::known_types(&model, id);
    let target = Target::from_name("s390x").expect("a target");
    let bytes = blobs::bytes(&model, &types.blob, target).expect("known");
    let btf = Btf::parse(&bytes).expect("a blob");
    let kinds: BTreeMap<&str, (u32, &str)> = schema
        .classes
        .iter()
        .map(|class| {
            let ty = btf.type_by_id(types.classes[class]).expect("a type");
            (model[*class].naming.name.as_str(), (ty.kind(), ty.name()))
        })
        .collect();
    assert_eq!(kinds["nodes"], (kind::STRUCT, "test_shapes_node"));
    assert_eq!(kinds["logs"], (kind::ARRAY, ""));
    assert_eq!(kinds["ticks"], (kind::INT, "long long unsigned int"));
}

/// What version 2 was does not depend on the version of the schema that is asked.
#[test]
fn older_versions_keep_their_fingerprints() {
    let latest = model_of(SHAPES);
    let id = |model: &Model| model.emitted().next().expect("a schema").0;
    let history = blobs::history(&latest, id(&latest));
    assert_eq!(history.len(), 3);
    for version in 1..=3_usize {
        let model = model_of_version(SHAPES, version as u32);
        assert_eq!(blobs::history(&model, id(&model)), history[..version]);
    }
    assert!(history[0] != history[1] && history[1] != history[2]);
}

#[test]
fn table_files_bring_everything_but_entries() {
    for model in models() {
        let files = table::emit(&model);
        assert_eq!(files.len(), model.emitted().count() * model.targets.len());
        let blobs_of_files = btf::emit(&model);
        for (path, bytes) in files {
            let table = Table::parse(&bytes).expect("a table");
            assert_eq!((table.row_count(), table.total_size()), (0, bytes.len() as u64));
            let types = path.replace("table/", "btf/").replace(".table", ".btf");
            assert_eq!(table.sections().types, blobs_of_files[&types]);
            let schema = Description::parse(table.sections().schema).expect("a description");
            assert_eq!(table.history().len(), schema.version as usize);
            let newest = table.history().fingerprint(schema.version);
            assert_eq!(newest, Some(table.header().fingerprint));
        }
    }
}

const CAPTURED: &str = r#"
schema test.captured version 2;

extern const SHARDS: u32 from "h.h";
extern enum mode { off, on } from "h.h"

extern struct cache from "h.h" {
    #[if("CONFIG_LOCK")] lock: opaque,
    count: ulong,
    #[count(count * SHARDS)] shards: *u32,
    table: [[u16; _]; _],
    mode: mode,
    #[if("CONFIG_NUMA")] node: int,
    #[since(2)] hits: u64,
    other: *known,
}
struct known { x: long, cache: *cache, last: u8 }
class cache: cache;
"#;

/// A producer's compiler is played by a function; everything that it was asked is found where it
/// belongs.
#[test]
fn captured_layouts_are_patches() {
    let model = model_of(CAPTURED);
    let (schema, _) = model.emitted().next().expect("a schema");
    let types = blobs::types(&model, schema);
    let (&cache, &cache_type) = find(&model, &types, "cache");
    let field = |name: &str| {
        let position = model[cache].fields.iter().position(|field| field.name() == name);
        position.expect("a field") as u32
    };
    let target = Target::from_name("mips").expect("a target");
    let compile = |patch: &Patch| match *patch {
        Patch::Size { aggregate } if aggregate == cache.0 => Some(96),
        Patch::Offset { aggregate, field } if aggregate == cache.0 => Some(u64::from(field) * 8),
        Patch::FieldSize { .. } => Some(5),
        Patch::Length { dimension, .. } => Some(u64::from(dimension) + 2),
        Patch::Constant { high, .. } => Some(if high { 1 } else { 64 }),
        Patch::EnumMember { member, high: false, .. } => Some(u64::from(member) + 7),
        Patch::EnumSigned { .. } => Some(1),
        ref other => blobs::resolve(&model, other, target),
    };
    let order = blobs::order(target);
    let with = types.blob.bytes(order, compile, |_| true).expect("all is known");
    let without = types.blob.bytes(order, compile, |_| false).expect("all is known");
    assert_eq!(with.len(), without.len());
    assert!(blobs::bytes(&model, &types.blob, target).is_none(), "only a compiler knows");

    let btf = Btf::parse(&with).expect("a blob");
    let ty = btf.type_by_id(cache_type).expect("the struct");
    assert_eq!((ty.name(), ty.size()), ("cache", 96));
    let at = |name: &str| ty.member(name).unwrap().expect("a member").bit_offset;
    for name in ["lock", "count", "shards", "table", "mode", "node", "hits", "other"] {
        assert_eq!(at(name), field(name) * 64, "{name}");
    }
    let size = |name: &str| {
        let member = ty.member(name).unwrap().expect("a member");
        btf.size_of(member.type_id, 4).unwrap()
    };
    assert_eq!((size("lock"), size("table")), (Some(5), Some(2 * 3 * 2)));
    assert_eq!((size("count"), size("mode")), (Some(4), Some(4)));
    let mode = btf.find(kind::ENUM, "mode").expect("the enum");
    assert_eq!(mode.enumerators().map(|one| one.value).collect::<Vec<_>>(), [7, 8]);
    let constants = btf.find(kind::ENUM64, "").expect("the constant");
    let constant = constants.enumerators().next().expect("its value");
    assert_eq!((constant.name, constant.value), ("SHARDS", (1 << 32) + 64));
    let tags: Vec<_> = btf.decl_tags().filter(|tag| tag.type_id == cache_type).collect();
    let texts = |name: &str| -> Vec<&str> {
        let position = ty.members().position(|member| member.name == name).expect("a member");
        let tags = tags.iter().filter(|tag| tag.member == Some(position as u32));
        tags.map(|tag| tag.text).collect()
    };
    assert_eq!(texts("lock"), ["inspect:if=CONFIG_LOCK", "inspect:bytes"]);
    assert_eq!(texts("shards"), ["inspect:count=count * SHARDS"]);
    assert_eq!(texts("hits"), ["inspect:since=2"]);

    let btf = Btf::parse(&without).expect("a blob");
    let binder = btf.bind("Cache", "cache", 4).expect("the struct");
    let present = |name: &'static str| binder.has(name, name).expect("readable");
    assert!(!present("lock") && !present("node"));
    assert!(present("count") && present("hits"));
    let ty = btf.type_by_id(cache_type).expect("the struct");
    let at = |name: &str| ty.member(name).unwrap().expect("a member").bit_offset;
    assert_eq!((at("lock"), at("node")), (0, at("mode")), "at the member before");
}

/// A schema may have structs of both languages. Neither compiler knows of the other's, and says no zeros for it.
#[test]
fn each_compiler_captures_its_own_structs() {
    let model = model_of(
        "schema s version 1;\n\
         extern struct theirs from \"h.h\" { a: u32, inner: struct { b: u8 } }\n\
         extern struct ours in rust { c: u64, d: u32 }\n\
         struct holds { one: *theirs, two: *ours }",
    );
    let (schema, _) = model.emitted().next().expect("a schema");
    let asked = |types: &blobs::Types, name: &str| {
        let (id, _) = find(&model, types, name);
        let is_own = |patch: &Patch| match patch {
            Patch::Size { aggregate } | Patch::Offset { aggregate, .. } => *aggregate == id.0,
            _ => false,
        };
        let words = types.blob.words.iter();
        words.filter(|word| matches!(word, Word::Patch { patch, .. } if is_own(patch))).count()
    };
    let by = [
        ("C", blobs::types(&model, schema), [3, 0]),
        ("Rust", blobs::rust_types(&model, schema), [0, 3]),
        ("nobody", blobs::known_types(&model, schema), [0, 0]),
    ];
    for (who, types, expected) in by {
        assert_eq!(["theirs", "ours"].map(|name| asked(&types, name)), expected, "{who}");
    }
}

fn find<'t>(model: &Model, types: &'t blobs::Types, name: &str) -> (&'t AggregateId, &'t u32) {
    let named = |aggregate: &Aggregate| aggregate.naming.name == name;
    types.aggregates.iter().find(|(id, _)| named(&model[**id])).expect("the struct")
}

/// Layouts that are the same everywhere are numbers; those of C's own types are not.
/// A reader has the members' names in C and nothing else.
#[test]
fn tags_call_fields_as_their_members_are_called() {
    let model = model_of(
        "schema test.tags version 1;
        struct task { #[c_name(\"sib\")] sibling: *task }
        struct ring {
            #[c_name(\"n\")] count: u16,
            default: u16,
            place: struct { union { #[c_name(\"low\")] first: u16, all: u32 } },
            #[count(count + 1 - (default - place.first))] #[ring(next = count)] slots: [u8; 8],
            #[list(task.sibling)] tasks: *task,
            body: struct { #[tag(default)] body: union { #[when(1)] a: u8, #[otherwise] b: u8 } },
        }",
    );
    let (id, _) = model.emitted().next().expect("a schema");
    let types = blobs::known_types(&model, id);
    let bytes = blobs::bytes(&model, &types.blob, Target::all().next().unwrap()).unwrap();
    let btf = Btf::parse(&bytes).expect("a blob");
    let texts: Vec<_> = btf.decl_tags().map(|tag| tag.text).collect();
    for expected in [
        "inspect:count=n + 1 - (default_ - place.low)",
        "inspect:ring=n",
        "inspect:list=test_tags_task.sib",
        "inspect:tag=default_",
    ] {
        assert!(texts.contains(&expected), "{expected} is not in {texts:?}");
    }
}

#[test]
fn only_what_differs_is_a_patch() {
    let model = model_of(SHAPES);
    let (schema, _): (SchemaId, _) = model.emitted().next().expect("a schema");
    let types = blobs::types(&model, schema);
    let patched = |name: &str| {
        let (id, _) = find(&model, &types, name);
        types.blob.words.iter().any(|word| match word {
            Word::Patch { patch: Patch::Offset { aggregate, .. }, .. } => *aggregate == id.0,
            _ => false,
        })
    };
    assert!(patched("node") && patched("numbers"));
    assert!(!patched("fixed") && !patched("tight") && !patched("roomy"));
    let by_value = model[schema].types.iter().filter(|ty| matches!(ty, TypeId::Aggregate(_)));
    assert!(by_value.count() > 10);
    let inline = |ty: &Type| matches!(ty, Type::Aggregate(id) if model[*id].parent.is_some());
    let node = &model[*find(&model, &types, "node").0];
    assert_eq!(node.fields.iter().filter(|field| inline(&field.ty)).count(), 2);
}

/// A hash changes with the layout that it stands for, and with no other.
#[test]
fn layout_hashes_stand_for_one_struct() {
    let hashes = |text: &str| -> BTreeMap<String, u64> {
        let model = model_of(text);
        let (schema, _) = model.emitted().next().expect("a schema");
        let bytes = blobs::schema_cbor(&model, schema);
        let read = Description::parse(&bytes).expect("a description");
        let hashes = read.layouts.iter().map(Result::unwrap);
        hashes.map(|layout| (layout.name.to_owned(), layout.hash)).collect()
    };
    let before = hashes(
        "schema s version 1; struct a { x: u32, y: u32 } struct b { a: a } struct c { z: u8 }",
    );
    let moved = hashes(
        "schema s version 1; struct a { y: u32, x: u32 } struct b { a: a } struct c { z: u8 }",
    );
    let grown = hashes(
        "schema s version 1; struct a { x: u32, y: u64 } struct b { a: a } struct c { z: u8 }",
    );
    let changed = |after: &BTreeMap<String, u64>| -> Vec<String> {
        before.keys().filter(|name| before[*name] != after[*name]).cloned().collect()
    };
    assert_eq!(before.len(), 3);
    assert_eq!(changed(&moved), ["a"]);
    assert_eq!(changed(&grown), ["a", "b"]);
}

/// BTF counts bits in 32 of them, and in 24 beside bit-fields: what lies too far is left out, and
/// said.
#[test]
fn what_btf_cannot_count_is_left_out_and_said() {
    let model = model_of(
        "schema s version 1;
        struct far { a: [u8; 0x2000_0000], b: u32 }
        struct far_bits { a: u8 : 3, b: [u8; 0x20_0000], c: u8 : 2, d: u64 }
        struct near_bits { a: u8 : 3, b: [u8; 0x1f_fff0], c: u8 : 2 }",
    );
    let (schema, _) = model.emitted().next().expect("a schema");
    let types = blobs::types(&model, schema);
    let bytes = blobs::bytes(&model, &types.blob, model.targets[0]).expect("known");
    let btf = Btf::parse(&bytes).expect("a blob");
    let names = |name: &str| -> Vec<&str> {
        let ty = btf.composite(name).expect("a struct");
        ty.members().map(|member| member.name).collect()
    };
    let said = |name: &str| {
        let id = btf.composite(name).expect("a struct").id();
        btf.decl_tags().any(|tag| tag.type_id == id && tag.text == "inspect:incomplete")
    };
    assert_eq!((names("s_far"), said("s_far")), (vec!["a"], true));
    assert_eq!((names("s_far_bits"), said("s_far_bits")), (vec!["a", "b"], true));
    assert_eq!((names("s_near_bits"), said("s_near_bits")), (vec!["a", "b", "c"], false));
}

/// Chains of structs and circles of pointers need no deep stack.
#[test]
fn long_chains_are_encoded() {
    let mut text = String::from("schema s version 1;\n");
    for index in 0..20_000 {
        let next = (index + 1) % 20_000;
        text.push_str(&format!("struct n{index} {{ next: *n{next} }}\n"));
    }
    text.push_str("class first: n0;\n");
    let model = model_of(&text);
    let (schema, _) = model.emitted().next().expect("a schema");
    let types = blobs::types(&model, schema);
    assert_eq!(types.aggregates.len(), 20_000);
}
