//! A table goes to a file, `inspect list` prints its rows: the shortest way through everything.

use std::process::{Command, Output};

use inspect_format::abi::{CoreEntry, Order, core_properties, phase, table_flags};
use inspect_format::hash::class_number;
use inspect_format::schema::{Bits, Class, Entry, List, Schema, encode, encode_list, fingerprint};
use inspect_format::table::TableWriter;

const LIVE: u32 = phase::LIVE;

fn description() -> Vec<u8> {
    let bits = encode_list(&[Bits { last: 0, name: "dump", first: 0 }]);
    let number = class_number("test.thread", "log");
    let class = |key, name, number| Class {
        key,
        name,
        type_id: 0,
        number,
        target: "[char]",
        properties: 1,
    };
    let classes = encode_list(&[class(None, "log", number), class(Some("cpu"), "ring", 7)]);
    encode(&Schema {
        name: "test.thread",
        entry: Entry { name: "entry", size: 64, fields: List::EMPTY },
        enums: List::EMPTY,
        flags: List::EMPTY,
        spaces: List::EMPTY,
        classes: List::new(&classes),
        layouts: List::EMPTY,
        version: 1,
        consumers: List::EMPTY,
        properties: List::new(&bits),
    })
}

fn table(order: Order) -> Vec<u8> {
    let history = [fingerprint("test.thread", 1, &[])];
    let mut writer = TableWriter::new(order, 8, "test.thread", 1, 64, &history).unwrap();
    writer.flags(table_flags::RUN_TIME).schema(description());
    let log = class_number("test.thread", "log");
    let name = writer.string("main\x1b[2J").unwrap();
    let row = CoreEntry {
        state: LIVE,
        class: log,
        name,
        address: 0x1000,
        length: 64,
        properties: 1 | core_properties::VOLATILE,
        ..CoreEntry::ZERO
    };
    let ring = CoreEntry { class: 7, name: 0, instance: 3, properties: 1 << 40, ..row };
    let torn = CoreEntry { state: phase::WRITING, ..row };
    for row in [row, CoreEntry::ZERO, torn, ring] {
        writer.row(&row, &[]).unwrap();
    }
    writer.finish()
}

fn inspect_list(bytes: &[u8]) -> Output {
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("thread.table");
    std::fs::write(&file, bytes).unwrap();
    Command::new(env!("CARGO_BIN_EXE_inspect")).arg("list").arg(&file).output().unwrap()
}

#[test]
fn rows_reach_the_terminal() {
    for order in [Order::Little, Order::Big] {
        let output = inspect_list(&table(order));
        let stdout = String::from_utf8_lossy(&output.stdout).into_owned();
        let (heading, rows) = stdout.split_once('\n').unwrap();
        assert!(heading.starts_with("test.thread version 1 in /"), "{heading}");
        assert!(heading.ends_with("thread.table, run-time: 3 entries"), "{heading}");
        let expected = "  \
  CLASS        NAME           ADDRESS             SIZE  PROPERTIES
  log          main\\u{1b}[2J  0x0000000000001000  64 B  dump|volatile
  torn
  ring[cpu=3]                 0x0000000000001000  64 B  0x10000000000
";
        assert_eq!(String::from_utf8_lossy(&output.stderr), "");
        assert_eq!(rows, expected);
        assert!(output.status.success());
    }
}

#[test]
fn several_tables_follow_one_another() {
    let mut bytes = table(Order::Little);
    bytes.resize(bytes.len() + 24, 0);
    bytes.extend(table(Order::Big));
    let output = inspect_list(&bytes);
    let stdout = String::from_utf8_lossy(&output.stdout).into_owned();
    // A heading, the columns' headings and three rows each, and an empty line between them.
    assert_eq!(stdout.lines().count(), 11, "{stdout}");
}

#[test]
fn what_is_no_table_is_an_error_with_a_place() {
    let mut damaged = table(Order::Little);
    damaged[9] = 3;
    for (bytes, expected) in [
        (&b"not a table, but long enough"[..], "nothing that is known"),
        (&damaged, "at offset 0x9: word size 3 is neither 4 nor 8"),
        (&[], "the file is empty"),
        (&[0; 64], "nothing that is known"),
    ] {
        let output = inspect_list(bytes);
        let message = String::from_utf8_lossy(&output.stderr).into_owned();
        let first = message.lines().next().unwrap();
        assert!(first.ends_with(expected), "{message}");
        assert_eq!(output.status.code(), Some(1));
        assert!(output.stdout.is_empty());
    }
}
