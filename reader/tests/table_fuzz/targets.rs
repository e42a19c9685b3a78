//! What the fuzz targets of tables do with their input. The targets in `fuzz/` and the replay of their finds,
//! `table_hostile`, both include this file, so that a find fails in both places or in neither.

use inspect_format::abi::{CoreEntry, Order, extent};
use inspect_format::table::TableWriter;
use inspect_reader::catalog::Catalog;
use inspect_reader::contents::{Contents, Options};
use inspect_reader::decode::Budget;
use inspect_reader::discover::{self, tables_of};
use inspect_reader::escape::Terminal;
use inspect_reader::export::{COLUMNS, Row, Sink, Source};
use inspect_reader::image::{Carried, Image, Kind};
use inspect_reader::memory::Nothing;
use inspect_reader::output::csv::CsvRows;
use inspect_reader::output::ndjson::JsonRows;
use inspect_reader::output::value_json::JsonSink;
use inspect_reader::select::Selector;

/// Small, so that a run takes little time and what exceeds it is noticed.
const OPTIONS: Options = Options {
    budget: Budget {
        depth: 3,
        bytes: 1 << 16,
        values: 1000,
        elements: 64,
        text: 64,
        deadline: None,
    },
    reveal: true,
    mmio: true,
};

/// Reads anything as a table file, and writes what it says in every form.
pub(crate) fn table(bytes: &[u8]) {
    let image = Image {
        kind: Kind::TableFile,
        name: "fuzz".to_owned(),
        machine: None,
        memory: Box::new(Nothing),
        objects: Vec::new(),
        carried: vec![Carried { bytes: bytes.to_vec(), place: "fuzz".to_owned() }],
        capture: None,
        remarks: Vec::new(),
        notes: Vec::new(),
    };
    let discovery = tables_of(&image, &discover::Options::default());
    let (catalog, errors) = Catalog::new(&discovery, &[]);
    for (_, error) in &errors {
        assert_harmless(&Terminal(&error.to_string()).to_string());
    }
    let mut rows = Vec::new();
    let terms = ["class:t*", "prop:dump", "addr:0x1000", "object:fuzz", "instance:3"];
    let terms = terms.map(|term| term.parse().expect("a term"));
    let selectors = terms.map(|term| Selector::new(vec![term]));
    for table in &catalog.tables {
        let source = Source::new("fuzz", &image, None, table);
        let contents = Contents::new(table);
        for entry in table.entries() {
            let mut sink = JsonSink::new(Vec::new());
            contents.entry(&entry, &image, &OPTIONS, &mut sink).expect("memory takes everything");
            let value = String::from_utf8(sink.finish().expect("memory takes everything"));
            rows.push(source.entry(&entry, value.ok()));
            for selector in &selectors {
                let _ = selector.matches(&entry, &image);
            }
        }
        if table.unsettled() > 0 {
            rows.push(source.torn(table));
        }
    }
    json(&rows);
    csv(&rows);
}

/// Takes anything for the description of a table that is right otherwise.
pub(crate) fn schema(description: &[u8]) {
    for order in [Order::Little, Order::Big] {
        let mut writer =
            TableWriter::new(order, 8, "fleet.shop", 3, 80, &[1, 2, 3]).expect("a table");
        writer.schema(description);
        for index in 0..3 {
            let core = CoreEntry {
                state: 2,
                id: index,
                class: 5 + index,
                properties: 0x8001_0000_0000_0003 << index,
                address: 0x1000,
                length: 16,
                name: writer.string("a name").expect("room"),
                space: 255 + index as u16,
                extent: extent::DIRECT,
                ..CoreEntry::ZERO
            };
            writer
                .row(&core, &[1, 0, 0, 0, 1, 0, 0, 0, 0xff, 0x80, 0, 0, 0, 0, 0xf0, 0x3f])
                .expect("room");
        }
        table(&writer.finish());
    }
}

fn json(rows: &[Row]) {
    let mut out = Vec::new();
    write(rows, Box::new(JsonRows::lines(&mut out)));
    let text = String::from_utf8(out).expect("UTF-8");
    assert_harmless(&text);
    assert_eq!(text.lines().count(), rows.len());
    for line in text.lines() {
        let object: serde_json::Map<String, serde_json::Value> =
            serde_json::from_str(line).expect("JSON");
        assert_eq!(object.len(), COLUMNS.len());
    }
}

fn csv(rows: &[Row]) {
    let mut out = Vec::new();
    write(rows, Box::new(CsvRows::new(&mut out).expect("memory takes everything")));
    let text = String::from_utf8(out).expect("UTF-8");
    assert_harmless(&text);
    assert_eq!(text.lines().count(), rows.len() + 1);
    let mut reader = csv::Reader::from_reader(text.as_bytes());
    for record in reader.records() {
        let record = record.expect("as many cells as there are columns");
        for cell in record.iter() {
            let is_number = cell.parse::<f64>().is_ok();
            assert!(is_number || !cell.starts_with(['=', '+', '-', '@']), "{cell}");
        }
    }
}

fn write(rows: &[Row], mut sink: Box<dyn Sink + '_>) {
    for row in rows {
        sink.row(row).expect("memory takes everything");
    }
    sink.finish().expect("memory takes everything");
}

fn assert_harmless(text: &str) {
    let harmful = |c: char| c.is_control() && c != '\n' || matches!(c, '\u{202a}'..='\u{202e}');
    assert!(!text.contains(harmful), "{text:?}");
}
