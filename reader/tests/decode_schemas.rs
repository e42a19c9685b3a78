//! Every struct of every schema of the repository, on every target: the types section makes a plan, and what is decoded
//! has exactly the members that the schema says, with nothing to complain about.

mod decode_support;

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use decode_support::types_of;
use inspect_format::table::Table;
use inspect_gen::check::Options;
use inspect_gen::compile::compile;
use inspect_gen::emit;
use inspect_gen::model::{AggregateId, Model, Target, Type, TypeId};
use inspect_gen::source::SourceMap;
use inspect_reader::decode::{Budget, Decoder, NoMemory, Plan};
use inspect_reader::value::{Value, ValueSink};

fn schemas_below(folder: &Path, found: &mut Vec<PathBuf>) {
    for entry in std::fs::read_dir(folder).expect("a folder") {
        let path = entry.expect("an entry").path();
        if path.is_dir() {
            schemas_below(&path, found);
        } else if path.extension().is_some_and(|extension| extension == "inspect") {
            found.push(path);
        }
    }
}

fn model_of(folder: &str) -> Model {
    let mut sources = SourceMap::new();
    let mut paths = Vec::new();
    schemas_below(&Path::new(env!("CARGO_MANIFEST_DIR")).join(folder), &mut paths);
    paths.sort();
    for path in paths {
        let text = std::fs::read_to_string(&path).expect("a schema");
        sources.add(path.display().to_string(), text, false);
    }
    let options = Options { targets: Target::all().collect(), as_of: Vec::new() };
    let (model, list) = compile(&mut sources, &options);
    model.unwrap_or_else(|| panic!("{list:#?}"))
}

#[test]
fn every_struct_has_its_members() {
    let mut structs = 0;
    for folder in ["../schema", "../codegen/tests/btf", "../codegen/tests/c/schemas"] {
        let model = model_of(folder);
        for (id, schema) in model.emitted() {
            for target in Target::all() {
                let types = types_of(&model, id, target);
                let plan = Plan::new(&types, target.info().word_size).expect("a plan");
                for ty in &schema.types {
                    let TypeId::Aggregate(id) = ty else { continue };
                    if model[*id].layouts.is_some() {
                        structs += 1;
                        check(&model, &plan, *id, target);
                    }
                }
            }
        }
    }
    assert!(structs > 500, "{structs}");
}

fn check(model: &Model, plan: &Plan, id: AggregateId, target: Target) {
    let aggregate = &model[id];
    let context = format!("{} on {}", aggregate.naming.c, target.name());
    let type_id = plan.type_named(&aggregate.naming.c).expect(&context);
    let size = aggregate.layouts.as_ref().expect("a layout").on(target).size;
    assert_eq!(plan.size_of(type_id).unwrap_or(0), size, "{context}");
    if size == 0 || size > 1 << 20 {
        return;
    }
    // Small numbers: counts and tags that mean something, pointers that lead nowhere.
    for byte in [0, 1, 2, 0x11] {
        let bytes = vec![byte; size as usize];
        let mut sink = ValueSink::new();
        let budget = Budget { depth: 0, ..Budget::default() };
        let mut decoder = Decoder::new(plan, &NoMemory, budget).reveal_sensitive(true);
        let Ok(()) = decoder.entry(type_id, None, &bytes, &mut sink);
        let value = sink.finish().expect("a value");
        let Value::Struct(found) = &value else { panic!("{context}: {value:?}") };
        assert_eq!(found.notes, [], "{context}");
        let found: Vec<&str> = found.fields.iter().map(|field| &*field.0).collect();
        let mut required = BTreeSet::new();
        let mut allowed = BTreeSet::new();
        names(model, id, false, &mut required, &mut allowed);
        let shown: BTreeSet<&str> = found.iter().copied().collect();
        assert_eq!(shown.len(), found.len(), "{context}: a name stands there twice");
        assert!(shown.is_superset(&required), "{context}: {shown:?} {required:?}");
        assert!(shown.is_subset(&allowed), "{context}: {shown:?} {allowed:?}");
        no_complaint(&value, byte, &context);
    }
}

/// The names of all members, and those of them that are there whatever the tags of unions say.
fn names<'m>(
    model: &'m Model,
    id: AggregateId,
    is_choice: bool,
    required: &mut BTreeSet<&'m str>,
    allowed: &mut BTreeSet<&'m str>,
) {
    for field in &model[id].fields {
        match (&field.naming, &field.ty) {
            (Some(naming), _) => {
                allowed.insert(&naming.c);
                if !is_choice {
                    required.insert(&naming.c);
                }
            }
            (None, Type::Aggregate(inner)) => {
                names(model, *inner, is_choice || field.tag.is_some(), required, allowed);
            }
            _ => {}
        }
    }
}

/// Nothing in the types is at fault: what is noted comes from the bytes.
fn no_complaint(value: &Value, byte: u8, context: &str) {
    match value {
        Value::Struct(inner) => {
            for (name, value) in &inner.fields {
                no_complaint(value, byte, &format!("{context}.{name}"));
            }
        }
        Value::Array(elements) => {
            elements.iter().for_each(|value| no_complaint(value, byte, context))
        }
        Value::At(_, inner) => no_complaint(inner, byte, context),
        Value::Noted(note, inner) => {
            let expected = ["budget", "overcount", "unexpected"];
            // A shift by a large number has no value.
            let is_count = byte != 0 && note.word() == "no count";
            assert!(is_count || expected.contains(&note.word()), "{context}: {note}");
            no_complaint(inner, byte, context);
        }
        Value::Note(note) => {
            let expected = ["budget", "no arm"];
            assert!(expected.contains(&note.word()), "{context}: {note}");
        }
        _ => {}
    }
}

/// A row of a table decodes by the entry's own type, texts of the table's strings among its fields.
#[test]
fn rows_decode_as_any_struct() {
    let text = "schema t version 1;
        entry row { owner: u16 = 7, label: string, kind: kind = kind::big, #[display(hex)] mask: u32 }
        enum kind: u8 { small, big }";
    let model = decode_support::schema(text);
    for (path, table) in emit::table::emit(&model) {
        let table = Table::parse(&table).expect(&path);
        let plan = Plan::new(table.sections().types, table.word_size()).expect("a plan");
        let row = plan.type_named("t_row").expect("the row");
        let mut bytes = vec![0; plan.size_of(row).expect("a size") as usize];
        let one = match table.order() {
            inspect_format::abi::Order::Little => [1, 0, 0, 0],
            inspect_format::abi::Order::Big => [0, 0, 0, 1],
        };
        bytes[68..72].copy_from_slice(&one);
        bytes[72] = 1;
        let mut sink = ValueSink::new();
        let mut decoder = Decoder::new(&plan, &NoMemory, Budget::default()).strings(b"\0name\0");
        let Ok(()) = decoder.entry(row, None, &bytes, &mut sink);
        let value = sink.finish().expect("a value");
        assert_eq!(value.field("label"), Some(&Value::Text(b"name".to_vec())), "{path}");
        assert_eq!(value.field("kind"), Some(&Value::Enum(1, Some("big".into()))), "{path}");
        bytes[68..72].copy_from_slice(&[9; 4]);
        let mut sink = ValueSink::new();
        let Ok(()) = decoder.entry(row, None, &bytes, &mut sink);
        let value = sink.finish().expect("a value");
        let Some(Value::Note(note)) = value.field("label") else { panic!("{value:?}") };
        assert_eq!(note.word(), "no string");
    }
}
