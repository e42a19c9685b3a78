//! Values as the library decodes them, without the program: the form of `inspect show --json`.

use std::path::Path;

use inspect_reader::catalog::Catalog;
use inspect_reader::decode::{Budget, Decoder, Plan};
use inspect_reader::discover;
use inspect_reader::image::{self, Target};
use inspect_reader::memory::AddressSpace;
use inspect_reader::output::value_json::JsonSink;
use inspect_reader::output::record::Record;
use serde_json::{Value, json};

/// All entries with their values.
#[track_caller]
pub(crate) fn show(path: &Path) -> Vec<Value> {
    let image = image::open(&Target::Path(path.to_owned()), &image::Options::default());
    let image = image.unwrap_or_else(|error| panic!("{error}"));
    let discovery = discover::tables_of(&image, &discover::Options::default());
    let (catalog, errors) = Catalog::new(&discovery, &[]);
    assert!(errors.is_empty(), "{errors:?}");
    let memory = AddressSpace::virtual_of(image.memory.as_ref());
    let mut found = Vec::new();
    for table in &catalog.tables {
        let plan = Plan::new(table.types, table.table.word_size()).expect("types");
        let mut decoder = Decoder::new(&plan, &memory, Budget::default());
        for entry in table.entries() {
            let mut value = serde_json::to_value(Record::new(&entry)).expect("JSON");
            let class = table.names.class(entry.row.class()).expect("a class");
            if let Ok(span) = entry.span(&image) {
                let mut sink = JsonSink::new(Vec::new());
                decoder.region(class.type_id, span.address, span.length, &mut sink).expect("memory");
                let text = sink.finish().expect("memory");
                value["value"] = serde_json::from_slice(&text).expect("JSON");
            } else {
                value["value"] = json!({"@note": "span"});
            }
            found.push(value);
        }
    }
    found
}
