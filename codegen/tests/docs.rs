//! The documents hold what the code holds: tables of offsets, numbers and attributes, and every byte of the
//! worked example, are read out of the Markdown and compared.
//!
//! A comment before a table or a block of code says what it is: `<!-- record: header -->`.

mod support;

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use inspect_format::abi::{CoreEntry, Order};
use inspect_format::hash::{class_number, entry_id};
use inspect_format::schema::short_sha256;
use inspect_format::table::{Table, TableWriter};
use inspect_gen::check::attribute_places;
use inspect_gen::emit::blobs;
use inspect_gen::model::{Model, SchemaId, Type, TypeId};

use support::{model_of, model_of_repository};

fn document(name: &str) -> String {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs").join(name);
    std::fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

/// The lines behind `<!-- what -->`, up to the next empty one, by `what`.
fn marked(text: &str) -> BTreeMap<String, Vec<String>> {
    let mut found = BTreeMap::new();
    let mut lines = text.lines();
    while let Some(line) = lines.next() {
        let what = line.strip_prefix("<!-- ").and_then(|line| line.strip_suffix(" -->"));
        let Some(what) = what else { continue };
        let block = lines.by_ref().take_while(|line| !line.is_empty()).map(str::to_owned).collect();
        assert!(found.insert(what.to_owned(), block).is_none(), "`{what}` is there twice");
    }
    found
}

/// The cells of a table's rows, without its head; back quotes are taken off.
fn cells(table: &[String]) -> Vec<Vec<String>> {
    let rows = table.iter().skip(2);
    rows.map(|row| {
        let row = row.trim().trim_start_matches('|').trim_end_matches('|');
        row.split('|').map(|cell| cell.trim().replace('`', "")).collect()
    })
    .collect()
}

fn core(model: &Model) -> SchemaId {
    let mut schemas = model.emitted();
    schemas.find(|(_, schema)| schema.name == "inspect.core").expect("the core").0
}

fn type_words(model: &Model, ty: &Type) -> String {
    match ty {
        Type::Scalar(scalar) => scalar.word().to_owned(),
        Type::Bytes(size) => format!("bytes<{size}>"),
        Type::Text(size) => format!("text<{size}>"),
        Type::Enum(id) => model[*id].naming.name.clone(),
        Type::Flags(id) => model[*id].naming.name.clone(),
        other => panic!("{other:?} in a record of the format"),
    }
}

#[test]
fn offsets_and_numbers_of_the_format_are_those_of_its_schema() {
    let model = model_of_repository();
    let document = marked(&document("format.md"));
    let mut expected: BTreeMap<String, Vec<Vec<String>>> = BTreeMap::new();
    for id in &model[core(&model)].types {
        match id {
            TypeId::Aggregate(id) => {
                let record = &model[*id];
                // Only the alignment differs: i686 aligns eight bytes to four.
                let layouts = &record.layouts.as_ref().expect("records are known").distinct;
                let layout = &layouts[0];
                assert!(
                    layouts.iter().all(|l| (l.size, &l.fields) == (layout.size, &layout.fields))
                );
                let rows = record.fields.iter().zip(&layout.fields).map(|(field, place)| {
                    let name = field.naming.as_ref().map_or("zero", |naming| &naming.name);
                    let ty = type_words(&model, &field.ty);
                    vec![place.offset.to_string(), place.size.to_string(), name.to_owned(), ty]
                });
                let what = format!("record: {}, {} bytes", record.naming.name, layout.size);
                expected.insert(what, rows.collect());
            }
            TypeId::Enum(id) => {
                let rows = model[*id].members.iter().map(|member| {
                    let value = member.value.expect("the core captures nothing");
                    vec![value.to_string(), member.naming.name.clone()]
                });
                expected.insert(format!("enum: {}", model[*id].naming.name), rows.collect());
            }
            TypeId::Flags(id) => {
                let rows = model[*id].members.iter();
                let rows = rows.map(|m| vec![m.first.to_string(), m.naming.name.clone()]);
                expected.insert(format!("flags: {}", model[*id].naming.name), rows.collect());
            }
        }
    }
    let properties = model[core(&model)].properties.as_ref().expect("the core's properties");
    let rows = properties.members.iter().map(|m| vec![m.first.to_string(), m.naming.name.clone()]);
    expected.insert("flags: core_properties".to_owned(), rows.collect());
    for (what, rows) in expected {
        let table = document.get(&what).unwrap_or_else(|| panic!("`{what}` is not described"));
        let width = rows[0].len();
        let found: Vec<Vec<String>> =
            cells(table).into_iter().map(|row| row[..width].to_vec()).collect();
        assert_eq!(found, rows, "{what}");
    }
}

/// The bytes of a block of lines `0040  02 00 00 00  what it is`, whose offsets must be right.
fn dumped(block: &[String]) -> Vec<u8> {
    let mut bytes = Vec::new();
    for line in block.iter().filter(|line| !line.starts_with("```")) {
        let (offset, rest) = line.split_once("  ").unwrap_or_else(|| panic!("{line}"));
        assert_eq!(usize::from_str_radix(offset, 16), Ok(bytes.len()), "{line}");
        let rest = rest.trim_start();
        let dump = rest.split_once("  ").map_or(rest, |(dump, _)| dump);
        for byte in dump.split(' ') {
            bytes.push(u8::from_str_radix(byte, 16).unwrap_or_else(|_| panic!("{line}")));
        }
    }
    bytes
}

/// So that a new example can be taken from a failing test.
fn dump(bytes: &[u8]) -> String {
    let lines = bytes.chunks(8).enumerate().map(|(index, line)| {
        let line: Vec<String> = line.iter().map(|byte| format!("{byte:02x}")).collect();
        format!("{:04x}  {}\n", index * 8, line.join(" "))
    });
    lines.collect()
}

#[test]
fn every_byte_of_the_example_is_explained_as_it_is() {
    let document = marked(&document("format.md"));
    let schema: Vec<&str> = document["example: schema"]
        .iter()
        .map(String::as_str)
        .filter(|line| !line.starts_with("```"))
        .collect();
    let model = model_of(&schema.join("\n"));
    let (id, schema) = model.emitted().next().expect("the schema");
    let history = blobs::history(&model, id);

    let hashed = dumped(&document["example: fingerprint"]);
    assert_eq!(Some(&short_sha256(&hashed)), history.last(), "the bytes that are hashed");

    let mut writer =
        TableWriter::new(Order::Little, 8, &schema.name, 2, schema.entry.size, &history).unwrap();
    let name = writer.string("loops").unwrap();
    let core = CoreEntry {
        state: 2,
        id: entry_id("demo", "counter", "loops", 3),
        class: class_number("demo", "counter"),
        properties: 1,
        address: 0x1000,
        length: 8,
        instance: 3,
        name,
        ..CoreEntry::ZERO
    };
    writer.row(&core, &9_u32.to_le_bytes()).unwrap();
    let table = writer.finish();
    assert!(Table::parse(&table).is_ok());
    let found = dumped(&document["example: table"]);
    assert_eq!(dump(&found), dump(&table), "{}", dump(&table));
}

#[test]
fn the_keys_of_the_description_are_all_described() {
    // Every struct of `inspect_format::schema` lists its members as `"key" member: type,`.
    let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("../format/src/schema.rs");
    let source = std::fs::read_to_string(source).expect("the module");
    let list = source.split_once("\nrecords! {").expect("the list").1;
    let list = list.split_once("\n}\n").expect("its end").0;
    let mut expected: BTreeMap<String, Vec<String>> = BTreeMap::new();
    let mut record = String::new();
    for line in list.lines().map(str::trim) {
        if let Some(name) = line.strip_suffix(" {") {
            record = format!("map: {name}");
        } else if let Some((key, _)) = line.strip_prefix('"').and_then(|line| line.split_once('"'))
        {
            expected.entry(record.clone()).or_default().push(key.to_owned());
        }
    }
    assert!(expected.len() > 8, "{expected:?}");
    let document = marked(&document("format.md"));
    for (what, keys) in expected {
        let table = document.get(&what).unwrap_or_else(|| panic!("`{what}` is not described"));
        let found: Vec<String> = cells(table).into_iter().map(|row| row[0].clone()).collect();
        assert_eq!(found, keys, "{what}");
    }
}

#[test]
fn every_tag_of_the_types_section_is_described() {
    let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("../format/src/btf/mod.rs");
    let source = std::fs::read_to_string(source).expect("the module");
    let known = source.lines().filter_map(|line| line.strip_prefix("//! | `inspect:"));
    let known: Vec<&str> = known.filter_map(|line| line.split(['=', '`']).next()).collect();
    assert!(known.len() > 15, "{known:?}");
    let document = marked(&document("format.md"));
    let found: Vec<String> = cells(&document["tags"])
        .into_iter()
        .map(|row| row[0].trim_start_matches("inspect:").split('=').next().unwrap().to_owned())
        .collect();
    assert_eq!(found, known);
}

#[test]
fn the_table_of_attributes_is_the_compilers() {
    let document = marked(&document("language.md"));
    let mut found = BTreeMap::new();
    for row in document["attributes"].iter().skip(2) {
        let cells: Vec<&str> = row.split('|').map(str::trim).collect();
        let places: BTreeSet<&str> = cells[2].split(", ").flat_map(places).collect();
        // What stands between back quotes is an attribute with its arguments.
        for form in cells[1].split('`').skip(1).step_by(2) {
            let word = form.split('(').next().unwrap_or_default();
            assert!(found.insert(word, places.clone()).is_none(), "{row}");
        }
    }
    let expected: BTreeMap<&str, BTreeSet<&str>> = attribute_places()
        .map(|(word, places)| (word, places.iter().copied().map(without_quotes).collect()))
        .collect();
    for (word, places) in &expected {
        assert_eq!(found.get(word), Some(places), "{word}");
    }
    assert_eq!(found.len(), expected.len());
}

fn without_quotes(place: &str) -> &str {
    match place {
        "`properties`" => "properties",
        "members of `properties`" => "members of properties",
        other => other,
    }
}

/// What the reference's words for several places stand for.
fn places(word: &str) -> Vec<&str> {
    let types = ["structs", "records", "extern structs", "enums", "flags"];
    let laid_out = ["fields of structs", "fields of records", "fields of extern structs"];
    match word {
        "types" => types.to_vec(),
        "items" => {
            let others = ["constants", "properties", "classes", "entries", "spaces", "consumers"];
            types.into_iter().chain(others).collect()
        }
        "laid-out fields" => laid_out.to_vec(),
        "fields" => laid_out.into_iter().chain(["fields of entries"]).collect(),
        "members" => vec!["members of enums", "members of flags", "members of properties"],
        other => vec![other],
    }
}
