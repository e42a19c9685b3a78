//! `inspect export`: every format says the same, whoever reads it, and harms nobody.

#[path = "export/tables.rs"]
#[allow(dead_code, reason = "each test uses its own part")]
mod tables;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use inspect_format::abi::Order;
use inspect_reader::export::{COLUMNS, ColumnType, VERSION};
use serde_json::{Map, Value};
use tempfile::TempDir;

type Object = Map<String, Value>;

/// A directory with targets, in which the program runs.
struct Fleet(TempDir);

impl Fleet {
    fn new() -> Self {
        let fleet = Self(TempDir::new().unwrap());
        fleet.write("little", &tables::ordinary(Order::Little, 3));
        fleet.write("big", &tables::ordinary(Order::Big, 3));
        fleet.write("hostile", &tables::hostile());
        fleet.write("bare", &tables::bare());
        fleet
    }

    fn write(&self, name: &str, bytes: &[u8]) -> PathBuf {
        let path = self.path(name);
        std::fs::write(&path, bytes).unwrap();
        path
    }

    fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    fn run(&self, arguments: &str) -> Output {
        let mut program = Command::new(env!("CARGO_BIN_EXE_inspect"));
        program.current_dir(self.0.path()).arg("export").args(arguments.split(' '));
        program.output().unwrap()
    }

    /// The standard output of a run that succeeds.
    fn text(&self, arguments: &str) -> String {
        let output = self.run(arguments);
        assert!(output.status.success(), "{arguments}: {}", errors(&output));
        String::from_utf8(output.stdout).unwrap()
    }

    fn rows(&self, arguments: &str) -> Vec<Object> {
        rows(&self.text(&format!("{arguments} --format ndjson")))
    }

    /// The names of all files.
    fn files(&self) -> Vec<String> {
        let mut directories = vec![self.0.path().to_owned()];
        let mut files = Vec::new();
        while let Some(directory) = directories.pop() {
            for entry in std::fs::read_dir(directory).unwrap() {
                let path = entry.unwrap().path();
                if path.is_dir() {
                    directories.push(path);
                } else {
                    files.push(path.strip_prefix(self.0.path()).unwrap().display().to_string());
                }
            }
        }
        files.sort();
        files
    }
}

const ALL: &str = "little big hostile bare";

fn errors(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

fn rows(lines: &str) -> Vec<Object> {
    lines.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

#[test]
fn rows_have_all_columns_in_order_and_no_null_where_none_may_be() {
    let fleet = Fleet::new();
    let text = fleet.text(&format!("{ALL} --format ndjson"));
    let names = COLUMNS.map(|column| format!("\"{}\":", column.name));
    for line in text.lines() {
        let places: Vec<usize> = names.iter().map(|name| line.find(name).unwrap()).collect();
        assert!(places.is_sorted(), "{line}");
    }
    let rows = rows(&text);
    assert_eq!(rows.len(), 3 + 3 + tables::HOSTILE.len() + 2 + 4, "and a torn one in each");
    for row in &rows {
        assert_eq!(row.len(), COLUMNS.len());
        for column in COLUMNS.iter().filter(|column| !column.is_nullable) {
            assert!(!row[column.name].is_null(), "{} of {row:?}", column.name);
        }
    }
    let row = Value::Object(rows[1].clone());
    let expected = serde_json::json!({
        "target": "little", "kind": "table_file", "build_id": "abcdef", "producer": "till 1.2",
        "object": "little", "schema": "fleet.shop", "schema_version": 3, "origin": "run_time",
        "state": "live", "capture": null, "id": u32::MAX - 1, "class": "till", "type": "till_state",
        "name": "entry-1", "instance": u64::MAX - 1, "address": "0xffff800000001000",
        "length": 101, "space": "virtual", "extent": "direct",
        "properties": ["dump", "0x10000000000"],
        "fields": {"owner": -4, "note": "=1+1 \"quoted\"", "marks": ["red", "0x4"]},
        "value": null,
    });
    assert_eq!(row, expected);
    assert_eq!(rows[3]["state"], "torn");
    assert!(rows[3]["address"].is_null() && rows[3]["id"].is_null());
}

/// What the two byte orders say is the same but for the names of the files.
#[test]
fn machines_differ_in_nothing() {
    let fleet = Fleet::new();
    let of = |target: &str| {
        let mut rows = fleet.rows(target);
        rows.iter_mut().for_each(|row| {
            row.remove("target");
            row.remove("object");
        });
        rows
    };
    assert_eq!(of("little"), of("big"));
}

#[test]
fn json_is_the_array_of_the_lines() {
    let fleet = Fleet::new();
    let array: Vec<Object> =
        serde_json::from_str(&fleet.text(&format!("{ALL} --format json"))).unwrap();
    assert_eq!(array, fleet.rows(ALL));
    let none = fleet.text("little --format json --select name:nothing");
    assert_eq!(none, "[]\n");
}

/// What stood in a cell before it was made harmless.
fn restored(cell: &str) -> String {
    let cell = cell.strip_prefix('\'').unwrap_or(cell);
    let mut text = String::new();
    let mut rest = cell.chars();
    while let Some(c) = rest.next() {
        if c != '\\' {
            text.push(c);
            continue;
        }
        match rest.next().unwrap() {
            'n' => text.push('\n'),
            'r' => text.push('\r'),
            't' => text.push('\t'),
            'u' => {
                let digits: String = rest.by_ref().skip(1).take_while(|c| *c != '}').collect();
                text.push(char::from_u32(u32::from_str_radix(&digits, 16).unwrap()).unwrap());
            }
            same => text.push(same),
        }
    }
    text
}

#[test]
fn csv_loses_nothing() {
    let fleet = Fleet::new();
    let text = fleet.text(&format!("{ALL} --format csv"));
    let mut reader = csv::Reader::from_reader(text.as_bytes());
    let headings: Vec<String> = reader.headers().unwrap().iter().map(str::to_owned).collect();
    assert_eq!(headings, COLUMNS.map(|column| column.name));
    let records: Vec<csv::StringRecord> = reader.records().map(Result::unwrap).collect();
    let expected = fleet.rows(ALL);
    assert_eq!(records.len(), expected.len());
    for (record, row) in records.iter().zip(&expected) {
        for (column, cell) in COLUMNS.iter().zip(record) {
            let value = &row[column.name];
            match column.column_type {
                _ if value.is_null() => assert_eq!(cell, "", "{}", column.name),
                ColumnType::Text => assert_eq!(restored(cell), value.as_str().unwrap()),
                ColumnType::Address => assert_eq!(cell, value.as_str().unwrap()),
                ColumnType::Integer | ColumnType::Unsigned => assert_eq!(cell, value.to_string()),
                ColumnType::Texts => {
                    let texts = value.as_array().unwrap().iter().map(|it| it.as_str().unwrap());
                    assert_eq!(restored(cell), texts.collect::<Vec<_>>().join("|"));
                }
                ColumnType::Map | ColumnType::Json => {
                    assert_eq!(serde_json::from_str::<Value>(cell).unwrap(), *value);
                }
            }
        }
    }
}

#[test]
fn names_reach_nobody_unescaped() {
    let fleet = Fleet::new();
    for format in ["json", "ndjson", "csv"] {
        let text = fleet.text(&format!("hostile --format {format}"));
        let bad = |c: char| c.is_control() && c != '\n' || matches!(c, '\u{202a}'..='\u{202e}');
        assert!(!text.contains(bad), "{format}: {text:?}");
        assert!(format == "csv" || !text.contains('<'), "{format}");
    }
    let text = fleet.text("hostile --format csv");
    assert_eq!(text.lines().count(), tables::HOSTILE.len() + 2, "a row is a line");
    let mut reader = csv::Reader::from_reader(text.as_bytes());
    let names = reader.records().map(|record| record.unwrap()[13].to_owned());
    let names: Vec<String> = names.collect();
    assert!(names[0].starts_with("'=cmd"), "{names:?}");
    for name in names {
        assert!(!name.starts_with(['=', '+', '-', '@', '\t', '\r', '\n', '\u{ff1d}']), "{name}");
    }
}

#[test]
fn a_target_that_fails_costs_no_other() {
    let fleet = Fleet::new();
    fleet.write("damaged", &tables::ordinary(Order::Little, 3)[..200]);
    fleet.write("empty", b"");
    let output = fleet.run("little damaged empty missing big --format ndjson -o rows");
    assert_eq!(output.status.code(), Some(1));
    let said = errors(&output);
    for target in ["damaged: ", "empty: ", "missing: "] {
        assert!(said.contains(target), "{said}");
    }
    assert!(said.contains("3 of 5 targets could not be read"), "{said}");
    let found = rows(&std::fs::read_to_string(fleet.path("rows")).unwrap());
    assert_eq!(found, fleet.rows("little big"));
}

#[test]
fn a_file_is_whole_or_not_there() {
    let fleet = Fleet::new();
    let before = fleet.files();
    let output = fleet.run("little --format parquet");
    assert_eq!(output.status.code(), Some(2), "{}", errors(&output));
    let output = fleet.run("little --format ndjson -o no/such/directory");
    assert_eq!(output.status.code(), Some(2), "{}", errors(&output));
    let output = fleet.run("little --format csv --partition -o out");
    assert_eq!(output.status.code(), Some(2), "{}", errors(&output));
    assert_eq!(fleet.files(), before);
    // A full disk leaves what was there before.
    let output = fleet.run("little --format csv -o /dev/full");
    assert_eq!(output.status.code(), Some(2), "{}", errors(&output));
    assert!(errors(&output).contains("cannot be written"), "{}", errors(&output));
    assert!(Path::new("/dev/full").exists());
    fleet.write("rows", b"before");
    fleet.text("little --format csv -o rows");
    assert_eq!(std::fs::read_to_string(fleet.path("rows")).unwrap().lines().count(), 5);
    let mut expected = before;
    expected.push("rows".to_owned());
    expected.sort();
    assert_eq!(fleet.files(), expected);
}

#[test]
fn shards_make_up_the_whole() {
    let fleet = Fleet::new();
    fleet.write("list", b"little\nbig\n\nhostile\nbare\n");
    let key = |row: &Object| serde_json::to_string(row).unwrap();
    let mut whole: Vec<String> = fleet.rows(ALL).iter().map(key).collect();
    let mut parts = Vec::new();
    let mut sizes = Vec::new();
    for index in 1..=3 {
        let part = fleet.rows(&format!("--targets-from list --shard {index}/3"));
        sizes.push(part.len());
        parts.extend(part.iter().map(key));
    }
    whole.sort();
    parts.sort();
    assert_eq!(parts, whole);
    assert!(sizes.iter().filter(|size| **size > 0).count() > 1, "{sizes:?}");
}

#[test]
fn selection_is_that_of_list() {
    let fleet = Fleet::new();
    let rows = fleet.rows("little --select class:till --select prop:dump");
    assert_eq!(rows.len(), 1);
    assert_eq!(rows[0]["name"], "entry-1");
}

#[test]
fn partitions_are_those_of_hive() {
    let fleet = Fleet::new();
    let run = "--format parquet --partition --date 2026-03-31 -o out";
    fleet.text(&format!("little bare {run}"));
    let parts = |fleet: &Fleet| -> Vec<String> {
        fleet.files().into_iter().filter(|name| name.starts_with("out/")).collect()
    };
    let first = parts(&fleet);
    assert_eq!(first.len(), 1, "{first:?}");
    assert!(first[0].starts_with("out/build_id=abcdef/date=2026-03-31/part-"), "{first:?}");
    assert!(first[0].ends_with(".parquet"), "{first:?}");
    let bytes = std::fs::read(fleet.path(&first[0])).unwrap();
    fleet.text(&format!("little bare {run}"));
    assert_eq!(parts(&fleet), first, "the same targets replace their file");
    assert_eq!(std::fs::read(fleet.path(&first[0])).unwrap(), bytes);
    fleet.text(&format!("big {run}"));
    assert_eq!(parts(&fleet).len(), 2, "others add to it");
    let changed = "little --format parquet --partition -o dated";
    let file = std::fs::File::options().write(true).open(fleet.path("little")).unwrap();
    let time = std::time::UNIX_EPOCH + std::time::Duration::from_secs(951_782_400);
    file.set_modified(time).unwrap();
    fleet.text(changed);
    let dated = fleet.files().into_iter().find(|name| name.starts_with("dated/")).unwrap();
    assert!(dated.starts_with("dated/build_id=abcdef/date=2000-02-29/"), "{dated}");
}

/// A build-id may be of any length, and no file system takes names of any length.
#[test]
fn a_build_id_that_is_no_name_costs_no_other_target() {
    let fleet = Fleet::new();
    fleet.write("long", &tables::of_build(150));
    fleet.write("longest", &tables::of_build(123));
    let run = "long little longest --format parquet --partition --date 2026-03-31 -o out";
    let output = fleet.run(run);
    assert!(output.status.success(), "{}", errors(&output));
    let expected = "long: a build-id of 150 bytes is no name of a directory: its rows are in \
                    build_id=__HIVE_DEFAULT_PARTITION__";
    assert_eq!(errors(&output).matches(expected).count(), 1, "{}", errors(&output));
    let files = fleet.files();
    let longest = format!("build_id={}", "ee".repeat(123));
    for directory in ["build_id=abcdef", "build_id=__HIVE_DEFAULT_PARTITION__", &longest] {
        let start = format!("out/{directory}/date=2026-03-31/part-");
        assert!(files.iter().any(|name| name.starts_with(&start)), "{directory}: {files:?}");
    }
}

/// As Parquet and Arrow hold it: numbers as numbers, and fields as a map of texts.
fn as_database(row: &Object) -> Object {
    let mut row = row.clone();
    for column in &COLUMNS {
        let value = row.get_mut(column.name).unwrap();
        if let (ColumnType::Address, Some(text)) = (column.column_type, value.as_str()) {
            *value = u64::from_str_radix(&text[2..], 16).unwrap().into();
        }
        if let (ColumnType::Map, Some(fields)) = (column.column_type, value.as_object_mut()) {
            for field in fields.values_mut().filter(|field| !field.is_string()) {
                *field = Value::String(field.to_string());
            }
        }
    }
    row
}

/// Those who read are strangers. `python3 -m venv target/databases` and
/// `target/databases/bin/pip install pyarrow duckdb datafusion` bring them.
#[test]
fn databases_read_the_same_rows() {
    let manifest = Path::new(env!("CARGO_MANIFEST_DIR"));
    let python = manifest.join("../target/databases/bin/python");
    if !python.exists() {
        let required = std::env::var_os("INSPECT_REQUIRE_TOOLS").is_some_and(|it| it == "1");
        assert!(!required, "target/databases is not there");
        eprintln!("skipped: no pyarrow, duckdb and datafusion in target/databases");
        return;
    }
    let fleet = Fleet::new();
    let expected: Vec<Object> = fleet.rows(ALL).iter().map(as_database).collect();
    fleet.text(&format!("{ALL} --format parquet -o rows.parquet"));
    fleet.text(&format!("{ALL} --format arrow -o rows.arrow"));
    let stream = fleet.run(&format!("{ALL} --format arrow"));
    fleet.write("rows.stream", &stream.stdout);
    let columns = serde_json::to_string(&COLUMNS.map(|column| column.name)).unwrap();
    for reader in ["pyarrow", "duckdb", "datafusion"] {
        for form in ["parquet", "arrow", "stream"] {
            let path = fleet.path(&format!("rows.{form}"));
            let mut command = Command::new(&python);
            command.arg(manifest.join("tests/export/read.py")).arg(reader).arg(path);
            let output = command.args([form, &columns]).output().unwrap();
            assert!(output.status.success(), "{reader}, {form}: {}", errors(&output));
            let found = rows(&String::from_utf8(output.stdout).unwrap());
            assert_eq!(found.len(), expected.len(), "{reader}, {form}");
            for (found, expected) in found.iter().zip(&expected) {
                assert_eq!(found, expected, "{reader}, {form}");
            }
        }
    }
}

/// The page describes the columns that there are: name, type, and whether null may stand there.
#[test]
fn the_page_describes_the_columns() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/export.md");
    let page = std::fs::read_to_string(path).unwrap();
    assert!(page.contains(&format!("`inspect.export` is `{VERSION}`")), "the version");
    let words = BTreeMap::from([
        ("`string`", vec![ColumnType::Text, ColumnType::Json]),
        ("`int64`", vec![ColumnType::Integer]),
        ("`decimal(20, 0)`", vec![ColumnType::Unsigned, ColumnType::Address]),
        ("`list<string>`", vec![ColumnType::Texts]),
        ("`map<string, string>`", vec![ColumnType::Map]),
    ]);
    let table = page.lines().skip_while(|line| !line.starts_with("<!-- columns -->"));
    let lines = table.skip(3).take_while(|line| line.starts_with('|'));
    let described: Vec<Vec<&str>> =
        lines.map(|line| line.split('|').map(str::trim).collect()).collect();
    assert_eq!(described.len(), COLUMNS.len());
    for (cells, column) in described.iter().zip(&COLUMNS) {
        assert_eq!(cells[1], format!("`{}`", column.name));
        assert!(words[cells[2]].contains(&column.column_type), "{cells:?}");
        assert_eq!(cells[3] == "yes", column.is_nullable, "{cells:?}");
    }
}
